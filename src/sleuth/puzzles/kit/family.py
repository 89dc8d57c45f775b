"""A family made of its declaration."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from types import MappingProxyType
from typing import Any, ClassVar

from sleuth.config import Names
from sleuth.errors import counted
from sleuth.logic.formulas import World
from sleuth.puzzles import names as pool
from sleuth.puzzles.canonical import canonical_form
from sleuth.puzzles.family import ClueSampler, Family, Kind, PageText, Style
from sleuth.puzzles.formal import FormalLexicon
from sleuth.puzzles.kit import checks, naming, page, sampler
from sleuth.puzzles.kit.declaration import (
    Case,
    Level,
    Number,
    Rule,
    Setting,
    Sort,
    Theme,
    Unknown,
)
from sleuth.puzzles.kit.kinds import STYLES, StatementKind, every, typed
from sleuth.puzzles.kit.stated import StatedFacts
from sleuth.puzzles.kit.theory import KitTheory
from sleuth.puzzles.notebook import Table
from sleuth.puzzles.page_reader import CLUES, QUESTIONS, clue_lines, read_clues, read_questions, refuse_hidden
from sleuth.puzzles.picture import DrawnTable
from sleuth.puzzles.prose import Grammar, Lexicon
from sleuth.puzzles.statements import Argument, Ref, Statement

RING = "ring"
"""The relation of a place to the next one round, for canonical forms."""
LIST = "list"
"""The relation of a list to an entity in it, for canonical forms."""


@dataclass(frozen=True)
class Declaration:
    """What a family is declared of."""

    setting: Setting
    unknowns: tuple[Unknown, ...]
    rules: tuple[Rule, ...]
    kinds: Mapping[str, StatementKind]
    groups: Mapping[str, Sequence[str]]
    levels: Mapping[str, Level]
    sorts: tuple[Sort | Number, ...]
    """All that fill slots."""
    mirror: Mapping[str, tuple[int, ...]]
    holes: Mapping[str, tuple[int, ...]]
    """Slots that questions leave out, by kind."""


class DeclaredFamily(Family[Case, KitTheory]):
    """A family whose every part follows from `declaration`; made by `declare`."""

    declaration: ClassVar[Declaration]
    pooled = True

    def __init__(self) -> None:
        self._theories: dict[tuple[int, ...], KitTheory] = {}
        self._facts: dict[KitTheory, StatedFacts] = {}

    def sample_case(self, level: str, rng: Random) -> tuple[Case, World]:
        setting, spans = self.declaration.setting, self.declaration.levels[level]
        sizes = setting.derived({sort: rng.randint(*spans.span(sort)) for sort in spans.sizes})
        case = naming.named(setting, rng.choice(setting.themes), tuple(sizes.values()), rng)
        return case, sampler.sample_world(self.theory(case), rng)

    def names(self) -> Collection[str]:
        setting = self.declaration.setting
        people = pool.PARTS_OF_PEOPLE if any(sort.people for sort in setting.sorts) else ()
        given = [*(names for theme in setting.themes for names in theme.names.values())]
        given += [sort.names for sort in setting.sorts]
        return pool.as_written([*people, *(name for names in given for name in names)])

    def rename_case(self, case: Case, rng: Random) -> Case:
        return naming.renamed(self.declaration.setting, case, rng)

    def dressed(self, case: Case, style: str, names: Names, rng: Random) -> Case:
        return naming.dressed(self.declaration.setting, case, names, rng)

    def theory(self, case: Case) -> KitTheory:
        theory = self._theories.get(case.shape)
        if theory is None:
            made = self.declaration
            sizes = made.setting.sizes(case.shape)
            theory = KitTheory(sizes, made.unknowns, made.rules, made.kinds, made.sorts)
            self._theories[case.shape] = theory
        return theory

    def clue_sampler(
        self, case: Case, theory: KitTheory, world: World, level: str, style: str, rng: Random
    ) -> ClueSampler:
        return sampler.ClueSampler(theory, self.groups, world, self.declaration.levels[level], rng).tell

    def fact(self, theory: KitTheory, index: int, value: int) -> Statement:
        unknown, entity = theory.owners[index]
        kind = next(
            kind.name for kind in self.declaration.kinds.values() if kind.denial and kind.unknown == unknown.name
        )
        return Statement(kind, (Ref(unknown.of.name, entity), Ref(unknown.values.name, value)))

    def _askable(self, theory: KitTheory) -> Iterator[Statement]:
        """Every question of a shape."""
        for kind, holes in self.declaration.holes.items():
            slots = self.declaration.kinds[kind].slots
            for hole in holes:
                for refs in theory.tuples([slot for place, slot in enumerate(slots) if place != hole]):
                    args: list[Argument] = list(refs)
                    args.insert(hole, None)
                    yield Statement(kind, tuple(args))

    def stated(self, theory: KitTheory, statement: Statement) -> Sequence[Statement]:
        """The answers to questions that follow from the clue and the rules alone, as the solver says."""
        facts = self._facts.get(theory)
        if facts is None:
            found = (
                question.fill(ref) for question in self._askable(theory) for ref in self._fillings(theory, question)
            )
            facts = self._facts[theory] = StatedFacts(theory, tuple(dict.fromkeys(found)))
        return facts.of(statement)

    def _fillings(self, theory: KitTheory, question: Statement) -> Sequence[Ref]:
        kind = self.declaration.kinds[question.kind]
        entities = theory.entities[kind.slots[question.hole()]]
        if not kind.asked_only:
            return entities
        chosen = question.args[0]
        assert isinstance(chosen, Ref)
        return [ref for ref in entities if theory.list_of(ref) == chosen.index and ref not in question.args]

    def questions(
        self, case: Case, theory: KitTheory, world: World, taken: frozenset[Statement], level: str, rng: Random
    ) -> list[Statement]:
        view = theory.view(world)
        fewest, most = self.declaration.levels[level].questions
        count = rng.randint(fewest, most)
        pool = list(self._askable(theory))
        rng.shuffle(pool)
        asked: list[Statement] = []
        said = set(taken)
        for question in pool:
            if len(asked) == count:
                break
            facts = [question.fill(ref) for ref in self._fillings(theory, question)]
            true = [fact for fact in facts if theory.true(fact.kind, fact.args, view)]
            if len(true) == 1 and said.isdisjoint(self.orders(true[0])):
                asked.append(question)
                # A question that joins entities may come to what another kind of question asks.
                joins = any(kind.asked_only for kind in self.declaration.kinds.values())
                said.update(self.stated(theory, true[0]) if joins else self.orders(true[0]))
        return asked

    def choices(self, case: Case, question: Statement) -> Sequence[Ref]:
        return self._fillings(self.theory(case), question)

    def answer_text(self, case: Case, choice: Ref) -> str:
        return self._name(case, choice)

    def _name(self, case: Case, ref: Ref) -> str:
        for sort, names in zip(self.declaration.setting.sorts, case.names, strict=True):
            if sort.name == ref.sort:
                return names[ref.index]
        return str(ref.index)

    def lexicon(self, case: Case) -> Lexicon:
        numbers = [sort for sort in self.declaration.sorts if isinstance(sort, Number)]
        return naming.lexicon(self.declaration.setting, self.theory(case), case, numbers)

    def question_grammar(self, case: Case, style: str = "") -> Grammar:
        arity = {kind.name: len(kind.slots) for kind in self.declaration.kinds.values()}
        return Grammar(self.lexicon(case), self.groups, self.question_templates, arity)

    def formal_lexicon(self, case: Case) -> FormalLexicon:
        entities = self.theory(case).entities
        return {sort: [(ref, self._name(case, ref)) for ref in refs] for sort, refs in entities.items()}

    def renamable_entities(self, case: Case) -> Sequence[tuple[Ref, Any]]:
        entities = self.theory(case).entities
        return [
            (ref, 0)
            for sort in self.declaration.setting.sorts
            if sort.listed or sort.ring
            for ref in entities[sort.name]
        ]

    def relations(self, case: Case) -> Sequence[Statement]:
        entities = self.theory(case).entities
        rings = [entities[sort.name] for sort in self.declaration.setting.sorts if sort.ring]
        found = [
            Statement(RING, (place, following))
            for places in rings
            for place, following in zip(places, [*places[1:], places[0]], strict=True)
        ]
        for sort in self.declaration.setting.sorts:
            if sort.lists is not None:
                lists = entities[sort.lists.name]
                theory = self.theory(case)
                found += [Statement(LIST, (lists[theory.list_of(ref)], ref)) for ref in entities[sort.name]]
        return found

    def canonical_form(self, case: Case, clues: Sequence[Statement]) -> str:
        form = super().canonical_form(case, clues)
        if not self.declaration.mirror:
            return form
        told = [*self.relations(case), *(variant for clue in clues for variant in self.orders(clue))]
        seen = [self.mirrored(statement) for statement in told]
        return min(form, canonical_form(self.shape(case), self.renamable_entities(case), seen))

    def mirrored(self, statement: Statement) -> Statement:
        """The statement about the same entities as a mirror shows them."""
        args = [self.mirrored(arg) if isinstance(arg, Statement) else arg for arg in statement.args]
        order = (1, 0) if statement.kind == RING else self.declaration.mirror.get(statement.kind, range(len(args)))
        return Statement(statement.kind, tuple(args[place] for place in order))

    def shape(self, case: Case) -> tuple[Any, ...]:
        return case.shape

    def sizes(self, case: Case) -> dict[str, int]:
        return self.declaration.setting.sizes(case.shape)

    def write_page(self, case: Case, clues: Sequence[str], questions: Sequence[tuple[str, str]], style: str) -> str:
        return page.write(self.declaration.setting, case, clues, questions, style)

    def read_page(self, text: str) -> PageText:
        case, found = page.read(self.declaration.setting, text)
        grammar, asking = self.grammar(case), self.question_grammar(case)
        refuse_hidden(found.free, grammar, asking)
        refuse_hidden((name for names in case.names for name in names), grammar)
        clues, clue_texts = read_clues(found.parts[CLUES].lines(), grammar)
        questions, letters = read_questions(found.parts[QUESTIONS].lines(), asking)
        return PageText(case, clues, clue_texts, questions, letters)

    def clue_lines(self, text: str) -> Sequence[int]:
        return clue_lines(text, page.lines_of(self.declaration.setting))

    def recognises(self, text: str) -> bool:
        return page.recognises(self.declaration.setting, text)

    def board(self, case: Case, world: World | None) -> str:
        return page.board(self._tables(case, world))

    def board_svg(self, case: Case, world: World | None) -> str:
        return page.board_svg(self.name, self._tables(case, world))

    def _tables(self, case: Case, world: World | None) -> Sequence[DrawnTable]:
        return page.board_tables(self.declaration.setting, self.theory(case), case, world)

    def notebook(self, case: Case) -> Sequence[Table]:
        return page.notebook(self.declaration.setting, self.theory(case), case)


def declare(
    name: str,
    *,
    version: int = 1,
    rules_text: str,
    sorts: Sequence[Sort | Number],
    unknowns: Sequence[Unknown],
    kinds: Sequence[StatementKind],
    levels: Mapping[str, Level],
    themes: Sequence[Theme],
    rules: Sequence[Rule] = (),
    groups: Mapping[str, Sequence[str]] = MappingProxyType({}),
    mirror: Mapping[str, tuple[int, ...]] = MappingProxyType({}),
) -> type[DeclaredFamily]:
    """A family of puzzles. Raises `UserError` for a declaration that cannot work, and says why.

    `rules_text` is what the page says of the rules: a paragraph that no other family has. `groups` names kinds that may
    stand in a slot of that name. `mirror`: in a mirror every ring runs the other way round; for kinds that then speak
    of other entities, the order of their arguments there.
    """
    known = every(kinds)
    places = tuple(sort for sort in sorts if isinstance(sort, Sort))
    numbers = dict.fromkeys(number for kind in known.values() for number in kind.sorts)
    made = Declaration(
        Setting(places, rules_text, tuple(themes)),
        tuple(unknowns),
        tuple(rules),
        known,
        groups,
        levels,
        (*sorts, *numbers),
        mirror,
        {kind.name: holes for kind in known.values() if (holes := checks.holes(kind))},
    )
    checks.check(name, made, kinds)
    told = [kind for kind in known.values() if not kind.asked_only]
    attributes = {
        "__doc__": f"The family `{name}`.",
        "name": name,
        "version": version,
        "declaration": made,
        "levels": {level: _described(places, spec) for level, spec in levels.items()},
        "wordings": tuple(map(Style, STYLES)),
        "kinds": {kind.name: Kind(kind.slots, kind.direct, kind.symmetric) for kind in told},
        "groups": groups,
        "templates": {style: {kind.name: kind.templates[style] for kind in told} for style in STYLES},
        "question_templates": {
            style: {
                kind.name: tuple(typed(question, kind.slots) for question in kind.questions)
                for kind in known.values()
                if kind.questions
            }
            for style in STYLES
        },
        "denials": {kind.name: kind.denial.name for kind in told if kind.denial},
        "rare": frozenset(kind.name for kind in told).difference(
            *(level.kinds for level in levels.values()), *groups.values()
        ),
        # Where other processes find the class, as for collections.namedtuple.
        "__module__": sys._getframe(1).f_globals.get("__name__", "__main__"),
    }
    return type("".join(part.capitalize() for part in name.split("-")), (DeclaredFamily,), attributes)


def _described(sorts: Sequence[Sort], level: Level) -> str:
    """A level in a line: its sizes, and how many kinds of statements it has."""
    sizes = []
    for sort in sorts:
        if sort.name in level.sizes:
            low, high = level.span(sort.name)
            sizes.append(f"{low if low == high else f'{low}-{high}'} {sort.label.lower()}")
    count = len(level.kinds)
    return f"{', '.join(sizes)}, {counted(count, 'statement kind')}"
