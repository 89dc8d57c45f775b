"""Worlds and clues of a declared family."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from random import Random

from sleuth.logic.cnf import WorldSolver
from sleuth.logic.formulas import Formula, Is, World
from sleuth.puzzles.drawing import DRAWS, weighted
from sleuth.puzzles.family import NoClueError
from sleuth.puzzles.kit.declaration import Level
from sleuth.puzzles.kit.theory import KitTheory
from sleuth.puzzles.statements import Argument, Ref, Statement

WORLDS = 50
"""So many random worlds are tried before one is made value by value, with the solver."""
TRIES = 4
"""Statements about statements: last parts that are tried in a draw."""


def sample_world(theory: KitTheory, rng: Random) -> World:
    """A world that obeys the rules. Any is possible; which are likelier depends on the rules."""
    for _ in range(WORLDS):
        world: list[int] = []
        for unknown in theory.unknowns:
            entities, values = theory.size[unknown.of.name], range(theory.size[unknown.values.name])
            if unknown.one_each:
                for _ in range(entities // theory.length(unknown.of.name)):
                    world += rng.sample(values, theory.length(unknown.of.name))
            else:
                world += [rng.choice(values) for _ in range(entities)]
        view = theory.view(tuple(world))
        if theory.obeys(view):
            return view.world
    cnf = theory.cnf.copy()
    with WorldSolver(cnf) as solver:
        chosen: list[int] = []
        for variable in rng.sample(theory.space, len(theory.space)):
            for value in rng.sample(range(variable.size), variable.size):
                literal = cnf.atom(Is(variable, value))
                if solver.satisfiable([*chosen, literal]):
                    chosen.append(literal)
                    break
        found = solver.solve(chosen)
        assert found is not None, "the rules leave some world"
        return found


class ClueSampler:
    """Draws statements that are true in a world and false in another one.

    A draw speaks of something whose value differs in the other world, its other arguments are any but the last, which
    is one of those that make the statement true here and false there.
    """

    def __init__(
        self,
        theory: KitTheory,
        groups: Mapping[str, Sequence[str]],
        world: World,
        level: Level,
        rng: Random,
    ) -> None:
        self.theory, self.rng = theory, rng
        self.groups = {
            group: [kind for kind in kinds if level.parts is None or kind in level.parts]
            for group, kinds in groups.items()
        }
        self.here = self.there = theory.view(world)
        """The true world, and the one to be ruled out."""
        self.kinds = {kind: weight for kind, weight in level.kinds.items() if self._possible(kind)}
        self._names, self._weights = list(self.kinds), list(itertools.accumulate(self.kinds.values()))
        self._inner = {group: [kind for kind in kinds if self._possible(kind)] for group, kinds in self.groups.items()}
        self._touched: dict[str, list[Ref]] = {}
        """Entities of which something differs, by sort."""

    def tell(self, other: World) -> tuple[Statement, Formula]:
        """A statement, with its formula, that is true in the world and false in `other`. Raises `NoClueError` if
        no kind has one."""
        self.there = self.theory.view(other)
        self._touched = {}
        owners, here = self.theory.owners, self.here.world
        differing = [owners[index] for index, value in enumerate(other) if value != here[index]]
        for sort, entity in dict.fromkeys((unknown.of.name, entity) for unknown, entity in differing):
            self._touched.setdefault(sort, []).append(self.theory.entities[sort][entity])
        for _ in range(DRAWS):
            statement = self._draw(weighted(self._names, self._weights, self.rng))
            if statement is not None:
                return statement, self.theory.formula(statement)
        statement = self._search()
        return statement, self.theory.formula(statement)

    def _possible(self, kind: str) -> bool:
        """Whether every slot of a kind can be filled in cases of this shape."""
        for slot in self.theory.kinds[kind].slots:
            if slot in self.groups:
                if not any(map(self._possible, self.groups[slot])):
                    return False
            elif not self.theory.entities[slot]:
                return False
        return True

    def _pick(self, options: Sequence[Ref]) -> Ref:
        """Any of them; several times faster than `choice`."""
        return options[int(self.rng.random() * len(options))]

    def _clue(self, kind: str, args: list[Argument]) -> bool:
        true = self.theory.true
        return true(kind, args, self.here) and not true(kind, args, self.there)

    def _draw(self, kind: str) -> Statement | None:
        """A clue of a kind, or None where this draw comes to none."""
        slots = self.theory.kinds[kind].slots
        args: list[Argument] = [None] * len(slots)
        nested = [place for place, slot in enumerate(slots) if slot in self.groups]
        free = self._shuffled([place for place in range(len(slots)) if place not in nested])
        if nested:
            for place in nested[:-1] if len(free) == 0 else nested:
                args[place] = self._part(slots[place], place == nested[0])
            if not free:
                return self._with_last_part(kind, args, slots, nested[-1])
        else:
            self._bind(args, slots, free)
        if not free:
            return Statement(kind, tuple(args)) if self._clue(kind, args) else None
        last = free.pop()
        if not self._fill(kind, args, free):
            return None
        good = self._good(kind, args, last)
        if not good:
            return None
        args[last] = self._pick(good)
        return Statement(kind, tuple(args))

    def _good(self, kind: str, args: list[Argument], place: int) -> list[Ref]:
        """What makes a clue of a kind in this place, the others filled."""
        options = self._open(kind, args, place)
        here, there = self.here, self.there
        good = []
        if (fits := self.theory.quick_tests.get(kind)) is not None:
            numbers = [arg.index if isinstance(arg, Ref) else 0 for arg in args]
            for ref in options:
                numbers[place] = ref.index
                if fits(here, *numbers) and not fits(there, *numbers):
                    good.append(ref)
            return good
        for ref in options:
            args[place] = ref
            if self._clue(kind, args):
                good.append(ref)
        return good

    def _with_last_part(self, kind: str, args: list[Argument], slots: Sequence[str], place: int) -> Statement | None:
        for _ in range(TRIES):
            args[place] = self._part(slots[place], False)
            if len(set(args)) == len(args) and self._clue(kind, args):
                return Statement(kind, tuple(args))
        return None

    def _shuffled(self, places: list[int]) -> list[int]:
        if len(places) > 1:
            self.rng.shuffle(places)
        return places

    def _bind(self, args: list[Argument], slots: Sequence[str], free: list[int]) -> None:
        """Fills one free place with something that differs, if any can be."""
        for place in free:
            if touched := self._touched.get(slots[place]):
                args[place] = self._pick(touched)
                free.remove(place)
                return

    def _open(self, kind: str, args: Sequence[Argument], place: int) -> Sequence[Ref]:
        """What can fill a place beside the other arguments: no entity twice, and none of a list that is taken where
        the kind speaks across lists."""
        spec = self.theory.kinds[kind]
        slot = spec.slots[place]
        taken_here = [arg.index for arg in args if isinstance(arg, Ref) and arg.sort == slot]
        options: Sequence[Ref] = self.theory.entities[slot]
        if taken_here:
            options = [ref for ref in options if ref.index not in taken_here]
        if place in spec.across:
            others = [args[other] for other in spec.across if other != place]
            taken = {self.theory.list_of(ref) for ref in others if isinstance(ref, Ref)}
            options = [ref for ref in options if self.theory.list_of(ref) not in taken]
        return options

    def _fill(self, kind: str, args: list[Argument], free: Sequence[int]) -> bool:
        """Fills these places at random."""
        for place in free:
            options = self._open(kind, args, place)
            if not options:
                return False
            args[place] = self._pick(options)
        return True

    def _part(self, group: str, focused: bool) -> Statement:
        """A statement of a group, as often true as false where its last argument leaves a choice; `focused`: about
        something that differs."""
        kinds = self._inner[group]
        kind = kinds[int(self.rng.random() * len(kinds))]
        slots = self.theory.kinds[kind].slots
        args: list[Argument] = [None] * len(slots)
        free = []
        for place, slot in enumerate(slots):
            if slot in self.groups:
                args[place] = self._part(slot, focused)
            else:
                free.append(place)
        free = self._shuffled(free)
        if focused:
            self._bind(args, slots, free)
        if not free or not self._fill(kind, args, free[:-1]):
            return Statement(kind, tuple(args))
        last, wanted = free[-1], self.rng.random() < 0.5
        options = self._open(kind, args, last)
        fitting = []
        for ref in options:
            args[last] = ref
            if self.theory.true(kind, args, self.here) == wanted:
                fitting.append(ref)
        args[last] = self._pick(fitting or options or self.theory.entities[slots[last]])
        return Statement(kind, tuple(args))

    def _search(self) -> Statement:
        """Any clue, found among all statements of the level's kinds."""
        kinds = self.rng.sample(self._names, len(self._names))
        kinds.sort(key=lambda kind: any(slot in self.groups for slot in self.theory.kinds[kind].slots))
        for kind in kinds:
            for statement in self._all(kind):
                if self._clue(kind, list(statement.args)):
                    return statement
        raise NoClueError(f"no statement of {', '.join(self._names)} tells two worlds apart")

    def _all(self, kind: str) -> Iterator[Statement]:
        """All statements of a kind, in random order."""
        slots = self.theory.kinds[kind].slots
        options: list[list[Argument]] = []
        for slot in slots:
            if slot in self.groups:
                found: list[Argument] = [one for inner in self._inner[slot] for one in self._all(inner)]
            else:
                found = list(self.theory.entities[slot])
            self.rng.shuffle(found)
            options.append(found)
        across = self.theory.kinds[kind].across
        for args in itertools.product(*options):
            lists = [self.theory.list_of(ref) for place in across if isinstance(ref := args[place], Ref)]
            if len(set(args)) == len(args) and len(set(lists)) == len(lists):
                yield Statement(kind, args)
