"""Made puzzles from their text alone, judged by the witness: one world, lawful, every clue true, no clue idle."""

from __future__ import annotations

import pytest

from sleuth.logic.clues import droppable
from sleuth.puzzles.generate import make_puzzle
from sleuth.puzzles.registry import get_family
from tests.puzzles.temporal_clue.bridge import night_of, setting_of, solved
from tests.puzzles.temporal_clue.truth import obeys, says

FAMILY = get_family("temporal-clue")


@pytest.mark.parametrize(("level", "count"), [("1", 25), ("2", 15), ("3", 8), ("4", 2), ("reference", 2)])
def test_made_puzzles_stand_up_to_the_witness(level: str, count: int) -> None:
    for index in range(count):
        style = FAMILY.styles[index % len(FAMILY.styles)]
        puzzle = make_puzzle("temporal-clue", level, "val", 2, index, style).puzzle
        page = FAMILY.read_page(puzzle.prompt)
        assert page.clue_texts == puzzle.clues
        world, answers = solved(page)
        assert answers == puzzle.answers
        theory = FAMILY.theory(page.case)
        night, setting = night_of(theory, world), setting_of(theory.shape)
        assert obeys(setting, night)
        assert all(says(setting, night, clue) for clue in page.clues)
        formulas = [theory.formula(clue) for clue in page.clues]
        assert droppable(theory.cnf, formulas, world) == []
        for asked, question in zip(puzzle.questions, page.questions, strict=True):
            texts = [FAMILY.answer_text(page.case, choice) for choice in FAMILY.choices(page.case, question)]
            assert list(asked.choices) == texts
            true = [
                choice for choice in FAMILY.choices(page.case, question) if says(setting, night, question.fill(choice))
            ]
            assert [FAMILY.answer_text(page.case, choice) for choice in true] == [puzzle.answers[asked.letter]]
            assert question.fill(true[0]) not in page.clues, "nothing is asked that a clue says"
