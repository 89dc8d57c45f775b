"""The process that grades: the same scores, bounds that hold, and nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sleuth.errors import UserError
from sleuth.grading import Outcome, grade
from sleuth.grading.reading import read_puzzle
from sleuth.grading.worker import Worker, grade_safely
from sleuth.puzzles.generate import make_puzzle
from sleuth.puzzles.gold import gold_completion
from sleuth.puzzles.puzzle import Puzzle

SMALL, OTHER = (make_puzzle("temporal-clue", "1", "train", 3, index).puzzle for index in range(2))
RIGHT = gold_completion(SMALL, "program")
posix = pytest.mark.skipif(os.name != "posix", reason="processes and signals of POSIX")


def heavy() -> tuple[Puzzle, str]:
    """A program that keeps the grader 0.7 seconds, until the bound on clauses ends it."""
    puzzle = make_puzzle("temporal-clue", "4", "train", 3, 0).puzzle
    rooms = list(read_puzzle(puzzle).page.case.rooms)
    lines = [f"earlier(weapon, {a}, murderer, {b})" for a in rooms for b in rooms]
    lines += [f"earlier(murderer, {a}, weapon, {b})" for a in rooms for b in rooms]
    return puzzle, "\n".join(lines)


@pytest.fixture
def worker() -> Iterator[Worker]:
    made = Worker()
    yield made
    made.kill()


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return not Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].startswith(" Z")


def gone_within(pid: int, seconds: float) -> bool:
    deadline_s = time.monotonic() + seconds
    while alive(pid) and time.monotonic() < deadline_s:
        time.sleep(0.02)
    return not alive(pid)


def script(tmp_path: Path, body: str) -> list[str]:
    """A script without a guard, as people write them, with some names at hand."""
    path = tmp_path / "script.py"
    path.write_text(
        "import os, signal, sys, threading, time\n"
        "import sleuth\n"
        "from sleuth.grading import worker as w\n"
        "from sleuth.puzzles.gold import gold_completion\n"
        "[puzzle] = sleuth.make('temporal-clue', count=1)\n"
        "right = gold_completion(puzzle, 'program')\n" + body
    )
    return [sys.executable, str(path)]


TEXTS = st.one_of(
    st.lists(st.sampled_from([*RIGHT.split("\n"), "in(", "x", "```"]), max_size=6).map("\n".join),
    st.text(max_size=40),
    st.sampled_from([RIGHT, gold_completion(SMALL, "reason"), "\ud800", "\0\n" + RIGHT, '{"over": ""}\n', "A. \u2028"]),
)


@settings(max_examples=60, deadline=None)
@given(TEXTS, st.sampled_from(["program", "reason", "answer"]), st.booleans())
def test_scores_are_the_same(text: str, mode: str, truncated: bool) -> None:
    assert grade_safely(SMALL, text, mode, truncated) == grade(SMALL, text, mode, truncated)  # type: ignore[arg-type]


def test_puzzles_are_not_mixed_up(worker: Worker) -> None:
    for puzzle in (SMALL, OTHER, SMALL, SMALL.model_copy(), OTHER):
        assert worker.grade(puzzle, gold_completion(puzzle, "program"), "program").correct


def test_time_is_bounded_and_the_next_completion_is_graded() -> None:
    worker = Worker(seconds=3, module="tests.slow_grading")
    assert worker.grade(SMALL, "", "program").outcome is Outcome.UNREADABLE
    pid = worker.pid
    assert pid is not None
    score = worker.grade(SMALL, "slow", "program")
    assert (score.outcome, score.reward, score.detail) == (Outcome.UNDECIDED, 0, "grading took longer than 3 s")
    assert list(score.answers) == list(SMALL.answers) and not alive(pid)
    assert worker.grade(SMALL, "", "program").outcome is Outcome.UNREADABLE and worker.pid not in (None, pid)
    worker.kill()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps to a limit of address space")
def test_memory_is_bounded_and_the_next_completion_is_graded() -> None:
    puzzle, text = heavy()
    worker = Worker(memory_bytes=72 << 20)
    assert worker.grade(SMALL, RIGHT, "program").correct
    score = worker.grade(puzzle, text, "program")
    assert score.outcome is Outcome.UNDECIDED and score.detail.startswith("grading needed more than 72 MB")
    assert worker.pid is None
    assert worker.grade(SMALL, RIGHT, "program").correct
    worker.kill()


@posix
def test_a_process_that_somebody_ended_is_replaced(worker: Worker) -> None:
    assert worker.grade(SMALL, RIGHT, "program").correct
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGKILL)
    time.sleep(0.1)
    assert worker.grade(SMALL, RIGHT, "program").correct


@posix
def test_ctrl_c_is_not_for_the_worker(worker: Worker) -> None:
    assert worker.grade(SMALL, RIGHT, "program").correct
    pid = worker.pid
    assert pid is not None and os.getsid(pid) == pid
    os.kill(pid, signal.SIGINT)
    time.sleep(0.1)
    assert worker.grade(SMALL, RIGHT, "program").correct and worker.pid == pid


def test_errors_of_the_user_and_of_ours_arrive(worker: Worker) -> None:
    with pytest.raises(UserError):
        worker.grade(SMALL.model_copy(update={"prompt": "Who?"}), RIGHT, "program")
    with pytest.raises(UserError, match="no stored answers"):
        worker.grade(SMALL.model_copy(update={"answers": {}}), RIGHT, "program")
    with pytest.raises(RuntimeError, match="Error"):
        worker.grade(SMALL.model_copy(update={"questions": None}), RIGHT, "answer")
    assert worker.grade(SMALL, RIGHT, "program").correct


@posix
def test_nothing_is_left_when_a_script_without_a_guard_ends(tmp_path: Path) -> None:
    body = "print(w.grade_safely(puzzle, right, 'program').outcome, w.shared_worker().pid)\n"
    done = subprocess.run(script(tmp_path, body), capture_output=True, text=True, timeout=120, check=True)
    outcome, pid = done.stdout.split()
    assert outcome == "correct" and done.stderr == ""
    assert gone_within(int(pid), 5)


@posix
def test_nothing_is_left_when_the_parent_is_killed(tmp_path: Path) -> None:
    body = "w.grade_safely(puzzle, right, 'program')\nprint(w.shared_worker().pid, flush=True)\ntime.sleep(600)\n"
    process = subprocess.Popen(script(tmp_path, body), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    pid = int(process.stdout.readline())
    assert alive(pid)
    process.kill()
    process.communicate()
    assert gone_within(pid, 10)


@posix
def test_a_worker_without_a_parent_is_ended_by_its_alarm() -> None:
    endless = "lambda *_, **__: sum(itertools.repeat(0))"
    code = f"import itertools, sleuth.grading.worker as w; w.grade = {endless}; w.serve(0.5, 2 << 30)"
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None and process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    request = {"puzzle": SMALL.model_dump(), "completion": "", "mode": "program", "truncated": False}
    process.stdin.write(json.dumps(request).encode() + b"\n")
    process.stdin.flush()
    assert process.wait(timeout=30) == -signal.SIGPROF
    process.communicate()


@posix
def test_ctrl_c_ends_both_and_says_nothing_of_the_worker(tmp_path: Path) -> None:
    (tmp_path / "p.jsonl").write_text(SMALL.model_dump_json() + "\n")
    line = json.dumps({"id": SMALL.id, "completion": RIGHT}) + "\n"
    (tmp_path / "c.jsonl").write_text(line * 100_000)
    command = ["grade", str(tmp_path / "p.jsonl"), str(tmp_path / "c.jsonl"), "--mode", "program"]
    process = subprocess.Popen(
        [sys.executable, "-m", "sleuth", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    deadline_s = time.monotonic() + 60
    while not (pids := children.read_text().split()):
        assert process.poll() is None and time.monotonic() < deadline_s
        time.sleep(0.01)
    time.sleep(1.0)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in said
    assert gone_within(int(pids[0]), 5)


@posix
def test_a_reply_that_was_not_waited_for_is_nobodys(tmp_path: Path) -> None:
    body = (
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "w.grade_safely(puzzle, right, 'program')\n"
        "first = w.shared_worker().pid\n"
        "os.kill(first, signal.SIGSTOP)\n"
        "threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT)).start()\n"
        "try:\n"
        "    w.grade_safely(puzzle, 'hm', 'program')\n"
        "except KeyboardInterrupt:\n"
        "    print('interrupted')\n"
        "print(w.grade_safely(puzzle, right, 'program').outcome, w.shared_worker().pid != first)\n"
    )
    done = subprocess.run(script(tmp_path, body), capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.split() == ["interrupted", "correct", "True"]


@posix
def test_standing_still_is_not_taking_long(tmp_path: Path) -> None:
    """Both are stopped for longer than a completion may take, as when a machine sleeps, or after Ctrl-Z."""
    body = (
        "import subprocess\n"
        "w._workers[w.OWN] = w.Worker(seconds=2)\n"
        "w.grade_safely(puzzle, right, 'program')\n"
        "first = w.shared_worker().pid\n"
        "os.kill(first, signal.SIGSTOP)\n"
        "shell = f'sleep 0.3; kill -STOP {os.getpid()}; sleep 3; kill -CONT {os.getpid()} {first}'\n"
        "helper = subprocess.Popen(['sh', '-c', shell])\n"
        "print(w.grade_safely(puzzle, right, 'program').outcome, w.shared_worker().pid == first)\n"
        "helper.wait()\n"
    )
    done = subprocess.run(script(tmp_path, body), capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.split() == ["correct", "True"]


@posix
def test_a_forked_process_has_a_worker_of_its_own(tmp_path: Path) -> None:
    body = (
        "w.grade_safely(puzzle, right, 'program')\n"
        "if (child := os.fork()) == 0:\n"
        "    mine = w.grade_safely(puzzle, right, 'program').outcome, w.shared_worker().pid\n"
        "    w.shared_worker().kill()\n"
        "    print(*mine, flush=True)\n"
        "    os._exit(0)\n"
        "os.waitpid(child, 0)\n"
        "print(w.grade_safely(puzzle, right, 'program').outcome, w.shared_worker().pid)\n"
    )
    done = subprocess.run(script(tmp_path, body), capture_output=True, text=True, timeout=120, check=True)
    first, first_pid, second, second_pid = done.stdout.split()
    assert (first, second) == ("correct", "correct") and first_pid != second_pid
