"""Why a sentence got its verdict: by hand, and the verdicts are the judge's own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest

from sleuth.grading.operations import COMPARISONS, REMARKS, Operations, meaning
from sleuth.grading.reasons import Reason, reasons
from sleuth.grading.soundness import CLUES_AT_ONCE, judge
from sleuth.logic.cpsat import CpModel
from sleuth.logic.formulas import Formula, Not
from sleuth.puzzles.generate import make_puzzle
from sleuth.puzzles.gold import gold_completion
from sleuth.puzzles.prose import ReadError
from sleuth.puzzles.puzzle import Puzzle
from sleuth.puzzles.registry import get_family
from sleuth.puzzles.statements import Statement
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


class Proofs:
    """What follows from clues and sentences of a puzzle, as CP-SAT says: the judge asks another solver."""

    def __init__(self, puzzle: Puzzle) -> None:
        family = get_family(puzzle.family)
        page = family.page_of(puzzle)
        self._theory = family.theory(page.case)
        self._grammar = family.fact_grammar(page.case, page.style)
        self._operations = Operations(family, page.case, self._theory)
        self._clues = [self._theory.formula(clue) for clue in page.clues]
        self._rules = list(self._theory.rules())

    def read(self, sentence: str) -> Formula | None:
        """What a sentence says of the puzzle; None for others (a comparison, "Nothing yet.", "Open.")."""
        try:
            statement: Statement | None = self._grammar.read(sentence)
        except ReadError:
            statement = self._operations.read(sentence)
        known = statement is not None and statement.kind not in REMARKS | COMPARISONS
        return meaning(self._theory, statement) if statement is not None and known else None

    def given(self, one: Reason, said: Sequence[Formula | None]) -> list[Formula]:
        """The clues and sentences that a reason names."""
        sentences = [formula for number in one.sentences if (formula := said[number]) is not None]
        assert len(sentences) == len(one.sentences)
        return [*(self._clues[clue] for clue in one.clues), *sentences]

    def follows(self, given: Sequence[Formula], conclusion: Formula) -> bool:
        """Whether the rules and what is given leave no world without the conclusion."""
        return CpModel(self._theory.space, [*self._rules, *given, Not(conclusion)]).solve() is None


@pytest.mark.parametrize("index", range(4))
def test_verdicts_are_those_of_the_judge_and_clues_are_enough(index: int) -> None:
    """Clues and sentences named for "derived" entail the sentence, those for "false" its denial, those for "true by
    luck" the sentence again: a clue that is not named plays no part. A reason that was not found within the bound on
    the solver's work names none."""
    puzzle = make_puzzle("temporal-clue", "2", "train", 5, index, "terse").puzzle
    text = gold_completion(puzzle, "reason", "spelled").replace(" was in ", " was not in ", 2)
    found = reasons(puzzle.family, puzzle.prompt, text)
    expected = judge(puzzle, text)
    assert [(one.start, one.end, one.verdict) for one in found] == [(e.start, e.end, str(e.verdict)) for e in expected]
    assert all(one.text for one in found)
    proofs = Proofs(puzzle)
    said = [proofs.read(text[one.start : one.end]) for one in found]
    proved = Counter[str]()
    for number, (one, formula) in enumerate(zip(found, said, strict=True)):
        cited = ("derived", "empty") if one.verdict == "repeated" else ("derived",)
        assert all(before < number and found[before].verdict in cited for before in one.sentences)
        if not (one.clues or one.sentences):
            continue
        assert formula is not None, text[one.start : one.end]
        conclusion = Not(formula) if one.verdict == "false" else formula
        assert proofs.follows(proofs.given(one, said), conclusion), (text[one.start : one.end], one.text)
        assert one.verdict != "derived" or len(one.clues) <= CLUES_AT_ONCE
        proved[one.verdict] += 1
    assert proved["derived"] > sum(one.verdict == "derived" for one in found) / 2
