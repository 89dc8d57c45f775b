"""What every task of reasoning-gym promises as a family, on some of each sort: numbers, words, grids, no answer,
answers that are scored in parts, metadata of tuples and of numbers as keys."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest

from sleuth.datasets.files import read_puzzles, write_puzzles
from sleuth.datasets.make import PuzzleSpec, first_level, make_puzzles
from sleuth.gym import items as gym
from sleuth.gym.scorer import GIVEN, RUN_BY_SCORERS, grade_task, harmless
from sleuth.policy.base import Sampling
from sleuth.policy.baselines import solver
from sleuth.policy.prompts import ask
from sleuth.puzzles.canonical import SPLITS, split_of
from sleuth.puzzles.puzzle import Puzzle
from sleuth.puzzles.score import Outcome
from sleuth.puzzles.task import Made

pytestmark = pytest.mark.skipif(importlib.util.find_spec("reasoning_gym") is None, reason="needs the extra gym")

TASKS = (
    *("arc_1d", "binary_matrix", "boxnet", "chain_sum", "countdown", "graph_color", "gsm_symbolic", "knights_knaves"),
    *("mini_sudoku", "propositional_logic", "rearc", "rush_hour", "spell_backward", "syllogism", "tower_of_hanoi"),
)
WITHOUT_ANSWER = {"boxnet", "rush_hour"}
OTHERS = ("0", "1", "yes", "[]", "0 1\n1 0", "(1 + 2) * 3")
"""Answers that are hardly right."""

every_task = pytest.mark.parametrize("task", TASKS)


@cache
def made(task: str) -> list[Made]:
    name = gym.PREFIX + task
    return [PuzzleSpec(name, "default", split, 3, index).make(index) for index, split in enumerate(SPLITS)]


def own_item(puzzle: Puzzle, attempt: int) -> dict[str, Any]:
    """The item of a puzzle, drawn again from a data set of its own."""
    task = gym.source_of(puzzle.family)
    key = (task.name, task.version, puzzle.level, puzzle.split, puzzle.seed, puzzle.index, attempt)
    seed = int.from_bytes(hashlib.sha256("\x1f".join(map(str, key)).encode()).digest()[:16], "big")
    built, settings = gym.library().DATASETS[task.task]
    item: dict[str, Any] = built(config=settings(seed=Random(seed).getrandbits(31), size=1))[0]
    return item


@every_task
def test_a_puzzle_is_the_item_of_its_key_in_its_split(task: str) -> None:
    for one, split in zip(made(task), SPLITS, strict=True):
        puzzle, item = one.puzzle, own_item(one.puzzle, one.attempt)
        assert (
            puzzle.id
            == f"reasoning-gym/{task}@{gym.source_of(puzzle.family).version}/level-default/{split}/3/"
            + str(puzzle.index)
        )
        assert (puzzle.prompt, puzzle.clues, puzzle.split) == (item["question"], (), split)
        assert [question.letter for question in puzzle.questions] == ["A"]
        text = f"reasoning-gym/{task}\n{' '.join(item['question'].lower().split())}"
        assert split_of(hashlib.sha256(text.encode()).hexdigest()[:32]) == split
        assert gym.item_of(puzzle) == item
        assert ("A" in puzzle.answers) == (task not in WITHOUT_ANSWER)


@every_task
def test_files_keep_what_the_scorer_looks_at(task: str, tmp_path: Path) -> None:
    puzzles = [one.puzzle for one in made(task)]
    for suffix in (".jsonl", ".parquet"):
        path = tmp_path / f"puzzles{suffix}"
        write_puzzles(path, puzzles)
        read = read_puzzles(path)
        assert read == puzzles
        for one, puzzle in zip(made(task), read, strict=True):
            item = own_item(puzzle, one.attempt)
            gold = list(puzzle.answers.values())
            for answer in [*gold, *OTHERS]:
                expected = grade_task(puzzle, gym.written(answer), False)
                if expected.detail.startswith("its scorer failed"):
                    with pytest.raises(Exception):  # noqa: B017 whatever somebody else's code raises
                        gym.data_set(task).score_answer(answer, item)
                else:
                    told = expected.answers["A"]  # a choice told in other letters is the choice
                    assert gym.data_set(task).score_answer(told, item) == expected.reward, answer


@every_task
def test_the_stored_answer_is_right(task: str) -> None:
    puzzles = [one.puzzle for one in made(task)]
    requests = [ask(puzzle, "answer") for puzzle in puzzles]
    for puzzle, [rollout] in zip(puzzles, solver(puzzles).rollout(requests, 1, Sampling(1)), strict=True):
        score = grade_task(puzzle, "Some thoughts.\nA. no\n\n" + rollout.text, False)
        if task in WITHOUT_ANSWER:
            assert rollout.text == ""
        else:
            assert (score.outcome, score.reward, score.right) == (Outcome.CORRECT, 1.0, {"A": True})
            assert score.answers == puzzle.answers


def test_the_same_in_any_process() -> None:
    code = (
        "import hashlib\n"
        "from tests.gym.test_tasks import TASKS, made\n"
        "for task in reversed(TASKS):\n"
        "    text = ''.join(one.puzzle.model_dump_json() for one in made(task))\n"
        "    print(task, hashlib.sha256(text.encode()).hexdigest())\n"
    )
    found = set()
    for hash_seed in ("1", "2"):
        environment = os.environ | {
            "PYTHONHASHSEED": hash_seed,
            "PYTHONPATH": os.pathsep.join([*sys.path, str(Path.cwd())]),
        }
        ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
        found.add(ran.stdout)
    assert len(found) == 1
    assert found.pop().count("\n") == len(TASKS)


def test_all_of_a_file_are_different_though_the_task_has_few() -> None:
    order = PuzzleSpec("reasoning-gym/tower_of_hanoi", first_level("reasoning-gym/tower_of_hanoi"), "train", 0, 12)
    puzzles = list(make_puzzles(order, workers=1))
    assert len({puzzle.prompt for puzzle in puzzles}) == 12
    single = {order.make(index).puzzle.prompt for index in range(12)}
    assert len(single) < 12, "nothing was drawn again: take another task"


def test_scorers_that_run_answers_are_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers that would make a file are given to the bare scorers; the grader lets none through."""
    monkeypatch.chdir(tmp_path)
    hit = tmp_path / "hit"
    touch = '__import__("pathlib").Path("hit").touch()'
    payloads = (touch, f"[{touch}]", f"({touch}) + 1", f"sin({touch!r})")
    known = {task for task, what in RUN_BY_SCORERS.items() if GIVEN in what}
    running = set()
    for task in sorted({*TASKS, *RUN_BY_SCORERS}):
        puzzle = PuzzleSpec(gym.PREFIX + task, "default", "train", 3, 0).make(0).puzzle
        for payload in payloads:
            grade_task(puzzle, f"A. {payload}", False)
            assert not hit.exists(), (task, payload)
            with contextlib.suppress(Exception):
                gym.data_set(task).score_answer(payload, gym.item_of(puzzle))
            if hit.exists():
                running.add(task)
                hit.unlink()
    assert running == known


@pytest.mark.parametrize("task", sorted(RUN_BY_SCORERS))
def test_what_is_right_is_harmless(task: str) -> None:
    for index in range(5):
        puzzle = PuzzleSpec(gym.PREFIX + task, "default", "train", 5, index).make(index).puzzle
        assert harmless(puzzle.answers["A"]), puzzle.answers
        assert grade_task(puzzle, gym.written(puzzle.answers["A"]), False).correct
