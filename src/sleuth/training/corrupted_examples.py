"""Second turns for the warm start: a right completion with a slip in it, and what is said of that.

A model that has only ever seen first turns makes nothing of a second one, and what never comes right teaches GRPO
nothing. So where completions are asked for again, some examples show it: the program with a line left out, cut short,
or with another line's last name in it, then the message, then the whole program, of which alone is learned. In
reasoning, an answer is mistaken for another choice of its question from some line on. Slips of these kinds are no
model's own; correcting those is what GRPO is for (examples of corrections alone hardly carry over to a model's own
mistakes: Kumar et al. 2024, SCoRe, arXiv:2409.12917).
"""

from __future__ import annotations

import re
from random import Random

from sleuth.config import Mode
from sleuth.grading.grade import grade
from sleuth.policy.base import Request, Rollout, StopReason
from sleuth.policy.prompts import ask, ask_again, settled
from sleuth.puzzles.puzzle import Puzzle

SHARE = 0.25
"""Of the examples."""
TRIES = 16
"""Slips drawn until one is noticed: the program has no answers, or the reasoning is not all right."""
_LAST_NAME = re.compile(r"[^(),]+(?=\)+$)")


def second_turn(puzzle: Puzzle, mode: Mode, right: str, rng: Random) -> Request:
    """The request, in mode `program` or `reason`, that follows on a slip in a right completion; the first one, if no
    slip was found that anyone would notice."""
    request = ask(puzzle, mode)
    for _ in range(TRIES):
        wrong = slipped(right, rng) if mode == "program" else mistaken(puzzle, right, rng)
        score = grade(puzzle, wrong, "program" if mode == "program" else "answer")  # whose judge costs nothing
        if not settled(mode, score):
            return ask_again(request, 0, Rollout((), (), (), StopReason.END, wrong), score)
    return request


def mistaken(puzzle: Puzzle, reasoning: str, rng: Random) -> str:
    """The reasoning in which one answer is taken for another choice of its question, from some line on."""
    questions = [question for question in puzzle.questions if len(question.choices) > 1]
    if not questions:
        return reasoning
    question = rng.choice(questions)
    answer = puzzle.answers[question.letter]
    other = rng.choice([choice for choice in question.choices if choice != answer])
    lines = reasoning.split("\n")
    place = rng.randrange(len(lines))
    return "\n".join([*lines[:place], *(line.replace(answer, other) for line in lines[place:])])


def slipped(program: str, rng: Random) -> str:
    """The program with one slip."""
    lines = program.split("\n")
    place = rng.randrange(len(lines))
    line = lines[place]
    match rng.randrange(3):
        case 0 if len(lines) > 1:
            del lines[place]
        case 1 if names := _LAST_NAME.findall(rng.choice(lines)):
            lines[place] = _LAST_NAME.sub(lambda _: names[-1], line)
        case _:
            lines[place] = line[: rng.randrange(1, max(2, len(line)))]
    return "\n".join(lines)
