"""Which puzzles a run is trained on, and in what order."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from sleuth.config import RunConfig
from sleuth.datasets.make import PuzzleSpec, make_puzzles
from sleuth.errors import UserError
from sleuth.puzzles.puzzle import Puzzle
from sleuth.training import curriculum
from sleuth.training.curriculum import Curriculum, is_of, suite_slots

LEVELS = [{"level": "1"}, {"level": "2", "weight": 3.0}]


def config(puzzles: dict[str, Any] | None = None, **sections: Any) -> RunConfig:
    grpo = {"steps": 10, "puzzles_per_step": 4} | sections.pop("grpo", {})
    data = {"sft": {"examples": 6}, "grpo": grpo, "puzzles": puzzles or {}}
    return RunConfig.model_validate(data | sections)


def shown(curriculum: Curriculum) -> list[Puzzle]:
    """The puzzles of the warm start."""
    return [puzzle for puzzle, _ in curriculum.examples()]


def ids(puzzles: Any) -> list[str]:
    return [puzzle.id for puzzle in puzzles]


def test_one_source_is_one_stream_without_a_gap() -> None:
    curriculum = Curriculum(config())
    wanted = ids(make_puzzles(PuzzleSpec("temporal-clue", "1", "train", 0, 6, "terse"), 1))
    assert ids(shown(curriculum)) == wanted
    asked = [ids(curriculum.asked(step)) for step in (1, 2)]
    assert [key.rsplit("/", 1)[1] for step in asked for key in step] == [str(number) for number in range(6, 14)]
    assert ids(Curriculum(config()).asked(2)) == asked[1], "a step hangs on no step before it"


def test_refills_have_numbers_of_their_own() -> None:
    curriculum = Curriculum(config(grpo={"refill": 2}))
    numbers = [[int(key.rsplit("/", 1)[1]) for key in ids(curriculum.asked(step))] for step in (1, 2)]
    assert numbers == [list(range(6, 12)), list(range(12, 18))]


def test_a_fixed_set_comes_round_again() -> None:
    curriculum = Curriculum(config({"fixed": 4}))
    first = ids(shown(curriculum))
    assert first[4:] == first[:2] and len(set(first)) == 4
    assert ids(curriculum.asked(1)) == ids(curriculum.asked(2)) == first[:4]


def test_a_mixture_is_drawn_by_weight_and_repeats_nothing() -> None:
    many = config({"mixture": LEVELS}, grpo={"puzzles_per_step": 200})
    puzzles = list(Curriculum(many).asked(1))
    counts = Counter(puzzle.level for puzzle in puzzles)
    assert 120 < counts["2"] < 178  # 150 expected, deviation 6
    assert len(set(ids(puzzles))) == 200
    assert [puzzle.id for puzzle in Curriculum(many).asked(1)] == ids(puzzles)


def test_a_schedule_brings_sources_in_and_out() -> None:
    mixture = [{"level": "1", "ends": 0.5}, {"level": "2", "begins": 0.5}]
    curriculum = Curriculum(config({"mixture": mixture}))
    levels = [{puzzle.level for puzzle in curriculum.asked(step)} for step in range(1, 11)]
    assert levels == [{"1"}] * 5 + [{"2"}] * 5
    assert [puzzle.level for puzzle in shown(curriculum)] == ["1"] * 3 + ["2"] * 3


def outcomes(curriculum: Curriculum, step: int, right: float) -> list[tuple[Puzzle, bool]]:
    puzzles = list(curriculum.asked(step))
    return [(puzzle, number < right * len(puzzles)) for number, puzzle in enumerate(puzzles)]


def test_a_curriculum_by_success_moves_on_and_back_from_its_state() -> None:
    mixture = [{"level": "1"}, {"level": "2"}]
    recipe = config({"mixture": mixture, "enter": 0.7, "leave": 0.9, "memory": 0.5})
    curriculum = Curriculum(recipe)
    assert {puzzle.level for puzzle in curriculum.asked(1)} == {"1"}
    curriculum.learn(outcomes(curriculum, 1, 0.5))  # mean 0.5
    assert curriculum.state()["active"] == [0]
    curriculum.learn(outcomes(curriculum, 2, 1.0))  # 0.5 · 0.5 + 0.5 · 1 = 0.75: the next comes in
    assert curriculum.state() == {"active": [0, 1], "success": [0.75, None]}
    again = Curriculum(recipe, curriculum.state())
    assert ids(again.asked(3)) == ids(curriculum.asked(3))
    level_1 = list(Curriculum(recipe).asked(3))
    told = curriculum.learn([(puzzle, True) for puzzle in level_1] * 2)  # 0.875
    assert curriculum.state()["active"] == [0, 1] and told["source/temporal-clue-1-terse"] == 1.0
    told = curriculum.learn([(puzzle, True) for puzzle in level_1])  # 0.9375 > 0.9: level 1 goes out
    assert curriculum.state()["active"] == [1] and told["hardest_source"] == 1.0


def test_suites_ask_as_many_of_every_source() -> None:
    slots = suite_slots(config({"mixture": LEVELS}).puzzles, "val", 3, 10)
    assert Counter(order.level for order, _ in slots) == {"1": 5, "2": 5}
    assert [index for _, index in slots] == list(range(10))


def test_sources_that_differ_in_names_alone_are_told_apart() -> None:
    sources = [{"level": "1", "names": "pool"}, {"level": "1", "names": "coined"}]
    recipe = config({"mixture": sources, "enter": 0.7})
    suite = [order.make(index).puzzle for order, index in suite_slots(recipe.puzzles, "val", 3, 6)]
    assert len({puzzle.id for puzzle in suite}) == 6
    kept = [[is_of(puzzle, source) for source in recipe.puzzles.sources] for puzzle in suite]
    assert kept == [[True, False], [False, True]] * 3
    curriculum = Curriculum(recipe)
    curriculum.learn([(puzzle, True) for puzzle in suite[::2]])
    assert curriculum.state() == {"active": [0, 1], "success": [1.0, None]}


@pytest.mark.parametrize(
    ("puzzles", "said"),
    [
        ({"enter": 0.7}, "two or more"),
        ({"mixture": [{"begins": 0.5}]}, "without a source"),
        ({"mixture": [{"ends": 0.5}, {"begins": 0.6}]}, "without a source"),
        ({"mixture": [{"begins": 0.6, "ends": 0.5}, {}]}, "begins before it ends"),
        ({"mixture": [{"ends": 0.5}, {}], "enter": 0.5}, "take one"),
    ],
)
def test_impossible_mixtures_are_refused(puzzles: dict[str, Any], said: str) -> None:
    with pytest.raises((ValueError, UserError), match=said):
        config(puzzles)


def test_variants_and_nano_models_take_up_their_examples_anywhere() -> None:
    """Whatever was shown before is not made again."""
    for sections in ({"model": {"kind": "nano"}}, {"sft": {"examples": 20, "variants": 3}}):
        many = RunConfig.model_validate({"mode": "reason", "sft": {"examples": 20}, **sections})
        whole = list(Curriculum(many).examples())
        assert len(whole) == 20 and list(Curriculum(many).examples(13)) == whole[13:]


def test_many_examples_are_not_made_before_the_first_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    def make_all(slots: Any) -> Any:
        raise AssertionError(f"{len(slots)} puzzles were to be made beforehand")

    monkeypatch.setattr(curriculum, "make_slots", make_all)
    many = RunConfig.model_validate({"mode": "reason", "sft": {"examples": curriculum.STREAMED}})
    examples = Curriculum(many).examples(curriculum.STREAMED - 2)
    assert len(list(examples)) == 2
