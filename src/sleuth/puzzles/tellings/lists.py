"""Things of which no two can have the same value, told side by side: "Amy: 1. Ella: 1, 2. Grace: 1, 2, 3."

Such as the names of a list, no two of which are in one house. What one of them loses another may gain, and a small
model finds that only if it has all of them before it.
"""

from __future__ import annotations

from functools import lru_cache

from sleuth.logic.formulas import holds
from sleuth.logic.rounds import Inference
from sleuth.puzzles.family import Theory
from sleuth.puzzles.tellings.rounds import spoken_of

Members = tuple[int, ...]
"""Variables that exclude each other's values, by index in ascending order."""
MOST_LEFT = 6
"""Variables of a clue, or of a list, of which is said what is left, whatever it is."""


class Lists:
    """The lists of a theory whose variables have more than two values, of at most `longest` variables each."""

    def __init__(self, theory: Theory, longest: int) -> None:
        self.all = tuple(each for each in _lists(theory) if len(each) <= longest)
        self._of = {index: each for each in self.all for index in each}

    def __bool__(self) -> bool:
        return bool(self.all)

    def of(self, index: int) -> Members:
        """The list that a variable is in; empty if it is in none."""
        return self._of.get(index, ())

    def within(self, inference: Inference) -> Members:
        """The list within which the rules alone give an inference; empty if it takes a clue, or more than one list."""
        if inference.clues:
            return ()
        lists = {self.of(index) for index, _ in (*inference.premises, *inference.found)}
        return lists.pop() if len(lists) == 1 else ()


@lru_cache(maxsize=64)
def _lists(theory: Theory) -> tuple[Members, ...]:
    """Variables any two of which the rules forbid to have the same value, whichever it is, by a rule for each pair; a
    rule that counts more of them at once makes no list. What follows within one list is told before what follows
    within the next, which is right where no rule reaches beyond a list."""
    sizes = [variable.size for variable in theory.space]
    apart: dict[tuple[int, int], set[int]] = {}
    for rule in theory.rules():
        pair = sorted(set(spoken_of(rule)))
        if len(pair) != 2 or sizes[pair[0]] != sizes[pair[1]] or sizes[pair[0]] <= 2:
            continue
        one, other = pair
        for value in range(sizes[one]):
            world = [0] * len(sizes)
            world[one] = world[other] = value
            if not holds(rule, tuple(world)):
                apart.setdefault((one, other), set()).add(value)
    exclude = {pair for pair, values in apart.items() if len(values) == sizes[pair[0]]}
    lists: list[list[int]] = []
    for index in range(len(sizes)):
        for each in lists:
            if all((other, index) in exclude for other in each):
                each.append(index)
                break
        else:
            lists.append([index])
    return tuple(tuple(each) for each in lists if len(each) > 1)
