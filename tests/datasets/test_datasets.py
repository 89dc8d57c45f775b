"""Files of puzzles, making many, auditing, importing."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

import sleuth
from sleuth.datasets.audit import Finding, Outright, Remark, audit, audit_all, overview
from sleuth.datasets.completions import grade_file
from sleuth.datasets.files import read_puzzles, write_puzzles
from sleuth.datasets.make import PuzzleSpec, make_puzzles, make_slots
from sleuth.errors import UserError
from sleuth.logic.cpsat import CpModel
from sleuth.logic.formulas import Not, World
from sleuth.puzzles.generate import make_puzzle
from sleuth.puzzles.puzzle import Puzzle
from sleuth.puzzles.registry import get_family
from sleuth.puzzles.retell import retold
from sleuth.puzzles.temporal_clue.original.dataset import import_original
from tests.puzzles.test_import import ORIGINALS, SMALL


@pytest.fixture(scope="module")
def puzzles() -> list[Puzzle]:
    return sleuth.make("temporal-clue", level="1", count=6, style="mixed") + sleuth.make("zebra", level="1", count=3)


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_round_trip(puzzles: list[Puzzle], tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"p{suffix}"
    write_puzzles(path, puzzles)
    assert read_puzzles(path) == puzzles


def test_workers_and_one_process_make_the_same() -> None:
    order = PuzzleSpec("temporal-clue", "1", "val", 3, 24, "mixed")
    assert list(make_puzzles(order, 2)) == list(make_puzzles(order, 1))


def test_a_file_holds_no_doubles_and_says_when_there_are_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sleuth.datasets.make.REDRAWS", 3)
    order = PuzzleSpec("temporal-clue", "1", "train", 0, 10)
    first = order.make(0)
    monkeypatch.setattr(PuzzleSpec, "make", lambda self, index, attempt=0: first)
    with pytest.raises(UserError, match="found 1 different puzzles"):
        list(make_puzzles(order, 1))


def test_doubles_stay_where_they_are_wanted() -> None:
    order = PuzzleSpec("knights-and-knaves", "1", "train", 0, 40)
    as_they_come = [order.make(index) for index in range(order.count)]
    assert len({made.digest for made in as_they_come}) < order.count
    assert list(make_slots([(order, index) for index in range(order.count)], 1, different=False)) == [
        made.puzzle for made in as_they_come
    ]
    assert list(make_puzzles(order, 1)) != [made.puzzle for made in as_they_come]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("missing.jsonl", None, "no such file"),
        ("empty.jsonl", "", "no puzzles"),
        ("cut.jsonl", '{"id": "temporal-cl', "line 1: not a puzzle"),
        ("other.jsonl", '{"id": 3}', "line 1: not a puzzle"),
        ("p.csv", "", ".jsonl or .parquet"),
        ("p.parquet", "PAR1 not really", "not a Parquet file"),
    ],
)
def test_bad_files(tmp_path: Path, name: str, content: str | None, said: str) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_text(content)
    with pytest.raises(UserError, match=said) as error:
        read_puzzles(path)
    assert "\n" not in str(error.value)


def test_a_truncated_file_names_its_line(puzzles: list[Puzzle], tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    write_puzzles(path, puzzles)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(UserError, match=f"line {len(puzzles)}: not a puzzle"):
        read_puzzles(path)


def test_audit_accepts_what_is_made(puzzles: list[Puzzle]) -> None:
    assert all(not finding.problems for finding in audit_all(puzzles, minimal=True, workers=1))


def test_audit_finds_faults() -> None:
    [puzzle] = sleuth.make("temporal-clue", level="2", count=1)
    letter, right = next(iter(puzzle.answers.items()))
    question = puzzle.questions[0]
    other = next(choice for choice in question.choices if choice != right)
    wrong = puzzle.model_copy(update={"answers": {**puzzle.answers, letter: other}})
    assert any("the answer is" in problem for problem in audit(wrong).problems)

    first, count = puzzle.clues[0], len(puzzle.clues)
    numbered = {f"{number}. {clue}": clue for number, clue in enumerate(puzzle.clues, start=1)}
    kept = [numbered.get(line, line) for line in puzzle.prompt.split("\n") if numbered.get(line) != first]
    numbers = {clue: f"{number}. {clue}" for number, clue in enumerate(puzzle.clues[1:], start=1)}
    cut = "\n".join(numbers.get(line, line) for line in kept)
    fewer = puzzle.model_copy(update={"prompt": cut, "clues": puzzle.clues[1:]})
    assert audit(fewer).problems == ("several worlds obey the clues",)

    doubled = puzzle.prompt.replace("\n\nQuestions", f"\n{count + 1}. {first}\n\nQuestions")
    assert doubled != puzzle.prompt
    twice = puzzle.model_copy(update={"prompt": doubled, "clues": (*puzzle.clues, first)})
    assert audit(twice).problems == ()
    assert any("can be dropped" in problem for problem in audit(twice, minimal=True).problems)

    garbled = puzzle.model_copy(update={"prompt": puzzle.prompt.replace(first, first.replace(" ", " not ", 1))})
    assert audit(garbled).problems
    for family in ("temporal-clue@2", "clue@1"):
        [problem] = audit(puzzle.model_copy(update={"family": family})).problems
        assert family.partition("@")[0] in problem


def read_as_2025(tmp_path: Path, prompt: str, solution: dict[str, str]) -> Puzzle:
    (tmp_path / "one.json").write_text(json.dumps([{"prompt": prompt, "solution": solution}]))
    [puzzle] = import_original(tmp_path / "one.json")
    return puzzle


def test_a_remark_on_what_plain_english_leaves_open(tmp_path: Path) -> None:
    """If "the hose was in the Pier or Ben in the Boat House" may be both, the hose may be anywhere, as Ben is there."""
    answers = {"A": "Ada Quick", "B": "Pier", "C": "Boat House", "D": "Boat House"}
    asked = audit(read_as_2025(tmp_path, SMALL, answers))
    reading = "with an inclusive “or”"
    assert asked.problems == () and asked.remarks == (Remark(reading, ("C",)),)
    assert str(asked.remarks[0]) == f"read {reading}, it leaves several worlds, and several answers to question C"
    del answers["C"]
    shorter = SMALL.replace("C. Where was the Garden Hose?\n", "").replace("C. ROOM\n", "")
    quiet = audit(read_as_2025(tmp_path, shorter, answers))
    assert quiet.problems == () and quiet.remarks == (Remark(reading, ()),)
    # A third clue that settles it: then "or" may be read as one likes.
    settled = SMALL.replace("in the Boat House\n\n", "in the Boat House\n- The Garden Hose was not in the Pier\n\n")
    assert settled != SMALL and audit(read_as_2025(tmp_path, settled, answers | {"C": "Boat House"})).remarks == ()
    # A problem of another kind hides no remark; several worlds as meant do.
    outright = SMALL.replace("B. Where was the murder committed?", "B. What weapon did the murderer use?")
    outright = outright.replace("B. ROOM", "B. WEAPON")
    imported = read_as_2025(tmp_path, outright, answers | {"B": "Oar", "C": "Boat House"})
    told = audit(imported)
    assert told.problems == () and told.remarks[0] == Outright("B") and len(told.remarks) == 2
    own = imported.model_copy(update={"meta": {"style": "original"}})  # ours never do that
    finding = audit(own)
    assert finding.problems == ("question B is answered by a clue outright",) and len(finding.remarks) == 1
    open_page = SMALL.replace("- Mr. Ben was in the room just west of Dr. Zed\n", "")
    finding = audit(read_as_2025(tmp_path, open_page, answers | {"C": "Boat House"}))
    assert finding.problems == ("several worlds obey the clues",) and finding.remarks == ()
    undecided = Finding("x", (), (Remark(reading, None),))
    assert overview([asked, quiet, undecided, Finding("y", ("no world",))]) == [
        "3 of 4 puzzles are sound",
        f"read {reading}, 2 leave several worlds, 1 also several answers; no verdict on 1",
    ]
    assert overview([told])[:2] == [
        "1 of 1 puzzle is sound",
        "1 has a question that a clue answers outright, which is the other maker's affair",
    ]


def test_no_verdict_on_a_remark_is_no_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    puzzle = read_as_2025(tmp_path, SMALL, {"A": "Ada Quick", "B": "Pier", "C": "Boat House", "D": "Boat House"})
    calls = []

    def worlds(self: CpModel, limit: int, seconds: float | None = None) -> list[World]:
        calls.append(limit)
        if len(calls) > 1:
            raise TimeoutError("no verdict")
        return first

    first = CpModel.worlds(_model(puzzle), 2)
    monkeypatch.setattr(CpModel, "worlds", worlds)
    finding = audit(puzzle)
    assert finding.problems == () and [remark.letters for remark in finding.remarks] == [None]
    assert "no verdict" in str(finding.remarks[0])


def _model(puzzle: Puzzle) -> CpModel:
    family = get_family(puzzle.family)
    page = family.read_page(puzzle.prompt)
    theory = family.theory(page.case)
    return CpModel(theory.space, [*theory.rules(), *map(theory.formula, page.clues)])


@pytest.mark.parametrize(
    ("level", "style", "kind", "count"),
    [("reference", "plain", "none", 3), ("reference", "original", "either", 12), ("4", "terse", "alone", 12)],
)
def test_readings_are_loose(level: str, style: str, kind: str, count: int) -> None:
    """What a page means implies every other reading of it. Pages of 2025 that say "or" have one, and pages with rules
    in short that say "alone"."""
    found = several = 0
    for index in range(count):
        puzzle = make_puzzle("temporal-clue", level, "train", 9, index, style).puzzle
        family = get_family(puzzle.family)
        page = family.read_page(puzzle.prompt)
        theory = family.theory(page.case)
        several += any(clue.kind == kind for clue in page.clues)
        for formulas in family.loose_readings(theory, page, puzzle.prompt).values():
            found += 1
            for clue, read in zip(page.clues, formulas, strict=True):
                assert CpModel(theory.space, [theory.formula(clue), Not(read)]).solve(60) is None
                assert (read == theory.formula(clue)) == (clue.kind != kind)
    assert several > 3 or kind == "none"
    assert found == several


@pytest.mark.skipif(not ORIGINALS, reason="SLEUTH_DATA is not set: the original 64 puzzles were NOT audited")
@pytest.mark.parametrize(("number", "letters"), [(0, ("G",)), (3, ())])
def test_a_clue_that_answers_an_original_bonus_question_is_a_remark(
    number: int, letters: tuple[str, ...], tmp_path: Path
) -> None:
    finding = audit(read_as_2025(tmp_path, ORIGINALS[number]["prompt"], ORIGINALS[number]["solution"]))
    assert finding.problems == ()
    assert tuple(remark.letter for remark in finding.remarks if isinstance(remark, Outright)) == letters


@pytest.mark.skipif(not ORIGINALS, reason="SLEUTH_DATA is not set: the original 64 puzzles were NOT audited")
@pytest.mark.parametrize(("number", "letters"), [(9, ("B",)), (8, ()), (17, ("A", "B", "E", "F")), (1, None)])
def test_remarks_on_original_puzzles(number: int, letters: tuple[str, ...] | None, tmp_path: Path) -> None:
    puzzle = read_as_2025(tmp_path, ORIGINALS[number]["prompt"], ORIGINALS[number]["solution"])
    remarks = [remark for remark in audit(puzzle).remarks if isinstance(remark, Remark)]
    assert [remark.letters for remark in remarks] == ([] if letters is None else [letters])


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_difficulty_is_stored_where_it_is_asked_for(tmp_path: Path, suffix: str) -> None:
    order = PuzzleSpec("zebra", "1", "val", 3, 12)
    plain = list(make_puzzles(order, 1))
    rated = list(make_puzzles(replace(order, difficulty=True), 2))
    assert all("difficulty" not in puzzle.meta for puzzle in plain)
    for before, after in zip(plain, rated, strict=True):
        assert after.meta["difficulty"] == asdict(sleuth.difficulty(sleuth.explain(before)))
        assert after.model_copy(update={"meta": before.meta}) == before
        assert {key: value for key, value in after.meta.items() if key != "difficulty"} == before.meta
    write_puzzles(tmp_path / f"p{suffix}", rated)
    assert read_puzzles(tmp_path / f"p{suffix}") == rated
    assert sleuth.make("zebra", split="val", seed=3, count=2, difficulty=True) == rated[:2]


def test_grade_file(puzzles: list[Puzzle], tmp_path: Path) -> None:
    write_puzzles(tmp_path / "p.jsonl", puzzles)
    gold = "\n".join(f"{letter}. {answer}" for letter, answer in puzzles[0].answers.items())
    lines = [{"id": puzzles[0].id, "completion": gold}, {"id": puzzles[1].id, "completion": "no idea"}]
    (tmp_path / "c.jsonl").write_text("\n".join(map(json.dumps, lines)))
    first, second = grade_file(tmp_path / "p.jsonl", tmp_path / "c.jsonl", "answer")
    assert (first["outcome"], second["outcome"]) == ("correct", "unreadable")
    (tmp_path / "c.jsonl").write_text('{"id": "unknown", "completion": ""}')
    with pytest.raises(UserError, match="line 1: no puzzle 'unknown'"):
        list(grade_file(tmp_path / "p.jsonl", tmp_path / "c.jsonl", "answer"))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "not a JSON file"),
        ("{}", "not a list"),
        ("[{}]", "puzzle 0"),
        ('[{"prompt": "x", "solution": {}}]', "puzzle 0"),
    ],
)
def test_bad_originals(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "o.json").write_text(content)
    with pytest.raises(UserError, match=said):
        import_original(tmp_path / "o.json")


def test_a_remark_on_alone_where_the_page_does_not_say_what_it_means() -> None:
    puzzle = make_puzzle("temporal-clue", "3", "train", 9, 1, "terse").puzzle
    finding = audit(puzzle)
    assert finding.problems == () and finding.remarks == (
        Remark("with “alone” said of suspects only", ("A", "C", "E", "F")),
    )
    assert audit(retold(puzzle, "plain")).remarks == (), "in full a page says what it means"
