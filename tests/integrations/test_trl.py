"""Runs on TRL: the same gradient, the same run in one process and in two, and after a kill; a report from it.

All with a tiny model. A process that imports TRL takes some ten seconds, so the runs are few and shared.
"""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from filelock import FileLock
from safetensors.torch import load_file

from sleuth.config import RunConfig
from sleuth.errors import UserError
from sleuth.integrations.trl.arguments import as_yaml, trl_arguments
from sleuth.integrations.trl.data import row_of
from sleuth.integrations.trl.folder import TrlFolder
from sleuth.integrations.trl.rewards import reward
from sleuth.policy.base import Rollout, StopReason
from sleuth.policy.chat import prompt_tokens
from sleuth.policy.conversations import Conversation, grade_all
from sleuth.puzzles.gold import gold_completion
from sleuth.report.page import write_report
from sleuth.runs.directory import RunDirectory
from sleuth.runs.fork import origin
from sleuth.training.batch import ScoredGroup, Task, tasks
from sleuth.training.checkpoint_guard import CheckpointGuard
from sleuth.training.curriculum import Curriculum
from sleuth.training.likelihood import Likelihood
from sleuth.training.optimizer import MasterOptimizer, Update
from sleuth.training.preflight import start
from sleuth.training.run import train
from sleuth.training.scoring import score_groups
from sleuth.training.update import update
from tests.integrations.test_trl_export import recipe
from tests.tiny import END, tiny_folder, tiny_llama, tiny_tokenizer

pytestmark = pytest.mark.skipif(importlib.util.find_spec("trl") is None, reason="needs the extra trl")

SAMPLES = 4
STEPS = 3
PUZZLES = 3
"""A step: of two processes, each writes one group and half of another."""


class Remembering(MasterOptimizer):
    """Keeps the gradient that a step is made with."""

    gradient: dict[str, torch.Tensor]

    def step(self, learning_rate: float) -> Update:
        self.gradient = {name: master.grad.clone() for name, master in self.masters.items() if master.grad is not None}
        return super().step(learning_rate)


def scripted(task: Task) -> list[Rollout]:
    """Completions of different worth and length: right, half right, wrong and cut off."""
    tokenizer, gold = tiny_tokenizer(), gold_completion(task.puzzle, "answer")
    wrong = "\n".join(f"{question.letter}. nobody" for question in task.puzzle.questions)
    half = "\n".join([*gold.split("\n")[:2], *wrong.split("\n")[2:]])
    prompt = tuple(prompt_tokens(tokenizer, task.request))
    rollouts = []
    for text in (gold, half, wrong, "A. I"):
        cut = text == "A. I"
        tokens = (*tokenizer(text)["input_ids"], *(() if cut else (END,)))
        logprobs = (-1.0,) * len(tokens)
        rollouts.append(Rollout(prompt, tokens, logprobs, StopReason.LENGTH if cut else StopReason.END, text))
    return rollouts


def ours(config: RunConfig, asked: list[Task]) -> tuple[dict[str, torch.Tensor], dict[str, float]]:
    """Gradient and metrics of Sleuth's engine."""
    begun = [
        (task, [Conversation(task.request, place, [rollout]) for place, rollout in enumerate(scripted(task))])
        for task in asked
    ]
    grade_all([conversations for _, conversations in begun], [task.grade for task, _ in begun])
    groups: list[ScoredGroup] = score_groups(begun, config, 0.0, None, None)
    model = tiny_llama()
    optimizer = Remembering(model, config.optimizer)
    with CheckpointGuard(0, 1, 1, lambda step: None) as guard:
        trained = update(Likelihood.of(model, config), None, optimizer, groups, config, 1e-3, 0.0, guard)
    return optimizer.gradient, trained.metrics()


def theirs(config: RunConfig, asked: list[Task], folder: Path) -> tuple[dict[str, torch.Tensor], dict[str, float]]:
    """Gradient and log of TRL's trainer with the settings of an export."""
    from transformers import TrainerCallback
    from trl import GRPOTrainer
    from trl.scripts.grpo import make_parser

    from datasets import Dataset

    (folder / "grpo.yaml").write_text(as_yaml(trl_arguments(config, "none") | {"output_dir": str(folder)}))
    _, arguments, _, _ = make_parser().parse_args_and_config(["--config", str(folder / "grpo.yaml")])
    seen: dict[str, torch.Tensor] = {}
    logged: dict[str, float] = {}

    class Look(TrainerCallback):  # type: ignore[misc]
        def on_pre_optimizer_step(self, *_: Any, model: Any, **__: Any) -> None:
            seen.update({name: weight.grad.clone() for name, weight in model.named_parameters()})

        def on_log(self, *_: Any, logs: dict[str, float], **__: Any) -> None:
            logged.update({name: logs[name] for name in ("loss", "grad_norm") if name in logs})

    def rollouts(prompts: list[Any], trainer: Any) -> dict[str, list[Any]]:
        every = [one for task in asked for one in scripted(task)]
        return {
            "prompt_ids": [list(one.prompt_tokens) for one in every],
            "completion_ids": [list(one.tokens) for one in every],
            "logprobs": [list(one.logprobs) for one in every],
            "stop": [str(one.stop) for one in every],
        }

    trainer = GRPOTrainer(
        tiny_llama(),
        reward_funcs=[reward],
        args=arguments,
        train_dataset=Dataset.from_list([row_of(task, config) for task in asked]),
        processing_class=tiny_tokenizer(),
        callbacks=[Look()],
        rollout_func=rollouts,
    )
    trainer.train()
    return seen, logged


@pytest.mark.parametrize(
    "grpo",
    [
        {},
        {"normalise": "completion"},
        {"normalise": "constant", "deviation": False, "sample_deviation": False},
        {"loss": "gspo", "normalise": "completion"},
        {"truncated": "mask"},
    ],
    ids=["batch", "completion", "constant", "gspo", "masked"],
)
def test_gradient_is_that_of_trl(grpo: dict[str, Any], tmp_path: Path) -> None:
    """On the same scripted completions, in passes of three on TRL's side and of other sizes on ours."""
    config = recipe(
        grpo={"steps": 1, "puzzles_per_step": 3, "samples": SAMPLES, **grpo},
        reward={"strict": 0.5, "length": 0.25},
        sampling={"max_new_tokens": 64},
        optimizer={"max_grad_norm": 1e6, "micro_batch_tokens": 1500},
        engine={"batch_size": 3},
        checkpoint={"every": 100},
    )
    asked = list(tasks(Curriculum(config).asked(1), "answer"))
    gradient, metrics = ours(config, asked)
    other, logged = theirs(config, asked, tmp_path)
    assert gradient.keys() == other.keys()
    norm = metrics["grad_norm"]
    assert norm > 0.01
    assert logged["grad_norm"] == pytest.approx(norm, rel=1e-5)
    for name, one in gradient.items():
        torch.testing.assert_close(one, other[name], rtol=1e-3, atol=1e-5 * norm)


def small(model: Path, processes: int) -> RunConfig:
    """A run of three steps on a tiny model, whose reward differs from completion to completion."""
    return recipe(
        model={"name": str(model)},
        grpo={
            "steps": STEPS,
            "puzzles_per_step": PUZZLES,
            "samples": SAMPLES,
            "learning_rate": 1e-3,
            "warmup_steps": 1,
        },
        reward={"answers": 1.0, "compression": 1.0, "length": 0.5},
        sampling={"max_new_tokens": 12},
        eval={"count": 4, "every": STEPS, "every_count": 2},
        checkpoint={"every": 1},
        engine={"processes": processes},
    )


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of one call of pytest share."""
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "trl"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="module")
def model(shared: Path) -> Path:
    with FileLock(shared / "model.lock"):
        if not (shared / "tiny").exists():
            tiny_folder(shared / "tiny", initializer_range=0.05)
    return shared / "tiny"


@pytest.fixture(scope="module")
def run_on_trl(model: Path, shared: Path) -> Callable[[int], RunDirectory]:
    """The finished run in so many processes; each is made once."""

    def run(processes: int) -> RunDirectory:
        path = shared / f"of-{processes}"
        with FileLock(shared / f"of-{processes}.lock"):
            if not (path / "config.json").exists():
                train(start(small(model, processes), path))
        return RunDirectory.open(path)

    return run


def weights(run: RunDirectory) -> dict[str, torch.Tensor]:
    return load_file(run.path / "model/model.safetensors")


def assert_near(one: RunDirectory, other: RunDirectory) -> None:
    """Two runs whose arithmetic is in another order."""
    assert [row.tokens for row in one.read_rollouts("grpo", 1)] == [
        row.tokens for row in other.read_rollouts("grpo", 1)
    ]
    before = load_file(one.path / "trl/start/model.safetensors")
    for name, weight in weights(one).items():
        moved = (weight - before[name]).abs().max()
        assert moved > 1e-4, name
        torch.testing.assert_close(weight, weights(other)[name], rtol=0, atol=float(moved) * 0.02, msg=name)


def test_a_run_is_stored_as_one_of_ours(run_on_trl: Callable[[int], RunDirectory]) -> None:
    run = run_on_trl(1)
    assert [line.step for line in run.read_metrics("grpo")] == [1, 2, 3]
    assert [line.step for line in run.read_metrics("eval")] == [0, 3]
    assert run.rollout_steps() == [("grpo", 1), ("grpo", 2), ("grpo", 3)]
    rows = run.read_rollouts("grpo", 2)
    assert len(rows) == PUZZLES * SAMPLES and all(len(row.tokens) == len(row.logprobs) > 0 for row in rows)
    line = run.read_metrics("grpo")[1].values
    logged = TrlFolder(run.path, run.config).logged()[2]
    assert line["loss"] == logged["loss"] and line["grad_norm"] == logged["grad_norm"] > 0
    assert line["earned"] == pytest.approx(logged["reward"], abs=1e-6)
    assert line["strict"] == logged["sleuth/strict"]
    assert line["reward/compression"] == pytest.approx(logged["sleuth/reward/compression"])
    assert line["learning_rate"] == 1e-3  # behind one step of warm-up
    assert {"before", "after-grpo", "guessing", "solver"} <= set(run.evaluation_names())
    assert "kl" in run.read_metrics("eval")[1].values
    page = write_report(run).read_text(encoding="utf-8")
    assert "after-grpo" in page or "after GRPO" in page
    with pytest.raises(UserError, match="TRL"):
        origin(run, "last", run.config)


def test_the_same_recipe_on_our_engine(run_on_trl: Callable[[int], RunDirectory], model: Path, tmp_path: Path) -> None:
    """Same puzzles, same draws, same rewards, same updates."""
    config = small(model, 1)
    own = start(config.model_copy(update={"engine": RunConfig().engine}), tmp_path / "own")
    train(own)
    other = run_on_trl(1)
    assert_near(other, own)
    ours_first, theirs_first = own.read_metrics("grpo")[0].values, other.read_metrics("grpo")[0].values
    for name in ("loss", "grad_norm", "entropy", "earned", "reward", "entropy_sampled", "learning_rate"):
        assert theirs_first[name] == pytest.approx(ours_first[name], rel=1e-4, abs=1e-6), name
    advantages = [[row.advantage for row in run.read_rollouts("grpo", 1)] for run in (own, other)]
    assert advantages[0] == pytest.approx(advantages[1], abs=1e-4)


def test_one_process_is_two(run_on_trl: Callable[[int], RunDirectory]) -> None:
    assert_near(run_on_trl(1), run_on_trl(2))


def test_killed_and_resumed(run_on_trl: Callable[[int], RunDirectory], model: Path, tmp_path: Path) -> None:
    """The processes end with the one that started them; resumed, the run comes to the same bits."""
    whole, run = run_on_trl(2), start(small(model, 2), tmp_path / "killed")
    code = "import sys; from sleuth.cli import main; main(['train', '--resume', sys.argv[1]])"
    parent = subprocess.Popen(
        [sys.executable, "-c", code, str(run.path)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stderr=subprocess.DEVNULL,
    )
    folder = TrlFolder(run.path, run.config)
    wait_for(lambda: folder.steps_made() >= 1 or parent.poll() is not None)
    parent.send_signal(signal.SIGKILL)
    assert parent.wait() == -signal.SIGKILL, "the run ended before it was killed"
    wait_for(lambda: not processes_of(run.path))
    assert not (run.path / "model").exists()
    train(run)
    assert weights(run).keys() == weights(whole).keys()
    assert all(torch.equal(weight, weights(whole)[name]) for name, weight in weights(run).items())
    assert (run.path / "metrics.jsonl").read_bytes() == (whole.path / "metrics.jsonl").read_bytes()


def test_an_error_of_trl_is_one_line(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = small(model, 2)
    config = config.model_copy(update={"eval": config.eval.model_copy(update={"every": 0})})
    run = start(config, tmp_path / "run")
    broken = tmp_path / "python"
    broken.write_text(
        "#!/bin/sh\necho 'Traceback (most recent call last):'\necho '[rank1]: torch.OutOfMemoryError: none left'\n"
        "echo 'torch.distributed.elastic.multiprocessing.errors.ChildFailedError: '\nexit 1\n"
    )
    broken.chmod(0o755)
    monkeypatch.setattr("sleuth.integrations.trl.stage.sys", SimpleNamespace(executable=str(broken), path=sys.path))
    with pytest.raises(UserError, match=r"TRL ended with an error: torch.OutOfMemoryError: none left; .*worker.log"):
        train(run)


def wait_for(condition: Callable[[], bool], seconds: float = 240) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def processes_of(run: Path) -> list[str]:
    """Processes of workers of a run."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().split(b"\0")
        except OSError:
            continue
        if b"sleuth.integrations.trl.worker" in words and str(run).encode() in words:
            found.append(entry.parent.name)
    return found
