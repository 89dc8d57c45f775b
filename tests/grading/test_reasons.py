"""Why a sentence got its verdict: by hand, and the verdicts are the judge's own."""

from __future__ import annotations

import pytest

from sleuth.grading.reasons import reasons
from sleuth.grading.soundness import judge
from sleuth.puzzles.generate import make_puzzle
from sleuth.puzzles.gold import gold_completion
from tests.grading.test_soundness import CASE, PAGE

MURDERER = "Mrs. Sage committed the murder."
UNREAD = "No sentence form of the puzzle reads it, so nothing is known of it."


def told(text: str) -> list[tuple[str, str, tuple[int, ...], tuple[int, ...]]]:
    return [(one.verdict, one.text, one.clues, one.sentences) for one in reasons(CASE.family, PAGE, text)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Rex was in the Attic.", [("repeated", "It is clue 1.", (0,), ())]),
        # Ada was in the Hut and Rex was not, so it was Mrs. Sage.
        (MURDERER, [("derived", "It follows from clues 1 and 2.", (0, 1), ())]),
        (f"{MURDERER} {MURDERER}", [("derived", "It follows from clues 1 and 2.", (0, 1), ()),
                                    ("repeated", "Sentence 1 says it already.", (), (0,))]),
        ("Ada committed the murder.", [("false", "It is false: clues 1 and 2 rule it out.", (0, 1), ())]),
        ("Rex was in the Hut.", [("false", "It is false: clue 1 rules it out.", (0,), ())]),
        ("The butler did it.", [("unread", UNREAD, (), ())]),
        # Mrs. Sage was where Rex was.
        (f"{MURDERER} Mrs. Sage was in the Attic.", [("derived", "It follows from clues 1 and 2.", (0, 1), ()),
                                                    ("derived", "It follows from clue 1 and sentence 1.", (0,), (0,))]),
    ],
)  # fmt: skip
def test_by_hand(text: str, found: list[tuple[str, str, tuple[int, ...], tuple[int, ...]]]) -> None:
    assert told(text) == found


@pytest.mark.parametrize("index", range(6))
def test_verdicts_are_those_of_the_judge_and_clues_are_enough(index: int) -> None:
    puzzle = make_puzzle("temporal-clue", "2", "train", 5, index, "terse").puzzle
    text = gold_completion(puzzle, "reason", "spelled").replace(" was in ", " was not in ", 2)
    found = reasons(puzzle.family, puzzle.prompt, text)
    expected = judge(puzzle, text)
    assert [(one.start, one.end, one.verdict) for one in found] == [(e.start, e.end, str(e.verdict)) for e in expected]
    assert all(one.text for one in found)
    for number, one in enumerate(found):
        assert all(before < number for before in one.sentences)
        if one.verdict == "derived" and one.clues:
            assert len(one.clues) <= 3 and expected[number].clues
