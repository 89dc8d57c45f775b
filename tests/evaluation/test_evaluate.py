"""Asking a suite, and asking again, with scripts in place of models."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from sleuth.errors import UserError
from sleuth.evaluation.evaluate import evaluate, graded_by
from sleuth.evaluation.summary import answering, summarise
from sleuth.policy.base import Request, Sampling
from sleuth.policy.scripted import ScriptedPolicy
from sleuth.puzzles.generate import make_puzzle
from sleuth.puzzles.gold import gold_completion
from sleuth.puzzles.puzzle import Puzzle
from sleuth.puzzles.score import Outcome
from sleuth.puzzles.temporal_clue.original.grader import grade_original, pages_of_2025
from sleuth.runs.rows import EvaluationRow, read_parquet, to_parquet

PUZZLES = [make_puzzle("temporal-clue", "1", "test", 5, index).puzzle for index in range(4)]
RIGHT = {puzzle.prompt: gold_completion(puzzle, "program") for puzzle in PUZZLES}
GREEDY = Sampling(8, temperature=0)


def write(request: Request, sample: int) -> str:
    """Right at once, after one turn, after two, never."""
    right = RIGHT[request.user]
    turns = len(request.turns)
    lines = right.split("\n")
    match list(RIGHT).index(request.user):
        case 0:
            return right
        case 1:
            return right if turns else "\n".join(lines[:-1])
        case 2:
            return right if turns == 2 else f"{lines[0]}\nhm {turns}"
        case _:
            return "not this"


def _as_in_2025(rows: Sequence[EvaluationRow], puzzles: Sequence[Puzzle]) -> list[EvaluationRow]:
    return graded_by(grade_original, rows, pages_of_2025(puzzles))


def test_what_gives_no_answer_is_asked_again() -> None:
    asked: list[Request] = []

    def noted(request: Request, sample: int) -> str:
        asked.append(request)
        return write(request, sample)

    done: list[int] = []
    rows = evaluate(ScriptedPolicy(noted), PUZZLES, "program", GREEDY, progress=done.append, retries=2)
    assert [row.outcome for row in rows] == [Outcome.CORRECT] * 3 + [Outcome.UNREADABLE]
    assert [len(row.turns) for row in rows] == [0, 1, 2, 2]
    assert len(asked) == 4 + 3 + 2 and sum(done) == 4 * 3
    again = " Write the whole program again."
    assert rows[1].turns == ((write(asked[1], 0), "Several worlds obey the statements." + again),)
    first = RIGHT[PUZZLES[2].prompt].split("\n")[0]
    assert rows[2].turns == (
        (f"{first}\nhm 0", "Line 2: 'hm 0' is no statement." + again),
        (f"{first}\nhm 1", "Line 2: 'hm 1' is no statement." + again),
    )
    assert rows[2].completion == RIGHT[PUZZLES[2].prompt] and rows[2].prompt == PUZZLES[2].prompt
    assert [(turn.completion, turn.said) for turn in asked[-2].turns] == list(rows[2].turns) and asked[
        -2
    ].user == PUZZLES[2].prompt
    # No more than what was asked for, and none where none is asked for.
    rows = evaluate(ScriptedPolicy(write), PUZZLES, "program", GREEDY, retries=1)
    assert [len(row.turns) for row in rows] == [0, 1, 1, 1]
    assert all(row.turns == () for row in evaluate(ScriptedPolicy(write), PUZZLES, "program", GREEDY))


def test_an_answer_is_never_asked_again_even_a_wrong_one() -> None:
    """A world of another puzzle's: whoever does not know the solution cannot know that it is wrong."""
    puzzle = PUZZLES[0]
    letters = list(puzzle.answers)
    wrong = puzzle.model_copy(update={"answers": dict.fromkeys(letters, "nobody")})
    [row] = evaluate(ScriptedPolicy(write), [wrong], "program", GREEDY, retries=3)
    assert (row.outcome, row.turns) == (Outcome.WRONG, ())
    figures = answering([row])
    assert (figures.answered.mean, figures.errors) == (1, 1) and figures.right is not None and figures.right.mean == 0


def test_reasoning_is_asked_again_until_it_is_right_and_what_is_right_at_once_is_counted_apart() -> None:
    """Right at once; after a wrong answer; after nothing readable; never."""

    def told(request: Request, sample: int) -> str:
        place = list(RIGHT).index(request.user)
        right = gold_completion(PUZZLES[place], "answer")
        wrong = "\n".join(f"{letter}. nobody" for letter in PUZZLES[place].answers)
        return [right, right if request.turns else wrong, right if request.turns else "hm", wrong][place]

    rows = evaluate(ScriptedPolicy(told), PUZZLES, "reason", GREEDY, retries=1)
    assert [(row.correct, [said for _, said in row.turns]) for row in rows] == [
        (True, []),
        (True, ["Not all of these answers are right. Think again."]),
        (True, ["No answers could be read. Think again."]),
        (False, ["Not all of these answers are right. Think again."]),
    ]
    turns = summarise(rows, 1, "reason").turns
    assert {name: interval.mean for name, interval in turns.items()} == {
        "again": 0.75,
        "right_by_1": 0.25,
        "right_by_2": 0.75,
    }


def test_samples_are_asked_again_one_by_one() -> None:
    def some(request: Request, sample: int) -> str:
        return RIGHT[request.user] if request.turns or sample == 1 else f"hm {sample}"

    rows = evaluate(ScriptedPolicy(some), PUZZLES[:2], "program", GREEDY, samples=3, retries=2)
    assert [(row.puzzle_id, row.sample, len(row.turns)) for row in rows] == [
        (puzzle.id, sample, sample != 1) for puzzle in PUZZLES[:2] for sample in range(3)
    ]
    assert [row.turns[0][0] for row in rows if row.turns] == ["hm 0", "hm 2"] * 2


def test_figures_of_answering_by_hand() -> None:
    rows = evaluate(ScriptedPolicy(write), PUZZLES, "program", GREEDY, retries=1)
    figures = answering(rows)
    assert figures.answered.mean == 0.5 and figures.errors == 0
    assert figures.right is not None and (figures.right.mean, figures.right.n) == (1.0, 2)
    # Wilson's interval of 2 of 4 and of 2 of 2.
    assert (figures.answered.low, figures.answered.high) == (
        pytest.approx(0.1500, abs=1e-4),
        pytest.approx(0.8500, abs=1e-4),
    )
    assert figures.right.low == pytest.approx(2 / (2 + 1.959964**2), abs=1e-4) and figures.right.high == 1
    nothing = answering([row for row in rows if row.outcome is Outcome.UNREADABLE])
    assert (nothing.answered.mean, nothing.right, nothing.errors) == (0, None, 0)


def test_turns_are_kept_in_the_file(tmp_path: Path) -> None:
    rows = evaluate(ScriptedPolicy(write), PUZZLES, "program", GREEDY, retries=2)
    path = tmp_path / "e.parquet"
    path.write_bytes(to_parquet(EvaluationRow, rows))
    assert read_parquet(EvaluationRow, path) == rows


def test_a_file_from_before_there_were_turns_is_read(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    rows = evaluate(ScriptedPolicy(write), PUZZLES, "program", GREEDY)
    path = tmp_path / "e.parquet"
    path.write_bytes(to_parquet(EvaluationRow, rows))
    pq.write_table(pq.read_table(path).drop_columns(["turns"]), path)
    assert read_parquet(EvaluationRow, path) == rows


def test_pages_of_2025_have_a_second_grade() -> None:
    """A time is right for us and never was in 2025; a guess after the answer block is ignored by us and was the answer
    in 2025; other pages have no second grade."""
    page = make_puzzle("temporal-clue", "reference", "test", 5, 0, "original").puzzle
    letter = next(question.letter for question in page.questions if question.kind == "suspect")
    timed = page.model_copy(update={"id": "timed", "answers": {letter: "9:30 PM"}})
    answers = "\n".join(f"{name}. {answer}" for name, answer in page.answers.items())
    guess = next(q.choices for q in page.questions if q.letter == letter)[0]
    wrong = next(choice for q in page.questions if q.letter == letter for choice in q.choices if choice != guess)
    single = page.model_copy(update={"answers": {letter: guess}})
    policy = ScriptedPolicy(lambda request, sample: f"{letter}. {guess}\nor rather {letter}. {wrong}")
    [ours] = evaluate(policy, [single], "answer", GREEDY)
    [theirs] = _as_in_2025([ours], [single])
    assert (ours.outcome, theirs.outcome) == (Outcome.CORRECT, Outcome.WRONG)
    assert (theirs.reward, theirs.correct, theirs.answers) == (0.0, False, {letter: wrong.lower()})
    assert (theirs.completion, theirs.puzzle_id, theirs.gold) == (ours.completion, ours.puzzle_id, ours.gold)
    [row] = evaluate(ScriptedPolicy(lambda request, sample: f"{letter}. 9:30 PM"), [timed], "reason", GREEDY)
    assert _as_in_2025([row], [timed])[0].outcome is Outcome.UNREADABLE
    [whole] = evaluate(ScriptedPolicy(lambda request, sample: answers), [page], "answer", GREEDY)
    kinds = [question.kind for question in page.questions]
    assert whole.correct and _as_in_2025([whole], [page])[0].reward == 1 - kinds.count("time") / len(kinds)
    plain = evaluate(ScriptedPolicy(write), PUZZLES, "answer", GREEDY)
    assert _as_in_2025(plain, PUZZLES) == []


@pytest.mark.parametrize(("mode", "retries"), [("answer", 1), ("python", 2), ("program", -1)])
def test_retries_that_cannot_be(mode: str, retries: int) -> None:
    with pytest.raises(UserError, match="--retries"):
        evaluate(ScriptedPolicy(write), PUZZLES, mode, GREEDY, retries=retries)  # type: ignore[arg-type]
