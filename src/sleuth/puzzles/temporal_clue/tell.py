"""Drawing statements that are true in a world: the clues that a Temporal Clue puzzle may give."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

from sleuth.logic.formulas import World, holds
from sleuth.puzzles.statements import Ref, Statement
from sleuth.puzzles.temporal_clue.case import Case
from sleuth.puzzles.temporal_clue.draw import kinds_of
from sleuth.puzzles.temporal_clue.theory import STEPS, TemporalTheory

ROLE_PROBABILITY = 0.35
"""How often a sentence says "the murderer" or "the suspect motivated by …" where it could name a suspect."""
DULL_DRAWS = 400
"""So many draws in a row without a new statement end the random part of the candidates."""


class Teller:
    """Draws statements that are true in a world."""

    def __init__(self, case: Case, theory: TemporalTheory, world: World, level: str, rng: Random) -> None:
        self.case, self.theory, self.world, self.rng = case, theory, world, rng
        shape = theory.shape
        self.times, self.rooms = range(shape.times), range(shape.rooms)
        single = {"move", "carry", "together", "never", "always", "earlier", "before_murder", "after_murder", "hour"}
        weights = {k: w for k, w in kinds_of(level).items() if case.timed or k not in single}
        if not shape.motives:
            weights = {k: w for k, w in weights.items() if k not in ("motive", "reason")}
        self.kinds, self.weights = list(weights), list(weights.values())
        self.roles = level not in ("1",)

    def statements(self) -> Iterator[Statement]:
        """Different true statements: first at random, then every plain fact."""
        seen: set[Statement] = set()
        dull = 0
        while dull < DULL_DRAWS:
            kind = self.rng.choices(self.kinds, self.weights)[0]
            drawer: Callable[[], Statement | None] | None = getattr(self, f"_draw_{kind}", None)
            statement = drawer() if drawer else self._fact(kind)
            if statement is None or statement in seen or not self._true(statement):
                dull += 1
                continue
            dull = 0
            seen.add(statement)
            yield statement
        rest = [statement for statement in self._plain_facts() if statement not in seen]
        self.rng.shuffle(rest)
        yield from rest

    def _true(self, statement: Statement) -> bool:
        return holds(self.theory.formula(statement), self.world)

    def _plain_facts(self) -> Iterator[Statement]:
        shape = self.theory.shape
        for index in range(len(self.theory.space)):
            fact = plain_fact(self.theory, index, self.world[index])
            if fact.kind != "hour" or shape.times > 1:
                yield fact

    def room_of(self, thing: int, time: int) -> int:
        return self.world[self.theory.location(thing, time)]

    def _ref(self, thing: int) -> Ref:
        return thing_ref(self.theory, thing)

    def _subject(self, thing: int) -> Ref:
        """A way to speak of a thing: by name, or by a role that it has."""
        named = self._ref(thing)
        if named.sort == "victim" or self.rng.random() >= ROLE_PROBABILITY:
            return named
        roles: list[Ref] = []
        if named.sort == "suspect":
            if self.world[0] == named.index:
                roles.append(Ref("murderer", 0))
            if self.roles and self.theory.shape.motives:
                roles.append(Ref("holder", self.world[5 + named.index]))
        elif self.world[1] == named.index:
            roles.append(Ref("murder_weapon", 0))
        return self.rng.choice(roles) if roles else named

    def _thing(self) -> int:
        return self.rng.randrange(self.theory.things)

    def _person(self) -> int:
        return self.rng.choice(self.theory.people)

    def _time(self) -> int:
        return self.rng.choice(self.times)

    def _pair(self) -> tuple[int, int]:
        first, second = self.rng.sample(range(self.theory.things), 2)
        return first, second

    def _fact(self, kind: str) -> Statement:
        position = {"murderer": 0, "weapon": 1, "scene": 2, "hour": 3, "reason": 4}
        if kind == "motive":
            return plain_fact(self.theory, 5 + self.rng.randrange(self.theory.shape.suspects), None, self.world)
        return plain_fact(self.theory, position[kind], None, self.world)

    def _draw_in(self) -> Statement:
        thing, time = self._thing(), self._time()
        return Statement("in", (self._subject(thing), Ref("room", self.room_of(thing, time)), Ref("time", time)))

    def _wrong_room(self, thing: int, time: int) -> Ref | None:
        others = [room for room in self.rooms if room != self.room_of(thing, time)]
        return Ref("room", self.rng.choice(others)) if others else None

    def _draw_not_in(self) -> Statement | None:
        thing, time = self._thing(), self._time()
        room = self._wrong_room(thing, time)
        return None if room is None else Statement("not_in", (self._subject(thing), room, Ref("time", time)))

    def _draw_same(self) -> Statement | None:
        time = self._time()
        first = self._thing()
        there = [
            t for t in range(self.theory.things) if t != first and self.room_of(t, time) == self.room_of(first, time)
        ]
        if not there:
            return None
        subjects = self._subject(first), self._subject(self.rng.choice(there))
        return Statement("same", (*subjects, Ref("time", time))) if subjects[0] != subjects[1] else None

    def _event(self, truth: bool) -> Statement | None:
        fact = self._draw_in()
        if truth:
            return fact
        subject, _, time = fact.args
        room = Ref("room", self.rng.choice(self.rooms))
        return Statement("in", (subject, room, time))

    def _events(self, first: bool, second: bool) -> tuple[Statement, Statement] | None:
        events = self._event(first), self._event(second)
        if events[0] is None or events[1] is None or events[0].args[0] == events[1].args[0]:
            return None
        if (self._true(events[0]), self._true(events[1])) != (first, second):
            return None
        return events[0], events[1]

    def _draw_either(self) -> Statement | None:
        first = self.rng.random() < 0.5
        events = self._events(first, not first)
        return Statement("either", events) if events else None

    def _draw_iff(self) -> Statement | None:
        truth = self.rng.random() < 0.5
        events = self._events(truth, truth)
        return Statement("iff", events) if events else None

    def _draw_if(self) -> Statement | None:
        events = self._events(*self.rng.choice(((True, True), (False, True), (False, False))))
        return Statement("if", events) if events else None

    def _draw_move(self) -> Statement | None:
        return self._moved(self._person())

    def _moved(self, thing: int, item: int | None = None) -> Statement | None:
        time = self.rng.choice(self.times[1:])
        start, end = self.room_of(thing, time - 1), self.room_of(thing, time)
        if start == end:
            return None
        rooms = Ref("room", start), Ref("room", end), Ref("time", time)
        if item is None:
            return Statement("move", (self._subject(thing), *rooms))
        return Statement("carry", (self._subject(thing), self._subject(item), *rooms))

    def _draw_carry(self) -> Statement | None:
        person = self.rng.randrange(self.theory.shape.suspects)
        return self._moved(person, self.rng.randrange(self.theory.shape.suspects, self.theory.victim))

    def _draw_together(self) -> Statement | None:
        first, second = self._pair()
        time = self._time()
        if self.room_of(first, time) != self.room_of(second, time):
            return None
        subjects = self._subject(first), self._subject(second)
        room = Ref("room", self.room_of(first, time))
        return Statement("together", (*subjects, room)) if subjects[0] != subjects[1] else None

    def _relation(self, kind: str) -> Statement | None:
        time = self._time()
        first, second = self._pair()
        a, b = (self.theory.place[self.room_of(thing, time)] for thing in (first, second))
        fitting = []
        for direction, (down, right) in STEPS.items():
            along = (a[0] - b[0]) * down + (a[1] - b[1]) * right
            if along > 0 and (kind == "further" or (a[0] - b[0], a[1] - b[1]) == (down, right)):
                fitting.append(direction)
        subjects = self._subject(first), self._subject(second)
        if not fitting or subjects[0] == subjects[1]:
            return None
        return Statement(kind, (Ref("direction", self.rng.choice(fitting)), *subjects, Ref("time", time)))

    def _draw_beside(self) -> Statement | None:
        return self._relation("beside")

    def _draw_further(self) -> Statement | None:
        return self._relation("further")

    def _counted(self, kind: str) -> Statement | None:
        time, group = self._time(), self.rng.randrange(2)
        things = (
            range(self.theory.shape.suspects) if group == 0 else range(self.theory.shape.suspects, self.theory.victim)
        )
        room = self.room_of(self.rng.choice(things), time)
        number = sum(self.room_of(thing, time) == room for thing in things)
        if kind == "at_least":
            number = self.rng.randint(1, number)
        return Statement(kind, (Ref("number", number), Ref("group", group), Ref("room", room), Ref("time", time)))

    def _draw_exactly(self) -> Statement | None:
        return self._counted("exactly")

    def _draw_at_least(self) -> Statement | None:
        return self._counted("at_least")

    def _draw_alone(self) -> Statement:
        thing, time = self._person(), self._time()
        return Statement("alone", (self._subject(thing), Ref("room", self.room_of(thing, time)), Ref("time", time)))

    def _anywhere(self, kind: str) -> Statement:
        return Statement(kind, (self._subject(self._thing()), Ref("room", self.rng.choice(self.rooms))))

    def _draw_never(self) -> Statement:
        return self._anywhere("never")

    def _draw_always(self) -> Statement:
        return self._anywhere("always")

    def _draw_before_murder(self) -> Statement:
        return self._anywhere("before_murder")

    def _draw_after_murder(self) -> Statement:
        return self._anywhere("after_murder")

    def _draw_earlier(self) -> Statement:
        first, second = self._anywhere("never").args, self._anywhere("never").args
        return Statement("earlier", (*first, *second))


def thing_ref(theory: TemporalTheory, thing: int) -> Ref:
    """How statements name a thing."""
    if thing == theory.victim:
        return Ref("victim", 0)
    if thing < theory.shape.suspects:
        return Ref("suspect", thing)
    return Ref("weapon", thing - theory.shape.suspects)


def plain_fact(theory: TemporalTheory, index: int, value: int | None, world: World | None = None) -> Statement:
    """The statement that variable `index` has a value (or the value it has in a world)."""
    if value is None:
        assert world is not None
        value = world[index]
    if index < 4:
        kind, sort = (("murderer", "suspect"), ("weapon", "weapon"), ("scene", "room"), ("hour", "time"))[index]
        return Statement(kind, (Ref(sort, value),))
    if index >= theory.first_location:
        thing, time = divmod(index - theory.first_location, theory.shape.times)
        return Statement("in", (thing_ref(theory, thing), Ref("room", value), Ref("time", time)))
    if index == 4:
        return Statement("reason", (Ref("motive", value),))
    return Statement("motive", (Ref("suspect", index - 5), Ref("motive", value)))
