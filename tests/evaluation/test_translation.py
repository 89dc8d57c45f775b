"""Clue by clue: what a program told, and what became of the rest."""

from __future__ import annotations

from sleuth.evaluation.translation import Fault, told
from sleuth.puzzles.generate import make_puzzle
from sleuth.puzzles.gold import gold_completion

PUZZLE = make_puzzle("temporal-clue", "2", "val", 3, 3, "original").puzzle
LINES = gold_completion(PUZZLE, "program").splitlines()


def faults(lines: list[str]) -> list[Fault | None]:
    return [one.fault for one in told(PUZZLE, "\n".join(lines))]


def test_a_whole_translation_tells_every_clue() -> None:
    found = told(PUZZLE, "\n".join(LINES))
    assert [one.line for one in found] == LINES
    assert [one.clue for one in found] == [line.replace("( ", "(") for line in LINES]
    assert [one.fault for one in found] == [None] * len(LINES)
    assert [one.place for one in found][:: len(LINES) - 1] == [0, 1]
    assert [one.kind for one in found] == [line.partition("(")[0] for line in LINES]


def test_the_order_of_lines_is_free() -> None:
    assert faults(LINES[::-1]) == [None] * len(LINES)


def test_each_fault_by_hand() -> None:
    assert LINES[3] == "in( Nurse Newman, Quarry, 12:00 AM)"
    rest = [None] * (len(LINES) - 1)

    def instead(line: str) -> Fault | None:
        found = faults([*LINES[:3], line, *LINES[4:]])
        assert found[:3] + found[4:] == rest
        return found[3]

    assert instead(" in(nurse newman, quarry, 12:00 am).") is None
    assert instead("in(Nurse Newman, Ballroom, 12:00 AM)") is Fault.UNREADABLE
    assert instead("murderer(Nurse Newman)") is Fault.KIND
    assert instead("in(Nurse Newman, Maze, 12:00 AM)") is Fault.ARGUMENTS
    assert instead(LINES[2]) is Fault.ARGUMENTS, "said before, so it tells nothing"


def test_a_line_left_out_spoils_no_other() -> None:
    assert faults([*LINES[:3], *LINES[4:]]) == [None] * 3 + [Fault.MISSING] + [None] * (len(LINES) - 4)


def test_what_is_left_out_at_the_end() -> None:
    assert faults(LINES[:-1]) == [None] * (len(LINES) - 1) + [Fault.MISSING]
    assert faults([]) == [Fault.MISSING] * len(LINES)
