"""Second turns of the warm start."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from sleuth.grading.grade import grade
from sleuth.policy.prompts import ask
from sleuth.puzzles.generate import make_puzzle, rng_of
from sleuth.puzzles.gold import gold_completion
from sleuth.puzzles.score import ANSWERED
from sleuth.training.corrupted_examples import second_turn, slipped
from sleuth.training.sft import encode
from tests.tiny import END, tiny_tokenizer

PUZZLES = [
    make_puzzle(family, "1", "train", 3, index).puzzle for family in ("temporal-clue", "zebra") for index in (0, 1)
]


@pytest.mark.parametrize("puzzle", PUZZLES, ids=lambda puzzle: puzzle.id)
def test_what_is_shown_is_a_program_without_answers_and_what_is_said_of_it(puzzle) -> None:  # type: ignore[no-untyped-def]
    outcomes = Counter[str]()
    for number in range(40):
        request = second_turn(puzzle, "program", gold_completion(puzzle, "program"), rng_of("test", number))
        [turn] = request.turns
        score = grade(puzzle, turn.completion, "program")
        assert score.outcome not in ANSWERED
        assert turn.said == f"{score.detail[:1].upper()}{score.detail[1:]}. Write the whole program again."
        outcomes[score.outcome] += 1
    assert {"unreadable", "ambiguous"} <= outcomes.keys()


@pytest.mark.parametrize("telling", ["short", "spelled"])
@pytest.mark.parametrize("puzzle", PUZZLES, ids=lambda puzzle: puzzle.id)
def test_reasoning_that_is_shown_mistakes_an_answer_and_is_not_told_which(puzzle, telling) -> None:  # type: ignore[no-untyped-def]
    right = gold_completion(puzzle, "reason", telling)
    for number in range(2):
        request = second_turn(puzzle, "reason", right, rng_of("test", number))
        [turn] = request.turns
        score = grade(puzzle, turn.completion, "reason")
        assert score.outcome in ANSWERED and not score.correct
        assert turn.said == "Not all of these answers are right. Think again."
        lines = list(zip(right.split("\n"), turn.completion.split("\n"), strict=True))
        begun = next(number for number, (old, new) in enumerate(lines) if old != new)
        mistakes = [(puzzle.answers[one.letter], other) for one in puzzle.questions for other in one.choices]
        assert any(all(old.replace(*mistake) == new for old, new in lines[begun:]) for mistake in mistakes)


def test_one_line_differs() -> None:
    lines = ["at(Ada, the Hall)", "at(Bo, the Attic)", "with(Ada, the Rope)"]
    kinds = Counter[str]()
    for seed in range(60):
        found = slipped("\n".join(lines), Random(seed)).split("\n")
        if len(found) == 2:
            assert found in [lines[:place] + lines[place + 1 :] for place in range(3)]
            kinds["left out"] += 1
            continue
        differing = [(new, old) for new, old in zip(found, lines, strict=True) if new != old]
        assert len(differing) <= 1  # a line may get the name that it has
        for new, old in differing:
            short = old.startswith(new)
            assert short or new.split(",")[0] == old.split(",")[0]
            kinds["cut short" if short else "other name"] += 1
    assert min(kinds[kind] for kind in ("left out", "cut short", "other name")) > 5
    assert slipped("a", Random(1)) == "a"


def test_only_the_right_program_is_learned() -> None:
    puzzle, tokenizer = PUZZLES[0], tiny_tokenizer()
    right = gold_completion(puzzle, "program")
    request = second_turn(puzzle, "program", right, rng_of("test", 0))
    example = encode(tokenizer, request, right)
    [completion] = example.completions
    assert list(completion) == [*tokenizer(right)["input_ids"], END]
    first = encode(tokenizer, ask(puzzle, "program"), request.turns[0].completion)
    shown = [*first.prompt_tokens, *first.completions[0]]
    assert list(example.prompt_tokens[: len(shown)]) == shown
