"""The clues in the order of the page, again and again: each with what now follows from it, until enough is known.

Nothing is planned: which clue comes next never depends on the solution. What a clue gives, together with the rules and
what is known, comes in *inferences*, the smallest premises first: the clue and what is known; the rules and what is
known; all of these. A clue whose truth what is known implies is used up. Where a whole round gives nothing, either
values are supposed, in the order of the page, each followed by single clues until one leaves nothing possible; or the
explainer (`sleuth.logic.steps`) finds what a few clues give together, or a supposition of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from sleuth.logic.citations import Step
from sleuth.logic.formulas import Formula

Known = tuple[int, int]
"""A variable's index, and the values that it may still have, as bits."""
MOST_OPEN = 8
"""Suppositions that refute nothing, for one page; after these the explainer takes clues together."""


def bits(domain: int) -> Iterator[int]:
    """The values of a domain."""
    while domain:
        low = domain & -domain
        yield low.bit_length() - 1
        domain ^= low


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
    """Variables of which less is left now. Empty where nothing is possible (under a supposition)."""


@dataclass(frozen=True, slots=True)
class Look:
    """A look at one clue; of the start, and where something is supposed, at none; where the explainer helps, at what it
    cites."""

    clues: tuple[int, ...]
    inferences: tuple[Inference, ...]
    used_up: bool = False
    """The clue says nothing beyond what is known now."""
    step: Step | None = None
    """The explainer's, where a round gave nothing."""
    ends_round: bool = False
    """It is the last of a round through the page."""
    refuted: Inference | None = None
    """Under a supposition: by what nothing is possible now."""
    supposed: Supposed | None = None
    """What was supposed, where a round gave nothing; if it is refuted, the first inference is what is left of it."""


@dataclass(frozen=True, slots=True)
class Supposed:
    """A value that a variable is supposed to have, and the rounds through the open clues from there, until nothing is
    possible or a round gives nothing."""

    known: Known
    looks: tuple[Look, ...]

    @property
    def refuted(self) -> bool:
        return bool(self.looks) and self.looks[-1].refuted is not None


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

    def refute(self, rules: bool, clues: tuple[int, ...], order: Sequence[int]) -> tuple[Known, ...] | None:
        """As `cite`, of a contradiction; None where clues, the rules (or not) and the domains leave something."""

    def supposing(self, known: Known) -> AbstractContextManager[Reasoner]:
        """A reasoner to which the domain of one variable is smaller, and which keeps what it finds to itself."""

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
    suppose: bool = False,
) -> Iterator[Look]:
    """Looks at the clues until the goals follow. `clue_variables`: what each clue speaks of. `cited`: find premises.
    `whole`: the last round, too, goes on to the end of the page. `suppose`: values, where a round gives nothing, before
    the explainer is asked."""
    looking = _Looking(reasoner, clue_variables, cited)
    if (start := looking.inferences(())[0]) and not looking.done(goals):
        yield Look((), start)
    suppositions = MOST_OPEN if suppose else 0
    left = list(range(len(clue_variables)))
    while not looking.done(goals):
        before = sum(map(int.bit_count, reasoner.domains))
        for clue in (page := list(left)):
            inferences, _ = looking.inferences((clue,))
            used_up = reasoner.implied(clue)
            if used_up:
                left.remove(clue)
            yield Look((clue,), inferences, used_up, ends_round=clue == page[-1])
            if not whole and inferences and looking.done(goals):
                return
        if sum(map(int.bit_count, reasoner.domains)) == before:
            for look in looking.suppositions(left, suppositions):
                yield look
                suppositions -= not look.inferences
            if sum(map(int.bit_count, reasoner.domains)) == before:
                yield from looking.further()


class _Looking:
    def __init__(self, reasoner: Reasoner, clue_variables: Sequence[Collection[int]], cited: bool) -> None:
        self._reasoner, self._clue_variables, self._cited = reasoner, clue_variables, cited

    def done(self, goals: Sequence[Formula]) -> bool:
        return all(map(self._reasoner.follows, goals))

    def inferences(
        self, clues: tuple[int, ...], supposing: bool = False
    ) -> tuple[tuple[Inference, ...], Inference | None]:
        """All that follows from a clue, the rules and what is known, in small inferences; the domains shrink. Under a
        supposition, also by what nothing is possible, if that is so."""
        found: list[Inference] = []
        about = [index for clue in clues for index in sorted(self._clue_variables[clue])]
        while True:
            for rules, taken in ((False, clues), (True, ()), (True, clues)) if clues else ((True, ()),):
                if supposing and (premises := self._reasoner.refute(rules, taken, about)) is not None:
                    return tuple(found), Inference(taken, rules, premises, ())
                if left := self._reasoner.consequences(rules, taken):
                    found += self._inferred(rules, taken, left)
                    break
            else:
                return tuple(found), None

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

    def suppositions(self, left: Sequence[int], most: int) -> Iterator[Look]:
        """Supposes the values of one variable after another of which the open clues (`left`) speak, in their order,
        until some of one's values are refuted, or `most` suppositions refuted nothing."""
        domains = self._reasoner.domains
        for index in dict.fromkeys(index for clue in left for index in self._clue_variables[clue]):
            before = domains[index]
            for value in bits(before):
                if domains[index].bit_count() == 1 or not most:
                    break
                supposed = self._suppose((index, 1 << value), left)
                inferences: tuple[Inference, ...] = ()
                if supposed.refuted:
                    found = ((index, domains[index] & ~(1 << value)),)
                    self._reasoner.narrow(found)
                    inferences = (Inference((), True, (), found), *self.inferences(())[0])
                else:
                    most -= 1
                yield Look((), inferences, supposed=supposed)
            if domains[index] != before:
                return

    def _suppose(self, known: Known, left: Sequence[int]) -> Supposed:
        with self._reasoner.supposing(known) as reasoner:
            looking = _Looking(reasoner, self._clue_variables, self._cited)
            looks = [Look((), start)] if (start := looking.inferences(())[0]) else []
            page = list(left)
            while page:
                before = sum(map(int.bit_count, reasoner.domains))
                for clue in list(page):
                    inferences, refuted = looking.inferences((clue,), supposing=True)
                    used_up = refuted is None and reasoner.implied(clue)
                    if used_up:
                        page.remove(clue)
                    looks.append(Look((clue,), inferences, used_up, refuted=refuted))
                    if refuted is not None:
                        return Supposed(known, tuple(looks))
                if sum(map(int.bit_count, reasoner.domains)) == before:
                    break
        return Supposed(known, tuple(looks))

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
