"""The files of an export beside its data and settings: configurations for accelerate, scripts, README."""

from __future__ import annotations

import shlex

from sleuth.config import RunConfig
from sleuth.engines import batch_size
from sleuth.integrations.trl.arguments import as_yaml, on_cpu

ACCELERATE = "accelerate"
"""Folder of accelerate's configurations."""
CARDS = 8
"""Graphics cards of a node, unless GPUS says otherwise."""


def files(config: RunConfig, model: str) -> dict[str, str]:
    """Name to text of every file. model: as in `grpo.yaml`."""
    return {
        **{f"{ACCELERATE}/{name}.yaml": text for name, text in _accelerate(config).items()},
        "node.sh": _node(config, model),
        "slurm.sh": _slurm(config, model),
        "README.md": _readme(config, model),
    }


def _accelerate(config: RunConfig) -> dict[str, str]:
    base = {
        "compute_environment": "LOCAL_MACHINE",
        "machine_rank": 0,
        "main_training_function": "main",
        "mixed_precision": "no" if on_cpu(config) or config.model.dtype == "float32" else "bf16",
        "num_machines": 1,
        "num_processes": config.engine.processes,
        "rdzv_backend": "static",
        "same_network": True,
        "use_cpu": on_cpu(config),
    }
    fsdp = {
        "fsdp_version": 2,
        "fsdp_auto_wrap_policy": "TRANSFORMER_BASED_WRAP",
        "fsdp_reshard_after_forward": True,
        "fsdp_cpu_ram_efficient_loading": True,
        "fsdp_offload_params": False,
        "fsdp_state_dict_type": "FULL_STATE_DICT",
    }
    zero = {
        "zero_stage": 3,
        "zero3_init_flag": True,
        "zero3_save_16bit_model": True,
        "offload_optimizer_device": "none",
        "offload_param_device": "none",
    }
    ddp = "MULTI_CPU" if on_cpu(config) else "MULTI_GPU"
    return {
        "ddp": as_yaml(base | {"distributed_type": ddp}),
        "fsdp2": as_yaml(base | {"distributed_type": "FSDP", "fsdp_config": fsdp}),
        "zero3": as_yaml(base | {"distributed_type": "DEEPSPEED", "deepspeed_config": zero}),
    }


def _node(config: RunConfig, model: str) -> str:
    return f"""\
#!/usr/bin/env bash
# One node with several graphics cards: {config.engine.processes} of them train, the others sample with vLLM; where none
# is left, vLLM shares the cards with the training.
#
#     GPUS={CARDS} SHARDING=fsdp2 ./node.sh
#
# SHARDING: ddp (a whole copy of the model on each card), fsdp2 or zero3 (a part of it). TENSOR_PARALLEL: cards over
# which vLLM divides one copy of the model.
set -euo pipefail
cd "$(dirname "$0")"
GPUS=${{GPUS:-{CARDS}}}
SHARDING=${{SHARDING:-ddp}}
TENSOR_PARALLEL=${{TENSOR_PARALLEL:-1}}
TRAIN={config.engine.processes}
SERVE=$((GPUS - TRAIN))
cards() {{ seq -s, "$1" "$2"; }}

launch=(trl grpo --config grpo.yaml --accelerate_config "accelerate/$SHARDING.yaml")
if ((SERVE < TENSOR_PARALLEL)); then
  exec "${{launch[@]}}" --use_vllm true --vllm_mode colocate
fi
CUDA_VISIBLE_DEVICES=$(cards "$TRAIN" $((GPUS - 1))) trl vllm-serve --model {shlex.quote(model)} --host 127.0.0.1 \\
  --port 8000 --tensor_parallel_size "$TENSOR_PARALLEL" --data_parallel_size $((SERVE / TENSOR_PARALLEL)) &
server=$!
trap 'kill $server 2>/dev/null || true' EXIT
CUDA_VISIBLE_DEVICES=$(cards 0 $((TRAIN - 1))) "${{launch[@]}}" \\
  --use_vllm true --vllm_mode server --vllm_server_base_url http://127.0.0.1:8000 --vllm_server_timeout 1200
"""


def _slurm(config: RunConfig, model: str) -> str:
    processes = config.engine.processes
    train_nodes = -(-processes // CARDS)
    return f"""\
#!/usr/bin/env bash
# Slurm: the last node samples with vLLM, the {train_nodes} before it train{"s" if train_nodes == 1 else ""}.
#
#     SHARDING=fsdp2 sbatch slurm.sh
#
#SBATCH --job-name={"".join(c if c.isalnum() or c in "-_" else "-" for c in config.name)}
#SBATCH --nodes={train_nodes + 1}
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node={CARDS}
#SBATCH --output=slurm-%j.log
set -euo pipefail
cd "${{SLURM_SUBMIT_DIR:-$(dirname "$0")}}"
export SHARDING=${{SHARDING:-fsdp2}}
nodes=($(scontrol show hostnames "$SLURM_JOB_NODELIST"))
export HEAD=${{nodes[0]}} SERVER=${{nodes[-1]}}
trainers=$(IFS=,; echo "${{nodes[*]:0:{train_nodes}}}")

srun --nodes=1 --ntasks=1 --nodelist="$SERVER" trl vllm-serve --model {shlex.quote(model)} --host 0.0.0.0 --port 8000 \\
  --data_parallel_size {CARDS} &
server=$!
trap 'kill $server 2>/dev/null || true' EXIT
srun --nodes={train_nodes} --ntasks={train_nodes} --nodelist="$trainers" bash -c 'trl grpo --config grpo.yaml \\
  --use_vllm true --vllm_mode server --vllm_server_base_url "http://$SERVER:8000" --vllm_server_timeout 1200 \\
  --accelerate_config "accelerate/$SHARDING.yaml" --num_machines {train_nodes} --num_processes {processes} \\
  --machine_rank "$SLURM_PROCID" --main_process_ip "$HEAD" --main_process_port 29500'
"""


def _readme(config: RunConfig, model: str) -> str:
    grpo, engine, size = config.grpo, config.engine, batch_size(config)
    batch = grpo.puzzles_per_step * grpo.samples
    notes = "\n".join(f"- {note}" for note in differences(config))
    return f"""\
# {config.name} on TRL

Made by `sleuth export trl`. `pip install 'sleuth[trl]' 'trl[vllm]'` where it runs: the reward is Sleuth's own code
(`sleuth.integrations.trl.reward`).

```bash
trl grpo --config grpo.yaml          # one process
./node.sh                            # one node: part of the cards train, the others sample
sbatch slurm.sh                      # several nodes
```

| file | what it is |
| --- | --- |
| `train.jsonl` | {grpo.steps * grpo.puzzles_per_step} puzzles in the order of training: messages, puzzle, mode, id |
| `grpo.yaml` | the recipe in TRL's terms |
| `accelerate/` | data parallel (DDP), sharded (FSDP2), sharded by DeepSpeed (ZeRO-3) |

Model: `{model}`. A step samples {grpo.puzzles_per_step} × {grpo.samples} = {batch} completions on {engine.processes}
process{"es" if engine.processes > 1 else ""} with {size} completions a pass, so `steps_per_generation` is
{batch} / ({size} · {engine.processes}) = {batch // (size * engine.processes)}. For another number of processes export
again with `--processes`.

TRL's log has `sleuth/strict`, `sleuth/outcome/…`, `sleuth/spans/…` and `sleuth/reward/…`; `output/completions/` has
every completion. To measure the result: `sleuth eval … --model output`.

## What differs from Sleuth's engine

{notes}

## Not tested

FSDP2, ZeRO-3, vLLM and Slurm need graphics cards or a cluster, and Sleuth's tests have none. Tested: `grpo.yaml` with
transformers' sampler on a processor, one and two processes, and the gradient against Sleuth's.
"""


def differences(config: RunConfig) -> list[str]:
    """What TRL does otherwise with this recipe, a sentence or two each."""
    grpo = config.grpo
    notes = [
        "Random numbers: TRL's sampler has its own, so completions are others.",
        "TRL computes a prompt once for each completion, Sleuth once for the group: more work, the same result.",
        "A completion as long as the limit counts as cut off, even if it ends there.",
        "Nothing is evaluated on the way; checkpoints hold pickles (optimizer, random state): resume only your own.",
    ]
    if grpo.deviation:
        notes.append("A group of equal rewards has advantages of exactly 0 in Sleuth and of rounding size in TRL.")
    if grpo.updates_per_batch > 1:
        notes.append(
            f"The {grpo.updates_per_batch} updates of a batch: Sleuth splits it by groups, TRL shuffles the "
            "completions of each process first, and divides each update by the mean number of tokens of all."
        )
    if grpo.warmup_steps:
        notes.append("transformers begins a warm-up with a step at learning rate 0, so rates come one step later.")
    if config.optimizer.schedule == "cosine":
        notes.append("transformers' cosine reaches a tenth of the rate one step behind the last.")
    if grpo.entropy:
        notes.append("The bonus for entropy is a mean over the passes' means; Sleuth's is a mean over all tokens.")
    return notes
