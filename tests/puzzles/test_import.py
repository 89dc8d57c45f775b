"""The reader of the 2025 format: a page of our own by hand, and the original set, which another hand made.

The original puzzles are not part of this project. Where the environment variable SLEUTH_DATA names a folder that holds
`temporal-clue-val.json`, all of them are read, solved and compared with their stored answers.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
from pathlib import Path
from typing import Any

import pytest

from sleuth.errors import UserError
from sleuth.grading.deduction import grammar
from sleuth.logic.cnf import WorldSolver
from sleuth.logic.cpsat import CpModel
from sleuth.logic.formulas import And
from sleuth.puzzles.family import PageText
from sleuth.puzzles.gold import gold_completion
from sleuth.puzzles.registry import get_family
from sleuth.puzzles.solve import solve_text
from sleuth.puzzles.statements import Ref, Statement
from sleuth.puzzles.temporal_clue.original.dataset import import_original
from tests.puzzles.temporal_clue.bridge import night_of, setting_of, solved
from tests.puzzles.temporal_clue.truth import obeys, says

FAMILY = get_family("temporal-clue")


def answers_where_worlds_differ(page: PageText) -> list[set[str]]:
    """What each question may be answered in some world of the page, by asking for each choice."""
    theory = FAMILY.theory(page.case)
    cnf = theory.cnf.copy()
    for clue in page.clues:
        cnf.add(theory.formula(clue))
    with WorldSolver(cnf) as solver:
        return [
            {
                FAMILY.answer_text(page.case, choice)
                for choice in FAMILY.choices(page.case, question)
                if solver.satisfiable([solver.add_optional(theory.formula(question.fill(choice)))])
            }
            for question in page.questions
        ]


def originals() -> list[dict[str, Any]]:
    folder = os.environ.get("SLEUTH_DATA")
    if not folder:
        return []
    found = json.loads((Path(folder) / "temporal-clue-val.json").read_text(encoding="utf-8"))
    assert isinstance(found, list)
    return found


ORIGINALS = originals()


@pytest.mark.skipif(not ORIGINALS, reason="SLEUTH_DATA is not set: the original 64 puzzles were NOT checked")
def test_the_original_set_is_whole() -> None:
    assert len(ORIGINALS) == 64


@pytest.mark.skipif(not ORIGINALS, reason="SLEUTH_DATA is not set: the original 64 puzzles were NOT checked")
@pytest.mark.parametrize("number", range(64))
def test_an_original_puzzle_has_its_stored_answers(number: int) -> None:
    original = ORIGINALS[number]
    assert FAMILY.recognises(original["prompt"])
    page = FAMILY.read_page(original["prompt"])
    assert len(page.clues) == original["num_clues"]
    expected = original["solution"]
    assert set(page.letters) == set(expected), "every question is read"
    possible = answers_where_worlds_differ(page)
    assert dict(zip(page.letters, possible, strict=True)) == {letter: {answer} for letter, answer in expected.items()}
    world, answers = solved(page)
    assert answers == expected
    theory = FAMILY.theory(page.case)
    night, setting = night_of(theory, world), setting_of(theory.shape)
    assert obeys(setting, night), "the witness agrees"
    assert all(says(setting, night, clue) for clue in page.clues)


SMALL = """\
Nobody at Lake House expected the storm. The following persons of interest have been identified as suspects:

• Ada Quick
• Mr. Ben

And the following weapons were found on the premises:

• Garden Hose
• Oar

The murder could only have occured in one of the following rooms:

1. Boat House
2. Pier

The rooms are laid out as follows:

  N N  
W 1|2 E
  S S  

For the murder to occur, the murderer and Dr. Zed must have been alone in a room with at least one weapon.

The available clues are as follows:

- Dr. Zed was killed with the Oar
- Mr. Ben was in the room just west of Dr. Zed
- The Garden Hose was in the Pier or Mr. Ben was in the Boat House

Please answer the following question(s):

A. Who murdered Dr. Zed?
B. Where was the murder committed?

And the following bonus question(s):

C. Where was the Garden Hose?
D. Where was Mr. Ben?

Fill out your final answers in the following format:

A. SUSPECT
B. ROOM
C. ROOM
D. ROOM

Best of luck, detective.
"""  # noqa: W291 (the format's map ends in spaces)


def test_a_small_page_with_one_time() -> None:
    """Mr. Ben stands west of the victim, so he is not with him: Ada killed on the Pier, the hose is in the Boat House
    because Mr. Ben is, and "or" is exclusive. Read inclusively, the hose could be anywhere."""
    page = FAMILY.read_page(SMALL)
    case = page.case
    assert (case.victim, case.suspects, case.weapons) == ("Dr. Zed", ("Ada Quick", "Mr. Ben"), ("Garden Hose", "Oar"))
    assert (case.rooms, case.grid, len(case.times)) == (("Boat House", "Pier"), ((0, 1),), 1)
    assert (case.motives, case.motive_counts) == ((), None)
    now, ben, zed = Ref("time", 0), Ref("suspect", 1), Ref("victim", 0)
    either = (Statement("in", (Ref("weapon", 0), Ref("room", 1), now)), Statement("in", (ben, Ref("room", 0), now)))
    assert page.clues == (
        Statement("weapon", (Ref("weapon", 1),)),
        Statement("beside", (Ref("direction", 3), ben, zed, now)),
        Statement("either", either),
    )
    assert page.letters == ("A", "B", "C", "D")
    assert page.questions[3] == Statement("in", (ben, None, now))
    assert solved(page)[1] == {"A": "Ada Quick", "B": "Pier", "C": "Boat House", "D": "Boat House"}


LARGE = """\
Rain fell on the orchard. The following persons of interest have been identified as suspects:

• Ada Quick
• Mr. Ben
• Cleo

And the following weapons were found on the premises:

• Oar

The murder could only have occured in one of the following rooms:

01. Boat House
02. Pier
03. Cellar

The rooms are laid out as follows:

  NN NN  
W 01|02 E
W 03|- E
  SS SS  

The exact time of the murder is a bit uncertain, but it has been narrowed down to one of the following times:

• 11:00 PM
• 12:00 AM

At every time the suspects and Dr. Zed either stayed in their current room or moved to an orthogonally adjacent room \
(north, south, east, or west). Weapons could be moved by suspects between rooms as well.

The suspects each had one of the following possible motives for killing Dr. Zed:

• Boredom (2 suspects)
• Hunger (1 suspect)

For the murder to occur, the murderer and Dr. Zed must have been alone in a room with at least one weapon at some \
point in the night. Any clue about Dr. Zed's whereabouts should be read as "Dr. Zed (dead or alive) ..."

The available clues are as follows:

- Dr. Zed was murdered at 12:00 AM
- The suspect motivated by Hunger moved the Oar from the Cellar to the Boat House at 12:00 AM
- Dr. Zed moved from the Pier to the Boat House at 12:00 AM
- Cleo is motivated by Hunger
- Ada Quick and Mr. Ben were in the Cellar together at least once
- Ada Quick moved from the Boat House to the Cellar at 12:00 AM
- A suspect motivated by Boredom was in the Cellar at 11:00 PM if and only if the murderer was in the Cellar at 11:00 PM

Please answer the following question(s):

A. Who murdered Dr. Zed?
B. What weapon did the murderer use?
C. When did the murder occur?
D. Why did the murderer do it?

And the following bonus question(s):

E. Who is motivated by Hunger?
F. What motivates Ada Quick?
G. Where was the suspect motivated by Hunger at 11:00 PM?
H. Where was Mr. Ben at 11:00 PM?

Best of luck, detective.
"""  # noqa: W291


def test_a_page_with_times_a_hole_and_shared_motives() -> None:
    """Cleo carries the oar to the Boat House at midnight and meets the victim there. The murderer was in the Boat House
    at midnight, so it is Cleo or Mr. Ben, but Mr. Ben met Ada in the Cellar: at midnight, when she had come there.
    The murderer was in the Cellar at 11, hence someone bored was: Mr. Ben, for Ada was in the Boat House."""
    page = FAMILY.read_page(LARGE)
    case = page.case
    assert case.grid == ((0, 1), (2, None))
    assert case.times == ("11:00 PM", "12:00 AM")
    assert (case.motives, case.motive_counts) == (("Boredom", "Hunger"), (2, 1))
    midnight, cellar, boats = Ref("time", 1), Ref("room", 2), Ref("room", 0)
    assert page.clues[0] == Statement("hour", (midnight,))
    assert page.clues[1] == Statement("carry", (Ref("holder", 1), Ref("weapon", 0), cellar, boats, midnight))
    assert page.clues[6].args[0] == Statement("in", (Ref("holder", 0), cellar, Ref("time", 0)))
    theory = FAMILY.theory(case)
    expected = {
        "A": "Cleo",
        "B": "Oar",
        "C": "12:00 AM",
        "D": "Hunger",
        "E": "Cleo",
        "F": "Boredom",
        "G": "Cellar",
        "H": "Cellar",
    }
    assert solved(page)[1] == expected
    formulas = [*theory.rules(), *(theory.formula(clue) for clue in page.clues)]
    assert len(CpModel(theory.space, formulas).worlds(limit=2)) == 1
    assert len(CpModel(theory.space, [And(tuple(formulas[:-1]))]).worlds(limit=2)) == 2, "the last clue is needed"


FAULTS = {
    "no suspects": SMALL.replace("• Ada Quick\n• Mr. Ben\n", ""),
    "no rooms": SMALL.replace("1. Boat House\n2. Pier\n", ""),
    "no victim": SMALL.replace("the murderer and Dr. Zed must", "they must"),
    "a room that is not on the map": SMALL.replace("W 1|2 E", "W 1 E"),
    "a room twice on the map": SMALL.replace("W 1|2 E", "W 1|2|1 E"),
    "a room on the map that is not listed": SMALL.replace("W 1|2 E", "W 1|2|3 E"),
    "an unknown sentence": SMALL.replace("- Dr. Zed was killed with the Oar", "- Dr. Zed was killed"),
    "a time where there is one": SMALL.replace("of Dr. Zed\n", "of Dr. Zed at 11:00 PM\n"),
    "an unknown question": SMALL.replace("Who murdered Dr. Zed?", "Who loved Dr. Zed?"),
    "a number of five thousand digits": LARGE.replace("(2 suspects)", f"({'2' * 5000} suspects)"),
    "cut short": SMALL[: SMALL.index("- Mr. Ben was in")],
}


@pytest.mark.parametrize("text", FAULTS.values(), ids=FAULTS)
def test_faults_are_told_in_one_line(text: str) -> None:
    with pytest.raises(UserError) as caught:
        FAMILY.read_page(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", [SMALL, LARGE], ids=["small", "large"])
def test_a_page_cut_anywhere_is_read_or_refused(text: str) -> None:
    for end in range(0, len(text), 7):
        try:
            FAMILY.read_page(text[:end])
        except UserError as error:
            assert "\n" not in str(error)


@pytest.mark.skipif(not ORIGINALS, reason="SLEUTH_DATA is not set: the original 64 puzzles were NOT checked")
def test_the_grammars_allow_the_original_answers_and_programs() -> None:
    for puzzle in import_original(Path(os.environ["SLEUTH_DATA"]) / "temporal-clue-val.json"):
        for mode in ("program", "answer"):
            assert re.fullmatch(grammar(puzzle, mode), gold_completion(puzzle, mode)), (puzzle.id, mode)


LAST = "- The Garden Hose was in the Pier or Mr. Ben was in the Boat House\n"


@pytest.mark.parametrize("mark", ["* ", "", "– ", "-\t", "   - ", "+ ", "4. "])
def test_a_line_behind_the_last_clue_is_a_clue(mark: str) -> None:
    assert LAST in SMALL
    contradiction = SMALL.replace(LAST, f"{LAST}{mark}Dr. Zed was killed with the Garden Hose\n")
    if mark != "4. ":  # a number where there were none begins at 1
        assert len(FAMILY.read_page(contradiction).clues) == 4
    with pytest.raises(UserError, match=r"contradict|1 should come next"):
        solve_text(contradiction)
    with pytest.raises(UserError, match="'The butler did it'"):
        FAMILY.read_page(SMALL.replace(LAST, f"{LAST}{mark.replace('4', '1')}The butler did it\n"))


@pytest.mark.parametrize("mark", ["– ", "-\t", "-  ", "{}. ", "{}) ", "({}) ", "[{}] ", "#{} ", "* ", "  + "])
def test_clues_and_names_have_any_mark(mark: str) -> None:
    lines, number = [], 0
    for line in SMALL.splitlines():
        number = number + 1 if line[:2] in ("- ", "• ") else 0
        lines.append(mark.format(number) + line[2:] if number else line)
    assert FAMILY.read_page("\n".join(lines)) == FAMILY.read_page(SMALL)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("  N N  ", "  S S  ", "a line of N above"),
        ("W 1|2 E", "E 1|2 W", "belongs to no part"),
        ("1. Boat House\n2. Pier", "1. Boat House\n1. Pier", "two rooms have the number 1"),
        ("• Mr. Ben", "Mr. Ben", "belongs to no part of the page: 'Mr. Ben'"),
        ("B. Where was the murder", "A. Where was the murder", "two questions have the letter A"),
        ("C. ROOM\n", "", "the form of the answers has not the lines"),
        ("B. ROOM", "B. WEAPON", "a line of no question: 'B. WEAPON'"),
        ("Best of luck, detective.", "- Mr. Ben was in the Pier", "belongs to no part"),
        ("Best of luck, detective.", "It was late by then. Mr. Ben was in the Pier.", "outside of the lists"),
    ],
)
def test_nothing_is_passed_over(old: str, new: str, message: str) -> None:
    assert old in SMALL
    with pytest.raises(UserError, match=message):
        FAMILY.read_page(SMALL.replace(old, new))


def test_num_clues_is_compared(tmp_path: Path) -> None:
    entry = {"num_clues": 3, "prompt": SMALL, "solution": dict(zip("ABCD", "wxyz", strict=True))}
    path = tmp_path / "one.json"
    path.write_text(json.dumps([entry]), encoding="utf-8")
    assert len(import_original(path)) == 1
    path.write_text(json.dumps([entry | {"num_clues": 4}]), encoding="utf-8")
    with pytest.raises(UserError, match="puzzle 0: num_clues is 4, but the page has 3 clues"):
        import_original(path)


@pytest.mark.parametrize("mark", ["{}. {}  ", "{}) {}", "({}) {}", "[{}]  {}", " {}: {}\t"])
def test_questions_have_any_mark_and_white_space(mark: str, tmp_path: Path) -> None:
    """The question's text is the sentence, however its line looks."""
    lines = [
        mark.format(line[0], line[3:]) if re.match(r"[A-Z]\. .*\?$", line) else line for line in SMALL.splitlines()
    ]
    path = tmp_path / "one.json"
    solution = dict(zip("ABCD", "wxyz", strict=True))
    path.write_text(json.dumps([{"prompt": text, "solution": solution} for text in (SMALL, "\n".join(lines))]))
    plain, marked = import_original(path)
    assert plain.questions == marked.questions and plain.prompt != marked.prompt
    assert plain.questions[0].text.startswith("Who murdered") and plain.questions[0].text.endswith("?")


def test_a_question_without_its_mark_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    path.write_text(json.dumps([{"prompt": SMALL.replace("Dr. Zed?", "Dr. Zed"), "solution": {}}]))
    with pytest.raises(UserError, match="puzzle 0: "):
        import_original(path)


def test_what_is_no_file_of_puzzles(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is a folder; name a file"):
        import_original(tmp_path)
    path = tmp_path / "one.json"
    for content, said in (
        (b"\xff", "not a JSON file"),
        (b"[" * 100_000, "nested too deep"),
        (json.dumps([{"prompt": SMALL, "solution": {"A": "\ud800"}}]).encode(), "half of a surrogate pair"),
    ):
        path.write_bytes(content)
        with pytest.raises(UserError, match=said):
            import_original(path)


@pytest.mark.parametrize(
    "text",
    [
        SMALL.replace("  N N  \n", f"  {'N' * 60}x\n"),
        SMALL.replace("Nobody at", "So the Mr. " * 400 + "Nobody at"),
    ],
    ids=["map", "titles"],
)
def test_hostile_pages_take_no_time(text: str) -> None:
    assert text != SMALL
    start = time.process_time()
    with contextlib.suppress(UserError):
        get_family("temporal-clue").read_page(text)
    assert time.process_time() - start < 5
