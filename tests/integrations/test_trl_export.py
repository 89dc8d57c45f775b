"""`sleuth export trl`: what is refused, what is written, and that TRL and accelerate accept it."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sleuth.cli import app
from sleuth.config import RunConfig
from sleuth.engines import batch_size, check_trl
from sleuth.errors import UserError
from sleuth.integrations.trl.arguments import as_yaml, trl_arguments
from sleuth.integrations.trl.export import export_trl
from sleuth.integrations.trl.parts import Part, parts
from sleuth.puzzles.puzzle import Puzzle
from sleuth.recipes import load_recipe
from sleuth.training.curriculum import Curriculum
from sleuth.training.optimizer import scheduled_rate
from tests.tiny import tiny_folder

ROOT = Path(__file__).parent.parent.parent
needs_trl = pytest.mark.skipif(importlib.util.find_spec("trl") is None, reason="needs the extra trl")


def recipe(**sections: Any) -> RunConfig:
    """A small recipe that TRL takes, with sections on top."""
    base: dict[str, Any] = {
        "name": "small",
        "mode": "answer",
        "model": {"name": "nano-detective", "device": "cpu", "dtype": "float32", "threads": 1},
        "sft": {"examples": 0},
        "grpo": {"steps": 2, "puzzles_per_step": 2, "samples": 4, "sample_deviation": True, "warmup_steps": 0},
        "sampling": {"max_new_tokens": 16},
        "engine": {"kind": "trl"},
    }
    merged = {
        name: base.get(name, {}) | value if isinstance(value, dict) else value for name, value in sections.items()
    }
    return RunConfig.model_validate(base | merged)


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"reward": {"spans": 1.0}}, "no reward.spans 1.0"),
        ({"mode": "program", "grpo": {"retries": 2}}, "no grpo.retries 2"),
        ({"sampling": {"constrain": True}}, "no sampling.constrain true"),
        ({"puzzles": {"enter": 0.5, "mixture": [{"level": "1"}, {"level": "2"}]}}, "no puzzles.enter 0.5"),
        ({"grpo": {"refill": 3, "leave_one_out": True}}, "no grpo.leave_one_out true, no grpo.refill 3"),
        ({"grpo": {"loss": "cispo"}}, "no grpo.loss cispo"),
        ({"grpo": {"kl": 0.1, "kl_estimator": "k2"}}, "no grpo.kl_estimator k2"),
        ({"weights": {"lora_rank": 4}}, "no weights.lora_rank 4"),
        ({"optimizer": {"kind": "muon"}}, "no optimizer.kind muon"),
        ({"grpo": {"correction": 2.0}}, "no grpo.correction 2 without vLLM"),
        ({"grpo": {"sample_deviation": False}}, "set grpo.sample_deviation true"),
        ({"engine": {"processes": 3}}, "2 x 4 completions do not divide into 1 updates of 3 processes; change"),
        (
            {"engine": {"batch_size": 3}},
            "2 x 4 completions do not divide into 1 updates of 1 processes in batches of 3",
        ),
        ({"sft": {"examples": 5}, "grpo": {"steps": 0}}, "grpo.steps 0"),
    ],
)
def test_what_trl_lacks_is_refused_by_name(sections: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said) as error:
        check_trl(recipe(**sections))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"sft": {"examples": 32}}, "sft.examples 32: an export is GRPO alone"),
        ({"model": {"name": "smollm2-135m", "kind": "nano"}}, "model.kind nano"),
        ({"model": {"name": "smollm2-135m", "kind": "extended"}}, "model.kind extended"),
        ({"model": {"template": "plain"}}, "model.template plain"),
        ({"engine": {"vllm_server": "http://a:8000"}}, "vLLM needs graphics cards"),
        ({"puzzles": {"level": "99"}}, "99"),
    ],
)
def test_what_only_a_run_can_do_is_not_exported(sections: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=said):
        export_trl(recipe(**sections), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_keys_of_the_other_engine() -> None:
    with pytest.raises(ValueError, match=r"engine.processes is for engine.kind trl"):
        recipe(engine={"kind": "sleuth", "processes": 2})
    with pytest.raises(ValueError, match=r"grpo.sample_deviation says which deviation"):
        recipe(grpo={"deviation": False, "sample_deviation": True})


@pytest.mark.parametrize(
    ("puzzles", "samples", "processes", "wanted"),
    [
        (4, 3, 2, [[Part(0, 2, 0, 3)], [Part(2, 2, 0, 3)]]),
        (3, 4, 2, [[Part(0, 1, 0, 4), Part(1, 1, 0, 2)], [Part(1, 1, 2, 2), Part(2, 1, 0, 4)]]),
        (1, 6, 3, [[Part(0, 1, 0, 2)], [Part(0, 1, 2, 2)], [Part(0, 1, 4, 2)]]),
        (6, 3, 2, [[Part(0, 3, 0, 3)], [Part(3, 3, 0, 3)]]),
    ],
)
def test_parts_of_processes(puzzles: int, samples: int, processes: int, wanted: list[list[Part]]) -> None:
    share = puzzles * samples // processes
    assert [parts(rank * share, share, samples) for rank in range(processes)] == wanted


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 9))
def test_parts_are_all_completions_in_order(puzzles: int, samples: int, processes: int) -> None:
    """Of a step whose completions the processes share in equal parts."""
    share, found = puzzles * samples, []
    for rank in range(processes):
        for part in parts(rank * share, share, samples):
            numbers = range(part.first, part.first + part.samples)
            found += [(part.puzzle + place, sample) for place in range(part.puzzles) for sample in numbers]
    assert found == [divmod(row, samples) for row in range(share * processes)]


def test_batches_of_a_process() -> None:
    assert batch_size(recipe(grpo={"puzzles_per_step": 4, "samples": 9})) == 6  # of 36, the most up to 8
    assert batch_size(recipe(grpo={"puzzles_per_step": 4, "samples": 8}, engine={"processes": 2})) == 8
    assert batch_size(recipe(engine={"batch_size": 1})) == 1


@pytest.mark.parametrize(("processes", "size"), [(8, 1), (8, 5), (4, 4)])
def test_recipe_of_2025_in_the_terms_of_trl(processes: int, size: int) -> None:
    """The formula: 32 × 50 completions over W processes with B a pass."""
    keys = {"engine.processes": str(processes), "engine.batch_size": str(size)}
    config = load_recipe(ROOT / "recipes/reference-2025.toml", keys)
    check_trl(config)
    found = trl_arguments(config, config.model.name)
    wanted = {
        "num_generations": 50,
        "steps_per_generation": 1600 // (size * processes),
        "gradient_accumulation_steps": 400 // (size * processes),
        "max_steps": 400,  # 100 batches of 4 updates
        "learning_rate": 6e-6,
        "lr_scheduler_type": "constant_with_warmup",
        "warmup_steps": 0,
        "adam_beta1": 0.9,
        "adam_beta2": 0.99,
        "weight_decay": 0.1,
        "max_grad_norm": 0.1,
        "epsilon": 0.2,
        "epsilon_high": 0.2,
        "beta": 0.0,
        "loss_type": "dapo",
        "scale_rewards": "group",
        "max_completion_length": 8192,
        "use_vllm": True,
        "vllm_mode": "colocate",
        "vllm_importance_sampling_correction": False,
        "bf16": True,
        "gradient_checkpointing": True,
    }
    assert {name: found[name] for name in wanted} == wanted


def test_vllm_as_a_server_and_its_correction() -> None:
    config = recipe(model={"device": "cuda"}, engine={"vllm_server": "http://node1:8000"}, grpo={"correction": 2.0})
    check_trl(config)
    found = trl_arguments(config, "m")
    assert (found["vllm_mode"], found["vllm_server_base_url"]) == ("server", "http://node1:8000")
    assert found["vllm_importance_sampling_correction"] is True
    assert (found["vllm_importance_sampling_mode"], found["vllm_importance_sampling_clip_max"]) == ("token_truncate", 2)
    assert trl_arguments(recipe(grpo={"loss": "gspo"}), "m")["importance_sampling_level"] == "sequence"


def test_neither_export_nor_reward_need_torch() -> None:
    code = (
        "import sys, sleuth.integrations.trl.export; sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_yaml_of_small_numbers() -> None:
    import yaml

    values = {"a": 1e-05, "b": 1.5e-07, "c": 6e20, "d": None, "e": {"f": 1e-08}, "g": [0.1, "x: y # z"], "h": True}
    assert yaml.safe_load(as_yaml(values)) == values


def test_data_are_the_puzzles_of_the_steps(tmp_path: Path) -> None:
    """In the order in which Sleuth's own loop asks them."""
    config = recipe(grpo={"steps": 3})
    export_trl(config, tmp_path / "out")
    rows = [json.loads(line) for line in (tmp_path / "out/train.jsonl").read_text(encoding="utf-8").splitlines()]
    asked = [puzzle for step in (1, 2, 3) for puzzle in Curriculum(config).asked(step)]
    assert [Puzzle.model_validate_json(row["puzzle"]) for row in rows] == asked
    assert [row["id"] for row in rows] == [puzzle.id for puzzle in asked]
    assert [message["role"] for message in rows[0]["prompt"]] == ["system", "user"]
    assert rows[0]["prompt"][1]["content"] == asked[0].prompt


def test_fixed_puzzles_have_draws_of_their_own(tmp_path: Path) -> None:
    config = recipe(grpo={"steps": 2, "puzzles_per_step": 3}, puzzles={"fixed": 2})
    export_trl(config, tmp_path / "out")
    rows = [json.loads(line) for line in (tmp_path / "out/train.jsonl").read_text(encoding="utf-8").splitlines()]
    first, second = (f"temporal-clue@1/level-1/train/0/{number}" for number in (0, 1))
    assert [row["id"] for row in rows] == [first, second, f"{first}#1", second, first, f"{second}#1"]


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("x")
    with pytest.raises(UserError, match="choose one that is new or empty"):
        export_trl(recipe(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_an_export_that_is_interrupted_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(path: Path, config: RunConfig) -> None:
        path.write_text("half")
        raise KeyboardInterrupt

    monkeypatch.setattr("sleuth.integrations.trl.export.write_data", interrupted)
    with pytest.raises(KeyboardInterrupt):
        export_trl(recipe(), tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_command(tmp_path: Path) -> None:
    """The verb, with a key and a number of processes; then scripts run with stand-ins for what they start."""
    file = tmp_path / "small.toml"
    file.write_text(
        'mode = "answer"\nmodel.name = "nano-detective"\nsft.examples = 0\n'
        "grpo = { steps = 1, puzzles_per_step = 4, samples = 4, sample_deviation = true }\n",
        encoding="utf-8",
    )
    out = tmp_path / "out"
    arguments = ["export", "trl", str(file), "--out", str(out), "--processes", "2", "--grpo.learning_rate", "1e-5"]
    app(arguments, exit_on_error=False, print_error=False, result_action="return_value")
    assert sorted(path.name for path in out.iterdir()) == [
        *("README.md", "accelerate", "grpo.yaml", "node.sh", "slurm.sh", "train.jsonl")
    ]
    shared = run_script(out / "node.sh", tmp_path, GPUS="2")
    assert [words[1] for words in shared] == ["grpo"] and "colocate" in shared[0]
    apart = run_script(out / "node.sh", tmp_path, GPUS="8", SHARDING="zero3")
    assert sorted(words[1] for words in apart) == ["grpo", "vllm-serve"]
    for words in apart:
        cards = "0,1" if words[1] == "grpo" else "2,3,4,5,6,7"
        assert words[0] == cards
    cluster = run_script(out / "slurm.sh", tmp_path, SLURM_JOB_NODELIST="n[1-2]", SLURM_SUBMIT_DIR=str(out))
    assert sorted(words[1] for words in cluster) == ["grpo", "vllm-serve"]
    if importlib.util.find_spec("trl") is not None:
        for words in [*shared, *apart, *cluster]:
            check_words(words[1:], out)


def run_script(script: Path, folder: Path, **environment: str) -> list[list[str]]:
    """What a script starts: the graphics cards, and the words behind `trl`."""
    bin_folder, told = folder / "bin", folder / "told"
    bin_folder.mkdir(exist_ok=True)
    told.unlink(missing_ok=True)
    # The training ends at once, and with it the script and its server: it waits until that has begun.
    waits = f'[[ "$*" != *"mode server"* ]] || until grep -q vllm-serve {told}; do sleep 0.02; done'
    stands = {
        "trl": f"(IFS=$'\\t'; echo \"${{CUDA_VISIBLE_DEVICES:-none}}$IFS$*\") >> {told}\n{waits}\n",
        "scontrol": "echo n1; echo n2\n",
        "srun": 'while [[ "$1" == --* ]]; do shift; done\nSLURM_PROCID=0 exec "$@"\n',
    }
    for name, text in stands.items():
        (bin_folder / name).write_text(f"#!/usr/bin/env bash\n{text}")
        (bin_folder / name).chmod(0o755)
    path = f"{bin_folder}{os.pathsep}{os.environ['PATH']}"
    subprocess.run([script], check=True, env=os.environ | {"PATH": path} | environment, timeout=60)
    lines = told.read_text().splitlines()
    return [line.split("\t") for line in lines]


def check_words(words: list[str], folder: Path) -> None:
    """Raises if TRL or accelerate does not know an option."""
    from accelerate.commands.config.config_args import load_config_from_file
    from accelerate.commands.launch import launch_command_parser
    from trl.scripts.grpo import make_parser
    from trl.scripts.vllm_serve import make_parser as make_server_parser

    if words[0] == "vllm-serve":
        make_server_parser().parse_args_and_config(words[1:])
        return
    place = words.index("--config")
    rest = [*words[1:place], *words[place + 2 :]]
    config, launch = make_parser().parse_args_and_config(
        ["--config", str(folder / "grpo.yaml"), "--use_cpu", "true", "--bf16", "false", *rest],
        return_remaining_strings=True,
        separate_remaining_strings=True,
    )[-2:]
    assert config == []  # every key of grpo.yaml is TRL's
    place = launch.index("--accelerate_config")
    load_config_from_file(str(folder / launch[place + 1]))
    launch_command_parser().parse_args([*launch[:place], *launch[place + 2 :], "script.py"])


@pytest.mark.parametrize("kind", ["linear", "cosine", "constant"])
@pytest.mark.parametrize("warm", [0, 3])
@needs_trl
def test_learning_rates(kind: str, warm: int) -> None:
    """transformers' rates are Sleuth's, one step later after a warm-up; the cosine is near it."""
    import torch
    from transformers import get_scheduler

    config = recipe(grpo={"steps": 12, "warmup_steps": warm, "learning_rate": 3e-4}, optimizer={"schedule": kind})
    found = trl_arguments(config, "m")
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=3e-4)
    scheduler = get_scheduler(
        found["lr_scheduler_type"], optimizer, found["warmup_steps"], 12, found.get("lr_scheduler_kwargs")
    )
    rates = []
    for _ in range(12):
        rates.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    wanted = [scheduled_rate(step, 3e-4, warm, 12, kind) for step in range(12)]  # type: ignore[arg-type]
    if warm:
        assert rates[0] == 0
        rates, wanted = rates[1:], wanted[:-1]
    assert rates == pytest.approx(wanted, abs=3e-5 if kind == "cosine" else 1e-12)


@needs_trl
def test_trl_runs_the_export(tmp_path: Path) -> None:
    """`trl grpo --config grpo.yaml`, a step of it, with transformers' sampler on the processor."""
    model = tiny_folder(tmp_path / "tiny", words=True)
    config = recipe(
        model={"name": str(model)}, grpo={"steps": 1}, sampling={"max_new_tokens": 8}, reward={"compression": 1.0}
    )
    export_trl(config, tmp_path / "out")
    trl = "import sys; from trl.cli.main import main; sys.argv[1:] = ['grpo', '--config', 'grpo.yaml']; main()"
    done = subprocess.run(
        [sys.executable, "-c", trl],
        cwd=tmp_path / "out",
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "HF_DATASETS_CACHE": str(tmp_path / "cache")},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "sleuth/strict" in done.stdout and "sleuth/outcome/" in done.stdout
    assert (tmp_path / "out/output/model.safetensors").exists()
    import pyarrow.parquet as pq

    table = pq.read_table(tmp_path / "out/output/completions/completions_00001.parquet").to_pylist()
    assert len(table) == 8 and table[0]["id"] == "temporal-clue@1/level-1/train/0/0"
