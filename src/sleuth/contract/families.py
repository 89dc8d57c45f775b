"""What every family promises beyond that, at every level: sound, unique, minimal, readable and leak-free puzzles.

Pages are judged from their text alone: read back, solved by python-sat and by CP-SAT, compared with what is stored.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any

from sleuth.config import Mode
from sleuth.contract.pictures import picture_problem
from sleuth.contract.promises import LevelCheck, demand
from sleuth.contract.tasks import puzzles
from sleuth.grading.deduction import grammar
from sleuth.logic.clues import droppable, is_world
from sleuth.logic.cnf import WorldSolver
from sleuth.logic.cpsat import CpModel
from sleuth.logic.formulas import Formula, Not, World, holds
from sleuth.puzzles.canonical import digest, split_of
from sleuth.puzzles.family import Family, PageText, Theory
from sleuth.puzzles.generate import write_puzzle
from sleuth.puzzles.gold import gold_completion
from sleuth.puzzles.puzzle import Puzzle
from sleuth.puzzles.registry import families, get_family
from sleuth.puzzles.solve import solve_text
from sleuth.puzzles.statements import Argument, Ref, Statement
from sleuth.puzzles.task import Made

SECONDS = 60.0
"""Most time for one verdict of CP-SAT."""


@dataclass(frozen=True)
class Audited:
    """A puzzle with all that its page's text alone gives."""

    made: Made
    family: Family[Any, Any]
    page: PageText
    theory: Theory
    formulas: list[Formula]
    """Of the clues."""
    worlds: list[World]
    """Up to two, by CP-SAT."""

    @property
    def puzzle(self) -> Puzzle:
        return self.made.puzzle

    @property
    def world(self) -> World:
        """Its one world."""
        demand(len(self.worlds) == 1, f"{self.puzzle.id}: CP-SAT finds {len(self.worlds)} worlds or more")
        return self.worlds[0]

    def rewritten(self, case: Any, style: str) -> Puzzle:
        """The puzzle over a case of the same shape, in a style."""
        right = [self.family.true_choice(case, self.theory, self.world, question) for question in self.page.questions]
        place = {"id": self.puzzle.id, "level": self.puzzle.level, "split": self.puzzle.split}
        chosen = [choice for choice in right if choice is not None]
        seed, index = self.puzzle.seed, self.puzzle.index
        return write_puzzle(self.family, case, self.page.clues, self.page.questions, chosen, style, place, seed, index)


@cache
def audited(id: str, level: str) -> tuple[Audited, ...]:
    """The puzzles of `sleuth.contract.tasks.puzzles`."""
    family, found = get_family(id), []
    for made in puzzles(id, level):
        page = family.read_page(made.puzzle.prompt)
        theory = family.theory(page.case)
        formulas = [theory.formula(clue) for clue in page.clues]
        worlds = CpModel(theory.space, [*theory.rules(), *formulas]).worlds(2, SECONDS)
        found.append(Audited(made, family, page, theory, formulas, worlds))
    return tuple(found)


def _one_world(id: str, level: str) -> None:
    for one in audited(id, level):
        world = one.world
        cnf = one.theory.cnf.copy()
        for formula in one.formulas:
            cnf.add(formula)
        with WorldSolver(cnf) as solver:
            demand(solver.solve() == world, f"{one.puzzle.id}: python-sat finds another world than CP-SAT")
            solver.add(Not(is_world(cnf, world)))
            demand(solver.solve() is None, f"{one.puzzle.id}: python-sat finds a second world")


def _minimal(id: str, level: str) -> None:
    for one in audited(id, level):
        spare = droppable(one.theory.cnf, one.formulas, one.world)
        demand(not spare, f"{one.puzzle.id}: clue {spare[0] + 1 if spare else 0} can be dropped")


def _questions(id: str, level: str) -> None:
    for one in audited(id, level):
        where, puzzle = one.puzzle.id, one.puzzle
        stated = {fact for clue in one.page.clues for fact in one.family.stated(one.theory, clue)}
        letters = [question.letter for question in puzzle.questions]
        demand("".join(letters) == "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[: len(letters)], f"{where}: its letters are {letters}")
        demand(set(letters) == set(puzzle.answers), f"{where}: answers to {list(puzzle.answers)}, questions {letters}")
        demand(len(one.page.questions) == len(puzzle.questions), f"{where}: its page asks something else")
        demand(len(set(one.page.questions)) == len(one.page.questions), f"{where}: a question is asked twice")
        for asked, question in zip(one.page.questions, puzzle.questions, strict=True):
            what = f"{where}, question {question.letter}"
            choices = one.family.choices(one.page.case, asked)
            names = [one.family.answer_text(one.page.case, choice) for choice in choices]
            demand(tuple(names) == question.choices, f"{what}: the stored choices are not those of the page")
            demand(len(set(names)) == len(names), f"{what}: two choices have one name")
            right = [choice for choice in choices if holds(one.theory.formula(asked.fill(choice)), one.world)]
            demand(len(right) == 1, f"{what}: {len(right)} choices are right")
            answer = one.family.answer_text(one.page.case, right[0])
            demand(answer == puzzle.answers[question.letter], f"{what}: the answer is {answer}, another one is stored")
            demand(right[0].sort == question.kind, f"{what}: its kind is {question.kind}, its answer a {right[0].sort}")
            demand(asked.fill(right[0]) not in stated, f"{what} is answered by a clue")
        demand(solve_text(puzzle.prompt).answers == puzzle.answers, f"{where}: sleuth solve answers otherwise")


def _styles(id: str, level: str) -> None:
    for one in audited(id, level):
        texts = set()
        for style in one.family.styles:
            puzzle = one.rewritten(one.page.case, style)
            what = f"{one.puzzle.id}, style {style}"
            page = one.family.read_page(puzzle.prompt)
            demand(page.clues == one.page.clues, f"{what}: its clues read back as others")
            demand(page.questions == one.page.questions, f"{what}: its questions read back as others")
            demand(page.clue_texts == puzzle.clues, f"{what}: its clues are not the sentences of the page")
            demand(one.family.recognises(puzzle.prompt), f"{what}: its page is not recognised")
            lines = puzzle.prompt.splitlines()
            told = [lines[place] for place in one.family.clue_lines(puzzle.prompt)]
            same = len(told) == len(puzzle.clues) and all(map(str.endswith, told, puzzle.clues))
            demand(same, f"{what}: clue_lines are not the lines of its clues")
            demand(puzzle.answers == one.puzzle.answers, f"{what}: other answers")
            texts.add(puzzle.prompt)
        demand(len(texts) == len(one.family.styles), f"{one.puzzle.id}: two styles write the same page")


def _recognised_alone(id: str, level: str) -> None:
    name = get_family(id).name
    for one in audited(id, level)[:2]:
        others = {family.name for family in families() if family.recognises(one.puzzle.prompt)} - {name}
        demand(not others, f"{one.puzzle.id}: its page is also taken for one of {', '.join(sorted(others))}")


def _formal(id: str, level: str) -> None:
    for one in audited(id, level):
        formal = one.family.formal(one.page.case)
        for clue in one.page.clues:
            line = formal.write(clue)
            demand(formal.read(line) == clue, f"{one.puzzle.id}: {line!r} reads back as something else")


def _grammars(id: str, level: str) -> None:
    modes: tuple[Mode, ...] = ("program", "answer")
    for one in audited(id, level):
        for style in one.family.styles:
            puzzle = one.rewritten(one.page.case, style)
            for mode in modes:
                pattern, text = re.compile(grammar(puzzle, mode)), gold_completion(puzzle, mode)
                what = f"{puzzle.id}, style {style}, mode {mode}"
                demand(pattern.fullmatch(text) is not None, f"{what}: its grammar refuses the gold completion")
                more = pattern.fullmatch(f"{text}\n") or pattern.fullmatch(text[:-1])
                demand(more is None, f"{what}: its grammar allows more, or less, than whole lines")


def _longest_line(id: str, level: str) -> None:
    for one in audited(id, level):
        formal, lexicon = one.family.formal(one.page.case), one.family.formal_lexicon(one.page.case)

        def longest(kinds: Iterable[str], formal: Any = formal, lexicon: Any = lexicon, one: Any = one) -> Statement:
            def argument(slot: str) -> Argument:
                if slot in one.family.groups:
                    return longest(one.family.groups[slot])
                argument: Argument = max(lexicon[slot], key=lambda entry: len(entry[1]))[0]
                return argument

            spoken = [kind for kind in kinds if all(lexicon.get(s, True) for s in one.family.kinds[kind].slots)]
            found = [Statement(kind, tuple(map(argument, one.family.kinds[kind].slots))) for kind in spoken]
            return max(found, key=lambda said: len(formal.write(said)))

        statement = longest(one.family.kinds)
        same = formal.read(formal.write(statement)) == statement
        demand(same, f"{one.puzzle.id}: the longest formal line reads back as something else")


def _renaming(id: str, level: str) -> None:
    for one in audited(id, level):
        style = one.family.styles[0]
        case = one.family.rename_case(one.page.case, Random(one.puzzle.id))
        puzzle = one.rewritten(case, style)
        page = one.family.read_page(puzzle.prompt)
        same = (page.clues, page.questions) == (one.page.clues, one.page.questions)
        demand(same, f"{one.puzzle.id}: under other names it says something else")
        demand(one.family.theory(page.case).space == one.theory.space, f"{one.puzzle.id}: names change its variables")
        demand(puzzle.prompt != one.rewritten(one.page.case, style).prompt, f"{one.puzzle.id}: no name was changed")
        for before, after in zip(one.puzzle.questions, puzzle.questions, strict=True):
            place = before.choices.index(one.puzzle.answers[before.letter])
            same = after.choices[place] == puzzle.answers[after.letter]
            demand(same, f"{one.puzzle.id}, question {before.letter}: under other names the answer is another one")


def _boards(id: str, level: str) -> None:
    one = audited(id, level)[0]
    case = one.page.case
    empty, full = (one.family.board(case, world) for world in (None, one.world))
    demand(bool(empty.strip()) and empty != full, f"{one.puzzle.id}: its board is the same with its solution")
    other = one.family.rename_case(case, Random(1))
    demand(one.family.board(other, one.world) != full, f"{one.puzzle.id}: its board shows no names")


def _pictures(id: str, level: str) -> None:
    one = audited(id, level)[0]
    case = one.page.case
    empty, full = (one.family.board_svg(case, world) for world in (None, one.world))
    demand(empty != full, f"{one.puzzle.id}: its picture is the same with its solution")
    for what, drawn in (("empty", empty), ("filled", full)):
        problem = picture_problem(drawn)
        demand(not problem, f"{one.puzzle.id}: its {what} picture {problem}")


def _notebook(id: str, level: str) -> None:
    for one in audited(id, level):
        tables = one.family.notebook(one.page.case)
        marked = [variable for table in tables for variable in table.variables]
        open_ = [variable.index for variable in one.theory.space if variable.size > 1]
        demand(sorted(marked) == open_, f"{one.puzzle.id}: its notebook does not have each variable once")
        for table in tables:
            fits = all(one.theory.space[variable].size == len(table.columns) for variable in table.variables)
            demand(fits, f"{one.puzzle.id}: its table {table.title!r} has columns for other values")
            demand(len(table.rows) == len(table.variables), f"{one.puzzle.id}: {table.title!r} has rows without names")
            demand(
                len(set(table.rows)) == len(table.rows), f"{one.puzzle.id}: two rows of {table.title!r} look the same"
            )
            demand(len(set(table.columns)) == len(table.columns), f"{one.puzzle.id}: two columns of {table.title!r} do")


def _sizes(id: str, level: str) -> None:
    for one in audited(id, level):
        meta = one.puzzle.meta
        counted = meta.get("clues") == len(one.puzzle.clues) == sum(meta.get("kinds", {}).values())
        demand(counted, f"{one.puzzle.id}: its metadata counts other clues")
        demand(meta.items() >= one.family.sizes(one.page.case).items(), f"{one.puzzle.id}: its metadata lacks sizes")


def _canonical(id: str, level: str) -> None:
    for one in audited(id, level):
        form = one.family.canonical_form(one.page.case, one.page.clues)
        demand(digest(form) == one.made.digest, f"{one.puzzle.id}: its page has another canonical form")
        demand(split_of(one.made.digest) == one.puzzle.split, f"{one.puzzle.id} belongs to another split")
        rng = Random(one.puzzle.id)
        new = _exchange(one, rng)
        other = [_renamed(one.family, clue, new) for clue in rng.sample(one.page.clues, len(one.page.clues))]
        same = one.family.canonical_form(one.page.case, other) == form
        demand(same, f"{one.puzzle.id}: its canonical form depends on names or order")


def _renamed(family: Family[Any, Any], statement: Statement, new: dict[Ref, Ref]) -> Statement:
    def name(ref: Ref) -> Ref:
        if ref.sort in family.roles:
            return Ref(ref.sort, new[Ref(family.roles[ref.sort], ref.index)].index)
        return new.get(ref, ref)

    return statement.rename(name)


def _exchange(one: Audited, rng: Random) -> dict[Ref, Ref]:
    """Interchangeable entities in other places, by swaps that keep the relations between them; as they are where there
    are no two of a sort."""
    given = dict(one.family.renamable_entities(one.page.case))
    relations = set(one.family.relations(one.page.case))
    new = {ref: ref for ref in given}
    swaps = 0
    for _ in range(5000 if len(new) > 1 else 0):
        a, b = rng.sample(sorted(new), 2)
        if a.sort == b.sort and given[a] == given[b]:
            new[a], new[b] = new[b], new[a]
            if {_renamed(one.family, relation, new) for relation in relations} == relations:
                swaps += 1
            else:
                new[a], new[b] = new[b], new[a]
        if swaps >= 15 and any(ref != other for ref, other in new.items()):
            break
    return new


LEVEL_CHECKS = (
    LevelCheck("clues and rules leave one world, by both solvers", _one_world),
    LevelCheck("no clue can be dropped", _minimal),
    LevelCheck("each question has one answer, which is stored and which no clue states", _questions),
    LevelCheck("every style reads back as the same statements", _styles),
    LevelCheck("no other family takes its page for its own", _recognised_alone),
    LevelCheck("clues are read back from formal lines", _formal),
    LevelCheck("grammars allow what a right completion says", _grammars),
    LevelCheck("the longest formal line is read back", _longest_line),
    LevelCheck("other names leave the answers in place", _renaming),
    LevelCheck("boards are drawn, empty and filled", _boards),
    LevelCheck("boards are drawn as pictures in which every label can be read", _pictures),
    LevelCheck("the notebook has a row for every variable", _notebook),
    LevelCheck("metadata counts clues and sizes", _sizes),
    LevelCheck("the canonical form knows neither names nor order", _canonical),
)
