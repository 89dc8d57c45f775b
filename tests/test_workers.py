"""Worker processes: results in order, from scripts without a main guard too; nothing is left behind."""

from __future__ import annotations

import itertools
import math
import operator
import os
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from sleuth import workers
from sleuth.errors import UserError
from sleuth.workers import in_order, map_in_order, processes
from tests.jobs import end_itself, pid_after, pid_slowly
from tests.tiny import tiny_folder

posix = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")

TRAINS = """\
import sys
from pathlib import Path
import sleuth

print("begins")
puzzles = sleuth.make("zebra", count=9, style="terse", workers=2)
config = sleuth.load_recipe(Path(sys.argv[1]), {"model.name": sys.argv[2]})
run = sleuth.train(config, sys.argv[3])
rows = sleuth.evaluate(sleuth.solver(puzzles), puzzles, "answer", sleuth.Sampling(64))
print(len(puzzles), sleuth.summarise(rows).strict.mean, (run.path / "model" / "model.safetensors").exists())
"""
RECIPE = """\
mode = "answer"
model.threads = 1
sft = {examples = 4, batch_size = 4}
grpo = {steps = 1, puzzles_per_step = 2, samples = 2}
sampling.max_new_tokens = 4
eval = {count = 4, every = 0}
"""


@pytest.mark.parametrize(("workers", "chunk", "ahead"), [(1, 1, 0), (2, 1, None), (3, 4, 9), (2, 50, 1)])
def test_results_come_in_the_order_of_the_items(workers: int, chunk: int, ahead: int | None) -> None:
    found = in_order(partial(operator.mul, 3), range(20), workers, chunk=chunk, ahead=ahead)
    assert list(found) == [3 * number for number in range(20)]


def test_quick_work_is_done_here() -> None:
    assert set(map_in_order(pid_after, [0.0] * 5, 2)) == {os.getpid()}


def test_long_work_is_shared_out_once_it_is_known_to_be_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "STARTING_S", 0.1)
    first, second, *others = map_in_order(pid_after, [0.07] * 8, 2)
    assert first == second == os.getpid() and os.getpid() not in others
    assert set(map_in_order(pid_after, [0.07] * 4, 1)) == {os.getpid()}


def test_no_items_need_no_worker() -> None:
    assert list(in_order(math.sqrt, [], 2)) == []


def test_a_stream_without_end_is_worked_ahead_of_no_further_than_asked() -> None:
    taken = itertools.count()
    found = in_order(math.sqrt, taken, 2, ahead=5)
    assert [next(found) for _ in range(3)] == [0, 1, math.sqrt(2)]
    found.close()  # type: ignore[attr-defined]  # a generator
    assert next(taken) == 3 + 5


def test_an_exception_comes_in_its_turn_with_the_workers_traceback() -> None:
    found = in_order(math.sqrt, [4.0, -1.0, 9.0], 2)
    assert next(found) == 2
    with pytest.raises(ValueError) as raised:
        next(found)
    assert "sleuth/workers.py" in raised.value.__notes__[0]


def test_errors_of_the_user_arrive_as_they_are() -> None:
    with pytest.raises(UserError, match="--workers -1: 0 for one per core") as raised:
        list(in_order(processes, [-1], 1))
    assert not hasattr(raised.value, "__notes__")


def test_what_cannot_be_pickled_is_told() -> None:
    with pytest.raises(TypeError, match="cannot pickle"):
        list(in_order(open, [os.devnull], 1))


@posix
def test_a_killed_worker_is_told_in_one_line() -> None:
    with pytest.raises(UserError, match=r"a worker process ended with code -9.* take fewer workers"):
        list(in_order(end_itself, range(3), 1))


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_closing_ends_the_processes_at_once() -> None:
    found = in_order(pid_slowly, range(9), 1)
    pid, started_s = next(found), time.monotonic()
    found.close()  # type: ignore[attr-defined]  # a generator
    assert time.monotonic() - started_s < 10
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.skipif(not Path("/proc").exists(), reason="reads /proc")
def test_workers_end_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import os, time\nfrom sleuth.workers import in_order\n"
        "found = in_order(os.getpgid, [0] * 9, 1, ahead=0)\nprint(next(found), flush=True)\ntime.sleep(600)\n"
    )
    parent = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())  # it leads its group
    assert alive(pid)
    parent.kill()
    parent.communicate()
    ends_s = time.monotonic() + 10
    while alive(pid) and time.monotonic() < ends_s:
        time.sleep(0.05)
    assert not alive(pid)


def test_a_function_of_the_main_script_is_refused(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("from sleuth.workers import in_order\ndef f(x): return x\nlist(in_order(f, [1], 1))\n")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60, check=False)
    assert "is defined in the main script, which workers do not run; move it to a module" in done.stderr


def run_script(*arguments: str | Path, text: str | None = None) -> str:
    """What a script prints."""
    done = subprocess.run(
        [sys.executable, *arguments],
        input=text,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_plain_script_without_a_main_guard_simply_works(tmp_path: Path) -> None:
    model, recipe, script = tiny_folder(tmp_path / "tiny", words=True), tmp_path / "recipe.toml", tmp_path / "script.py"
    recipe.write_text(RECIPE)
    script.write_text(TRAINS)
    assert run_script(script, recipe, model, tmp_path / "run") == "begins\n9 1.0 True\n"


def test_so_does_one_from_standard_input() -> None:
    text = "import sleuth\nprint('begins')\nprint(len(sleuth.make('zebra', count=9, workers=2)))\n"
    assert run_script("-", text=text) == "begins\n9\n"
