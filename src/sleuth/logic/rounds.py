"""The clues in the order of the page, again and again: each with what now follows from it, until enough is known.

Nothing is planned: which clue comes next never depends on the solution. What a clue gives, together with the rules and
what is known, comes in *inferences*, the smallest premises first: the clue and what is known; the rules and what is
known; all of these. A clue whose truth what is known implies is used up. Where a whole round gives nothing, the
explainer (`sleuth.logic.steps`) finds what a few clues give together, or a supposition.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from sleuth.logic.citations import Step
from sleuth.logic.formulas import Formula

Known = tuple[int, int]
"""A variable's index, and the values that it may still have, as bits."""


@dataclass(frozen=True, slots=True)
class Inference:
    """What some premises leave of variables' values."""

    clues: tuple[int, ...]
    """Indices of the clues that it takes."""
    rules: bool
    """Whether it takes rules beyond that a variable has one value."""
    premises: tuple[Known, ...]
    """What was known and is needed: none of it can go. Empty if nobody asked."""
    found: tuple[Known, ...]
    """Variables of which less is left now."""


@dataclass(frozen=True, slots=True)
class Look:
    """A look at one clue (of the start: at none; after a round without result: at what the explainer cites)."""

    clues: tuple[int, ...]
    inferences: tuple[Inference, ...]
    used_up: bool = False
    """The clue says nothing beyond what is known now."""
    step: Step | None = None
    """The explainer's, where a round gave nothing."""
    ends_round: bool = False
    """It is the last of a round through the page."""


class Reasoner(Protocol):
    """What follows, for one puzzle. Domains only shrink, by what it reports itself."""

    domains: list[int]
    """The values that each variable may still have, as bits."""

    def consequences(self, rules: bool, clues: tuple[int, ...]) -> list[Known]:
        """What is left of each variable that clues, the rules (or not) and the domains narrow."""

    def narrow(self, found: Sequence[Known]) -> None:
        """Takes over what was found."""

    def cite(self, rules: bool, clues: tuple[int, ...], found: Known, order: Sequence[int]) -> tuple[Known, ...]:
        """The domains that something found needs beside clues and rules; variables early in `order` are taken first.
        None of them can go."""

    def implied(self, clue: int) -> bool:
        """Whether a clue follows from the rules and the domains."""

    def cite_formula(self, formula: Formula, order: Sequence[int]) -> tuple[Known, ...] | None:
        """As `cite`, of a formula, by the rules; None if it does not follow."""

    def follows(self, formula: Formula) -> bool:
        """Whether a formula follows from the rules and the domains."""

    def further_steps(self) -> tuple[Step, ...]:
        """What the explainer finds where no single clue gives anything."""


def rounds(
    reasoner: Reasoner,
    clue_variables: Sequence[Collection[int]],
    goals: Sequence[Formula],
    cited: bool,
    whole: bool,
) -> Iterator[Look]:
    """Looks at the clues until the goals follow. `clue_variables`: what each clue speaks of. `cited`: find premises.
    `whole`: the last round, too, goes on to the end of the page."""
    looking = _Looking(reasoner, clue_variables, cited)
    if (start := looking.inferences(())) and not looking.done(goals):
        yield Look((), start)
    left = list(range(len(clue_variables)))
    while not looking.done(goals):
        before = sum(map(int.bit_count, reasoner.domains))
        for clue in (page := list(left)):
            inferences = looking.inferences((clue,))
            used_up = reasoner.implied(clue)
            if used_up:
                left.remove(clue)
            yield Look((clue,), inferences, used_up, ends_round=clue == page[-1])
            if not whole and inferences and looking.done(goals):
                return
        if sum(map(int.bit_count, reasoner.domains)) == before:
            yield from looking.further()


class _Looking:
    def __init__(self, reasoner: Reasoner, clue_variables: Sequence[Collection[int]], cited: bool) -> None:
        self._reasoner, self._clue_variables, self._cited = reasoner, clue_variables, cited

    def done(self, goals: Sequence[Formula]) -> bool:
        return all(map(self._reasoner.follows, goals))

    def inferences(self, clues: tuple[int, ...]) -> tuple[Inference, ...]:
        """All that follows from a clue, the rules and what is known, in small inferences; the domains shrink."""
        found: list[Inference] = []
        while True:
            for rules, taken in ((False, clues), (True, ()), (True, clues)) if clues else ((True, ()),):
                if left := self._reasoner.consequences(rules, taken):
                    found += self._inferred(rules, taken, left)
                    break
            else:
                return tuple(found)

    def _inferred(self, rules: bool, clues: tuple[int, ...], left: list[Known]) -> list[Inference]:
        inferences: list[Inference] = []
        if self._cited:
            about = [index for clue in clues for index in sorted(self._clue_variables[clue])]
            for one in left:
                premises = self._reasoner.cite(rules, clues, one, about)
                same = next((i for i, other in enumerate(inferences) if other.premises == premises), None)
                if same is None:
                    inferences.append(Inference(clues, rules, premises, (one,)))
                else:
                    inferences[same] = Inference(clues, rules, premises, (*inferences[same].found, one))
        else:
            inferences.append(Inference(clues, rules, (), tuple(left)))
        self._reasoner.narrow(left)
        return inferences

    def further(self) -> Iterator[Look]:
        """What the explainer says where a round gave nothing."""
        for step in self._reasoner.further_steps():
            domains = self._reasoner.domains
            known = dict.fromkeys((fact.variable, domains[fact.variable]) for fact in step.known)
            left: dict[int, int] = {}
            for fact in step.facts:
                value, domain = 1 << fact.value, left.get(fact.variable, domains[fact.variable])
                left[fact.variable] = domain & (value if fact.true else ~value)
            first = Inference(step.clues, bool(step.rules), tuple(known), tuple(left.items()))
            self._reasoner.narrow(first.found)
            yield Look(step.clues, (first,), step=step)
