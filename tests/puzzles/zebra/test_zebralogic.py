"""Pages in the layout of ZebraLogic: clues of the kinds that are known, in wordings of any attribute, or a refusal."""

from __future__ import annotations

import json
import os
from pathlib import Path
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sleuth.datasets.audit import audit
from sleuth.errors import UserError
from sleuth.grading.grade import grade
from sleuth.puzzles.gold import gold_completion
from sleuth.puzzles.registry import get_family
from sleuth.puzzles.retell import retold
from sleuth.puzzles.solve import solve_text
from sleuth.puzzles.statements import Ref, Statement
from sleuth.puzzles.zebra.zebralogic.dataset import import_zebralogic
from tests.commands import sleuth
from tests.puzzles.zebra.logic_pages import HAND, NAME, OTHERS, page, random_page

ZEBRA = get_family("zebra")
DATA = os.environ.get("SLEUTH_DATA")


def test_a_page_by_hand() -> None:
    """Fred's mother is left of the tea drinker in house 2, so Alice is in house 1. Boba tea is in house 1 or 3, Arnold
    is right of milk. Were milk in house 3, nobody could be right of it; so it is in house 1, boba tea in house 3. Eric
    and Arnold share houses 2 and 3 either way, so a last clue decides."""
    with pytest.raises(UserError, match="more than one world"):
        solve_text(HAND)
    text = HAND + "\n7. Arnold is the boba tea lover."
    solution = solve_text(text)
    assert solution.answers == {
        "House 1 Name": "Alice",
        "House 1 Child": "Fred",
        "House 1 Beverage": "milk",
        "House 2 Name": "Eric",
        "House 2 Child": "Alice",
        "House 2 Beverage": "tea",
        "House 3 Name": "Arnold",
        "House 3 Child": "Bella",
        "House 3 Beverage": "boba tea",
    }
    assert "child Alice" in solution.board()


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10**9))
@example(2001188).via('two readings that differ: "Alice is the person whose favorite color is green"')
@example(301486).via('two readings that differ: "Alice is the person whose child is named Meredith"')
@example(250540).via('the same: "The person who is the mother of Samantha is the person\'s child is named Alice"')
@example(109751).via('a clue with two readings that mean the same: "Alice is the person\'s child is named Alice"')
def test_random_pages_are_read(seed: int) -> None:
    text, statements = random_page(Random(seed), 8)
    assert ZEBRA.recognises(text)
    found = ZEBRA.read_page(text)
    assert list(found.clues) == statements
    assert len(found.questions) == found.case.shape.values


@pytest.mark.parametrize("number", range(len(OTHERS)))
def test_every_wording_means_its_value(number: int) -> None:
    """Beside each of the other attributes, so that values and words of these stand in the way."""
    header, values = OTHERS[number]
    for other_header, others in [NAME, *OTHERS[:number], *OTHERS[number + 1 :]]:
        attributes = [("Each person has a unique name", list(NAME[1])), (header, list(values))]
        attributes += [] if other_header == NAME[0] else [(other_header, list(others))]
        spoken = [(value, said) for value, wordings in values.items() for said in wordings]
        found = ZEBRA.read_page(page(attributes, [f"Peter is {said}." for _, said in spoken]))
        numbers = [6 + list(values).index(value) for value, _ in spoken]
        assert found.clues == tuple(Statement("same", (Ref("value", 3), Ref("value", n))) for n in numbers)


REFUSED = (
    "Bob hates tea.",
    "Eric is the person who hates tea.",
    "Eric is not the person who does not drink tea and milk.",
    "Eric is the brother of Arnold.",
    "Eric is the person who loves purple.",
    "Eric is taller than Arnold.",
    "Eric is in the fourth house.",
    "There are two houses between Eric and Arnold.",
    "Eric is the person whose father is named Fred.",
    "Eric is the tea drinker or the person who likes milk.",
    "Eric or Arnold is the tea drinker.",
    "Eric is Eric.",
    "The person without tea is Eric.",
    "The neighbor of Eric is Arnold.",
    "Eric is somewhere near Arnold.",
    "Nothing else is known.",
    "If Eric is in the first house, Arnold is in the second house.",
)


@pytest.mark.parametrize("clue", REFUSED)
def test_what_no_rule_reads_is_refused_with_its_line(clue: str) -> None:
    for line in (f"7. {clue}", f"- {clue}", clue):
        with pytest.raises(UserError) as refusal:
            ZEBRA.read_page(f"{HAND}\n{line}")
        assert clue.rstrip(".") in str(refusal.value) and "\n" not in str(refusal.value)


def test_a_value_of_two_attributes_is_refused_where_nothing_tells_them_apart() -> None:
    animals = [("Each person has a unique name", ["Eric", "Bob"]), ("The people keep unique animals", ["cat", "dog"])]
    both = [*animals, ("Each person has a unique type of pet", ["dog", "cat"])]
    assert ZEBRA.read_page(page(animals, ["Eric is the cat lover."])).clues
    read = ZEBRA.read_page(page(both, ["Eric is the person with a pet cat.", "Bob is the cat keeper."]))
    assert [clue.args[1] for clue in read.clues] == [Ref("value", 5), Ref("value", 2)]
    with pytest.raises(UserError, match="2 ways: 'Eric is the cat lover"):
        ZEBRA.read_page(page(both, ["Eric is the cat lover."]))


DAMAGED = {
    "from right to left": ("from left to right", "from right to left", "neither an attribute nor a clue"),
    "another number": ("There are 3", "There are 4", "how many houses there are"),
    "a value less": (", `milk`", "", "2 values for 3 houses"),
    "a value twice": ("`milk`", "`tea`", "twice"),
    "no clues": ("## Clues:", "## Hints:", "belongs to no part"),
    "a clue less": ("3. The person's", "4. The person's", "3 should come next"),
    "something else of the houses": ("by a different person.", "by several people.", "not known to be said"),
    "a clue in the header": ("\n - Each mother", "\n - Eric is in the first house.\n - Each mother", "neither"),
}


@pytest.mark.parametrize(("old", "new", "message"), DAMAGED.values(), ids=DAMAGED)
def test_damaged_pages(old: str, new: str, message: str) -> None:
    assert old in HAND
    text = HAND.replace(old, new)
    with pytest.raises(UserError, match=message):
        ZEBRA.read_page(text)


def test_a_clue_before_the_header_is_refused() -> None:
    with pytest.raises(UserError, match="outside of the list of clues: 'It is late"):
        ZEBRA.read_page(f"It is late. Eric is in the first house.\n{HAND}")


def written(tmp_path: Path, entries: object) -> Path:
    path = tmp_path / "logic.json"
    path.write_text(json.dumps(entries), encoding="utf-8")
    return path


def entry(**changes: object) -> dict[str, object]:
    return {"id": "one", "size": "3*3", "puzzle": f"{HAND}\n7. Arnold is the boba tea lover.", **changes}


def test_import_audit_and_grade(tmp_path: Path) -> None:
    [puzzle] = import_zebralogic(written(tmp_path, [entry(completion="left out")]))
    assert (puzzle.id, puzzle.family, puzzle.prompt) == ("one", "zebra@1", entry()["puzzle"])
    assert not audit(puzzle).problems
    gold = gold_completion(puzzle, "answer")
    assert json.loads(gold)["solution"]["House 2"] == {"Name": "Eric", "Child": "Alice", "Beverage": "tea"}
    assert grade(puzzle, gold).correct
    with pytest.raises(UserError, match="one: a page that asks for the whole grid cannot be told again"):
        retold(puzzle, names=1)
    assert grade(puzzle, gold_completion(puzzle, "reason"), "reason").correct
    assert grade(puzzle, gold_completion(puzzle, "program"), "program").correct
    other = puzzle.model_copy(update={"answers": {**puzzle.answers, "House 1 Name": "Bella"}})
    assert "question House 1 Name: the answer is Alice" in audit(other).problems[0]


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([entry(size="3*4")], "'size' is '3\\*4', but the page has 3\\*3"),
        ([entry(), entry()], "puzzles 0 and 1 have the same id 'one'"),
        ([entry(puzzle=HAND)], "puzzle 0 \\(one\\): the clues leave more than one world"),
        ([entry(puzzle="Victim: Rex")], "no page in the layout of ZebraLogic"),
        ([{"id": "one"}], "needs 'puzzle'"),
        ({}, "not a list"),
        ([entry(id="\ud800")], "half of a surrogate pair"),
    ],
)
def test_what_cannot_be_imported(tmp_path: Path, entries: object, message: str) -> None:
    with pytest.raises(UserError, match=message):
        import_zebralogic(written(tmp_path, entries))


def test_solve_reads_standard_input() -> None:
    text = str(entry()["puzzle"])
    done = sleuth("solve", "-", given=text)
    assert done.returncode == 0 and done.stdout.startswith("House 1 Name. Alice\n")


@pytest.mark.skipif(not DATA, reason="SLEUTH_DATA is not set: the sample of ZebraLogic was NOT checked")
def test_the_sample_is_read_and_has_one_world_each() -> None:
    path = Path(str(DATA)) / "zebralogic-sample.json"
    puzzles = import_zebralogic(path)
    assert len(puzzles) == 8
    assert [audit(puzzle).problems for puzzle in puzzles] == [()] * 8
    completions = {row["id"]: row["completion"] for row in json.loads(path.read_text(encoding="utf-8"))}
    scores = {puzzle.id: grade(puzzle, completions[puzzle.id]) for puzzle in puzzles}
    read = [score for score in scores.values() if None not in score.answers.values()]
    assert len(read) == 7, "one of the completions gives up"
    assert sum(score.correct for score in scores.values()) == 1
