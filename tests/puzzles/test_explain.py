"""The first explainer: every fact follows from what its step cites, and traces say only what is true."""

from __future__ import annotations

import pytest

from sleuth.logic.cnf import WorldSolver
from sleuth.logic.formulas import Is, Not, holds
from sleuth.puzzles.explain import explain
from sleuth.puzzles.family import get_family
from sleuth.puzzles.generate import make_puzzle
from sleuth.puzzles.targets import trace


@pytest.mark.parametrize("family_name", ["temporal-clue", "zebra"])
@pytest.mark.parametrize("level", ["1", "2"])
def test_every_step_is_entailed_by_what_it_cites(family_name: str, level: str) -> None:
    family = get_family(family_name)
    for index in range(6):
        page = family.read_page(make_puzzle(family_name, level, "train", 1, index).puzzle.prompt)
        theory = family.theory(page.case)
        explanation = explain(family, page.case, page.clues)
        known: list[Is] = []
        for step in explanation.steps:
            cited = page.clues if step.clue is None else (page.clues[step.clue],)
            for variable in step.facts:
                fact = Is(theory.space[variable], explanation.world[variable])
                cnf = theory.cnf.copy()
                for premise in (*known, *map(theory.formula, cited), Not(fact)):
                    cnf.add(premise)
                with WorldSolver(cnf) as solver:
                    assert solver.solve() is None
            known += [Is(theory.space[i], explanation.world[i]) for i in step.facts]
        told = {fact.variable.index for fact in known}
        assert told == {variable.index for variable in theory.space if variable.size > 1}


def test_trace_sentences_are_true() -> None:
    family = get_family("temporal-clue")
    read = 0
    for index in range(20):
        puzzle = make_puzzle("temporal-clue", "1", "train", 2, index, "terse").puzzle
        page = family.read_page(puzzle.prompt)
        theory, grammar = family.theory(page.case), family.grammar(page.case)
        world = explain(family, page.case, page.clues).world
        for line in trace(puzzle).splitlines():
            for sentence in line.replace("From all clues together: ", "").replace("So: ", "").split(". "):
                if not sentence.endswith(("Mr", "Mrs", "Ms", "Dr")) and " " in sentence:
                    try:
                        statement = grammar.read(sentence)
                    except ValueError:
                        continue  # cut within a title such as "Dr."
                    read += 1
                    assert holds(theory.formula(statement), world), sentence
    assert read > 100


def test_unsolvable_and_ambiguous_clues_are_refused() -> None:
    family = get_family("temporal-clue")
    page = family.read_page(make_puzzle("temporal-clue", "1", "train", 1, 0).puzzle.prompt)
    with pytest.raises(ValueError, match="several worlds"):
        explain(family, page.case, page.clues[1:])
