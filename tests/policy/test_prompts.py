"""How a model is asked again."""

from __future__ import annotations

import pytest

from sleuth.config import Mode
from sleuth.errors import UserError
from sleuth.policy.base import Request, Rollout, StopReason, Turn
from sleuth.policy.prompts import ask, ask_again, check_retries
from sleuth.puzzles.generate import make_puzzle
from sleuth.puzzles.gold import gold_completion
from sleuth.puzzles.score import Outcome, Score


def failed(detail: str) -> Score:
    return Score(Outcome.UNREADABLE, 0.0, False, {"A": None}, {"A": False}, detail)


def wrote(text: str, *tokens: int) -> Rollout:
    return Rollout((), tokens, (), StopReason.END, text)


def test_the_conversation_goes_on() -> None:
    first = Request("p", "System.", "Case.")
    second = ask_again(first, 3, wrote("in(", 5, 2), failed("line 1: ')' is missing"))
    third = ask_again(second, 3, wrote("x", 7), failed("no world obeys the statements"))
    said = Turn("in(", "Line 1: ')' is missing. Write the whole program again.", (5, 2))
    assert (second.system, second.user, second.turns) == ("System.", "Case.", (said,))
    assert third.turns == (said, Turn("x", "No world obeys the statements. Write the whole program again.", (7,)))


def test_every_prompt_draws_by_a_key_of_its_own() -> None:
    first = Request("p", "", "")
    keys = {first.key}
    for sample in range(3):
        request = first
        for _ in range(3):
            request = ask_again(request, sample, wrote(""), failed("no"))
            keys.add(request.key)
    assert len(keys) == 10


def test_what_is_said_is_short() -> None:
    [turn] = ask_again(Request("p", "", ""), 0, wrote(""), failed("line 1: " + "x" * 2_000)).turns
    assert len(turn.said) < 240 and turn.said.endswith(" Write the whole program again.")


def test_programs_and_reasoning_are_asked_for_again() -> None:
    check_retries("program", 3)
    check_retries("reason", 1)
    check_retries("answer", 0)
    with pytest.raises(UserError, match="modes program and reason: mode answer has nothing"):
        check_retries("answer", 1)
    with pytest.raises(UserError, match="0 or more"):
        check_retries("program", -1)


@pytest.mark.parametrize("mode", ["answer", "reason"])
def test_drafts_in_thinking_end_no_completion(mode: Mode) -> None:
    """Thinking may hold all answers, whether it is still going on or over: only those after it count, as in grading."""
    puzzle = make_puzzle("zebra", "1", "val", 3, 0, "plain").puzzle
    gold = gold_completion(puzzle, "answer")
    answered = ask(puzzle, mode).answered
    assert answered is not None and answered(f"{gold}\n")
    for opened, closed in (("<think>", "</think>"), ("<reasoning>", "</reasoning>"), ("[THINK]", "[/THINK]")):
        draft = f"{opened}\n{gold}\n"
        assert not answered(draft)
        assert not answered(f"{draft}Wait, no.\n{closed}\n")
        assert answered(f"{draft}{closed}\n{gold}\n")
