"""How reasoning is told, by hand and over all families."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import get_args

import pytest

from sleuth.config import RoundTelling, Telling
from sleuth.errors import UserError
from sleuth.grading import grade
from sleuth.grading.reading import read_puzzle
from sleuth.grading.soundness import Verdict, judge
from sleuth.logic import rounds
from sleuth.puzzles.generate import make_puzzle
from sleuth.puzzles.gold import gold_completion
from sleuth.puzzles.puzzle import Puzzle
from sleuth.puzzles.registry import family_names, get_family
from sleuth.puzzles.tellings import reasoning
from sleuth.puzzles.tellings.lists import Lists
from sleuth.puzzles.tellings.rounds import NOTHING

PAGE = """Victim: Rex
Suspects: Ada, Ben
Weapons: Rope, Oar
Map: Hall | Bar
At the murder, only the murderer was with the victim, and the murder weapon was there.
Clues:
The Oar was in the same room as Ben.
Ada was in the Hall.
Either Rex was in the Bar or the Oar was in the Hall, but not both.
The murder was committed with the Rope.
Questions:
A. Murderer?
B. Where was Rex?"""


def puzzle_of(page: str) -> Puzzle:
    made = make_puzzle("temporal-clue", "1", "train", 1, 0).puzzle
    texts = [line.partition(". ")[2] for line in page.split("Questions:\n")[1].split("\n")]
    questions = tuple(
        made.questions[0].model_copy(update={"letter": "ABC"[place], "text": text}) for place, text in enumerate(texts)
    )
    return made.model_copy(update={"prompt": page, "questions": questions, "meta": {"style": "terse"}})


def page_of(*clues: str) -> str:
    before, rest = PAGE.split("Clues:\n")
    return "\n".join([f"{before}Clues:", *clues, f"Questions:{rest.split('Questions:')[1]}"])


OTHERS = ["Not Ada: Ben. Not Ben: Ada.", "Not Rope: Oar. Not Oar: Rope.", "Not Hall: Bar. Not Bar: Hall."]
EITHER = "Either Rex was in the Bar or the Oar was in the Hall, but not both."
TOLD: dict[RoundTelling, list[str]] = {
    "page-order": [
        "The Oar was in the same room as Ben. Nothing yet.",
        "Ada was in the Hall. So: Ben was in the Bar.",
        f"{EITHER} Nothing yet.",
        "The murder was committed with the Rope.",
        "The Oar was in the same room as Ben. So: The Oar was in the Bar.",
        f"{EITHER} So: Rex was in the Bar. Ben committed the murder. The murder was committed in the Bar. The Rope was "
        "in the Bar.",
    ],
    "spelled": [
        *OTHERS,
        *("The Oar was in the same room as Ben.", "Oar: Hall, Bar. Ben: Hall, Bar. Nothing yet."),
        *("Ada was in the Hall.", "Not Ada: Ben.", "Not Hall: Bar.", "So: Ben was in the Bar."),
        *(EITHER, "Rex: Hall, Bar. Oar: Hall, Bar. Nothing yet."),
        *("The murder was committed with the Rope.", "Asked: Murderer? Nothing yet."),
        *("The Oar was in the same room as Ben.", "Oar: Hall, Bar. Ben: Bar.", "So: The Oar was in the Bar."),
        *("The murder was committed with the Rope.", "The Oar was in the Bar.", "Rope, Oar: differ."),
        *(EITHER, "Rex: Hall, Bar. Oar: Bar.", "Oar: Bar, Hall: differ.", "So: Rex was in the Bar."),
        *("Ada was in the Hall.", "Rex was in the Bar.", "Ada: Hall, Bar: differ.", "Not Ada: Ben."),
        "So: Ben committed the murder.",
        "So: The murder was committed in the Bar.",
        *("The murder was committed with the Rope.", "So: The Rope was in the Bar."),
        *("Asked: Murderer? Ben committed the murder.", "Asked: Where was Rex? Rex was in the Bar."),
    ],
    "state": [
        "The Oar was in the same room as Ben. Nothing yet.",
        "Ada was in the Hall. Ada: Hall. Ben: Bar.",
        f"{EITHER} Nothing yet.",
        "The murder was committed with the Rope. Weapon: Rope.",
        "The Oar was in the same room as Ben. Oar: Bar.",
        f"{EITHER} Rex: Bar. Murderer: Ben. Scene: Bar. Rope: Bar.",
    ],
}


@pytest.mark.parametrize(("telling", "said"), TOLD.items())
def test_by_hand(telling: RoundTelling, said: list[str]) -> None:
    assert reasoning(puzzle_of(PAGE), telling) == said


def test_places_are_compared_at_every_conclusion_that_rests_on_two() -> None:
    """For a clue of one part, beside a third premise, and again where the same look has compared them already."""
    clues = ("The Oar was in the Hall.", "Ada was in the Hall.", "The murder weapon was in the Bar.")
    told = reasoning(puzzle_of(page_of(*clues)), "spelled")
    assert told[len(OTHERS) + 1 :] == [
        *("Ada was in the Hall.", "Not Ada: Ben.", "Not Hall: Bar.", "So: Ben was in the Bar."),
        *("The murder weapon was in the Bar.", "Weapon: Rope, Oar. Rope: Hall, Bar. Oar: Hall."),
        *("Oar: Hall, Bar: differ.", "Not Oar: Rope."),
        *("So: The murder was committed with the Rope.", "So: The Rope was in the Bar."),
        *("The murder was committed with the Rope.", "Ada was in the Hall.", "The Rope was in the Bar."),
        *("Rope, Rope: same.", "Ada: Hall, Bar: differ.", "Not Ada: Ben.", "So: Ben committed the murder."),
        *("So: The murder was committed in the Bar.", "So: Rex was in the Bar."),
        *("Asked: Murderer? Ben committed the murder.", "Asked: Where was Rex? Rex was in the Bar."),
    ]


ZEBRA = """Boats: 1, 2, 3 (left to right)
Name: Amy, Ella, Grace
Sail: black, yellow, blue
Each boat has one of each list and no two share one. With means on the same boat. Somewhere left may be just left.
Clues:
Black is just left of Amy.
Ella is with blue.
Blue is somewhere left of yellow.
Ella is on boat 1.
Questions:
A. On which boat is Grace?
B. Which sail is with Ella?"""


def zebra_of(page: str) -> Puzzle:
    made = make_puzzle("zebra", "1", "train", 1, 0).puzzle
    texts = ("On which boat is Grace?", "Which sail is with Ella?")
    questions = tuple(
        made.questions[0].model_copy(update={"letter": letter, "text": text})
        for letter, text in zip("AB", texts, strict=True)
    )
    return made.model_copy(update={"prompt": page, "questions": questions, "meta": {"style": "terse"}})


def wrong_in(puzzle: Puzzle, lines: list[str]) -> list[str]:
    """The sentences that the judge finds false or cannot read."""
    text = "\n".join(lines)
    return [text[one.start : one.end] for one in judge(puzzle, text) if one.verdict in (Verdict.FALSE, Verdict.UNREAD)]


def test_a_list_is_told_whenever_a_clue_has_changed_it() -> None:
    """Also where nothing follows. What a clue leaves comes in its own order: blue before yellow. A look ends with its
    clue, and one that is used up is said in its turn."""
    told = reasoning(zebra_of(ZEBRA), "spelled")
    assert told == [
        *("Black is just left of Amy.", "black: 1, 2, 3. Amy: 1, 2, 3.", "black: 1, 2.", "Amy: 2, 3."),
        *("black: 1, 2. yellow: 1, 2, 3. blue: 1, 2, 3.", "Amy: 2, 3. Ella: 1, 2, 3. Grace: 1, 2, 3."),
        "Black is just left of Amy. Open.",
        *("Ella is with blue.", "Ella: 1, 2, 3. blue: 1, 2, 3.", "Ella is with blue. Nothing yet."),
        *("Blue is somewhere left of yellow.", "blue: 1, 2, 3. yellow: 1, 2, 3.", "blue: 1, 2.", "yellow: 2, 3."),
        *("black: 1, 2. yellow: 2, 3. blue: 1, 2.", "So: Yellow is on boat 3."),
        "Blue is somewhere left of yellow. Used up.",
        *("Ella is on boat 1.", "Ella: 1, 2, 3.", "Amy: 2, 3. Ella: 1. Grace: 1, 2, 3.", "Grace: 2, 3."),
        *("Ella is on boat 1. Used up.", "Asked: On which boat is Grace? Grace: 2, 3. Nothing yet."),
        *("Black is just left of Amy.", "black: 1, 2. Amy: 2, 3.", "Black is just left of Amy. Nothing yet."),
        *("Ella is with blue.", "Ella: 1. blue: 1, 2.", "So: Blue is on boat 1."),
        *("black: 1, 2. yellow: 3. blue: 1.", "So: Black is on boat 2.", "Ella is with blue. Used up."),
        *("Blue is somewhere left of yellow. Used up.", "Ella is on boat 1. Used up."),
        "Asked: On which boat is Grace? Grace: 2, 3. Nothing yet.",
        *("Black is just left of Amy.", "black: 2. Amy: 2, 3.", "So: Amy is on boat 3."),
        *("Amy: 3. Ella: 1. Grace: 2, 3.", "So: Grace is on boat 2.", "Black is just left of Amy. Used up."),
        *("Ella is with blue. Used up.", "Blue is somewhere left of yellow. Used up.", "Ella is on boat 1. Used up."),
        "Asked: On which boat is Grace? Grace: 2. Grace is on boat 2.",
        "Asked: Which sail is with Ella? Ella: 1. black: 2. yellow: 3. blue: 1. Ella is on boat 1. Blue is on boat 1.",
    ]
    assert wrong_in(zebra_of(ZEBRA), told) == []


SUPPOSING = re.sub(
    r"(?s)(?<=Clues:\n).*(?=Questions:)",
    "Ella is just left of blue.\nAmy is just left of yellow.\nElla is somewhere left of yellow.\n",
    ZEBRA,
)
LISTS = ["Amy: 1, 2. Ella: 1, 2. Grace: 3.", "black: 1. yellow: 2, 3. blue: 2, 3."]
"""What is known after a round of that page; another round gives nothing."""


def test_values_are_supposed_where_no_single_clue_gives_anything() -> None:
    """Those of the first open clue's first variable, one after another, until one leaves nothing possible. The lists
    are told as they were before, so far as not all of them is known."""
    told = reasoning(zebra_of(SUPPOSING), "spelled")
    first = told.index("Suppose: Ella is on boat 1.")
    assert told[first - 2 :] == [
        *(*LISTS, "Suppose: Ella is on boat 1.", "Amy: 1, 2. Ella: 1. Grace: 3.", "So: Amy is on boat 2."),
        *("Ella is just left of blue.", "Ella: 1. blue: 2, 3.", "So: Blue is on boat 2."),
        *("black: 1. yellow: 2, 3. blue: 2.", "So: Yellow is on boat 3.", "Ella is just left of blue. Used up."),
        *("Amy is just left of yellow.", "Amy: 2. yellow: 3.", "Amy is just left of yellow. Used up."),
        *("Ella is somewhere left of yellow.", "Ella: 1. yellow: 3.", "Ella is somewhere left of yellow. Used up."),
        *("So: Nothing yet.", *LISTS, "Suppose: Ella is on boat 2."),
        *("Amy: 1, 2. Ella: 2. Grace: 3.", "So: Amy is on boat 1."),
        *("Ella is just left of blue.", "Ella: 2. blue: 2, 3.", "So: Blue is on boat 3."),
        *("black: 1. yellow: 2, 3. blue: 3.", "So: Yellow is on boat 2.", "Ella is just left of blue. Used up."),
        *("Amy is just left of yellow.", "Amy: 1. yellow: 2.", "Amy is just left of yellow. Used up."),
        *("Ella is somewhere left of yellow.", "Ella: 2. yellow: 2.", "Ella is somewhere left of yellow. Impossible."),
        *("So: Ella is on boat 1.", "Amy: 1, 2. Ella: 1. Grace: 3.", "So: Amy is on boat 2.", LISTS[1]),
        "Asked: On which boat is Grace? Grace: 3. Grace is on boat 3.",
        "Asked: Which sail is with Ella? Ella: 1. black: 1. yellow: 2, 3. blue: 2, 3. Ella is on boat 1. "
        "Black is on boat 1.",
    ]


def test_what_is_supposed_is_not_claimed_and_what_comes_behind_it_is() -> None:
    told = reasoning(zebra_of(SUPPOSING), "spelled")
    assert wrong_in(zebra_of(SUPPOSING), told) == []
    nothing = told.index("So: Nothing yet.")
    untrue = [*told[: nothing + 1], "yellow: 1, 2.", "So: Ella is on boat 1."]
    assert wrong_in(zebra_of(SUPPOSING), untrue) == ["yellow: 1, 2"]
    refuted = told.index("So: Ella is on boat 1.")
    untrue = [*told[:refuted], "So: Ella is on boat 3.", "black: 2, 3.", "So: Black is on boat 1."]
    assert wrong_in(zebra_of(SUPPOSING), untrue) == ["Ella is on boat 3", "black: 2, 3"]


def test_after_some_suppositions_that_refute_nothing_clues_are_taken_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "MOST_OPEN", 1)
    told = reasoning(zebra_of(SUPPOSING), "spelled")
    assert [line for line in told if line.startswith("Suppose: ")] == ["Suppose: Ella is on boat 1."]
    nothing = told.index("So: Nothing yet.")
    assert told[nothing + 1 : nothing + 3] == LISTS and "Together with" in told[nothing + 3]
    assert wrong_in(zebra_of(SUPPOSING), told) == []


def test_solvers_suppose_what_enumeration_supposes(monkeypatch: pytest.MonkeyPatch) -> None:
    puzzles = [make_puzzle("zebra", "1", "train", 5, index).puzzle for index in range(40)]
    enumerated = [reasoning(puzzle, "spelled") for puzzle in puzzles]
    assert sum(bool(supposed_in(lines)) for lines in enumerated) >= 3
    monkeypatch.setattr("sleuth.puzzles.tellings.rounds.fits", lambda space: False)
    for puzzle, lines in zip(puzzles, enumerated, strict=True):
        assert supposed_in(reasoning(puzzle, "spelled")) == supposed_in(lines)


def supposed_in(lines: list[str]) -> list[str]:
    """Suppositions and what came of them."""
    return [line for line in lines if re.search("Suppose:|Impossible|So: Nothing", line)]


@pytest.mark.parametrize(
    ("family", "level", "sizes"),
    [
        ("zebra", "1", {3}),
        ("zebra", "3", {5}),
        ("zebra@2", "1", {3}),
        ("round-table", "3", set()),
        ("kinship", "2", set()),
    ],
)
def test_lists_are_what_the_rules_keep_apart(family: str, level: str, sizes: set[int]) -> None:
    """With at most six members: round-table has seven from level 3 on."""
    puzzle = make_puzzle(family, level, "train", 1, 0).puzzle
    reading = read_puzzle(puzzle)
    theory = reading.family.theory(reading.page.case)
    lists = Lists(theory, 6)
    assert {len(lists.of(variable.index)) for variable in theory.space} - {0} == sizes
    assert bool(lists) == bool(sizes)


def test_clues_that_leave_several_worlds_are_refused() -> None:
    with pytest.raises(UserError, match="several worlds"):
        reasoning(puzzle_of(PAGE.replace("with the Rope", "with the Oar")), "page-order")


def test_a_clue_that_may_give_more_is_open() -> None:
    """It rules out a weapon at first; its other half waits for where that one was."""
    clues = (
        "Ada was in the Hall.",
        "Either the murder weapon was in the Hall or the Oar was in the Hall, but not both.",
        "The Oar was in the same room as Ada.",
    )
    told = reasoning(puzzle_of(page_of(*clues)), "spelled")
    first = told.index(clues[1])
    assert told[first : first + 7] == [
        *(clues[1], "Weapon: Rope, Oar. Rope: Hall, Bar. Oar: Hall, Bar.", "Hall, Hall: same.", "Not Oar: Rope."),
        *("So: The murder was committed with the Rope.", "Open.", clues[2]),
    ]
    assert clues[1] in told[first + 1 :] and told.count("Open.") == 1
    judgements = judge(puzzle_of(page_of(*clues)), "\n".join(told))
    assert not [one for one in judgements if one.verdict in (Verdict.FALSE, Verdict.UNREAD)]


@pytest.mark.parametrize("telling", get_args(Telling))
@pytest.mark.parametrize("family", family_names())
def test_every_line_is_read_and_true_and_leads_to_the_answers(family: str, telling: Telling) -> None:
    for level, count in (("1", 6), ("2", 2), ("3", 1)):
        for index in range(count):
            style = get_family(family).styles[index % len(get_family(family).styles)]
            puzzle = make_puzzle(family, level, "train", 11, index, style).puzzle
            text = gold_completion(puzzle, "reason", telling)
            score = grade(puzzle, text, "reason")
            assert score.correct
            lines = text.split("\n")
            assert telling != "spelled" or all(one != other for one, other in pairwise(lines)), "what follows is open"
            bad = [text[part.start : part.end] for part in score.spans if part.verdict in ("false", "unread")]
            assert bad == [], (puzzle.id, text)
            assert any(part.verdict == "derived" for part in score.spans)


@pytest.mark.parametrize("family", family_names())
def test_the_last_lines_answer_every_question(family: str) -> None:
    """Also where the last look is the explainer's, after a round that gave nothing, as in one of eight at level 2."""
    for index in range(8):
        puzzle = make_puzzle(family, "2", "train", 26, index).puzzle
        last = reasoning(puzzle, "spelled")[-len(puzzle.questions) :]
        for line, question in zip(last, puzzle.questions, strict=True):
            assert line.startswith(f"Asked: {question.text} ") and not line.endswith(NOTHING)


def test_a_premise_is_compared_with_the_half_on_which_it_bears() -> None:
    """Also where that half names no entity, and where a premise has nothing to do with the other half."""
    weapon = "Either the murder weapon was in the Bar or the Oar was in the Bar, but not both."
    told = reasoning(puzzle_of(page_of("The Rope was in the Hall.", weapon, "Ada was in the Bar.")), "spelled")
    first = told.index(weapon)
    assert told[first : first + 7] == [
        *(weapon, "Weapon: Rope, Oar. Rope: Hall. Oar: Hall, Bar.", "Bar, Bar: same.", "Not Oar: Rope."),
        *("So: The murder was committed with the Rope.", "Rope: Hall, Bar: differ.", "So: The Oar was in the Bar."),
    ]
    murderer = "Either the Oar was in the Hall or the murderer was in the Bar, but not both."
    clues = ("The Oar was in the Hall.", "Ada was in the Bar.", murderer, "The Rope was in the Bar.")
    told = reasoning(puzzle_of(page_of(*clues)), "spelled")
    first = told.index(murderer)
    assert told[first + 1 : first + 6] == [
        *("Oar: Hall. Murderer: Ada, Ben. Ada: Bar. Ben: Hall.", "Oar: Hall, Hall: same.", "Ada: Bar, Bar: same."),
        *("Not Ada: Ben.", "So: Ben committed the murder."),
    ]


def test_a_name_is_compared_with_that_of_which_a_premise_or_the_clue_speaks() -> None:
    clues = ("Ben was in the same room as Rex.", "Ada was in the Hall.", "The Oar was in the same room as Ada.")
    told = reasoning(puzzle_of(page_of(*clues)), "spelled")
    first = told.index(clues[1])
    assert told[first + 1 : first + 4] == ["Ben committed the murder.", "Ben, Ada: differ.", "Not Hall: Bar."]
    assert told.count("Ben, Ada: differ.") == 1, "once for all that a look concludes from it"


def test_a_rule_of_another_name_is_tried() -> None:
    """Whichever of the two is known last; not where the place of the murder is known, so that nothing could follow."""
    trial = ["The murder was committed with the Rope.", "The Oar was in the Bar.", "Rope, Oar: differ."]
    weapon, oar, ada = trial[0], trial[1], "Ada was in the Hall."
    murder = "The murder weapon was in the Bar."
    assert reasoning(puzzle_of(page_of(weapon, oar, ada, murder)), "spelled")[3:7] == [weapon, oar, weapon, trial[2]]
    assert reasoning(puzzle_of(page_of(oar, weapon, ada, murder)), "spelled")[3:7] == [oar, weapon, oar, trial[2]]
    assert trial[2] not in reasoning(puzzle_of(page_of(murder, weapon, oar, ada)), "spelled")


def test_of_a_clue_with_many_variables_only_what_is_known_is_said() -> None:
    """And the judge finds each list of what is left to be true, and "Nothing yet." to be of the clue before it."""
    puzzle = make_puzzle("temporal-clue", "2", "train", 5, 0, "terse").puzzle
    told = reasoning(puzzle, "spelled")
    clue = "The murder weapon was in the same room as the suspect motivated by duty at 11:30 PM."
    assert told[told.index(clue) + 1] == (
        "Weapon: Decanter. Mrs. Sage: spite, duty. Decanter, 11:30 PM: Dairy, Smokehouse. Dr. Rowan: envy. "
        "Mr. Ash: spite, duty. Mr. Ash, 11:30 PM: Stable. Barrel, 11:30 PM: Smokehouse, Stable."
    )
    either = next(line for line in told if line.endswith(NOTHING))
    untrue = "\n".join(told).replace(either, either.replace("Nothing yet.", "Open."), 1)
    [wrong] = [one for one in judge(puzzle, untrue) if one.verdict is Verdict.FALSE]
    assert untrue[wrong.start : wrong.end].startswith("Open")


def test_the_false_half_of_a_clue_is_denied() -> None:
    either = "Either Ada was in the Hall or Rex was in the Bar, but not both."
    clues = ("Ada was in the Hall.", either, "The murder was committed with the Rope.", "The Oar was in the Bar.")
    told = reasoning(puzzle_of(page_of(*clues)), "spelled")
    first = told.index(either)
    assert told[first + 1 : first + 6] == [
        *("Ada: Hall. Rex: Hall, Bar.", "Ada: Hall, Hall: same.", "Rex was not in the Bar.", "Not Bar: Hall."),
        "So: Rex was in the Hall.",
    ]


def test_a_round_goes_to_the_end_of_the_page_and_then_the_questions_are_asked() -> None:
    """All is known but the Oar's place after the first round; the third clue has nothing to add after the second."""
    either = "Either Rex was in the Bar or the Oar was in the Bar, but not both."
    clues = (either, "Ada was in the Hall.", "The Rope was in the Hall.", "The murder was committed with the Rope.")
    page = page_of(*clues).replace("B. Where was Rex?", "B. Where was the Oar?")
    told = reasoning(puzzle_of(page), "spelled")
    asked = [place for place, line in enumerate(told) if line.startswith("Asked:")]
    assert [told[place] for place in asked] == [
        *("Asked: Murderer? Ada committed the murder.", "Asked: Where was the Oar? Nothing yet."),
        *("Asked: Murderer? Ada committed the murder.", "Asked: Where was the Oar? The Oar was in the Bar."),
    ]
    assert told.index(clues[3]) < asked[0] < len(told) - 1 - told[::-1].index(either) < asked[2]
