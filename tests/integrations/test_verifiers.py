"""The taskset of `integrations/verifiers`, in verifiers itself. That does not fit Sleuth's extras (openai < 3), so it
has an environment of its own: `make verifiers` makes it and runs this file there."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import sleuth
from sleuth.datasets.files import write_puzzles
from sleuth.errors import UserError
from sleuth.integrations.grading import puzzle_of
from sleuth.policy.prompts import ask
from sleuth.puzzles.gold import gold_completion
from tests.integrations.golden import EVERY, Golden
from tests.integrations.loopback import answering

vf = pytest.importorskip("verifiers.v1", reason="verifiers is not installed here: make verifiers")
PACKAGE = Path(__file__).parents[2] / "integrations" / "verifiers"
sys.path.insert(0, str(PACKAGE))

from sleuth_puzzles import SleuthTaskset  # noqa: E402
from sleuth_puzzles.taskset import SleuthConfig, SleuthData, SleuthTask  # noqa: E402
from verifiers.v1.cli.validate import main as validate  # noqa: E402
from verifiers.v1.configs.cli.eval import EvalConfig  # noqa: E402
from verifiers.v1.graph import MessageNode  # noqa: E402
from verifiers.v1.trace import ModelCall, TraceTask  # noqa: E402
from verifiers.v1.types import AssistantMessage  # noqa: E402
from verifiers.v1.utils.loaders import default_harness_id, load_taskset, taskset_config_type  # noqa: E402


def scored(data: SleuthData, said: str | None, finish: str = "stop") -> vf.Trace:
    """The trace of one completion (None: there was none), as verifiers scores it."""
    trace = vf.Trace(
        task=TraceTask(type="SleuthTask", data=data),
        agent=vf.AgentInfo(config=vf.AgentConfig(runtime=vf.SubprocessConfig())),
    )
    if said is not None:
        trace.nodes.append(MessageNode(message=AssistantMessage(content=said), sampled=True))
        trace.calls.append(ModelCall(node=0, finish_reason=finish))
    asyncio.run(SleuthTask(data).score(trace))
    return trace


@pytest.mark.parametrize("golden", EVERY, ids=lambda golden: golden.note)
def test_reward(golden: Golden) -> None:
    data = SleuthData(puzzle=golden.puzzle, mode=golden.mode)
    trace = scored(data, golden.completion, "length" if golden.truncated else "stop")
    assert trace.reward == pytest.approx(golden.reward)
    assert trace.metrics == {"strict": golden.strict, f"outcome/{golden.outcome}": 1.0}


def test_a_rollout_without_a_message_earns_nothing() -> None:
    golden = EVERY[0]
    trace = scored(SleuthData(puzzle=golden.puzzle, mode="answer"), None)
    assert (trace.reward, trace.metrics) == (0.0, {"strict": 0.0, "outcome/unreadable": 1.0})


def test_tasks_of_a_file(tmp_path: Path) -> None:
    """By the id that `vf-eval` and prime-rl name, and with the harness that gives no tools."""
    puzzles = list({golden.puzzle: puzzle_of(golden.puzzle) for golden in EVERY}.values())[:1]
    write_puzzles(tmp_path / "puzzles.jsonl", puzzles)
    found = taskset_config_type("sleuth-puzzles")(id="sleuth-puzzles", file=tmp_path / "puzzles.jsonl", mode="program")
    [task] = load_taskset(found)
    request = ask(puzzles[0], "program")
    assert (task.data.idx, task.data.id, task.data.mode) == (0, puzzles[0].id, "program")
    assert (task.data.prompt, task.data.system_prompt or "") == (request.user, request.system)
    assert puzzle_of(task.data.puzzle) == puzzles[0]
    assert default_harness_id("sleuth-puzzles") == "sleuth-puzzles"


def test_new_puzzles_are_those_of_sleuth_make() -> None:
    config = SleuthConfig(family="zebra", level="1", seed=7, count=2)
    made = [puzzle_of(task.data.puzzle) for task in SleuthTaskset(config)]
    assert made == sleuth.make("zebra", level="1", seed=7, count=2)


def test_settings_for_prime_rl() -> None:
    """The part of `rl.toml` that verifiers reads: prime-rl hands it over as it is."""
    settings = tomllib.loads((PACKAGE / "rl.toml").read_text(encoding="utf-8"))
    [source] = settings["orchestrator"]["train"]["source"]
    env = EvalConfig.model_validate({"env": source["env"]}).env
    wanted = SleuthConfig(
        id="sleuth-puzzles", family="temporal-clue", level="reference", style="original", mode="reason", count=3200
    )
    assert env.taskset == wanted
    assert (env.agent.harness.id, env.agent.runtime.type) == ("null", "subprocess")


def test_a_level_that_does_not_exist() -> None:
    with pytest.raises(UserError, match="level"):
        list(SleuthTaskset(SleuthConfig(family="zebra", level="none")))


@pytest.mark.parametrize("mode", ["answer", "reason", "program"])
def test_validate(mode: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Right completions pass, and an untouched task does not, by verifiers' own command."""
    options = ["--taskset.level", "1", "--taskset.count", "2", "--taskset.mode", mode]
    where = ["--runtime.type", "subprocess", "--output-dir", str(tmp_path), "--run.name", "one", "--no-rich"]
    validate(["sleuth-puzzles", *options, *where])
    rows = [json.loads(line) for line in (tmp_path / "one" / "results.jsonl").read_text().splitlines()]
    assert [(row["reason"], row["noop"]["reward"]) for row in rows] == [("valid", 0.0)] * 2


def test_vf_eval(tmp_path: Path) -> None:
    """The command itself, in a process of its own, with nothing sent anywhere but to the server."""
    known = {puzzle.prompt: gold_completion(puzzle, "answer") for puzzle in sleuth.make("temporal-clue", count=2)}
    with answering(known) as (url, asked):
        evaluate(url, tmp_path)
    episodes = [json.loads(line) for line in (tmp_path / "run" / "traces.jsonl").read_text().splitlines()]
    traces = [trace for episode in episodes for trace in episode["traces"]]
    assert [request["messages"][0]["role"] for request in asked] == ["system", "system"]
    assert [trace["rewards"] for trace in traces] == [{"answers": {"score": 1.0, "weight": 1.0}}] * 2
    assert [trace["metrics"] for trace in traces] == [{"strict": 1.0, "outcome/correct": 1.0}] * 2


def evaluate(url: str, folder: Path) -> None:
    """Runs `vf-eval` on two puzzles, into `run` of a folder."""
    command = [str(Path(sys.executable).parent / "vf-eval"), "sleuth-puzzles", "--env.taskset.count", "2"]
    where = ["--env.agent.runtime.type", "subprocess", "--client.base-url", url, "--client.api-key-var", "NO_KEY"]
    how = ["--model", "one", "--no-push", "--no-rich", "--output-dir", str(folder), "--run.name", "run"]
    paths = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])  # uv, which starts the harness
    packages = os.pathsep.join([str(PACKAGE), *sys.path])
    done = subprocess.run(
        [*command, *where, *how],
        env=os.environ | {"PATH": paths, "PYTHONPATH": packages},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr
