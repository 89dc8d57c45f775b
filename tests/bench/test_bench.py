"""The benchmark end to end: figures by hand, resume, budgets, faults, result files, the command."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from sleuth.bench.board import efforts, pareto
from sleuth.bench.figures import figures, paired
from sleuth.bench.journal import Journal
from sleuth.bench.models import engine_policy, training_of
from sleuth.bench.prices import Price, price_of, read_prices
from sleuth.bench.result import ModelFacts, Result, Row, Settings, read_result
from sleuth.bench.run import Budget, run
from sleuth.bench.suites import Cell, Item, Plan, Suite, load_suite, make_items
from sleuth.bench.summary import Figure
from sleuth.bench.tables import as_markdown, by_level, differences, endings, label, reasoning, spent, trusted
from sleuth.datasets.files import write_puzzles
from sleuth.datasets.make import PuzzleSpec
from sleuth.errors import UserError
from sleuth.evaluation.evaluate import evaluate
from sleuth.evaluation.selection import majority
from sleuth.evaluation.statistics import Interval
from sleuth.evaluation.summary import summarise
from sleuth.model_names import SHIPPED
from sleuth.policy.base import Fault, Request, Rollout, Sampling, StopReason
from sleuth.policy.baselines import solver
from sleuth.policy.models import SHIPPED_FOLDER, load_model
from sleuth.puzzles.gold import gold_completion
from sleuth.puzzles.score import Outcome
from tests.test_cli import sleuth
from tests.tiny import tiny_folder

SETTINGS = Settings(
    mode="answer",
    samples=1,
    seed=0,
    temperature=0,
    top_k=0,
    top_p=1,
    max_new_tokens=8,
    until="end",
    constrain=False,
)


class Scripted:
    """Writes gold, or what `spoil` says of (puzzle number, sample): a text, or a fault."""

    def __init__(self, suite: Suite, spoil: Callable[[int, int], str | Fault | None] = lambda number, sample: None):
        self.places = {item.puzzle.id: number for number, item in enumerate(suite.items)}
        self.puzzles = [item.puzzle for item in suite.items]
        self.spoil = spoil
        self.asked: list[str] = []

    def rollout(
        self,
        requests: Sequence[Request],
        samples: int,
        sampling: Sampling,
        progress: Callable[[int], None] | None = None,
    ) -> list[list[Rollout]]:
        self.asked += [request.key for request in requests]
        return [[self._one(self.places[request.key], sample) for sample in range(samples)] for request in requests]

    def _one(self, number: int, sample: int) -> Rollout:
        said = self.spoil(number, sample)
        if isinstance(said, Fault):
            return Rollout((1,) * 10, (), (), StopReason.FAULT, "status 500", fault=said)
        text = gold_completion(self.puzzles[number], "answer") if said is None else said
        return Rollout((1,) * 10, (2,) * 5, (), StopReason.END, text)


@pytest.fixture(scope="module")
def suite() -> Suite:
    plan = Plan("small@1", 3, "plain", ("terse",), ())
    cells = [Cell("zebra@1", "1", 4, 4), Cell("knights-and-knaves@1", "1", 4, 4)]
    return Suite("small@1", "small", tuple(make_items(plan, cells, "small", 1)))


def asked(suite: Suite, policy: Any, path: Path, settings: Settings = SETTINGS, **more: Any) -> tuple[Journal, str]:
    journal = Journal(path, {"suite": suite.hash, **settings.model_dump(mode="json")}, suite.keys(settings.samples))
    return journal, run(policy, suite, settings, journal, **more)


def solved(figure: Figure) -> Interval:
    assert figure.solved is not None
    return figure.solved


def test_figures_by_hand(suite: Suite, tmp_path: Path) -> None:
    """Items: zebra 0, names, 1, words, 2, herrings, 3; then the same of knights-and-knaves."""
    spoiled: dict[int, str | Fault] = {0: "A. nobody", 1: "no", 5: "", 6: Fault.RATE_LIMIT}
    policy = Scripted(suite, lambda number, sample: spoiled.get(number))
    journal, stopped = asked(suite, policy, tmp_path / "a.jsonl")
    rows = list(journal.rows.values())
    assert not stopped and len(rows) == 14
    found = figures(suite, SETTINGS, rows, Price(prompt_usd=1e6, completion_usd=2e6))
    zebra = found.levels["zebra@1/1"]
    assert (zebra.puzzles, zebra.completions, zebra.faults) == (4, 3, 1)
    assert (solved(zebra).mean, solved(zebra).n) == (pytest.approx(2 / 3), 3)
    assert solved(found.levels["knights-and-knaves@1/1"]).mean == 1
    # Wilson's lower end of 4 of 4: 4 / (4 + 1.96^2).
    bound = 4 / (4 + 1.959964**2)
    assert found.perfect.lowest_bound == pytest.approx(bound, abs=1e-6)
    assert (found.perfect.levels, found.perfect.of) == (1, 2)
    assert solved(found.all).mean == pytest.approx(6 / 7)
    assert found.faults == {"rate limit": 1} and found.outcomes[Outcome.FAULT] == 1
    # Names: 0 of the puzzle and its twin; herrings: the twin is not read, the puzzle solved.
    assert found.twins["names"].solved.mean == 0
    assert found.twins["herrings"].solved.mean == pytest.approx(-1 / 2)
    assert found.twins["words"].solved.n == 2
    spent = found.spent
    assert (spent.prompt_tokens, spent.new_tokens, spent.completions) == (140, 65, 13)
    assert spent.usd == 140 + 2 * 65 and spent.usd_solved == pytest.approx(270 / 10)


def test_a_level_with_a_fault_is_not_perfect(suite: Suite, tmp_path: Path) -> None:
    policy = Scripted(suite, lambda number, sample: Fault.TIMEOUT if number == 6 else None)
    journal, _ = asked(suite, policy, tmp_path / "a.jsonl")
    assert figures(suite, SETTINGS, list(journal.rows.values())).perfect.levels == 1


def test_pass_and_majority(suite: Suite, tmp_path: Path) -> None:
    """Of three samples of every puzzle the first two are wrong alike, the last is right."""
    settings = SETTINGS.model_copy(update={"samples": 3, "temperature": 1.0})
    policy = Scripted(suite, lambda number, sample: "no answer" if sample < 2 else None)
    journal, _ = asked(suite, policy, tmp_path / "a.jsonl", settings)
    found = figures(suite, settings, list(journal.rows.values()))
    assert found.pass_at[1].mean == pytest.approx(1 / 3)
    assert found.pass_at[2].mean == pytest.approx(2 / 3)
    assert found.pass_at[3].mean == 1
    assert found.majority_at[2].mean == 0 and found.majority_at[3].mean == 1
    assert solved(found.all).n == 8, "puzzles, not completions"


def test_majority_by_hand() -> None:
    votes: list[dict[str, str | None]] = [{"A": "x", "B": "y"}, {"A": "z", "B": None}, {"A": "z"}, {"A": "x", "C": "w"}]
    assert majority(votes) == {"A": "x", "B": "y", "C": "w"}


def test_paired_test_is_mcnemars() -> None:
    first = {str(i): [1.0] for i in range(20)}
    second = {str(i): [0.0 if i < 8 else 1.0] for i in range(20)}
    found = paired(first, second)
    assert found is not None and found.solved.mean == -0.4
    assert found.p_value == pytest.approx(0.00468, abs=1e-5), "8 lost, none gained: z = 8 / sqrt(8)"
    assert found.solved.high < 0
    same = paired(first, first)
    assert same is not None and same.p_value == 1


def test_an_interrupted_run_asks_nothing_again_but_faults(suite: Suite, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    faulty = Scripted(suite, lambda number, sample: Fault.CUT_STREAM if number in (2, 9) else None)
    asked(suite, faulty, path)
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(lines[:-3]) + lines[-3][:20], encoding="utf-8")  # killed within a line
    again = Scripted(suite)
    journal, _ = asked(suite, again, path)
    ids = [item.puzzle.id for item in suite.items]
    assert again.asked == [ids[2], ids[9], *ids[-3:]]
    assert all(row.correct for row in journal.rows.values()) and len(journal.rows) == len(ids)
    silent = Scripted(suite)
    asked(suite, silent, path)
    assert not silent.asked
    with pytest.raises(UserError, match="begun with another max_new_tokens"):
        asked(suite, silent, path, SETTINGS.model_copy(update={"max_new_tokens": 9}))


def test_budgets_stop_cleanly(suite: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sleuth.bench.run.BATCH", 2)
    journal, stopped = asked(suite, Scripted(suite), tmp_path / "a.jsonl", budget=Budget(tokens=45))
    assert len(journal.rows) == 4 and "--max-tokens 45 is used up (60 tokens)" in stopped
    price = Price(prompt_usd=1e6, completion_usd=0)
    journal, stopped = asked(suite, Scripted(suite), tmp_path / "b.jsonl", budget=Budget(usd=20), price=price)
    assert len(journal.rows) == 2 and "--max-cost 20" in stopped
    _, stopped = asked(suite, Scripted(suite), tmp_path / "b.jsonl")
    assert not stopped


def test_a_budget_counts_faults_that_were_asked_again(suite: Suite, tmp_path: Path) -> None:
    """Each of 14 requests has 10 tokens of prompt, and each completion 5."""
    asked(suite, Scripted(suite, lambda number, sample: Fault.EMPTY), tmp_path / "a.jsonl")
    journal, _ = asked(suite, Scripted(suite), tmp_path / "a.jsonl")
    assert journal.tokens == (280, 70) and len(journal.rows) == 14
    _, stopped = asked(suite, Scripted(suite), tmp_path / "a.jsonl", budget=Budget(tokens=350))
    assert not stopped, "nothing is left to ask"
    again, _ = asked(suite, Scripted(suite, lambda number, sample: Fault.EMPTY), tmp_path / "b.jsonl")
    _, stopped = asked(suite, Scripted(suite), tmp_path / "b.jsonl", budget=Budget(tokens=140))
    assert again.tokens == (140, 0) and "--max-tokens 140 is used up (140 tokens)" in stopped


def test_faults_are_no_wrong_answers(suite: Suite) -> None:
    base = Suite("x", "", tuple(Item(item.puzzle) for item in suite.base))
    puzzles = [item.puzzle for item in base.items]
    rows = evaluate(Scripted(base, lambda n, s: Fault.EMPTY if n < 2 else None), puzzles, "answer", Sampling(8))
    assert [row.outcome for row in rows[:3]] == [Outcome.FAULT, Outcome.FAULT, Outcome.CORRECT]
    assert rows[0].detail == "empty: status 500"
    summary = summarise(rows)
    assert summary.strict.mean == 1 and summary.strict.n == 6 and Outcome.FAULT not in summary.outcomes
    with pytest.raises(ValueError, match="no completions"):
        summarise(rows[:2])
    faulty = Scripted(base, lambda n, s: Fault.EMPTY)
    rows = evaluate(faulty, puzzles, "program", Sampling(8), retries=3)
    assert len(faulty.asked) == len(puzzles), "a fault is no program to be asked for again"


def test_a_puzzle_beyond_the_context_is_cut_short(suite: Suite, tmp_path: Path) -> None:
    """The tokenizer has a token for every byte: no zebra page of 800 characters and more is within 900 tokens, with
    instructions and new tokens; some pages of knights and knaves are."""
    loaded = load_model(str(tiny_folder(tmp_path / "model", max_position_embeddings=900)), _float32(), "cpu")
    journal, _ = asked(suite, engine_policy(loaded), tmp_path / "a.jsonl")
    prompts = {item.puzzle.id: item.puzzle.prompt for item in suite.items}
    for row in journal.rows.values():
        assert row.prompt_tokens > len(prompts[row.puzzle_id])
        fits = row.prompt_tokens + SETTINGS.max_new_tokens <= 900
        assert (row.new_tokens > 0) == fits
        assert fits or (row.stop, row.outcome) == (StopReason.LENGTH, Outcome.TRUNCATED)
    assert {row.new_tokens > 0 for row in journal.rows.values()} == {True, False}


def test_engine_and_command_agree(tmp_path: Path) -> None:
    model = tiny_folder(tmp_path / "model")
    puzzles = [PuzzleSpec("knights-and-knaves", "1", "test", 5, 1).make(index).puzzle for index in range(3)]
    write_puzzles(tmp_path / "some.jsonl", puzzles)
    prices = tmp_path / "prices.toml"
    prices.write_text(f'date = 2026-11-29\n[models."{model}"]\nprompt_usd = 1\ncompletion_usd = 2\n', encoding="utf-8")
    options = ("--suite", tmp_path / "some.jsonl", "--max-new-tokens", "6", "--out", tmp_path / "out")
    done = sleuth("bench", model, "guessing", "solver", *options, "--prices", prices, "--device", "cpu")
    assert done.returncode == 0, done.stderr
    assert "solver: 1 of 1 levels at 100 %, each at least 43.9%" in done.stdout and "hash" in done.stdout
    results = {path.stem: read_result(path) for path in (tmp_path / "out").glob("*.json")}
    assert len(results) == 3
    assert solved(results["solver-answer"].summary.all).mean == 1
    assert results["solver-answer"].model.kind == "baseline"
    mine = next(result for result in results.values() if result.model.kind == "engine")
    assert mine.complete and len(mine.rows) == 3 and (mine.summary.spent.usd or 0) > 0
    loaded = load_model(str(model), _float32(), "cpu")
    direct = evaluate(engine_policy(loaded), puzzles, "answer", Sampling(6, temperature=0))
    from sleuth.policy.machine import fast_dtype

    if fast_dtype("cpu") == _float32():
        assert [row.completion for row in mine.rows] == [row.completion for row in direct]
    fresh = figures(load_suite(str(tmp_path / "some.jsonl")), mine.settings, mine.rows, mine.price)
    assert fresh == mine.summary, "the figures follow from the rows"


def test_results_are_regraded_verified_and_ranked(tmp_path: Path) -> None:
    puzzles = [PuzzleSpec("zebra", "1", "test", 5, 1).make(index).puzzle for index in range(3)]
    file = tmp_path / "some.jsonl"
    write_puzzles(file, puzzles)
    assert sleuth("bench", "guessing", "solver", "--suite", file, "--out", tmp_path).returncode == 0
    path = tmp_path / "solver-answer.json"
    checked = sleuth("verify", path, "--suite", file)
    assert checked.returncode == 0 and "3 completions" in checked.stdout
    assert "0 of 3 grades change" in sleuth("regrade", path, "--suite", file).stdout
    assert "name it with --suite" in sleuth("verify", path).stderr

    ranked = sleuth("leaderboard", path, tmp_path / "guessing-answer.json", "--markdown", tmp_path / "board.md")
    assert ranked.returncode == 0, ranked.stderr
    board = (tmp_path / "board.md").read_text(encoding="utf-8")
    assert board.index("| solver |") < board.index("| guessing |"), "the best first"
    assert "3 of 3" in board and "at least 43.9%" in board
    assert re.search(r"guessing less solver \| -\d+\.\d &#91;-\d+\.\d, ", board), "in points"

    data = json.loads(path.read_text(encoding="utf-8"))
    data["rows"][1] |= {"completion": "A. nobody"}  # a made-up grade
    (tmp_path / "wrong.json").write_text(json.dumps(data), encoding="utf-8")
    wrong = sleuth("verify", tmp_path / "wrong.json", "--suite", file)
    assert wrong.returncode == 1 and "stored is correct" in wrong.stdout
    moved = sleuth("regrade", tmp_path / "wrong.json", "--suite", file, "--out", tmp_path / "again.json")
    assert "1 of 3 grades changes" in moved.stdout
    assert sleuth("verify", tmp_path / "again.json", "--suite", file).returncode == 0

    data = json.loads(path.read_text(encoding="utf-8"))
    data["summary"]["all"]["solved"]["low"] = 0.99
    (tmp_path / "wrong.json").write_text(json.dumps(data), encoding="utf-8")
    assert "do not follow" in sleuth("verify", tmp_path / "wrong.json", "--suite", file).stdout
    data["rows"] = data["rows"][:1]
    (tmp_path / "wrong.json").write_text(json.dumps(data), encoding="utf-8")
    assert "2 completions are missing" in sleuth("verify", tmp_path / "wrong.json", "--suite", file).stdout
    data["rows"] *= 2
    (tmp_path / "wrong.json").write_text(json.dumps(data), encoding="utf-8")
    assert "comes twice" in sleuth("verify", tmp_path / "wrong.json", "--suite", file).stderr

    write_puzzles(file, puzzles[:2])
    assert "not the one of this result" in sleuth("verify", path, "--suite", file).stderr


def test_names_of_models_are_text_in_markdown(suite: Suite, tmp_path: Path) -> None:
    settings = SETTINGS
    journal, _ = asked(suite, Scripted(suite), tmp_path / "a.jsonl")
    rows = tuple(journal.rows.values())
    result = Result(
        canary="",
        suite=suite.facts,
        model=ModelFacts(name="a|b <script>[x](y)", kind="engine"),
        settings=settings,
        sleuth="0",
        date=date(2026, 11, 29),
        complete=True,
        summary=figures(suite, settings, rows),
        rows=rows,
    )
    board = as_markdown([result])
    assert "<script>" not in board and "a|b" not in board and "[x]" not in board and "&#124;" in board


def test_the_page_escapes_what_models_wrote(tmp_path: Path) -> None:
    puzzles = [PuzzleSpec("zebra", "1", "test", 5, 1).make(index).puzzle for index in range(3)]
    file, page = tmp_path / "some.jsonl", tmp_path / "board.html"
    write_puzzles(file, puzzles)
    prices = tmp_path / "prices.toml"
    prices.write_text("date = 2026-11-29\n[models.guessing]\nprompt_usd = 1\ncompletion_usd = 2\n", encoding="utf-8")
    options = ("--suite", file, "--out", tmp_path, "--prices", prices)
    assert sleuth("bench", "guessing", "solver", *options).returncode == 0
    data = json.loads((tmp_path / "guessing-answer.json").read_text(encoding="utf-8"))
    hostile = "<script>alert(1)</script></pre>\x1b[2J"
    for row in data["rows"]:
        row |= {"completion": hostile, "outcome": "unreadable", "correct": False, "detail": hostile}
    data["model"]["name"] = hostile
    (tmp_path / "guessing-answer.json").write_text(json.dumps(data), encoding="utf-8")
    files = (tmp_path / "guessing-answer.json", tmp_path / "solver-answer.json")
    done = sleuth("leaderboard", *files, "--html", page, "--suite", file)
    assert done.returncode == 0, done.stderr
    text = page.read_text(encoding="utf-8")
    assert "<script" not in text and "\x1b" not in text and "&lt;script&gt;alert(1)" in text
    assert "default-src 'none'" in text and text.count("<svg") == 4 and "http-equiv" in text
    assert puzzles[0].clues[0] in text, "an example shows its puzzle"
    assert not re.search(r"(?:src|href)=", text), "nothing is loaded from elsewhere"


def result_of(suite: Suite, rows: tuple[Row, ...], name: str = "m", price: Price | None = None, **more: Any) -> Result:
    settings = SETTINGS.model_copy(update=more)
    return Result(
        canary="",
        suite=suite.facts,
        model=ModelFacts(name=name, kind="interface"),
        settings=settings,
        sleuth="0",
        date=date(2026, 11, 29),
        complete=True,
        summary=figures(suite, settings, rows, price),
        rows=rows,
    )


def test_tables_say_what_can_be_trusted_and_what_it_took(suite: Suite, tmp_path: Path) -> None:
    """Of 8 puzzles 6 are solved, one is wrong, one unread: 7 answer, one of them misses; zebra has no miss."""
    spoiled = {7: "no", 9: "A. nobody"}  # of knights and knaves; the first is not read
    journal, _ = asked(suite, Scripted(suite, lambda number, sample: spoiled.get(number)), tmp_path / "a.jsonl")
    rows = tuple(row.model_copy(update={"reasoning_tokens": 3, "seconds": 2.0}) for row in journal.rows.values())
    shown = result_of(suite, rows, effort="high", price=Price(prompt_usd=1e6, completion_usd=1e6))
    assert label(shown) == "m, answer, effort high"
    assert trusted([shown])[2] == [("m, answer, effort high", "1 of 2", "51.0%", "88% of 8 (≥ 53%)", "1 of 7")]
    assert endings([shown])[2] == [("m, answer, effort high", "8", "1", "0", "0")]
    assert spent([shown])[2] == [("m, answer, effort high", "14", "10", "3", "2", "2", "15.00000", "17.50000")]
    levels = {row[0]: row[1] for row in by_level([shown])[2]}
    assert levels["zebra@1"] == "100% of 4 (≥ 51%)" and levels["knights-and-knaves@1"] == "50% of 4 (≥ 15%)"
    assert reasoning([shown]) is None


def test_efforts_of_one_model_are_one_line(suite: Suite, tmp_path: Path) -> None:
    journal, _ = asked(suite, Scripted(suite), tmp_path / "a.jsonl")
    rows = tuple(journal.rows.values())
    low, high = result_of(suite, rows, effort="low"), result_of(suite, rows, effort="high", max_new_tokens=99)
    other, program = result_of(suite, rows, "n", effort="low"), result_of(suite, rows, mode="program")
    assert efforts([(high, 2.0), (other, 3.0), (low, 1.0), (program, 4.0)]) == [[(1.0, 1.0), (2.0, 1.0)]]


def test_pareto_by_hand() -> None:
    assert pareto([(3, 0.9), (1, 0.5), (2, 0.4), (3, 0.8), (4, 0.9), (2, 0.6)]) == [(1, 0.5), (2, 0.6), (3, 0.9)]
    assert pareto([]) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "name a model"),
        (("guessing", "--suite", "nowhere"), "no suite 'nowhere'"),
        (("guessing", "--samples", "0"), "--samples 0"),
        (("guessing", "--samples", "1.5"), "give a whole number"),
        (("guessing", "--temperature", "nan"), "a finite number"),
        (("guessing", "--max-tokens", "0"), "--max-tokens 0"),
        (("smollm2-135m", "--max-cost", "1"), "needs the price of smollm2-135m"),
        (("guessing", "--mode", "reason", "--constrain"), "no grammar"),
        (("guessing", "--prices", "nowhere.toml"), "no such file"),
    ],
)
def test_bad_input(arguments: tuple[str, ...], said: str, tmp_path: Path) -> None:
    done = sleuth("bench", *arguments, "--out", tmp_path)
    assert done.returncode == 2 and said in done.stderr and done.stderr.count("\n") == 1


def test_damaged_files_are_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    for text in ("", "{}", '{"format": "sleuth-bench-result@2"}', "[1, 2"):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(UserError, match="not a result of sleuth bench") as refusal:
            read_result(path)
        assert "\n" not in str(refusal.value)
    path.write_text("date = 2026-01-01\n[models.x]\nprompt_usd = -1\ncompletion_usd = 1\n", encoding="utf-8")
    with pytest.raises(UserError, match="not a price file"):
        read_prices(path)
    path.write_text("date = 2026-01-01\n[models.x]\nprompt_usd = 1\ncompletion_usd = 1\n", encoding="utf-8")
    assert price_of(read_prices(path), "y") is None and price_of(read_prices(path), "x") is not None
    path.write_text(json.dumps({"suite": 1}) + "\n{\n", encoding="utf-8")
    with pytest.raises(UserError, match="line 2: damaged"):
        Journal(path, {"suite": 1}, ())


def test_rows_know_no_other_keys() -> None:
    with pytest.raises(ValueError, match="extra"):
        Row.model_validate({"puzzle_id": "x", "api_key": "secret"})


def test_training_of_a_folder_of_no_run(tmp_path: Path) -> None:
    assert training_of(tmp_path) is None
    (tmp_path / "training.json").write_text("{}", encoding="utf-8")
    with pytest.raises(UserError, match="not what a training was"):
        training_of(tmp_path)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_model_says_how_it_was_trained(name: str) -> None:
    found = training_of(SHIPPED_FOLDER / name)
    assert found is not None and found.sources == ("temporal-clue@1/1",) and found.seconds > 600


def test_solver_solves_every_twin(suite: Suite, tmp_path: Path) -> None:
    journal, _ = asked(suite, solver([item.puzzle for item in suite.items]), tmp_path / "a.jsonl")
    assert all(row.correct for row in journal.rows.values())


def _float32() -> Any:
    import torch

    return torch.float32


def test_only_twins_of_a_frozen_suite_are_left_out_of_differences(suite: Suite, tmp_path: Path) -> None:
    """A file may name its puzzles with a plus."""
    journal, _ = asked(suite, Scripted(suite), tmp_path / "a.jsonl")
    rows = tuple(journal.rows.values())
    frozen, file = (suite.facts.model_copy(update={"id": id}) for id in ("sleuth-bench@1", "mine"))
    first, second = (result_of(suite, rows, name).model_copy(update={"suite": frozen}) for name in "ab")
    assert [row[2] for row in differences([first, second])] == ["8"], "of 14 things that are asked 8 are no twins"
    named = [row.model_copy(update={"puzzle_id": f"{place}+names"}) for place, row in enumerate(rows)]
    files = [one.model_copy(update={"suite": file, "rows": tuple(named)}) for one in (first, second)]
    assert [row[2] for row in differences(files)] == ["14"]
