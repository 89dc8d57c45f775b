"""The logic of Temporal Clue: who was where and when, and the murder.

People are the suspects and the victim; *things* are people and weapons, numbered suspects first, then weapons, the
victim last. At each time everybody stays or steps to a neighbouring room; a weapon changes room only together with a
suspect; the victim does not move after the murder; at the murder, the murderer is the only suspect in the room with
the victim, and the murder weapon is there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sleuth.logic.formulas import FALSE, And, Count, Formula, Is, Not, Or, implies, space
from sleuth.puzzles.connectives import MEANINGS
from sleuth.puzzles.family import Theory
from sleuth.puzzles.statements import Ref, Statement

Grid = tuple[tuple[int | None, ...], ...]
"""Rows from north to south of rooms from west to east; None is a hole."""
NORTH, EAST, SOUTH, WEST = range(4)
STEPS = {NORTH: (-1, 0), EAST: (0, 1), SOUTH: (1, 0), WEST: (0, -1)}


@dataclass(frozen=True, slots=True)
class Shape:
    """A case without its names."""

    suspects: int
    weapons: int
    grid: Grid
    times: int
    motives: int
    """0: motives play no part."""
    motive_counts: tuple[int, ...] | None
    """How many suspects share each motive; None: every suspect has one of their own."""

    @property
    def rooms(self) -> int:
        return sum(room is not None for row in self.grid for room in row)


class TemporalTheory(Theory):
    """Variables, rules and meanings for one shape."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.place = {
            room: (row, column)
            for row, rooms in enumerate(shape.grid)
            for column, room in enumerate(rooms)
            if room is not None
        }
        at = {position: room for room, position in self.place.items()}
        self.neighbour: list[dict[int, int]] = [
            {
                direction: at[row + down, column + right]
                for direction, (down, right) in STEPS.items()
                if (row + down, column + right) in at
            }
            for row, column in (self.place[room] for room in range(shape.rooms))
        ]
        """By room: direction to the next room there."""
        sizes = [("murderer", shape.suspects), ("weapon", shape.weapons)]
        sizes += [("scene", shape.rooms), ("hour", shape.times)]
        if shape.motives:
            sizes += [("reason", shape.motives)]
            sizes += [(f"motive[{suspect}]", shape.motives) for suspect in range(shape.suspects)]
        self.first_location = len(sizes)
        sizes += [(f"room[{thing},{time}]", shape.rooms) for thing in range(self.things) for time in range(shape.times)]
        self.space = space(sizes)
        self.murderer, self.weapon, self.scene, self.hour = (
            [Is(variable, value) for value in range(variable.size)] for variable in self.space[:4]
        )
        self.reason: list[Is] = []
        self.motive: list[list[Is]] = []
        if shape.motives:
            self.reason = [Is(self.space[4], value) for value in range(shape.motives)]
            self.motive = [
                [Is(self.space[5 + suspect], value) for value in range(shape.motives)]
                for suspect in range(shape.suspects)
            ]
        self.at = [
            [
                [Is(self.space[self.location(thing, time)], room) for room in range(shape.rooms)]
                for time in range(shape.times)
            ]
            for thing in range(self.things)
        ]
        """`at[thing][time][room]`: the atom "thing was in room at time"."""

    @property
    def things(self) -> int:
        return self.shape.suspects + self.shape.weapons + 1

    @property
    def victim(self) -> int:
        return self.things - 1

    @property
    def people(self) -> list[int]:
        return [*range(self.shape.suspects), self.victim]

    def weapon_thing(self, weapon: int) -> int:
        """A weapon's number among the things."""
        return self.shape.suspects + weapon

    def members(self, group: int) -> range:
        """The things of a counted group: 0 the suspects, 1 the weapons."""
        return range(self.shape.suspects) if group == 0 else range(self.shape.suspects, self.victim)

    def location(self, thing: int, time: int) -> int:
        """Index of the variable "the room of thing at time"."""
        return self.first_location + thing * self.shape.times + time

    # Rules

    def rule_groups(self) -> Mapping[str, Sequence[Formula]]:
        groups = {"movement": self._movement(), "murder": self._murder(), "motives": self._motives()}
        return {name: rules for name, rules in groups.items() if rules}

    def _movement(self) -> list[Formula]:
        rules: list[Formula] = []
        for time in range(1, self.shape.times):
            for thing in range(self.things):
                before, after = self.at[thing][time - 1], self.at[thing][time]
                for room, beyond in enumerate(self.neighbour):
                    reach = (room, *beyond.values())
                    rules.append(implies(before[room], Or(tuple(after[r] for r in reach))))
            for room, beyond in enumerate(self.neighbour):
                for target in beyond.values():
                    carried = Or(
                        tuple(
                            And((self.at[suspect][time - 1][room], self.at[suspect][time][target]))
                            for suspect in range(self.shape.suspects)
                        )
                    )
                    for weapon in range(self.shape.weapons):
                        thing = self.weapon_thing(weapon)
                        left, arrived = self.at[thing][time - 1][room], self.at[thing][time][target]
                        rules.append(implies(And((left, arrived)), carried))
        return rules

    def _murder(self) -> list[Formula]:
        rules: list[Formula] = []
        for time, hour in enumerate(self.hour):
            body = self.at[self.victim][time]
            for room in range(self.shape.rooms):
                found = And((hour, body[room]))
                rules.append(implies(found, self.scene[room]))
                for suspect, murderer in enumerate(self.murderer):
                    present = self.at[suspect][time][room]
                    rules.append(implies(And((found, murderer)), present))
                    rules.append(implies(And((found, Not(murderer))), Not(present)))
                for weapon, used in enumerate(self.weapon):
                    rules.append(implies(And((found, used)), self.at[self.weapon_thing(weapon)][time][room]))
                for later in range(time + 1, self.shape.times):
                    rules.append(implies(found, self.at[self.victim][later][room]))
        return rules

    def _motives(self) -> list[Formula]:
        rules: list[Formula] = []
        for suspect, motives in enumerate(self.motive):
            for value, motive in enumerate(motives):
                rules.append(implies(And((self.murderer[suspect], motive)), self.reason[value]))
        for value in range(self.shape.motives):
            counts = self.shape.motive_counts
            expected = 1 if counts is None else counts[value]
            rules.append(Count(tuple(motives[value] for motives in self.motive), expected, expected))
        return rules

    # Meanings

    def formula(self, statement: Statement) -> Formula:
        if statement.kind.startswith("not_"):
            return Not(self.formula(Statement(statement.kind.removeprefix("not_"), statement.args)))
        if (joins := MEANINGS.get(statement.kind)) is not None:
            left, right = (self.formula(part) for part in statement.args if isinstance(part, Statement))
            return joins(left, right)
        meaning: Callable[..., Formula] = getattr(self, f"_mean_{statement.kind}")
        return meaning(*statement.args)

    def _about(self, subject: Ref, predicate: Callable[[int], Formula]) -> Formula:
        """What a sentence with this subject says, given what it says of a thing.

        A role that exactly one thing has ("the murderer", "the suspect motivated by Greed") may be read as "whoever
        it is, …" or as "there is one that …"; both agree. "A suspect motivated by Greed" means that there is one.
        """
        match subject.sort:
            case "suspect":
                return predicate(subject.index)
            case "weapon":
                return predicate(self.weapon_thing(subject.index))
            case "victim":
                return predicate(self.victim)
            case "murderer":
                return self._whoever(self.murderer, range(self.shape.suspects), predicate)
            case "murder_weapon":
                things = range(self.shape.suspects, self.victim)
                return self._whoever(self.weapon, things, predicate)
            case "holder":
                holders = [motives[subject.index] for motives in self.motive]
                if self.shape.motive_counts is None or self.shape.motive_counts[subject.index] == 1:
                    return self._whoever(holders, range(self.shape.suspects), predicate)
                return Or(tuple(And((holder, predicate(thing))) for thing, holder in enumerate(holders)))
        raise AssertionError(subject)

    @staticmethod
    def _whoever(roles: Sequence[Is], things: Sequence[int], predicate: Callable[[int], Formula]) -> Formula:
        return And(tuple(implies(role, predicate(thing)) for role, thing in zip(roles, things, strict=True)))

    def _mean_in(self, subject: Ref, room: Ref, time: Ref) -> Formula:
        return self._about(subject, lambda thing: self.at[thing][time.index][room.index])

    def _mean_motive(self, suspect: Ref, motive: Ref) -> Formula:
        return self.motive[suspect.index][motive.index]

    def _mean_murderer(self, suspect: Ref) -> Formula:
        return self.murderer[suspect.index]

    def _mean_weapon(self, weapon: Ref) -> Formula:
        return self.weapon[weapon.index]

    def _mean_scene(self, room: Ref) -> Formula:
        return self.scene[room.index]

    def _mean_hour(self, time: Ref) -> Formula:
        return self.hour[time.index]

    def _mean_reason(self, motive: Ref) -> Formula:
        return self.reason[motive.index]

    def inclusive(self, statement: Statement) -> Formula:
        """What a statement means if "A or B" may be both."""
        if statement.kind != "either":
            return self.formula(statement)
        left, right = (self.formula(part) for part in statement.args if isinstance(part, Statement))
        return Or((left, right))

    def _same_room(self, first: int, second: int, time: int) -> Formula:
        here, there = self.at[first][time], self.at[second][time]
        return And(tuple(implies(here[room], there[room]) for room in range(self.shape.rooms)))

    def _mean_same(self, first: Ref, second: Ref, time: Ref) -> Formula:
        return self._about(first, lambda a: self._about(second, lambda b: self._same_room(a, b, time.index)))

    def _mean_together(self, first: Ref, second: Ref, room: Ref) -> Formula:
        def met(a: int, b: int) -> Formula:
            return Or(
                tuple(
                    And((self.at[a][time][room.index], self.at[b][time][room.index]))
                    for time in range(self.shape.times)
                )
            )

        return self._about(first, lambda a: self._about(second, lambda b: met(a, b)))

    def _moved(self, thing: int, start: Ref, end: Ref, time: Ref) -> Formula:
        if time.index == 0:
            return FALSE
        return And((self.at[thing][time.index - 1][start.index], self.at[thing][time.index][end.index]))

    def _mean_move(self, person: Ref, start: Ref, end: Ref, time: Ref) -> Formula:
        return self._about(person, lambda thing: self._moved(thing, start, end, time))

    def _mean_carry(self, person: Ref, item: Ref, start: Ref, end: Ref, time: Ref) -> Formula:
        def carried(thing: int) -> Formula:
            together = self._about(item, lambda weapon: self._moved(weapon, start, end, time))
            return And((self._moved(thing, start, end, time), together))

        return self._about(person, carried)

    def _placed(self, first: Ref, second: Ref, time: Ref, rooms_from: Callable[[int], Sequence[int]]) -> Formula:
        """`first` was in one of the rooms that `rooms_from` gives for the room of `second`."""

        def related(a: int, b: int) -> Formula:
            return And(
                tuple(
                    implies(there, Or(tuple(self.at[a][time.index][r] for r in rooms_from(room))))
                    for room, there in enumerate(self.at[b][time.index])
                )
            )

        return self._about(first, lambda a: self._about(second, lambda b: related(a, b)))

    def _mean_beside(self, direction: Ref, first: Ref, second: Ref, time: Ref) -> Formula:
        def next_to(room: int) -> Sequence[int]:
            beyond = self.neighbour[room].get(direction.index)
            return () if beyond is None else (beyond,)

        return self._placed(first, second, time, next_to)

    def _mean_further(self, direction: Ref, first: Ref, second: Ref, time: Ref) -> Formula:
        down, right = STEPS[direction.index]

        def beyond(room: int) -> Sequence[int]:
            row, column = self.place[room]
            return [r for r, (y, x) in self.place.items() if (y - row) * down + (x - column) * right > 0]

        return self._placed(first, second, time, beyond)

    def _members(self, group: Ref, room: Ref, time: Ref) -> tuple[Formula, ...]:
        return tuple(self.at[thing][time.index][room.index] for thing in self.members(group.index))

    def _mean_exactly(self, number: Ref, group: Ref, room: Ref, time: Ref) -> Formula:
        return Count(self._members(group, room, time), number.index, number.index)

    def _mean_at_least(self, number: Ref, group: Ref, room: Ref, time: Ref) -> Formula:
        members = self._members(group, room, time)
        return Count(members, number.index, max(number.index, len(members)))

    def apart_from_suspects(self, statement: Statement) -> Formula:
        """What a statement means if who is alone may be with the victim."""
        if statement.kind != "alone":
            return self.formula(statement)
        person, room, time = (arg for arg in statement.args if isinstance(arg, Ref))
        return self._alone(person, room, time, range(self.shape.suspects))

    def _mean_alone(self, person: Ref, room: Ref, time: Ref) -> Formula:
        return self._alone(person, room, time, self.people)

    def _alone(self, person: Ref, room: Ref, time: Ref, people: Iterable[int]) -> Formula:
        def alone(thing: int) -> Formula:
            others = tuple(Not(self.at[p][time.index][room.index]) for p in people if p != thing)
            return And((self.at[thing][time.index][room.index], *others))

        return self._about(person, alone)

    def _ever(self, subject: Ref, room: Ref) -> Formula:
        return self._about(
            subject, lambda thing: Or(tuple(self.at[thing][time][room.index] for time in range(self.shape.times)))
        )

    def _mean_never(self, subject: Ref, room: Ref) -> Formula:
        return Not(self._ever(subject, room))

    def _mean_always(self, subject: Ref, room: Ref) -> Formula:
        return self._about(
            subject, lambda thing: And(tuple(self.at[thing][time][room.index] for time in range(self.shape.times)))
        )

    def _mean_earlier(self, first: Ref, first_room: Ref, second: Ref, second_room: Ref) -> Formula:
        def ordered(a: int, b: int) -> Formula:
            times = range(self.shape.times)
            return Or(
                tuple(
                    And((self.at[a][time][first_room.index], self.at[b][later][second_room.index]))
                    for time in times
                    for later in times[time + 1 :]
                )
            )

        return self._about(first, lambda a: self._about(second, lambda b: ordered(a, b)))

    def _mean_before_murder(self, subject: Ref, room: Ref) -> Formula:
        return self._around_murder(subject, room, lambda time, hour: time < hour)

    def _mean_after_murder(self, subject: Ref, room: Ref) -> Formula:
        return self._around_murder(subject, room, lambda time, hour: time > hour)

    def _around_murder(self, subject: Ref, room: Ref, fits: Callable[[int, int], bool]) -> Formula:
        times = range(self.shape.times)

        def visited(thing: int) -> Formula:
            return And(
                tuple(
                    implies(hour, Or(tuple(self.at[thing][time][room.index] for time in times if fits(time, number))))
                    for number, hour in enumerate(self.hour)
                )
            )

        return self._about(subject, visited)
