"""The pages of `sleuth view` in a real browser: finished runs, one that is being written, and a hostile one."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("duckdb")
pytest.importorskip("playwright")

from playwright.sync_api import Browser, Page, expect

from sleuth.runs.directory import RunDirectory
from sleuth.view.app import make_app
from tests.browser import browser, serious_findings
from tests.report.made_up_run import SCRIPT
from tests.view.runs import FILE_NAME, finish, hostile, reasoning_rows, several, write_step
from tests.web.servers import get, served

WAIT_MS = 60_000
expect.set_options(timeout=WAIT_MS)
VIEWS = (
    "/",
    "/?tree=1",
    "/run?run=child",
    "/compare?run=demo-0&run=demo-1&run=child",
    "/read?run=reasons&file=rollouts/grpo_000003.parquet&row=0",
    "/read?run=reasons&file=rollouts/grpo_000003.parquet&row=1&tab=group",
    "/read?run=demo-0&file=evaluations/before.parquet&row=7&tab=puzzle",
)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shown")
    several(folder)
    return folder


@pytest.fixture(scope="module")
def url(root: Path) -> Iterator[str]:
    app, viewer = make_app(root)
    with served(app) as address:
        yield address
    viewer.close()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as running:
        yield running


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A page that takes note of what it should not do."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(WAIT_MS)
    opened, wrong = context.new_page(), list[str]()
    opened.on("console", lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None)
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("dialog", lambda dialog: wrong.append("a dialog"))
    opened.on(
        "request",
        lambda asked: wrong.append(asked.url) if not asked.url.startswith(("http://127.0.0.1", "data:")) else None,
    )
    yield opened
    context.close()
    assert wrong == []


def names(page: Page) -> list[str]:
    return page.locator("tbody th a").all_inner_texts()


def wait(page: Page, count: int) -> None:
    expect(page.locator("tbody tr")).to_have_count(count)


def test_list_is_sorted_and_searched_and_its_address_says_so(page: Page, url: str) -> None:
    page.goto(f"{url}/")
    wait(page, 4)
    assert page.get_by_text("1 alarm").count() == 1 and page.get_by_text("finished").count() == 2
    page.get_by_role("link", name="Run", exact=True).click()
    page.wait_for_url("**sort=run**")
    wait(page, 4)
    page.get_by_role("link", name="Run", exact=True).click()
    page.wait_for_url("**order=up**")
    wait(page, 4)
    assert names(page) == ["child", "demo-0", "demo-1", "reasons"]
    page.get_by_label("Search runs").fill("demo")
    wait(page, 2)
    assert "q=demo" in page.url and "sort=run" in page.url
    page.reload()
    wait(page, 2)
    assert names(page) == ["demo-0", "demo-1"]
    page.get_by_label("Compare demo-0").check()
    page.get_by_label("Compare demo-1").check()
    compare = page.get_by_role("link", name="Compare 2 runs")
    drawn = compare.element_handle()
    page.get_by_label("Search runs").fill("demo-")
    page.wait_for_url(lambda address: "q=demo-" in address)
    assert drawn is not None and drawn.evaluate("link => link.isConnected"), "a click on it would be lost"
    compare.click()
    page.wait_for_url("**/compare?run=demo-0&run=demo-1")


def test_forks_stand_below_their_parents(page: Page, url: str) -> None:
    page.goto(f"{url}/?tree=1&sort=run&order=up")
    wait(page, 4)
    assert names(page) == ["demo-0", "child", "demo-1", "reasons"]
    expect(page.locator("th.depth-1")).to_contain_text("fork of step 4: grpo.learning_rate = 1e-05")


def test_a_run_that_is_written_updates_itself(page: Page, url: str, root: Path) -> None:
    run = RunDirectory.open(root / "reasons")
    page.goto(f"{url}/?q=reasons")
    expect(page.locator("tbody")).to_contain_text("3 / 3")
    page.evaluate("window.same = true")
    write_step(run, 4)
    expect(page.locator("tbody")).to_contain_text("4 / 3")
    page.goto(f"{url}/read?run=reasons")
    expect(page.get_by_text("32 completions")).to_be_visible()
    with run.held():
        page.reload()
        expect(page.get_by_text("32 completions")).to_be_visible()
        page.evaluate("window.same = true")
        run.write_rollouts("grpo", 4, reasoning_rows(4)[:3])
        expect(page.get_by_text("27 completions")).to_be_visible()
        assert page.evaluate("window.same")
    write_step(run, 4)


def test_the_list_updates_around_what_has_the_focus(page: Page, url: str, root: Path) -> None:
    """A run that is written moves to the top; the row in focus stays, with its tick and the focus."""
    run = RunDirectory.open(root / "reasons")
    page.goto(f"{url}/?sort=changed")
    wait(page, 4)
    tick = page.get_by_label("Compare demo-0")
    tick.check()
    page.evaluate("window.row = document.activeElement.closest('tr')")
    for step in (4, 5):
        write_step(run, step)
        expect(page.locator("tbody")).to_contain_text(f"{step} / 3")
        assert names(page)[0] == "reasons"
        assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Compare demo-0"
        assert page.evaluate("window.row.isConnected && window.row.contains(document.activeElement)")
        expect(tick).to_be_checked()
        os.utime(root / "child" / "metrics.jsonl")  # now this one was changed last
        expect(page.locator("tbody tr").first).to_contain_text("child")
    link = page.get_by_role("link", name="Run", exact=True)
    link.click()
    page.wait_for_url("**sort=run**")
    expect(page.get_by_role("columnheader", name="Run")).to_have_attribute("aria-sort", "descending")
    assert page.evaluate("document.activeElement.textContent").startswith("Run")
    assert names(page) == ["reasons", "demo-1", "demo-0", "child"]
    (root / "reasons" / "rollouts" / "grpo_000005.parquet").unlink()


def test_a_run_with_its_curves_alarms_and_recipe(page: Page, url: str) -> None:
    page.goto(f"{url}/run?run=child")
    picture = page.get_by_role("img", name=re.compile("^Puzzles solved"))
    expect(picture.first).to_be_visible()
    expect(page.get_by_text("entropy 0.1, at first 0.4")).to_be_visible()
    assert page.locator("code", has_text="grpo.learning_rate").count() == 1
    box = picture.first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.95, box["y"] + box["height"] / 2)
    expect(page.locator(".values b").filter(has_text="5")).to_have_count(1)
    page.get_by_role("combobox", name="Axis").select_option("hours")
    page.wait_for_url("**axis=hours**")
    expect(page.get_by_role("img", name=re.compile("^Puzzles solved")).first).to_be_visible()
    with page.expect_download() as download:
        page.locator("figure").filter(has_text="Puzzles solved").first.get_by_role("link", name="PNG").click()
    assert download.value.path().read_bytes().startswith(b"\x89PNG")


def test_runs_beside_one_another(page: Page, url: str) -> None:
    page.goto(f"{url}/compare?run=demo-0&run=demo-1&run=child")
    expect(page.locator("figure .key").first).to_contain_text("demo (2 seeds)")
    assert page.locator(".picture svg .mark-area").count() >= 1
    row = page.locator("tr", has=page.get_by_text("grpo.learning_rate"))
    assert row.locator("td").all_inner_texts()[-1] == "1e-05"
    page.get_by_label("First").select_option("demo-0\nbefore")
    page.get_by_label("Second").select_option("demo-1\nafter-grpo")
    expect(page.get_by_text("200 puzzles", exact=True)).to_be_visible()
    assert "pair=demo-0" in page.url and "with=demo-1" in page.url
    page.get_by_role("combobox", name="Seeds").select_option("each")
    expect(page.locator("figure .key").first).to_contain_text("demo-1")


def test_the_reading_room(page: Page, url: str, root: Path) -> None:
    steps = len(RunDirectory.open(root / "reasons").rollout_steps())  # of 8 completions each, 2 with another script
    page.goto(f"{url}/read?run=reasons")
    expect(page.get_by_text(f"{8 * steps} completions")).to_be_visible()
    page.get_by_label("Has").select_option("script")
    expect(page.get_by_text(f"{2 * steps} completions", exact=True)).to_be_visible()
    page.get_by_label("Text").fill("ВИНОВНА")
    page.wait_for_url("**text=**")
    expect(page.get_by_text(f"{2 * steps} completions", exact=True)).to_be_visible()
    page.keyboard.press("Tab")
    page.locator("body").click(position={"x": 5, "y": 5})
    page.keyboard.press("n")
    expect(page.locator(".rows .chosen")).to_have_count(1)
    first = page.url
    page.keyboard.press("n")
    page.wait_for_url(lambda address: address != first)
    page.keyboard.press("p")
    page.wait_for_url(first)
    expect(page.locator(".detail .text").first).to_contain_text("Ада виновна")
    assert page.locator(".detail .script").all_inner_texts() == ["因此", "Ада", "виновна"]
    derived = page.locator(".detail [role=button].mark.derived").last
    derived.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".why")).to_contain_text("It follows from")
    repeated = page.locator(".detail [role=button].mark.repeated").first
    repeated.click()
    expect(page.locator(".why")).to_contain_text("It is clue")
    expect(page.locator(".page .cited")).to_have_count(1)
    assert page.locator(".page .cited").inner_text().endswith(repeated.inner_text() + ".")
    assert page.locator("table.answers td.right").count() >= 1
    page.get_by_label("Colour by").select_option("logprob")
    expect(page.locator(".text .token").first).to_have_attribute("title", re.compile("log-probability -0.250"))
    page.get_by_label("Colour by").select_option("ratio")
    expect(page.get_by_text("No ratio of this completion is known to differ from 1")).to_be_visible()
    page.goto(f"{url}/read?run=reasons&file=rollouts/grpo_000003.parquet&row=0&shade=ratio")
    expect(page.locator(".text .token.down-3")).to_have_attribute("title", "ratio 0.700")
    expect(page.locator(".text .token.up-1")).to_have_attribute("title", "ratio 1.020")
    expect(page.get_by_text("0.700 to 1.020; 2 of 30 tokens differ from 1")).to_be_visible()
    page.get_by_role("tab", name="Its group").click()
    expect(page.locator(".group article")).to_have_count(4)
    page.get_by_role("tab", name="Through the training").click()
    expect(page.locator(".sides article")).to_have_count(2)
    shown = page.url
    page.reload()
    expect(page.locator(".sides article")).to_have_count(2)
    assert page.url == shown


def test_a_puzzle_before_and_after(page: Page, url: str) -> None:
    page.goto(f"{url}/read?run=demo-0&file=evaluations/before.parquet&row=7&tab=puzzle")
    expect(page.locator(".sides article")).to_have_count(2)
    heads = page.locator(".sides h3").all_inner_texts()
    assert heads[0].startswith("before #0") or heads[0].startswith("guessing #0")
    assert page.locator("ins").count() + page.locator("del").count() >= 1


def test_nothing_hostile_runs(page: Page, tmp_path: Path) -> None:
    name = hostile(tmp_path)
    finish(RunDirectory.open(tmp_path / name))
    app, viewer = make_app(tmp_path)
    with served(app) as address:
        page.goto(f"{address}/")
        wait(page, 1)
        assert names(page) == [name]
        page.locator("tbody th a").click()
        expect(page.get_by_text("The log is long")).to_be_visible()
        expect(page.locator(".alarms")).to_contain_text(SCRIPT[:20])
        expect(page.get_by_role("rowheader", name=FILE_NAME)).to_be_visible()
        page.get_by_role("link", name="Read what it wrote").click()
        expect(page.get_by_text("3 files could not be read and are left out")).to_be_visible()
        for row, shown in (
            (0, "more characters are in the run's files"),
            (1, "␛]0;owned␇␛[31mred␛[2J"),
            (3, "{{ config.name }}"),
        ):
            page.goto(
                f"{address}/read?"
                + page.url.split("?")[1].split("&")[0]
                + f"&file=evaluations/before.parquet&row={row}"
            )
            expect(page.locator(".detail")).to_contain_text(shown)
        assert page.evaluate("document.querySelectorAll('#app script, #app img, #app iframe, #app style').length") == 0
        assert page.title() not in ("NAME-RAN", "FILE-RAN") and page.evaluate("document.body.id") == ""
        for path in (
            "/api/run?run=../..",
            "/api/completion?run=x&file=../../etc/passwd&row=0",
            "/api/completions?run=a&sort=x",
        ):
            status, headers, body = get(address + path)
            assert status == 400 and "error" in body and "script-src 'self'" in headers["content-security-policy"]
    viewer.close()


@pytest.mark.parametrize("path", VIEWS)
def test_phones_and_helpers_of_the_blind(chromium: Browser, url: str, path: str) -> None:
    """No view is wider than a phone, and axe finds nothing serious in the light or in the dark."""
    for scheme, width in (("light", 1280), ("dark", 360)):
        context = chromium.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)  # type: ignore[arg-type]
        page = context.new_page()
        page.goto(url + path)
        page.wait_for_load_state("networkidle")
        page.wait_for_timeout(300)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert serious_findings(page) == []
        context.close()
