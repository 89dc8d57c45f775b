"""Which puzzles a fixed set takes, against choices worked out by hand."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sleuth.config import PuzzlesConfig, RunConfig
from sleuth.errors import UserError
from sleuth.policy.scripted import ScriptedPolicy
from sleuth.puzzles.gold import gold_completion
from sleuth.recipes import parse_config
from sleuth.training.choice import SAMPLES, by_success, choose, chosen, most_different
from sleuth.training.curriculum import Curriculum


def config(choice: str, **puzzles: Any) -> RunConfig:
    data = {"mode": "answer", "puzzles": {"fixed": 2, "choice": choice} | puzzles, "grpo": {"puzzles_per_step": 2}}
    return parse_config(data, "r.toml")


def test_the_easiest_and_those_at_the_edge_by_hand() -> None:
    solved = [0.0, 1.0, 0.5, 0.875, 0.25, 1.0]
    assert by_success("easiest", solved, 3) == [1, 5, 3]
    assert by_success("edge", solved, 3) == [2, 4, 3]


def test_the_most_different_by_hand() -> None:
    # Word pairs: ab bc; ab bc again; ab bx; yz. Distances from the first: 0, 2/3, 1; then from either: 0, 2/3.
    texts = ["a b c", "a b c", "a b x", "y z"]
    assert (
        most_different(texts, 1) == [0] and most_different(texts, 2) == [0, 3] and most_different(texts, 3) == [0, 3, 2]
    )
    assert sorted(most_different(["same"] * 3, 3)) == [0, 1, 2]


def test_random_and_first_need_no_model_and_hang_on_the_seed_alone() -> None:
    pool = Curriculum(config("random")).pool
    assert len(pool) == 16 and len(Curriculum(config("first")).pool) == 2
    found = [chosen(PuzzlesConfig(fixed=4, choice="random", seed=seed), pool) for seed in (0, 0, 1)]
    assert found[0] == found[1] != found[2] and len(set(found[0])) == 4
    asked = [puzzle.id for puzzle in Curriculum(config("random")).asked(1)]
    assert asked == [pool[place].id for place in chosen(config("random").puzzles, pool)]
    assert [puzzle.id for puzzle in Curriculum(config("first")).asked(1)] == [puzzle.id for puzzle in pool[:2]]


@pytest.mark.parametrize(("choice", "places"), [("easiest", [9, 3]), ("edge", [5, 7])])
def test_what_the_model_solves_decides_once(
    choice: str, places: list[int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Solved of 8 completions: 8 of puzzle 9, 7 of puzzle 3, 4 of puzzle 5, 3 of puzzle 7, none of the others."""
    settings = config(choice)
    curriculum = Curriculum(settings)
    right = {curriculum.pool[place].id: count for place, count in {9: 8, 3: 7, 5: 4, 7: 3}.items()}
    gold = {puzzle.id: gold_completion(puzzle, "answer") for puzzle in curriculum.pool}
    asked: list[str] = []

    def write(request: Any, sample: int) -> str:
        asked.append(request.key)
        return gold[request.key] if sample < right.get(request.key, 0) else "A. nobody"

    def session(given: Curriculum) -> Any:
        run = SimpleNamespace(path=tmp_path)
        return SimpleNamespace(config=settings, curriculum=given, policy=ScriptedPolicy(write), run=run)

    choose(session(curriculum))
    assert len(asked) == 16 * SAMPLES
    of_chosen = "93.8%" if choice == "easiest" else "43.8%"  # 15 and 7 of 16 completions; 22 of 128 of all
    assert f"chose 2 of 16 puzzles: the model solves 17.2% of all, and {of_chosen} of these" in capsys.readouterr().err
    wanted = [curriculum.pool[place].id for place in places]
    assert [puzzle.id for puzzle in curriculum.asked(1)] == wanted
    again = Curriculum(settings)  # as a run that is resumed: nothing is asked
    choose(session(again))
    assert len(asked) == 16 * SAMPLES and [puzzle.id for puzzle in again.asked(1)] == wanted
    (tmp_path / "chosen.json").write_text(json.dumps({"places": [0, 99]}))
    with pytest.raises(UserError, match="should tell the places of 2 puzzles"):
        choose(session(Curriculum(settings)))


def test_a_choice_without_fixed_puzzles_is_refused() -> None:
    with pytest.raises(UserError, match=r"puzzles.choice edge chooses the fixed puzzles; set puzzles.fixed"):
        config("edge", fixed=0)
