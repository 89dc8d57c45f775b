"""What a clue of a declared family states outright: the answers to questions that follow from it and the rules alone.

The solver says so, and is asked about few facts only: those that hold in every one of some random worlds in which the
clue is true. Of most clues none is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from sleuth.logic.cnf import WorldSolver
from sleuth.logic.formulas import Not
from sleuth.puzzles.kit.sampler import sample_world
from sleuth.puzzles.kit.theory import KitTheory, View
from sleuth.puzzles.statements import Statement

SAMPLES = 48
"""Random worlds; which ones makes no difference to what is found."""


class StatedFacts:
    """The facts that questions of a shape ask for, and which of them clues state."""

    def __init__(self, theory: KitTheory, facts: Sequence[Statement]) -> None:
        """`facts`: every question of the shape with each choice."""
        self._theory, self._facts = theory, facts
        self._known: dict[Statement, tuple[Statement, ...]] = {}
        self._samples: list[tuple[View, int]] = []
        """Worlds, each with the facts that are true there, as bits."""

    def of(self, clue: Statement) -> tuple[Statement, ...]:
        """The clue itself and the facts that it states."""
        if (found := self._known.get(clue)) is None:
            found = self._known[clue] = (clue, *self._entailed(clue))
        return found

    def _true(self, statement: Statement, view: View) -> bool:
        return self._theory.true(statement.kind, statement.args, view)

    def _bits(self, view: View) -> int:
        return sum(1 << place for place, fact in enumerate(self._facts) if self._true(fact, view))

    def _entailed(self, clue: Statement) -> list[Statement]:
        if not self._samples:
            rng = Random(0)
            views = [self._theory.view(sample_world(self._theory, rng)) for _ in range(SAMPLES)]
            self._samples = [(view, self._bits(view)) for view in views]
        bits = (1 << len(self._facts)) - 1
        for view, true in self._samples:
            if bits & ~true and self._true(clue, view):
                bits &= true
        return self._proved(clue, [fact for place, fact in enumerate(self._facts) if bits >> place & 1]) if bits else []

    def _proved(self, clue: Statement, left: list[Statement]) -> list[Statement]:
        """Those of some facts that the clue and the rules entail."""
        cnf = self._theory.cnf.copy()
        cnf.add(self._theory.formula(clue))
        found = []
        with WorldSolver(cnf) as solver:
            if (world := solver.solve()) is None:
                return []
            while True:
                view = self._theory.view(world)
                left = [fact for fact in left if self._true(fact, view)]
                world = None
                while left and world is None:
                    fact = left.pop()
                    if (world := solver.solve([solver.add_optional(Not(self._theory.formula(fact)))])) is None:
                        found.append(fact)
                if world is None:
                    return found
