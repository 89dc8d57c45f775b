"""A recipe in TRL's terms: the keys of `grpo.yaml`, which `trl grpo --config` reads.

With P puzzles, G samples, U updates of a batch, W processes and B completions in a pass of a process:
`steps_per_generation` = P·G/(B·W) and `gradient_accumulation_steps` = P·G/(B·W·U), so a generation is the batch of one
of Sleuth's steps, and TRL's optimizer steps are Sleuth's updates.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sleuth.config import RunConfig
from sleuth.engines import batch_size, completions_of_process

REWARD = "sleuth.integrations.trl.reward"
DATA = "train.jsonl"
SETTINGS = "grpo.yaml"
OUTPUT = "output"
"""Folder of what TRL writes."""
_LOSS_TYPES = {"batch": "dapo", "completion": "grpo", "constant": "dr_grpo"}


def on_cpu(config: RunConfig) -> bool:
    """Whether nothing of the recipe runs on a graphics card."""
    return config.model.device == "cpu"


def trl_arguments(config: RunConfig, model: str) -> dict[str, Any]:
    """The keys of `grpo.yaml` for a recipe that `check_trl` passed. model: a folder or a Hugging Face id. Paths are
    seen from the folder of the file."""
    grpo, optimizer, sampling = config.grpo, config.optimizer, config.sampling
    updates, passes = grpo.updates_per_batch, completions_of_process(config) // batch_size(config)
    return {
        "model_name_or_path": model,
        "dtype": "float32",
        "bf16": config.model.dtype == "bfloat16" or (config.model.dtype == "auto" and not on_cpu(config)),
        "gradient_checkpointing": optimizer.activation_checkpointing,
        "ddp_find_unused_parameters": False,
        "datasets": [{"path": "json", "data_files": DATA}],
        "shuffle_dataset": False,
        "reward_funcs": [REWARD],
        "chat_template_kwargs": dict(config.model.template_kwargs),
        "output_dir": OUTPUT,
        "seed": config.seed,
        "max_steps": grpo.steps * updates,
        "num_generations": grpo.samples,
        "per_device_train_batch_size": batch_size(config),
        "steps_per_generation": passes * updates,
        "gradient_accumulation_steps": passes,
        "num_iterations": 1,
        "max_completion_length": sampling.max_new_tokens,
        "temperature": sampling.temperature,
        "top_p": 1.0,
        "top_k": 0,
        "loss_type": _LOSS_TYPES[grpo.normalise],
        "importance_sampling_level": "sequence" if grpo.loss == "gspo" else "token",
        "scale_rewards": "group" if grpo.deviation else "none",
        "epsilon": grpo.clip,
        "epsilon_high": grpo.clip if grpo.clip_high is None else grpo.clip_high,
        "beta": grpo.kl,
        "use_bias_correction_kl": False,
        "entropy_coef": grpo.entropy,
        "mask_truncated_completions": grpo.truncated == "mask",
        "optim": "adamw_torch_fused",
        "learning_rate": grpo.learning_rate,
        **_schedule(config),
        "adam_beta1": optimizer.beta1,
        "adam_beta2": optimizer.beta2,
        "adam_epsilon": 1e-8,
        "weight_decay": optimizer.weight_decay,
        "max_grad_norm": optimizer.max_grad_norm,
        **_sampler(config),
        "logging_steps": updates,
        "log_completions": True,
        "num_completions_to_print": 0,
        "disable_tqdm": True,
        "save_strategy": "steps",
        "save_steps": config.checkpoint.every * updates,
        "save_total_limit": config.checkpoint.keep,
        **_mirrors(config),
    }


def _schedule(config: RunConfig) -> dict[str, Any]:
    """transformers begins a warm-up with a step at rate 0, and ends `polynomial` one step behind the last."""
    grpo, kind = config.grpo, config.optimizer.schedule
    total, warm = grpo.steps * grpo.updates_per_batch, grpo.warmup_steps * grpo.updates_per_batch
    rising = warm + 1 if warm else 0
    if kind == "constant":
        return {"lr_scheduler_type": "constant_with_warmup", "warmup_steps": rising}
    if kind == "cosine":
        extra: dict[str, Any] = {"min_lr_rate": 0.1}
        return {"lr_scheduler_type": "cosine_with_min_lr", "lr_scheduler_kwargs": extra, "warmup_steps": rising}
    fall = 0.9 * (total - rising) / max(1, total - 1 - warm)
    extra = {"lr_end": grpo.learning_rate * (1 - fall), "power": 1.0}
    return {"lr_scheduler_type": "polynomial", "lr_scheduler_kwargs": extra, "warmup_steps": rising}


def _sampler(config: RunConfig) -> dict[str, Any]:
    if on_cpu(config):
        return {"use_cpu": True, "use_vllm": False}
    correction = config.grpo.correction
    where: dict[str, Any] = {"vllm_mode": "colocate"}
    if config.engine.vllm_server:
        where = {"vllm_mode": "server", "vllm_server_base_url": config.engine.vllm_server}
    how = {"vllm_importance_sampling_mode": "token_truncate", "vllm_importance_sampling_clip_max": correction}
    return {
        "use_vllm": True,
        **where,
        "vllm_importance_sampling_correction": correction > 0,
        **(how if correction > 0 else {}),
    }


def _mirrors(config: RunConfig) -> dict[str, Any]:
    mirror = config.mirror
    names = [name for name in ("tensorboard", "trackio", "wandb") if getattr(mirror, name)]
    found: dict[str, Any] = {"report_to": names or "none", "run_name": config.name}
    if mirror.trackio:
        found["project"] = mirror.trackio
    if mirror.wandb:
        found["env"] = {"WANDB_PROJECT": mirror.wandb}
    return found


def as_yaml(values: Mapping[str, Any]) -> str:
    """Plain data as YAML, a key on each line. A value is written as JSON, which YAML includes but for numbers such as
    1e-05: those need a point."""
    return "".join(f"{key}: {_scalar(value)}\n" for key, value in values.items())


def _scalar(value: Any) -> str:
    if isinstance(value, float):
        mantissa, e, exponent = repr(value).partition("e")
        return f"{mantissa}{'' if '.' in mantissa or not e else '.0'}{e}{exponent}"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(key)}: {_scalar(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_scalar(one) for one in value) + "]"
    return json.dumps(value, ensure_ascii=False)
