"""What a Temporal Clue night must obey and what each statement says: the independent witness.

Written from the specification in words, without formulas and without a look at the theory: plain loops over plain
worlds. The tests compare the theory with it over all worlds of small shapes. It knows the source's `Ref` and
`Statement`, the only things the two sides share.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from random import Random

from sleuth.puzzles.statements import Argument, Ref, Statement

Grid = Sequence[Sequence[int | None]]
STEPS = ((-1, 0), (0, 1), (1, 0), (0, -1))
"""North, east, south, west, as (rows, columns)."""


@dataclass(frozen=True)
class Setting:
    """The sizes of a case, as the witness sees them."""

    suspects: int
    weapons: int
    grid: Grid
    times: int
    motives: int = 0
    motive_counts: Sequence[int] | None = None

    def place(self, room: int) -> tuple[int, int]:
        """Row and column of a room."""
        for row, line in enumerate(self.grid):
            for column, here in enumerate(line):
                if here == room:
                    return row, column
        raise KeyError(room)

    @property
    def rooms(self) -> list[int]:
        return sorted(room for line in self.grid for room in line if room is not None)

    def adjacent(self, a: int, b: int) -> bool:
        """Whether two rooms share a wall."""
        (row_a, column_a), (row_b, column_b) = self.place(a), self.place(b)
        return abs(row_a - row_b) + abs(column_a - column_b) == 1

    def people(self) -> list[str]:
        return [*(f"suspect {s}" for s in range(self.suspects)), "victim"]


@dataclass
class Night:
    """A world of a setting, whether or not it obeys the rules."""

    murderer: int
    weapon: int
    scene: int
    hour: int
    reason: int | None
    motive: list[int]
    room: dict[str, list[int]]
    """By thing (`suspect 0`, `weapon 1`, `victim`): its room at each time."""


def obeys(setting: Setting, night: Night) -> bool:
    """Whether a night obeys every rule."""
    return (
        all(_walks(setting, night.room[person]) for person in setting.people())
        and all(_is_carried(setting, night, f"weapon {w}") for w in range(setting.weapons))
        and _crime(setting, night)
        and _motives(setting, night)
    )


def _walks(setting: Setting, path: Sequence[int]) -> bool:
    return all(here == there or setting.adjacent(here, there) for here, there in pairwise(path))


def _is_carried(setting: Setting, night: Night, weapon: str) -> bool:
    path = night.room[weapon]
    for time in range(1, setting.times):
        move = (path[time - 1], path[time])
        if move[0] == move[1]:
            continue
        if not setting.adjacent(*move):
            return False
        if all(
            (night.room[f"suspect {s}"][time - 1], night.room[f"suspect {s}"][time]) != move
            for s in range(setting.suspects)
        ):
            return False
    return True


def _crime(setting: Setting, night: Night) -> bool:
    victim = night.room["victim"]
    spot = victim[night.hour]
    with_victim = [s for s in range(setting.suspects) if night.room[f"suspect {s}"][night.hour] == spot]
    return (
        with_victim == [night.murderer]
        and night.room[f"weapon {night.weapon}"][night.hour] == spot
        and night.scene == spot
        and all(room == spot for room in victim[night.hour :])
    )


def _motives(setting: Setting, night: Night) -> bool:
    if not setting.motives:
        return True
    if night.reason != night.motive[night.murderer]:
        return False
    if setting.motive_counts is None:
        return len(set(night.motive)) == len(night.motive)
    return all(night.motive.count(motive) == count for motive, count in enumerate(setting.motive_counts))


def says(setting: Setting, night: Night, statement: Statement) -> bool:
    """Whether a statement is true of a night (one that obeys the rules)."""
    a: tuple[Argument, ...] = statement.args

    def number(position: int) -> int:
        ref = a[position]
        assert isinstance(ref, Ref)
        return ref.index

    def meant(position: int) -> list[str]:
        """The things of whom one has to be found that the sentence is true of."""
        ref = a[position]
        assert isinstance(ref, Ref)
        match ref.sort:
            case "suspect" | "weapon":
                return [f"{ref.sort} {ref.index}"]
            case "victim":
                return ["victim"]
            case "murderer":
                return [f"suspect {night.murderer}"]
            case "murder_weapon":
                return [f"weapon {night.weapon}"]
            case "holder":
                return [f"suspect {s}" for s in range(setting.suspects) if night.motive[s] == ref.index]
        raise AssertionError(ref)

    def at(thing: str, time: int) -> int:
        return night.room[thing][time]

    def moved(thing: str, start: int, end: int, time: int) -> bool:
        return time > 0 and at(thing, time - 1) == start and at(thing, time) == end

    def present(group: int, room: int, time: int) -> int:
        name, size = (("suspect", setting.suspects), ("weapon", setting.weapons))[group]
        return sum(at(f"{name} {i}", time) == room for i in range(size))

    def event(position: int) -> bool:
        part = a[position]
        assert isinstance(part, Statement)
        return says(setting, night, part)

    def some(test: Callable[[str], bool]) -> bool:
        return any(test(x) for x in meant(0))

    def some_pair(second: int, test: Callable[[str, str], bool]) -> bool:
        return any(any(test(x, y) for y in meant(second)) for x in meant(0))

    times = range(setting.times)
    match statement.kind:
        case "murderer":
            return night.murderer == number(0)
        case "weapon":
            return night.weapon == number(0)
        case "scene":
            return night.scene == number(0)
        case "hour":
            return night.hour == number(0)
        case "reason":
            return night.reason == number(0)
        case "motive":
            return night.motive[number(0)] == number(1)
        case "in":
            return some(lambda x: at(x, number(2)) == number(1))
        case "not_in":
            return all(at(x, number(2)) != number(1) for x in meant(0))
        case "move":
            return some(lambda x: moved(x, number(1), number(2), number(3)))
        case "carry":
            return some_pair(
                1,
                lambda x, y: moved(x, number(2), number(3), number(4)) and moved(y, number(2), number(3), number(4)),
            )
        case "alone":
            room, time = number(1), number(2)
            return some(
                lambda x: (
                    at(x, time) == room and all(at(other, time) != room for other in setting.people() if other != x)
                )
            )
        case "always":
            return some(lambda x: all(at(x, time) == number(1) for time in times))
        case "never":
            return all(at(x, time) != number(1) for x in meant(0) for time in times)
        case "same":
            return some_pair(1, lambda x, y: at(x, number(2)) == at(y, number(2)))
        case "together":
            return some_pair(1, lambda x, y: any(at(x, time) == at(y, time) == number(2) for time in times))
        case "beside" | "further":
            time = number(3)
            if statement.kind == "beside":
                step = STEPS[_direction(a[0])]

                def beside(x: str, y: str) -> bool:
                    row, column = setting.place(at(y, time))
                    return setting.place(at(x, time)) == (row + step[0], column + step[1])

                return any(beside(x, y) for x in meant(1) for y in meant(2))

            def further(x: str, y: str) -> bool:
                (row_x, column_x), (row_y, column_y) = setting.place(at(x, time)), setting.place(at(y, time))
                return (row_x < row_y, column_x > column_y, row_x > row_y, column_x < column_y)[_direction(a[0])]

            return any(further(x, y) for x in meant(1) for y in meant(2))
        case "either":
            return event(0) + event(1) == 1
        case "iff":
            return event(0) is event(1)
        case "if":
            return event(1) if event(0) else True
        case "exactly":
            return present(number(1), number(2), number(3)) == number(0)
        case "at_least":
            return present(number(1), number(2), number(3)) >= number(0)
        case "earlier":
            return some_pair(
                2,
                lambda x, y: any(
                    at(x, first) == number(1) and at(y, second) == number(3)
                    for second in times
                    for first in range(second)
                ),
            )
        case "before_murder":
            return some(lambda x: any(at(x, time) == number(1) for time in times if time < night.hour))
        case "after_murder":
            return some(lambda x: any(at(x, time) == number(1) for time in times if time > night.hour))
    raise AssertionError(statement.kind)


def _direction(ref: Argument) -> int:
    assert isinstance(ref, Ref) and ref.sort == "direction"
    return ref.index


def motive_draws(setting: Setting) -> list[list[int]]:
    """Every way to give the suspects motives, rules or not."""
    if not setting.motives:
        return [[]]
    return [list(motives) for motives in product(range(setting.motives), repeat=setting.suspects)]


def all_nights(setting: Setting) -> Iterator[Night]:
    """The whole product: nights that obey the rules and nights that do not."""
    things = [*setting.people(), *(f"weapon {w}" for w in range(setting.weapons))]
    paths = [list(path) for path in product(setting.rooms, repeat=setting.times)]
    reasons: Sequence[int | None] = range(setting.motives) if setting.motives else [None]
    for rooms in product(paths, repeat=len(things)):
        room = dict(zip(things, rooms, strict=True))
        for murderer, weapon, scene, hour, reason, motive in product(
            range(setting.suspects),
            range(setting.weapons),
            setting.rooms,
            range(setting.times),
            reasons,
            motive_draws(setting),
        ):
            yield Night(murderer, weapon, scene, hour, reason, motive, room)


def lawful_nights(setting: Setting) -> Iterator[Night]:
    """The nights that obey the rules, each once."""
    people = setting.people()
    for routes in product(_all_walks(setting), repeat=len(people)):
        yield from _nights_on(setting, dict(zip(people, routes, strict=True)))


def random_nights(setting: Setting, rng: Random) -> Iterator[Night]:
    """Nights that obey the rules, drawn at random, for ever."""
    walks = _all_walks(setting)
    while True:
        nights = list(_nights_on(setting, {person: rng.choice(walks) for person in setting.people()}))
        if nights:
            yield rng.choice(nights)


def _all_walks(setting: Setting) -> list[list[int]]:
    return [list(path) for path in product(setting.rooms, repeat=setting.times) if _walks(setting, path)]


def _nights_on(setting: Setting, routes: dict[str, list[int]]) -> Iterator[Night]:
    """The lawful nights in which the people walk like this: what was carried, who killed, what drove whom."""
    suspects, times = [f"suspect {s}" for s in range(setting.suspects)], range(setting.times)
    victim = routes["victim"]
    crimes = []
    for hour in times:
        there = [number for number, suspect in enumerate(suspects) if routes[suspect][hour] == victim[hour]]
        if len(there) == 1 and len(set(victim[hour:])) == 1:
            crimes.append((there[0], hour))
    if not crimes:
        return
    moves = {(time, routes[s][time - 1], routes[s][time]) for s in suspects for time in times if time > 0}
    carried = [
        walk
        for walk in _all_walks(setting)
        if all(a == b or (t, a, b) in moves for t, (a, b) in enumerate(pairwise(walk), start=1))
    ]
    motives = [motive for motive in motive_draws(setting) if _motives_fit(setting, motive)]
    for items in product(carried, repeat=setting.weapons):
        room = {**routes, **{f"weapon {number}": list(walk) for number, walk in enumerate(items)}}
        for (murderer, hour), weapon, motive in product(crimes, range(setting.weapons), motives):
            spot = victim[hour]
            if items[weapon][hour] == spot:
                yield Night(murderer, weapon, spot, hour, motive[murderer] if motive else None, motive, room)


def _motives_fit(setting: Setting, motive: list[int]) -> bool:
    if setting.motive_counts is None:
        return len(set(motive)) == len(motive)
    return all(motive.count(m) == count for m, count in enumerate(setting.motive_counts))
