"""What keeps other web pages out of a site on loopback, and files outside its folder in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

pytest.importorskip("starlette")

from sleuth.web.site import POLICY, make_site
from tests.web.servers import get, served


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with served(make_site("view", ["/"], [])) as address:
        yield address


def test_page_and_files_come_with_a_strict_policy(url: str) -> None:
    for path, kind in (("/", "text/html"), ("/static/main.js", "javascript"), ("/static/main.css", "text/css")):
        status, headers, _ = get(url + path)
        assert status == 200 and kind in headers["content-type"]
        assert headers["content-security-policy"] == POLICY
        assert headers["x-content-type-options"] == "nosniff"
    assert "unsafe" not in POLICY and "default-src 'none'" in POLICY


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:80"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "no-cors"},
        {"Sec_Fetch_Site": "same-site", "Sec_Fetch_Mode": "cors"},
    ],
)
def test_other_pages_are_refused(url: str, headers: dict[str, str]) -> None:
    status, answered, body = get(url + "/static/main.js", **headers)
    assert status in (400, 403) and "import" not in body
    assert "access-control-allow-origin" not in answered


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec_Fetch_Site": "same-origin", "Sec_Fetch_Mode": "cors"},
        {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate"},
    ],
)
def test_its_own_page_and_links_to_it_are_not(url: str, headers: dict[str, str]) -> None:
    assert get(f"{url}/", **headers)[0] == 200
    assert get(f"{url}/", Origin=url, **headers)[0] == 200


@pytest.mark.parametrize(
    "path",
    [
        "/static/../site.py",
        "/static/%2e%2e/%2e%2e/site.py",
        "/static/..%2fsite.py",
        "/static//etc/passwd",
        "/etc/passwd",
    ],
)
def test_nothing_else_is_served(url: str, path: str) -> None:
    status, _, body = get(url + path)
    assert status == 404 and "root:" not in body and "import" not in body


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_nothing_can_be_written(url: str, method: str) -> None:
    assert get(f"{url}/", method)[0] == 405
