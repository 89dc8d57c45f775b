"""Grading by somebody else's scorers: outcomes, faults, what is never run, and the worker's bounds."""

from __future__ import annotations

import importlib.util
import math
from typing import Any

import pytest

from sleuth.datasets.make import PuzzleSpec
from sleuth.errors import UserError
from sleuth.grading.grade import grade
from sleuth.grading.worker import Worker, grade_safely
from sleuth.gym import scorer as grading
from sleuth.gym.scorer import harmless
from sleuth.puzzles.puzzle import Puzzle
from sleuth.puzzles.score import Outcome

needs_library = pytest.mark.skipif(importlib.util.find_spec("reasoning_gym") is None, reason="needs the extra gym")


def puzzle(task: str) -> Puzzle:
    return PuzzleSpec(f"reasoning-gym/{task}", "default", "train", 1, 0).make(0).puzzle


@pytest.mark.parametrize(
    "text",
    (
        *("3", "-1.5e3", "0 1 0\n1 0 1", "Q _ _", "[[0, 1], [1, 0]]", "['A', 'B']", "x**3/3 + C", "(3 + 4) * 5 - 6/2"),
        *("exp(x)*sin(2*x) + log(x)", "None", "0x1f >> 0x2", "((((1))))", "", "a if b else c"),
    ),
)
def test_values_are_harmless(text: str) -> None:
    assert harmless(text)


@pytest.mark.parametrize(
    "text",
    (
        *('__import__("os")', "x.y", "(1).__class__", "print(1)", "f(1)", "[x for x in y]", "lambda: 1", "a[0]"),
        *(
            "'a' + 'b('",
            'sin("print(1)")',
            "sin(x, evaluate=False)",
            "sin(*x)",
            "(sin)(x)(y)",
            "{}",
            "f'{x}'",
            "x := 1",
        ),
        *("(x := 1)", "1; 2", "b'x'", "'a' 'b()'", "(" * 5000, "-" * 100_000 + "1", "\x00", "1 +", "eval\n(x)"),
    ),
)
def test_more_than_values_is_not(text: str) -> None:
    assert not harmless(text)


def test_a_scorer_s_own_variables_are_no_answer() -> None:
    assert harmless("[[oracle_answer]]") and not harmless("[[oracle_answer]]", ("self", "oracle_answer"))
    assert not harmless("oracle\u200banswer", ("answer",)) and not harmless("ｏracle", ("oracle",))


@needs_library
@pytest.mark.parametrize(
    ("task", "answer"),
    [
        ("spiral_matrix", "[oracle_answer]"),
        ("binary_matrix", "[[oracle_answer]]"),
        ("string_insertion", "oracle_answer"),
        ("n_queens", "[valid_solutions]"),
    ],
)
def test_the_right_answer_is_not_had_by_its_name(task: str, answer: str) -> None:
    assert grade(puzzle(task), f"A. {answer}").reward == 0.0


class _Scorer:
    def __init__(self, value: Any) -> None:
        self.value = value

    def score_answer(self, answer: str, item: dict[str, Any]) -> Any:
        if isinstance(self.value, BaseException):
            raise self.value
        return self.value


@needs_library
@pytest.mark.parametrize(
    ("value", "outcome", "reward"),
    [
        (1.0, Outcome.CORRECT, 1.0),
        (True, Outcome.CORRECT, 1.0),
        (0.999, Outcome.PARTLY, 0.999),
        (0.01, Outcome.PARTLY, 0.01),
        (0, Outcome.WRONG, 0.0),
        (-2, Outcome.WRONG, 0.0),
        (7, Outcome.CORRECT, 1.0),
        (math.nan, Outcome.WRONG, 0.0),
        (None, Outcome.WRONG, 0.0),
        (ValueError("a\nb"), Outcome.WRONG, 0.0),
        (RecursionError(), Outcome.WRONG, 0.0),
    ],
)
def test_outcomes(monkeypatch: pytest.MonkeyPatch, value: Any, outcome: Outcome, reward: float) -> None:
    one = puzzle("chain_sum")
    monkeypatch.setattr(grading, "data_set", lambda task: _Scorer(value))
    score = grade(one, "A. 12")
    assert (score.outcome, score.reward, score.correct) == (outcome, reward, reward == 1)
    assert (score.answers, score.right) == ({"A": "12"}, {"A": reward == 1})
    if isinstance(value, BaseException | None):
        assert score.detail.startswith("its scorer failed")


@needs_library
def test_nothing_to_score() -> None:
    one = puzzle("chain_sum")
    assert grade(one, "12").outcome == Outcome.UNREADABLE
    assert grade(one, "12", "reason", truncated=True).outcome == Outcome.TRUNCATED
    assert grade(one, "A. " + "1" * 30_000).outcome == Outcome.UNDECIDED
    with pytest.raises(UserError, match="mode answer or reason"):
        grade(one, "A. 12", "program")
    with pytest.raises(UserError, match=r"pip install reasoning-gym==0\.0\.1"):
        grade(one.model_copy(update={"family": "reasoning-gym/chain_sum@0.0.1"}), "A. 12")
    with pytest.raises(UserError, match="metadata is missing"):
        grade(one.model_copy(update={"meta": {}}), "A. 12")
    damaged = ({"fraction": "x"}, {"fraction": "1/0"}, {"tuple": 5}, {"map": [[[1], 2]]}, [1], None)
    for metadata in damaged:
        with pytest.raises(UserError, match="metadata is damaged"):
            grade(one.model_copy(update={"meta": {"metadata": metadata}}), "A. 12")
    with pytest.raises(UserError, match="answers to B"):
        grade(one.model_copy(update={"answers": {"B": "3"}}), "A. 12")


@needs_library
def test_the_library_s_own_scores() -> None:
    """Worked out from its documentation: a sum in a sentence earns its share of the characters, a sum alone all."""
    one = puzzle("chain_sum")
    gold = one.answers["A"]
    assert grade(one, f"A. {gold}").reward == 1.0
    score = grade(one, f"A. it is {gold}")
    assert score.outcome == Outcome.PARTLY
    assert score.reward == pytest.approx(len(gold) / (len(gold) + 6))


@needs_library
def test_a_file_of_puzzles_runs_nothing(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    touch = '__import__("pathlib").Path("hit").touch()'
    for task, key in (("bitwise_arithmetic", "problem"), ("simple_integration", "integrand")):
        one = puzzle(task)
        one.meta["metadata"][key] = touch
        assert grade(one, "A. 1").outcome == Outcome.WRONG
    one = puzzle("number_sorting").model_copy(update={"answers": {"A": touch}})
    assert grade(one, "A. [1]").outcome == Outcome.WRONG
    assert not (tmp_path / "hit").exists()


@needs_library
def test_the_worker_ends_what_takes_too_long() -> None:
    one = puzzle("puzzle24")
    worker = Worker(seconds=4.0, module="reasoning_gym")
    try:
        assert worker.grade(one, f"A. {one.answers['A']}", "answer").correct
        score = worker.grade(one, "A. (9**9**8 + 1)**9**8", "answer")
        assert score.outcome == Outcome.UNDECIDED
        assert "longer than 4 s" in score.detail
        assert worker.grade(one, f"A. {one.answers['A']}", "answer").correct
    finally:
        worker.kill()


@needs_library
def test_graded_safely_as_in_place() -> None:
    """Boxnet's scorer raises on a number; the rest of the plain data comes through the worker as it is."""
    for task in ("boxnet", "mini_sudoku"):
        one = puzzle(task)
        for completion in ("A. 0", "A.\n1 2 3 4\n1 2 3 4\n1 2 3 4\n1 2 3 4", "nothing"):
            assert grade_safely(one, completion) == grade(one, completion)
    assert grade_safely(puzzle("boxnet"), "A. 0").detail.startswith("its scorer failed: TypeError")


@needs_library
@pytest.mark.parametrize(
    "form",
    [
        "A. **{}**",
        "A. {}.",
        "* A. {}",
        "A. $\\boxed{{{}}}$",
        "<answer>A. {}</answer>",
        "A.{}",
        "A. {}<|im_end|>",
        "<think>A. 0</think>\nA. {}",
    ],
)
def test_what_is_wrapped_around_an_answer_is_taken_off(form: str) -> None:
    for task in ("chain_sum", "letter_counting", "knights_knaves"):
        one = puzzle(task)
        assert grade(one, form.format(one.answers["A"])).correct
    assert grade(puzzle("chain_sum"), "<think>A. 3").outcome == Outcome.TRUNCATED
    assert not grade(puzzle("letter_counting"), f"**A.** {form.format('99')}", strict_format=True).correct
