"""The command line, as people call it: exit codes, what is written where, one clear line for bad input.

Most calls run in this process, because a new one spends seconds on loading torch. What depends on a process (signals,
what the system is told on exit, hash seeds, what is imported) has one of its own.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sleuth import api
from sleuth.datasets.files import read_puzzles, write_puzzles
from sleuth.policy.base import Sampling
from sleuth.puzzles.registry import family_names, get_task
from sleuth.recipes import has_stages, load_recipe
from sleuth.recipes import keys as recipe_keys
from sleuth.runs.rows import EvaluationRow, read_parquet
from tests.commands import process, sleuth
from tests.puzzles.test_import import SMALL
from tests.tiny import tiny_folder

ROOT = Path(__file__).parent.parent
RECIPES = sorted((ROOT / "recipes").glob("*.toml"))
TRANSLATE = ROOT / "recipes" / "translate.toml"
GOLD = ("Ada Quick", "Pier", "Boat House", "Boat House")
"""Answers of the page `SMALL`."""
SMALL_RUN = {
    "sft.examples": "8",
    "sft.batch_size": "4",
    "grpo.steps": "2",
    "grpo.puzzles_per_step": "2",
    "grpo.samples": "4",
    "sampling.max_new_tokens": "8",
    "eval.count": "4",
    "eval.every": "1",
    "eval.every_count": "2",
    "checkpoint.every": "1",
    "model.dtype": "float32",
    "model.threads": "1",
}


def keys(**changed: str) -> list[str]:
    return [part for name, value in {**SMALL_RUN, **changed}.items() for part in (f"--{name}", value)]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model") / "tiny"
    tiny_folder(folder, words=True, max_position_embeddings=32768)
    return folder


@pytest.fixture(scope="module")
def puzzles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("puzzles") / "p.jsonl"
    done = sleuth("make", "temporal-clue", "--level", "1", "--count", "12", "--seed", "4", "--out", path)
    assert done.returncode == 0, done.stderr
    return path


def test_make_audit_show_solve_grade(puzzles: Path, tmp_path: Path) -> None:
    done = sleuth("audit", puzzles, "--minimal")
    assert (done.returncode, done.stdout) == (0, "12 of 12 puzzles are sound\n")

    first = read_puzzles(puzzles)[0]
    shown = sleuth("show", puzzles, "--solution").stdout
    assert first.prompt in shown and "the murderer and the murder weapon" in shown

    hidden, solved = tmp_path / "hidden.svg", tmp_path / "solved.svg"
    assert sleuth("show", puzzles, "--board", hidden).stdout == ""
    sleuth("show", puzzles, "--board", solved, "--solution")
    assert hidden.read_text().startswith("<svg ") and "★" in solved.read_text() and "★" not in hidden.read_text()
    refused = sleuth("show", puzzles, "--board", tmp_path / "board.png")
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1) and ".svg" in refused.stderr

    (tmp_path / "case.txt").write_text(first.prompt)
    answers = [f"{letter}. {answer}" for letter, answer in first.answers.items()]
    assert sleuth("solve", tmp_path / "case.txt").stdout.splitlines()[: len(answers)] == answers
    assert process("solve", given=first.prompt).stdout.splitlines()[: len(answers)] == answers

    (tmp_path / "c.jsonl").write_text(json.dumps({"id": first.id, "completion": "\n".join(answers)}) + "\n")
    done = sleuth("grade", puzzles, tmp_path / "c.jsonl")
    assert json.loads(done.stdout)["outcome"] == "correct"
    assert "100.0% of answers right" in done.stderr
    original = json.loads(sleuth("grade", puzzles, tmp_path / "c.jsonl", "--original").stdout)
    assert original["right"].keys() == first.answers.keys()
    reasoned = json.loads(sleuth("grade", puzzles, tmp_path / "c.jsonl", "--mode", "reason").stdout)
    assert reasoned["outcome"] == "correct" and reasoned["spans"] == []
    for line in ('{"id": [], "completion": ""}', '{"id": "x", "completion": ""}', "[]"):
        (tmp_path / "bad.jsonl").write_text(line)
        refused = sleuth("grade", puzzles, tmp_path / "bad.jsonl")
        assert refused.returncode == 2 and len(refused.stderr.splitlines()) == 1


def test_explain(puzzles: Path) -> None:
    numbered = sleuth("explain", puzzles, "--number", "2")
    assert numbered.returncode == 0 and numbered.stdout.startswith("1. ") and "[clue " in numbered.stdout
    assert re.search(r"\nsteps: \d+; most clues in a step: \d+; ", numbered.stdout)
    short = sleuth("explain", puzzles, "--telling", "short", "--goal", "questions", "--optimal")
    assert short.returncode == 0 and "So: " in short.stdout
    assert sleuth("explain", puzzles, "--number", "99").returncode == 2


def test_difficulty_and_remarks(tmp_path: Path) -> None:
    order = ["make", "temporal-clue", "--level", "2", "--style", "original", "--seed", "31", "--count", "1"]
    plain, rated = tmp_path / "plain.jsonl", tmp_path / "rated.jsonl"
    assert sleuth(*order, "--out", plain).returncode == 0
    made = sleuth(*order, "--difficulty", "--out", rated)
    assert made.returncode == 0, made.stderr
    [before], [after] = read_puzzles(plain), read_puzzles(rated)
    assert set(after.meta["difficulty"]) == {"steps", "largest", "several", "depth"}
    assert after.model_copy(update={"meta": before.meta}) == before and "difficulty" not in before.meta
    (tmp_path / "one.json").write_text(
        json.dumps([{"prompt": SMALL, "solution": dict(zip("ABCD", GOLD, strict=True))}])
    )
    assert sleuth("import", "temporal-clue", tmp_path / "one.json", "--out", tmp_path / "one.jsonl").returncode == 0
    done = sleuth("audit", tmp_path / "one.jsonl")
    assert done.returncode == 0 and "remark: read with an inclusive “or”" in done.stdout
    assert "1 leave several worlds, 1 also several answers" in done.stdout


def test_made_files_do_not_depend_on_hash_seed_or_workers(tmp_path: Path) -> None:
    contents = set()
    for number, workers in enumerate((1, 2)):
        out = tmp_path / f"{number}.jsonl"
        order = ["make", "zebra", "--level", "2", "--count", "16", "--style", "mixed", "--workers", str(workers)]
        subprocess.run(
            [sys.executable, "-m", "sleuth", *order, "--out", str(out)],
            check=True,
            capture_output=True,
            env={**os.environ, "PYTHONHASHSEED": str(number)},
        )
        contents.add(out.read_bytes())
    assert len(contents) == 1


def test_retell(puzzles: Path, tmp_path: Path) -> None:
    out = tmp_path / "twins.jsonl"
    assert sleuth("retell", puzzles, "--style", "witness", "--names", "5", "--out", out).returncode == 0
    before, after = read_puzzles(puzzles), read_puzzles(out)
    assert [twin.id for twin in after] == [puzzle.id for puzzle in before]
    assert {twin.meta["style"] for twin in after} == {"witness"}
    assert all(twin.clues != puzzle.clues for twin, puzzle in zip(after, before, strict=True))


def test_an_audit_that_finds_something_exits_with_1(puzzles: Path, tmp_path: Path) -> None:
    record = json.loads(puzzles.read_text().splitlines()[0])
    letter, answer = next(iter(record["answers"].items()))
    choices = next(q["choices"] for q in record["questions"] if q["letter"] == letter)
    record["answers"][letter] = next(choice for choice in choices if choice != answer)
    (tmp_path / "wrong.jsonl").write_text(json.dumps(record))
    done = process("audit", tmp_path / "wrong.jsonl")
    assert done.returncode == 1
    assert "0 of 1 puzzle is sound" in done.stdout


def test_play(puzzles: Path) -> None:
    puzzle = read_puzzles(puzzles)[0]
    lines = ["hint", "", "nobody at all", *puzzle.answers.values()]
    done = sleuth("play", "--file", puzzles, given="\n".join(lines) + "\n")
    assert done.returncode == 0
    restated = [f": {clue[:-1].lower()}." for clue in puzzle.clues]
    assert "By clue" in done.stdout and not any(text in done.stdout.lower() for text in restated)
    assert "That is none of" in done.stdout and "One of:" in done.stdout and "Case closed." in done.stdout
    assert "you said nothing" in sleuth("play", "--level", "1", "--seed", "3", given="").stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["mke"], "Did you mean"),
        (["make", "temporal-cleu", "--out", "x.jsonl"], "did you mean 'temporal-clue'"),
        (["make", "zebra", "--level", "9", "--out", "x.jsonl"], "no level '9'"),
        (["make", "zebra", "--split", "trian", "--out", "x.jsonl"], "did you mean 'train'"),
        (["make", "zebra", "--style", "tersse", "--out", "x.jsonl"], "did you mean 'terse'"),
        (["make", "zebra", "--count", "0", "--out", "x.jsonl"], "ask for 1 to"),
        (["make", "zebra", "--count", "many", "--out", "x.jsonl"], "--count"),
        (["make", "zebra", "--out", "x.csv"], ".jsonl or .parquet"),
        (["make", "zebra", "--workers", "-2", "--out", "x.jsonl"], "0 for one per core"),
        (["make", "zebra", "--out", "no/such/folder/x.jsonl"], "no such folder"),
        (["audit", "missing.jsonl"], "no such file"),
        (["show", "missing.jsonl"], "no such file"),
        (["retell", "missing.jsonl", "--names", "1", "--out", "x.jsonl"], "no such file"),
        (["retell", "missing.jsonl", "--out", "x.jsonl"], "say what is to change"),
        (["solve", "missing.txt"], "no such file"),
        (["import", "temporal-clu", "x.json", "--out", "x.jsonl"], "did you mean 'temporal-clue'"),
        (["report", "missing"], "no run here"),
        (["train"], "name a recipe"),
        (["train", "missing.toml"], "no such recipe"),
        (["train", "--resume", "missing"], "no run here"),
        (["train", str(TRANSLATE), "--grpo.setps", "3"], "did you mean 'grpo.steps'"),
        (["train", str(TRANSLATE), "--puzzles.family", "zebar"], "did you mean 'zebra'"),
        (["train", str(TRANSLATE), "--sampling.top_p", "0.9"], "would bias the ratio"),
        (["train", str(TRANSLATE), "--device", "gpu"], "unknown device 'gpu'"),
        (["train", str(TRANSLATE), "--device", "cuda:99"], "not available"),
        (["train", "--resume", "missing", "--device", "cpu"], "the run's own settings"),
        (["eval", "--device", "gpu", "--count", "1"], "unknown device 'gpu'"),
        (["eval", "--count", "1", "--top-p", "0.9"], "without a temperature"),
        (["eval", "--count", "1", "--max-new-tokens", "0"], "at least one token"),
        (["eval", "--count", "1", "--mode", "program", "--retries", "-1"], "--retries -1"),
        (["eval", "--count", "1", "--mode", "answer", "--retries", "1"], "--retries is for modes program and reason"),
        (["eval", "--count", "1", "--clues-at-a-time", "2"], "--clues-at-a-time is for mode program"),
        (["eval", "--count", "1", "--mode", "reason", "--constrain"], "--constrain is for modes program and answer"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(arguments: list[str], said: str, tmp_path: Path) -> None:
    done = sleuth(*arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert list(tmp_path.iterdir()) == []


def test_files_that_are_none_are_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "folder.jsonl").mkdir()
    (tmp_path / "deep.json").write_text("[" * 10**5)
    (tmp_path / "empty.json").write_text("[]")
    for arguments, said in (
        (["make", "zebra", "--out", "folder.jsonl"], "folder.jsonl is a folder"),
        (["import", "temporal-clue", "deep.json", "--out", "x.jsonl"], "deep.json: not a JSON file"),
        (["import", "temporal-clue", "empty.json", "--out", "x.jsonl"], "not a list of puzzles, or an empty one"),
    ):
        done = sleuth(*arguments, cwd=tmp_path)
        assert done.returncode == 2 and said in done.stderr and len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert not (tmp_path / "x.jsonl").exists()


def test_a_terminal_that_knows_ascii_only(tmp_path: Path) -> None:
    write_puzzles(tmp_path / "p.jsonl", api.make("temporal-clue", level="1", style="original"))
    [puzzle] = read_puzzles(tmp_path / "p.jsonl")
    assert not puzzle.prompt.isascii()
    called = [sys.executable, "-m", "sleuth"]
    ascii_only = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    shown = subprocess.run(
        [*called, "show", str(tmp_path / "p.jsonl")], capture_output=True, env=ascii_only, check=True
    )
    assert b"\\u2022" in shown.stdout and not shown.stderr
    for text, code in ((puzzle.prompt.encode("utf-8-sig"), 0), (puzzle.prompt.encode("utf-16"), 2)):
        solved = subprocess.run([*called, "solve", "-"], input=text, capture_output=True, env=ascii_only)
        assert solved.returncode == code, solved.stderr
        assert solved.stdout.startswith(b"A. ") if code == 0 else solved.stderr.count(b"\n") == 1


@pytest.mark.parametrize("verb", ["show", "explain", "retell"])
def test_errors_about_a_page_name_the_puzzle(verb: str, tmp_path: Path) -> None:
    [puzzle] = api.make("zebra", level="1")
    broken = puzzle.model_copy(update={"prompt": puzzle.prompt + "\nNobody lies."})
    write_puzzles(tmp_path / "p.jsonl", [broken])
    out = ["--out", tmp_path / "q.jsonl", "--style", "terse"] if verb == "retell" else []
    done = sleuth(verb, tmp_path / "p.jsonl", *out)
    assert done.returncode == 2
    assert puzzle.id in done.stderr and "Nobody lies." in done.stderr and done.stderr.count("\n") == 1


def test_solve_refuses_what_is_no_case() -> None:
    done = process("solve", given="Once upon a time")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)


def test_a_model_folder_without_weights_is_refused_and_the_run_can_go_on(tmp_path: Path, model: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "config.json").write_text((model / "config.json").read_text())
    done = sleuth("train", TRANSLATE, *keys(**{"model.name": str(empty)}), "--out", tmp_path / "run")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr and str(empty) in done.stderr.splitlines()[-1]


def test_a_run_that_does_not_fit_into_memory_is_refused_and_leaves_nothing(tmp_path: Path, model: Path) -> None:
    settings = keys(**{"model.name": str(model), "model.memory_gb": "0.2"})
    done = sleuth("train", TRANSLATE, *settings, "--out", tmp_path / "run")
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1 and "raise --model.memory_gb" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_what_is_decided_at_the_start_is_kept(tmp_path: Path, model: Path) -> None:
    """Measured, written down, and used again, whatever a resumed run would measure."""
    settings = keys(**{"model.name": str(model), "model.dtype": "auto", "model.threads": "0", "grpo.steps": "0"})
    done = sleuth("train", TRANSLATE, *settings, "--device", "cpu", "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    assert "memory: about" in done.stderr
    text = (tmp_path / "run" / "config.json").read_text()
    decided = json.loads(text)["model"]
    assert decided["device"] == "cpu" and decided["dtype"] in ("bfloat16", "float32") and decided["threads"] >= 1
    for file in (tmp_path / "run" / "model").iterdir():
        file.unlink()
    done = sleuth("train", "--resume", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    assert f"{decided['dtype']}, {decided['threads']} threads, cpu" in done.stderr
    assert (tmp_path / "run" / "config.json").read_text() == text


def run_files(run: Path) -> dict[str, bytes]:
    """All that equal runs have in common, byte for byte."""
    names = ["metrics.jsonl", "model/model.safetensors", *(f"rollouts/grpo_{step:06d}.parquet" for step in (1, 2))]
    return {name: (run / name).read_bytes() for name in names}


def made_small(recipe: Path, folder: Path, level: str = "2") -> Path:
    """A copy, beside copies of what it may extend, with a low level in the place of higher ones: a tiny model's tokens
    are bytes, and high levels' pages have thousands."""
    for path in RECIPES:
        (folder / path.name).write_text(re.sub(r'level = "(reference|[2-5])"', f'level = "{level}"', path.read_text()))
    return folder / recipe.name


@pytest.mark.parametrize(("recipe", "stage"), [("translate-varied", "varied-mean"), ("translate-2025", "unseen")])
def test_pipelines_run(recipe: str, stage: str, tmp_path: Path, model: Path) -> None:
    small, out = made_small(ROOT / "recipes" / f"{recipe}.toml", tmp_path, "1"), tmp_path / "out"
    chosen = {"model.name": str(model), "sft.examples": "4", "grpo.steps": "0", "eval.every": "0"}
    done = sleuth("train", small, *keys(**chosen), "--out", out, "--stage", stage)
    assert done.returncode == 0, done.stderr
    assert (out / stage / "model" / "model.safetensors").exists()
    assert (out / "model").exists() == (stage == "varied-mean")
    assert f"overview: {out / 'overview.md'}" in done.stderr
    refused = sleuth("train", small, *keys(**chosen | {"sft.examples": "8"}), "--out", out, "--stage", stage)
    assert refused.returncode == 2 and "was made with sft.examples 4, where it says 8 now" in refused.stderr


@pytest.mark.parametrize("recipe", [path for path in RECIPES if not has_stages(path)], ids=lambda path: path.stem)
def test_recipes_run(recipe: Path, tmp_path: Path, model: Path) -> None:
    run = tmp_path / "run"
    nano = load_recipe(recipe).model.kind == "nano"
    chosen = {"model.hidden": "32", "model.heads": "2", "model.layers": "1"} if nano else {"model.name": str(model)}
    if load_recipe(recipe).grpo.updates_per_batch > 2:
        chosen["grpo.updates_per_batch"] = "2"
    if load_recipe(recipe).engine.kind == "trl":  # `tests/integrations/test_trl.py` trains on TRL
        chosen |= {"engine.kind": "sleuth", "engine.processes": "1", "engine.batch_size": "0"}
    if load_recipe(recipe).sft.file:
        (tmp_path / "distilled.jsonl").write_text(json.dumps({"system": "", "user": "Who?", "completion": "A. Ada"}))
        chosen["sft.file"] = str(tmp_path / "distilled.jsonl")
    done = sleuth("train", made_small(recipe, tmp_path), *keys(**chosen), "--out", run)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    steps = [(line["phase"], line["step"]) for line in lines]
    assert [step for step in steps if step[0] == "sft"] == [("sft", 1), ("sft", 2)]
    assert [step for step in steps if step[0] == "grpo"] == [("grpo", 1), ("grpo", 2)]
    assert [step for step in steps if step[0] == "eval"] == [("eval", 0), ("eval", 1), ("eval", 2)]
    names = {path.stem for path in (run / "evaluations").glob("*.parquet")}
    assert names == {"before", "after-sft", "after-grpo", "guessing", "solver"}
    assert "<html" in (run / "report.html").read_text()
    if recipe == TRANSLATE:  # going on with a finished run, whatever its settings, writes its report and nothing else
        before = run_files(run)
        assert sleuth("train", "--resume", run).returncode == 0
        assert run_files(run) == before


def test_a_run_stopped_by_ctrl_c_ends_with_the_same_bytes(tmp_path: Path, model: Path) -> None:
    """`tests/training/test_killed.py` kills runs."""
    recipe = ROOT / "recipes" / "translate.toml"
    knobs = {"grpo.kl": "0.01", "reward.spans": "0.5", "sampling.token_budget": "1"}
    settings = keys(**{"model.name": str(model)}, **knobs)
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    assert sleuth("train", recipe, *settings, "--out", whole).returncode == 0
    command = [sys.executable, "-m", "sleuth", "train", str(recipe), *settings, "--out", str(stopped)]
    # A shell's background job ignores Ctrl-C, and so would its children. Setting it back by preexec_fn could hang: this
    # process has threads.
    listening = (
        "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])"
    )
    running = subprocess.Popen([sys.executable, "-c", listening, *command], stderr=subprocess.PIPE, text=True)
    try:
        deadline_s = time.monotonic() + 300
        while not (stopped / "rollouts" / "grpo_000001.parquet").exists():
            assert running.poll() is None and time.monotonic() < deadline_s
            time.sleep(0.01)
        running.send_signal(signal.SIGSTOP)
        refused = sleuth("train", "--resume", stopped)
        assert refused.returncode == 2 and "another process is training this run" in refused.stderr
        running.send_signal(signal.SIGINT)
        running.send_signal(signal.SIGCONT)
        _, said = running.communicate(timeout=300)
    finally:
        running.kill()  # which does nothing to one that has ended
    assert running.returncode == 130, said
    assert "Traceback" not in said
    done = sleuth("train", "--resume", stopped)
    assert done.returncode == 0, done.stderr
    assert run_files(stopped) == run_files(whole)


def test_a_fork_goes_on_from_the_best_step_and_knows_its_parent(tmp_path: Path, model: Path) -> None:
    parent, child = tmp_path / "parent", tmp_path / "child"
    settings = {"model.name": str(model), "checkpoint.best": "reward", "checkpoint.keep_every": "1"}
    assert sleuth("train", TRANSLATE, *keys(**settings), "--out", parent).returncode == 0
    kept = sorted(path.name for path in (parent / "checkpoints").iterdir())
    assert kept == [f"step_{step:06d}" for step in range(1, 5)]
    done = sleuth("fork", parent, "--step", "3", "--out", child, "--grpo.entropy", "0.5")
    assert done.returncode == 0, done.stderr
    refused = sleuth("fork", parent, "--out", parent / "config.json" / "child")
    assert refused.returncode == 2 and "config.json is a file" in refused.stderr
    told = json.loads((child / "parent.json").read_text())
    assert told["step"] == 3 and told["changed"] == {"grpo.entropy": "0.5"}
    of_parent, of_child = (
        [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()] for run in (parent, child)
    )
    assert of_child[:4] == of_parent[:4] and len(of_child) == len(of_parent)
    weights = [(run / "model" / "model.safetensors").read_bytes() for run in (parent, child)]
    assert weights[0] != weights[1]
    assert "continues from step 3 of the run translate" in (child / "report.html").read_text()
    held = tmp_path / "held"
    done = sleuth("fork", parent, "--step", "3", "--out", held, "--sampling.constrain", "true")
    assert done.returncode == 0, done.stderr
    kept = [{path.name for path in (run / "evaluations").glob("*.parquet")} for run in (parent, child, held)]
    assert "before.parquet" in kept[0] & kept[1] and "before.parquet" not in kept[2], "made free, it tells nothing here"
    assert "after-grpo.parquet" in kept[2]
    early = tmp_path / "early"
    done = sleuth(
        "fork", parent, "--step", "1", "--out", early, "--optimizer.weight_decay", "0.5", "--model.threads", "1"
    )
    assert done.returncode == 0, done.stderr
    assert "after-sft: " in done.stderr, "the rest of the warm start was another"
    for arguments, said in (
        (["--step", "77"], "step 77 is not kept; there are"),
        (["--step", "first"], "last, best, or one of"),
        (["--step", "²"], "last, best, or one of"),
        (["--sft.examples", "4"], "bound to it"),
        (["--grpo.setps", "4"], "did you mean 'grpo.steps'"),
        (["--optimizer.learning_rate", "1e-6"], "two keys: sft.learning_rate"),
        (["--grpo.steps", "1"], "is step 4, of 3 in all; set --grpo.steps to 2 or more"),
        (["--puzzles.level", "99"], "level"),
        (["--weights.freeze", "*embed_tokns*"], "weights.freeze *embed_tokns* matches no parameter"),
    ):
        refused = sleuth("fork", parent, "--out", tmp_path / "other", *arguments)
        assert refused.returncode == 2 and said in refused.stderr and len(refused.stderr.splitlines()) == 1
        assert not (tmp_path / "other").exists()


def test_folders_that_cannot_be_made_are_refused_before_the_work(tmp_path: Path) -> None:
    """A file stands in the way: no model is loaded or asked for, which here would fail for another reason."""
    taken = tmp_path / "taken"
    taken.write_text("a file", encoding="utf-8")
    inside = taken / "deeper" / "folder"
    for arguments in (
        ("train", TRANSLATE, "--model.name", "no/model", "--out", inside),
        ("train", ROOT / "recipes" / "nano.toml", "--out", inside),
        ("average", "no/model", "no/model", "--out", inside),
        ("study", ROOT / "recipes" / "studies" / "kl.toml", "--out", inside),
        ("study", ROOT / "recipes" / "studies" / "kl.toml", "--out", tmp_path / "runs", "--results", inside),
        ("demo", "--out", inside),
        ("bench", "guessing", "--out", inside),
    ):
        refused = sleuth(*arguments)
        assert refused.returncode == 2 and f"{taken} is a file" in refused.stderr, (arguments, refused)
        assert refused.stderr.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["taken"]


def test_a_study_makes_its_runs_once_and_writes_a_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sleuth.policy.nano.PUZZLES", 60)
    small = {name: value for name, value in SMALL_RUN.items() if name != "model.dtype"} | {
        "model.hidden": "32",
        "model.heads": "2",
    }
    recipe = tmp_path / "nano.toml"
    recipe.write_text('mode = "reason"\nmodel.kind = "nano"\npuzzles.style = "terse"\n')
    lines = ['name = "tiny"', 'question = "Does it?"', f'recipe = "{recipe}"', "seeds = [0, 1]"]
    lines += ["[set]", *(f'"{name}" = {value}' for name, value in small.items()), '"model.dtype" = "float32"']
    lines += ["[arms.none]", '"grpo.kl" = 0.0', '[arms."0.01"]', '"grpo.kl" = 0.01']
    file = tmp_path / "tiny.toml"
    file.write_text("\n".join(lines))
    made = ["--out", tmp_path / "runs", "--results", tmp_path / "results"]
    done = sleuth("study", file, "--seed", "1", *made)
    assert done.returncode == 0 and "1 of 2 seeds have a finished run of every arm" in done.stderr
    table = (tmp_path / "results" / "tiny.md").read_text()
    assert "One seed per arm, of 2 planned (a probe, not a finding)" in table and "puzzle by puzzle" in table
    assert "would be detected with 2 seeds and 80 % power" in table
    refused = sleuth("study", file, "--seed", "2", *made)
    assert refused.returncode == 2 and "--seed 2" in refused.stderr and len(refused.stderr.splitlines()) == 1
    done = sleuth("study", file, *made)
    assert done.returncode == 0, done.stderr
    assert "would be detected with 80 % power" in done.stderr
    table = (tmp_path / "results" / "tiny.md").read_text()
    assert "| none (grpo.kl 0.0) |" in table and "2 seeds per arm. All" in table
    assert "Differences from none, seed by seed, with 95 % intervals (Student's t over 2 seeds):" in table
    assert (tmp_path / "results" / "tiny-strict.svg").read_text().startswith("<svg")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").rglob("metrics.jsonl")}
    assert len(before) == 2 * 3  # two seeds: a warm start and two arms
    assert "| warm start of none, 0.01 |" in table and "| guessing |" in table
    alone = {**small, "model.dtype": "float32", "grpo.kl": "0.01", "seed": "1", "puzzles.seed": "1"}
    arguments = [text for name, value in alone.items() for text in (f"--{name}", str(value).strip('"'))]
    done = sleuth("train", recipe, "--out", tmp_path / "alone", *arguments)
    assert done.returncode == 0, done.stderr
    for name in ("metrics.jsonl", "model/model.safetensors"):  # sharing the warm start changes no bit
        assert (tmp_path / "alone" / name).read_bytes() == (tmp_path / "runs" / "0.01-1" / name).read_bytes()
    assert sleuth("study", file, *made).returncode == 0
    assert {path: path.stat().st_mtime_ns for path in before} == before
    file.write_text("\n".join(lines).replace("seeds = [0, 1]", "seeds = [1]"))
    assert sleuth("study", file, *made).returncode == 0
    table = (tmp_path / "results" / "tiny.md").read_text()
    assert "One seed per arm (a probe, not a finding)" in table and "Differences from none, puzzle by puzzle" in table
    file.write_text("\n".join(lines).replace('"grpo.kl" = 0.01', '"grpo.kl" = 0.02'))
    refused = sleuth("study", file, *made)
    assert refused.returncode == 2 and "0.01-0 was made with grpo.kl 0.01, where it says 0.02 now" in refused.stderr
    file.write_text("\n".join(lines).replace("grpo.kl", "grpo.kk"))
    refused = sleuth("study", file)
    assert refused.returncode == 2 and "did you mean 'grpo.kl'" in refused.stderr


def test_average_writes_a_model_that_loads(puzzles: Path, model: Path, tmp_path: Path) -> None:
    mean = tmp_path / "mean"
    made = sleuth("average", model, model, "--out", mean)
    assert made.returncode == 0 and "mean of 2 models" in made.stderr, made.stderr
    assert sleuth("ask", puzzles, "--model", mean, "--max-new-tokens", "4").returncode == 0
    refused = sleuth("average", model, model, "--out", mean)
    assert refused.returncode == 2 and "there already" in refused.stderr
    refused = sleuth("average", model, tmp_path / "none", "--out", tmp_path / "other")
    assert refused.returncode == 2 and "no model folder" in refused.stderr and not (tmp_path / "other").exists()


@pytest.mark.parametrize("more", [(), ("--top-k", "5")])
def test_distill_samples_at_temperature_one(more: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """Another option of sampling beside it does not make it greedy."""
    from sleuth import commands
    from sleuth.cli import app

    found: list[Sampling] = []
    monkeypatch.setattr(commands, "distill_model", lambda *given: found.append(given[5]))
    app(["distill", "--count", "1", "--out", "unused.jsonl", *more], result_action="return_value")
    assert [how.temperature for how in found] == [1.0]


def test_distill_keeps_what_is_right(puzzles: Path, model: Path, tmp_path: Path) -> None:
    out = tmp_path / "d.jsonl"
    asked = ["--model", model, "--max-new-tokens", "4", "--samples", "2", "--count", "2", "--out", out]
    refused = sleuth("distill", *asked)  # a model that knows nothing
    assert refused.returncode == 2 and "none of 4 completions is right" in refused.stderr and not out.exists()
    held_out = tmp_path / "test.jsonl"
    assert sleuth("make", "zebra", "--split", "test", "--count", "2", "--out", held_out).returncode == 0
    refused = sleuth("distill", *asked, "--file", held_out)
    assert refused.returncode == 2 and "which models are measured on" in refused.stderr
    refused = sleuth("distill", *asked, "--keep", "-1")
    assert refused.returncode == 2 and "--keep -1: keep 1 or more" in refused.stderr


def test_eval_and_ask(puzzles: Path, model: Path, tmp_path: Path) -> None:
    out = tmp_path / "e.parquet"
    done = sleuth("eval", "--model", model, "--file", puzzles, "--max-new-tokens", "4", "--out", out)
    assert done.returncode == 0, done.stderr
    assert "guessing" in done.stdout and "solver" in done.stdout and "100.0%" in done.stdout
    assert out.exists()
    done = sleuth("ask", puzzles, "--model", model, "--max-new-tokens", "4")
    assert done.returncode == 0, done.stderr
    assert re.search(r"^--- (truncated|unreadable)\b.* \(4 tokens\) ---$", done.stdout, re.MULTILINE), done.stdout
    assert "2025" not in done.stdout and "by difficulty" not in done.stdout
    drawn = ["--temperature", "1", "--top-k", "5", "--top-p", "0.9", "--device", "cpu"]
    done = sleuth("ask", puzzles, "--model", model, "--max-new-tokens", "4", *drawn)
    assert done.returncode == 0, done.stderr
    done = sleuth("eval", "--model", model, "--file", puzzles, "--max-new-tokens", "4", "--samples", "2", *drawn)
    assert done.returncode == 0, done.stderr


def test_eval_and_ask_constrained(puzzles: Path, model: Path, tmp_path: Path) -> None:
    """A model that was never trained: nothing it writes can be read, unless a grammar holds it."""
    out = tmp_path / "e.parquet"
    options = ["--model", model, "--max-new-tokens", "400", "--constrain"]
    done = sleuth("eval", *options, "--file", puzzles, "--out", out)
    assert done.returncode == 0, done.stderr
    rows = read_parquet(EvaluationRow, out)
    assert {row.stop for row in rows} == {"end"} and all(None not in row.answers.values() for row in rows)
    done = sleuth("ask", puzzles, *options)
    assert done.returncode == 0, done.stderr
    assert rows[0].completion in done.stdout and "it said nothing" not in done.stdout
    done = sleuth("ask", puzzles, *options, "--mode", "reason")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)


def test_eval_of_pages_of_2025_with_difficulty(model: Path, tmp_path: Path) -> None:
    file = tmp_path / "p.jsonl"
    order = ["make", "temporal-clue", "--level", "1", "--style", "original", "--count", "4", "--difficulty"]
    assert sleuth(*order, "--out", file).returncode == 0
    options = ["--model", model, "--file", file, "--max-new-tokens", "2"]
    done = sleuth("eval", *options)
    assert done.returncode == 0, done.stderr
    told = " ".join(done.stdout.split())
    assert "4 pages of the format of 2025, as its grader held the answers" in told
    assert "puzzles solved, by difficulty" in told
    done = sleuth("eval", *options, "--mode", "program")
    assert done.returncode == 0 and "2025" not in done.stdout and "by difficulty" in done.stdout


def test_eval_and_ask_again(puzzles: Path, model: Path, tmp_path: Path) -> None:
    out = tmp_path / "e.parquet"
    options = ["--model", model, "--mode", "program", "--max-new-tokens", "4", "--retries", "2"]
    done = sleuth("eval", *options, "--file", puzzles, "--out", out)
    assert done.returncode == 0, done.stderr
    assert "2 retries at most" in done.stdout and "0.0% [0.0%, 24.2%]" in done.stdout  # Wilson's interval of 0 of 12
    assert "asked again      │ 100.0% [75.8%, 100.0%]" in done.stdout
    assert "solved by turn 3 │ 0.0% [0.0%, 24.2%]" in done.stdout and "by turn 4" not in done.stdout
    rows = read_parquet(EvaluationRow, out)
    assert [len(row.turns) for row in rows] == [2] * 12 and all(row.length_tokens > 4 for row in rows)
    done = sleuth("ask", puzzles, *options)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("--- asked again: Line 1: ") == 2 and "it said nothing" in done.stdout
    done = sleuth("ask", puzzles, "--model", model, "--retries", "1")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)


def test_eval_in_parts(puzzles: Path, model: Path, tmp_path: Path) -> None:
    lengths = {}
    for most in ("0", "1", "1000"):
        out = tmp_path / f"{most}.parquet"
        options = ["--model", model, "--mode", "program", "--max-new-tokens", "4", "--clues-at-a-time", most]
        done = sleuth("eval", *options, "--file", puzzles, "--out", out)
        assert done.returncode == 0, done.stderr
        lengths[most] = [row.length_tokens for row in read_parquet(EvaluationRow, out)]
    clues = [len(puzzle.clues) for puzzle in read_puzzles(puzzles)]
    assert lengths["0"] == lengths["1000"] == [4] * 12  # a model that knows nothing never comes to an end
    assert lengths["1"] == [4 * count for count in clues]


@pytest.mark.skipif(importlib.util.find_spec("reasoning_gym") is None, reason="needs the extra gym")
def test_tasks_of_another_library(model: Path, tmp_path: Path) -> None:
    file, family = tmp_path / "sums.jsonl", "reasoning-gym/chain_sum"
    done = sleuth("make", family, "--count", "6", "--split", "test", "--out", file)
    assert done.returncode == 0, done.stderr
    puzzles = read_puzzles(file)
    again = tmp_path / "again.parquet"
    assert sleuth("make", family, "--count", "6", "--split", "test", "--workers", "1", "--out", again).returncode == 0
    assert read_puzzles(again) == puzzles

    said = [f"A. {puzzle.answers['A']}" for puzzle in puzzles[:2]] + ["A. x", "no idea"]
    completions = tmp_path / "c.jsonl"
    lines = [{"id": one.id, "completion": text} for one, text in zip(puzzles, said, strict=False)]
    completions.write_text("".join(json.dumps(line) + "\n" for line in lines))
    done = sleuth("grade", file, completions, "--mode", "reason")
    assert done.returncode == 0, done.stderr
    outcomes = [json.loads(line)["outcome"] for line in done.stdout.splitlines()]
    assert outcomes == ["correct", "correct", "wrong", "unreadable"]

    shown = sleuth("show", file, "--number", "5", "--solution")
    assert shown.stdout == f"{puzzles[5].id}\n\n{puzzles[5].prompt}\n\nSolution\nA. {puzzles[5].answers['A']}\n"
    done = sleuth("ask", file, "--model", model, "--max-new-tokens", "4")
    assert done.returncode == 0 and "--- truncated: no answer line" in done.stdout, done.stderr
    out = tmp_path / "e.parquet"
    asked = ["--model", model, "--family", family, "--count", "3", "--max-new-tokens", "4"]
    done = sleuth("eval", *asked, "--out", out)
    assert done.returncode == 0 and "100.0%" in done.stdout, done.stderr
    assert [row.gold for row in read_parquet(EvaluationRow, out)] == [puzzle.answers for puzzle in puzzles[:3]]

    for refused, words in (
        (["audit", file], "has no clues and rules"),
        (["explain", file], "has no clues and rules"),
        (["play", "--file", file], "has no clues and rules"),
        (["retell", file, "--names", "1", "--out", tmp_path / "r.jsonl"], "has no clues and rules"),
        (["grade", file, completions, "--mode", "program"], "take mode answer or reason"),
        (["grade", file, completions, "--original"], "leave out --original"),
        (["ask", file, "--model", model, "--mode", "program"], "take mode answer or reason"),
        (["make", "reasoning-gym/chain_sums", "--out", tmp_path / "n.jsonl"], "did you mean 'reasoning-gym/chain_sum'"),
        (["make", family, "--level", "2", "--out", tmp_path / "n.jsonl"], "known: default"),
        (["solve", file], "no puzzle page"),
    ):
        done = sleuth(*refused)
        assert done.returncode == 2 and words in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr


@pytest.mark.skipif(importlib.util.find_spec("reasoning_gym") is None, reason="needs the extra gym")
def test_training_on_tasks_of_another_library(model: Path, tmp_path: Path) -> None:
    """A mixture of a task, answered in parts, and of a family of ours."""
    recipe, run = tmp_path / "mixed.toml", tmp_path / "run"
    sources = "".join(
        f'[[puzzles.mixture]]\nfamily = "{family}"\nlevel = "{level}"\nstyle = "plain"\n'
        for family, level in (("reasoning-gym/spell_backward", "default"), ("zebra", "1"))
    )
    recipe.write_text(f'name = "mixed"\nmode = "answer"\n{sources}')
    done = sleuth("train", recipe, "--out", run, *keys(**{"model.name": str(model)}))
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if line["phase"] == "grpo"] == [1, 2]
    name = "reasoning-gym/spell_backward"
    evaluated = [line for line in lines if line["phase"] == "eval"]
    assert all(any(key.startswith(f"source/{name}") for key in line) for line in evaluated)
    solved = read_parquet(EvaluationRow, run / "evaluations" / "solver.parquet")
    assert [row.correct for row in solved] == [True] * 4
    assert {row.puzzle_id.partition("@")[0] for row in solved} == {"reasoning-gym/spell_backward", "zebra"}
    assert "reasoning-gym/spell_backward" in (run / "report.html").read_text()
    no_reasons = sleuth("train", recipe, "--out", tmp_path / "other", "--mode", "reason", *keys())
    assert no_reasons.returncode == 2 and "no reasoning to show" in no_reasons.stderr
    assert not (tmp_path / "other").exists()
    held = sleuth("train", recipe, "--out", tmp_path / "other", *keys(**{"sampling.constrain": "true"}))
    assert held.returncode == 2 and "has no grammar to hold answers to" in held.stderr
    assert len(held.stderr.splitlines()) == 1 and not (tmp_path / "other").exists()


@pytest.mark.parametrize("verb", ["make", "distill", "eval", "play"])
def test_help_lists_every_family(verb: str) -> None:
    """With its levels and styles, from the registry."""
    told = " ".join(sleuth(verb, "--help").stdout.split())
    for name in family_names():
        task = get_task(name)
        assert f"{name} (styles {', '.join((*task.styles, 'mixed'))}):" in told
        assert all(f"{level}: {said}" in told for level, said in task.levels.items())


def test_help_explains_every_key() -> None:
    """Every key of a recipe is an option with its type, its default and its whole documentation."""
    told = " ".join(sleuth("train", "--help").stdout.split())
    for name, kind, default, text in recipe_keys():
        documented = f"--{name} ({kind}, default {default}): {text}".replace("`", "")
        assert " ".join(documented.split()) in told, name


def test_the_puzzle_half_does_not_load_torch_and_only_audits_load_ortools() -> None:
    code = (
        "import sys, sleuth.commands; [puzzle] = sleuth.make('zebra', count=1); sleuth.solve(puzzle.prompt); "
        "print({'torch', 'ortools'} & set(sys.modules)); sleuth.audit(puzzle); print('ortools' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.splitlines() == ["set()", "True"]
