"""Models behind an interface, through Inspect: each failure from a real server, budgets, resume, keys, figures."""

from __future__ import annotations

import dataclasses
import functools
import importlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sleuth.bench.figures import figures
from sleuth.bench.journal import Journal
from sleuth.bench.models import PROVIDERS, Interface, behind_interface
from sleuth.bench.prices import Price
from sleuth.bench.result import Settings, read_result
from sleuth.bench.run import Budget
from sleuth.bench.suites import Cell, Plan, Suite, make_items
from sleuth.datasets.files import write_puzzles
from sleuth.errors import UserError
from sleuth.policy.base import Fault, StopReason
from sleuth.policy.prompts import ask
from sleuth.puzzles.gold import gold_completion
from sleuth.puzzles.score import Outcome
from tests.bench.faulty import WAYS, Faulty, serving
from tests.bench.test_bench import SETTINGS, solved

inspect_ai = pytest.importorskip("inspect_ai")
pytest.importorskip("openai")

KEY = "secret-key-0123456789"
NAME = "openai-api/faulty/m"
ONE_BY_ONE = Interface(retries=0, timeout_s=300, connections=1)
EXPECTED = {
    "rate limit": Fault.RATE_LIMIT,
    "server error": Fault.SERVER_ERROR,
    "no server": Fault.SERVER_ERROR,
    "timeout": Fault.TIMEOUT,
    "cut reply": Fault.CUT_STREAM,
    "cut stream": Fault.CUT_STREAM,
    "ended stream": Fault.CUT_STREAM,
    "empty": Fault.EMPTY,
    "no JSON": Fault.MALFORMED,
    "a bare string": Fault.MALFORMED,
    "no choices": Fault.MALFORMED,
    "refusal": Fault.REFUSAL,
    "filtered": Fault.REFUSAL,
    "wrong key": Fault.WRONG_KEY,
    "bad request": Fault.BAD_REQUEST,
}

TRIES = {"no server": 3, "cut reply": 3}
"""The official client itself tries again, twice, where a connection breaks."""


@pytest.fixture(scope="module")
def suite() -> Suite:
    plan = Plan("small@1", 3, "plain", ("terse",), ())
    cells = [Cell("zebra@1", "1", 4, 4), Cell("knights-and-knaves@1", "1", 4, 4)]
    return Suite("small@1", "small", tuple(make_items(plan, cells, "small", 1)))


@pytest.fixture
def gold(suite: Suite) -> Any:
    texts = {ask(item.puzzle, "answer").user: gold_completion(item.puzzle, "answer") for item in suite.items}
    return texts.__getitem__


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("FAULTY_API_KEY", KEY)
    yield


Asked = Callable[..., tuple[Journal, str]]


@pytest.fixture
def asked(suite: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Asked:
    """Runs a suite against a server, with a journal and logs in `tmp_path`."""
    from sleuth.bench.inspect.run import run_interface

    def run(
        server: Faulty,
        some: Suite = suite,
        settings: Settings = SETTINGS,
        budget: Budget | None = None,
        interface: Interface = ONE_BY_ONE,
        price: Price | None = None,
    ) -> tuple[Journal, str]:
        monkeypatch.setenv("FAULTY_BASE_URL", server.url)
        journal = Journal(
            tmp_path / "journal.jsonl",
            {"suite": some.hash, **settings.model_dump(mode="json")},
            some.keys(settings.samples),
        )
        stopped = run_interface(
            NAME,
            some,
            settings,
            journal,
            budget or Budget(),
            price,
            lambda done: None,
            interface=interface,
            logs=tmp_path / "logs",
        )
        return journal, stopped

    return run


def messages(suite: Suite) -> list[str]:
    return [ask(item.puzzle, "answer").user for item in suite.items]


def everything_in(folder: Path) -> bytes:
    """All bytes of all files, those within zip files unpacked."""
    found = b""
    for path in folder.rglob("*"):
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                found += b"".join(archive.read(name) for name in archive.namelist())
        elif path.is_file():
            found += path.read_bytes()
    return found


def test_every_failure_is_a_fault_of_its_own_and_asked_again(
    suite: Suite, gold: Any, asked: Asked, tmp_path: Path
) -> None:
    """One failure for each puzzle but the last, then none: nothing is scored wrong, and only faults are asked again."""
    ways = [way for way in WAYS if way not in ("timeout", "wrong key", "cut stream", "ended stream")]
    assert len(ways) == len(suite.items) - 3
    every = messages(suite)
    plan = {message: [way] * TRIES.get(way, 1) for message, way in zip(every, ways, strict=False)}
    with serving(gold, plan) as server:
        journal, stopped = asked(server, interface=Interface(retries=0, timeout_s=300, connections=16))
        assert stopped == ""
        rows = [journal.rows[item.puzzle.id, 0] for item in suite.items]
        assert {way: row.fault for way, row in zip(ways, rows, strict=False)} == {way: EXPECTED[way] for way in ways}
        assert all(row.outcome is Outcome.FAULT and row.stop is StopReason.FAULT for row in rows[: len(ways)])
        assert all(row.correct for row in rows[len(ways) :])
        found = figures(suite, SETTINGS, rows)
        assert (solved(found.all).mean, solved(found.all).n) == (1, found.all.completions)
        assert found.faults == Counter(EXPECTED[way] for way in ways)
        assert found.spent.completions == 3

        server.asked.clear()
        journal, stopped = asked(server)
        assert Counter(server.asked) == Counter(every[: len(ways)]), "what was answered is not asked again"
        assert all(row.correct for row in journal.rows.values()) and len(journal.rows) == len(every)
        server.asked.clear()
        asked(server)
        assert server.asked == []
    assert KEY.encode() not in everything_in(tmp_path)
    assert b"[key]" in everything_in(tmp_path), "the server repeats the key, and it is taken out"
    assert len(list((tmp_path / "logs").glob("*.eval"))) == 2


@pytest.mark.parametrize("way", ["cut stream", "ended stream"])
def test_a_stream_that_is_cut_is_no_answer(
    way: str, suite: Suite, gold: Any, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of the text had come. Some of Inspect's providers stream by themselves; this one is told to."""
    from sleuth.bench.inspect import run

    made = functools.partial(run.get_model, stream=True)
    monkeypatch.setattr(run, "get_model", made)
    few = Suite("few", "", suite.items[:2])
    first, second = messages(few)
    with serving(gold, {first: [way] * 3}) as server:
        journal, _ = asked(server, few)
        assert all(body["stream"] for body in server.bodies)
        [cut, whole] = [journal.rows[item.puzzle.id, 0] for item in few.items]
        assert (cut.fault, cut.outcome) == (Fault.CUT_STREAM, Outcome.FAULT)
        assert whole.correct and whole.new_tokens == 20
        server.plan.clear()
        journal, _ = asked(server, few)
        assert all(row.correct for row in journal.rows.values()) and server.asked.count(second) == 1


def test_no_reply_in_time(suite: Suite, gold: Any, asked: Asked) -> None:
    with serving(gold, everywhere="timeout") as server:
        journal, _ = asked(server, Suite("one", "", suite.items[:1]), interface=Interface(0, 1, 1))
    assert [(row.fault, row.outcome) for row in journal.rows.values()] == [(Fault.TIMEOUT, Outcome.FAULT)]


def test_a_wrong_key_stops_at_once(gold: Any, asked: Asked, tmp_path: Path) -> None:
    with serving(gold, everywhere="wrong key") as server:
        journal, stopped = asked(server)
    assert len(server.asked) == 1 and "the key is not accepted" in stopped and "401" in stopped
    assert [row.fault for row in journal.rows.values()] == [Fault.WRONG_KEY]
    assert KEY not in stopped and KEY.encode() not in everything_in(tmp_path)


def test_a_dead_server_holds_no_run(gold: Any, asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    from sleuth.bench.inspect import run

    monkeypatch.setattr(run, "FAULTS_IN_A_ROW", 3)
    with serving(gold, everywhere="server error") as server:
        journal, stopped = asked(server)
    assert len(server.asked) == len(journal.rows) == 3 and "3 requests in a row have failed" in stopped


def test_what_passes_is_retried(suite: Suite, gold: Any, asked: Asked) -> None:
    """A server error, then an answer: no fault. The client of the interface retries by itself, too."""
    every = messages(suite)
    with serving(gold, {every[0]: ["server error"], "retry": ["yes"]}) as server:
        journal, _ = asked(server, interface=Interface(retries=1, timeout_s=300, connections=16))
    assert server.asked.count(every[0]) == 2 and all(row.correct for row in journal.rows.values())


def test_budgets_stop_cleanly_and_go_on(suite: Suite, gold: Any, asked: Asked) -> None:
    """Every completion takes 120 tokens; five reach 600, so the sixth is not asked."""
    with serving(gold) as server:
        journal, stopped = asked(server, budget=Budget(600))
        assert len(server.asked) == len(journal.rows) == 5 and "--max-tokens 600 is used up (600 tokens)" in stopped
        price = Price(prompt_usd=1e6, completion_usd=1e6)
        more = {"budget": Budget(usd=840), "price": price}
        journal, stopped = asked(server, **more)
        assert len(server.asked) == len(journal.rows) == 7 and "--max-cost 840 is used up" in stopped
        journal, stopped = asked(server)
        assert len(server.asked) == len(journal.rows) == len(suite.items) and stopped == ""


def test_without_token_counts_there_is_no_budget(gold: Any, asked: Asked) -> None:
    with serving(gold, everywhere="uncounted") as server:
        _, stopped = asked(server, budget=Budget(10_000))
    assert len(server.asked) == 1 and "counts no tokens" in stopped


def test_settings_reach_the_interface_and_reasoning_is_counted_apart(suite: Suite, gold: Any, asked: Asked) -> None:
    settings = SETTINGS.model_copy(update={"effort": "high", "samples": 2, "temperature": 0.5, "seed": 7})
    few = Suite("few", "", suite.items[:2])
    with serving(gold, everywhere="thought") as server:
        journal, _ = asked(server, few, settings)
    assert {(body["reasoning_effort"], body["temperature"], body["seed"]) for body in server.bodies} == {
        ("high", 0.5, 7),
        ("high", 0.5, 8),
    }, "samples differ by their seed"
    assert len(server.bodies) == 4
    assert {row.reasoning_tokens for row in journal.rows.values()} == {15}
    spent = figures(few, settings, list(journal.rows.values())).spent
    assert (spent.prompt_tokens, spent.new_tokens, spent.reasoning_tokens) == (400, 80, 60)


def test_a_prompt_without_room_is_cut_short_not_a_fault(suite: Suite, gold: Any, asked: Asked) -> None:
    one = Suite("one", "", suite.items[:1])
    with serving(gold, everywhere="too long") as server:
        journal, _ = asked(server, one)
    [row] = journal.rows.values()
    assert (row.fault, row.stop, row.outcome, row.completion) == (None, StopReason.LENGTH, Outcome.TRUNCATED, "")


def test_a_full_disk_ends_the_run(gold: Any, asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Journal, rows: Any) -> None:
        raise UserError("no space left")

    with serving(gold) as server:
        monkeypatch.setattr(Journal, "add", full)
        with pytest.raises(UserError, match="no space left"):
            asked(server)
    assert len(server.asked) == 1


def test_providers_are_inspects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    importlib.import_module("sleuth.bench.inspect")
    from inspect_ai._util.registry import registry_find, registry_info

    found = registry_find(lambda info: info.type == "modelapi")
    known = {registry_info(one).name.rpartition("/")[2] for one in found}
    assert PROVIDERS - known == set()
    assert behind_interface("openai/gpt-5") and not behind_interface("HuggingFaceTB/SmolLM2-135M-Instruct")
    (tmp_path / "openai" / "model").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert not behind_interface("openai/model"), "a folder is a folder"
    assert not behind_interface("openai/") and not behind_interface("guessing")


def test_task_scorer_and_metric_agree_with_the_figures(
    suite: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The task as `inspect eval` runs it, two epochs, some wrong, some failing: Inspect's metrics are our figures."""
    from inspect_ai.log import read_eval_log
    from inspect_ai.model import ModelOutput, ModelUsage, get_model

    from sleuth.bench.inspect.tasks import make_task
    from sleuth.bench.run import graded_row

    gold = {ask(item.puzzle, "answer").user: gold_completion(item.puzzle, "answer") for item in suite.items}
    places = {message: place for place, message in enumerate(messages(suite))}
    counts: Counter[str] = Counter()

    def say(conversation: Any, *others: Any) -> ModelOutput:
        message = conversation[-1].text
        counts[message] += 1
        if places[message] == 2:
            raise RuntimeError("broken")
        first_only = places[message] % 3 == 0 and counts[message] == 2
        text = "no answer" if first_only else gold[message]
        output = ModelOutput.from_content("m", text)
        output.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
        return output

    model = get_model("mockllm/model", custom_outputs=say, memoize=False)
    [log] = inspect_ai.eval(
        make_task(suite.items, "answer", 2),
        model=model,
        display="none",
        log_level="critical",
        log_dir=str(tmp_path),
        ctl_server=False,
        fail_on_error=False,
    )
    log = read_eval_log(log.location)
    assert log.status == "success" and log.samples is not None and log.results is not None
    assert sum(sample.error is not None for sample in log.samples) == 2
    settings = SETTINGS.model_copy(update={"samples": 2, "temperature": 1.0})
    items = {item.puzzle.id: item for item in suite.items}
    rows = [graded_row(items[str(sample.id)].puzzle, "answer", _as_row(sample)) for sample in log.samples]
    expected = figures(suite, settings, rows).all
    scores = {score.name: score for score in log.results.scores}
    for name, figure in (("solved", expected.solved), ("answers", expected.share)):
        assert figure is not None
        shown = {key.rpartition("_")[2]: metric.value for key, metric in scores[name].metrics.items()}
        assert shown == pytest.approx(dataclasses.asdict(figure)) and shown["n"] == 7
    assert 0 < solved(expected).mean < 1


def _as_row(sample: Any) -> Any:
    from sleuth.bench.inspect.faults import Faulty
    from sleuth.bench.inspect.run import _row

    faulty = Faulty(Fault.MALFORMED, "broken") if sample.error else None
    return _row(str(sample.id), sample.epoch - 1, sample.output, faulty, 0.0)


def test_a_log_holds_the_puzzle_and_no_key(suite: Suite) -> None:
    from sleuth.bench.inspect.tasks import sample_of

    sample = sample_of(suite.items[0], "answer")
    assert json.loads(json.dumps(sample.metadata))["puzzle"]["answers"] == suite.items[0].puzzle.answers


def test_ctrl_c_stops_and_the_command_goes_on(gold: Any, suite: Suite, tmp_path: Path) -> None:
    """The command itself, as a user starts it."""
    puzzles = [item.puzzle for item in suite.items]
    write_puzzles(tmp_path / "some.jsonl", puzzles)

    stopped = threading.Event()

    def two_at_once(message: str) -> str:
        if len(server.asked) > 2:
            stopped.wait(300)
        return str(gold(message))

    with serving(two_at_once) as server:
        command = [*(sys.executable, "-m", "sleuth", "bench", NAME, "--suite", str(tmp_path / "some.jsonl"))]
        command += ["--out", str(tmp_path / "out"), "--connections", "2"]
        environment = {**os.environ, "FAULTY_BASE_URL": server.url, "FAULTY_API_KEY": KEY}
        journal = tmp_path / "out" / "openai-api-faulty-m-answer.journal.jsonl"
        process = subprocess.Popen(
            command,
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # what runs in the background ignores it
        )
        while len(server.asked) < 4 or journal.read_bytes().count(b"\n") < 2:
            assert process.poll() is None, process.communicate()[1]
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=300)
        stopped.set()
        assert process.returncode == 130 and "the same command goes on" in said and "Traceback" not in said
        done = {json.loads(line)["puzzle_id"] for line in journal.read_text(encoding="utf-8").splitlines()[1:]}
        assert 1 <= len(done) < len(puzzles)
        server.asked.clear()
        again = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=tmp_path, timeout=600)
    assert again.returncode == 0, again.stderr
    assert Counter(server.asked) == Counter(ask(one, "answer").user for one in puzzles if one.id not in done)
    result = read_result(tmp_path / "out" / "openai-api-faulty-m-answer.json")
    assert result.complete and all(row.correct for row in result.rows) and result.model.kind == "interface"
    assert KEY.encode() not in everything_in(tmp_path)


@pytest.mark.parametrize("counts", [{"output_tokens": -5}, {"input_tokens": 10**30}, {"reasoning_tokens": -1}])
def test_impossible_counts_of_tokens_are_a_malformed_reply(counts: dict[str, int]) -> None:
    """They would buy requests beyond every budget, or end the benchmark."""
    from inspect_ai.model import ModelOutput, ModelUsage

    from sleuth.bench.inspect.faults import fault_of_output
    from sleuth.bench.inspect.run import _row

    output = ModelOutput.from_content("m", "A. x")
    output.usage = ModelUsage(input_tokens=3, output_tokens=4)
    assert fault_of_output(output) is None
    output.usage = output.usage.model_copy(update=counts)
    faulty = fault_of_output(output)
    assert faulty is not None and faulty.fault is Fault.MALFORMED
    row = _row("p", 0, output, faulty, 0.0)
    assert (row.prompt_tokens, row.new_tokens, row.outcome) == (0, 0, Outcome.FAULT)


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ("[bold]No key[/bold]\nfor openai", "No key for openai"),
        ("openai: bad path [/v1/models]", "openai: bad path [/v1/models]"),
    ],
)
def test_what_inspect_says_is_told_in_a_line(said: str, line: str) -> None:
    from sleuth.bench.inspect.run import _line

    assert _line(said) == line
