"""The run directory: what is written is read back, resuming leaves neither gaps nor doubles."""

from __future__ import annotations

import getpass
import json
import math
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from sleuth.config import RunConfig
from sleuth.errors import UserError
from sleuth.puzzles.score import Outcome
from sleuth.runs.directory import RunDirectory
from sleuth.runs.metrics import Line
from sleuth.runs.rows import EvaluationRow, RolloutRow

ROLLOUT = RolloutRow(
    phase="grpo",
    step=3,
    puzzle_id="zebra@1/level-1/train/0/7",
    sample=2,
    system="Answer.",
    prompt="Who?\n",
    completion="A: Zoë\u2028</pre>\0",
    tokens=(5, 0, 49151),
    logprobs=(-0.5, -2.0, 0.0),
    stop="end",
    outcome=Outcome.PARTLY,
    reward=0.5,
    correct=False,
    advantage=None,
    answers={"B": None, "A": "Zoë"},
    right={"B": False, "A": True},
    gold={"B": "Mr. X", "A": "Zoë"},
    detail="B is missing",
)
EVALUATION = EvaluationRow(
    puzzle_id="p",
    sample=0,
    system="",
    prompt="Who?",
    completion="",
    stop="length",
    outcome=Outcome.TRUNCATED,
    reward=0.0,
    correct=False,
    answers={},
    right={},
    gold={"A": "x"},
    length_tokens=96,
)


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return RunDirectory.create(tmp_path / "run", RunConfig(name="röntgen", seed=7))


def test_open_reads_what_create_wrote(run: RunDirectory) -> None:
    again = RunDirectory.open(run.path)
    assert again == run
    assert again.config.seed == 7
    assert {file.name for file in run.path.iterdir()} == {
        ".lock",
        "config.json",
        "environment.json",
        "rollouts",
        "evaluations",
        "checkpoints",
    }


def test_environment_names_no_person_host_or_path(run: RunDirectory) -> None:
    text = (run.path / "environment.json").read_text()
    assert json.loads(text)["python"] == ".".join(map(str, sys.version_info[:3]))
    assert "numpy" in json.loads(text)["packages"]
    for secret in {getpass.getuser(), socket.gethostname(), str(Path.home()), str(Path.cwd())} - {"", "/"}:
        assert f'"{secret}' not in text and f"/{secret}" not in text


def test_create_refuses_a_folder_that_holds_something(run: RunDirectory, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is a run already"):
        RunDirectory.create(run.path, run.config)
    (tmp_path / "other").mkdir()
    RunDirectory.create(tmp_path / "other", run.config)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").touch()
    with pytest.raises(UserError, match="holds something else"):
        RunDirectory.create(tmp_path / "full", run.config)
    with pytest.raises(UserError, match="is a file"):
        RunDirectory.create(tmp_path / "full" / "thesis.tex", run.config)
    assert [file.name for file in (tmp_path / "full").iterdir()] == ["thesis.tex"]


def test_a_start_that_was_cut_short_is_no_run_and_in_nobodys_way(run: RunDirectory, tmp_path: Path) -> None:
    def killed(made: RunDirectory) -> None:
        (made.path / "initial").mkdir()
        (made.path / "metrics.jsonl").write_text("{}\n")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        RunDirectory.create(tmp_path / "cut", run.config, killed)
    with pytest.raises(UserError, match="no run here"):
        RunDirectory.open(tmp_path / "cut")
    RunDirectory.create(tmp_path / "cut", run.config, lambda made: made.log_metrics("sft", 1, {"loss": 2.0}))
    assert [line.values for line in RunDirectory.open(tmp_path / "cut").read_metrics()] == [{"loss": 2.0}]
    assert not (tmp_path / "cut" / "initial").exists()
    with pytest.raises(UserError, match="there is a run already"):
        RunDirectory.create(tmp_path / "cut", run.config)


def test_best_is_the_highest_or_the_lowest_of_steps_that_were_made(tmp_path: Path) -> None:
    def best(metric: str, examples: int) -> int | None:
        config = RunConfig.model_validate({"checkpoint": {"best": metric}, "sft": {"examples": examples}})
        run = RunDirectory.create(tmp_path / f"{metric}{examples}", config)
        for step, length in ((0, 9.0), (8, math.nan), (16, 5.0), (24, 7.0), (32, 5.0)):
            run.log_metrics("eval", step, {"length_tokens": length})
        return run.best_step()

    # 40 examples are three steps of 16, and the model behind them is kept; the one that nothing trained is not.
    assert best("length_tokens", 40) == 3 and best("-length_tokens", 40) == 3 + 16
    assert best("length_tokens", 0) == 24 and best("-length_tokens", 0) == 16
    assert best("strict", 40) is None


def test_open_says_what_is_wrong(run: RunDirectory, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no run here"):
        RunDirectory.open(tmp_path / "nothing")
    (run.path / "config.json").write_text('{"sead": 3}')
    with pytest.raises(UserError, match="unknown key 'sead'; did you mean 'seed'"):
        RunDirectory.open(run.path)
    (run.path / "config.json").write_text("{")
    with pytest.raises(UserError, match="not a JSON file"):
        RunDirectory.open(run.path)


def test_metrics_are_read_back(run: RunDirectory) -> None:
    run.log_metrics("sft", 1, {"loss": 2.5})
    run.log_metrics("grpo", 1, {"reward": 0.1 + 0.2, "entropy": math.inf})
    run.log_timings("grpo", 1, {"sample_s": 11})
    sft, grpo = run.read_metrics()
    assert sft == Line("sft", 1, {"loss": 2.5})
    assert grpo.values["reward"] == 0.1 + 0.2 and math.isnan(grpo.values["entropy"])
    assert run.read_metrics("sft") == [sft]
    assert run.read_timings() == [Line("grpo", 1, {"sample_s": 11})]
    # Every line is JSON for any reader, whatever was not finite.
    second = (run.path / "metrics.jsonl").read_text().splitlines()[1]
    assert second == '{"phase": "grpo", "step": 1, "reward": 0.30000000000000004, "entropy": null}'


def test_a_broken_line_is_named(run: RunDirectory) -> None:
    run.log_metrics("sft", 1, {"loss": 2.5})
    with (run.path / "metrics.jsonl").open("a") as file:
        file.write("[1]\n")
    with pytest.raises(UserError, match=r"metrics\.jsonl, line 2: not a line"):
        run.read_metrics()


def test_killed_while_writing_then_resumed(run: RunDirectory) -> None:
    """A resumed run's files are those of a run that was never stopped."""

    def go(target: RunDirectory, phase: str, first: int, last: int) -> None:
        for step in range(first, last + 1):
            target.log_metrics(phase, step, {"loss": 1 / step})  # type: ignore[arg-type]
            target.log_timings(phase, step, {"train_s": 1.0})  # type: ignore[arg-type]
            if phase == "grpo":
                target.write_rollouts("grpo", step, [replace(ROLLOUT, step=step)])
                if step % 2 == 0:
                    target.log_metrics("eval", step, {"reward": 0.5})

    whole = RunDirectory.create(run.path.parent / "whole", run.config)
    for target in (run, whole):
        go(target, "sft", 1, 3)
        go(target, "grpo", 1, 4)
    go(run, "grpo", 5, 7)  # beyond the checkpoint of step 4
    with (run.path / "metrics.jsonl").open("a") as file:
        file.write('{"phase": "gr')

    run.truncate_after("grpo", 4)
    go(run, "grpo", 5, 6)
    go(whole, "grpo", 5, 6)
    for name in ("metrics.jsonl", "timings.jsonl", "rollouts/grpo_000006.parquet"):
        assert (run.path / name).read_bytes() == (whole.path / name).read_bytes()
    assert run.rollout_steps() == [("grpo", step) for step in range(1, 7)]

    run.truncate_after("sft", 2)
    assert [(line.phase, line.step) for line in run.read_metrics()] == [("sft", 1), ("sft", 2)]
    assert run.rollout_steps() == []


def test_truncating_before_anything_was_logged(run: RunDirectory) -> None:
    run.truncate_after("grpo", 0)
    assert run.read_metrics() == []


def test_rollouts_are_read_back(run: RunDirectory) -> None:
    rows = [ROLLOUT, replace(ROLLOUT, sample=3, advantage=-1.25, tokens=(), logprobs=())]
    run.write_rollouts("grpo", 3, rows)
    assert (run.path / "rollouts" / "grpo_000003.parquet").exists()
    assert run.read_rollouts("grpo", 3) == rows
    assert list(run.read_rollouts("grpo", 3)[0].answers) == ["B", "A"]
    assert rows[0].length_tokens == 3
    with pytest.raises(UserError, match="no such file"):
        run.read_rollouts("grpo", 4)


def test_rollout_columns_for_other_tools(run: RunDirectory) -> None:
    import pyarrow.parquet as pq

    run.write_rollouts("grpo", 3, [ROLLOUT])
    schema = pq.read_schema(run.path / "rollouts" / "grpo_000003.parquet")
    assert str(schema.field("tokens").type) == "list<element: int32>"
    assert str(schema.field("logprobs").type) == "list<element: float>"
    assert schema.field("advantage").nullable and not schema.field("reward").nullable


def test_the_old_name_of_spans_is_read(run: RunDirectory) -> None:
    import pyarrow.parquet as pq

    row = replace(ROLLOUT, spans=((0, 6, "right"),))
    run.write_rollouts("grpo", 3, [row])
    file = run.path / "rollouts" / "grpo_000003.parquet"
    table = pq.read_table(file)
    pq.write_table(table.rename_columns(["parts" if name == "spans" else name for name in table.schema.names]), file)
    assert run.read_rollouts("grpo", 3) == [row]


def test_turns_of_rollouts_are_read_back(run: RunDirectory) -> None:
    """Their columns are there where something was asked again, and only there."""
    import pyarrow.parquet as pq

    again = replace(ROLLOUT, sample=1, turns=(("A: \u2028x", "No. Again."),), turn_tokens=(2,))
    run.write_rollouts("grpo", 3, [ROLLOUT, again])
    run.write_rollouts("grpo", 4, [ROLLOUT])
    assert run.read_rollouts("grpo", 3) == [ROLLOUT, again] and run.read_rollouts("grpo", 4) == [ROLLOUT]
    schema, without = (pq.read_schema(run.path / "rollouts" / f"grpo_00000{step}.parquet") for step in (3, 4))
    assert str(schema.field("turn_tokens").type) == "list<element: int32>"
    assert schema.names == [*without.names, "turns", "turn_tokens"]


def test_ratios_are_stored_where_one_differs_from_1(run: RunDirectory) -> None:
    import pyarrow.parquet as pq

    rows = [replace(ROLLOUT, ratios=(1.0, 0.732, 1.5)), ROLLOUT]
    run.write_rollouts("grpo", 3, rows)
    run.write_rollouts("grpo", 4, [replace(ROLLOUT, ratios=(1.0, 1.0, 1.0))])
    assert run.read_rollouts("grpo", 3) == rows and run.read_rollouts("grpo", 4) == [ROLLOUT]
    schema, without = (pq.read_schema(run.path / "rollouts" / f"grpo_00000{step}.parquet") for step in (3, 4))
    assert str(schema.field("ratios").type) == "list<element: float>"
    assert schema.names == [*without.names, "ratios"]


def test_evaluations_are_read_back(run: RunDirectory) -> None:
    run.write_evaluation("after-sft", [EVALUATION], {"strict": {"mean": 0.0}})
    run.write_evaluation("before", [], {})
    assert run.evaluation_names() == ["after-sft", "before"]
    assert run.read_evaluation("after-sft") == [EVALUATION]
    assert run.read_evaluation("before") == []
    assert json.loads((run.path / "evaluations" / "after-sft.json").read_text()) == {"strict": {"mean": 0.0}}


def test_foreign_parquet_is_refused(run: RunDirectory) -> None:
    run.write_evaluation("before", [EVALUATION], {})
    run.write_rollouts("grpo", 1, [ROLLOUT])
    (run.evaluations / "before.parquet").write_bytes((run.rollouts / "grpo_000001.parquet").read_bytes())
    with pytest.raises(UserError, match=r"columns differ: advantage, length_tokens, logprobs, phase, step, tokens"):
        run.read_evaluation("before")
    (run.evaluations / "before.parquet").write_bytes(b"PAR1 not at all")
    with pytest.raises(UserError, match="not a Parquet file"):
        run.read_evaluation("before")


def test_importing_loads_nothing_heavy() -> None:
    code = (
        "import sys, sleuth.runs.directory; print([m for m in ('pyarrow', 'torch', 'vl_convert') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_run_begins_with_a_named_model_or_with_one_that_it_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its folder has a whole path, wherever the run was opened from: an adapter names it as its base."""
    named = RunDirectory.create(tmp_path / "named", RunConfig.model_validate({"model": {"name": "some/model"}}))
    made = RunDirectory.create(tmp_path / "made", RunConfig.model_validate({"model": {"kind": "nano"}}))
    assert named.base_model == "some/model"
    monkeypatch.chdir(tmp_path)
    whole = str((tmp_path / "made" / "initial").resolve())
    assert made.base_model == RunDirectory.open(Path("made")).base_model == whole


def test_an_evaluation_that_was_cut_short_is_none(run: RunDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed after the first of its two files, whichever that is."""

    def once(path: Path, data: bytes) -> None:
        path.write_bytes(data)
        raise KeyboardInterrupt

    monkeypatch.setattr("sleuth.runs.directory.atomic_write", once)
    with pytest.raises(KeyboardInterrupt):
        run.write_evaluation("before", [EVALUATION], {"strict": 0})
    assert run.evaluation_names() == []


def test_a_run_that_is_being_made_is_in_nobody_elses_hands(run: RunDirectory, tmp_path: Path) -> None:
    def meanwhile(made: RunDirectory) -> None:
        asked = "from pathlib import Path; from sleuth.config import RunConfig; from sleuth.runs import directory\n"
        asked += "directory.PATIENCE_S = 0.1; directory.RunDirectory.create(Path('new'), RunConfig())"
        done = subprocess.run([sys.executable, "-c", asked], cwd=tmp_path, capture_output=True, text=True, timeout=60)
        assert "another process is training this run" in done.stderr
        (made.path / "initial").mkdir()

    RunDirectory.create(tmp_path / "new", run.config, meanwhile)
    assert RunDirectory.open(tmp_path / "new").config == run.config and (tmp_path / "new" / "initial").is_dir()
