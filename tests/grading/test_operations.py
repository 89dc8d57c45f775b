"""The small operations of spelled-out reasoning: read, judged, and credited with the sentence that they lead to."""

from __future__ import annotations

import pytest

from sleuth.grading.reading import read_puzzle
from sleuth.grading.soundness import MOST_COMPARISONS, judge
from sleuth.logic.formulas import holds, worlds
from sleuth.puzzles.generate import make_puzzle
from sleuth.puzzles.puzzle import Puzzle

PAGE = """Victim: Rex
Suspects: Ada, Mrs. Sage
Weapons: Rope, Lamp
Map: Attic | Hut
At the murder, only the murderer was with the victim, and the murder weapon was there.
Clues:
Rex was in the Attic.
Ada was in the Hut.
The Lamp was in the same room as Ada.
Questions:
A. Murderer?
"""
MADE = make_puzzle("temporal-clue", "1", "train", 0, 0).puzzle
CASE = MADE.model_copy(update={"prompt": PAGE, "clues": (), "questions": (), "answers": {}})
BOATS = """Boats: 1, 2, 3 (left to right)
Name: Grace, Dean, Clara
Pet: parrot, dog, monkey
Each boat has one of each list and no two share one. With means on the same boat.
Clues:
Grace is not on boat 1.
Dean is not on boat 1.
Dean is just left of Grace.
Clara is with dog.
Parrot is not on boat 2.
Questions:
A. On which boat is Clara?
"""
ROW = make_puzzle("zebra", "1", "train", 0, 0).puzzle.model_copy(
    update={"prompt": BOATS, "clues": (), "questions": (), "answers": {}}
)


def verdicts(puzzle: Puzzle, text: str) -> list[tuple[str, str]]:
    return [(text[one.start : one.end], str(one.verdict)) for one in judge(puzzle, text)]


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("Attic, Hut: differ.", "empty"),
        ("hut, hut: same.", "empty"),
        ("Attic, Hut: same.", "false"),
        ("Hut, Hut: differ.", "false"),
        ("Ada, Hut: differ.", "unread"),
        ("Ada: Hut, Attic: differ.", "empty"),
        ("Ada: Hut, Attic: same.", "false"),
        ("Ada: Hut, Hut: same.", "empty"),
        ("Ada: Attic, Hut: differ.", "false"),
        ("Ada: Attic, Attic: same.", "false"),
        ("Lamp: Hut, Attic: differ.", "empty"),
        ("Murderer: Hut, Attic: differ.", "unread"),
        ("Murderer: Mrs. Sage, Ada: differ.", "empty"),
        ("Murderer: Ada, Mrs. Sage: differ.", "false"),
        ("Nobody: Attic, Hut: differ.", "unread"),
        ("Ada, Mrs. Sage: differ.", "empty"),
        ("Not Ada: Mrs. Sage.", "empty"),
        ("Not Ada: Ada.", "false"),
        ("Not Ada: Hut.", "unread"),
        ("Not Cellar: Hut.", "unread"),
        ("So: Murderer: Mrs. Sage.", "derived"),
        ("Murderer: Ada.", "false"),
        ("Murderer: Ada, Mrs. Sage.", "empty"),
        ("Lamp: Hut.", "derived"),
        ("Ada: Hut.", "repeated"),
        ("Together with: Ada was in the Hut.", "repeated"),
        ("Nothing yet.", "empty"),
    ],
)
def test_one_sentence(text: str, verdict: str) -> None:
    assert [found for _, found in verdicts(CASE, text)] == [verdict]


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("Not 1, 2: 3.", "empty"),
        ("Not 1: 2.", "false"),
        ("Not 1, 1: 2.", "false"),
        ("Clara: 1.", "derived"),
        ("Clara: 1, 2.", "derived"),
        ("Clara: 2, 3.", "false"),
        ("Clara: 1, 2, 3.", "empty"),
        ("Clara: 1, 1.", "unread"),
        ("Clara: 1, 4.", "unread"),
        ("parrot: 3.", "lucky"),
        ("Parrot: 1, 3.", "derived"),
    ],
)
def test_more_than_two_values(text: str, verdict: str) -> None:
    assert [found for _, found in verdicts(ROW, text)] == [verdict]


def test_a_comparison_is_credited_with_the_sentence_that_it_leads_to() -> None:
    text = (
        "Ada was in the Hut. Rex was in the Attic. Hut, Attic: differ. Not Ada: Mrs. Sage. Hut, Attic: differ. "
        "So: Mrs. Sage committed the murder. Hut, Hut: same. So: Ada committed the murder. "
        "So: The murder was committed in the Attic."
    )
    assert verdicts(CASE, text) == [
        ("Ada was in the Hut", "repeated"),
        ("Rex was in the Attic", "repeated"),
        ("Hut, Attic: differ", "derived"),
        ("Not Ada: Mrs. Sage", "derived"),
        ("Hut, Attic: differ", "empty"),
        ("Mrs. Sage committed the murder", "derived"),
        ("Hut, Hut: same", "empty"),
        ("Ada committed the murder", "false"),
        ("The murder was committed in the Attic", "derived"),
    ]


def test_only_so_many_comparisons_are_credited_with_one_sentence() -> None:
    many = ["Hut, Attic: differ.", "Attic, Hut: differ.", "Hut, Hut: same.", "Attic, Attic: same.", "Ada, Ada: same."]
    found = [verdict for _, verdict in verdicts(CASE, " ".join([*many, "So: Mrs. Sage committed the murder."]))]
    assert found.count("derived") == MOST_COMPARISONS + 1 and found[0] == "empty"


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("Rex was in the Attic. Nothing yet.", "false"),  # the murder was there
        ("The Lamp was in the same room as Ada. Nothing yet.", "empty"),
        ("Ada was in the Hut. Murderer: Mrs. Sage. Mrs. Sage: Attic. Nothing yet.", "empty"),
        ("Ada was in the Hut. The Lamp was in the same room as Ada. Nothing yet.", "false"),
        ("Ada was in the Hut. Lamp: Hut. The Lamp was in the same room as Ada. Nothing yet.", "empty"),
        ("Rex was in the Attic. Nothing.", "unread"),
        ("The Lamp was in the same room as Ada. Open.", "empty"),
        (
            "The Lamp was in the same room as Ada. Ada was in the Hut. Open.",
            "empty",
        ),  # which it is about is no plain fact
        ("The Lamp was in the same room as Ada. Ada was in the Hut. Lamp: Hut. Open.", "false"),
        ("Open.", "false"),
        ("Ada was in the Hut. Open.", "false"),
        ("Used up.", "false"),
        ("Ada was in the Hut. Used up.", "empty"),
        ("The Lamp was in the same room as Ada. Used up.", "false"),
        ("The Lamp was in the same room as Ada. Ada was in the Hut. Used up.", "empty"),  # of the last one
        ("Ada was in the Hut. The Lamp was in the same room as Ada. Used up.", "false"),
        ("Ada was in the Hut. The Lamp was in the same room as Ada. Lamp: Hut. Used up.", "empty"),
    ],
)
def test_remarks(text: str, verdict: str) -> None:
    assert verdicts(CASE, text)[-1][1] == verdict


@pytest.mark.parametrize("family", ["temporal-clue", "zebra"])
def test_nothing_yet_against_all_worlds(family: str) -> None:
    """After one clue alone: false exactly if it rules out what the rules do not, of other variables than it names."""
    told = {"false": 0, "empty": 0}
    for index in range(4 if family == "zebra" else 12):
        puzzle = make_puzzle(family, "1", "train", 31, index, "terse").puzzle
        reading = read_puzzle(puzzle)
        theory = reading.family.theory(reading.page.case)
        rules = theory.rules()
        obeying = [world for world in worlds(theory.space) if all(holds(rule, world) for rule in rules)]
        facts = {
            say(theory, v.index, x): v.index
            for v in theory.space
            for x in range(v.size)
            for say in (reading.family.fact, reading.family.denial)
        }
        for clue, text in zip(reading.page.clues, puzzle.clues, strict=True):
            with_clue = [world for world in obeying if holds(theory.formula(clue), world)]
            new = any(
                {w[v.index] for w in obeying} != {w[v.index] for w in with_clue}
                for v in theory.space
                if v.index != facts.get(clue)
            )
            told[verdict := "false" if new else "empty"] += 1
            assert verdicts(puzzle, f"{text} Nothing yet.")[-1][1] == verdict, (puzzle.id, text)
    assert min(told.values()) > 0
