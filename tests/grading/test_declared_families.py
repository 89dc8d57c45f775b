"""Grading in every mode, for each family that is declared with the kit: right, wrong, partly right, and what answers
nothing."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from random import Random
from typing import Any

import pytest

from sleuth.config import Mode
from sleuth.grading.grade import grade
from sleuth.logic.formulas import World
from sleuth.puzzles.explain import only_world
from sleuth.puzzles.generate import make_puzzle
from sleuth.puzzles.gold import gold_completion
from sleuth.puzzles.kit import DeclaredFamily
from sleuth.puzzles.kit.sampler import sample_world
from sleuth.puzzles.puzzle import Puzzle
from sleuth.puzzles.registry import BUILT_IN, get_family
from sleuth.puzzles.score import Outcome, Score

DECLARED = [id for id in BUILT_IN if isinstance(get_family(id), DeclaredFamily)]
MODES: tuple[Mode, ...] = ("answer", "reason", "program")


@dataclass(frozen=True)
class Case:
    puzzle: Puzzle
    family: Any
    page: Any

    @classmethod
    def of(cls, id: str) -> Case:
        """A puzzle with two questions or more."""
        puzzles = (make_puzzle(id, "1", "test", 5, index).puzzle for index in itertools.count())
        puzzle = next(one for one in puzzles if len(one.questions) > 1)
        family = get_family(id)
        return cls(puzzle, family, family.read_page(puzzle.prompt))

    def answered_in(self, world: World) -> dict[str, bool] | None:
        """Letter to whether a world has the right answer to it; None where a question has no single answer there."""
        theory, found = self.family.theory(self.page.case), {}
        for letter, question in zip(self.page.letters, self.page.questions, strict=True):
            choice = self.family.true_choice(self.page.case, theory, world, question)
            if choice is None:
                return None
            found[letter] = self.family.answer_text(self.page.case, choice) == self.puzzle.answers[letter]
        return found

    def facts(self, wanted: tuple[bool, ...]) -> tuple[str, dict[str, bool]]:
        """A program of plain facts about a lawful world in which this many … of the questions are answered right, and
        which these are. `wanted`: whether some, and whether others, are."""
        theory, rng = self.family.theory(self.page.case), Random(3)
        while True:
            world = sample_world(theory, rng)
            right = self.answered_in(world)
            if right is not None and tuple(sorted(set(right.values()))) == wanted:
                break
        formal = self.family.formal(self.page.case)
        told = [self.family.fact(theory, index, value) for index, value in enumerate(world)]
        return "\n".join(map(formal.write, told)), right

    def block(self, wrong: int) -> str:
        """An answer block whose first `wrong` answers are wrong."""
        lines = []
        for number, question in enumerate(self.puzzle.questions):
            right = self.puzzle.answers[question.letter]
            other = next(choice for choice in question.choices if choice != right)
            lines.append(f"{question.letter}. {other if number < wrong else right}")
        return "\n".join(lines)

    def written(self, mode: Mode, wrong: int) -> tuple[str, dict[str, bool]]:
        """A completion with no, some or all answers wrong, and which are right."""
        count = len(self.puzzle.questions)
        if mode == "program" and wrong:
            return self.facts((False,) if wrong == count else (False, True))
        right = {question.letter: number >= wrong for number, question in enumerate(self.puzzle.questions)}
        if mode == "answer":
            return self.block(wrong), right
        gold = gold_completion(self.puzzle, mode)
        return (gold.replace(self.block(0), self.block(wrong)) if wrong else gold), right


@pytest.fixture(scope="module", params=DECLARED)
def case(request: pytest.FixtureRequest) -> Case:
    return Case.of(request.param)


def graded(case: Case, text: str, mode: Mode) -> Score:
    return grade(case.puzzle, text, mode, truncated=False)


@pytest.mark.parametrize("mode", MODES)
def test_right_wrong_and_partly_right(case: Case, mode: Mode) -> None:
    count = len(case.puzzle.questions)
    for wrong, outcome in ((0, Outcome.CORRECT), (1, Outcome.PARTLY), (count, Outcome.WRONG)):
        text, right = case.written(mode, wrong)
        score = graded(case, text, mode)
        assert score.outcome is outcome, (text, score)
        assert score.right == right and score.reward == sum(right.values()) / count
        assert score.correct == (outcome is Outcome.CORRECT)


@pytest.mark.parametrize("mode", MODES)
def test_what_answers_nothing(case: Case, mode: Mode) -> None:
    for text in ("", "I cannot say.", "A. the moon\nB. the sun"):
        score = graded(case, text, mode)
        assert score.outcome in (Outcome.UNREADABLE, Outcome.WRONG) and score.reward == 0 and not score.correct


def test_every_sentence_of_gold_reasoning_is_derived_and_a_false_one_is_seen(case: Case) -> None:
    gold = gold_completion(case.puzzle, "reason")
    verdicts = [part.verdict for part in graded(case, gold, "reason").spans]
    assert "derived" in verdicts and set(verdicts) <= {"derived", "repeated", "given", "empty"}
    theory = case.family.theory(case.page.case)
    world = solved(case)
    denial = case.family.denial(theory, 0, world[0])
    lie = case.family.fact_grammar(case.page.case).sentence(denial, "plain")
    assert [part.verdict for part in graded(case, f"{lie}\n{case.block(0)}", "reason").spans] == ["false"]


def test_a_program_without_a_clue_is_ambiguous_and_with_its_denial_contradictory(case: Case) -> None:
    lines = gold_completion(case.puzzle, "program").splitlines()
    assert {part.verdict for part in graded(case, "\n".join(lines), "program").spans} == {"right"}
    # Clue sets are minimal, so every clue is needed.
    assert graded(case, "\n".join(lines[1:]), "program").outcome is Outcome.AMBIGUOUS
    theory, world = case.family.theory(case.page.case), solved(case)
    denial = case.family.formal(case.page.case).write(case.family.denial(theory, 0, world[0]))
    score = graded(case, "\n".join([*lines, denial]), "program")
    assert score.outcome is Outcome.CONTRADICTORY and score.spans[-1].verdict == "wrong"
    assert graded(case, "\n".join([*lines, "nonsense(here)"]), "program").outcome is Outcome.UNREADABLE


def solved(case: Case) -> World:
    theory = case.family.theory(case.page.case)
    return only_world(theory, [theory.formula(clue) for clue in case.page.clues])
