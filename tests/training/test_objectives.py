"""Published objectives, written down here as their papers print them and differentiated by autograd, against the
gradients that the loop comes to with the keys that docs/how-to/train.md names for them.

Two updates a batch, with a rate so high that the second one meets ratios on both sides of the clip.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import LlamaForCausalLM

from sleuth.config import RunConfig
from sleuth.policy.base import Request, Rollout
from sleuth.puzzles.score import Outcome, Score
from sleuth.training.advantages import EPSILON
from sleuth.training.batch import Task
from sleuth.training.optimizer import MasterOptimizer, Update
from tests.tiny import tiny_llama, tiny_tokenizer
from tests.training.loops import loop, task

TOKENIZER = tiny_tokenizer()
LONGEST = 7


@dataclass
class Completion:
    """o_i of one question: log-probabilities of its T tokens, and what it earned."""

    logprobs: Tensor
    old: Tensor
    reference: Tensor
    reward: float

    @property
    def ratio(self) -> Tensor:
        return (self.logprobs - self.old).exp()

    def __len__(self) -> int:
        return len(self.logprobs)


Groups = Sequence[Sequence[Completion]]
"""Of one update: questions, and the G completions of each."""


def rewards_of(group: Sequence[Completion]) -> Tensor:
    return torch.tensor([one.reward for one in group])


def normalised(group: Sequence[Completion]) -> list[Tensor]:
    """(r_i - mean(r)) / std(r)."""
    r = rewards_of(group)
    return list((r - r.mean()) / (r.std(correction=0) + EPSILON))


def centred(group: Sequence[Completion]) -> list[Tensor]:
    r = rewards_of(group)
    return list(r - r.mean())


def mean_over_questions(groups: Groups, of_group: Callable[[Sequence[Completion]], Tensor]) -> Tensor:
    return torch.stack([of_group(group) for group in groups]).mean()


def grpo(groups: Groups) -> Tensor:
    """DeepSeekMath (arXiv:2402.03300), equations 3 and 4, epsilon 0.2, beta 0.04."""

    def of_group(group: Sequence[Completion]) -> Tensor:
        total = torch.zeros(())
        for one, a in zip(group, normalised(group), strict=True):
            inner = torch.zeros(())
            for t in range(len(one)):
                rho = one.ratio[t]
                to_reference = one.reference[t] - one.logprobs[t]
                kl = to_reference.exp() - to_reference - 1
                inner = inner + torch.min(rho * a, rho.clamp(0.8, 1.2) * a) - 0.04 * kl
            total = total + inner / len(one)
        return total / len(group)

    return mean_over_questions(groups, of_group)


def dr_grpo(groups: Groups) -> Tensor:
    """Dr. GRPO (arXiv:2503.20783), the objective of figure 1 without the terms struck out there; sums over tokens are
    divided by a constant, the most tokens allowed, as in the authors' code."""

    def of_group(group: Sequence[Completion]) -> Tensor:
        sums = [
            torch.min(one.ratio * a, one.ratio.clamp(0.8, 1.2) * a).sum()
            for one, a in zip(group, centred(group), strict=True)
        ]
        return torch.stack(sums).sum() / len(group) / LONGEST

    return mean_over_questions(groups, of_group)


def dapo(groups: Groups) -> Tensor:
    """DAPO (arXiv:2503.14476), equation 8, epsilon_low 0.2 and epsilon_high 0.28, the tokens of a batch together."""
    terms = [
        torch.min(one.ratio * a, one.ratio.clamp(0.8, 1.28) * a).sum()
        for group in groups
        for one, a in zip(group, normalised(group), strict=True)
    ]
    return torch.stack(terms).sum() / sum(len(one) for group in groups for one in group)


def gspo(groups: Groups) -> Tensor:
    """GSPO (arXiv:2507.18071), equations 5 to 7, with clips as narrow as its section 5.1 has them."""

    def of_group(group: Sequence[Completion]) -> Tensor:
        terms = []
        for one, a in zip(group, normalised(group), strict=True):
            s = ((one.logprobs - one.old).sum() / len(one)).exp()
            terms.append(torch.min(s * a, s.clamp(1 - 3e-4, 1 + 4e-4) * a))
        return torch.stack(terms).mean()

    return mean_over_questions(groups, of_group)


def cispo(groups: Groups) -> Tensor:
    """CISPO (MiniMax-M1, arXiv:2506.13585), equation 4, the tokens of a batch taken together."""
    terms = [
        (one.ratio.clamp(0.8, 1.2).detach() * a * one.logprobs).sum()
        for group in groups
        for one, a in zip(group, normalised(group), strict=True)
    ]
    return torch.stack(terms).sum() / sum(len(one) for group in groups for one in group)


def rloo(groups: Groups) -> Tensor:
    """REINFORCE with the others' mean as baseline (RLOO, arXiv:2402.14740), by the constant that keys demand."""

    def of_group(group: Sequence[Completion]) -> Tensor:
        total = torch.zeros(())
        for i, one in enumerate(group):
            others = [other.reward for j, other in enumerate(group) if j != i]
            total = total + (one.reward - sum(others) / len(others)) * one.logprobs.sum()
        return total / len(group) / LONGEST

    return mean_over_questions(groups, of_group)


class Watched(MasterOptimizer):
    """Writes down the weights and their gradient before each update."""

    def __init__(self, model: LlamaForCausalLM, config: RunConfig) -> None:
        super().__init__(model, config.optimizer)
        self.model = model
        self.models: list[LlamaForCausalLM] = []
        self.gradients: list[dict[str, Tensor]] = []

    def step(self, learning_rate: float) -> Update:
        self.models.append(copy.deepcopy(self.model))
        self.gradients.append({n: p.grad.clone() for n, p in self.model.named_parameters() if p.grad is not None})
        return super().step(learning_rate)


def logprobs_of(model: LlamaForCausalLM, rollout: Rollout) -> Tensor:
    """One sequence at a time, as transformers computes it."""
    ids = torch.tensor([[*rollout.prompt_tokens, *rollout.tokens]])
    logits = model(ids).logits[0].log_softmax(-1)
    first = len(rollout.prompt_tokens)
    return torch.stack([logits[first + i - 1, token] for i, token in enumerate(rollout.tokens)])


def tasks(step: int) -> list[Task]:
    def score(rollout: Rollout) -> Score:
        reward = sum(token % 4 == 0 for token in rollout.tokens) / len(rollout.tokens)
        return Score(Outcome.PARTLY, reward, False, {}, {})

    return [task(Request(f"{step}/{i}", "", f"question {i}"), score) for i in range(4)]


@pytest.mark.parametrize(
    ("printed", "keys"),
    [
        (grpo, {"normalise": "completion", "kl": 0.04}),
        (dr_grpo, {"normalise": "constant", "deviation": False}),
        (dapo, {"clip_high": 0.28}),
        (gspo, {"loss": "gspo", "normalise": "completion", "clip": 3e-4, "clip_high": 4e-4}),
        (cispo, {"loss": "cispo"}),
        (rloo, {"loss": "reinforce", "leave_one_out": True, "deviation": False, "normalise": "constant"}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_the_loops_gradient_is_that_of_the_printed_formula(
    printed: Callable[[Groups], Tensor], keys: dict[str, Any]
) -> None:
    updates = 1 if keys.get("loss") == "reinforce" else 2
    grpo_keys = {"steps": 1, "puzzles_per_step": 4, "samples": 4, "learning_rate": 3e-3, "warmup_steps": 0}
    config = RunConfig.model_validate(
        {
            "grpo": grpo_keys | {"updates_per_batch": updates} | keys,
            "sampling": {"max_new_tokens": LONGEST},
            "optimizer": {"micro_batch_tokens": 60, "max_grad_norm": 1e9},
            "eval": {"every": 0},
        }
    )
    model, reference = tiny_llama(), tiny_llama(seed=1)
    optimizer = Watched(model, config)
    kept = reference if config.needs_reference else None
    sampled = loop(model, config, tasks, optimizer=optimizer, reference=kept).groups[1]
    assert len({len(one.rollout.tokens) for group in sampled for one in group.conversations}) > 1, "lengths must differ"
    old = optimizer.models[0]
    clipped = 0
    for update, (current, gradient) in enumerate(zip(optimizer.models, optimizer.gradients, strict=True)):
        part = sampled[4 * update // updates : 4 * (update + 1) // updates]
        groups = []
        for scored in part:
            group = []
            for one in scored.conversations:
                with torch.no_grad():
                    before, by_reference = logprobs_of(old, one.rollout), logprobs_of(reference, one.rollout)
                now = logprobs_of(current, one.rollout)
                group.append(Completion(now, before, by_reference, one.score.reward))
            groups.append(group)
        clipped += sum(int(((one.ratio - 1).abs() > 0.28).sum()) for group in groups for one in group)
        current.zero_grad()
        (-printed(groups)).backward()  # type: ignore[no-untyped-call]
        for name, parameter in current.named_parameters():
            assert parameter.grad is not None
            scale = float(parameter.grad.abs().max())
            torch.testing.assert_close(gradient[name], parameter.grad, rtol=1e-3, atol=1e-4 * scale)
    assert updates == 1 or clipped > 0, "some ratios must be beyond every clip"
