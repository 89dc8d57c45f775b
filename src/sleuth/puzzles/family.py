"""What a puzzle family with clues and rules is, to generation, solving, explanation and grading.

A family brings its variables, rules, statement kinds and words; generation, auditing, grading, formal language and
splits are the same for all. A *case* is what a puzzle's page states before any clue: the cast, the places, the
names. A *theory* is the logic of a case's shape (sizes without names).
"""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from random import Random
from typing import Any, ClassVar, Generic, TypeVar

from sleuth.config import Names
from sleuth.errors import UserError
from sleuth.logic.citations import compile_groups
from sleuth.logic.cnf import REMEMBERED, Cnf
from sleuth.logic.formulas import Formula, Space, World
from sleuth.puzzles.canonical import canonical_form
from sleuth.puzzles.formal import FormalLanguage, FormalLexicon
from sleuth.puzzles.notebook import Table, notebook_svg, tables_of_facts
from sleuth.puzzles.prose import Grammar, Lexicon, Templates
from sleuth.puzzles.puzzle import Puzzle
from sleuth.puzzles.statements import Ref, Statement


@dataclass(frozen=True, slots=True)
class Kind:
    """A statement kind."""

    slots: tuple[str, ...]
    """Its gap types in the formal language."""
    direct: float = 0.0
    """How plainly it tells a part of the solution (0: not at all); direct clues are the first to be dropped."""
    symmetric: tuple[int, ...] | None = None
    """Slots whose arguments may change places without changing the meaning."""


class NoClueError(Exception):
    """No statement of a level's kinds tells two worlds apart; the case is given up for another one."""


@dataclass(frozen=True, slots=True)
class Style:
    """A way to word a family's puzzles, and how it stands to the others."""

    name: str
    mixed: bool = True
    """Whether the style `mixed` draws from it."""
    apart: bool = False
    """Whether its sentences are read on its own pages only, since elsewhere they may mean something else."""
    free: bool = False
    """Whether it words a statement by any of its templates, not by the first."""
    stop: str = "."
    """What ends a clue."""


class Theory(ABC):
    """Variables, rules and the meaning of statements, for one shape of case."""

    space: Space

    @abstractmethod
    def rule_groups(self) -> Mapping[str, Sequence[Formula]]:
        """What every world of the shape obeys, in groups that an explanation can name ("each is in one hut")."""

    def rules(self) -> Sequence[Formula]:
        """All rules, in order."""
        return [rule for group in self.rule_groups().values() for rule in group]

    @abstractmethod
    def formula(self, statement: Statement) -> Formula:
        """What a statement means."""

    @cached_property
    def cnf(self) -> Cnf:
        """The rules, compiled once. Copy before adding to it."""
        cnf = Cnf(self.space)
        for rule in self.rules():
            cnf.add(rule)
        return cnf

    @cached_property
    def grouped_cnf(self) -> tuple[Cnf, tuple[int, ...]]:
        """The rules, each group behind a selector, and the selectors. Copy before adding to it."""
        return compile_groups(self.space, self.rule_groups().values())


class RememberingTheory(Theory):
    """A theory that keeps the formulas that it has made."""

    def __init__(self) -> None:
        self._formulas: dict[Statement, Formula] = {}

    @cached_property
    def cnf(self) -> Cnf:
        cnf = super().cnf
        cnf.remember()
        return cnf

    def formula(self, statement: Statement) -> Formula:
        found = self._formulas.get(statement)
        if found is None:
            found = self._meaning(statement)
            if len(self._formulas) >= REMEMBERED:
                self._formulas.clear()
            self._formulas[statement] = found
        return found

    @abstractmethod
    def _meaning(self, statement: Statement) -> Formula:
        """The formula, made anew."""


@dataclass(frozen=True, slots=True)
class PageText:
    """What is read back from a puzzle's text."""

    case: Any
    clues: tuple[Statement, ...]
    clue_texts: tuple[str, ...]
    questions: tuple[Statement, ...]
    """Each with one hole."""
    letters: tuple[str, ...]
    """The question's letters."""
    style: str = ""
    """The style that the page is in, where that one stands apart."""
    whole: bool = False
    """Whether the whole world is asked for, and so also what clues state outright."""


ClueSampler = Callable[[World], tuple[Statement, Formula]]
"""Other world to a clue that rules it out, with its formula."""
CaseT = TypeVar("CaseT")
TheoryT = TypeVar("TheoryT", bound=Theory)


class Family(ABC, Generic[CaseT, TheoryT]):
    """A kind of puzzle."""

    name: ClassVar[str]
    version: ClassVar[int]
    levels: ClassVar[Mapping[str, str]]
    """Level to a line that says what it is."""
    wordings: ClassVar[tuple[Style, ...]]
    """The styles that puzzles are written in."""
    pooled: ClassVar[bool] = False
    """Whether there is a pool of names."""
    kinds: ClassVar[Mapping[str, Kind]]
    groups: ClassVar[Mapping[str, Sequence[str]]]
    """Gap type to the statement kinds that may stand in it."""
    templates: ClassVar[Templates]
    question_templates: ClassVar[Templates]
    """As `templates`, with the hole's gap left out of the text."""
    denials: ClassVar[Mapping[str, str]] = {}
    """Kind of a fact to the kind that says the opposite, with the same arguments."""
    denial_templates: ClassVar[Templates] = {}
    """Templates of those denials that no clue is made of, by style."""
    roles: ClassVar[Mapping[str, str]] = {}
    """Sorts that stand for an entity of another sort by its index: sort to that sort."""
    rare: ClassVar[frozenset[str]] = frozenset()
    """Kinds of clues that are hardly ever needed, such as those that tell a part of the solution."""

    @property
    def id(self) -> str:
        """`name@version`."""
        return f"{self.name}@{self.version}"

    @cached_property
    def styles(self) -> tuple[str, ...]:
        """Names of all styles."""
        return tuple(style.name for style in self.wordings)

    @cached_property
    def mixed(self) -> tuple[str, ...]:
        """Names of the styles that `mixed` draws from."""
        return tuple(style.name for style in self.wordings if style.mixed)

    @cached_property
    def _free(self) -> tuple[str, ...]:
        return tuple(style.name for style in self.wordings if style.free)

    def style(self, name: str) -> Style:
        """A style by its name."""
        return next(style for style in self.wordings if style.name == name)

    @cached_property
    def arity(self) -> dict[str, int]:
        """Number of arguments by statement kind."""
        return {kind: len(spec.slots) for kind, spec in self.kinds.items()}

    @abstractmethod
    def sample_case(self, level: str, rng: Random) -> tuple[CaseT, World]:
        """A new case of a level, and its true world."""

    @abstractmethod
    def theory(self, case: CaseT) -> TheoryT:
        """The logic of the case's shape."""

    @abstractmethod
    def clue_sampler(
        self, case: CaseT, theory: TheoryT, world: World, level: str, style: str, rng: Random
    ) -> ClueSampler:
        """What gives, for any other world, a random clue that is true in the true world and false in that one. It may
        raise `NoClueError`."""

    @abstractmethod
    def stated(self, theory: TheoryT, statement: Statement) -> Sequence[Statement]:
        """What a clue says outright, itself included: nothing of this may be asked."""

    @abstractmethod
    def questions(
        self, case: CaseT, theory: TheoryT, world: World, taken: frozenset[Statement], level: str, rng: Random
    ) -> list[Statement]:
        """Questions whose true filling is not in `taken`, in the order they are asked; empty if there is none."""

    @abstractmethod
    def choices(self, case: CaseT, question: Statement) -> Sequence[Ref]:
        """All that could fill a question's hole."""

    @abstractmethod
    def answer_text(self, case: CaseT, choice: Ref) -> str:
        """A choice as it is written in an answer."""

    @abstractmethod
    def fact(self, theory: TheoryT, index: int, value: int) -> Statement | None:
        """The statement that variable `index` has this value, if there is a plain one."""

    @abstractmethod
    def lexicon(self, case: CaseT) -> Lexicon:
        """The words of a case."""

    @abstractmethod
    def formal_lexicon(self, case: CaseT) -> FormalLexicon:
        """The names of a case in the formal language."""

    def names(self) -> Collection[str]:
        """Every name that pages can give to an entity, as it is written there; of names that are put together out of
        parts, the parts. A tokenizer keeps them whole."""
        return ()

    @abstractmethod
    def renamable_entities(self, case: CaseT) -> Sequence[tuple[Ref, Any]]:
        """Entities that are interchangeable before any clue is given, each with a number that sets some apart (how
        many suspects share a motive); what is not listed (rooms on a map, times) is known by its place."""

    def relations(self, case: CaseT) -> Sequence[Statement]:
        """What holds between entities before any clue is given (which attribute a value belongs to): statements of any
        kind, for the canonical form only."""
        return ()

    @abstractmethod
    def shape(self, case: CaseT) -> tuple[Any, ...]:
        """The case without its names: plain, sortable data."""

    @abstractmethod
    def sizes(self, case: CaseT) -> dict[str, int]:
        """Numbers for a puzzle's metadata."""

    @abstractmethod
    def write_page(self, case: CaseT, clues: Sequence[str], questions: Sequence[tuple[str, str]], style: str) -> str:
        """The puzzle's text: case, clue sentences, (letter, text) questions."""

    @abstractmethod
    def read_page(self, text: str) -> PageText:
        """A puzzle's text read back. Raises `ReadError`."""

    def page_of(self, puzzle: Puzzle) -> PageText:
        """A stored puzzle's text read back. Raises `UserError` naming the puzzle."""
        try:
            return self.read_page(puzzle.prompt)
        except UserError as error:
            raise UserError(f"{puzzle.id}: {error}") from None

    @abstractmethod
    def clue_lines(self, text: str) -> Sequence[int]:
        """Which lines of a puzzle's text, from 0, are a clue each: by the layout, whatever the sentences say."""

    def loose_readings(self, theory: TheoryT, page: PageText, text: str) -> Mapping[str, Sequence[Formula]]:
        """How else a page, read from this text, may be understood by who doesn't know its conventions: a description of
        the reading to what the clues then mean. A clue as it is meant implies the clue as it is read, so the puzzle's
        world obeys these."""
        return {}

    @abstractmethod
    def recognises(self, text: str) -> bool:
        """Whether a text looks like a page of this family."""

    @abstractmethod
    def board(self, case: CaseT, world: World | None) -> str:
        """The case drawn as plain text for people, with or without the solution."""

    def notebook(self, case: CaseT) -> Sequence[Table]:
        """The tables in which a person marks what can be: a row for each variable, a column for each value."""
        return tables_of_facts(self, self.theory(case), case)

    def board_svg(self, case: CaseT, world: World | None) -> str:
        """The case drawn as a picture that stands alone, with or without the solution."""
        return notebook_svg(self.name, self.notebook(case), world)

    @abstractmethod
    def rename_case(self, case: CaseT, rng: Random) -> CaseT:
        """The same case with other names."""

    def mirrored_case(self, case: CaseT, rng: Random) -> tuple[CaseT, Callable[[Statement], Statement]] | None:
        """The case with its map mirrored, and what turns any statement into the one that says the same there; None
        where a mirrored map is no other case. It is another puzzle, whose split may be another."""
        return None

    def dressed(self, case: CaseT, style: str, names: Names, rng: Random) -> CaseT:
        """The case with the names that pages of a style have, where `themed` names are asked for (most styles take
        any), with names from the `pool`, or with `coined` ones."""
        return case

    def _read_in(self, templates: Templates, style: str) -> Templates:
        return {name: kinds for name, kinds in templates.items() if name == style or not self.style(name).apart}

    def grammar(self, case: CaseT, style: str = "") -> Grammar:
        """Reads and writes the case's clue sentences, on a page of a style (or of any that does not stand apart)."""
        return Grammar(self.lexicon(case), self.groups, self._read_in(self.templates, style), self.arity, self._free)

    def denial(self, theory: TheoryT, index: int, value: int) -> Statement | None:
        """The statement that variable `index` does not have this value, if there is a plain one."""
        fact = self.fact(theory, index, value)
        return None if fact is None or fact.kind not in self.denials else Statement(self.denials[fact.kind], fact.args)

    def fact_grammar(self, case: CaseT, style: str = "") -> Grammar:
        """As `grammar`, and facts and denials too."""
        extra = self.denial_templates
        own = self._read_in(self.templates, style)
        templates = {name: {**kinds, **extra.get(name, {})} for name, kinds in own.items()}
        arity = {denial: self.arity[kind] for kind, denial in self.denials.items()}
        return Grammar(self.lexicon(case), self.groups, templates, {**arity, **self.arity}, self._free)

    def question_grammar(self, case: CaseT, style: str = "") -> Grammar:
        """Reads and writes the case's questions."""
        templates = self._read_in(self.question_templates, style)
        return Grammar(self.lexicon(case), self.groups, templates, self.arity, self._free)

    def formal(self, case: CaseT) -> FormalLanguage:
        """Reads and writes the case's formal statements."""
        return FormalLanguage(
            {kind: spec.slots for kind, spec in self.kinds.items()}, self.groups, self.formal_lexicon(case)
        )

    def canonical_form(self, case: CaseT, clues: Sequence[Statement]) -> str:
        """The puzzle's text without names and order, equal for puzzles that differ in nothing else."""
        told = [*self.relations(case), *(variant for clue in clues for variant in self.orders(clue))]
        return canonical_form(self.shape(case), self.renamable_entities(case), told, self.roles)

    def orders(self, statement: Statement) -> list[Statement]:
        """The statement in every order of its interchangeable arguments, so that the order it came in plays no part."""
        orders = [statement]
        if any(isinstance(arg, Statement) for arg in statement.args):
            options = [self.orders(arg) if isinstance(arg, Statement) else [arg] for arg in statement.args]
            orders = [Statement(statement.kind, args) for args in itertools.product(*options)]
        spec = self.kinds.get(statement.kind)
        if spec is None or spec.symmetric is None:
            return orders
        found = []
        for places in itertools.permutations(spec.symmetric):
            for order in orders:
                args = list(order.args)
                for place, other in zip(spec.symmetric, places, strict=True):
                    args[place] = order.args[other]
                found.append(Statement(statement.kind, tuple(args)))
        return found

    def true_choice(self, case: CaseT, theory: TheoryT, world: World, question: Statement) -> Ref | None:
        """The one choice that makes a question true in a world; None if none or several do."""
        from sleuth.logic.formulas import holds

        right = [c for c in self.choices(case, question) if holds(theory.formula(question.fill(c)), world)]
        return right[0] if len(right) == 1 else None
