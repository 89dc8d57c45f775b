"""Mode `program`: outcomes told apart, bounds kept, targets right."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sleuth.grading import Outcome, grade
from sleuth.puzzles.generate import make_puzzle
from sleuth.puzzles.gold import gold_completion
from sleuth.puzzles.puzzle import Puzzle
from sleuth.puzzles.solve import solve_text

PAGE = """Victim: Rex
Suspects: Ada, Ben
Weapons: Rope, Lamp
Map: Hall | Attic

Clues:
Ada was in the Hall.
Rex was in the Attic.
The Lamp was in the Hall.

Questions:
A. Who committed the murder?
B. What was the murder weapon?
C. Where was the Rope?
"""


@pytest.fixture(scope="module")
def puzzle() -> Puzzle:
    """Rex is in the Attic without Ada, so Ben is there and did it; the Lamp is not, so it was the Rope."""
    solution = solve_text(PAGE)
    assert solution.answers == {"A": "Ben", "B": "Rope", "C": "Attic"}
    template = make_puzzle("temporal-clue", "1", "train", 0, 0).puzzle
    return template.model_copy(update={"prompt": PAGE, "clues": (), "questions": (), "answers": solution.answers})


RIGHT = "in(Ada, Hall)\nin(victim, Attic)\nin(Lamp, Hall)"


@pytest.mark.parametrize(
    ("program", "outcome", "reward"),
    [
        (RIGHT, Outcome.CORRECT, 1.0),
        ("```\n" + RIGHT.upper() + "\n```\n", Outcome.CORRECT, 1.0),
        # Not the clues, but the one world all the same.
        (
            "murderer(Ben)\nscene(Attic)\nin(Ada, Hall)\nalone(Ada, Hall)\nweapon(Rope)\nnot_in(Lamp, Attic)",
            Outcome.CORRECT,
            1.0,
        ),
        # Enough to answer every question, but not the whole story: the Lamp may be anywhere.
        ("in(Ada, Hall)\nin(victim, Attic)\nweapon(Rope)", Outcome.AMBIGUOUS, 0.0),
        ("in(Ada, Attic)\nin(victim, Attic)\nin(Lamp, Hall)", Outcome.PARTLY, 2 / 3),
        ("in(Ben, Attic)\nin(victim, Hall)\nin(Rope, Attic)\nin(Ada, Hall)\nin(Lamp, Hall)", Outcome.PARTLY, 1 / 3),
        (
            "in(Ben, Attic)\nin(victim, Hall)\nin(Lamp, Hall)\nin(Ada, Hall)\nin(Rope, Hall)\nweapon(Lamp)",
            Outcome.WRONG,
            0.0,
        ),
        ("in(Ada, Hall)\nin(Ada, Attic)", Outcome.CONTRADICTORY, 0.0),
        ("in(Ada, Hall)", Outcome.AMBIGUOUS, 0.0),
        ("in(Ada, Hall)\nAda was in the Hall.", Outcome.UNREADABLE, 0.0),
        ("in(Ada, Kitchen)", Outcome.UNREADABLE, 0.0),
        ("in(Ada, Hall, 9 PM)", Outcome.UNREADABLE, 0.0),
        ("", Outcome.UNREADABLE, 0.0),
        ("__import__('os')", Outcome.UNREADABLE, 0.0),
    ],
)
def test_outcomes(puzzle: Puzzle, program: str, outcome: Outcome, reward: float) -> None:
    score = grade(puzzle, program, "program")
    assert (score.outcome, score.reward) == (outcome, pytest.approx(reward))


def test_unreadable_line_is_named(puzzle: Puzzle) -> None:
    score = grade(puzzle, "in(Ada, Hall)\nin(Ada)", "program")
    assert score.detail.startswith("line 2: in takes 2 arguments")


def test_truncated(puzzle: Puzzle) -> None:
    assert grade(puzzle, "in(Ada, Hall)\nin(vic", "program", truncated=True).outcome is Outcome.TRUNCATED


@pytest.mark.parametrize(
    "hostile",
    [
        "(" * 1_000_000,
        "in(" * 100_000,
        "in(Ada, Hall)\n" * 100_000,
        "either(" * 50 + ")" * 50,
        "\u202e" * 10_000,
        "in(,)",
    ],
)
def test_hostile_programs_end_quickly(puzzle: Puzzle, hostile: str) -> None:
    started_s = time.monotonic()
    assert grade(puzzle, hostile, "program").reward == 0.0
    assert time.monotonic() - started_s < 20  # a hang, not a speed


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.sampled_from([*RIGHT.split("\n"), "not_in(Ada, Hall)", "in(weapon, Attic)", "x", "in("]), max_size=5)
)
def test_reward_only_for_right_answers(lines: list[str]) -> None:
    template = make_puzzle("temporal-clue", "1", "train", 0, 0).puzzle
    gold = {"A": "Ben", "B": "Rope", "C": "Attic"}
    made = template.model_copy(update={"prompt": PAGE, "clues": (), "questions": (), "answers": gold})
    score = grade(made, "\n".join(lines), "program")
    assert score.reward == pytest.approx(sum(score.answers[k] == v for k, v in gold.items()) / 3)


@pytest.mark.parametrize("family", ["temporal-clue", "zebra"])
@pytest.mark.parametrize("level", ["1", "2"])
@pytest.mark.parametrize("mode", ["answer", "reason", "program"])
def test_targets_are_graded_correct(family: str, level: str, mode: str) -> None:
    for index in range(8):
        made = make_puzzle(family, level, "train", 5, index, "mixed").puzzle
        score = grade(made, gold_completion(made, mode), mode)  # type: ignore[arg-type]
        assert score.correct, (made.id, score)


@pytest.mark.parametrize(
    ("hostile", "detail"),
    [
        ("in(Ada, Hall)\n" * 401, "line 401: more than 400 statements"),
        ("x" * 200_001, "longer than 200000 characters"),
    ],
)
def test_what_is_too_long_is_undecided(puzzle: Puzzle, hostile: str, detail: str) -> None:
    score = grade(puzzle, hostile, "program")
    assert (score.outcome, score.reward, score.detail, score.spans) == (Outcome.UNDECIDED, 0.0, detail, ())


def test_what_compiles_to_too_much_is_undecided(puzzle: Puzzle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sleuth.grading.program.MOST_CLAUSES", 2)
    assert grade(puzzle, "in(Ada, Hall)\nin(Ada, Hall)\nin(victim, Attic)", "program").outcome is Outcome.AMBIGUOUS
    score = grade(puzzle, RIGHT, "program")
    assert (score.outcome, score.detail) == (Outcome.UNDECIDED, "the statements need more than 2 clauses")
