"""A puzzle made by hand, what its page, board and questions are, and when two puzzles are the same."""

from __future__ import annotations

from random import Random

import pytest

from sleuth.errors import UserError
from sleuth.logic.cpsat import CpModel
from sleuth.logic.formulas import holds
from sleuth.puzzles.generate import make_puzzle
from sleuth.puzzles.statements import Argument, Ref, Statement
from sleuth.puzzles.zebra import Zebra
from sleuth.puzzles.zebra.clue_sampler import ClueSampler
from sleuth.puzzles.zebra.sampler import LEVELS, sample_case, sample_world
from tests.puzzles.zebra.truth import truth

ZEBRA = Zebra()
PAGE = """Huts: 1, 2, 3 (a row, from left to right)
Name: Ada, Ben, Cleo
Drink: tea, milk, cocoa
Pet: cat, dog, owl

Clues:
1. Ben is in hut 2.
2. The one who drinks tea is immediately to the left of Ben.
3. Cleo has the owl.
4. Cleo does not drink tea.
5. The one with the dog is right next to the one who drinks cocoa.
6. There is exactly one hut between the one with the dog and the one who drinks milk.

Questions:
A. Who is the one who drinks cocoa?
B. Which pet does Ada have?
C. In which hut is the one who drinks milk?
D. What does the one in hut 1 drink?
"""
WORLD = (0, 1, 2, 0, 2, 1, 1, 0, 2)
"""Worked out by hand: tea is left of hut 2, so Cleo, who drinks something else, is in hut 3 and Ada in hut 1; the dog
is not Cleo's, so in hut 1 or 2, and only from hut 1 is there a hut, 3, with one between."""


def test_hand_made_puzzle() -> None:
    page = ZEBRA.read_page(PAGE)
    theory = ZEBRA.theory(page.case)
    assert [clue.kind for clue in page.clues] == ["at", "left_of", "same", "apart", "next", "gap"]
    model = CpModel(theory.space, [*theory.rules(), *map(theory.formula, page.clues)])
    assert model.worlds(2) == [WORLD]
    right = [ZEBRA.true_choice(page.case, theory, WORLD, question) for question in page.questions]
    assert [ZEBRA.answer_text(page.case, choice) for choice in right if choice] == ["Ben", "dog", "3", "tea"]


def test_board() -> None:
    case = ZEBRA.read_page(PAGE).case
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in ZEBRA.board(case, WORLD).splitlines()[1::2]]
    assert rows == [
        ["Hut", "1", "2", "3"],
        ["Name", "Ada", "Ben", "Cleo"],
        ["Drink", "tea", "cocoa", "milk"],
        ["Pet", "dog", "cat", "owl"],
    ]
    empty = ZEBRA.board(case, None)
    assert len({len(line) for line in empty.splitlines()}) == 1
    assert "Drink" in empty and "tea" not in empty


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("Drink:", "Drnk:", "Drink"),
        ("tea, milk, cocoa", "tea, milk", "2 values for 3 houses"),
        ("cat, dog, owl", "cat, tea, owl", "twice"),
        ("Huts: 1, 2, 3", "Huts: 1, 2, 3, 4", "4 huts"),
        ("Ben is in hut 2", "Ben is in hut 4", "no known sentence"),
        ("Questions:\n", "", "no line labelled 'Questions'"),
        ("Huts: 1, 2, 3 (a row, from left to right)\n", "", "no line labelled 'Huts"),
        ("C. In which", "In which", "no question"),
    ],
)
def test_damaged_pages(old: str, new: str, message: str) -> None:
    assert old in PAGE
    with pytest.raises(UserError, match=message):
        ZEBRA.read_page(PAGE.replace(old, new))


def _form(clues: list[Statement]) -> str:
    return ZEBRA.canonical_form(ZEBRA.read_page(PAGE).case, clues)


@pytest.mark.parametrize("seed", range(5))
def test_exchanging_values_and_whole_attributes_leaves_the_form(seed: int) -> None:
    """Value 3a + i becomes 3·(new place of a) + (new place of i within a)."""
    rng = Random(seed)
    clues = list(ZEBRA.read_page(PAGE).clues)
    attribute = rng.sample(range(3), 3)
    inside = [rng.sample(range(3), 3) for _ in range(3)]

    def renamed(ref: Ref) -> Ref:
        if ref.sort != "value":
            return ref
        a, i = divmod(ref.index, 3)
        return Ref("value", 3 * attribute[a] + inside[a][i])

    other = [clue.rename(renamed) for clue in rng.sample(clues, len(clues))]
    assert other != clues
    assert _form(other) == _form(clues)


def test_forms_differ_where_puzzles_do() -> None:
    def said(first: int, second: int) -> str:
        return _form([Statement("next", (Ref("value", first), Ref("value", second)))])

    assert said(0, 1) == said(5, 3) == said(7, 8)
    assert said(0, 3) == said(8, 1)
    assert said(0, 1) != said(0, 3), "whether two values are of one attribute matters"
    at = [_form([Statement("at", (Ref("value", 0), Ref("house", house)))]) for house in range(3)]
    assert len(set(at)) == 3, "houses are known by their number"


@pytest.mark.parametrize("level", list(LEVELS))
def test_what_is_told_is_true_and_rules_the_other_world_out(level: str) -> None:
    rng = Random(level)
    shape = LEVELS[level].shape
    kinds: set[str] = set()
    for _ in range(8):
        theory, world = ZEBRA.theory(sample_case(level, rng)), sample_world(shape, rng)
        clue_sampler = ClueSampler(theory, world, level, rng)
        where = {Ref("value", value): house + 1 for value, house in enumerate(world)}
        for _ in range(60):
            other = sample_world(shape, rng)
            if other != world:
                statement, formula = clue_sampler.tell(other)
                assert truth(statement, where) and holds(formula, world) and not holds(formula, other)
                kinds.add(statement.kind)
    assert kinds == set(LEVELS[level].kinds)


def test_same_fact_is_neither_stated_nor_asked_twice() -> None:
    """`same` both ways round, `at` from the house's side, and the same fact under two questions."""
    for index in range(40):
        puzzle = make_puzzle("zebra", "1", "train", 3, index).puzzle
        page = ZEBRA.read_page(puzzle.prompt)
        theory = ZEBRA.theory(page.case)
        names = {name: i for i, name in enumerate(name for row in page.case.values for name in row)}

        def pair(statement: Statement) -> frozenset[Argument]:
            return frozenset(statement.args[1:] if statement.kind == "what" else statement.args)

        facts = [pair(clue) for clue in page.clues if clue.kind in ("at", "same")]
        for letter, question in zip(page.letters, page.questions, strict=True):
            answer = puzzle.answers[letter]
            filled = question.fill(Ref("house", int(answer) - 1) if answer in "123" else Ref("value", names[answer]))
            assert holds(theory.formula(filled), _solved(puzzle.prompt))
            facts.append(pair(filled))
        assert len(set(facts)) == len(facts), puzzle.prompt


def _solved(prompt: str) -> tuple[int, ...]:
    page = ZEBRA.read_page(prompt)
    theory = ZEBRA.theory(page.case)
    (world,) = CpModel(theory.space, [*theory.rules(), *map(theory.formula, page.clues)]).worlds(2)
    return world
