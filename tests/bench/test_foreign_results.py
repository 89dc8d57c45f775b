"""Results, prices and journals of others: whatever they hold, one line says what is wrong, and nothing is written."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from sleuth.bench.journal import Journal
from sleuth.bench.prices import read_prices
from sleuth.bench.result import make_settings, read_result, write_result
from sleuth.bench.run import Budget
from sleuth.bench.suites import CANARY, Suite, load_suite
from sleuth.bench.summary import Summary
from sleuth.cli import main
from sleuth.datasets.files import write_puzzles
from sleuth.datasets.make import PuzzleSpec
from sleuth.errors import UserError
from sleuth.policy.baselines import guessing
from tests.bench.test_bench import SETTINGS, asked, result_of

DIGITS = int("9" * 400)
Ran = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def puzzles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("suite") / "p.jsonl"
    write_puzzles(file, [PuzzleSpec("round-table", "1", "test", 5, 1).make(index).puzzle for index in range(3)])
    return file


@pytest.fixture(scope="module")
def suite(puzzles: Path) -> Suite:
    return load_suite(str(puzzles))


@pytest.fixture(scope="module")
def stored(suite: Suite, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A result of three guesses, as its file has it; by `reason`, so that all figures are there."""
    folder = tmp_path_factory.mktemp("result")
    policy = guessing([item.puzzle for item in suite.items])
    settings = SETTINGS.model_copy(update={"mode": "reason"})
    journal, _ = asked(suite, policy, folder / "j.jsonl", settings)
    result = result_of(suite, tuple(journal.rows.values()), mode="reason").model_copy(update={"canary": CANARY})
    write_result(folder / "r.json", result)
    found: dict[str, Any] = json.loads((folder / "r.json").read_text(encoding="utf-8"))
    return found


@pytest.fixture
def ran(capsys: pytest.CaptureFixture[str]) -> Ran:
    def run(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(list(map(str, arguments)))
        said = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return ended.value.code, said.out, said.err

    return run


def changed(stored: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    """A copy with another value at `rows.0.reward`."""
    data = copy.deepcopy(stored)
    *way, last = path.split(".")
    place: Any = data
    for step in way:
        place = place[int(step) if isinstance(place, list) else step]
    place[int(last) if isinstance(place, list) else last] = value
    return data


def write(path: Path, data: object) -> Path:
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


def test_a_result_is_what_it_says(stored: dict[str, Any], puzzles: Path, tmp_path: Path, ran: Ran) -> None:
    code, out, _ = ran("verify", write(tmp_path / "r.json", stored), "--suite", puzzles)
    assert code == 0 and "grades and figures follow" in out


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("rows.0.reward", -1),
        ("rows.0.reward", 1e308),
        ("rows.0.new_tokens", DIGITS),
        ("rows.0.seconds", 1e308),
        ("rows.0.outcome", "fault"),
        ("settings.samples", 0),
        ("settings.samples", DIGITS),
        ("summary", {}),
        ("summary.all.solved", "x"),
        ("summary.all.share", None),
        ("summary.all.solved.mean", math.nan),
        ("summary.all.solved.mean", DIGITS),
        ("summary.all.solved.n", 0),
        ("summary.perfect.lowest_bound", 0.5),
        ("summary.perfect.levels", 2),
        ("summary.spent.seconds", math.inf),
        ("summary.spent.completions", DIGITS),
        ("summary.answered.low", None),
        ("summary.pass_at", {"x": None}),
        ("summary.outcomes", {"late": 1}),
        ("summary.twins", {"names": {"solved": None, "p_value": 2}}),
        ("summary.soundness", {"sentences_true": {"mean": 3, "low": None, "high": None, "n": 1}}),
        ("summary.legibility.language", 1),
        ("price", {"date": "2026-01-01", "prompt_usd": math.inf, "completion_usd": 0}),
    ],
)
def test_odd_values_are_refused_in_one_line(
    stored: dict[str, Any], puzzles: Path, tmp_path: Path, ran: Ran, path: str, value: object
) -> None:
    file = write(tmp_path / "r.json", changed(stored, path, value))
    for command in (("verify", file, "--suite", puzzles), ("leaderboard", file)):
        code, out, said = ran(*command)
        assert (code, out) == (2, "") and said.count("\n") == 1
        assert said.startswith(f"sleuth: {file}: not a result of sleuth bench ({path.split('.')[0]}")


def places(data: object, at: str = "") -> Iterator[str]:
    """Every place of plain data."""
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in items:
        yield f"{at}{key}"
        yield from places(value, f"{at}{key}.")


def test_no_value_of_a_summary_ends_a_leaderboard(stored: dict[str, Any], tmp_path: Path) -> None:
    """Each place, each odd value: the file is refused, or its tables and charts are made."""
    from sleuth.bench.board import render
    from sleuth.bench.tables import as_markdown

    result, accepted = read_result(write(tmp_path / "r.json", stored)), 0
    for path in places(stored["summary"]):
        for value in (None, "x", -1, 1e308, math.nan, [], {}, DIGITS):
            try:
                summary = Summary.model_validate_json(json.dumps(changed(stored["summary"], path, value)))
            except ValidationError:
                continue
            shown = result.model_copy(update={"summary": summary})
            as_markdown([shown])
            accepted += 1
            if accepted % 10 == 1:  # charts take longer
                render([shown], {})
    assert accepted > 5


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("suite.id", "sleuth-bench@1", "suite.id: the result says 'sleuth-bench@1', and it is 'p.jsonl'"),
        ("suite.size", "full", "suite.size: the result says 'full', and it is ''"),
        ("suite.items", 9999, "suite.items: the result says '9999', and it is '3'"),
        ("suite.levels", ["1"], "suite.levels"),
        ("canary", "x", "the canary"),
        ("settings.samples", 10**9, "2999999997 completions are missing"),
        ("summary.all.puzzles", 4, "the figures do not follow"),
        ("summary.all.solved.mean", 0.987, "the figures do not follow"),
        ("summary.soundness", {"x": {"mean": 0.5, "low": 0, "high": 1, "n": 1}}, "the figures do not follow"),
    ],
)
def test_verify_compares_everything(
    stored: dict[str, Any], puzzles: Path, tmp_path: Path, ran: Ran, path: str, value: object, said: str
) -> None:
    code, out, _ = ran("verify", write(tmp_path / "r.json", changed(stored, path, value)), "--suite", puzzles)
    assert code == 1 and said in out


def test_budgets_and_settings_that_are_none(tmp_path: Path, puzzles: Path, ran: Ran) -> None:
    for usd in (math.nan, math.inf, -1.0, 0.0):
        with pytest.raises(UserError, match="--max-cost"):
            Budget(usd=usd)
    with pytest.raises(UserError, match="--max-tokens -5"):
        Budget(tokens=-5)
    code, _, said = ran("bench", "guessing", "--suite", puzzles, "--max-cost", "nan", "--out", tmp_path / "out")
    assert code == 2 and said.count("\n") == 1 and "--max-cost nan" in said and not (tmp_path / "out").exists()
    with pytest.raises(UserError, match="--thinking-tokens -1: give a number greater than or equal to 0"):
        make_settings(**SETTINGS.model_dump() | {"thinking_tokens": -1})


def test_prices_that_are_none(tmp_path: Path) -> None:
    for price in ("inf", "nan", "1e300", "-1"):
        text = f"date = 2026-01-01\n[models.guessing]\nprompt_usd = {price}\ncompletion_usd = 1\n"
        (tmp_path / "prices.toml").write_text(text, encoding="utf-8")
        with pytest.raises(UserError, match=r"models\.guessing\.prompt_usd"):
            read_prices(tmp_path / "prices.toml")


def test_strange_journals(suite: Suite, stored: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    known = {(row["puzzle_id"], 0) for row in stored["rows"]}
    for change in ({"puzzle_id": "nobody's"}, {"sample": 1}):
        lines = [json.dumps({"suite": 1}), json.dumps(stored["rows"][0]), json.dumps(stored["rows"][1] | change)]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        with pytest.raises(UserError, match=r"line 3: .* was not asked; delete the line"):
            Journal(path, {"suite": 1}, known)
    path.write_bytes(b'{"suite": 1}\n\xff\n')
    with pytest.raises(UserError, match="line 2: not text"):
        Journal(path, {"suite": 1}, known)
    path.unlink()
    path.mkdir()
    with pytest.raises(UserError, match="is a folder"):
        Journal(path, {"suite": 1}, known)


def test_a_leaderboard_is_written_whole_or_not_at_all(stored: dict[str, Any], tmp_path: Path, ran: Ran) -> None:
    file = write(tmp_path / "r.json", stored)
    code, out, said = ran("leaderboard", file, "--markdown", tmp_path / "b.md", "--html", tmp_path / "b.html")
    assert (code, out) == (2, "") and "name it with --suite" in said
    assert not (tmp_path / "b.md").exists() and not (tmp_path / "b.html").exists()


def test_long_names_of_models_are_cut_in_charts(stored: dict[str, Any], tmp_path: Path) -> None:
    from sleuth.bench.board import charts

    data = changed(stored, "model.name", f"begin{'n' * 200_000}end")
    drawn = charts([read_result(write(tmp_path / "r.json", data))])
    assert len(drawn) == 3 and all("begin" in chart.svg and len(chart.svg) < 50_000 for chart in drawn)


def test_more_levels_than_can_be_drawn_are_left_to_the_table(stored: dict[str, Any], tmp_path: Path) -> None:
    from sleuth.bench.board import MOST_LEVELS, charts

    level = stored["summary"]["levels"]["round-table@1/1"]
    for count, drawn in ((MOST_LEVELS, True), (MOST_LEVELS + 1, False)):
        levels = {f"many@1/{number}": level for number in range(count)}
        data = changed(stored, "summary.levels", levels)
        titles = [chart.title for chart in charts([read_result(write(tmp_path / "r.json", data))])]
        assert ("Puzzles solved by level" in titles) is drawn


def test_what_a_result_says_commands_no_terminal(
    stored: dict[str, Any], puzzles: Path, tmp_path: Path, ran: Ran
) -> None:
    hostile = "\x1b]0;pwn\x07\x1b[31m[bold]X"
    data = stored
    for path in ("model.name", "suite.id", "suite.size", "rows.0.detail"):
        data = changed(data, path, hostile)
    data["summary"]["levels"][f"{hostile}/1"] = data["summary"]["levels"].pop("round-table@1/1")
    file = write(tmp_path / "r.json", data)
    code, out, _ = ran("leaderboard", file)
    assert code == 0 and "␛]0;pwn␇␛[31m[bold]X" in out
    for command in (("leaderboard", file), ("verify", file, "--suite", puzzles), ("regrade", file, "--suite", puzzles)):
        _, out, said = ran(*command)
        assert "\x1b" not in out + said and "\x07" not in out + said
    file = write(tmp_path / "r.json", changed(data, "suite.hash", hostile))
    code, out, said = ran("verify", file, "--suite", puzzles)
    assert code == 2 and "\x1b" not in out + said and "hash" in said


def test_a_question_without_choices_is_named(puzzles: Path, tmp_path: Path, ran: Ran) -> None:
    first, *others = puzzles.read_text(encoding="utf-8").splitlines()
    puzzle = json.loads(first)
    puzzle["questions"][0]["choices"] = []
    file = tmp_path / "p.jsonl"
    file.write_text("\n".join([*others, json.dumps(puzzle)]) + "\n", encoding="utf-8")
    code, out, said = ran("bench", "guessing", "--suite", file, "--out", tmp_path / "out")
    assert code == 2 and out == ""
    assert f"sleuth: {puzzle['id']}: question A has no choices; the puzzle is damaged\n" in said
