"""Sampling statements that are true in a world: the clues that a Temporal Clue puzzle may give."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from random import Random

from sleuth.logic.formulas import Formula, World, holds
from sleuth.puzzles.drawing import first_that_fits, weighted
from sleuth.puzzles.statements import Ref, Statement
from sleuth.puzzles.temporal_clue.case import Case
from sleuth.puzzles.temporal_clue.theory import STEPS, TemporalTheory

ROLE_PROBABILITY = 0.35
"""How often a sentence says "the murderer" or "the suspect motivated by …" where it could name a suspect."""
FOCUS_PROBABILITY = 0.8
"""How often a draw is about something that differs in the world to be ruled out."""
TIMED_KINDS = frozenset(
    {"move", "carry", "together", "never", "always", "earlier", "before_murder", "after_murder", "hour"}
)
"""Kinds that say nothing where there is one time."""


class ClueSampler:
    """Draws statements that are true in a world and false in another one."""

    def __init__(
        self, case: Case, theory: TemporalTheory, world: World, kinds: Mapping[str, float], rng: Random
    ) -> None:
        """`kinds` gives statement kinds and how often each is drawn."""
        self.theory, self.world, self.rng = theory, world, rng
        shape = theory.shape
        self.times, self.rooms, self.things = shape.times, shape.rooms, theory.things
        self.room_of = [
            [world[theory.location(thing, time)] for time in range(shape.times)] for thing in range(self.things)
        ]
        """`room_of[thing][time]` in the true world."""
        weights = {k: w for k, w in kinds.items() if case.timed or k not in TIMED_KINDS}
        if not shape.motives:
            weights = {k: w for k, w in weights.items() if k not in ("motive", "reason")}
        self.kinds, self.weights = list(weights), list(itertools.accumulate(weights.values()))
        self.named = [thing_ref(theory, thing) for thing in range(self.things)]
        self.roles = [self._roles(thing) for thing in range(self.things)]
        self.focus: tuple[int, int] | None = None
        """A (thing, time) whose room differs in the world to be ruled out: what to speak of."""

    def tell(self, other: World) -> tuple[Statement, Formula]:
        """A statement, with its formula, that is true in the world and false in `other`.

        A few random draws, most of them about something that differs, then the plainest fact that differs.
        """
        differing = [index for index, value in enumerate(self.world) if value != other[index]]
        located = [index for index in differing if index >= self.theory.first_location]

        def draw() -> Statement | None:
            self.focus = None
            if located and self.rng.random() < FOCUS_PROBABILITY:
                number = located[self._below(len(located))] - self.theory.first_location
                self.focus = divmod(number, self.times)
            kind = weighted(self.kinds, self.weights, self.rng)
            drawer: Callable[[], Statement | None] | None = getattr(self, f"_draw_{kind}", None)
            return drawer() if drawer else self._fact(kind)

        def fits(formula: Formula) -> bool:
            return not holds(formula, other) and holds(formula, self.world)

        if (found := first_that_fits(draw, self.theory.formula, fits)) is not None:
            return found
        # With one time there is no clue about the hour, and no other world differs in it alone.
        index = located[self._below(len(located))] if located else differing[self._below(len(differing))]
        fact = plain_fact(self.theory, index, self.world[index])
        return fact, self.theory.formula(fact)

    def _below(self, bound: int) -> int:
        """A number in 0 … bound - 1; several times faster than `randrange`."""
        return int(self.rng.random() * bound)

    def _roles(self, thing: int) -> list[Ref]:
        """Ways to speak of a thing other than by its name."""
        named, roles = self.named[thing], []
        if named.sort == "suspect":
            if self.world[0] == named.index:
                roles.append(Ref("murderer", 0))
            if self.theory.shape.motives:
                roles.append(Ref("holder", self.world[5 + named.index]))
        elif named.sort == "weapon" and self.world[1] == named.index:
            roles.append(Ref("murder_weapon", 0))
        return roles

    def _subject(self, thing: int) -> Ref:
        roles = self.roles[thing]
        if roles and self.rng.random() < ROLE_PROBABILITY:
            return roles[self._below(len(roles))]
        return self.named[thing]

    def _thing(self) -> int:
        return self.focus[0] if self.focus else self._below(self.things)

    def _person(self) -> int:
        if self.focus and self.named[self.focus[0]].sort != "weapon":
            return self.focus[0]
        people = self.theory.people
        return people[self._below(len(people))]

    def _time(self) -> int:
        return self.focus[1] if self.focus else self._below(self.times)

    def _other(self, thing: int) -> int:
        """A thing that is not this one."""
        other = self._below(self.things - 1)
        return other + (other >= thing)

    def _fact(self, kind: str) -> Statement:
        position = {"murderer": 0, "weapon": 1, "scene": 2, "hour": 3, "reason": 4}
        index = 5 + self._below(self.theory.shape.suspects) if kind == "motive" else position[kind]
        return plain_fact(self.theory, index, self.world[index])

    def _draw_in(self) -> Statement:
        thing, time = self._thing(), self._time()
        return Statement("in", (self._subject(thing), Ref("room", self.room_of[thing][time]), Ref("time", time)))

    def _false_in(self, thing: int, time: int) -> Statement | None:
        if self.rooms == 1:
            return None
        room = self._below(self.rooms - 1)
        room += room >= self.room_of[thing][time]
        return Statement("in", (self._subject(thing), Ref("room", room), Ref("time", time)))

    def _draw_not_in(self) -> Statement | None:
        event = self._false_in(self._thing(), self._time())
        return event and Statement("not_in", event.args)

    def _draw_same(self) -> Statement | None:
        time, first = self._time(), self._thing()
        room = self.room_of[first][time]
        there = [thing for thing in range(self.things) if thing != first and self.room_of[thing][time] == room]
        if not there:
            return None
        second = there[self._below(len(there))]
        return Statement("same", (self._subject(first), self._subject(second), Ref("time", time)))

    def _events(self, first: bool, second: bool) -> tuple[Statement, Statement] | None:
        """Two location statements about different things, true or false as asked."""
        thing, time = self._thing(), self._time()
        events = []
        for truth, about, when in ((first, thing, time), (second, self._other(thing), self._below(self.times))):
            room = Ref("room", self.room_of[about][when])
            true = Statement("in", (self._subject(about), room, Ref("time", when)))
            events.append(true if truth else self._false_in(about, when))
        if events[0] is None or events[1] is None:
            return None
        left, right = self.rng.sample(events, 2) if first != second else events
        return (left, right) if left is not None and right is not None else None

    def _draw_either(self) -> Statement | None:
        events = self._events(True, False)
        return events and Statement("either", events)

    def _draw_iff(self) -> Statement | None:
        truth = self.rng.random() < 0.5
        events = self._events(truth, truth)
        return events and Statement("iff", events)

    def _draw_if(self) -> Statement | None:
        truth = self.rng.random() < 0.5
        events = self._events(truth, True) if self.rng.random() < 0.5 else self._events(truth, truth)
        return events and Statement("if", events)

    def _moved(self, thing: int, item: int | None = None) -> Statement | None:
        """A move that ends, or starts, at the time in focus."""
        time = max(1, min(self.times - 1, self._time() + self._below(2)))
        start, end = self.room_of[thing][time - 1], self.room_of[thing][time]
        if start == end:
            return None
        rooms = Ref("room", start), Ref("room", end), Ref("time", time)
        if item is None:
            return Statement("move", (self._subject(thing), *rooms))
        return Statement("carry", (self._subject(thing), self._subject(item), *rooms))

    def _draw_move(self) -> Statement | None:
        return self._moved(self._person())

    def _draw_carry(self) -> Statement | None:
        time = max(1, self._time())
        item = self._thing()
        if self.named[item].sort != "weapon":
            item = self.theory.weapon_thing(self._below(self.theory.shape.weapons))
        path = self.room_of[item]
        movers = [
            s
            for s in range(self.theory.shape.suspects)
            if self.room_of[s][time - 1 : time + 1] == path[time - 1 : time + 1]
        ]
        return self._moved(movers[self._below(len(movers))], item) if movers else None

    def _draw_together(self) -> Statement | None:
        first = self._thing()
        second, time = self._other(first), self._time()
        if self.room_of[first][time] != self.room_of[second][time]:
            return None
        room = Ref("room", self.room_of[first][time])
        return Statement("together", (self._subject(first), self._subject(second), room))

    def _relation(self, kind: str) -> Statement | None:
        time, first = self._time(), self._thing()
        second = self._other(first)
        if self.rng.random() < 0.5:
            first, second = second, first
        a, b = (self.theory.place[self.room_of[thing][time]] for thing in (first, second))
        fitting = []
        for direction, (down, right) in STEPS.items():
            along = (a[0] - b[0]) * down + (a[1] - b[1]) * right
            if along > 0 and (kind == "further" or (a[0] - b[0], a[1] - b[1]) == (down, right)):
                fitting.append(direction)
        if not fitting:
            return None
        towards = Ref("direction", fitting[self._below(len(fitting))])
        return Statement(kind, (towards, self._subject(first), self._subject(second), Ref("time", time)))

    def _draw_beside(self) -> Statement | None:
        return self._relation("beside")

    def _draw_further(self) -> Statement | None:
        return self._relation("further")

    def _counted(self, kind: str) -> Statement:
        time, thing = self._time(), self._thing()
        group = 1 if self.named[thing].sort == "weapon" else 0
        members = self.theory.members(group)
        if thing not in members:
            thing = members[self._below(len(members))]
        room = self.room_of[thing][time]
        number = sum(self.room_of[member][time] == room for member in members)
        if kind == "at_least":
            number = 1 + self._below(number)
        return Statement(kind, (Ref("number", number), Ref("group", group), Ref("room", room), Ref("time", time)))

    def _draw_exactly(self) -> Statement:
        return self._counted("exactly")

    def _draw_at_least(self) -> Statement:
        return self._counted("at_least")

    def _draw_alone(self) -> Statement:
        thing, time = self._person(), self._time()
        return Statement("alone", (self._subject(thing), Ref("room", self.room_of[thing][time]), Ref("time", time)))

    def _somewhere(self, kind: str) -> Statement:
        """Any thing and any room: true as often as it happens to be."""
        return Statement(kind, (self._subject(self._thing()), Ref("room", self._below(self.rooms))))

    def _draw_never(self) -> Statement:
        return self._somewhere("never")

    def _draw_always(self) -> Statement:
        return self._somewhere("always")

    def _draw_before_murder(self) -> Statement:
        return self._somewhere("before_murder")

    def _draw_after_murder(self) -> Statement:
        return self._somewhere("after_murder")

    def _draw_earlier(self) -> Statement | None:
        if self.times < 2:
            return None
        time = self._below(self.times - 1)
        first, second = self._thing(), self._below(self.things)
        later = time + 1 + self._below(self.times - 1 - time)
        places = (Ref("room", self.room_of[first][time]), Ref("room", self.room_of[second][later]))
        return Statement("earlier", (self._subject(first), places[0], self._subject(second), places[1]))


def thing_ref(theory: TemporalTheory, thing: int) -> Ref:
    """How statements name a thing."""
    if thing == theory.victim:
        return Ref("victim", 0)
    if thing < theory.shape.suspects:
        return Ref("suspect", thing)
    return Ref("weapon", thing - theory.shape.suspects)


def plain_fact(theory: TemporalTheory, index: int, value: int) -> Statement:
    """The statement that variable `index` has a value."""
    if index < 4:
        kind, sort = (("murderer", "suspect"), ("weapon", "weapon"), ("scene", "room"), ("hour", "time"))[index]
        return Statement(kind, (Ref(sort, value),))
    if index >= theory.first_location:
        thing, time = divmod(index - theory.first_location, theory.shape.times)
        return Statement("in", (thing_ref(theory, thing), Ref("room", value), Ref("time", time)))
    if index == 4:
        return Statement("reason", (Ref("motive", value),))
    return Statement("motive", (Ref("suspect", index - 5), Ref("motive", value)))
