"""Supervised fine-tuning (SFT): the model is shown right completions and learns to repeat them.

Only the target's tokens and the end token are trained on, not the prompt.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable
from typing import Any

from transformers import PreTrainedModel

from sleuth.config import SftConfig
from sleuth.policy.base import Request
from sleuth.policy.chat import end_token_id, prompt_tokens
from sleuth.training.checkpoint_guard import CheckpointGuard
from sleuth.training.logprobs import completion_logprobs
from sleuth.training.losses import sft_loss
from sleuth.training.optimizer import MasterOptimizer, scheduled_rate
from sleuth.training.packing import Group, micro_batches, pack


def encode(tokenizer: Any, request: Request, target: str) -> Group:
    """One example: the request as the policy would see it, and the target with the end token behind it."""
    target_tokens = tokenizer(target, add_special_tokens=False)["input_ids"]
    return Group(prompt_tokens(tokenizer, request), [[*target_tokens, end_token_id(tokenizer)]])


def train_sft(
    model: PreTrainedModel,
    optimizer: MasterOptimizer,
    examples: Iterable[Group],
    config: SftConfig,
    *,
    save_every: int,
    on_step: Callable[[int, dict[str, float], dict[str, float]], None],
    save: Callable[[int], None],
    start_step: int = 0,
) -> None:
    """Shows every example once, in order, `config.batch_size` a step, until `config.examples` are shown.

    Steps are numbered from 1; `start_step` have been made already, and `examples` begin behind these. After each step
    `on_step(step, metrics, timings)`; every `save_every` steps, after the last, and on Ctrl-C between steps,
    `save(step)`.
    """
    total_steps, left = config.steps, iter(examples)
    with CheckpointGuard(start_step, total_steps, save_every, save) as guard:
        for step in range(start_step + 1, total_steps + 1):
            started_s = time.perf_counter()
            batch = list(itertools.islice(left, config.batch_size))
            tokens = sum(example.predicted_tokens for example in batch)
            optimizer.forget_gradient()
            loss_sum = 0.0
            for part in micro_batches(batch, optimizer.config.micro_batch_tokens):
                logprobs_N, _ = completion_logprobs(
                    model, pack(part, model.device), checkpointing=optimizer.config.activation_checkpointing
                )
                loss = sft_loss(logprobs_N, tokens)
                loss.backward()  # type: ignore[no-untyped-call]
                loss_sum += float(loss.detach())

            rate = scheduled_rate(
                step - 1, config.learning_rate, config.warmup_steps, total_steps, optimizer.config.schedule
            )
            guard.changing()
            update = optimizer.step(rate)
            train_s = time.perf_counter() - started_s
            metrics = {
                "loss": loss_sum,
                "tokens_trained": float(tokens),
                "grad_norm": update.grad_norm,
                "learning_rate": rate,
                "not_finite": float(update.skipped),
            }
            on_step(step, metrics, {"train_s": train_s})
            guard.finished(step)
