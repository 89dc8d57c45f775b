"""Whether a clue gives anything new, and whether it may give more: the truth of "Nothing yet.", "Open." and "Used
up."."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sleuth.logic.cnf import Cnf
from sleuth.logic.formulas import Formula, World, holds
from sleuth.puzzles.family import Family, Theory
from sleuth.puzzles.statements import Statement

Ask = Callable[[Sequence[int]], World | None]
"""Assumptions to a world that obeys the rules and them; None if there is none. Raises `TimeoutError` over a bound."""
Facts = Mapping[Statement, tuple[int, int]]
"""Plain facts and denials, with the variable and the value that they speak of."""


def facts_of(family: Family[Any, Any], theory: Theory) -> Facts:
    """All that a family has sentences for."""
    found: dict[Statement, tuple[int, int]] = {}
    for variable in theory.space:
        for value in range(variable.size):
            for say in (family.fact, family.denial):
                if (statement := say(theory, variable.index, value)) is not None:
                    found[statement] = variable.index, value
    return found


class Novelty:
    """What is known within one completion, and which values of variables the clue said last rules out beyond that.

    Worlds that were found are kept: most values are seen in one of them, and no question is asked about these.
    """

    def __init__(self, cnf: Cnf, ask: Ask, facts: Callable[[], Facts]) -> None:
        """`facts` are asked for where they are needed."""
        self._base, self._ask, self._facts = cnf.base, ask, facts
        self._known: list[int] = []
        """Selectors of what a reader takes as known: derived sentences, and clues that are plain facts, from the next
        clue or derived sentence on."""
        self._clue: tuple[int, Formula] | None = None
        """Selector and meaning of the clue said last."""
        self._denied: int | None = None
        """Selector of the denial of the last clue that is no plain fact or denial."""
        self._says: int | None = None
        """The variable of that clue, if it is a plain fact: that one is not news."""
        self._open: set[tuple[int, int]] | None = None
        """Variables' values that what is known does not rule out, as far as anybody asked."""
        self._worlds: list[World] = []
        """Worlds that obey the rules and what is known."""

    def know(self, selector: int, formula: Formula) -> None:
        """Takes in what is known from now on."""
        self._take_clue()
        self._take(selector, formula)

    def say_clue(self, clue: Statement, selector: int, denied: int, formula: Formula) -> None:
        """Takes in that a clue was said; `denied` selects its denial."""
        self._take_clue()
        self._clue = selector, formula
        self._says = self._facts()[clue][0] if clue in self._facts() else None
        if self._says is None:
            self._denied = denied

    def _take_clue(self) -> None:
        if self._clue is not None and self._says is not None:
            self._take(*self._clue)

    def _take(self, selector: int, formula: Formula) -> None:
        if selector not in self._known:
            self._known.append(selector)
            self._worlds = [world for world in self._worlds if holds(formula, world)]

    def used_up(self) -> bool:
        """Whether the last clue that is no plain fact follows from what is known. What is not decided within the bounds
        does not."""
        return self._denied is None or self._follows() is True

    def may_give_more(self) -> bool:
        """Whether the clue said last does not follow from what is known; also where none was said. A plain fact does,
        and so does a clue for which that is not decided within the bounds."""
        return self._clue is None or (self._says is None and self._follows() is False)

    def _follows(self) -> bool | None:
        """Whether the last clue that is no plain fact follows from what is known; None if that is not decided."""
        assert self._denied is not None
        self._take_clue()
        try:
            return self._ask([*self._known, self._denied]) is None
        except TimeoutError:
            return None

    def follows(self) -> bool:
        """Whether the clue said last gives anything new. What is not decided within the bounds counts as nothing."""
        if self._clue is None:
            return False
        try:
            return self._search(*self._clue)
        except TimeoutError:
            return False

    def _search(self, clue: int, formula: Formula) -> bool:
        if self._open is None:
            self._open = set(self._facts().values())
        obeying = [world for world in self._worlds if holds(formula, world)]
        unseen = {
            (index, value)
            for index, value in self._open
            if index != self._says and all(world[index] != value for world in obeying)
        }
        while unseen:
            index, value = min(unseen)
            literal = self._base[index] + value
            world = self._ask([*self._known, clue, literal])
            if world is not None:
                self._worlds.append(world)
                unseen -= set(enumerate(world))
                continue
            world = self._ask([*self._known, literal])
            if world is not None:
                self._worlds.append(world)
                return True
            self._open.discard((index, value))
            unseen.discard((index, value))
        return False
