"""Runs in an environment of its own, made by `benchmarks/compare.py`, or where `benchmarks/gpu_check.py` finds TRL:
seconds of GRPO steps by TRL's `GRPOTrainer`.

    python trl_step.py MODEL_FOLDER PROMPT_FILE STEPS BATCH ACCUMULATION cpu|cuda|vllm

4 prompts × 8 completions of exactly 64 tokens; model in bfloat16, no KL penalty, no checkpointing of activations; on
the processor, on the graphics card, or there with vLLM as the sampler. Prints one JSON list, seconds from the end of
one step to the end of the next.
"""

import json
import sys
import time
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
from trl import GRPOConfig, GRPOTrainer

from datasets import Dataset


class Clock(TrainerCallback):
    """When each optimizer step ended."""

    def __init__(self) -> None:
        self.ends_s: list[float] = []

    def on_step_begin(self, *_: object, **__: object) -> None:
        if not self.ends_s:
            self.ends_s.append(time.perf_counter())

    def on_step_end(self, *_: object, **__: object) -> None:
        self.ends_s.append(time.perf_counter())


def main() -> None:
    model_folder, prompt_file, steps, batch, accumulation, where = sys.argv[1:]
    prompt = Path(prompt_file).read_text(encoding="utf-8")
    tokenizer = AutoTokenizer.from_pretrained(model_folder)
    model = AutoModelForCausalLM.from_pretrained(model_folder, dtype=torch.bfloat16)
    config = GRPOConfig(
        output_dir=str(Path(prompt_file).parent / "trl"),
        bf16=True,
        use_cpu=where == "cpu",
        use_vllm=where == "vllm",
        vllm_mode="colocate",
        per_device_train_batch_size=int(batch),
        gradient_accumulation_steps=int(accumulation),
        gradient_checkpointing=False,
        num_generations=8,
        max_completion_length=64,
        generation_kwargs={"min_tokens" if where == "vllm" else "min_new_tokens": 64},
        beta=0.0,
        learning_rate=1e-9,
        max_steps=int(steps),
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )
    clock = Clock()
    trainer = GRPOTrainer(
        model=model,
        reward_funcs=lambda completions, **_: [len(set(text)) / 100 for text in completions],
        args=config,
        train_dataset=Dataset.from_list([{"prompt": f"{number}. {prompt}"} for number in range(64)]),
        processing_class=tokenizer,
        callbacks=[clock],
    )
    trainer.train()
    print(json.dumps([later - earlier for earlier, later in zip(clock.ends_s, clock.ends_s[1:], strict=False)]))


if __name__ == "__main__":
    main()
