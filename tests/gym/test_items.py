"""Tasks of reasoning-gym: how answers are read, what metadata keeps, what is refused. Most of it needs no library."""

from __future__ import annotations

import importlib.util
import json
import math
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sleuth.datasets.audit import audit
from sleuth.errors import UserError
from sleuth.gym import items as gym
from sleuth.play.terminal import play, show
from sleuth.policy.base import Sampling
from sleuth.policy.baselines import guessing
from sleuth.policy.prompts import ask
from sleuth.puzzles.explain import explain
from sleuth.puzzles.gold import gold_completion
from sleuth.puzzles.puzzle import Puzzle, Question
from sleuth.puzzles.retell import retold

needs_library = pytest.mark.skipif(importlib.util.find_spec("reasoning_gym") is None, reason="needs the extra gym")


def puzzle(number: int = 0, task: str = "chain_sum", **changed: Any) -> Puzzle:
    family = f"reasoning-gym/{task}@9"
    plain = {
        "id": f"{family}/level-default/train/0/{number}",
        "family": family,
        "level": "default",
        "split": "train",
        "seed": 0,
        "index": number,
        "prompt": "1 + 1 =",
        "clues": (),
        "questions": (Question(letter="A", text="1 + 1 =", kind=task, choices=()),),
        "answers": {"A": f"{number}"},
        "meta": {"style": "plain", "metadata": {}},
    }
    return Puzzle.model_validate(plain | changed)


@pytest.mark.parametrize(
    ("completion", "answer"),
    [
        ("A. 42", "42"),
        ("A. 42\n", "42"),
        ("a) 42  ", "42"),
        ("**A.** x y", "x y"),
        ("So it is 42.\nA. 41\nNo.\nA. 42", "42"),
        ("A. 42\n\nI am sure.", "42\n\nI am sure."),
        ("A. 42\nI am sure.", "42\nI am sure."),
        ("A.\n1 2\n3 4\n", "1 2\n3 4"),
        ("A.\n\n1 2 \n  \n 3 4 \n\n", "1 2 \n  \n 3 4"),
        ("A. 1 2\r\n3 4", "1 2\n3 4"),
        ("A.\n```\n1 2\n3 4\n```\nDone.", "1 2\n3 4\nDone."),
        ("A.\n```python\n1 2\n```", "1 2"),
        ("A.", None),
        ("A. \n\n", None),
        ("42", None),
        ("B. 42", None),
        ("A.42", None),
        ("Answer. 42", None),
        ("", None),
    ],
)
def test_an_answer_begins_behind_the_last_letter(completion: str, answer: str | None) -> None:
    assert gym.read_answer(completion) == answer


@given(st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=40), st.text(max_size=20))
def test_what_is_written_is_read_or_known_not_to_be(answer: str, before: str) -> None:
    """Reading back says whether an answer can be written at all; what comes before it plays no part."""
    read = gym.read_answer(gym.written(answer))
    if read == answer:
        assert gym.read_answer(f"A. {before}\n{gym.written(answer)}") == answer
    simple = answer == answer.strip() != "" and "A" not in answer.upper() and "\n" not in answer and "`" not in answer
    assert read == answer or not simple


plain_data = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.fractions(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.sampled_from(["tuple", "map", "fraction", "a"]), inner, max_size=3)
        | st.dictionaries(st.integers(0, 3) | st.tuples(st.integers(0, 3)), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(plain_data)
def test_json_keeps_tuples_and_keys(value: object) -> None:
    back = gym.restored(json.loads(json.dumps(gym.stored(value))))
    assert repr(back) == repr(value)


def test_what_needs_clues_refuses_in_one_line() -> None:
    one = puzzle()
    for refused in (audit, explain, retold, lambda p: play(p, input, print)):
        with pytest.raises(UserError, match="has no clues and rules") as error:
            refused(one)
        assert "\n" not in str(error.value)
    with pytest.raises(UserError, match="take mode answer or reason"):
        ask(one, "program")


def test_shown_as_it_is() -> None:
    assert show(puzzle(7)) == f"{puzzle(7).id}\n\n1 + 1 ="
    assert show(puzzle(answers={"A": "1 2\n3 4"}), solution=True).endswith("1 + 1 =\n\nSolution\nA.\n1 2\n3 4")
    assert show(puzzle(answers={}), solution=True).endswith("\n\nSolution\nnone is stored")


def test_guesses_are_right_answers_to_other_puzzles() -> None:
    puzzles = [puzzle(number) for number in range(3)] + [puzzle(0, "rush_hour", answers={}), puzzle(5, "sudoku")]
    policy = guessing(puzzles, seed=1)
    requests = [ask(one, "answer") for one in puzzles]
    groups = policy.rollout(requests, 40, Sampling(max_new_tokens=1))
    said = [{rollout.text for rollout in group} for group in groups]
    assert said == [{"A. 1", "A. 2"}, {"A. 0", "A. 2"}, {"A. 0", "A. 1"}, {""}, {""}]
    again = guessing(puzzles[::-1], seed=1).rollout(requests[:1], 40, Sampling(max_new_tokens=1))
    assert {rollout.text for rollout in again[0]} == {"A. 1", "A. 2"}


def test_targets_are_answers_alone() -> None:
    assert gold_completion(puzzle(3), "answer") == "A. 3"
    assert gold_completion(puzzle(answers={"A": "1\n2"}), "answer") == "A.\n1\n2"
    with pytest.raises(UserError, match="no reasoning to show a model: sft"):
        gold_completion(puzzle(3), "reason")
    with pytest.raises(UserError, match="no answers to show"):
        gold_completion(puzzle(answers={}), "answer")


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "reasoning_gym", None)
    monkeypatch.setitem(sys.modules, "reasoning_gym.factory", None)
    with pytest.raises(UserError, match=r"pip install 'sleuth\[gym\]'"):
        gym.source_of("reasoning-gym/no_such_task")


def test_puzzles_of_our_own_do_not_load_it() -> None:
    code = (
        "import sys, sleuth; [p] = sleuth.make('zebra'); sleuth.grade(p, 'A. x'); sleuth.solve(p.prompt)\n"
        "import sleuth.cli, sleuth.commands, sleuth.evaluation.evaluate, sleuth.datasets.completions\n"
        "print([name for name in sys.modules if name.startswith(('reasoning_gym', 'matplotlib'))])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"


@needs_library
def test_names_and_versions() -> None:
    task = gym.source_of("reasoning-gym/sudoku")
    assert gym.source_of(task.id) == task
    with pytest.raises(UserError, match="did you mean 'reasoning-gym/sudoku'"):
        gym.source_of("reasoning-gym/sudoko")
    with pytest.raises(UserError, match="the order of sets"):
        gym.source_of("reasoning-gym/codeio")
    with pytest.raises(UserError, match=r"pip install reasoning-gym==0\.0\.1"):
        gym.source_of("reasoning-gym/sudoku@0.0.1")
    assert set(gym.LEFT_OUT) | set(gym.task_names()) == set(gym.library().DATASETS)


@needs_library
def test_a_split_without_puzzles_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    item: dict[str, Any] = {"question": "1 + 1 =", "answer": "2", "metadata": {}}
    monkeypatch.setattr(gym, "sample_item", lambda task, seed: item)
    splits = []
    for split in ("train", "val", "test"):
        try:
            splits.append(gym.make_task_puzzle("reasoning-gym/chain_sum", split, 0, 0).puzzle.split)
        except UserError as error:
            assert "too few" in str(error)
    assert len(splits) == 1
    for unwritable in ("", "\n1", "1\nA. 2", " 1"):
        item["answer"] = unwritable
        with pytest.raises(UserError, match="300 attempts"):
            gym.make_task_puzzle("reasoning-gym/chain_sum", splits[0], 0, 0)
    for lost in ({1, 2}, math.nan, object()):
        item |= {"answer": "2", "metadata": {"a": lost}}
        with pytest.raises(UserError, match="300 attempts"):
            gym.make_task_puzzle("reasoning-gym/chain_sum", splits[0], 0, 0)
