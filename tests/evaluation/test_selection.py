"""pass@k, majority@k and best@k, by hand."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from sleuth.config import Mode
from sleuth.datasets.make import PuzzleSpec
from sleuth.evaluation.selection import best_at, ks, majority_at, pass_at, soundest
from sleuth.grading.grade import grade
from sleuth.puzzles.puzzle import Puzzle
from sleuth.puzzles.score import Outcome


@dataclass(frozen=True)
class Row:
    sample: int
    outcome: Outcome = Outcome.WRONG
    verdicts: str = ""
    """d: derived, l: lucky, f: false, u: unread; r and w: lines right and wrong."""
    puzzle_id: str = "p"
    answers: dict[str, str | None] = field(default_factory=dict)

    @property
    def correct(self) -> bool:
        return self.outcome is Outcome.CORRECT

    @property
    def spans(self) -> tuple[tuple[int, int, str], ...]:
        words = {"d": "derived", "l": "lucky", "f": "false", "u": "unread", "r": "right", "w": "wrong"}
        return tuple((place, place + 1, words[letter]) for place, letter in enumerate(self.verdicts))


RIGHT = Outcome.CORRECT


def test_ks() -> None:
    assert [ks(n) for n in (1, 2, 5, 8)] == [[], [1, 2], [1, 2, 4, 5], [1, 2, 4, 8]]


def test_pass_at_is_unbiased() -> None:
    """One of four right: any two hold it with probability 1 - C(3, 2) / C(4, 2) = 1/2."""
    rows = [Row(0), Row(1, RIGHT), Row(2), Row(3), Row(4, Outcome.FAULT)]
    found = [pass_at(rows, k) for k in (1, 2, 4)]
    assert [interval.mean for interval in found if interval is not None] == [0.25, 0.5, 1.0]
    assert pass_at(rows, 5) is None, "a fault is no completion"


@pytest.mark.parametrize(
    ("mode", "rows", "best"),
    [
        ("reason", [Row(0, verdicts="dddf"), Row(1, verdicts="ll")], 1),  # nothing false before more derived
        ("reason", [Row(0, verdicts="ldl"), Row(1, verdicts="dd")], 1),  # then what is derived
        ("reason", [Row(0, verdicts="d"), Row(1, verdicts="dd")], 0),  # the first of equals
        ("reason", [Row(0, Outcome.UNREADABLE, "ddd"), Row(1, verdicts="f")], 1),  # one that answers
        ("reason", [Row(0, verdicts="uuu"), Row(1, verdicts="df")], 1),  # nothing read is nothing sound
        ("program", [Row(0, verdicts="rrw"), Row(1, verdicts="rr")], 1),
        ("program", [Row(0, Outcome.AMBIGUOUS, "rr"), Row(1, verdicts="rw")], 1),
    ],
)
def test_the_soundest_is_chosen(mode: Mode, rows: list[Row], best: int) -> None:
    assert soundest(rows, mode) is rows[best]


def test_best_at_looks_at_the_first_k() -> None:
    rows = [Row(2, RIGHT, "dd"), Row(0, verdicts="df"), Row(1, verdicts="dl")]
    found = [best_at(rows, k, "reason") for k in (1, 2, 3)]
    assert [interval.mean for interval in found if interval is not None] == [0, 0, 1]
    assert (
        best_at(rows, 3, "answer") is None and best_at(rows, 3, "python") is None and best_at(rows, 4, "reason") is None
    )


def test_majority_of_questions_with_choices() -> None:
    puzzle = PuzzleSpec("zebra", "1", "val", 1, 1).make(0).puzzle
    letter = next(iter(puzzle.answers))
    wrong = {**puzzle.answers, letter: "nothing"}
    votes = [wrong, puzzle.answers, wrong, puzzle.answers, puzzle.answers]
    rows = [Row(sample, answers=dict(vote)) for sample, vote in enumerate(votes)]
    found = [majority_at(rows, k, {"p": puzzle}) for k in (1, 2, 4, 5)]
    assert [interval.mean for interval in found if interval is not None] == [0, 0, 0, 1]
    free = puzzle.model_copy(
        update={"questions": tuple(q.model_copy(update={"choices": ()}) for q in puzzle.questions)}
    )
    assert majority_at(rows, 5, {"p": free}) is None


def test_sound_reasoning_is_chosen_before_a_guess() -> None:
    """With real grades: the explanation of a puzzle against its last lines behind a false sentence."""
    from sleuth.puzzles.gold import gold_completion

    puzzle: Puzzle = PuzzleSpec("temporal-clue", "1", "val", 1, 1).make(0).puzzle
    gold = gold_completion(puzzle, "reason")
    question = puzzle.questions[0]
    wrong = next(choice for choice in question.choices if choice != puzzle.answers[question.letter])
    guess = f"{question.letter}. {wrong}"
    rows = []
    for sample, text in enumerate((guess, gold)):
        score = grade(puzzle, text, "reason")
        verdicts = "".join({"derived": "d", "false": "f", "lucky": "l"}.get(part.verdict, "") for part in score.spans)
        rows.append(Row(sample, score.outcome, verdicts))
    assert soundest(rows, "reason").outcome is Outcome.CORRECT
