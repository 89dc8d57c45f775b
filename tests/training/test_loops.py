"""The loops, whole, on a tiny model: they learn, they resume to the same bits, they stop between steps."""

from __future__ import annotations

import copy
import functools
import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import LlamaForCausalLM

from sleuth.config import RunConfig, SftConfig
from sleuth.policy.base import Request, Rollout, Sampling, StopReason
from sleuth.policy.engine import TorchPolicy
from sleuth.puzzles.score import Outcome, Score, Span
from sleuth.training import checkpoints
from sleuth.training.advantages import span_advantages
from sleuth.training.batch import ScoredGroup, Task
from sleuth.training.checkpoint_guard import CheckpointGuard
from sleuth.training.grpo import Step, kl_weight
from sleuth.training.logprobs import completion_logprobs
from sleuth.training.optimizer import MasterOptimizer
from sleuth.training.packing import Group, pack
from sleuth.training.reference import frozen_copy
from sleuth.training.sft import encode, train_sft
from tests.devices import DEVICES
from tests.tiny import END, tiny_llama
from tests.training.loops import TOKENIZER, Record, loop, task


def _config(**sections: dict[str, Any]) -> RunConfig:
    grpo = {"steps": 4, "puzzles_per_step": 3, "samples": 4, "learning_rate": 3e-3, "warmup_steps": 1}
    data: dict[str, dict[str, Any]] = {
        "grpo": grpo | sections.pop("grpo", {}),
        "sampling": {"max_new_tokens": 4} | sections.pop("sampling", {}),
        "optimizer": {"micro_batch_tokens": 100},
        "eval": {"every": 0},
        "checkpoint": {"every": 2, "keep": 9},
    }
    return RunConfig.model_validate(data | sections)


def _share_of_wanted(rollout: Rollout) -> Score:
    """The toy task: write tokens whose number is divisible by 4, a quarter of all."""
    reward = sum(token % 4 == 0 for token in rollout.tokens) / len(rollout.tokens)
    outcome = Outcome.CORRECT if reward == 1 else Outcome.PARTLY if reward else Outcome.WRONG
    return Score(outcome, reward, reward == 1, {}, {})


def _tasks(step: int, count: int = 3) -> list[Task]:
    return [task(Request(f"{step}/{i}", "", f"{step * i}"), _share_of_wanted) for i in range(count)]


def _grpo(
    config: RunConfig,
    model: LlamaForCausalLM,
    folder: Path | None = None,
    tasks: Callable[[int], Sequence[Task]] = _tasks,
    on_log: Callable[[Step], None] | None = None,
    **options: Any,
) -> Record:
    """Trains; with a folder, resumes from it and saves to it."""
    optimizer = MasterOptimizer(model, config.optimizer)
    start_step = 0
    if folder is not None:
        state = checkpoints.load_latest(folder, optimizer)
        start_step = state["step"] if state else 0

    def save(step: int) -> None:
        if folder is not None:
            checkpoints.save(folder, step, model, TOKENIZER, optimizer, {"step": step}, config.checkpoint.keep)

    record = Record(on_log, save)
    return loop(model, config, tasks, record, optimizer=optimizer, start_step=start_step, **options)


def _rollouts(group: ScoredGroup) -> list[Rollout]:
    return [one.rollout for one in group.conversations]


def _scores(group: ScoredGroup) -> list[Score]:
    return [one.score for one in group.conversations]


def _mean_reward(groups: Sequence[ScoredGroup]) -> float:
    return statistics.fmean(score.reward for group in groups for score in _scores(group))


@pytest.mark.parametrize("device", DEVICES)
def test_grpo_learns_a_toy_task_from_a_random_start(device: str) -> None:
    config = _config(grpo={"steps": 12, "puzzles_per_step": 4, "samples": 16})
    record = _grpo(config, tiny_llama().to(device), tasks=functools.partial(_tasks, count=4))
    assert _mean_reward(record.groups[1]) < 0.45
    assert _mean_reward(record.groups[12]) > 0.8


def test_metrics_of_a_step() -> None:
    record = _grpo(_config(grpo={"steps": 1}), tiny_llama())
    metrics, groups = record.metrics[1], record.groups[1]
    rewards = [score.reward for group in groups for score in _scores(group)]
    lengths = [len(rollout.tokens) for group in groups for rollout in _rollouts(group)]
    assert metrics["reward_std"] == pytest.approx(statistics.pstdev(rewards))
    assert metrics["tokens_sampled"] == sum(lengths)
    assert metrics["tokens_trained"] == sum(group.tokens for group in groups if group.spread)
    assert metrics["groups_without_spread"] == sum(not group.spread for group in groups) / 3
    assert metrics["learning_rate"] == 3e-3 / 2
    # Sampler and trainer compute the same function in float32; the first update is on-policy.
    assert 0 < metrics["mismatch_max"] < 1e-3
    assert metrics["mismatch"] <= metrics["mismatch_max"]
    assert metrics["clip_share"] == 0
    # At ratio 1 the loss is −Σ A / N; with completions of one length it is 0, otherwise the lengths weigh in.
    advantages = [a * len(r.tokens) for g in groups for r, a in zip(_rollouts(g), g.advantages, strict=True)]
    assert metrics["loss"] == pytest.approx(-sum(advantages) / sum(lengths), abs=1e-5)


def test_entropy_is_of_the_sampling_temperature() -> None:
    # At a high temperature every one of the 259 tokens is about as likely: ln 259 = 5.56.
    record = _grpo(_config(grpo={"steps": 1}, sampling={"temperature": 100.0}), tiny_llama())
    assert record.metrics[1]["entropy"] == pytest.approx(5.557, abs=1e-2)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("updates_per_batch", [1, 3])
def test_a_resumed_run_ends_with_the_same_bits(tmp_path: Path, dtype: torch.dtype, updates_per_batch: int) -> None:
    config = _config(grpo={"updates_per_batch": updates_per_batch})
    whole = tiny_llama().to(dtype)
    reference = _grpo(config, whole)

    class KilledError(Exception):
        """As sudden as a killed process: nothing is saved."""

    def stop_in_step_4(step: Step) -> None:
        if step.number == 4:
            raise KilledError

    with pytest.raises(KilledError):
        _grpo(config, tiny_llama().to(dtype), tmp_path, on_log=stop_in_step_4)
    assert [path.name for path in tmp_path.iterdir()] == ["step_000002"]

    # What is resumed knows nothing of the first start: its weights are others until the checkpoint is loaded.
    resumed = tiny_llama(seed=9).to(dtype)
    record = _grpo(config, resumed, tmp_path)
    assert record.metrics == {step: reference.metrics[step] for step in (3, 4)}
    for name, weight in whole.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], weight), name


def test_groups_without_spread_are_left_out_but_counted() -> None:
    """A batch with a group of equal rewards gives the same weights whether that group is computed or not: with a KL
    weight too small to count it is computed."""

    def tasks(step: int) -> list[Task]:
        flat = Score(Outcome.WRONG, 0.5, False, {}, {})
        return [*_tasks(step, 2), task(Request(f"{step}/flat", "", "flat"), lambda _: flat)]

    left_out, computed = tiny_llama(), tiny_llama()
    first = _grpo(_config(), left_out, tasks=tasks)
    second = _grpo(_config(grpo={"kl": 1e-30}), computed, tasks=tasks, reference=frozen_copy(computed))
    for step in first.metrics:
        assert first.metrics[step]["tokens_trained"] < second.metrics[step]["tokens_trained"]
    for name, weight in computed.state_dict().items():
        torch.testing.assert_close(left_out.state_dict()[name], weight, rtol=1e-3, atol=1e-4)


def test_a_token_budget_leaves_out_whole_groups() -> None:
    """With a budget that the first group spends, a batch of three is a batch of one."""
    one, three = tiny_llama(), tiny_llama()
    first = _grpo(_config(), one, tasks=lambda step: _tasks(step, 1))
    policy = TorchPolicy(three, TOKENIZER, rows=_config().grpo.samples)
    second = _grpo(_config(sampling={"token_budget": 1}), three, policy=policy)
    assert second.metrics == first.metrics
    assert all(metrics["groups"] == 1 for metrics in second.metrics.values())


def test_parts_are_credited_to_their_own_tokens() -> None:
    """A part is here every second token, worth 1 if divisible by 4: nothing else moves, and parts get better."""

    def score(rollout: Rollout) -> Score:
        parts = tuple(
            Span(t, t + 1, "wrong" if token % 4 else "right") for t, token in enumerate(rollout.tokens) if t % 2 == 0
        )
        return Score(Outcome.WRONG, 0.0, False, {}, {}, spans=parts)

    def tasks(step: int) -> list[Task]:
        return [task(Request(f"{step}/{i}", "", f"{step * i}"), score) for i in range(3)]

    def ends(rollout: Rollout) -> list[int]:
        return list(range(1, len(rollout.tokens) + 1))

    model, config = tiny_llama(), _config(reward={"spans": 2.0}, grpo={"steps": 25})
    record = _grpo(config, model, tasks=tasks, ends=ends)
    for group in record.groups[1]:
        values = [[float(part.verdict == "right") for part in one.spans] for one in _scores(group)]
        for advantages, own in zip(group.token_advantages, span_advantages(values), strict=True):
            assert advantages[1::2] == [0] * len(advantages[1::2])
            assert advantages[::2] == pytest.approx([2 * one for one in own])
        assert not any(group.advantages)
    parts = {step: [p.value for g in record.groups[step] for s in _scores(g) for p in s.spans] for step in (1, 25)}
    assert statistics.fmean(parts[25]) > statistics.fmean(parts[1]) + 0.2  # type: ignore[type-var]


def test_a_batch_without_any_spread_changes_nothing() -> None:
    model = tiny_llama()
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    flat = Score(Outcome.CORRECT, 1.0, True, {}, {})
    record = _grpo(_config(), model, tasks=lambda step: [task(Request(f"{step}", "", "x"), lambda _: flat)] * 3)
    assert [metrics["updates_skipped"] for metrics in record.metrics.values()] == [1.0] * 4
    assert all(torch.equal(weight, before[name]) for name, weight in model.state_dict().items())


def test_the_kl_penalty_pulls_towards_the_reference() -> None:
    """Without any reward, a model that was pushed away from the reference comes back."""
    flat = Score(Outcome.WRONG, 0.0, False, {}, {})
    reference = frozen_copy(tiny_llama())
    model = tiny_llama()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in model.parameters():
            weight += 0.04 * torch.randn(weight.shape, generator=generator)
    config = _config(grpo={"steps": 25, "samples": 16, "kl": 1.0})
    record = _grpo(
        config,
        model,
        tasks=lambda _: [replace(task, grade=lambda _: flat) for task in _tasks(1)],
        reference=reference,
    )
    first, last = ([record.metrics[step]["kl"] for step in steps] for steps in (range(1, 4), range(23, 26)))
    assert sum(last) < 0.85 * sum(first)
    assert record.metrics[1]["loss"] == pytest.approx(record.metrics[1]["kl"])


def test_later_updates_on_a_batch_are_compared_with_the_first_policy() -> None:
    """With a high rate the second of two updates sees ratios beyond the clip; the first never does."""
    config = _config(grpo={"steps": 1, "warmup_steps": 0, "updates_per_batch": 3, "learning_rate": 0.03})
    assert _grpo(config, tiny_llama()).metrics[1]["clip_share"] > 0.05
    once = config.model_copy(update={"grpo": config.grpo.model_copy(update={"updates_per_batch": 1})})
    assert _grpo(once, tiny_llama()).metrics[1]["clip_share"] == 0


def test_an_entropy_bonus_keeps_the_policy_undecided() -> None:
    runs = [_grpo(_config(grpo={"steps": 20, "entropy": bonus}), tiny_llama()) for bonus in (0.0, 0.5)]
    # A batch of which no token is trained on has none.
    plain, kept = ([m["entropy"] for m in run.metrics.values() if "entropy" in m][-1] for run in runs)
    assert kept > plain + 0.1


@pytest.mark.parametrize(
    "keys",
    [
        {"normalise": "completion", "correction": 2.0},
        {"normalise": "constant", "deviation": False},
        {"normalise": "group", "clip_high": 0.28, "updates_per_batch": 3},
        {"loss": "gspo", "normalise": "completion", "updates_per_batch": 3},
        {"loss": "cispo", "updates_per_batch": 3},
        {"loss": "reinforce", "leave_one_out": True, "deviation": False},
    ],
    ids=["grpo", "dr-grpo", "dapo", "gspo", "cispo", "rloo"],
)
def test_every_objective_learns_the_toy_task(keys: dict[str, Any]) -> None:
    record = _grpo(_config(grpo={"steps": 30} | keys), tiny_llama())
    first, last = (
        statistics.fmean(_mean_reward(record.groups[step]) for step in steps) for steps in (range(1, 5), range(27, 31))
    )
    assert last > first + 0.15
    drifts = [metrics.get("drift", 0.0) for metrics in record.metrics.values()]
    assert (max(drifts) > 0) == ("updates_per_batch" in keys)


def test_hooks_are_called_in_their_steps() -> None:
    record = _grpo(_config(grpo={"steps": 5}, eval={"every": 3}), tiny_llama())
    assert list(record.metrics) == [1, 2, 3, 4, 5]
    assert record.evaluated == [0, 3, 5]
    assert record.saved == [2, 4, 5]


class _InterruptedPolicy:
    """Ctrl-C while the third batch is sampled."""

    def __init__(self, policy: TorchPolicy) -> None:
        self.policy = policy

    def rollout(
        self, requests: Sequence[Request], samples: int, sampling: Sampling, progress: object = None
    ) -> list[list[Rollout]]:
        if sampling.seed[-1] == 4:
            raise KeyboardInterrupt
        rollouts = self.policy.rollout(requests, samples, sampling)
        return [[replace(rollout, logprobs=()) for rollout in group] for group in rollouts]


def test_an_interrupt_while_sampling_saves_the_last_whole_step(tmp_path: Path) -> None:
    model = tiny_llama()
    policy = _InterruptedPolicy(TorchPolicy(model, TOKENIZER, rows=16))
    with pytest.raises(KeyboardInterrupt):
        _grpo(_config(), model, tmp_path, policy=policy)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step_000002", "step_000003"]
    whole, resumed = tiny_llama(), tiny_llama(seed=9)
    _grpo(_config(), whole)
    _grpo(_config(), resumed, tmp_path)
    assert all(torch.equal(resumed.state_dict()[name], weight) for name, weight in whole.state_dict().items())


def test_an_interrupt_within_an_update_saves_nothing() -> None:
    saved: list[int] = []
    with pytest.raises(KeyboardInterrupt), CheckpointGuard(0, 9, 9, saved.append) as boundary:
        boundary.changing()
        boundary.finished(1)
        boundary.changing()
        raise KeyboardInterrupt
    assert saved == []


def test_other_errors_save_nothing() -> None:
    saved: list[int] = []
    with pytest.raises(RuntimeError), CheckpointGuard(0, 9, 9, saved.append) as boundary:
        boundary.finished(1)
        raise RuntimeError
    assert saved == []


EXAMPLES = [
    (Request(f"{i}", "Count.", question), answer)
    for i, (question, answer) in enumerate(
        [("one", "two"), ("three", "four, of course"), ("five", "6"), ("seven", "eight!")]
    )
]


def test_encode_trains_the_target_and_the_end_token_only() -> None:
    group = encode(TOKENIZER, *EXAMPLES[0])
    (completion,) = group.completions
    assert list(completion) == [*TOKENIZER("two")["input_ids"], END]
    assert TOKENIZER.decode(group.prompt_tokens).endswith("<|im_start|>assistant\n")


def test_sft_overfits_four_examples() -> None:
    model = tiny_llama(initializer_range=0.05)
    examples = [encode(TOKENIZER, *example) for example in EXAMPLES] * 60
    config = SftConfig(examples=240, batch_size=4, learning_rate=1e-2, warmup_steps=3)
    record = Record()
    optimizer = MasterOptimizer(model, _config().optimizer)

    def on_step(step: int, metrics: dict[str, float], timings: dict[str, float]) -> None:
        assert timings.keys() == {"train_s"}
        record.metrics[step] = metrics

    train_sft(model, optimizer, examples, config, save_every=25, on_step=on_step, save=record.saved.append)
    assert record.saved == [25, 50, 60]
    logprobs_N, _ = completion_logprobs(model, pack(examples[:4]))
    assert float(record.metrics[1]["loss"]) > 3
    assert float(logprobs_N.detach().mean()) > -0.05
    # 4 + 16 + 2 + 7 characters and end tokens; the same four every time.
    assert {metrics["tokens_trained"] for metrics in record.metrics.values()} == {4.0 + 16 + 2 + 7}
    rollouts = TorchPolicy(model, TOKENIZER).rollout([r for r, _ in EXAMPLES], 1, Sampling(32, temperature=0))
    assert [(group[0].text, group[0].stop) for group in rollouts] == [(a, StopReason.END) for _, a in EXAMPLES]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_resumed_sft_ends_with_the_same_bits(tmp_path: Path, dtype: torch.dtype) -> None:
    examples = [Group([5, 6, 7 + i], [[8 + i, 9, END]]) for i in range(11)]
    config = SftConfig(examples=11, batch_size=3, learning_rate=1e-2, warmup_steps=1)

    def run(model: LlamaForCausalLM, count: int) -> None:
        optimizer = MasterOptimizer(model, _config().optimizer)
        state = checkpoints.load_latest(tmp_path, optimizer)
        done = state["step"] if state else 0

        def on_step(step: int, *_: object) -> None:
            if step == count:
                raise KeyboardInterrupt

        train_sft(
            model,
            optimizer,
            examples[done * config.batch_size :],
            config,
            save_every=2,
            on_step=on_step,
            save=lambda step: checkpoints.save(tmp_path, step, model, TOKENIZER, optimizer, {"step": step}, 9) and None,
            start_step=done,
        )

    with pytest.raises(KeyboardInterrupt):
        run(tiny_llama().to(dtype), count=3)
    resumed = tiny_llama(seed=9).to(dtype)
    run(resumed, count=0)
    for path in tmp_path.iterdir():
        for file in path.iterdir():
            file.unlink()
        path.rmdir()
    whole = tiny_llama().to(dtype)
    run(whole, count=0)
    assert all(torch.equal(resumed.state_dict()[name], weight) for name, weight in whole.state_dict().items())


def _only_first(rollout: Rollout) -> Score:
    """Right where the first token is one of half of all: groups differ, and some have no spread."""
    right = rollout.tokens[0] % 2 == 0
    return Score(Outcome.CORRECT if right else Outcome.WRONG, float(right), right, {}, {})


def test_groups_with_nothing_to_teach_are_filled_up_within_the_budget() -> None:
    def tasks(step: int) -> list[Task]:  # the first two teach nothing, whatever is written
        flat = [
            task(Request(f"{step}/flat{i}", "", "a"), lambda _: Score(Outcome.WRONG, 0.0, False, {}, {}))
            for i in (0, 1)
        ]
        return [*flat, *(task(Request(f"{step}/{i}", "", f"{i}"), _only_first) for i in range(9))]

    filled = _grpo(_config(grpo={"steps": 1, "samples": 8, "refill": 6}), tiny_llama(), tasks=tasks)
    groups = filled.groups[1]
    assert [group.task.request.key for group in groups[:2]] == ["1/flat0", "1/flat1"]
    assert sum(group.spread for group in groups) == 3 and len(groups) <= 3 + 6
    # The loss is divided by the tokens of those that teach: the same step asked of them alone has the same loss.
    taught = [group.task for group in groups if group.spread]
    alone = _grpo(_config(grpo={"steps": 1, "samples": 8}), tiny_llama(), tasks=lambda step: taught)
    assert filled.metrics[1]["loss"] == pytest.approx(alone.metrics[1]["loss"], abs=1e-6)
    assert filled.metrics[1]["grad_norm"] == pytest.approx(alone.metrics[1]["grad_norm"], rel=1e-4)
    none = _grpo(_config(grpo={"steps": 1, "samples": 8, "refill": 0}), tiny_llama(), tasks=lambda s: tasks(s)[:3])
    assert len(none.groups[1]) == 3


def test_a_small_spread_can_be_too_little() -> None:
    config = _config(grpo={"steps": 1, "min_deviation": 0.4})
    record = _grpo(config, tiny_llama())
    for group in record.groups[1]:
        assert group.spread == (statistics.pstdev(group.rewards) > 0.4)


def test_truncated_completions_can_be_masked() -> None:
    config = _config(grpo={"steps": 1, "samples": 16, "truncated": "mask"}, sampling={"max_new_tokens": 3})
    record = _grpo(config, tiny_llama())
    groups, metrics = record.groups[1], record.metrics[1]
    ended = [r for group in groups for r in _rollouts(group) if r.stop is StopReason.END]
    assert metrics["truncated"] == 1 - len(ended) / 48
    assert metrics["tokens_trained"] <= sum(len(rollout.tokens) for rollout in ended) < metrics["tokens_sampled"]
    for group in groups:
        assert list(group.trained) == [rollout.stop is StopReason.END for rollout in _rollouts(group)]


def test_a_penalty_in_the_reward_lowers_what_is_earned() -> None:
    """The reference is another model: what is taken from the reward is the sum over the completion's tokens."""
    reference = frozen_copy(tiny_llama(seed=1))
    keys = {"steps": 1, "kl": 0.5, "kl_in": "reward", "kl_estimator": "k1"}
    record = _grpo(_config(grpo=keys), tiny_llama(), reference=reference)
    for group in record.groups[1]:
        packed = pack([Group(_rollouts(group)[0].prompt_tokens, [rollout.tokens for rollout in _rollouts(group)])])
        logprobs, _ = completion_logprobs(reference, packed)
        parts = torch.split(logprobs.detach(), [len(rollout.tokens) for rollout in _rollouts(group)])
        for rollout, score, earned, part in zip(_rollouts(group), _scores(group), group.rewards, parts, strict=True):
            penalty = sum(rollout.logprobs) - float(part.sum())
            assert earned == pytest.approx(score.reward - 0.5 * penalty, abs=1e-3)
    assert "kl" not in record.metrics[1], "the loss has no such term"


def test_the_weight_of_the_penalty_goes_from_end_to_end() -> None:
    config = _config(grpo={"steps": 5, "kl": 0.01, "kl_end": 0.002})
    assert [kl_weight(config, step) for step in range(1, 6)] == pytest.approx([0.01, 0.008, 0.006, 0.004, 0.002])
    assert kl_weight(_config(grpo={"steps": 5, "kl": 0.01}), 5) == 0.01


def test_a_completion_that_lost_its_thread_is_cut() -> None:
    # A random model's tokens have a mean log-probability of a few nats: every completion is given up after 32 tokens.
    sampling = Sampling(40, seed=(1,), give_up=-0.01)
    [rollouts] = TorchPolicy(tiny_llama(), TOKENIZER, ends=False).rollout([Request("a", "", "b")], 3, sampling)
    assert [(len(rollout.tokens), rollout.stop) for rollout in rollouts] == [(32, StopReason.GIVEN_UP)] * 3
    whole = TorchPolicy(tiny_llama(), TOKENIZER, ends=False).rollout(
        [Request("a", "", "b")], 1, Sampling(40, give_up=-99)
    )
    assert whole[0][0].stop is StopReason.LENGTH and len(whole[0][0].tokens) == 40


GRAMMAR = "(?:yes|no|maybe)(?:, (?:yes|no|maybe))*"


def _said(rollout: Rollout) -> Score:
    """The toy task of constrained completions: to say nothing but yes. What no grammar allows fails."""
    words = rollout.text.split(", ")
    assert rollout.stop is not StopReason.END or set(words) <= {"yes", "no", "maybe"}
    reward = words.count("yes") / len(words)
    return Score(Outcome.CORRECT if reward == 1 else Outcome.PARTLY, reward, reward == 1, {}, {})


def _constrained_tasks(step: int) -> list[Task]:
    return [task(Request(f"{step}/{i}", "", f"{step * i}", grammar=lambda: GRAMMAR), _said) for i in range(3)]


def _constrained(model: LlamaForCausalLM, **sections: Any) -> Record:
    sampling = {"max_new_tokens": 30, "constrain": True} | sections.pop("sampling", {})
    policy = TorchPolicy(model, TOKENIZER, rows=16)
    config = _config(sampling=sampling, **sections)
    reference = frozen_copy(model) if config.grpo.kl > 0 else None
    options = {"policy": policy, "constraint": policy.constraint, "reference": reference}
    return _grpo(config, model, tasks=_constrained_tasks, **options)


@pytest.mark.parametrize("temperature", [1.0, 0.7])
@pytest.mark.parametrize("updates_per_batch", [1, 3])
def test_constrained_sampler_and_trainer_agree(updates_per_batch: int, temperature: float) -> None:
    grpo = {"steps": 1, "updates_per_batch": updates_per_batch}
    metrics = _constrained(tiny_llama(), grpo=grpo, sampling={"temperature": temperature}).metrics[1]
    assert 0 < metrics["mismatch_max"] < 2e-5
    # Most tokens have no choice ("es" after "y"), and no place has more than four: three words, and the end or a comma.
    assert 0 < metrics["entropy"] < 0.7


def test_in_bfloat16_they_agree_as_well_as_without_a_grammar() -> None:
    grpo = {"steps": 1, "samples": 16}
    model = tiny_llama(initializer_range=0.08).to(torch.bfloat16)
    free = _grpo(_config(grpo=grpo, sampling={"max_new_tokens": 30}), copy.deepcopy(model)).metrics[1]
    held = _constrained(model, grpo=grpo).metrics[1]
    assert 0 < held["mismatch"] <= free["mismatch"] and held["mismatch_max"] <= 1.5 * free["mismatch_max"]


def test_constrained_grpo_learns_with_a_penalty_and_a_bonus() -> None:
    record = _constrained(tiny_llama(), grpo={"steps": 15, "samples": 8, "kl": 0.01, "entropy": 0.001})
    assert record.metrics[1]["kl"] == pytest.approx(0, abs=1e-8)
    assert all(math.isfinite(value) for metrics in record.metrics.values() for value in metrics.values())
    assert not any(metrics["not_finite"] for metrics in record.metrics.values())
    assert _mean_reward(record.groups[15]) > _mean_reward(record.groups[1]) + 0.3


def test_a_constrained_penalty_in_the_reward_is_of_the_same_distribution() -> None:
    """The reference is the model itself: nothing is taken."""
    keys = {"steps": 1, "kl": 0.5, "kl_in": "reward", "kl_estimator": "k1"}
    record = _constrained(tiny_llama(), grpo=keys)
    for group in record.groups[1]:
        for score, earned in zip(_scores(group), group.rewards, strict=True):
            assert earned == pytest.approx(score.reward, abs=1e-4)
