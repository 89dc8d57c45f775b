"""Case files to print: what is on the page and where, and a real PDF."""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest

from sleuth.errors import UserError
from sleuth.play import pdf
from sleuth.play.book import STYLE, book
from sleuth.play.catalog import case_of
from sleuth.play.commands import make_book
from sleuth.puzzles.puzzle import Puzzle
from tests.browser import DESKTOP, PHONE, browser, opened, serious_findings

HOSTILE = "<script src=x>alert</script>\u202e"


class Page(HTMLParser):
    """The texts and elements of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.tags: list[str] = []
        self.pictures: list[tuple[str, str]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "img":
            given = dict(attrs)
            self.pictures.append((given["alt"] or "", given["src"] or ""))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.fixture(scope="module")
def puzzles() -> list[Puzzle]:
    return [case_of("temporal-clue", "1", 3), case_of("zebra", "1", 3)]


def test_a_book_has_cases_then_answers(puzzles: list[Puzzle]) -> None:
    html = book(puzzles, "Two cases")
    before, _, after = html.partition("<h2>Answers</h2>")
    for number, puzzle in enumerate(puzzles, start=1):
        for clue in puzzle.clues:
            assert before.count(f"<li>{clue}</li>") == 1 and clue not in after
        told = "; ".join(f"{letter}. {answer}" for letter, answer in puzzle.answers.items())
        assert told in after and told not in before
        assert f"Case {number}: " in before and f"Case {number}: " in after
    assert "★" not in before
    page = Page(html)
    assert len(page.pictures) == 4 and "script" not in page.tags
    drawn = [base64.b64decode(source.partition("base64,")[2]).decode() for _, source in page.pictures]
    assert ["★" in svg for svg in drawn[::2]] == [False, True] and all(alt for alt, _ in page.pictures)


def test_a_notebook_has_a_cell_for_every_value(puzzles: list[Puzzle]) -> None:
    notebook = book(puzzles[1:], "Zebra").partition("<h3>Notebook</h3>")[2].partition("</section>")[0]
    sizes = puzzles[1].meta
    assert notebook.count("<table>") == sizes["attributes"]
    assert notebook.count("<td></td>") == sizes["attributes"] * sizes["houses"] ** 2


def test_names_of_others_do_nothing(puzzles: list[Puzzle]) -> None:
    puzzle = puzzles[0]
    victim = re.search(r"Victim: (.*)", puzzle.prompt)
    assert victim is not None
    prompt = re.sub(rf"\b{re.escape(victim[1])}\b", lambda _: HOSTILE, puzzle.prompt)
    html = book([puzzle.model_copy(update={"prompt": prompt})], HOSTILE)
    page = Page(html)
    assert "script" not in page.tags and "\u202e" not in html
    assert any("<script src=x>alert</script>⟨U+202E⟩" in text for text in page.texts)


def test_the_policy_allows_the_style_and_nothing_else(puzzles: list[Puzzle]) -> None:
    html = book(puzzles[:1], "One")
    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html)
    assert style is not None and policy is not None and style[1] == STYLE
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert policy[1] == f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:"


def test_a_book_fits_a_phone_and_axe_finds_nothing_serious(puzzles: list[Puzzle], tmp_path: Path) -> None:
    file = tmp_path / "book.html"
    file.write_text(book(puzzles, "Two cases"))
    with browser() as running:
        for size, scheme in ((DESKTOP, "light"), (PHONE, "dark")):
            with opened(running, file.as_uri(), size, color_scheme=scheme) as page:
                assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
                assert serious_findings(page) == []


def test_a_pdf_is_printed(tmp_path: Path) -> None:
    if shutil.which("chromium") is None:
        pytest.skip("NOT PRINTED: chromium is not installed")
    make_book("zebra", "1", 2, 5, tmp_path / "book.pdf")
    printed = (tmp_path / "book.pdf").read_bytes()
    assert printed.startswith(b"%PDF-") and printed.rstrip().endswith(b"%%EOF")
    pages = len(re.findall(rb"/Type\s*/Page\b", printed))
    assert pages == 4, "a title, a page for each small case, the answers"


def test_bad_output_costs_no_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"\.html or \.pdf"):
        make_book("zebra", "1", 2, 5, tmp_path / "book.txt")
    monkeypatch.setattr(pdf, "BROWSERS", ("no-such-browser",))
    with pytest.raises(UserError, match="no Chromium"):
        make_book("zebra", "1", 10**9, 5, tmp_path / "book.pdf")
    false = shutil.which("false")
    assert false is not None
    with pytest.raises(UserError, match="did not print"):
        pdf.printed("<p>", false)
    assert list(tmp_path.iterdir()) == []
