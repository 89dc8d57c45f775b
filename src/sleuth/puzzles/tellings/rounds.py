"""A page gone through in rounds (`sleuth.logic.rounds`), with the words for what is found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, nullcontext
from functools import lru_cache
from typing import Any

from sleuth.config import Goal
from sleuth.errors import UserError
from sleuth.logic.assignments import Assignments, fits
from sleuth.logic.citations import Premises
from sleuth.logic.formulas import And, Count, Formula, Iff, Is, Not, Or, World
from sleuth.logic.reasoners import Enumerating, Solving
from sleuth.logic.rounds import Known, Look, Reasoner, bits, rounds
from sleuth.puzzles.explain import Explanation, only_world, tell
from sleuth.puzzles.family import Family, PageText, Theory
from sleuth.puzzles.labels import Labels
from sleuth.puzzles.statements import Statement

NOTHING = "Nothing yet."
OPEN = "Open."
"""Said of a clue that gave something and may give more."""
USED = "Used up."
"""Said of a clue that says nothing beyond what is known."""
IMPOSSIBLE = "Impossible."
"""Said of a clue that, under a supposition, leaves nothing."""


class Looked:
    """Everything that a telling needs: the looks, and words for what they find."""

    def __init__(
        self,
        family: Family[Any, Any],
        page: PageText,
        theory: Theory,
        style: str,
        looks: list[Look],
        answered: list[tuple[Known, ...]],
        variables: list[tuple[int, ...]],
    ) -> None:
        self.page, self.theory, self.looks, self.answered = page, theory, looks, answered
        """`answered`: for each question what is known that answers it."""
        self.clue_variables = variables
        """What each clue speaks of, in its order."""
        self.labels = Labels(family, page.case, theory)
        self.interchangeable = {ref.sort for ref, _ in family.renamable_entities(page.case)}
        """Sorts of entities that a puzzle knows by their names alone."""
        self.clues = [f"{text.removesuffix('.')}." for text in page.clue_texts]
        self._family = family
        self._style = style if style in family.styles else family.styles[0]
        self._grammar = family.fact_grammar(page.case, self._style)
        self._sentences: dict[Statement, str] = {}

    def sentence(self, statement: Statement) -> str:
        """A statement as a sentence."""
        if statement not in self._sentences:
            self._sentences[statement] = self._grammar.sentence(statement, self._style)
        return self._sentences[statement]

    def fact(self, index: int, domain: int) -> str | None:
        """That a variable has the one value that is left."""
        statement = self._family.fact(self.theory, index, domain.bit_length() - 1)
        return None if statement is None else self.sentence(statement)

    def denials(self, index: int, gone: int) -> list[str] | None:
        """That a variable has none of some values; None where there are no sentences for that."""
        denials = [self._family.denial(self.theory, index, value) for value in bits(gone)]
        return None if None in denials else [self.sentence(one) for one in denials if one is not None]

    def candidates(self, index: int, domain: int) -> str | None:
        """What a variable's value may still be."""
        label = self.labels.variables[index]
        return None if label is None else f"{label.text}: {', '.join(label.value_names[v] for v in bits(domain))}."

    def known(self, known: Known) -> list[str]:
        """What is known of a variable: its value, or what is left."""
        index, domain = known
        text = self.fact(index, domain) if domain.bit_count() == 1 else self.candidates(index, domain)
        if text is None and domain.bit_count() > 1:
            full = (1 << self.theory.space[index].size) - 1
            return self.denials(index, full & ~domain) or []
        return [] if text is None else [text]

    def about(self, question: Statement) -> list[int]:
        """The variables of a question's possible answers; those first of which each speaks."""
        answers = [question.fill(choice) for choice in self._family.choices(self.page.case, question)]
        spoken = [dict.fromkeys(spoken_of(self.theory.formula(answer))) for answer in answers]
        every = dict.fromkeys(index for of_answer in spoken for index in of_answer)
        return sorted(every, key=lambda index: not all(index in of_answer for of_answer in spoken))

    def supposed(self, look: Look) -> str:
        """A supposition and what refutes it, as the explainer says it."""
        assert look.step is not None
        explanation = Explanation(self._family, self.page, (), (look.step,), tuple(self.theory.rule_groups()))
        return tell(explanation, "full", self._style)[0]


def look_through(
    family: Family[Any, Any],
    page: PageText,
    goal: Goal,
    style: str,
    cited: bool,
    whole: bool,
    suppose: Callable[[Theory], bool],
) -> Looked:
    """Goes through a page until its questions are answered, or its world is known. `cited`: with premises.
    `whole`: the last round, too, goes on to the end of the page. `suppose`: for which theories values are supposed
    where a round gives nothing.

    Raises `UserError` if the clues do not leave exactly one world.
    """
    theory = family.theory(page.case)
    formulas = [theory.formula(clue) for clue in page.clues]

    def premises() -> Premises:
        return Premises.of(theory.grouped_cnf, formulas)

    if fits(theory.space):
        assignments, rules = _enumerated(theory)
        clues = [assignments.where(formula) for formula in formulas]
        world = _only_world(assignments, rules, clues)
        reasoner: Reasoner = Enumerating(assignments, rules, clues, premises)
        context: AbstractContextManager[object] = nullcontext()
    else:
        world = only_world(theory, formulas)
        reasoner = solving = Solving(premises(), theory.cnf)
        context = closing(solving)
    choices = [family.true_choice(page.case, theory, world, question) for question in page.questions]
    answers = [
        theory.formula(question.fill(choice))
        for question, choice in zip(page.questions, choices, strict=True)
        if choice is not None
    ]
    goals = answers if goal == "questions" else [Is(variable, world[variable.index]) for variable in theory.space]
    variables = [tuple(dict.fromkeys(spoken_of(formula))) for formula in formulas]
    with context:
        looks = list(rounds(reasoner, variables, goals, cited, whole, suppose(theory)))
        answered = [reasoner.cite_formula(answer, sorted(spoken_of(answer))) or () for answer in answers if cited]
    return Looked(family, page, theory, style, looks, answered, variables)


@lru_cache(maxsize=64)
def _enumerated(theory: Theory) -> tuple[Assignments, int]:
    assignments = Assignments(theory.space)
    return assignments, assignments.where(And(tuple(theory.rules())))


def _only_world(assignments: Assignments, rules: int, clues: list[int]) -> World:
    where = rules
    for clue in clues:
        where &= clue
    if where.bit_count() != 1:
        raise UserError(f"nothing to explain: {'several worlds obey' if where else 'no world obeys'} the clues")
    return tuple(domain.bit_length() - 1 for domain in assignments.domains(where))


def spoken_of(formula: Formula) -> Iterator[int]:
    """The variables of a formula."""
    return (atom.variable.index for atom in atoms(formula))


def atoms(formula: Formula) -> Iterator[Is]:
    """What a formula is made of: that variables have values."""
    match formula:
        case Is():
            yield formula
        case Not(part):
            yield from atoms(part)
        case And(parts) | Or(parts) | Count(parts, _, _):
            for part in parts:
                yield from atoms(part)
        case Iff(left, right):
            yield from atoms(left)
            yield from atoms(right)
