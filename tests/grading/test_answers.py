"""Reading answer blocks, by hand-made completions."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sleuth.grading import Outcome, grade
from sleuth.grading.answers import answers_all, answers_grammar, read_answers
from sleuth.grading.choices import read_text
from sleuth.grading.strict_format import last_block, normal
from sleuth.puzzles.puzzle import Puzzle, Question

QUESTIONS = (
    Question(letter="A", text="Who?", kind="suspect", choices=("Mr. Ash", "Dr. Rowan")),
    Question(letter="B", text="Where?", kind="room", choices=("Hall", "Costume Room")),
    Question(letter="C", text="When?", kind="time", choices=("11:30 PM", "11:45 PM", "12 AM")),
)
PUZZLE = Puzzle(
    id="p",
    family="temporal-clue@1",
    level="1",
    split="train",
    seed=0,
    index=0,
    prompt="",
    clues=(),
    questions=QUESTIONS,
    answers={"A": "Mr. Ash", "B": "Costume Room", "C": "11:45 PM"},
    meta={},
)
GOLD = "A. Mr. Ash\nB. Costume Room\nC. 11:45 PM"


def test_the_grammar_by_hand() -> None:
    pattern = answers_grammar(QUESTIONS)
    assert re.fullmatch(pattern, GOLD) and re.fullmatch(pattern, "A. Dr. Rowan\nB. Hall\nC. 12 AM")
    for refused in ("", "A. Mr. Ash", f"{GOLD}\n", "A. Mr. Ash\nB. Hall\nC. 1 AM", "B. Hall\nA. Mr. Ash\nC. 12 AM"):
        assert not re.fullmatch(pattern, refused), refused


@pytest.mark.parametrize(
    ("text", "reward", "outcome"),
    [
        (GOLD, 1.0, Outcome.CORRECT),
        ("A) mr. ash.\nB: the costume room\nC. 11:45pm", 1.0, Outcome.CORRECT),
        ("**A.** Mr. Ash\n\n**B.** **Costume Room**\n\n- C. 11:45 p.m.", 1.0, Outcome.CORRECT),
        ("a. “Mr. Ash”\nb. in the Costume Room\nc. 11.45 PM", 1.0, Outcome.CORRECT),
        ("I think so.\n" + GOLD + "\nThat is my answer.", 1.0, Outcome.CORRECT),
        # The last run counts: an earlier right one does not help, an earlier wrong one does not hurt.
        (GOLD + "\nNo, wait.\nA. Dr. Rowan\nB. Hall\nC. 12 AM", 0.0, Outcome.WRONG),
        ("A. Dr. Rowan\nB. Hall\nC. 12 AM\nNo, wait.\n" + GOLD, 1.0, Outcome.CORRECT),
        # A broken block is only as good as its last run.
        ("A. Mr. Ash\nhm\nB. Costume Room\nC. 11:45 PM", 2 / 3, Outcome.PARTLY),
        # Questions with their facts, also on the line after them, are no part of the answers that follow …
        ("A. Who?\nC. When?\nIt was at 12 AM.\n" + GOLD, 1.0, Outcome.CORRECT),
        ("C. When?\n12 AM\n" + GOLD, 1.0, Outcome.CORRECT),
        # … but a letter that is answered twice is, whatever stands before it.
        ("C. When?\n11:45 PM\nB. Costume Room\nC. 12 AM", 1 / 3, Outcome.PARTLY),
        # Repeated or several-valued lines are wrong; the others keep their credit.
        ("A. Mr. Ash\nA. Mr. Ash\nB. Costume Room\nC. 11:45 PM", 2 / 3, Outcome.PARTLY),
        ("A. Mr. Ash or Dr. Rowan\nB. Costume Room\nC. 11:45 PM", 2 / 3, Outcome.PARTLY),
        ("A. Mr. Ash, Dr. Rowan\nB. Hall\nC. 12 AM", 0.0, Outcome.WRONG),
        ("B. Costume Room", 1 / 3, Outcome.PARTLY),
        # Reasons for the answers, letter by letter, are no block; what takes an answer back is.
        (
            f"{GOLD}\n\nExplanation:\nA. Mr. Ash was in the Hall.\nB. Costume Room is where he went.",
            1.0,
            Outcome.CORRECT,
        ),
        (f"{GOLD}\n\nThat is so.\n\nA. Mr. Ash was in the Hall by clue 2.", 1.0, Outcome.CORRECT),
        (f"{GOLD}\n\nExplanation:\nA. Mr. Ash was not there.", 0.0, Outcome.WRONG),
        (f"{GOLD}\n\nNo, wait.\nA. Dr. Rowan was in the Hall.", 0.0, Outcome.WRONG),
        (f"{GOLD}\n\nNo, wait.\nA. Somebody else.", 0.0, Outcome.WRONG),
        # Letters that were not asked add and take nothing.
        (GOLD + "\nD. Hall", 1.0, Outcome.CORRECT),
        ("D. Hall", 0.0, Outcome.UNREADABLE),
        ("", 0.0, Outcome.UNREADABLE),
        ("The murderer was Mr. Ash.", 0.0, Outcome.UNREADABLE),
        ("A.\nB.\nC.", 0.0, Outcome.UNREADABLE),
        ("\x00\ud83d" * 5000, 0.0, Outcome.UNREADABLE),
    ],
)
def test_completions(text: str, reward: float, outcome: Outcome) -> None:
    score = grade(PUZZLE, text)
    assert score.reward == pytest.approx(reward)
    assert score.outcome is outcome
    assert score.correct == (outcome is Outcome.CORRECT)
    assert sum(score.right.values()) == round(reward * 3)


@pytest.mark.parametrize(
    "value",
    [
        *("<s>Mr. Ash</s>", "<s>Mr. Ash</s> Dr. Rowan", "<del>Mr. Ash</del>", "~~Mr. Ash~~", "[ ] Mr. Ash"),
        *("!= Mr. Ash", "!Mr. Ash", "Mr. Ash: 0", "Mr. Ash = 0", "Mr. Ash: false"),
        *("Mr. Ash, who is innocent", "Mr. Ash, who did not do it", "Mr. Ash, so it is not them"),
        *("Mr. Ash, which is ruled out by clue 3", "Mr. Ash, given clue 2, can not be"),
    ],
)
def test_what_is_struck_out_or_denied_is_no_answer(value: str) -> None:
    assert not grade(PUZZLE, f"A. {value}\nB. Costume Room").right["A"]


@pytest.mark.parametrize(
    "text",
    [
        *("<s>A. Mr. Ash</s>", "<s> A. Mr. Ash\nB. Costume Room</s>", "A. Mr. Ash</s>", "A. Mr. Ash!"),
        *("A. Mr. Ash, who was there", "A. Mr. Ash, because he was not in the Hall", "A. Mr. Ash: 1"),
    ],
)
def test_tokens_of_a_beginning_and_an_end_and_reasons_strike_nothing_out(text: str) -> None:
    assert grade(PUZZLE, text).right["A"]


def test_truncated_is_not_unreadable() -> None:
    assert grade(PUZZLE, "Let me think", truncated=True).outcome is Outcome.TRUNCATED
    assert grade(PUZZLE, GOLD, truncated=True).outcome is Outcome.CORRECT


@pytest.mark.parametrize(
    ("written", "same"),
    [
        ("11:45pm", "11:45 PM"),
        ("midnight", "12 AM"),
        ("12:00 AM", "12 AM"),
        ("01:00 AM", "1 AM"),
        ("The Hall", "hall"),
        ("*An* envy", "envy"),
    ],
)
def test_normal(written: str, same: str) -> None:
    assert normal(written) == normal(same)


def test_different_times_differ() -> None:
    assert normal("11:45 PM") != normal("11:45 AM")
    assert normal("1 PM") != normal("11 PM")


def test_endless_completion_is_quick() -> None:
    assert grade(PUZZLE, "A. Mr. Ash\n" * 100_000).reward == 0.0
    assert grade(PUZZLE, "A" * 3_000_000 + "\n" + GOLD).correct


@pytest.mark.parametrize(
    "text",
    [
        f"{start}{sign * 100_000}b\n" * times
        for start in ("", "A. a", "A. Mr. Ash", "(", "| A | ", "<|channel|>", "<think>", '{"A": ')
        for sign in (")", "*", " ", "(", ",", '"', "|", "\\", "A. ", "<", "a", "not ", "12:")
        for times in (1, 20)
    ],
    ids=lambda text: f"{text[:14]!r}, {len(text)}",
)
def test_hostile_lines_are_quick(text: str) -> None:
    started_s = time.process_time()
    assert grade(PUZZLE, text).reward <= 1 / 3
    assert time.process_time() - started_s < 5


@pytest.mark.parametrize("line", ["A. z " + " B." * 1300, "A. " + ", A. , B." * 440])
def test_many_letters_on_a_line_are_quick(line: str) -> None:
    started_s = time.process_time()
    grade(PUZZLE, f"{line}\n" * 50)
    assert time.process_time() - started_s < 2


@given(st.text(max_size=300))
def test_anything_can_be_graded(text: str) -> None:
    score = grade(PUZZLE, text)
    assert 0.0 <= score.reward <= 1.0
    assert set(score.answers) == set("ABC")


@given(st.text(alphabet="ABC.: \nHall*Mr", max_size=80))
def test_what_stands_before_the_last_block_counts_for_nothing(noise: str) -> None:
    assert read_answers(noise + "\nso\n" + GOLD, QUESTIONS) == PUZZLE.answers


def test_last_block_keeps_its_order() -> None:
    assert last_block("x\nA. 1\n\nB. 2\ny") == [("A", "1"), ("B", "2")]


def test_all_is_answered_once_the_last_line_is_finished() -> None:
    lines = GOLD.splitlines()
    assert answers_all(f"I think so.\n{GOLD.strip()}\n", QUESTIONS)
    assert answers_all(f"{GOLD.strip()} \n\n ", QUESTIONS)
    assert not answers_all(GOLD.strip(), QUESTIONS)  # its last line may go on
    assert not answers_all("\n".join(lines[:-1]) + "\n", QUESTIONS)
    assert not answers_all(f"{GOLD.strip()}\nBut no.\n{lines[0]}\n", QUESTIONS)  # another block has begun
    assert not answers_all("", QUESTIONS)
    assert not answers_all("A. Who?\nB. Where?\nC. When?\n", QUESTIONS)  # the questions again


BOAT = Question(letter="A", text="On which boat is Henry?", kind="boat", choices=("1", "2", "3", "4"))


@pytest.mark.parametrize(
    ("value", "choice"),
    [
        *((same, "2") for same in ("2", "the second boat", "boat 2", "-> 2", "=> 2", "→ 2", "2 from the left")),
        *((same, "2") for same in ("2, from clue 3", "2 (by clues 1 and 3)", "2 (counted from the left)")),
        *((none, None) for none in ("second from right", "2 from the end", "2 as counted from the right")),
        *((none, None) for none in ("third from the back", ">2", ">= 2", "2 of the other end")),
    ],
)
def test_a_place_that_is_counted_from_the_other_side_is_none(value: str, choice: str | None) -> None:
    assert read_text(BOAT, value) == choice


@pytest.mark.parametrize("value", ["09:00", "9:00", "9:00 AM", "09.00 am"])
def test_an_hour_with_a_nought_ahead_is_the_hour(value: str) -> None:
    hours = Question(letter="A", text="When?", kind="time", choices=("8 AM", "9 AM", "10 AM"))
    assert read_text(hours, value) == "9 AM"
    late = Question(letter="A", text="When?", kind="time", choices=("11 PM", "12 AM", "1 AM"))
    assert read_text(late, "0:00") == read_text(late, "00:00") == "12 AM"
