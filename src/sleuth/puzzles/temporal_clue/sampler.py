"""Sampling Temporal Clue cases: sizes by level, a map, and a night in which people walk about and one kills."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from random import Random

from sleuth.logic.formulas import World
from sleuth.puzzles import names
from sleuth.puzzles.temporal_clue import wording
from sleuth.puzzles.temporal_clue.case import Case
from sleuth.puzzles.temporal_clue.original import page as original
from sleuth.puzzles.temporal_clue.themes import THEMES, Theme
from sleuth.puzzles.temporal_clue.theory import STEPS, Grid, TemporalTheory

MOVE_PROBABILITY = 0.5
CARRY_PROBABILITY = 0.8

SMALL_KINDS = {"in": 2.0, "same": 3.0, "not_in": 2.0, "either": 3.0}
MEDIUM_KINDS = {**SMALL_KINDS, "move": 3.0, "together": 2.0, "iff": 2.0, "beside": 3.0, "motive": 1.0}
ALL_KINDS = {
    **MEDIUM_KINDS,
    **{"in": 3.0, "motive": 2.0, "together": 4.0, "beside": 5.0, "carry": 4.0, "if": 1.5, "further": 2.0},
    **{"exactly": 0.7, "at_least": 0.7, "alone": 0.7, "never": 1.5, "always": 0.5, "earlier": 1.5},
    **{"before_murder": 1.0, "after_murder": 1.0, "hour": 0.1, "weapon": 0.1},
}
ORIGINAL_KINDS = {
    **{"in": 3.0, "same": 3.0, "either": 2.0, "iff": 2.5, "move": 6.0, "carry": 5.0, "together": 8.0, "beside": 7.0},
    **{"motive": 3.0, "murderer": 0.05, "weapon": 0.3, "scene": 0.05, "hour": 0.4, "reason": 0.05},
}
RARE_KINDS = {"murderer": 0.6, "weapon": 0.3, "scene": 0.3, "hour": 0.4, "reason": 0.3}
"""Kinds of which few are left: weights at which a model that learns from `original` or `varied` pages meets them."""
STYLE_KINDS = {
    **ORIGINAL_KINDS,
    **{"in": 2.2, "either": 1.5, "iff": 3.2, "move": 7.0, "together": 32.0, "beside": 6.8, "motive": 1.8},
    **RARE_KINDS,
}
"""What the style `original` draws: weights after which kinds are left about as often as in 2025."""
SMALL_STYLE_KINDS = {**STYLE_KINDS, "murderer": 10.0, "scene": 10.0, "reason": 10.0}
"""What it draws at levels 1 to 3, of which there are none of 2025: the rarest kinds as often as many others, so that a
model learns them where a page is short."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Ranges (lowest, highest) that a level draws from."""

    suspects: tuple[int, int]
    weapons: tuple[int, int]
    rooms: tuple[int, int]
    times: tuple[int, int]
    motives: str
    """`none`, `maybe` (none or one each) or `any` (one each or shared)."""
    kinds: Mapping[str, float]


LEVELS = {
    "1": Sizes((2, 2), (2, 2), (2, 2), (1, 1), "none", SMALL_KINDS),
    "2": Sizes((3, 3), (2, 3), (3, 4), (2, 2), "maybe", MEDIUM_KINDS),
    "3": Sizes((4, 4), (3, 4), (4, 6), (3, 3), "any", ALL_KINDS),
    "4": Sizes((5, 6), (4, 6), (6, 9), (4, 6), "any", ALL_KINDS),
    "5": Sizes((7, 10), (6, 8), (10, 17), (6, 12), "any", ALL_KINDS),
}
REFERENCE = "reference"


def kinds_of(level: str, style: str) -> Mapping[str, float]:
    """Statement kinds that puzzles of a level and style are told in, with their weights."""
    if style == original.STYLE:
        return SMALL_STYLE_KINDS if level in ("1", "2", "3") else STYLE_KINDS
    kinds = ORIGINAL_KINDS if level == REFERENCE else LEVELS[level].kinds
    return {**kinds, **RARE_KINDS} if style == wording.VARIED else kinds


def sample_case(level: str, rng: Random) -> Case:
    """Sizes, map and names of a new case."""
    if level == REFERENCE:
        players = rng.randint(1, 6)
        weapons = max(2, min(players + rng.randint(-1, 5), int(2.125 * players), 8))
        suspects = min(weapons + rng.randint(0, weapons - 1), int(2.5 * players), 10)
        rooms = min(suspects + rng.randint(0, max(0, suspects - 2)), 3 * players, 17)
        times, minutes = rng.randint(1, 2 * players), rng.choice((15, 30, 60))
        motives, columns = "any", min(rng.randint(1, 4), rooms)
    else:
        sizes = LEVELS[level]
        suspects, weapons, rooms, times = (
            rng.randint(*span) for span in (sizes.suspects, sizes.weapons, sizes.rooms, sizes.times)
        )
        minutes, motives = rng.choice((15, 30, 60)), sizes.motives
        columns = rng.randint(2 if rooms > 3 else 1, min(4, rooms))
    theme = rng.choice(THEMES)
    chosen, counts = _draw_motives(theme, suspects, motives, rng)
    victim = rng.choice(theme.victims)
    places = rng.sample(theme.rooms, rooms)
    return Case(
        victim=victim,
        suspects=tuple(rng.sample(theme.suspects, suspects)),
        weapons=tuple(rng.sample(theme.weapons, weapons)),
        rooms=tuple(place.split(" ", 1)[1] for place in places),
        prepositions=tuple(place.split(" ", 1)[0] for place in places),
        grid=_draw_grid(rooms, columns, rng),
        times=clock(times, minutes),
        motives=chosen,
        motive_counts=counts,
        title=theme.title,
        story=theme.story.format(victim=victim),
    )


def rename(case: Case, rng: Random) -> Case:
    """The same case with another theme's names."""
    theme = rng.choice([theme for theme in THEMES if theme.title != case.title])
    victim = rng.choice(theme.victims)
    places = rng.sample(theme.rooms, len(case.rooms))
    return Case(
        victim=victim,
        suspects=tuple(rng.sample(theme.suspects, len(case.suspects))),
        weapons=tuple(rng.sample(theme.weapons, len(case.weapons))),
        rooms=tuple(place.split(" ", 1)[1] for place in places),
        prepositions=tuple(place.split(" ", 1)[0] for place in places),
        grid=case.grid,
        times=case.times,
        motives=tuple(rng.sample(theme.motives, len(case.motives))),
        motive_counts=case.motive_counts,
        title=theme.title,
        story=theme.story.format(victim=victim),
    )


def all_names() -> set[str]:
    """Every name of themes and pools; of people out of pools, title, given name and surname."""
    pooled = (*names.PARTS_OF_PEOPLE, *names.WEAPONS, *names.MOTIVES, *names.HOUSES)
    places = [*names.ROOMS, *(room for theme in THEMES for room in theme.rooms)]
    listed = (name for t in THEMES for name in (*t.victims, *t.suspects, *t.weapons, *t.motives))
    return {*pooled, *listed, *(place.split(" ", 1)[1] for place in places)}


def dress(case: Case, rng: Random) -> Case:
    """The same case with names out of many."""
    victim, *suspects = names.people(1 + len(case.suspects), rng)
    places = rng.sample(names.ROOMS, len(case.rooms))
    return replace(
        case,
        victim=victim,
        suspects=tuple(suspects),
        weapons=tuple(rng.sample(names.WEAPONS, len(case.weapons))),
        rooms=tuple(place.split(" ", 1)[1] for place in places),
        prepositions=tuple(place.split(" ", 1)[0] for place in places),
        motives=tuple(rng.sample(names.MOTIVES, len(case.motives))),
        title="",
        story=rng.choice(names.STORIES).format(house=rng.choice(names.HOUSES), victim=victim),
    )


def coin(case: Case, rng: Random) -> Case:
    """The same case with half the words of its names made up."""
    taken: set[str] = set()
    [victim] = names.coined([case.victim], taken, rng)
    return replace(
        case,
        victim=victim,
        suspects=tuple(names.coined(case.suspects, taken, rng)),
        weapons=tuple(names.coined(case.weapons, taken, rng)),
        rooms=tuple(names.coined(case.rooms, taken, rng)),
        motives=tuple(names.coined(case.motives, taken, rng)),
        story=case.story.replace(case.victim, victim),
    )


def in_full(case: Case) -> Case:
    """The same case with times in full (`09:00 PM`)."""
    return replace(case, times=tuple(map(_in_full, case.times)))


def _in_full(time: str) -> str:
    clock, _, half = time.partition(" ")
    hour, _, minute = clock.partition(":")
    return f"{hour:0>2}:{minute or '00'} {half}" if half else time


def clock(times: int, minutes: int) -> tuple[str, ...]:
    """Labels of times around midnight, `minutes` apart; whole hours without minutes where all are whole."""
    start = 24 * 60 - (times // 2) * minutes
    labels: list[str] = []
    for number in range(times):
        hour, minute = divmod((start + number * minutes) % (24 * 60), 60)
        half = "AM" if hour < 12 else "PM"
        shown = f"{(hour - 1) % 12 + 1}" if minutes == 60 else f"{(hour - 1) % 12 + 1}:{minute:02}"
        labels.append(f"{shown} {half}")
    return tuple(labels)


def _draw_motives(
    theme: Theme, suspects: int, choice: str, rng: Random
) -> tuple[tuple[str, ...], tuple[int, ...] | None]:
    if choice == "none" or (choice == "maybe" and rng.random() < 0.5):
        return (), None
    if choice == "maybe" or rng.random() < 0.5:
        return tuple(rng.sample(theme.motives, suspects)), None
    drawn = [rng.randrange(max(1, suspects - 1)) for _ in range(suspects)]
    counts = tuple(drawn.count(motive) for motive in sorted(set(drawn)))
    return tuple(rng.sample(theme.motives, len(counts))), counts


def _draw_grid(rooms: int, columns: int, rng: Random) -> Grid:
    """A connected map of so many columns; the last row's holes go anywhere that keeps it connected."""
    rows = -(-rooms // columns)
    cells = [(row, column) for row in range(rows) for column in range(columns)]
    for _ in range(20):
        used = sorted(rng.sample(cells, rooms))
        if _connected(used) and len({row for row, _ in used}) == rows and len({c for _, c in used}) == columns:
            break
    else:
        used = cells[:rooms]
    number = {cell: room for room, cell in enumerate(used)}
    return tuple(tuple(number.get((row, column)) for column in range(columns)) for row in range(rows))


def _connected(cells: list[tuple[int, int]]) -> bool:
    left, reached = set(cells[1:]), [cells[0]]
    while reached:
        row, column = reached.pop()
        for down, right in STEPS.values():
            if (beyond := (row + down, column + right)) in left:
                left.remove(beyond)
                reached.append(beyond)
    return not left


def sample_world(theory: TemporalTheory, rng: Random) -> World:
    """A night: people walk, carry weapons, and one of them kills."""
    shape = theory.shape
    while True:
        rooms = [[rng.randrange(shape.rooms)] for _ in range(theory.victim)]
        for time in range(1, shape.times):
            _step(theory, rooms, time, rng)
        scenes = []
        for time in range(shape.times):
            for room in range(shape.rooms):
                present = [suspect for suspect in range(shape.suspects) if rooms[suspect][time] == room]
                weapons = [w for w in range(shape.weapons) if rooms[theory.weapon_thing(w)][time] == room]
                if len(present) == 1 and weapons:
                    scenes.append((time, room, present[0], weapons))
        if scenes:
            break
    hour, scene, murderer, weapons = rng.choice(scenes)
    path = [scene]
    for _ in range(hour):
        path.insert(0, _walk(theory, path[0], rng))
    rooms.append(path + [scene] * (shape.times - 1 - hour))
    solution = [murderer, rng.choice(weapons), scene, hour]
    if shape.motives:
        motives = _assign_motives(theory, rng)
        solution += [motives[murderer], *motives]
    return (*solution, *(room for path in rooms for room in path))


def _walk(theory: TemporalTheory, room: int, rng: Random) -> int:
    beyond = list(theory.neighbour[room].values())
    return rng.choice(beyond) if beyond and rng.random() < MOVE_PROBABILITY else room


def _step(theory: TemporalTheory, rooms: list[list[int]], time: int, rng: Random) -> None:
    suspects = range(theory.shape.suspects)
    weapons = range(theory.shape.suspects, theory.victim)
    for suspect in suspects:
        rooms[suspect].append(_walk(theory, rooms[suspect][-1], rng))
    for suspect in suspects:
        start, end = rooms[suspect][time - 1 : time + 1]
        free = [weapon for weapon in weapons if len(rooms[weapon]) == time and rooms[weapon][-1] == start]
        if start != end and free and rng.random() < CARRY_PROBABILITY:
            rooms[rng.choice(free)].append(end)
    for weapon in weapons:
        if len(rooms[weapon]) == time:
            rooms[weapon].append(rooms[weapon][-1])


def _assign_motives(theory: TemporalTheory, rng: Random) -> list[int]:
    counts = theory.shape.motive_counts or (1,) * theory.shape.suspects
    motives = [motive for motive, count in enumerate(counts) for _ in range(count)]
    rng.shuffle(motives)
    return motives
