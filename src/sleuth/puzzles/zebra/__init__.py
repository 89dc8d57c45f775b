"""Zebra: houses in a row, each with one person, one drink, one pet … Who lives where?

The kind of puzzle that is told of Einstein; rules, generator, names and words are Sleuth's own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache
from random import Random
from typing import Any, ClassVar

from sleuth.errors import UserError
from sleuth.logic.formulas import World
from sleuth.puzzles.family import ClueSampler, Family, PageText, Style
from sleuth.puzzles.formal import FormalLexicon
from sleuth.puzzles.names import as_written
from sleuth.puzzles.notebook import Table
from sleuth.puzzles.page_reader import clue_lines
from sleuth.puzzles.prose import Grammar, Lexicon
from sleuth.puzzles.statements import Ref, Statement
from sleuth.puzzles.zebra import clue_sampler, page, sampler, wording
from sleuth.puzzles.zebra.case import Case
from sleuth.puzzles.zebra.themes import THEMES
from sleuth.puzzles.zebra.theory import Shape, ZebraTheory
from sleuth.puzzles.zebra.zebralogic import page as zebralogic


@lru_cache(maxsize=64)
def _theory(shape: Shape) -> ZebraTheory:
    return ZebraTheory(shape)


class Zebra(Family[Case, ZebraTheory]):
    """The family `zebra`."""

    name = "zebra"
    version = 1
    levels: ClassVar[Mapping[str, str]] = {
        "1": "3 houses, 3 attributes",
        "2": "4 houses, 4 attributes, also between, exact distances and either/or",
        "3": "5 houses, 5 attributes, all statement kinds",
        "4": "6 houses, 6 attributes, all statement kinds",
        "5": "7 houses, 6 attributes, all statement kinds",
    }
    wordings = (Style("plain"), Style("terse"), Style("witness"))
    kinds = wording.KINDS
    groups = wording.GROUPED_KINDS
    templates = wording.TEMPLATES
    denials = wording.DENIALS
    question_templates = wording.QUESTION_TEMPLATES

    def sample_case(self, level: str, rng: Random) -> tuple[Case, World]:
        case = sampler.sample_case(level, rng)
        return case, sampler.sample_world(case.shape, rng)

    def names(self) -> Collection[str]:
        return as_written(name for theme in THEMES for names in theme.values.values() for name in names)

    def theory(self, case: Case) -> ZebraTheory:
        return _theory(case.shape)

    def clue_sampler(
        self, case: Case, theory: ZebraTheory, world: World, level: str, style: str, rng: Random
    ) -> ClueSampler:
        return clue_sampler.ClueSampler(theory, world, level, rng).tell

    def stated(self, theory: ZebraTheory, statement: Statement) -> Sequence[Statement]:
        def what(owner: Ref, value: Ref) -> Statement:
            return Statement("what", (Ref("attribute", theory.attribute(value.index)), owner, value))

        match statement.kind, statement.args:
            case "at", (Ref() as value, Ref() as house):
                return (statement, what(house, value))
            case "same", (Ref() as first, Ref() as second):
                return (statement, Statement("same", (second, first)), what(first, second), what(second, first))
        return (statement,)

    def questions(
        self,
        case: Case,
        theory: ZebraTheory,
        world: World,
        taken: frozenset[Statement],
        level: str,
        rng: Random,
    ) -> list[Statement]:
        values = [Ref("value", i) for i in range(theory.shape.values)]
        houses = [Ref("house", i) for i in range(theory.shape.houses)]
        attributes = [Ref("attribute", i) for i in range(theory.shape.attributes)]
        pools = [
            [Statement("at", (value, None)) for value in values],
            [Statement("what", (attribute, house, None)) for attribute in attributes for house in houses],
            [
                Statement("what", (attribute, value, None))
                for attribute in attributes
                for value in values
                if theory.attribute(value.index) != attribute.index
            ],
        ]
        for pool in pools:
            rng.shuffle(pool)
        said = set(taken)
        asked: list[Statement] = []
        most = rng.randint(*sampler.LEVELS[level].questions)
        while len(asked) < most and any(pools):
            question = rng.choice([pool for pool in pools if pool]).pop()
            right = self.true_choice(case, theory, world, question)
            assert right is not None, "one value of an attribute is in each house, and each value in one"
            fact = question.fill(right)
            if fact not in said:
                asked.append(question)
                said.update(self._also(theory, fact))
        return asked

    def _also(self, theory: ZebraTheory, fact: Statement) -> Sequence[Statement]:
        """A question's fact in all the ways that it could be asked for."""
        match fact.kind, fact.args:
            case "what", (_, Ref("house") as house, value):
                return self.stated(theory, Statement("at", (value, house)))
            case "what", (_, owner, value):
                return self.stated(theory, Statement("same", (owner, value)))
        return self.stated(theory, fact)

    def choices(self, case: Case, question: Statement) -> Sequence[Ref]:
        match question.kind, question.args:
            case "at", (_, None):
                return [Ref("house", i) for i in range(case.shape.houses)]
            case "what", (Ref("attribute", attribute), _, None):
                return [Ref("value", i) for i in self.theory(case).members(attribute)]
        raise AssertionError(question)

    def answer_text(self, case: Case, choice: Ref) -> str:
        return case.answer(choice)

    def fact(self, theory: ZebraTheory, index: int, value: int) -> Statement:
        return Statement("at", (Ref("value", index), Ref("house", value)))

    def lexicon(self, case: Case) -> Lexicon:
        return wording.lexicon(case)

    def formal_lexicon(self, case: Case) -> FormalLexicon:
        return wording.formal_lexicon(case)

    def question_grammar(self, case: Case, style: str = "") -> Grammar:
        return Grammar(
            self.lexicon(case), self.groups, self.question_templates, {**self.arity, **wording.QUESTION_KINDS}
        )

    def renamable_entities(self, case: Case) -> Sequence[tuple[Ref, Any]]:
        return [
            *((Ref("attribute", i), 0) for i in range(case.shape.attributes)),
            *((Ref("value", i), 0) for i in range(case.shape.values)),
        ]

    def relations(self, case: Case) -> Sequence[Statement]:
        houses = case.shape.houses
        return [Statement("of", (Ref("attribute", i // houses), Ref("value", i))) for i in range(case.shape.values)]

    def shape(self, case: Case) -> tuple[Any, ...]:
        return case.shape.houses, case.shape.attributes

    def sizes(self, case: Case) -> dict[str, int]:
        return {"houses": case.shape.houses, "attributes": case.shape.attributes}

    def write_page(self, case: Case, clues: Sequence[str], questions: Sequence[tuple[str, str]], style: str) -> str:
        if case.place == zebralogic.PLACE:
            raise UserError("puzzles of ZebraLogic are read, but no pages are written of them")
        return page.write(case, clues, questions, style)

    def clue_lines(self, text: str) -> Sequence[int]:
        return zebralogic.clue_lines(text) if zebralogic.recognises(text) else clue_lines(text, page.LAYOUT)

    def read_page(self, text: str) -> PageText:
        return zebralogic.read(text) if zebralogic.recognises(text) else page.read(text)

    def recognises(self, text: str) -> bool:
        return page.recognises(text) or zebralogic.recognises(text)

    def board(self, case: Case, world: World | None) -> str:
        return page.draw_board(case, world)

    def board_svg(self, case: Case, world: World | None) -> str:
        return page.draw_board_svg(case, world)

    def notebook(self, case: Case) -> Sequence[Table]:
        houses = range(case.shape.houses)
        columns = tuple(case.name(Ref("house", house)) for house in houses)
        return [
            Table(label, names, columns, tuple(attribute * len(houses) + place for place in houses))
            for attribute, (label, names) in enumerate(zip(case.attributes, case.values, strict=True))
        ]

    def mirrored_case(self, case: Case, rng: Random) -> tuple[Case, Callable[[Statement], Statement]]:
        """The row from right to left."""
        last = case.shape.houses - 1

        def renamed(ref: Ref) -> Ref:
            return Ref("house", last - ref.index) if ref.sort == "house" else ref

        def turned(statement: Statement) -> Statement:
            args = tuple(turned(arg) if isinstance(arg, Statement) else arg for arg in statement.args)
            return Statement(statement.kind, args[::-1] if statement.kind in ("left_of", "before") else args)

        return case, lambda statement: turned(statement).rename(renamed)

    def rename_case(self, case: Case, rng: Random) -> Case:
        return sampler.rename(case, rng)
