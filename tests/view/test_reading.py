"""What `sleuth view` reads of runs: logs, courses, comparisons, completions; against values worked out by hand."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("duckdb")

import duckdb

from sleuth.errors import UserError
from sleuth.report.axes import thinned, thinned_together
from sleuth.runs.directory import RunDirectory
from sleuth.view import comparing
from sleuth.view.completions import AGAIN_S, PAGE, Index, Wanted
from sleuth.view.courses import Course, course, courses
from sleuth.view.drawing import chart, for_paper
from sleuth.view.finding import Runs
from sleuth.view.log import MOST_LINES, Log
from sleuth.view.run import Run
from tests.report.made_up_run import CONFIG, evaluation
from tests.view.runs import REASON, finish, hostile, reasoning_rows, reasoning_run, several, write_step


def line(phase: str, step: int, **values: Any) -> str:
    return json.dumps({"phase": phase, "step": step, **values}) + "\n"


def opened(path: Path) -> Run:
    run = Run(path.name, path)
    run.refresh()
    return run


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    several(folder)
    return folder


def test_a_log_is_read_on_and_read_anew(tmp_path: Path) -> None:
    file = tmp_path / "metrics.jsonl"
    log = Log(file)
    log.read_on()  # there is none yet
    file.write_text(line("grpo", 1, reward=0.25) + line("eval", 1, strict=None) + "broken\n" + '{"phase": "grpo", "st')
    log.read_on()
    assert log.phases["grpo"].all() == [(1, {"reward": 0.25})] and log.unreadable == 1
    assert math.isnan(log.phases["eval"].all()[0][1]["strict"])
    with file.open("a") as more:
        more.write('ep": 2, "reward": 0.5}\n')
    log.read_on()
    assert [step for step, _ in log.phases["grpo"].all()] == [1, 2]
    other = tmp_path / "other"
    other.write_text(line("grpo", 1, reward=0.75))
    other.replace(file)  # a run that was resumed
    log.read_on()
    assert log.phases["grpo"].all() == [(1, {"reward": 0.75})] and log.unreadable == 0


def test_a_long_log_is_thinned_evenly_and_keeps_its_end(tmp_path: Path) -> None:
    file = tmp_path / "metrics.jsonl"
    file.write_text(
        "".join(line("grpo", step, reward=step) for step in range(1, 30_001)) + line("eval", 30_000, strict=1)
    )
    log = Log(file)
    log.read_on()
    kept = [step for step, _ in log.phases["grpo"].all()]
    stride = log.phases["grpo"].stride
    assert stride == 8 and len(kept) <= MOST_LINES + 1
    assert kept == [*range(1, 30_001, stride), 30_000] and len(log.phases["eval"].all()) == 1


def test_a_log_is_read_as_long_as_there_is_time(tmp_path: Path) -> None:
    file = tmp_path / "metrics.jsonl"
    file.write_text("".join(line("grpo", step, reward=step) for step in range(1, 1001)))
    log = Log(file)
    assert not log.read_on(until_s=0) and log.phases["grpo"].all() == []
    assert log.read_on() and [step for step, _ in log.phases["grpo"].all()] == list(range(1, 1001))
    assert log.read_on(until_s=0)  # nothing is left to read


def test_runs_are_found_by_what_they_hold_and_nothing_else_is(tmp_path: Path, root: Path) -> None:
    assert list(Runs(root).all()) == ["child", "demo-0", "demo-1", "reasons"]
    assert list(Runs(root / "child").all()) == ["."]
    (tmp_path / "shown").mkdir()
    (tmp_path / "shown" / "link").symlink_to(root)
    runs = Runs(tmp_path / "shown")
    assert runs.all() == {}
    for name in ("..", "../demo-0", "/etc", str(root / "demo-0"), "link/demo-0", "", "demo-0/../demo-1"):
        with pytest.raises(UserError, match="no run"):
            runs.path(name)
    with pytest.raises(UserError, match="no such folder"):
        Runs(tmp_path / "none")


def test_states(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path / "run", REASON)
    assert opened(run.path).state == "stopped"
    code = (
        "import sys; from pathlib import Path; from sleuth.runs.directory import RunDirectory\n"
        "with RunDirectory.open(Path(sys.argv[1])).held():\n    print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(run.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as training:
        assert training.stdout is not None and training.stdout.readline() == "held\n"
        assert opened(run.path).state == "running"
        training.communicate("")
    assert opened(run.path).state == "stopped"
    finish(run)
    assert opened(run.path).state == "finished"
    (run.path / "config.json").write_text("[]")
    assert opened(run.path).state == "unreadable" and "config.json" in opened(run.path).fault


def test_axes(tmp_path: Path) -> None:
    run = reasoning_run(tmp_path / "run")
    log = opened(run.path)
    assert [x for x, _ in course(log, "grpo", "reward", "step")] == [1, 2, 3]
    assert [x for x, _ in course(log, "grpo", "reward", "tokens")] == [100, 300, 600]
    assert [x for x, _ in course(log, "grpo", "reward", "hours")] == [1, 2, 3]
    assert [x for x, _ in course(log, "grpo", "reward", "examples")] == [8, 16, 24]
    run.log_metrics("sft", 1, {"loss": 0.5})
    assert course(opened(run.path), "sft", "loss", "tokens") == []  # a warm start samples none
    assert course(opened(run.path), "sft", "loss", "hours") == []  # and this one logged no times
    assert len(course(opened(run.path), "sft", "loss", "examples")) == 1
    for phase, axis in (("grpo", "years"), ("other", "step")):
        with pytest.raises(UserError):
            course(log, phase, "reward", axis)


def test_seeds_are_a_band(tmp_path: Path) -> None:
    runs = []
    for seed, values in ((0, {1: 0.0, 2: 0.5, 3: 1.0}), (1, {1: 0.5, 3: 0.5}), (2, {2: 1.0, 4: 1.0})):
        seeded = {"seed": seed, "puzzles": REASON.puzzles.model_copy(update={"seed": seed})}  # as a study sets both
        run = RunDirectory.create(tmp_path / f"long-name-{seed}", REASON.model_copy(update=seeded))
        for step, value in values.items():
            run.log_metrics("grpo", step, {"strict": value})
        runs.append(opened(run.path))
    other = RunDirectory.create(tmp_path / "other", CONFIG)
    other.log_metrics("grpo", 1, {"strict": 0.25})
    band, alone = courses([*runs, opened(other.path)], "grpo", "strict", "step", seeds=True)
    # All three have come to steps 2 and 3; what is missing there is taken on the line between two points.
    assert band.name == "long-name (3 seeds)" and alone.name == "other" and alone.band == []
    assert band.points == [(2.0, pytest.approx((0.5 + 0.5 + 1) / 3)), (3.0, pytest.approx((1 + 0.5 + 1) / 3))]
    assert band.band == [(2.0, 0.5, 1.0), (3.0, 0.5, 1.0)]
    assert [one.name for one in courses(runs, "grpo", "strict", "step", seeds=False)] == [run.name for run in runs]
    assert courses(runs, "grpo", "nothing", "step", seeds=True) == []


def test_thinning_takes_means() -> None:
    assert thinned([(0.0, 1.0), (1.0, 3.0), (2.0, 5.0), (3.0, 7.0)], most=2) == [(0.5, 2.0), (2.5, 6.0)]


def test_parts_of_a_whole_are_thinned_together() -> None:
    parts = {"a": [(1, 2.0), (2, 4.0), (3, 6.0), (4, 8.0)], "b": [(2, 6.0)]}
    assert thinned_together(parts, most=2) == {"a": [(1.5, 3.0), (3.5, 7.0)], "b": [(1.5, 3.0), (3.5, 0.0)]}
    assert thinned_together(parts, most=4) == parts


def test_hours_are_written_without_prefixes_and_a_paper_has_a_legend() -> None:
    """In SI prefixes 0.01 hours would be 10m."""
    drawn = [
        Course(name, f"var(--series-{i})", 0, [(0.01, 0.2), (0.05, 0.4)], [], [name])
        for i, name in ((1, "one"), (2, "<b>two</b>\u202e"))
    ]
    page = chart(drawn, "strict", "hours")
    assert (
        ">0.02<" in page
        and ">20m<" not in page
        and "var(--series-2)" in page
        and "two" not in re.sub(r'"[^"]*"', "", page)
    )
    paper = for_paper(drawn, "strict", "hours")
    assert ">one<" in paper and ">&lt;b&gt;two&lt;/b&gt;⟨U+202E⟩<" in paper and ">Puzzles solved<" in paper
    assert "var(" not in paper


def test_evaluations_without_a_common_puzzle_are_not_paired(tmp_path: Path) -> None:
    runs = []
    for number in (0, 1):
        run = RunDirectory.create(tmp_path / str(number), CONFIG)
        rows = [replace(row, puzzle_id=f"{row.puzzle_id}{number}") for row in evaluation(0.5, 3, 1)]
        run.write_evaluation("before", rows, {})
        runs.append(opened(run.path))
    assert comparing.difference(runs[0], "before", runs[1], "before") == {"figures": {}, "shared": 0, "all": 6}


def test_recipes_evaluations_and_descent(root: Path) -> None:
    runs = {name: opened(path) for name, path in Runs(root).all().items()}
    assert comparing.differences([runs["demo-0"], runs["child"]]) == [
        {"key": "name", "values": ["demo-0", CONFIG.name]},
        {"key": "grpo.learning_rate", "values": [str(CONFIG.grpo.learning_rate), "1e-05"]},
    ]
    found = comparing.difference(runs["demo-0"], "before", runs["demo-1"], "after-grpo")
    first, second = (
        runs[name].directory.read_evaluation(of) for name, of in (("demo-0", "before"), ("demo-1", "after-grpo"))
    )
    expected = sum(row.correct for row in second) / 200 - sum(row.correct for row in first) / 200
    assert found["shared"] == found["all"] == 200
    assert found["figures"]["strict"]["mean"] == pytest.approx(expected)
    assert found["figures"]["strict"]["low"] < expected < found["figures"]["strict"]["high"]
    tree = {one["run"]: one for one in comparing.tree(runs)}
    assert tree["child"]["parent"] == "demo-0" and "grpo.learning_rate = 1e-05" in tree["child"]["how"]
    assert tree["demo-0"]["parent"] is None
    assert runs["child"].summary()["alarms"] == 1


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    run = reasoning_run(tmp_path_factory.mktemp("index") / "run")
    with duckdb.connect(":memory:") as database:
        made = Index(opened(run.path), database, "t")
        assert made.read_on(60) == (3, 3)
        yield made


def found(index: Index, **wanted: Any) -> list[tuple[int, int]]:
    count, rows = index.page(Wanted(**wanted))
    assert count == len(rows) <= PAGE
    return [(row["step"], row["row"]) for row in rows]


def test_filters_and_orders_against_the_rows_themselves(index: Index) -> None:
    rows = {(step, number): row for step in (1, 2, 3) for number, row in enumerate(reasoning_rows(step))}
    assert sorted(found(index)) == sorted(rows)
    assert [step for step, _ in found(index)] == sorted((step for step, _ in rows), reverse=True)
    some = rows[2, 0]
    part = some.completion[-40:-5]
    for wanted, holds in (
        ({"outcome": str(some.outcome)}, lambda row: row.outcome == some.outcome),
        ({"puzzle": some.puzzle_id[-9:]}, lambda row: some.puzzle_id[-9:] in row.puzzle_id),
        ({"text": part.upper()}, lambda row: part.lower() in row.completion.lower()),
        ({"step_from": 2, "step_to": 2}, lambda row: row.step == 2),
        ({"has": "script"}, lambda row: "виновна" in row.completion),
        ({"has": "derived"}, lambda row: any(said == "derived" for *_, said in row.spans)),
        ({"has": "false"}, lambda row: any(said == "false" for *_, said in row.spans)),
        ({"steps": (1, 3)}, lambda row: row.step in (1, 3)),
        ({"text": "' OR 1=1 --"}, lambda row: False),
        ({"source": "training"}, lambda row: True),
        ({"source": "before"}, lambda row: False),
    ):
        assert sorted(found(index, **wanted)) == sorted(key for key, row in rows.items() if holds(row)), wanted
    lengths = [len(rows[key].tokens) for key in found(index, sort="length", descending=False)]
    assert lengths == sorted(len(row.tokens) for row in rows.values())
    advantages = [rows[key].advantage for key in found(index, sort="advantage")]
    assert advantages == [1.5] * 6 + [0.25] * 6 + [-1.5] * 6 + [None] * 6
    for bad in ({"sort": "reward; DROP TABLE t"}, {"has": "derived > 0 --"}):
        with pytest.raises(UserError):
            found(index, **bad)


def test_a_completion_and_its_group(index: Index) -> None:
    row = reasoning_rows(2)[5]
    told = index.read("rollouts/grpo_000002.parquet", 5)
    assert told["completion"] == row.completion and told["prompt"] == row.prompt and told["gold"] == dict(row.gold)
    assert told["spans"] == [list(span) for span in row.spans] and told["tokens"] == list(row.tokens)
    group = index.group("rollouts/grpo_000002.parquet", row.puzzle_id)
    assert [one["sample"] for one in group] == [0, 1, 2, 3] and {one["puzzle_id"] for one in group} == {row.puzzle_id}
    assert len(index.of_puzzle(row.puzzle_id)) == 4
    for file, number in (("rollouts/grpo_000002.parquet", 99), ("../config.json", 0), ("rollouts/../../x.parquet", 0)):
        with pytest.raises(UserError):
            index.read(file, number)


def test_files_that_come_change_or_go(tmp_path: Path) -> None:
    run = reasoning_run(tmp_path / "run")
    with duckdb.connect(":memory:") as database:
        index = Index(opened(run.path), database, "t")
        index.read_on(60)
        write_step(run, 4)
        run.write_rollouts("grpo", 1, reasoning_rows(1)[:1])
        (run.rollouts / "grpo_000002.parquet").unlink()
        (run.rollouts / "grpo_000003.parquet").write_bytes(b"half a fi")
        assert index.read_on(60) == (3, 3)
        assert sorted({step for step, _ in found(index)}) == [1, 4] and len(found(index, step_to=1)) == 1
        assert list(index.broken) == ["rollouts/grpo_000003.parquet"]


def test_counts_follow_the_files(tmp_path: Path) -> None:
    """What was counted is kept for other orders and pages, and forgotten when files change, also within a folder that
    does not say so."""
    run = reasoning_run(tmp_path / "run")  # three steps of eight, two of them with another script
    with duckdb.connect(":memory:") as database:
        index = Index(opened(run.path), database, "t")

        def counts() -> list[int]:
            index.read_on(60)
            asked = (
                Wanted(),
                Wanted(text="ВИНОВНА"),
                Wanted(text="виновна", sort="length"),
                Wanted(text="none at all"),
            )
            every = [index.page(wanted)[0] for wanted in (*asked, Wanted(has="script"), *asked)]
            assert every[:4] == every[5:]
            return [*every[1:5], index.choices()["sources"]["training"], every[0]]

        assert counts() == [6, 6, 0, 6, 24, 24]
        write_step(run, 4)
        assert counts() == [8, 8, 0, 8, 32, 32]
        file, other = run.rollouts / "grpo_000004.parquet", tmp_path / "other"
        RunDirectory.create(other, REASON).write_rollouts("grpo", 4, reasoning_rows(4)[:1])
        file.write_bytes((other / "rollouts" / file.name).read_bytes())
        index._stamped = (-AGAIN_S, *index._stamped[1:])  # as some seconds later
        assert counts() == [6, 6, 0, 6, 25, 25]


def test_damage_is_said_of_the_run_that_has_it(tmp_path: Path) -> None:
    names = ("whole", "link", "long", "half", "late")
    for name in names:
        RunDirectory.create(tmp_path / name, REASON)
    (tmp_path / "link" / "config.json").unlink()
    (tmp_path / "link" / "config.json").symlink_to("nowhere")
    told = json.dumps({"strict": {"mean": 0.5, "low": 0, "high": 1, "n": 2}}).replace("0.5", "9" * 400)
    (tmp_path / "long" / "evaluations" / "after-grpo.json").write_text(told)
    (tmp_path / "half" / "parent.json").write_text('{"parent": "\\ud800", "folder": "\\ud800", "step": 1}')
    alarm = {"phase": "grpo", "step": 10**12, "name": "x", "figures": "", "remedy": ""}
    (tmp_path / "late" / "alarms.json").write_text(json.dumps({"alarms": [alarm]}))
    runs = {name: opened(tmp_path / name) for name in names}
    states = {name: (run.summary()["state"], run.summary()["fault"] != "") for name, run in runs.items()}
    assert states.pop("link") == ("unreadable", True)
    assert set(states.values()) == {("stopped", False)}
    assert json.dumps(comparing.tree(runs), ensure_ascii=False).encode()
    assert runs["late"].alarms() == [] and runs["long"].summary()["solved"] is None


def test_a_hostile_folder_is_read_around(tmp_path: Path) -> None:
    name = hostile(tmp_path, lines=5000, megabytes=1)
    run = opened(tmp_path / name)
    assert run.summary()["step"] == 5000 and run.metrics.unreadable == 3
    assert run.evaluation("broken") == {} and len(run.alarms()) == 1
    with duckdb.connect(":memory:") as database:
        index = Index(run, database, "t")
        assert index.read_on(60) == (4, 4)  # a file of a name that Sleuth would not write is left alone
        assert sorted(index.broken) == [
            "evaluations/broken.parquet",
            "rollouts/grpo_000001.parquet",
            "rollouts/grpo_000002.parquet",
        ]
        assert not any("root:" in why for why in index.broken.values())
        long = index.read("evaluations/before.parquet", 0)
        assert long["completion_left_out"] == (1 << 20) + 7 - len(long["completion"])
