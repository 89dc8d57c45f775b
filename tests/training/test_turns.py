"""Conversations in training: one reward, one advantage, all turns' tokens; against values worked out by hand."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from sleuth.config import RunConfig
from sleuth.errors import UserError
from sleuth.policy.base import Request, Rollout, Sampling, StopReason
from sleuth.policy.conversations import Conversation, begin, go_on
from sleuth.policy.scripted import ScriptedPolicy
from sleuth.puzzles.score import ANSWERED, Outcome, Score, Span
from sleuth.recipes import parse_config
from sleuth.runs.directory import RunDirectory
from sleuth.training import reinforce, run, update
from sleuth.training.batch import ScoredGroup
from sleuth.training.likelihood import Likelihood
from sleuth.training.logprobs import completion_logprobs
from sleuth.training.packing import Group, pack
from sleuth.training.preflight import start
from sleuth.training.reference import frozen_copy
from sleuth.training.scoring import score_groups
from tests.tiny import tiny_folder, tiny_llama, tiny_tokenizer
from tests.training.loops import Record, loop, task
from tests.training.test_killed import files

TOKENIZER = tiny_tokenizer()
RIGHT = Score(Outcome.CORRECT, 1.0, True, {}, {})
HALF = Score(Outcome.PARTLY, 0.5, False, {}, {})
NONE = Score(Outcome.AMBIGUOUS, 0.0, False, {}, {}, "several worlds obey the statements")


def config(**sections: dict[str, Any]) -> RunConfig:
    data: dict[str, Any] = {
        "grpo": {"steps": 1, "puzzles_per_step": 2, "samples": 4, "retries": 1, "deviation": False, "warmup_steps": 0}
        | sections.pop("grpo", {}),
        "sampling": {"max_new_tokens": 5},
        "eval": {"every": 0},
    }
    return RunConfig.model_validate(data | sections)


def conversation(
    *lengths: int, score: Score, sample: int = 0, stop: StopReason = StopReason.END, failed: Score = NONE
) -> Conversation:
    """Completions of so many tokens, the last with the score; token 10 i + j is number j of turn i."""
    one = Conversation(Request("k", "", "Who?"), sample)
    prompt: tuple[int, ...] = (7, 8)
    for turn, length in enumerate(lengths, start=1):
        last = turn == len(lengths)
        tokens = tuple(10 * turn + number for number in range(length))
        ended = stop if last else StopReason.END
        one.rollouts.append(Rollout(prompt, tokens, (-1.0 * turn,) * length, ended, "x" * length))
        one.grade(lambda _, last=last: score if last else failed)  # type: ignore[misc]
        prompt += (*tokens, 9)
    return one


def group_of(conversations: Sequence[Conversation], settings: RunConfig, **arguments: Any) -> ScoredGroup:
    one = task(Request("k", "", "Who?"), lambda rollout: NONE)
    options = {"kl": 0.0, "reference": None, "ends": None} | arguments
    [group] = score_groups([(one, conversations)], settings, **options)
    return group


FOUR = [
    conversation(3, score=RIGHT),
    conversation(2, 4, score=RIGHT, sample=1),
    conversation(1, score=HALF, sample=2),
    conversation(2, 1, score=NONE, sample=3),
]


def test_advantages_by_hand() -> None:
    # Earned: 1; 0.9 · 1 in the second turn; 0.5; 0. Mean 0.6, so 0.4, 0.3, −0.1, −0.6, on the tokens of all turns.
    group = group_of(FOUR, config())
    assert group.rewards == pytest.approx([1.0, 0.9, 0.5, 0.0])
    assert group.advantages == pytest.approx([0.4, 0.3, -0.1, -0.6])
    assert [len(own) for own in group.token_advantages] == [3, 6, 1, 3]
    for own, advantage in zip(group.token_advantages, group.advantages, strict=True):
        assert set(own) == {advantage}
    assert group.spread and group.tokens == 13
    # With no discount, right at once and right later are the same; with one of ½ the second turn earns ½.
    assert group_of(FOUR, config(grpo={"retry_discount": 1.0})).rewards == [1.0, 1.0, 0.5, 0.0]
    assert group_of(FOUR, config(grpo={"retry_discount": 0.5})).rewards == [1.0, 0.5, 0.5, 0.0]


def test_components_of_a_conversation_by_hand() -> None:
    weights = {"strict": 1.0, "format": 1.0, "length": 1.0, "overlong": 1.0, "overlong_tokens": 2, "length_target": 4}
    group = group_of(FOUR, config(reward=weights))
    at_once, later, _, never = group.components
    assert (later["answers"], later["strict"], later["format"]) == (0.9, 0.9, 0.9)
    assert (at_once["answers"], at_once["strict"], at_once["format"]) == (1.0, 1.0, 1.0)
    assert (never["answers"], never["strict"], never["format"]) == (0.0, 0.0, 0.0)
    # Of five tokens at most: all of 6 are 2 from the target of 4; of the longest turn, 4, half the last two are over.
    assert later["length"] == pytest.approx(1 - 2 / 5) and later["overlong"] == -0.5
    assert never["length"] == pytest.approx(1 - 1 / 5) and never["overlong"] == 0.0


@pytest.mark.parametrize(
    ("normalise", "weights"),
    [
        # 13 tokens of the first group and 2 of the second, which has no spread: not computed, but counted.
        ("batch", [1 / 15] * 4),
        ("group", [1 / (2 * 13)] * 4),
        ("completion", [1 / (6 * 3), 1 / (6 * 6), 1 / (6 * 1), 1 / (6 * 3)]),
        # Two turns of at most five tokens.
        ("constant", [1 / (6 * 10)] * 4),
    ],
)
def test_weights_and_layout_by_hand(normalise: str, weights: list[float]) -> None:
    settings = config(grpo={"normalise": normalise})
    flat = [conversation(1, score=HALF), conversation(1, score=HALF, sample=1)]
    plan = update._plan([group_of(FOUR, settings), group_of(flat, settings)], settings, 1_000)
    [micro_batch] = plan
    # First turns behind the prompt that they share, then each second turn behind its own.
    assert micro_batch.groups == [
        Group((7, 8), [(10, 11, 12), (10, 11), (10,), (10, 11)]),
        Group((7, 8, 10, 11, 9), [(20, 21, 22, 23)]),
        Group((7, 8, 10, 11, 9), [(20,)]),
    ]
    owners = [0, 0, 0, 1, 1, 2, 3, 3, 1, 1, 1, 1, 3]
    advantages = [0.4, 0.3, -0.1, -0.6]
    assert micro_batch.advantages == pytest.approx([advantages[owner] for owner in owners])
    assert micro_batch.weights == pytest.approx([weights[owner] for owner in owners])
    assert micro_batch.sampled_logprobs == [-1.0] * 8 + [-2.0] * 5
    # Dealt out in parts: the same values in the same order.
    parts = update._plan([group_of(FOUR, settings)], settings, 7)
    assert len(parts) > 2
    assert [a for part in parts for a in part.advantages] == micro_batch.advantages
    assert [g.prompt_tokens for part in parts for g in part.groups][-2:] == [(7, 8, 10, 11, 9)] * 2


def test_a_conversation_whose_last_turn_was_cut_off_can_be_masked() -> None:
    cut = [*FOUR[:3], conversation(2, 1, score=NONE, sample=3, stop=StopReason.LENGTH)]
    group = group_of(cut, config(grpo={"truncated": "mask"}))
    assert list(group.trained) == [True, True, True, False] and group.tokens == 10
    assert group.advantages == pytest.approx([0.4, 0.3, -0.1, -0.6])
    [micro_batch] = update._plan([group], config(), 1_000)
    assert [len(one.completions) for one in micro_batch.groups] == [3, 1]


def test_parts_are_compared_within_their_turn() -> None:
    """One part a turn, on its first token: first turns 1, 1, 0; second turns 0 and 1 of the last two conversations."""

    def judged(score: Score, verdict: str) -> Score:
        return Score(score.outcome, score.reward, score.correct, {}, {}, spans=(Span(0, 1, verdict),))

    group = [
        conversation(2, score=judged(RIGHT, "right")),
        conversation(2, 3, score=judged(RIGHT, "wrong"), failed=judged(NONE, "right"), sample=1),
        conversation(2, 3, score=judged(RIGHT, "right"), failed=judged(NONE, "wrong"), sample=2),
    ]
    settings = config(reward={"spans": 2.0, "answers": 1e-9})
    found = group_of(group, settings, ends=lambda rollout: range(1, len(rollout.tokens) + 1)).token_advantages
    third = 2 / 3  # weight 2 times 1 − 2/3
    wanted = [[third, 0], [third, 0, -1.0, 0, 0], [-2 * third, 0, 1.0, 0, 0]]
    for own, expected in zip(found, wanted, strict=True):
        assert own == pytest.approx(expected, abs=1e-6)


def test_the_reference_is_asked_about_all_turns() -> None:
    """In the reward: the penalty is the sum over all turns' tokens, the fluency their mean, each behind its prompt."""
    model = tiny_llama()
    settings = config(reward={"fluency": 1.0}, grpo={"kl": 0.5, "kl_in": "reward", "kl_estimator": "k1"})
    group = group_of(FOUR, settings, kl=0.5, reference=Likelihood.of(model, settings))
    for one, found, earned in zip(FOUR, group.components, group.rewards, strict=True):
        logprobs = torch.cat(
            [completion_logprobs(model, pack([Group(turn.prompt_tokens, [turn.tokens])]))[0] for turn in one.rollouts]
        ).detach()
        sampled = sum(sum(turn.logprobs) for turn in one.rollouts)
        assert found["kl"] == pytest.approx(sampled - float(logprobs.sum()), rel=1e-4)
        assert found["fluency"] == pytest.approx(math.exp(float(logprobs.mean())), rel=1e-4)
        assert earned == pytest.approx(found["answers"] + found["fluency"] - 0.5 * found["kl"], rel=1e-4)


def by_first_token(rollout: Rollout) -> Score:
    """A toy: an answer where the first token's number is even, right where it is divisible by 4."""
    first = rollout.tokens[0]
    return RIGHT if first % 4 == 0 else NONE if first % 2 else Score(Outcome.WRONG, 0.0, False, {}, {})


def trained(settings: RunConfig, score: Any = by_first_token, **options: Any) -> Record:
    return loop(
        tiny_llama(),
        settings,
        lambda step: [task(Request(f"{step}/{i}", "", f"{step * i}"), score) for i in range(8)],
        **options,
    )


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"normalise": "completion", "correction": 2.0, "updates_per_batch": 2},
        {"loss": "gspo", "normalise": "completion", "updates_per_batch": 2},
        {"loss": "reinforce", "normalise": "constant", "leave_one_out": True},
        {"kl": 0.1, "entropy": 0.01, "normalise": "group"},
        {"refill": 4},
        {"learn_from": "right", "loss": "reinforce", "updates_per_batch": 2},
        {"loss": "cispo", "kl": 0.1, "kl_in": "reward"},
    ],
    ids=str,
)
def test_what_is_trained_on_is_what_was_sampled(keys: dict[str, Any]) -> None:
    """The trainer's log-probability of every token of every turn, behind the prompt that the packing gives it, is the
    sampler's."""
    settings = config(grpo={"samples": 8, "retries": 2, "steps": 2, "learning_rate": 1e-3} | keys)
    told = trained(settings, reference=frozen_copy(tiny_llama()))
    for step, groups in told.groups.items():
        metrics, every = told.metrics[step], [one for group in groups for one in group.conversations]
        assert {len(one.rollouts) for one in every} == {1, 2, 3}
        assert all(score.outcome not in ANSWERED for one in every for score in one.scores[:-1])
        assert all(len(one.rollouts) == 3 or one.score.outcome in ANSWERED for one in every)
        assert 0 < metrics["mismatch_max"] < 1e-3
        assert metrics["tokens_sampled"] == sum(one.length for one in every)
        if not keys.get("kl") and not keys.get("entropy"):
            assert metrics["tokens_trained"] == sum(group.tokens for group in groups if group.spread)
        if keys.get("refill"):
            assert len(groups) >= 2 and sum(group.spread for group in groups) == 2
        if not keys:  # at ratio 1 the loss is −Σ A / N over all tokens of all turns
            wanted = sum(sum(own) for group in groups for own in group.token_advantages)
            assert metrics["loss"] == pytest.approx(-wanted / sum(one.length for one in every), abs=1e-5)


@pytest.mark.parametrize("updates", [1, 2])
def test_ratios_are_those_that_the_loss_saw(updates: int) -> None:
    """Of every token of every turn that was trained on: 1 in the first update; what drifts later agrees with them."""
    settings = config(
        grpo={"samples": 8, "retries": 2, "learning_rate": 0.02, "updates_per_batch": updates, "puzzles_per_step": 4}
    )
    told = trained(settings)
    ratios, groups = told.ratios[1], told.groups[1]
    drifts, seen = [], set()
    for part in range(updates):
        own = groups[part * len(groups) // updates : (part + 1) * len(groups) // updates]
        drift = 0.0
        for group in own:
            assert group.spread
            for one in group.conversations:
                seen.add((group.task.request.key, one.sample))
                of_sample = ratios[group.task.request.key, one.sample]
                assert len(of_sample) == one.length
                assert part or of_sample == pytest.approx([1] * one.length, abs=1e-3)
                drift += sum(ratio - math.log(ratio) - 1 for ratio in of_sample)
        drifts.append(drift / sum(group.tokens for group in own))
    assert ratios.keys() == seen
    assert told.metrics[1]["drift"] == pytest.approx(sum(drifts) / updates, rel=1e-3, abs=1e-7)
    assert (told.metrics[1]["drift"] > 1e-3) == (updates > 1)


def test_a_policy_that_comes_right_in_its_second_turn_learns_from_it() -> None:
    """Two of four come right when they are asked again, the others never: both turns of the two become likelier."""
    model = tiny_llama()
    asked: list[Request] = []

    class Fixed:
        """Writes certain tokens: 20 + sample first, then 40 where that is even, else 41."""

        def rollout(self, requests: Sequence[Request], samples: int, *_: object) -> list[list[Rollout]]:
            asked.extend(requests)
            groups = []
            for request in requests:
                sample = int(request.key.partition("sample ")[2][:1] or 0)
                firsts = range(20, 20 + samples) if not request.turns else [41 if sample % 2 else 40]
                prompt = tuple(TOKENIZER(request.user + "".join(turn.said for turn in request.turns))["input_ids"])
                groups.append([Rollout(prompt, (first, 9), (), StopReason.END, f"{first}") for first in firsts])
            return groups

    def score(rollout: Rollout) -> Score:
        return RIGHT if rollout.text == "40" else NONE

    def logprob(prompt: Sequence[int], tokens: Sequence[int]) -> float:
        return float(completion_logprobs(model, pack([Group(prompt, [tokens])]))[0].detach().sum())

    settings = config(grpo={"puzzles_per_step": 1, "learning_rate": 1e-3})
    tasks = [task(Request("p", "", "Who?"), score)]
    first = TOKENIZER("Who?")["input_ids"]
    again = TOKENIZER(f"Who?{NONE.detail.capitalize()}. Write the whole program again.")["input_ids"]
    turns = [(first, (20 + sample, 9)) for sample in range(4)] + [(again, (40, 9)), (again, (41, 9))]
    before = [logprob(*turn) for turn in turns]
    told = loop(model, settings, lambda step: tasks, policy=Fixed())
    changes = [logprob(*turn) - old for turn, old in zip(turns, before, strict=True)]
    assert [change > 0 for change in changes] == [True, False, True, False, True, False]
    assert [request.key for request in asked] == ["p", *(f"p, sample {sample}, again" for sample in range(4))]
    assert told.groups[1][0].rewards == [0.9, 0.0, 0.9, 0.0]
    assert told.groups[1][0].advantages == pytest.approx([0.45, -0.45] * 2)


def test_reasoning_is_asked_again_until_it_is_right_and_told_no_more() -> None:
    """Of three completions, the first is right; the second is wrong in one answer, the third cannot be read."""
    unread = Score(Outcome.UNREADABLE, 0.0, False, {}, {}, "A should be the Hall")
    grades = [iter(scores) for scores in ([RIGHT], [HALF, RIGHT], [unread, HALF])]
    policy = ScriptedPolicy(lambda request, sample: f"{request.key} #{sample}")
    sampling = Sampling(max_new_tokens=5)
    [group] = begin(policy, [Request("k", "", "Who?", mode="reason")], 3, sampling)
    for _ in range(2):
        for one, scores in zip(group, grades, strict=True):
            one.grade(lambda rollout, scores=scores: next(scores))  # type: ignore[misc]
        go_on(policy, group, sampling)
    said = [[turn.said for turn in one.request.turns] for one in group]
    assert said[0] == [] and said[1] == ["Not all of these answers are right. Think again."]
    assert said[2][0] == "No answers could be read. Think again."
    assert [(one.score.correct, len(one.request.turns)) for one in group[:2]] == [(True, 0), (True, 1)]


def test_learning_from_what_is_right_alone_by_hand() -> None:
    # Right: the first, of 3 tokens, and the second, of 6 in two turns. What they earn makes no difference.
    settings = config(grpo={"learn_from": "right", "deviation": True, "loss": "reinforce", "updates_per_batch": 2})
    group = group_of(FOUR, settings)
    assert list(group.advantages) == [1.0, 1.0, 0.0, 0.0] and list(group.trained) == [True, True, False, False]
    assert group.spread and group.tokens == 9
    [micro_batch] = update._plan([group], settings, 1_000)
    assert micro_batch.advantages == [1.0] * 9 and micro_batch.weights == pytest.approx([1 / 9] * 9)
    assert not group_of(FOUR[2:], settings).spread
    for keys, reward, said in (
        ({}, {"spans": 1}, "reward.spans to 0"),
        ({"kl": 0.1, "kl_in": "reward", "kl_estimator": "k1"}, {}, "grpo.kl to 0, or grpo.kl_in to loss"),
        ({"min_deviation": 0.1}, {}, "grpo.min_deviation to 0"),
    ):
        with pytest.raises(UserError, match=f"grpo.learn_from right .* set {said}"):
            parse_config({"grpo": {"learn_from": "right", **keys}, "reward": reward}, "r.toml")


def test_a_recipe_with_retries_in_another_mode_is_refused() -> None:
    with pytest.raises(UserError, match=r"r.toml: grpo.retries is for modes program and reason .* nothing to think"):
        parse_config({"mode": "answer", "grpo": {"retries": 1}}, "r.toml")
    with pytest.raises(UserError, match=r"grpo.retries"):
        parse_config({"grpo": {"retries": -1}}, "r.toml")
    with pytest.raises(UserError, match=r"grpo.retry_discount"):
        parse_config({"grpo": {"retries": 1, "retry_discount": 0}}, "r.toml")


def test_a_run_with_retries_goes_on_to_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that answers nothing: two turns, and no third, which its context has no room for."""
    model = tiny_folder(tmp_path / "model", max_position_embeddings=1_600)
    settings = RunConfig.model_validate(
        {
            "model": {"name": str(model), "dtype": "float32", "threads": 1, "device": "cpu"},
            "sft": {"examples": 8, "batch_size": 4},
            "grpo": {"steps": 2, "puzzles_per_step": 2, "samples": 3, "retries": 2, "updates_per_batch": 2},
            "reward": {"length": 1.0},
            "sampling": {"max_new_tokens": 6},
            "eval": {"count": 2, "every": 2, "every_count": 2},
            "checkpoint": {"every": 1},
        }
    )
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    start(settings, whole)
    run.train(RunDirectory.open(whole))
    start(settings, stopped)

    class KilledError(Exception):
        """As sudden as a killed process."""

    give_back = reinforce.give_back

    def killed() -> None:
        give_back()
        if (stopped / "rollouts" / "grpo_000002.parquet").exists():
            raise KilledError

    with monkeypatch.context() as patch, pytest.raises(KilledError):
        patch.setattr(reinforce, "give_back", killed)
        run.train(RunDirectory.open(stopped))
    assert [path.name for path in (stopped / "checkpoints").iterdir()] == ["step_000003"]
    run.train(RunDirectory.open(stopped))
    found, wanted = files(stopped), files(whole)
    assert found.keys() == wanted.keys()
    assert [name for name in wanted if found[name] != wanted[name]] == []

    opened = RunDirectory.open(whole)
    [line] = [line for line in opened.read_metrics("grpo") if line.step == 2]
    assert line.values["turns/again"] == 1.0 and line.values["turns/right_by_3"] == 0.0
    for rows in (opened.read_rollouts("grpo", 2), opened.read_evaluation("after-grpo")):
        assert {len(row.turns) for row in rows} <= {1, 2} and all(row.turns for row in rows)
    for row in opened.read_rollouts("grpo", 2):
        assert len(row.turn_tokens) == len(row.turns) and len(row.logprobs) == len(row.tokens)
        ends = list(itertools.accumulate(row.turn_tokens, initial=0))
        texts = [
            TOKENIZER.decode(row.tokens[start:end], skip_special_tokens=True)
            for start, end in itertools.zip_longest(ends, ends[1:])
        ]
        assert texts == [*(text for text, _ in row.turns), row.completion]


def test_without_retries_nothing_is_asked_again() -> None:
    told = trained(config(grpo={"retries": 0}))
    assert all(len(one.rollouts) == 1 for group in told.groups[1] for one in group.conversations)
