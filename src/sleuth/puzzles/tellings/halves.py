"""What premises say of one part of a clue, as of a half of "either … or …"."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import product
from math import prod

from sleuth.logic.formulas import World, holds
from sleuth.logic.rounds import Known, bits
from sleuth.puzzles.family import Theory
from sleuth.puzzles.statements import Statement
from sleuth.puzzles.tellings.rounds import spoken_of

MOST_CASES = 4_096
"""Assignments that are gone through; with more, nothing is decided and everything bears on everything."""


class Half:
    """A part of a clue under premises."""

    def __init__(self, theory: Theory, statement: Statement, premises: Sequence[Known]) -> None:
        self.statement = statement
        self._formula = theory.formula(statement)
        self._sizes = [variable.size for variable in theory.space]
        self._variables = sorted(set(spoken_of(self._formula)))
        self._domains = {index: domain for index, domain in premises if index in self._variables}

    @cached_property
    def decided(self) -> bool:
        """Whether the premises alone make it true, or false."""
        truths = {holds(self._formula, world) for world in self._worlds(self._domains)}
        return len(truths) == 1

    def depends_on(self, variable: int) -> bool:
        """Whether its truth may hang on a variable, by all other premises."""
        if variable not in self._variables:
            return False
        others = {index: domain for index, domain in self._domains.items() if index != variable}
        seen: dict[World, bool] = {}
        for world in self._worlds(others):
            truth = holds(self._formula, world)
            if seen.setdefault((*world[:variable], 0, *world[variable + 1 :]), truth) != truth:
                return True
        return not seen

    def _worlds(self, domains: Mapping[int, int]) -> Iterator[World]:
        """All assignments of its variables within domains (other variables have value 0); none if they are too many."""
        values = [
            list(bits(domains[index])) if index in domains else range(self._sizes[index]) for index in self._variables
        ]
        if prod(map(len, values)) > MOST_CASES:
            return
        for choice in product(*values):
            world = [0] * len(self._sizes)
            for index, value in zip(self._variables, choice, strict=True):
                world[index] = value
            yield tuple(world)
