"""Many puzzles from one: the answers follow the names, the world follows the map."""

from __future__ import annotations

import pytest

from sleuth.grading import grade
from sleuth.puzzles.canonical import digest, split_of
from sleuth.puzzles.generate import make_puzzle, rng_of, write_puzzle
from sleuth.puzzles.gold import gold_completion
from sleuth.puzzles.puzzle import Puzzle
from sleuth.puzzles.registry import get_family
from sleuth.puzzles.retell import right_choices
from sleuth.puzzles.solve import solve_text
from sleuth.puzzles.statements import Ref, Statement
from sleuth.puzzles.temporal_clue import TemporalClue
from sleuth.puzzles.temporal_clue.mirror import ALL, mirror
from sleuth.puzzles.temporal_clue.theory import EAST, NORTH, SOUTH, WEST
from sleuth.puzzles.variants import Variants

STYLES = {"temporal-clue": ("terse", "plain", "witness", "varied", "original"), "zebra": ("terse", "plain", "witness")}


MAPS = [make_puzzle("temporal-clue", "3", "train", 23, index, "plain").puzzle for index in range(2)]


def form(puzzle: Puzzle) -> str:
    family = get_family(puzzle.family)
    page = family.read_page(puzzle.prompt)
    return digest(family.canonical_form(page.case, page.clues))


@pytest.mark.parametrize("family", STYLES)
def test_a_variant_is_another_page_with_one_world_of_the_same_split(family: str) -> None:
    mirrored = 0
    for index in range(5):
        style = STYLES[family][index % len(STYLES[family])]
        puzzle = make_puzzle(family, "2" if index == 0 else "1", "train", 17, index, style).puzzle
        variants = Variants(puzzle)
        assert variants.variant(0) == puzzle
        for number in (1, 2, 3):
            twin = variants.variant(number)
            assert twin == Variants(puzzle).variant(number)
            assert twin.prompt != puzzle.prompt and twin.meta["style"] == style and twin.id == puzzle.id
            assert solve_text(twin.prompt).answers == twin.answers
            assert split_of(form(twin)) == "train"
            mirrored += form(twin) != form(puzzle)
            assert grade(twin, gold_completion(twin, "reason", "page-order"), "reason").correct
    assert 0 < mirrored < 15


@pytest.mark.parametrize("names", ["pool", "coined"])
def test_names_stay_of_their_kind(names: str) -> None:
    puzzle = make_puzzle("temporal-clue", "1", "train", 5, 0, "terse", names=names).puzzle  # type: ignore[arg-type]
    assert Variants(puzzle).variant(1).meta["names"] == names


@pytest.mark.parametrize("turned", ALL)
def test_a_mirrored_map_has_the_same_answers(turned: tuple[bool, bool, bool]) -> None:
    for index, puzzle in enumerate(MAPS):
        family = TemporalClue()
        page = family.read_page(puzzle.prompt)
        case, same = mirror(page.case, turned)
        right = [
            same(question.fill(choice)).args[question.hole()]
            for question, choice in zip(page.questions, right_choices(family, puzzle, page), strict=True)
        ]
        there = write_puzzle(
            family,
            case,
            [same(clue) for clue in page.clues],
            [same(question) for question in page.questions],
            [ref for ref in right if isinstance(ref, Ref)],
            "plain",
            {"id": puzzle.id, "level": "3", "split": "train"},
            23,
            index,
        )
        # Rooms keep their names and who was in them.
        assert there.answers == puzzle.answers == solve_text(there.prompt).answers
        assert puzzle.prompt.endswith(there.prompt) == (turned == (False, False, False))


def test_directions_by_hand() -> None:
    case, _ = TemporalClue().sample_case("3", rng_of("directions"))
    beside = Statement("beside", (Ref("direction", NORTH), Ref("suspect", 0), Ref("suspect", 1), Ref("time", 0)))
    for turned, direction in (
        ((True, False, False), SOUTH),
        ((False, True, False), NORTH),
        ((False, False, True), WEST),
        ((True, False, True), EAST),
    ):
        assert mirror(case, turned)[1](beside).args[0] == Ref("direction", direction)


def test_a_zebra_row_by_hand() -> None:
    family = get_family("zebra")
    case, _ = family.sample_case("1", rng_of("row"))
    mirrored = family.mirrored_case(case, rng_of("any"))
    assert mirrored is not None
    _, same = mirrored
    first, second = Ref("value", 0), Ref("value", 4)
    assert same(Statement("at", (first, Ref("house", 0)))) == Statement("at", (first, Ref("house", 2)))
    assert same(Statement("left_of", (first, second))) == Statement("left_of", (second, first))
    either = Statement("either", (Statement("next", (first, second)), Statement("at", (second, Ref("house", 2)))))
    assert same(either).args[1] == Statement("at", (second, Ref("house", 0)))
