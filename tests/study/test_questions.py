"""The page of the readers' questions: every figure stands in the page that its row cites, and no study is forgotten."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.study.test_study import ASKED

ROOT = Path(__file__).parent.parent.parent
RESULTS = ROOT / "docs" / "results"
FIGURE = re.compile(r"[-+]?\d[\d,.]*(?: %| points)? \[[^\]]+\]|[-+]?\d[\d,.]* (?:%|points|tokens|to \d[\d.]*)")
"""A number with its unit or interval."""


def rows() -> list[list[str]]:
    text = (RESULTS / "questions.md").read_text(encoding="utf-8")
    return [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if re.match(r"\| \d", line)
    ]


def plain(text: str) -> str:
    """Without what a number may be written with."""
    return re.sub(r"[ %*]|points|tokens", "", text)


def not_there(figure: str, cited: list[str]) -> list[str]:
    """Figures of a cell that stand in none of the cited pages."""
    pages = [plain((RESULTS / page).read_text(encoding="utf-8")) for page in cited]
    told = re.sub(r"\]\([^)]*\)", "]", figure)
    numbers = [part for found in FIGURE.findall(told) for part in plain(found).split("to")]
    return [
        number
        for number in numbers
        if not any(re.search(rf"(?<![\d.]){re.escape(number)}(?!\d)", page) for page in pages)
    ]


def test_a_row_for_every_question() -> None:
    assert {int(row[0]): row[5].split("`")[1] for row in rows()} == ASKED
    commands = (RESULTS / "questions.md").read_text(encoding="utf-8")
    assert all(f"sleuth study recipes/studies/{name}.toml" in commands for name in ASKED.values())


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0])
def test_every_figure_stands_in_a_page_that_the_row_cites(row: list[str]) -> None:
    cited = [page for cell in row for page in re.findall(r"\]\(([\w-]+\.md)\)", cell)]
    assert all((RESULTS / picture).exists() for cell in row for picture in re.findall(r"\]\(([\w-]+\.svg)\)", cell))
    assert not FIGURE.findall(row[2]), "figures stand in their own column"
    assert not not_there(row[3], cited)
    if re.search(r"\d", row[3]):
        other = re.sub(r"\d", lambda digit: str(9 - int(digit[0])), re.sub(r"\(.*?\)", "", row[3]))
        assert FIGURE.findall(row[3]) and not_there(other, cited), "other figures are told apart"
    study = row[5].split("`")[1]
    measured = (RESULTS / f"{study}.md").exists()
    assert measured == (not row[2].startswith("Not measured yet")), study
    assert not measured or f"{study}.md" in cited


def test_hours_are_those_of_the_newest_estimate() -> None:
    estimate = (ROOT / "benchmarks" / "results" / "questions.md").read_text(encoding="utf-8").rpartition("\n## ")[2]
    hours = {cells[1].strip(): cells[5].strip() for line in estimate.splitlines() if len(cells := line.split("|")) == 7}
    for row in rows():
        name = row[5].split("`")[1]
        assert row[5].endswith(f"about {hours[name]} hours"), name
