"""Constrained decoding: what llguidance allows against a plain matcher of the same grammar, and the engine with it."""

from __future__ import annotations

import dataclasses
import functools
import re
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import normalizers

from sleuth.errors import UserError
from sleuth.grading.answers import read_answers
from sleuth.grading.deduction import grammar
from sleuth.grading.program import read_program
from sleuth.grading.reading import read_puzzle
from sleuth.policy import nano
from sleuth.policy.base import Request, Rollout, Sampling, StopReason, Turn
from sleuth.policy.chat import end_token_id
from sleuth.policy.constraint import Constraint, narrowed
from sleuth.policy.engine import TorchPolicy
from sleuth.policy.prompts import ask
from sleuth.puzzles.generate import make_puzzle
from sleuth.puzzles.gold import gold_completion
from tests.devices import DEVICES
from tests.tiny import END, VOCABULARY, tiny_llama, tiny_tokenizer

TOKENIZER = tiny_tokenizer()
PUZZLES = [make_puzzle("temporal-clue", "1", "train", 3, number).puzzle for number in range(3)]
PUZZLES += [make_puzzle("zebra", "1", "train", 3, 0).puzzle]


@functools.cache
def tiny() -> Constraint:
    return Constraint(TOKENIZER, VOCABULARY, END)


def tokens_of(bits: Any) -> set[int]:
    return {token for token in range(32 * len(bits)) if int(bits[token // 32]) >> (token % 32) & 1}


def test_masks_by_hand() -> None:
    """The end token exactly where the text is complete; a token of the vocabulary only where it goes on."""
    [a, b, c, line] = [TOKENIZER(char, add_special_tokens=False)["input_ids"][0] for char in "abc\n"]
    masks = tiny().along("a(?:b|bc)(?:\na)*", [a, b, c, line, a, END])
    assert masks.shape == (6, -(-VOCABULARY // 32)) and masks.dtype == np.uint32
    assert [tokens_of(mask) for mask in masks] == [{a}, {b}, {c, line, END}, {line, END}, {a}, {line, END}]


def test_a_place_is_not_moved_by_its_copies() -> None:
    start = tiny().start("ab")
    before = start.allowed()
    start.copy().take(TOKENIZER("a", add_special_tokens=False)["input_ids"][0])
    assert (start.allowed() == before).all()
    with pytest.raises(AssertionError):
        start.take(END)


def encoded(tokenizer: Any, text: str) -> list[int]:
    return [*tokenizer(text, add_special_tokens=False)["input_ids"], end_token_id(tokenizer)]


def test_every_place_of_a_right_completion_against_a_search_over_all_tokens() -> None:
    """A byte may come where some text of the grammar goes on with it, which a matcher of prefixes tells."""
    puzzle = PUZZLES[0]
    right = gold_completion(puzzle, "answer")
    others = re.compile(grammar(puzzle, "answer"))
    texts = [""]
    for question in puzzle.questions:
        lines = [f"{question.letter}. {choice}" for choice in question.choices]
        texts = [f"{text}\n{line}" if text else line for text in texts for line in lines]
    assert all(map(others.fullmatch, texts))
    masks = tiny().along(others.pattern, encoded(TOKENIZER, right))
    for at, mask in enumerate(masks):
        going_on = {text[at] for text in texts if text.startswith(right[:at]) and len(text) > at}
        expected = {encoded(TOKENIZER, char)[0] for char in going_on} | ({END} if right[:at] in texts else set())
        assert tokens_of(mask) == expected, right[:at]


def test_tokenizers_that_put_a_space_before_every_line() -> None:
    texts = [gold_completion(puzzle, mode) for puzzle in PUZZLES for mode in ("program", "answer")]
    tokenizer = nano.learn([puzzle.prompt for puzzle in PUZZLES] + texts, ["Ada"], 600)
    constraint = Constraint(tokenizer, len(tokenizer) + 7, end_token_id(tokenizer))
    for puzzle in PUZZLES:
        for mode in ("program", "answer"):
            tokens = encoded(tokenizer, gold_completion(puzzle, mode))
            for mask, token in zip(constraint.along(grammar(puzzle, mode), tokens), tokens, strict=True):
                allowed = tokens_of(mask)
                assert token in allowed and max(allowed) < len(tokenizer)


def test_tokenizers_that_change_text_are_refused() -> None:
    tokenizer = tiny_tokenizer()
    tokenizer.backend_tokenizer.normalizer = normalizers.Replace("x", "y")
    with pytest.raises(UserError, match="tokenizer does not keep text"):
        Constraint(tokenizer, VOCABULARY, END)


def test_grammars_beyond_the_library_are_refused_in_one_line() -> None:
    with pytest.raises(UserError, match="cannot be constrained") as caught:
        tiny().start("(?:unclosed")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("device", DEVICES)
def test_narrowed_by_hand(device: str) -> None:
    logits_BV = torch.randn(2, VOCABULARY, device=device)
    a, b = (encoded(TOKENIZER, char)[0] for char in "ab")
    places = [tiny().start("a|b"), tiny().start("b")]
    found_BK, tokens_BK = narrowed(logits_BV, places)
    low, high = sorted((a, b))
    assert tokens_BK.tolist() == [[low, high], [b, 0]]
    assert found_BK.tolist() == [
        [float(logits_BV[0, low]), float(logits_BV[0, high])],
        [float(logits_BV[1, b]), -torch.inf],
    ]


def requests(mode: Any) -> list[Request]:
    return [dataclasses.replace(ask(puzzle, mode), user=puzzle.prompt[:40]) for puzzle in PUZZLES]


def sampled(mode: Any, samples: int = 4, **sampling: Any) -> list[list[Rollout]]:
    policy = TorchPolicy(tiny_llama(), TOKENIZER, rows=6)
    return policy.rollout(requests(mode), samples, Sampling(**{"max_new_tokens": 400, "constrain": True} | sampling))


DRAWS = [
    {"temperature": 0.0},
    {"temperature": 1.0},
    {"temperature": 1.5, "top_k": 3},
    {"temperature": 1.0, "top_p": 0.5},
]


@pytest.mark.parametrize("how", DRAWS, ids=str)
def test_an_untrained_model_answers_readably(how: dict[str, Any]) -> None:
    for puzzle, group in zip(PUZZLES, sampled("answer", **how), strict=True):
        for rollout in group:
            assert rollout.stop is StopReason.END and rollout.tokens[-1] == END
            assert re.fullmatch(grammar(puzzle, "answer"), rollout.text)
            answers = read_answers(rollout.text, puzzle.questions)
            assert answers is not None and None not in answers.values()


@pytest.mark.parametrize("how", DRAWS, ids=str)
def test_an_untrained_model_writes_programs(how: dict[str, Any]) -> None:
    stops = set()
    for puzzle, group in zip(PUZZLES, sampled("program", 2, **how), strict=True):
        language = read_puzzle(puzzle).language
        for rollout in group:
            stops.add(rollout.stop)
            whole = rollout.text if rollout.stop is StopReason.END else rollout.text.rpartition("\n")[0]
            assert read_program(language, whole)
    assert stops <= {StopReason.END, StopReason.LENGTH}


def test_log_probabilities_are_of_what_is_allowed() -> None:
    model, temperature = tiny_llama(), 0.7
    for puzzle, group in zip(PUZZLES, sampled("answer", temperature=temperature, seed=(9,)), strict=True):
        for rollout in group:
            with torch.no_grad():
                logits = model(torch.tensor([[*rollout.prompt_tokens, *rollout.tokens]])).logits[0]
            rows = logits[len(rollout.prompt_tokens) - 1 : -1] / temperature
            masks = tiny().along(grammar(puzzle, "answer"), rollout.tokens)
            for row, mask, token, logprob in zip(rows, masks, rollout.tokens, rollout.logprobs, strict=True):
                allowed = sorted(tokens_of(mask))
                expected = row[allowed].double().log_softmax(0)[allowed.index(token)]
                assert logprob == pytest.approx(float(expected), abs=1e-5)


def test_a_completion_does_not_depend_on_what_is_decoded_beside_it() -> None:
    together = sampled("answer", seed=(4,))
    alone = TorchPolicy(tiny_llama(), TOKENIZER, rows=1)
    sampling = Sampling(400, seed=(4,), constrain=True)
    for request, group in zip(requests("answer"), together, strict=True):
        [separate] = alone.rollout([request], 4, sampling)
        assert [one.tokens for one in separate] == [one.tokens for one in group]


def test_until_and_give_up_end_constrained_completions_too() -> None:
    [[rollout]] = TorchPolicy(tiny_llama(), TOKENIZER).rollout(
        requests("program")[:1], 1, Sampling(400, seed=(2,), give_up=-1e-9, constrain=True)
    )
    assert rollout.stop is StopReason.GIVEN_UP
    for group in sampled("answer", until="answers"):
        assert {rollout.stop for rollout in group} == {StopReason.END}


def test_a_further_turn_is_constrained_as_the_first() -> None:
    request = dataclasses.replace(requests("answer")[0], turns=(Turn("in(", "Write it again."),))
    [[rollout]] = TorchPolicy(tiny_llama(), TOKENIZER).rollout([request], 1, Sampling(400, constrain=True))
    assert re.fullmatch(grammar(PUZZLES[0], "answer"), rollout.text)


def test_a_request_without_a_grammar_is_refused() -> None:
    policy = TorchPolicy(tiny_llama(), TOKENIZER)
    with pytest.raises(UserError, match="no grammar"):
        policy.rollout([ask(PUZZLES[0], "reason")], 1, Sampling(4, constrain=True))


def test_no_grammar_is_made_where_nothing_is_constrained() -> None:
    def never() -> str:
        raise AssertionError

    request = dataclasses.replace(requests("program")[0], grammar=never)
    policy = TorchPolicy(tiny_llama(), TOKENIZER)
    policy.rollout([request], 1, Sampling(4))
    assert "constraint" not in vars(policy)
