"""The registry and the checker, with tasks as other packages bring them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import sleuth
from sleuth.contract import verdicts
from sleuth.datasets.make import PuzzleSpec, make_puzzles
from sleuth.errors import UserError
from sleuth.grading.worker import grade_safely
from sleuth.puzzles import registry
from tests.contract.sums import NewerSums, Sums, WrongGold

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """What a test registers is gone after it."""
    yield
    for id, _ in registry.registrations():
        registry.unregister(id)


def test_versions_stand_side_by_side_and_a_plain_name_is_the_newest() -> None:
    sleuth.register("sums@2", NewerSums)
    sleuth.register("sums@1", "tests.contract.sums:Sums")
    sleuth.register("sums@1", Sums)  # the same again
    assert registry.family_ids()[-2:] == ["sums@2", "sums@1"] and registry.family_names()[-1] == "sums"
    assert registry.get_task("sums").id == "sums@2" and registry.get_task("sums@1").version == 1
    [old] = sleuth.make("sums@1")
    [new] = sleuth.make("sums")
    assert (old.family, new.family) == ("sums@1", "sums@2")
    assert sleuth.grade(old, f"A. {old.answers['A']}").correct
    with pytest.raises(UserError, match="'sums@3': this Sleuth has 'sums@1' and 'sums@2'"):
        registry.get_task("sums@3")


@pytest.mark.parametrize(
    ("id", "source", "message"),
    [
        ("sums", Sums, "is no id of a family"),
        ("Sums@1", Sums, "is no id of a family"),
        ("sums@0", Sums, "is no id of a family"),
        ("zebra@9", Sums, "is a family of Sleuth's own"),
        ("sums@1", NewerSums, "is registered already, from tests.contract.sums:Sums"),
    ],
)
def test_what_cannot_be_registered_is_refused(id: str, source: type[Sums], message: str) -> None:
    sleuth.register("sums@1", Sums)
    with pytest.raises(UserError, match=message):
        sleuth.register(id, source)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("no_such_module:Sums", "does not load \\(ModuleNotFoundError"),
        ("tests.contract.sums:Nothing", "does not load \\(AttributeError"),
        ("tests.contract.sums:Sums", "calls itself sums@1"),
        ("pathlib:Path", "gives no sleuth.Task"),
    ],
)
def test_what_does_not_load_is_said_when_it_is_needed(source: str, message: str) -> None:
    sleuth.register("broken@1", source)
    assert sleuth.make("zebra")
    with pytest.raises(UserError, match=message) as refusal:
        sleuth.make("broken")
    assert "\n" not in str(refusal.value)


def test_other_processes_know_what_is_registered() -> None:
    sleuth.register("sums@1", Sums)
    spec = PuzzleSpec("sums", "1", "train", 3, 8)
    puzzles = list(make_puzzles(spec, workers=2))
    assert puzzles == list(make_puzzles(spec, workers=1))
    graded = grade_safely(puzzles[0], f"A. {puzzles[0].answers['A']}")  # in the worker: the task asks for it
    assert graded.correct


def test_the_checker_finds_nothing_and_finds_faults() -> None:
    sleuth.register("sums@1", Sums)
    sleuth.check_family("sums")
    sleuth.register("wrong-gold@1", WrongGold)
    broken = {(one.promise, one.level) for one in verdicts("wrong-gold") if one.problem}
    assert broken == {
        ("the same key gives the same puzzle, in any process", ""),
        ("gold completions are right", "1"),
        ("gold completions are right", "2"),
        ("what solves it is right", "1"),
        ("what solves it is right", "2"),
        ("people are shown the puzzle and its solution", "1"),
        ("people are shown the puzzle and its solution", "2"),
    }
    with pytest.raises(AssertionError, match="its own gold completion is wrong"):
        sleuth.check_family("wrong-gold", ["1"])


def run(site: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(site), str(ROOT / "src"), str(ROOT)])
    return subprocess.run(
        [sys.executable, "-m", "sleuth", *arguments],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        cwd=site,
    )


def package(site: Path, name: str, points: dict[str, str]) -> None:
    """An installed package that brings tasks by entry points."""
    info = site / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = [f"{id} = {where}" for id, where in points.items()]
    (info / "entry_points.txt").write_text("\n".join(["[sleuth.families]", *lines]) + "\n")


def test_a_package_brings_a_task_by_an_entry_point(tmp_path: Path) -> None:
    own = (ROOT / "tests" / "contract" / "sums.py").read_text()
    (tmp_path / "their_sums.py").write_text(own)
    points = {"sums@1": "their_sums:Sums", "ruin@1": "their_sums:Ruin", "oddly named": "their_sums:Sums"}
    package(tmp_path, "their-sums", points | {"zebra@7": "their_sums:Sums"})
    out = tmp_path / "sums.jsonl"
    made = run(tmp_path, "make", "sums", "--count", "8", "--workers", "2", "--out", str(out))
    assert made.returncode == 0, made.stderr
    puzzles = [json.loads(line) for line in out.read_text().splitlines()]
    assert {puzzle["family"] for puzzle in puzzles} == {"sums@1"}
    lines = [json.dumps({"id": one["id"], "completion": f"A. {one['answers']['A']}"}) for one in puzzles]
    (tmp_path / "said.jsonl").write_text("\n".join(lines))
    graded = run(tmp_path, "grade", str(out), str(tmp_path / "said.jsonl"))
    assert graded.returncode == 0 and "100.0%" in graded.stderr, graded.stderr
    checked = run(tmp_path, "check", "sums", "--level", "1")
    assert checked.returncode == 0 and "keeps every promise" in checked.stderr, checked.stdout + checked.stderr
    for asked, message in {
        "ruin": "the package their-sums brings it from their_sums:Ruin, but it does not load (AttributeError",
        "zebra@7": "brings 'zebra@7', but a family of Sleuth's own has that name",
        "oddly named": "brings 'oddly named', but an id is NAME@VERSION",
    }.items():
        refused = run(tmp_path, "make", asked, "--out", str(out))
        assert refused.returncode == 2 and message in refused.stderr, refused.stderr
        assert len(refused.stderr.splitlines()) == 1
