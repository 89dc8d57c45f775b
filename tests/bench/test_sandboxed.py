"""Mode `python` in a sandbox of Inspect's. No test needs Docker: Inspect's `local` takes its place, which runs the same
command with the same input, on programs of our own."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from sleuth.bench.suites import Item
from sleuth.errors import UserError
from sleuth.policy.prompts import ask
from sleuth.puzzles.generate import make_puzzle
from sleuth.puzzles.gold import gold_completion

inspect_ai = pytest.importorskip("inspect_ai")

ROOT = Path(__file__).parents[2]
PUZZLES = [make_puzzle("round-table", "1", "val", 3, index).puzzle for index in range(6)]


def printing(text: str) -> str:
    return f"```python\nprint({text!r})\n```"


def test_programs_run_in_the_samples_sandbox_within_the_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from inspect_ai.log import read_eval_log
    from inspect_ai.model import ModelOutput, ModelUsage, get_model

    from sleuth.bench.inspect import tasks
    from sleuth.grading import sandbox

    monkeypatch.setattr(sandbox, "SECONDS", 8)
    right = gold_completion(PUZZLES[0], "answer")
    written = [
        printing(right),
        "1 / 0",
        "print('x' * 70_000)",
        "import time; time.sleep(60)",
        "x = bytearray(3 << 30)",
        f"open({str(tmp_path / 'written')!r}, 'wb', 0).write(b'x')",
    ]
    by_message = {ask(puzzle, "python").user: text for puzzle, text in zip(PUZZLES, written, strict=True)}

    def say(conversation: Any, *others: Any) -> ModelOutput:
        output = ModelOutput.from_content("m", by_message[conversation[-1].text])
        output.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
        return output

    [log] = inspect_ai.eval(
        tasks.make_task([Item(puzzle, of=puzzle.id) for puzzle in PUZZLES], "python", sandbox="local"),
        model=get_model("mockllm/model", custom_outputs=say, memoize=False),
        display="none",
        log_level="critical",
        log_dir=str(tmp_path),
        ctl_server=False,
    )
    log = read_eval_log(log.location)
    assert log.status == "success", log.error
    said = {sample.id: sample.scores["deduction"] for sample in log.samples or [] if sample.scores}
    outcomes = [(said[puzzle.id].metadata or {})["outcome"] for puzzle in PUZZLES]
    assert outcomes == ["correct", "unreadable", "undecided", "undecided", "undecided", "unreadable"]
    details = [str(said[puzzle.id].explanation) for puzzle in PUZZLES]
    assert "ZeroDivisionError" in details[1] and details[2] == "the program wrote more than 64 KB"
    assert (
        details[3] == "the program took longer than 8 s"
        and "2048 MB of memory" in details[4]
        and "too large" in details[5]
    )


def test_only_docker_and_only_for_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    from sleuth.bench.inspect import tasks
    from sleuth.grading import sandbox

    with pytest.raises(UserError, match="sandbox=local: programs of models run in docker"):
        tasks.check_sandboxed("python", "local")
    with pytest.raises(UserError, match="is for mode python"):
        tasks.check_sandboxed("answer", "docker")
    monkeypatch.setattr(sandbox, "_unusable", lambda: "there is no bwrap here")
    with pytest.raises(UserError, match="under bubblewrap only"):
        tasks.puzzles(family="round-table", count=1, mode="python")
    task = tasks.puzzles(family="round-table", count=1, mode="python", sandbox="docker")
    assert task.sandbox is not None and task.sandbox.type == "docker"


def test_the_container_is_bounded_and_has_the_package_that_the_prompt_names() -> None:
    import yaml
    from inspect_ai.util._sandbox.compose import parse_compose_yaml

    from sleuth.bench.inspect.programs import COMPOSE

    parse_compose_yaml(str(COMPOSE))
    service = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]["default"]
    assert (service["network_mode"], service["read_only"], service["cap_drop"]) == ("none", True, ["ALL"])
    assert service["mem_limit"] == service["memswap_limit"] == "2g" and service["pids_limit"] == 256
    pinned = re.search(r"^ortools==(\S+)", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE)
    assert pinned and f"ortools=={pinned[1]}\n" in (COMPOSE.parent / "Dockerfile").read_text(encoding="utf-8")
