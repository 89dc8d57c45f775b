"""Small Temporal Clue cases, and every statement that can be made about one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice, product
from random import Random

from sleuth.puzzles.statements import Argument, Ref, Statement
from sleuth.puzzles.temporal_clue.case import Case
from sleuth.puzzles.temporal_clue.wording import KINDS

TWO = Case(
    victim="Rex",
    suspects=("Ada", "Mr. Ben"),
    weapons=("Rope", "Oar"),
    rooms=("Hall", "Dressing Room"),
    prepositions=("in", "on"),
    grid=((0, 1),),
    times=("12 AM",),
)
EACH = Case(
    victim="Rex",
    suspects=("Ada", "Mr. Ben", "Cleo"),
    weapons=("Rope", "Oar"),
    rooms=("Hall", "Dressing Room", "Bar"),
    prepositions=("in", "on", "at"),
    grid=((0, 1), (2, None)),
    times=("11:30 PM", "12:00 AM", "12:30 AM"),
    motives=("greed", "envy", "fear"),
    title="A Title",
    story="A story of Rex.",
)
SHARED = Case(
    victim="Rex",
    suspects=("Ada", "Mr. Ben", "Cleo"),
    weapons=("Rope",),
    rooms=("Hall", "Dressing Room", "Bar", "Roof"),
    prepositions=("in", "on", "at", "on"),
    grid=((None, 0, 1), (2, 3, None)),
    times=("11 PM", "12 AM"),
    motives=("greed", "envy"),
    motive_counts=(2, 1),
)
ALL_SHARE = Case(
    victim="Rex",
    suspects=("Ada", "Ben"),
    weapons=("Rope", "Oar"),
    rooms=("Hall", "Attic"),
    prepositions=("in", "in"),
    grid=((0,), (1,)),
    times=("12 AM",),
    motives=("greed",),
    motive_counts=(2,),
)
CASES = {"two": TWO, "each": EACH, "shared": SHARED, "all-share": ALL_SHARE}

TIMED_ONLY = ("hour",)
"""Kinds whose sentence has no sense where there is one time."""


def kinds_for(case: Case) -> list[str]:
    """The statement kinds that a case has arguments for."""
    without = set() if case.motives else {"reason", "motive"}
    return [kind for kind in KINDS if kind not in without and (case.timed or kind not in TIMED_ONLY)]


def arguments(case: Case, slot: str) -> Sequence[Argument]:
    """All that can stand in a slot of a statement about a case."""

    def refs(sort: str, count: int) -> list[Argument]:
        return [Ref(sort, index) for index in range(count)]

    suspects = refs("suspect", len(case.suspects))
    items = [*refs("weapon", len(case.weapons)), Ref("murder_weapon", 0)]
    people = [*suspects, Ref("victim", 0), Ref("murderer", 0), *refs("holder", len(case.motives))]
    rooms, times = refs("room", len(case.rooms)), refs("time", len(case.times))
    match slot:
        case "suspect":
            return suspects
        case "weapon":
            return refs("weapon", len(case.weapons))
        case "item":
            return items
        case "person":
            return people
        case "subject":
            return [*people, *items]
        case "room":
            return rooms
        case "when":
            return times
        case "motive":
            return refs("motive", len(case.motives))
        case "direction":
            return refs("direction", 4)
        case "number":
            return [Ref("number", number) for number in range(1, 11)]
        case "group":
            return refs("group", 2)
        case "event":
            return [Statement("in", parts) for parts in product([*people, *items], rooms, times)]
    raise AssertionError(slot)


def statements(case: Case, kind: str, most: int | None = None) -> Iterator[Statement]:
    """All statements of a kind about a case, or `most` of them, the same ones every time."""
    choices = [arguments(case, slot) for slot in KINDS[kind].slots]
    count = 1
    for options in choices:
        count *= len(options)
    if most is None or count <= most:
        yield from (Statement(kind, parts) for parts in product(*choices))
        return
    rng = Random(f"{kind} {case.suspects}")
    drawn = (Statement(kind, tuple(rng.choice(options) for options in choices)) for _ in range(most))
    yield from islice(dict.fromkeys(drawn), most)
