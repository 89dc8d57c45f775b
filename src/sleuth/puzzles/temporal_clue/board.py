"""The board of a Temporal Clue case as text: the map, and, with the solution, who was where at each time."""

from __future__ import annotations

from sleuth.logic.formulas import World
from sleuth.puzzles.temporal_clue.case import Case
from sleuth.puzzles.temporal_clue.clue_sampler import thing_ref
from sleuth.puzzles.temporal_clue.theory import TemporalTheory


def _map(case: Case, inside: dict[int, list[str]]) -> list[str]:
    """The map drawn with walls; `inside` gives the lines to write under a room's name."""
    height = 1 + max((len(lines) for lines in inside.values()), default=0)
    cells = [case.rooms[room] for room in range(len(case.rooms))] + [line for ls in inside.values() for line in ls]
    width = max(map(len, cells)) + 2
    columns = len(case.grid[0])
    edge = "+" + "+".join(["-" * width] * columns) + "+"
    drawn = [edge]
    for row in case.grid:
        for line in range(height):
            texts = []
            for room in row:
                if room is None:
                    texts.append("/" * width)
                else:
                    content = [case.rooms[room], *inside.get(room, [])]
                    texts.append(f" {content[line] if line < len(content) else ''}".ljust(width))
            drawn.append("|" + "|".join(texts) + "|")
        drawn.append(edge)
    return drawn


def draw(case: Case, theory: TemporalTheory, world: World | None) -> str:
    """The empty map, or with a world one map for each time."""
    if world is None:
        return "\n".join(_map(case, {}))
    lines: list[str] = []
    for time, label in enumerate(case.times):
        inside: dict[int, list[str]] = {}
        for thing in range(theory.things):
            ref = thing_ref(theory, thing)
            name = case.victim if ref.sort == "victim" else case.name(ref)
            mark = ""
            if ref.sort == "victim":
                mark = " (dead)" if time >= world[3] else " (victim)"
            elif (ref.sort == "suspect" and ref.index == world[0]) or (ref.sort == "weapon" and ref.index == world[1]):
                mark = " *"
            inside.setdefault(world[theory.location(thing, time)], []).append(f"{name}{mark}")
        if case.timed:
            lines.append(f"{label}{'  <- the murder' if time == world[3] else ''}")
        lines += _map(case, inside)
    lines.append("* the murderer and the murder weapon")
    if case.motives:
        drives = [f"{case.suspects[i]}: {case.motives[world[5 + i]]}" for i in range(len(case.suspects))]
        lines.append("Motives: " + ", ".join(drives))
    return "\n".join(lines)
