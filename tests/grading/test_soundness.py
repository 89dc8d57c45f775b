"""What a completion says on the way, against hand-made texts and against plain enumeration of worlds."""

from __future__ import annotations

import itertools
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sleuth.errors import UserError
from sleuth.grading import grade
from sleuth.grading.reading import read_puzzle
from sleuth.grading.soundness import Soundness, Verdict, judge, soundness
from sleuth.logic.clues import is_world
from sleuth.logic.cnf import WorldSolver
from sleuth.logic.formulas import Not, World, holds
from sleuth.puzzles.explain import explain, tell
from sleuth.puzzles.generate import make_puzzle
from sleuth.puzzles.gold import gold_completion
from sleuth.puzzles.puzzle import Puzzle
from sleuth.puzzles.statements import Statement

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
B. Weapon?
C. Where was Mrs. Sage?
"""
CONDITION = "If Ada was in the Attic, then Rex was in the Hut and Ada was in the Attic"
TEMPLATE = make_puzzle("temporal-clue", "1", "train", 0, 0).puzzle
CASE = TEMPLATE.model_copy(update={"prompt": PAGE, "clues": (), "questions": (), "answers": {}})


def verdicts(puzzle: Puzzle, text: str, most: int = 3) -> list[tuple[str, str]]:
    return [(text[one.start : one.end], str(one.verdict)) for one in judge(puzzle, text, most)]


def figures(puzzle: Puzzle, text: str) -> Soundness:
    return soundness([one.verdict for one in judge(puzzle, text)])


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Rex was in the Attic.", [("Rex was in the Attic", "repeated")]),
        # Mrs. Sage is the murderer, since Ada was elsewhere; the rope, since the lamp was with Ada.
        (
            "So: Mrs. Sage committed the murder. The murder was committed with the Rope.",
            [("Mrs. Sage committed the murder", "derived"), ("The murder was committed with the Rope", "derived")],
        ),
        ("Ada committed the murder!", [("Ada committed the murder", "false")]),
        ("Hm. Rex was in the Attic?", [("Hm", "unread")]),
        (
            "1. **Rex was in the Attic.** [clue 1]\n- Therefore, Mrs. Sage was in the Attic (by clue 2).",
            [("Rex was in the Attic", "repeated"), ("Mrs. Sage was in the Attic", "derived")],
        ),
        (
            "Mrs. Sage was in the Attic, since Mrs. Sage committed the murder.",
            [("Mrs. Sage committed the murder", "derived"), ("Mrs. Sage was in the Attic", "derived")],
        ),
        (
            "Ada was in the Hut and the Lamp was in the Hut, so Mrs. Sage committed the murder.",
            [
                ("Ada was in the Hut", "repeated"),
                ("the Lamp was in the Hut", "derived"),
                ("Mrs. Sage committed the murder", "derived"),
            ],
        ),
        (
            "The Lamp was in the Hut. The Lamp was in the Hut.",
            [("The Lamp was in the Hut", "derived"), ("The Lamp was in the Hut", "repeated")],
        ),
        ("Ada was in the same room as the Lamp.", [("Ada was in the same room as the Lamp", "repeated")]),
        (
            "Suppose that Ada committed the murder. Ada was in the Attic. So the Rope was in the Attic.",
            [("the Rope was in the Attic", "derived")],
        ),
        (
            "Suppose: Ada committed the murder. So: Rex was in the Hut. So: Nothing yet. So: Rex was in the Hut.",
            [("Nothing yet", "empty"), ("Rex was in the Hut", "false")],
        ),
        ("The murderer was in the same room as Rex.", [("The murderer was in the same room as Rex", "empty")]),
        ("Now suppose that Ada committed the murder.\nThen Ada was in the Attic. That cannot be.", []),
        ("Let us assume that Rex was in the Hut. Ada was in the Attic.", []),
        ("**Case 1:**\n- Rex was in the Hut.\n- Ada was in the Attic.", []),
        ("Case 1. Rex was in the Hut.", []),
        ("By contradiction: Rex was in the Hut.", []),
        (
            "If Rex was in the Hut:\n- Ada was in the Attic.\nSo Rex was in the Attic.",
            [("Rex was in the Attic", "repeated")],
        ),
        (
            "Suppose nothing.\n\nAda was in the Attic. Ada committed the murder.",
            [("Ada was in the Attic", "false"), ("Ada committed the murder", "false")],
        ),
        (
            "Suppose that Ada committed the murder. So Ada was in the Attic. But that contradicts clue 2. So Mrs. Sage "
            "committed the murder. Rex was in the Hut.",
            [("Mrs. Sage committed the murder", "derived"), ("Rex was in the Hut", "false")],
        ),
        (
            "Suppose Ada committed the murder. So Ada was in the Attic. So Rex was alone with Ada.\nSo Mrs. Sage "
            "committed the murder.",
            [("Mrs. Sage committed the murder", "derived")],
        ),
        (
            "Suppose Ada was in the Attic. Then Ada was in both rooms, a contradiction; so Mrs. Sage was in the Attic. "
            "Ada committed the murder.",
            [("Mrs. Sage was in the Attic", "derived"), ("Ada committed the murder", "false")],
        ),
        (
            "a) Ada was in the Attic.\ni. Rex was in the Hut.",
            [("Ada was in the Attic", "false"), ("Rex was in the Hut", "false")],
        ),
        (
            "From clue 2, Mrs. Sage committed the murder. Clue 1 says that Rex was in the Attic.",
            [("Mrs. Sage committed the murder", "derived"), ("Rex was in the Attic", "repeated")],
        ),
        ("If Ada was in the Attic, then Rex was in the Hut and Ada was in the Attic.", [(CONDITION, "unread")]),
        ("It cannot be that: Ada was in the Attic.", [("It cannot be that: Ada was in the Attic", "unread")]),
        ("A. Mrs. Sage\nB. Rope\nC. Attic", []),
        ("", []),
    ],
)
def test_by_hand(text: str, found: list[tuple[str, str]]) -> None:
    assert verdicts(CASE, text) == found


def test_too_many_clues_at_once_prove_no_reasoning() -> None:
    """That the rope was used takes clues 1 to 3: with two at once it is luck, unless a step comes between."""
    weapon = "The murder was committed with the Rope."
    assert verdicts(CASE, weapon, 3) == [(weapon[:-1], "derived")]
    assert verdicts(CASE, weapon, 2) == [(weapon[:-1], "lucky")]
    assert [verdict for _, verdict in verdicts(CASE, f"The Lamp was in the Hut. {weapon}", 2)] == ["derived"] * 2


def test_figures() -> None:
    found = soundness(["repeated", "unread", "derived", "false", "lucky"])
    assert (found.read, found.unread, found.true, found.derived, found.first_false) == (4, 1, 0.75, 0.25, 2)
    found = soundness(["unread"])
    assert (found.read, found.unread, found.true, found.derived, found.first_false) == (0, 1, None, None, None)


def all_worlds(puzzle: Puzzle) -> list[World]:
    """Those that obey the rules."""
    reading = read_puzzle(puzzle)
    found = []
    with WorldSolver(reading.family.theory(reading.page.case).cnf.copy()) as solver:
        while (world := solver.solve()) is not None:
            found.append(world)
            solver.add(Not(is_world(solver.cnf, world)))
    return found


@pytest.mark.parametrize(
    ("family", "level", "style"),
    [("temporal-clue", "1", "plain"), ("temporal-clue", "1", "original"), ("zebra", "1", "plain")],
)
@pytest.mark.parametrize("index", range(3))
@pytest.mark.parametrize("most", [1, 2, 3])
def test_as_plain_enumeration_says(family: str, level: str, style: str, index: int, most: int) -> None:
    """Facts and denials, true and false, and clues in random order, each judged by all worlds and all sets of clues."""
    puzzle = make_puzzle(family, level, "train", 5, index, style).puzzle
    reading = read_puzzle(puzzle)
    theory = reading.family.theory(reading.page.case)
    worlds = all_worlds(puzzle)
    clues = [theory.formula(clue) for clue in reading.page.clues]
    [real] = [world for world in worlds if all(holds(clue, world) for clue in clues)]
    pairs = [(v.index, value) for v in theory.space for value in range(v.size)]
    makers = (reading.family.fact, reading.family.denial)
    statements = [say(theory, *pair) for pair in pairs for say in makers]
    told: list[Statement] = [s for s in statements if s is not None] + list(reading.page.clues)
    Random(index).shuffle(told)
    grammar = reading.family.fact_grammar(reading.page.case, style)
    told += told[:10]  # what was lucky may be derived when it is said again
    text = "\n".join(grammar.sentence(statement, style) for statement in told)

    expected, said, derived = [], {frozenset([clue.kind, *clue.args]) for clue in reading.page.clues}, []
    lucky = set()
    for statement in told:
        formula, key = theory.formula(statement), frozenset([statement.kind, *statement.args])
        left = [world for world in worlds if all(holds(one, world) for one in derived)]
        if not holds(formula, real):
            expected.append("false")
        elif key in said:
            expected.append("repeated")
        elif all(holds(formula, world) for world in worlds):
            expected.append("empty")
            said.add(key)
        else:
            works = any(
                all(holds(formula, w) for w in left if all(holds(clue, w) for clue in chosen))
                for chosen in itertools.combinations(clues, min(most, len(clues)))
            )
            expected.append("derived" if works else "repeated" if key in lucky else "lucky")
            (said if works else lucky).add(key)
            derived += [formula] if works else []
    found = judge(puzzle, text, most)
    assert [str(one.verdict) for one in found] == expected
    assert {"derived", "false"} <= set(expected)
    for one in found:
        if one.verdict is Verdict.DERIVED:
            assert len(one.clues) <= most


@pytest.mark.parametrize(("family", "level"), [("temporal-clue", "1"), ("temporal-clue", "2"), ("zebra", "2")])
def test_our_own_traces_are_sound(family: str, level: str) -> None:
    for index in range(3):
        puzzle = make_puzzle(family, level, "train", 6, index).puzzle
        found = figures(puzzle, gold_completion(puzzle, "reason"))
        assert found.unread == 0 and found.true == 1 and found.derived is not None and found.derived > 0.5
        for telling in ("full", "numbered"):
            text = "\n".join(tell(explain(puzzle), telling))  # type: ignore[arg-type]
            found = figures(puzzle, text)
            assert found.unread == 0 and found.true == 1


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from([*PAGE.splitlines(), "So:", "Suppose that", "and", ".", ":", "[", "1.", "\n", " ", "x"]))
)
def test_any_text_is_judged(parts: list[str]) -> None:
    text = " ".join(parts)
    places = [(one.start, one.end) for one in judge(CASE, text)]
    assert all(0 <= start < end <= len(text) for start, end in places)


def test_a_puzzle_without_a_world_is_refused_and_its_completions_graded() -> None:
    page = PAGE.replace("Clues:\n", "Clues:\nAda was in the Attic.\n")
    puzzle = CASE.model_copy(update={"prompt": page, "answers": {"A": "Ada"}})
    with pytest.raises(UserError, match="no world"):
        judge(puzzle, "Rex was in the Attic.")
    assert grade(puzzle, "Rex was in the Attic.", "reason").spans == ()
    assert grade(puzzle, "in(Rex, Attic)", "program").spans == ()


HOSTILE = {
    "marks": "!" * 200_000 + "a",
    "spaces": ("a" + " " * 990 + "b\n") * 200,
    "answer": "A. a" + " " * 190_000 + "b",
    "brackets": "(" * 10**6,
    "suppositions": "Suppose " * 10**5,
    "claims": "Rex was in the Attic and " * 10**4,
    "odd": "\0\ud800 9.9.9. " * 999,
    "citations": "Ada was in the Hut " + "(by " * 30_000,
    "stops": ". " * 10**5,
    "reasons": ("by a: b since " * 60 + "x.\n") * 200,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_texts_are_judged_at_once(name: str) -> None:
    """Some patterns that go back and forth would take minutes or hours for these, and so would trying every part."""
    judge(CASE, HOSTILE[name])
    grade(CASE.model_copy(update={"answers": {"A": "Ada"}}), HOSTILE[name])
