"""Why a sentence of a completion got its verdict: the clues, and the sentences before it, that decide it.

`soundness.judge` says what is known of a sentence; here the same judge also says by what. The questions that this
takes are not counted with its own, so the verdicts are the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sleuth.grading.operations import COMPARISONS, NOTHING, OPEN, REMARKS, USED
from sleuth.grading.reading import read_page
from sleuth.grading.sentences import Claim
from sleuth.grading.soundness import CLUES_AT_ONCE, QUESTIONS, Judge, Judgement, Verdict
from sleuth.puzzles.statements import Statement

_REMARKED = {
    NOTHING: ("Something new does follow here.", "Nothing new follows here, as it says."),
    OPEN: ("No clue is open: it says nothing new.", "The clue may say more, as it says."),
    USED: (
        "No clue is used up: the last one may say more, or there is none.",
        "The clue says nothing beyond what is known, as it says.",
    ),
}
"""A remark to what is said of a wrong one, and of a right one."""


@dataclass(frozen=True, slots=True)
class Reason:
    """A sentence with its verdict and what decides it."""

    start: int
    """Its first character in the completion."""
    end: int
    """One past its last."""
    verdict: str
    """A `Verdict`."""
    text: str
    """For people."""
    clues: tuple[int, ...] = ()
    """Indices of the clues in question, from 0."""
    sentences: tuple[int, ...] = ()
    """Which sentences before it, from 0, are in question."""


def reasons(family: str, prompt: str, completion: str) -> list[Reason]:
    """A reason for each sentence of a completion, in order. Raises `UserError` where the text is no page of the family,
    or has no world."""
    return _Explainer(family, prompt).reasons(completion)


class _Explainer(Judge):
    """A judge that notes what decided each verdict."""

    def __init__(self, family: str, prompt: str) -> None:
        super().__init__(read_page(family, prompt))
        self._notes: list[tuple[str, tuple[int, ...], tuple[int, ...]]] = []
        self._first: dict[Statement, int] = {}
        """Statement to the sentence that said it first."""
        self._said_by: dict[int, int] = {}
        """Selector of a derived statement to its sentence."""

    def reasons(self, completion: str) -> list[Reason]:
        self._notes, self._first, self._said_by = [], {}, {}
        judgements = self.judge(completion, CLUES_AT_ONCE)
        told = []
        for one, (text, clues, sentences) in zip(judgements, self._notes, strict=True):
            if not text:  # a true comparison
                led = one.verdict is Verdict.DERIVED
                text = f"The comparison is right, and {'a' if led else 'no'} new derived sentence follows it."
            told.append(Reason(one.start, one.end, str(one.verdict), text, clues, sentences))
        return told

    def _verdict(self, claim: Claim, said: dict[Statement, Verdict], derived: list[int], most: int) -> Judgement:
        before = list(derived)
        one = super()._verdict(claim, said, derived, most)
        asked, in_all = self._asked, self._asked_in_all
        self._asked = self._asked_in_all = 0
        try:
            note = self._note(claim, one, before)
        except TimeoutError:
            note = "No reason was found within the bound on the solver's work.", (), ()
        self._asked, self._asked_in_all = asked, in_all
        number = len(self._notes)
        if claim.statement is not None and claim.statement.kind not in COMPARISONS:
            if claim.statement.kind not in REMARKS:
                self._first.setdefault(self._key(claim.statement), number)
            if one.verdict is Verdict.DERIVED and len(derived) > len(before):
                self._said_by[derived[-1]] = number
        self._notes.append(note)
        return one

    def _note(
        self, claim: Claim, one: Judgement, derived: Sequence[int]
    ) -> tuple[str, tuple[int, ...], tuple[int, ...]]:
        statement = claim.statement
        if statement is None:
            return "No sentence form of the puzzle reads it, so nothing is known of it.", (), ()
        if statement.kind in REMARKS:
            wrong, right = _REMARKED[statement.kind]
            return (wrong if one.verdict is Verdict.FALSE else right), (), ()
        if statement.kind in COMPARISONS:
            # A true one may still be found derived, by the sentence that comes after it.
            if one.verdict is not Verdict.FALSE:
                return "", (), ()
            stands = self._operations.true(statement)
            return ("It compares a value that is another's." if stands else "The comparison is wrong."), (), ()
        match one.verdict:
            case Verdict.REPEATED:
                return self._repeated(statement)
            case Verdict.EMPTY:
                return "It is true in every world that obeys the rules, so it says nothing.", (), ()
            case Verdict.DERIVED:
                sentences = self._sentences(statement, one.clues, derived)
                return _from("It follows from", one.clues, sentences), one.clues, sentences
            case Verdict.FALSE:
                clues = self._needed(statement, refute=True)
                return _from("It is false:", clues, (), " rule it out"), clues, ()
            case Verdict.LUCKY:
                clues = self._needed(statement, refute=False)
                count = f"{len(clues)} clues at once" if clues else "more than a few clues"
                return (
                    f"It is true, but at most {CLUES_AT_ONCE} clues and what was derived before do not give it: it "
                    f"takes {count}.",
                    clues,
                    (),
                )
        raise AssertionError(one.verdict)

    def _repeated(self, statement: Statement) -> tuple[str, tuple[int, ...], tuple[int, ...]]:
        key = self._key(statement)
        if key in self._clue_keys:
            clue = self._clue_keys.index(key)
            return f"It is clue {clue + 1}.", (clue,), ()
        first = self._first[key]
        return f"Sentence {first + 1} says it already.", (), (first,)

    def _sentences(self, statement: Statement, clues: Sequence[int], derived: Sequence[int]) -> tuple[int, ...]:
        """The derived sentences before a derived one that its proof needs, none of which can go."""
        _, denied = self._selectors(statement)
        fixed = [denied, *(self._clues[i] for i in clues)]
        if self._counterexample([*fixed, *derived]) is not None:
            return ()
        core = set(self._solver.core())
        kept = self._thinned(fixed, [one for one in derived if one in core])
        return tuple(sorted(self._said_by[one] for one in kept))

    def _needed(self, statement: Statement, refute: bool) -> tuple[int, ...]:
        """Clues that prove or refute a statement, none of which can go."""
        affirmed, denied = self._selectors(statement)
        fixed = [affirmed if refute else denied]
        if self._counterexample([*fixed, *self._clues]) is not None:
            return ()
        core = set(self._solver.core())
        return tuple(
            sorted(self._clues.index(one) for one in self._thinned(fixed, [x for x in self._clues if x in core]))
        )

    def _thinned(self, fixed: Sequence[int], chosen: list[int]) -> list[int]:
        """Of assumptions that allow no world together with `fixed`, those that cannot go, within half the bound on
        questions."""
        for one in list(chosen):
            if self._asked > QUESTIONS // 2:
                break
            rest = [other for other in chosen if other != one]
            if self._counterexample([*fixed, *rest]) is None:
                chosen = rest
        return chosen


def _from(lead: str, clues: Sequence[int], sentences: Sequence[int], after: str = "") -> str:
    parts = []
    if clues:
        parts.append(f"clue{'s' if len(clues) > 1 else ''} {_listed(clues)}")
    if sentences:
        parts.append(f"sentence{'s' if len(sentences) > 1 else ''} {_listed(sentences)}")
    if not parts:
        parts.append("the rules alone")
    if after and len(clues) == 1:
        after = after.replace("rule it", "rules it")
    return f"{lead} {' and '.join(parts)}{after}."


def _listed(indices: Sequence[int]) -> str:
    numbers = [str(index + 1) for index in indices]
    return numbers[0] if len(numbers) == 1 else f"{', '.join(numbers[:-1])} and {numbers[-1]}"
