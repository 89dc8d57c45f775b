"""Puzzles told again: the same statements and answers, in other words and under other names."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from sleuth.datasets.audit import audit
from sleuth.errors import UserError
from sleuth.grading.grade import grade
from sleuth.puzzles.canonical import digest
from sleuth.puzzles.explain import rated
from sleuth.puzzles.generate import make_puzzle
from sleuth.puzzles.gold import gold_completion
from sleuth.puzzles.herrings import with_herrings
from sleuth.puzzles.puzzle import IMPORTED
from sleuth.puzzles.registry import get_family
from sleuth.puzzles.retell import retold
from sleuth.puzzles.task import MIXED, Made
from sleuth.puzzles.temporal_clue.original.dataset import import_original
from tests.puzzles.test_import import ORIGINALS

SOURCES = [("temporal-clue", "1"), ("temporal-clue", "3"), ("temporal-clue", "reference"), ("zebra", "2")]


def made(family: str, level: str, index: int = 0, style: str = "plain") -> Made:
    return make_puzzle(family, level, "train", 4, index, style)


@pytest.mark.parametrize("names", [None, 0, 7])
@pytest.mark.parametrize(("name", "level"), SOURCES)
def test_a_twin_says_the_same(name: str, level: str, names: int | None) -> None:
    family, one = get_family(name), made(name, level)
    puzzle, page = one.puzzle, family.read_page(one.puzzle.prompt)
    for style in family.styles:
        twin = retold(puzzle, style, names)
        other = family.read_page(twin.prompt)
        assert (other.clues, other.questions) == (page.clues, page.questions)
        assert digest(family.canonical_form(other.case, other.clues)) == one.digest
        assert other.clue_texts == twin.clues
        assert twin.meta["style"] == style and twin.meta["kinds"] == puzzle.meta["kinds"]
        assert (twin.id, twin.level, twin.split) == (puzzle.id, puzzle.level, puzzle.split)
        for before, after in zip(puzzle.questions, twin.questions, strict=True):
            place = before.choices.index(puzzle.answers[before.letter])
            assert after.choices.index(twin.answers[after.letter]) == place
        if names is None:
            assert twin.answers == puzzle.answers
        assert retold(puzzle, style, names) == twin, "the same each time"
    assert audit(retold(puzzle, None, names), minimal=level in ("1", "2")).problems == ()


@pytest.mark.parametrize(("name", "level"), [("temporal-clue", "2"), ("zebra", "1")])
def test_a_twin_is_as_hard(name: str, level: str) -> None:
    puzzle = made(name, level).puzzle
    for style in get_family(name).styles:
        twin = retold(rated(puzzle), style, 3)
        assert twin == rated(retold(puzzle, style, 3)) and "difficulty" not in retold(puzzle, style, 3).meta


def test_what_is_not_named_stays() -> None:
    puzzle = made("temporal-clue", "2", 1, "witness").puzzle
    assert retold(puzzle, names=1).meta["style"] == "witness"
    assert retold(puzzle).clues == puzzle.clues
    assert retold(puzzle, names=1).answers != puzzle.answers
    assert retold(puzzle, names=1).prompt != retold(puzzle, names=2).prompt
    pool = make_puzzle("temporal-clue", "1", "train", 0, 0, "terse", names="pool").puzzle
    assert pool.meta["names"] == "pool" == retold(pool, "plain").meta["names"]
    assert "names" not in retold(pool, names=1).meta


def test_mixed_is_another_style_for_every_puzzle() -> None:
    styles = {retold(made("zebra", "1", index).puzzle, MIXED).meta["style"] for index in range(20)}
    assert styles == set(get_family("zebra").mixed)


def test_by_hand() -> None:
    prompt = """\
Victim: Rex
Suspects: Ada, Ben
Weapons: Rope, Oar
Map: Hall / Bar
Clues:
Either Ada was in the Hall or Ben was in the Bar, but not both.
Questions:
A. Murderer?"""
    puzzle = made("temporal-clue", "1").puzzle
    puzzle = puzzle.model_copy(update={"prompt": prompt, "answers": {"A": "Ben"}})
    original = retold(puzzle, "original")
    assert original.clues == ("Ada was in the Hall or Ben was in the Bar",)
    assert original.prompt.startswith("These people have been identified as suspects:\n\n• Ada\n• Ben\n")
    assert original.questions[0].text == "Who murdered Rex?" and original.answers == {"A": "Ben"}
    assert retold(original, "terse").clues == ("Either Ada was in the Hall or Ben was in the Bar, but not both.",)


@pytest.mark.parametrize(
    ("change", "style", "said"),
    [
        ({}, "witnes", "did you mean 'witness'"),
        ({"meta": {}}, None, "no style"),
        ({"answers": {"A": "nobody"}}, "plain", "the answer to question A is none of its choices"),
        ({"answers": {}}, "plain", "the answer to question A is none of its choices"),
        ({"prompt": "Victim: Rex"}, "plain", "no line labelled"),
    ],
)
def test_what_cannot_be_told_again_is_refused(change: dict[str, object], style: str | None, said: str) -> None:
    puzzle = made("temporal-clue", "1").puzzle.model_copy(update=change)
    with pytest.raises(UserError, match=re.escape(said)) as refusal:
        retold(puzzle, style)
    assert "\n" not in str(refusal.value)


def test_a_case_for_which_no_theme_has_names_is_refused() -> None:
    crowd = ", ".join(f"Guest {number}" for number in range(40))
    prompt = f"Victim: Rex\nSuspects: {crowd}\nWeapons: Rope\nMap: Hall\nClues:\nQuestions:\nA. Murderer?"
    puzzle = made("temporal-clue", "1").puzzle.model_copy(update={"prompt": prompt, "answers": {"A": "Guest 3"}})
    assert retold(puzzle, "plain").answers == {"A": "Guest 3"}
    with pytest.raises(UserError, match="not enough names"):
        retold(puzzle, "plain", 1)


@pytest.mark.skipif(not ORIGINALS, reason="SLEUTH_DATA is not set: the original 64 puzzles were NOT told again")
@pytest.mark.parametrize("number", range(0, 64, 4))
def test_an_original_puzzle_is_told_in_every_style(number: int, tmp_path: Path) -> None:
    family = get_family("temporal-clue")
    (tmp_path / "one.json").write_text(json.dumps([ORIGINALS[number]]))
    [puzzle] = import_original(tmp_path / "one.json")
    page = family.read_page(puzzle.prompt)
    for style in family.styles:
        for names in (None, 3):
            twin = retold(puzzle, style, names)
            assert family.read_page(twin.prompt).clues == page.clues
            assert names is not None or (
                twin.answers == puzzle.answers
                and gold_completion(twin, "program") == gold_completion(puzzle, "program")
            )
    assert retold(puzzle).clues == puzzle.clues, "words and all"
    assert grade(twin, gold_completion(twin, "program"), "program").correct


def test_what_was_imported_stays_so() -> None:
    puzzle = made("temporal-clue", "1").puzzle
    foreign = puzzle.model_copy(update={"meta": {**puzzle.meta, IMPORTED: "a set"}})
    assert retold(foreign, names=1).meta[IMPORTED] == "a set" and IMPORTED not in retold(puzzle, names=1).meta
    told = make_puzzle("temporal-clue", "2", "train", 0, 0).puzzle
    foreign = told.model_copy(update={"meta": {**told.meta, IMPORTED: "a set"}})
    assert with_herrings(foreign, 0.2).meta[IMPORTED] == "a set"
