"""The board of a Temporal Clue case as a picture: the map, and a strip with the room of everybody at each time.

With the solution the map is drawn once for each time, with who and what was there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sleuth.logic.formulas import World
from sleuth.puzzles.picture import FONT_PX, LINE_PX, MARGIN_PX, PAD_PX, SMALL_PX, DrawnTable, Picture, text_width
from sleuth.puzzles.temporal_clue.case import Case
from sleuth.puzzles.temporal_clue.theory import TemporalTheory

ROW_PX = 900
"""Maps stand beside one another up to this width."""
LEAST_ROOM_PX = 110


def draw(case: Case, theory: TemporalTheory, world: World | None) -> str:
    """The picture of a case, with or without its solution."""
    things = (*case.suspects, *case.weapons, case.victim)
    marks = ["" if world is None else _mark(theory, world, thing) for thing in range(theory.things)]
    picture = Picture(
        f"Board of a Temporal Clue case: a map of {len(case.rooms)} rooms",
        _map_in_words(case) if world is None else _solution_in_words(case, theory, world),
    )
    if world is None:
        picture.text(MARGIN_PX, MARGIN_PX + FONT_PX, "Map, north at the top", "strong")
        y = _map(picture, case, {}, MARGIN_PX, MARGIN_PX + LINE_PX + 4)[1]
    else:
        y = _maps(picture, case, theory, world, [name + mark for name, mark in zip(things, marks, strict=True)])
    heads = case.times if case.timed else ("Where",)
    rows = [["", *heads]]
    for thing, name in enumerate(things):
        cells = [
            "" if world is None else case.rooms[world[theory.location(thing, time)]] for time in range(len(case.times))
        ]
        rows.append([name + marks[thing], *cells])
    murder = () if world is None or not case.timed else (1 + world[3],)
    strip = DrawnTable("Who and what was where", rows, ((), *[case.rooms] * len(case.times)))
    y = picture.table(MARGIN_PX, y + LINE_PX, strip, murder)
    if world is not None:
        y += LINE_PX
        picture.text(MARGIN_PX, y, "★ the murderer and the murder weapon   † the victim", "quiet", SMALL_PX)
        if case.motives:
            motives = [case.motives[world[5 + suspect]] for suspect in range(len(case.suspects))]
            listed = [["Motives", ""], *map(list, zip(case.suspects, motives, strict=True))]
            picture.table(MARGIN_PX, y + PAD_PX, DrawnTable("", listed, ((), ())))
    return picture.svg()


def _mark(theory: TemporalTheory, world: World, thing: int) -> str:
    if thing == theory.victim:
        return " †"
    return " ★" if thing in (world[0], theory.weapon_thing(world[1])) else ""


def _maps(picture: Picture, case: Case, theory: TemporalTheory, world: World, things: Sequence[str]) -> float:
    """One map for each time; returns where they end."""
    x, y, lowest = float(MARGIN_PX), float(MARGIN_PX), float(MARGIN_PX)
    for time, label in enumerate(case.times):
        inside: dict[int, list[str]] = {}
        for thing, name in enumerate(things):
            inside.setdefault(world[theory.location(thing, time)], []).append(name)
        top = y
        if case.timed:
            picture.text(x, y + FONT_PX, label + (": the murder" if time == world[3] else ""), "strong")
            top += LINE_PX + 4
        right, bottom = _map(picture, case, inside, x, top)
        lowest = max(lowest, bottom)
        following = right + LINE_PX
        if following + (right - x) > ROW_PX:
            x, y = float(MARGIN_PX), lowest + LINE_PX
        else:
            x = following
    return lowest


def _map(picture: Picture, case: Case, inside: Mapping[int, Sequence[str]], x: float, y: float) -> tuple[float, float]:
    """The map with what is inside its rooms; returns its right and its lower edge."""
    labels = [text_width(name, strong=True) for name in case.rooms]
    labels += [text_width(name) for names in inside.values() for name in names]
    width = max(LEAST_ROOM_PX, *labels) + 2 * PAD_PX
    lines = 1 + max((len(names) for names in inside.values()), default=1)
    height = lines * LINE_PX + PAD_PX
    for row, rooms in enumerate(case.grid):
        for column, room in enumerate(rooms):
            left, top = x + column * width, y + row * height
            picture.box(left, top, width, height, "hole" if room is None else "box")
            if room is not None:
                picture.text(left + PAD_PX, top + LINE_PX - 1, case.rooms[room], "strong")
                for number, name in enumerate(inside.get(room, ()), start=1):
                    picture.text(left + PAD_PX, top + (number + 1) * LINE_PX - 1, name)
    return x + width * len(case.grid[0]), y + height * len(case.grid)


def _map_in_words(case: Case) -> str:
    rows = [", ".join("no room" if room is None else case.rooms[room] for room in row) for row in case.grid]
    return "Rows from north to south, rooms from west to east. " + "; ".join(rows)


def _solution_in_words(case: Case, theory: TemporalTheory, world: World) -> str:
    things = (*case.suspects, *case.weapons, case.victim)
    told = []
    for time, label in enumerate(case.times):
        where = [f"{name} in {case.rooms[world[theory.location(thing, time)]]}" for thing, name in enumerate(things)]
        told.append(f"{label}: {', '.join(where)}" if case.timed else ", ".join(where))
    murder = f"{case.suspects[world[0]]} with {case.weapons[world[1]]} in {case.rooms[world[2]]}"
    return f"The murder: {murder}. {'; '.join(told)}"
