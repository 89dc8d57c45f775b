"""The small operations of spelled-out reasoning, read back: no templates, the names of the case are enough.

| sentence | it says |
| --- | --- |
| `Hall, Attic: differ.`, `Hall, Hall: same.` | two names name two things, or one |
| `Faye: Hall, Attic: differ.` | the same, and the first is the value of what stands before it |
| `Not Hall, Cellar: Attic.` | of all things of this sort, without these only that one is left |
| `Faye, 9 PM: Hall, Attic.` | what a variable may still be; with one value it is the plain fact |
| `Nothing yet.` | nothing new follows from the clue before, the rules and what was derived |
| `Open.` | the clue before, of those that are no plain facts, does not follow from the rules and what was derived |
| `Used up.` | the clue before follows from the rules and what was derived |

Comparisons are true or false whatever the clues say, but for the value of what stands before them. They are statements
of kinds that no family has.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sleuth.logic.formulas import Formula, Or
from sleuth.puzzles.family import Family, Theory
from sleuth.puzzles.labels import Label, Labels
from sleuth.puzzles.statements import Ref, Statement

DIFFER, SAME, REST, CANDIDATES = ":differ", ":same", ":rest", ":candidates"
NOTHING, OPEN, USED = ":nothing", ":open", ":used"
REMARKS = frozenset({NOTHING, OPEN, USED})
"""Kinds that say something of the clue before."""
COMPARISONS = frozenset({DIFFER, SAME, REST})
"""Kinds that say nothing of the puzzle."""
_NOT = "not "
_WORDS = {"differ": DIFFER, "same": SAME}
_REMARKS = {"nothing yet": NOTHING, "open": OPEN, "used up": USED}


class Operations:
    """Reads the operations of one case."""

    def __init__(self, family: Family[Any, Any], case: Any, theory: Theory) -> None:
        labels = Labels(family, case, theory)
        self._sorts = labels.sorts
        self._refs: dict[str, list[Ref]] = {}
        """A name, whatever its capitals, to what it may be."""
        for ref, name in labels.names.items():
            self._refs.setdefault(name.casefold(), []).append(ref)
        self._labels: dict[str, list[Label]] = {}
        for text, found in labels.by_text.items():
            self._labels.setdefault(text.casefold(), []).extend(found)

    def read(self, sentence: str) -> Statement | None:
        """What a sentence says, if it is an operation."""
        text = " ".join(sentence.split()).casefold().rstrip(".")
        if remark := _REMARKS.get(text):
            return Statement(remark, ())
        head, colon, tail = text.rpartition(": ")
        if not colon:
            return None
        if kind := _WORDS.get(tail):
            subject, said, values = head.rpartition(": ")
            refs = self._of_one_sort(values)
            if refs is None or len(refs) != 2:
                return None
            if not said:
                return Statement(kind, tuple(refs))
            fact = self._candidates(subject, values.split(", ")[:1])
            return Statement(kind, (*refs, fact)) if fact is not None else None
        if head.startswith(_NOT):
            refs = self._of_one_sort(f"{head.removeprefix(_NOT)}, {tail}")
            return None if refs is None or ", " in tail else Statement(REST, tuple(refs))
        return self._candidates(head, tail.split(", "))

    def _of_one_sort(self, text: str) -> list[Ref] | None:
        """The things that a list names, if there is a sort that has them all."""
        options = [self._refs.get(name, []) for name in text.split(", ")]
        for first in options[0]:
            found = [next((ref for ref in refs if ref.sort == first.sort), None) for refs in options]
            if None not in found:
                return [ref for ref in found if ref is not None]
        return None

    def _candidates(self, head: str, names: Sequence[str]) -> Statement | None:
        for label in self._labels.get(head, []):
            values = [name.casefold() for name in label.value_names]
            if set(names) <= set(values) and len(set(names)) == len(names):
                facts = [label.facts[values.index(name)] for name in names]
                return facts[0] if len(facts) == 1 else Statement(CANDIDATES, tuple(sorted(facts, key=repr)))
        return None

    def true(self, statement: Statement) -> bool:
        """Whether a comparison is so, whosever the values are (`owned`)."""
        refs = [arg for arg in statement.args if isinstance(arg, Ref)]
        if statement.kind == REST:
            return len(set(refs)) == len(refs) and set(refs) == set(self._sorts[refs[0].sort])
        return (refs[0] == refs[1]) == (statement.kind == SAME)


def owned(statement: Statement) -> Statement | None:
    """What a comparison takes for known: that something has the first value."""
    return next((arg for arg in statement.args if isinstance(arg, Statement)), None)


def meaning(theory: Theory, statement: Statement) -> Formula:
    """The formula of a statement that may be a list of candidates."""
    if statement.kind != CANDIDATES:
        return theory.formula(statement)
    return Or(tuple(theory.formula(fact) for fact in statement.args if isinstance(fact, Statement)))
