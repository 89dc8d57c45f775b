"""The task folder `integrations/lm_eval`: its functions, and the whole task in lm-evaluation-harness where that is
installed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import sleuth
from sleuth.errors import UserError
from sleuth.policy.prompts import ask
from sleuth.puzzles.gold import gold_completion
from tests.integrations.golden import EVERY, Golden
from tests.integrations.loading import load_file
from tests.integrations.loopback import answering

FOLDER = Path(__file__).parents[2] / "integrations" / "lm_eval"


@pytest.fixture(scope="module")
def task() -> ModuleType:
    """The file beside the YAML, loaded from its path as the harness does it."""
    return load_file(FOLDER / "task.py")


@pytest.mark.parametrize("golden", EVERY, ids=lambda golden: golden.note)
def test_process_results(golden: Golden, task: ModuleType) -> None:
    found = task.process_results({"puzzle": golden.puzzle, "mode": golden.mode}, [golden.completion])
    assert found == {"answers": pytest.approx(golden.reward), "strict": float(golden.strict)}


def test_documents(task: ModuleType, tmp_path: Path) -> None:
    pytest.importorskip("datasets", reason="documents are a data set of datasets, which is not installed: make lm-eval")
    puzzles = sleuth.make("zebra", level="1", count=2)
    sleuth.write_puzzles(tmp_path / "puzzles.jsonl", puzzles)
    rows = task.dataset(file=str(tmp_path / "puzzles.jsonl"), mode="program", version=1.0)["test"]
    asked = [ask(puzzle, "program") for puzzle in puzzles]
    assert rows["id"] == [puzzle.id for puzzle in puzzles]
    assert [(row["system"], row["prompt"]) for row in rows] == [(one.system, one.user) for one in asked]
    for row, puzzle in zip(rows, puzzles, strict=True):
        assert task.process_results(row, [gold_completion(puzzle, "program")]) == {"answers": 1.0, "strict": 1.0}


def test_without_a_file(task: ModuleType) -> None:
    pytest.importorskip("datasets", reason="documents are a data set of datasets, which is not installed: make lm-eval")
    with pytest.raises(UserError, match="name a file of puzzles"):
        task.dataset(version=1.0)


def test_in_the_harness(tmp_path: Path) -> None:
    """A model that always says the right answers to the first of two puzzles, by the harness's own evaluation."""
    lm_eval = pytest.importorskip("lm_eval", reason="lm-evaluation-harness is not installed here: make lm-eval")
    from lm_eval.api.model import LM
    from lm_eval.tasks import TaskManager

    puzzles = sleuth.make("temporal-clue", level="2", count=2)
    sleuth.write_puzzles(tmp_path / "puzzles.jsonl", puzzles)
    asked: list[str] = []

    class Scripted(LM):
        tokenizer_name = "scripted"

        def generate_until(self, requests, disable_tqdm=False):
            asked.extend(request.args[0] for request in requests)
            return [gold_completion(puzzles[0], "answer")] * len(requests)

        def apply_chat_template(self, chat_history, add_generation_prompt=True):
            return "".join(f"<{one['role']}>{one['content']}" for one in chat_history)

        def loglikelihood(self, requests):
            raise NotImplementedError

        loglikelihood_rolling = loglikelihood

    manager = TaskManager(include_path=str(FOLDER), metadata={"file": str(tmp_path / "puzzles.jsonl")})
    options = {"apply_chat_template": True, "bootstrap_iters": 0, "log_samples": True}
    found = lm_eval.simple_evaluate(Scripted(), tasks=["sleuth"], task_manager=manager, **options)
    requests = [ask(puzzle, "answer") for puzzle in puzzles]
    assert asked == [f"<system>{one.system}<user>{one.user}" for one in requests]
    scores = [sleuth.grade(puzzle, gold_completion(puzzles[0], "answer")) for puzzle in puzzles]
    assert scores[0].correct and not scores[1].correct
    assert found["results"]["sleuth"]["strict,none"] == 0.5
    assert found["results"]["sleuth"]["answers,none"] == pytest.approx((1.0 + scores[1].reward) / 2)


def test_the_command(tmp_path: Path) -> None:
    """The page's command, against a server on loopback that knows the answers to one of two puzzles."""
    pytest.importorskip("lm_eval", reason="lm-evaluation-harness is not installed here: make lm-eval")
    puzzles = sleuth.make("temporal-clue", level="2", count=2)
    sleuth.write_puzzles(tmp_path / "puzzles.jsonl", puzzles)
    known = {puzzle.prompt: gold_completion(puzzles[0], "answer") for puzzle in puzzles}
    with answering(known) as (url, asked):
        done = subprocess.run(
            [
                *(str(Path(sys.executable).parent / "lm_eval"), "run", "--include_path", str(FOLDER)),
                *("--tasks", "sleuth", "--apply_chat_template", "--output_path", str(tmp_path / "out")),
                *("--metadata", json.dumps({"file": str(tmp_path / "puzzles.jsonl"), "mode": "answer"})),
                *("--model", "local-chat-completions"),
                *("--model_args", f"model=any,base_url={url}/chat/completions,num_concurrent=1,max_retries=1"),
            ],
            capture_output=True,
            text=True,
            timeout=600,
            env=os.environ | {"HF_HUB_OFFLINE": "1"},
        )
    assert done.returncode == 0, done.stderr[-3000:]
    wanted = [ask(puzzle, "answer") for puzzle in puzzles]
    assert [[(one["role"], one["content"]) for one in request["messages"]] for request in asked] == [
        [("system", one.system), ("user", one.user)] for one in wanted
    ]
    assert {(request["temperature"], request["max_tokens"]) for request in asked} == {(0.0, 8192)}
    [written] = (tmp_path / "out").rglob("results_*.json")
    found = json.loads(written.read_text(encoding="utf-8"))["results"]["sleuth"]
    scores = [sleuth.grade(puzzle, gold_completion(puzzles[0], "answer")) for puzzle in puzzles]
    assert found["strict,none"] == 0.5
    assert found["answers,none"] == pytest.approx((1.0 + scores[1].reward) / 2)
