"""A real browser for tests: Debian's Chromium, driven by Playwright's Python package."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

DESKTOP, PHONE = (1280, 900), (390, 844)
WHY = "NOT CHECKED IN A BROWSER: "


@contextmanager
def browser() -> Iterator[Any]:
    """A browser, or a skipped test where there is none."""
    api = pytest.importorskip("playwright.sync_api", reason=f"{WHY}playwright is not installed")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip(f"{WHY}chromium is not installed")
    with api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield running
        running.close()


@contextmanager
def opened(running: Any, url: str, size: tuple[int, int] = DESKTOP, **options: Any) -> Iterator[Any]:
    """A page in a context of its own. Fails where a script fails, a policy is violated, or something is loaded from
    elsewhere."""
    context = running.new_context(viewport={"width": size[0], "height": size[1]}, has_touch=size == PHONE, **options)
    page = context.new_page()
    troubles: list[str] = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("console", lambda said: troubles.append(said.text) if said.type in ("error", "warning") else None)
    origin = url.partition("#")[0].rpartition("/")[0] + "/"
    page.on("request", lambda one: None if one.url.startswith((origin, "data:")) else troubles.append(one.url))
    page.goto(url)
    yield page
    context.close()
    assert not troubles, troubles


def serious_findings(page: Any) -> list[str]:
    """What axe finds that is serious or critical."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason=f"{WHY}axe is not installed")
    found = axe.Axe().run(page).response["violations"]
    return [
        f"{one['id']}: {node['html'][:160]}"
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]
