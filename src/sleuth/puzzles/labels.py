"""Short names for what reasoning counts up: entities, and the variables of a case ("Faye, 9 PM: Hall, Attic").

They are made of the names in the case's formal language, so every family has them. An entity's name is the same in all
sentences; a variable's label is the names of what its facts have in common, or their kind, or both where two variables
with values of one sort would have the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from sleuth.puzzles.family import Family, Theory
from sleuth.puzzles.statements import Ref, Statement


@dataclass(frozen=True, slots=True)
class Label:
    """A variable in words."""

    text: str
    """`Faye, 9 PM`."""
    facts: tuple[Statement, ...]
    """By value: what says that the variable has it."""
    values: tuple[Ref, ...]
    """By value: what it is."""
    value_names: tuple[str, ...]
    subjects: tuple[Ref, ...]
    """What all the facts have in common."""


class Labels:
    """The names of a case."""

    def __init__(self, family: Family[Any, Any], case: Any, theory: Theory) -> None:
        self.names: dict[Ref, str] = {}
        """An entity to its name."""
        for entries in family.formal_lexicon(case).values():
            for ref, name in entries:
                if isinstance(ref, Ref) and name:
                    self.names.setdefault(ref, name)
        self.sorts: dict[str, list[Ref]] = {}
        """A sort to all its entities, in order."""
        for ref in sorted(self.names):
            self.sorts.setdefault(ref.sort, []).append(ref)
        self.variables = [self._label(told) for told in _told(family, theory)]
        """By variable's index; None for those that there is nothing to say of, or no short way to say it."""
        shared = Counter((label.text, label.values[0].sort) for label in self.variables if label)
        for index, label in enumerate(self.variables):
            if label is not None and shared[label.text, label.values[0].sort] > 1:
                self.variables[index] = replace(label, text=f"{label.text}, {_kind(label.facts[0])}")
        self.by_text: dict[str, list[Label]] = {}
        for label in self.variables:
            if label is not None:
                self.by_text.setdefault(label.text, []).append(label)

    def _label(self, told: _Told | None) -> Label | None:
        if told is None or not all(value in self.names for value in told.values):
            return None
        named = [self.names[ref] for ref in told.subjects if ref in self.names]
        text = ", ".join(named) or _kind(told.facts[0]).capitalize()
        names = tuple(self.names[value] for value in told.values)
        return Label(text, told.facts, told.values, names, told.subjects)

    def listed(self, refs: Sequence[Ref]) -> str:
        """Entities by name, in a list."""
        return ", ".join(self.names[ref] for ref in refs)


def _kind(fact: Statement) -> str:
    return fact.kind.replace("_", " ")


@dataclass(frozen=True, slots=True)
class _Told:
    """What says that a variable has a value, whatever the names: for each value a fact, all alike but for one thing."""

    facts: tuple[Statement, ...]
    values: tuple[Ref, ...]
    subjects: tuple[Ref, ...]


@lru_cache(maxsize=64)
def _told(family: Family[Any, Any], theory: Theory) -> list[_Told | None]:
    return [_told_of(family, theory, variable.index, variable.size) for variable in theory.space]


def _told_of(family: Family[Any, Any], theory: Theory, index: int, size: int) -> _Told | None:
    facts = [fact for value in range(size) if (fact := family.fact(theory, index, value)) is not None]
    if size < 2 or len(facts) < size or len({(fact.kind, len(fact.args)) for fact in facts}) > 1:
        return None
    first, second = facts[:2]
    differing = [place for place, arg in enumerate(first.args) if arg != second.args[place]]
    if len(differing) != 1:
        return None
    place = differing[0]
    values = [arg for fact in facts if isinstance(arg := fact.args[place], Ref)]
    if len(set(values)) < size:
        return None
    subjects = [arg for other, arg in enumerate(first.args) if other != place and isinstance(arg, Ref)]
    return _Told(tuple(facts), tuple(values), tuple(subjects))
