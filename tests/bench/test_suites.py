"""Frozen suites and files as suites; red herrings."""

from __future__ import annotations

from pathlib import Path

import pytest

from sleuth.bench.suites import PLANS, TWINS, Cell, Plan, load_suite, make_items
from sleuth.datasets.audit import audit
from sleuth.datasets.files import write_puzzles
from sleuth.datasets.make import PuzzleSpec
from sleuth.errors import UserError
from sleuth.logic.cnf import WorldSolver
from sleuth.logic.formulas import Not
from sleuth.puzzles.herrings import HERRINGS, MOST_HERRINGS, NoHerringError, with_herrings
from sleuth.puzzles.puzzle import Puzzle
from sleuth.puzzles.registry import get_family
from sleuth.puzzles.retell import right_choices
from tests.bench import golden

PLAN = PLANS["sleuth-bench@1"]
LEVELS = [("knights-and-knaves", "1"), ("round-table", "2"), ("temporal-clue", "2"), ("zebra", "1"), ("zebra", "2")]


def puzzle_of(family: str, level: str, index: int = 0) -> Puzzle:
    return PuzzleSpec(family, level, "test", 5, 1).make(index).puzzle


CHEAP = [(plan, cell) for plan, cell in golden.all_cells() if cell.small >= 8]
"""Levels whose puzzles take less than a second each; `python -m tests.bench.golden` checks the others, too."""


@pytest.mark.parametrize(
    ("plan", "cell"), CHEAP, ids=lambda one: f"{one.family}/{one.level}" if isinstance(one, Cell) else ""
)
def test_a_frozen_suite_never_changes(plan: Plan, cell: Cell) -> None:
    """To the byte, twins and all."""
    assert golden.digest(plan, cell, "small") == golden.stored()[golden.name_of(plan, cell, "small")]


@pytest.mark.parametrize("family", ["temporal-clue@1", "zebra@1"])
def test_the_full_size_never_changes(family: str) -> None:
    """Of the levels that take two seconds; `python -m tests.bench.golden --size full` checks all."""
    [(plan, cell)] = [(plan, cell) for plan, cell in CHEAP if (cell.family, cell.level) == (family, "1")]
    assert golden.digest(plan, cell, "full") == golden.stored()[golden.name_of(plan, cell, "full")]


def test_levels_of_a_suite_are_a_suite_with_a_hash_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    cells = tuple(Cell(family, level, 2, 2) for family in ("zebra@1", "knights-and-knaves@1") for level in "12")
    monkeypatch.setitem(PLANS, "some@1", Plan("some@1", 3, "plain", ("terse",), cells))
    whole, part = load_suite("some@1", workers=1), load_suite("some@1", workers=1, levels=["2", "2"])
    assert part.items == tuple(item for item in whole.items if item.puzzle.level == "2") and part.items
    assert part.hash != whole.hash and (whole.levels, part.levels) == ((), ("2",))
    assert load_suite("some@1", workers=1, levels=["2", "1"]).hash == whole.hash
    assert [suite.facts.title for suite in (whole, part)] == ["some@1 small", "some@1 small, level 2 alone"]
    with pytest.raises(UserError, match="some@1 has no level '3'; it has 1, 2"):
        load_suite("some@1", levels=["1", "3"])
    with pytest.raises(UserError, match="--level is for frozen suites"):
        load_suite("some.jsonl", levels=["1"])


def test_every_level_has_a_digest() -> None:
    names = {golden.name_of(plan, cell, size) for plan, cell in golden.all_cells() for size in golden.SIZES}
    assert set(golden.stored()) == names


def test_a_puzzle_that_no_herring_is_found_for_has_no_such_twin(monkeypatch: pytest.MonkeyPatch) -> None:
    """One of level 3 in the full size: the first draw of its key is the one that the suite has."""
    with pytest.raises(NoHerringError):
        with_herrings(PuzzleSpec("temporal-clue@1", "3", "test", PLAN.seed, 160).make(34).puzzle)

    def none(puzzle: Puzzle) -> Puzzle:
        raise NoHerringError(puzzle.id)

    monkeypatch.setattr("sleuth.bench.suites.with_herrings", none)
    items = list(make_items(PLAN, [Cell("zebra@1", "1", 4, 4)], "small", 1))
    assert [item.variant for item in items] == ["base", "names", "base", "words", "base", "base"]


def test_twins_are_of_a_quarter_each() -> None:
    items = list(make_items(PLAN, [Cell("zebra@1", "1", 8, 8)], "small", 1))
    assert [item.variant for item in items] == ["base", "names", "base", "words", "base", "herrings", "base"] * 2
    base = {item.puzzle.id: item.puzzle for item in items if item.variant == "base"}
    assert len(base) == 8 and len(items) == 8 + 2 * len(TWINS)
    for item in items:
        assert item.puzzle.split == "test"
        if item.variant != "base":
            one = base[item.of]
            assert item.puzzle.id == f"{item.of}+{item.variant}"
            assert item.puzzle.prompt != one.prompt
            assert (item.puzzle.answers == one.answers) == (item.variant != "names")


def test_small_begins_full() -> None:
    cell = Cell("zebra@1", "1", 4, 8)
    small = list(make_items(PLAN, [cell], "small", 1))
    assert small == list(make_items(PLAN, [cell], "full", 1))[: len(small)]
    assert small == list(make_items(PLAN, [cell], "small", 2)), "any number of workers"


@pytest.mark.parametrize(("family", "level"), LEVELS)
def test_red_herrings_are_true_new_and_tell_no_answer(family: str, level: str) -> None:
    for index in range(2):
        puzzle = puzzle_of(family, level, index)
        told = with_herrings(puzzle)
        added = told.meta[HERRINGS]
        assert 1 <= added == len(told.clues) - len(puzzle.clues) <= MOST_HERRINGS
        assert audit(told).problems == () and audit(told, minimal=True).problems != ()
        assert told.answers == puzzle.answers and told.questions == puzzle.questions
        assert [clue for clue in told.clues if clue in puzzle.clues] == list(puzzle.clues), "in their order"
        logic = get_family(family)
        page = logic.read_page(told.prompt)
        theory = logic.theory(page.case)
        right = right_choices(logic, told, page)
        for clue, text in zip(page.clues, page.clue_texts, strict=True):
            if text not in puzzle.clues:
                for question, choice in zip(page.questions, right, strict=True):
                    cnf = theory.cnf.copy()
                    cnf.add(theory.formula(clue))
                    cnf.add(Not(theory.formula(question.fill(choice))))
                    with WorldSolver(cnf) as solver:
                        assert solver.solve() is not None, f"{text} decides {question}"
        assert with_herrings(puzzle) == told, "the same each time"


def test_a_page_with_several_worlds_gets_no_herrings() -> None:
    puzzle = puzzle_of("zebra", "1")
    cut = puzzle.model_copy(update={"prompt": puzzle.prompt.replace(f"{len(puzzle.clues)}. {puzzle.clues[-1]}\n", "")})
    with pytest.raises(UserError, match="several worlds"):
        with_herrings(cut)


def test_a_file_is_a_suite(tmp_path: Path) -> None:
    puzzles = [puzzle_of("zebra", "1", index) for index in range(3)]
    write_puzzles(tmp_path / "some.jsonl", puzzles)
    suite = load_suite(str(tmp_path / "some.jsonl"))
    assert suite.id == "some.jsonl" and [item.puzzle for item in suite.items] == puzzles
    write_puzzles(tmp_path / "fewer.jsonl", puzzles[:2])
    assert load_suite(str(tmp_path / "fewer.jsonl")).hash != suite.hash
    with pytest.raises(UserError, match="one size"):
        load_suite(str(tmp_path / "some.jsonl"), "full")
    with pytest.raises(UserError, match="did you mean 'sleuth-bench@1'"):
        load_suite("sleuth-bench@2")
