"""What a family is declared of: sorts, unknowns, rules, levels, themes. Statement kinds are in `kinds`.

A *sort* is a set of entities: people, seats. An *unknown* gives every entity of one sort a value of another one:
`seat[person]`. A rule or a relation is a plain Python function of a world, `lambda w, a, b: w.seat[a] < w.seat[b]`;
`sleuth.puzzles.kit.theory` makes formulas of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sleuth.errors import UserError
from sleuth.logic.formulas import Formula
from sleuth.puzzles.drawing import check_names
from sleuth.puzzles.statements import Ref

Sizes = Mapping[str, int]
"""Number of entities by sort."""
Fits = Callable[..., bool]
"""A world's values (`w.seat[person]`, `w.size["seat"]`) and the numbers of the entities to whether it is so."""
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
MOST_ENTITIES = 26


@dataclass(frozen=True)
class Look:
    """How a sort is worded in some themes. A form with `{}` words an entity; one without words the sort itself, or the
    list that the entity is in."""

    text: str = "{}"
    forms: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Sort:
    """A set of entities, renamable unless `names` gives what they are always called.

    Where themes speak of a sort in different words (huts, boats), `looks` gives these by label, and a theme names one.
    A sort may consist of *lists* (drinks, pets) of equally many entities: `lists` is the sort whose entities the lists
    are. Then `looks` has a look for each label that a list can have, and a theme gives names by these labels.
    """

    name: str
    """How slots of statement kinds refer to it."""
    label: str
    """What stands before its names on the page."""
    text: str = "{}"
    """How a sentence words an entity; `{}` stands for its name."""
    names: tuple[str, ...] = ()
    """Of entities that are known by their place (seats, hours), in order."""
    size: Callable[[Sizes], int] | None = None
    """Where it follows from the sizes of other sorts."""
    note: str = ""
    """What the page says of the names, in brackets behind the label."""
    ring: bool = False
    """Whether the places form a ring that can be turned without changing the puzzle."""
    people: bool = False
    """Whether the pool has names of people for it."""
    forms: Mapping[str, str] = field(default_factory=dict)
    """Further wordings, for gaps `{0:form}`."""
    looks: Mapping[str, Look] = field(default_factory=dict)
    """In place of `label`, `text` and `forms`: by label."""
    lists: Sort | None = None
    """Each of its entities is a list of this sort."""

    def entities(self, sizes: Sizes) -> list[Ref]:
        """All of them in a case of these sizes."""
        return [Ref(self.name, index) for index in range(sizes[self.name])]

    @property
    def listed(self) -> bool:
        """Whether names, and not places, tell its entities apart."""
        return not self.names


@dataclass(frozen=True)
class Number:
    """Numbers that statements speak of. `{0:one}` in a template is a gap for 1 only, `{0:many}` for all others."""

    name: str
    lowest: int
    highest: Callable[[Sizes], int]

    def entities(self, sizes: Sizes) -> list[Ref]:
        """Each number of a case of these sizes; an entity's index is the number itself."""
        return [Ref(self.name, number) for number in range(self.lowest, self.highest(sizes) + 1)]


def numbered(count: int) -> tuple[str, ...]:
    """Names of places that are told apart by numbers."""
    return tuple(str(number) for number in range(1, count + 1))


@dataclass(frozen=True)
class Unknown:
    """What is to be found out: for every entity of a sort, which of another sort."""

    name: str
    of: Sort
    values: Sort
    one_each: bool = False
    """Whether no two (of a list, if the sort consists of lists) have the same value."""


@dataclass(frozen=True)
class Rule:
    """What every world obeys: a function that fits all different entities of some sorts, or formulas."""

    name: str
    """As explanations cite it."""
    slots: tuple[Sort, ...] = ()
    fits: Fits | None = None
    formulas: Callable[[Any], Sequence[Formula]] | None = None
    """Given the theory (`m.seat[person][seat]` is an atom, `m.size` are the sizes)."""


def rule(name: str, slots: Sequence[Sort], fits: Fits) -> Rule:
    """A rule that a function of a world's values and different entities of these sorts tells."""
    return Rule(name, tuple(slots), fits)


def formula_rule(name: str, formulas: Callable[[Any], Sequence[Formula]]) -> Rule:
    """A rule that is told by formulas, for what a function would have to read too many values for."""
    return Rule(name, formulas=formulas)


@dataclass(frozen=True)
class Level:
    """Sizes, statement kinds and questions of a level."""

    sizes: Mapping[str, int | tuple[int, int]]
    """By sort: a number, or the lowest and the highest."""
    kinds: Mapping[str, float]
    """Statement kinds that clues are of, with how often each is drawn."""
    questions: tuple[int, int] = (1, 2)
    """Fewest and most."""
    parts: tuple[str, ...] | None = None
    """Kinds that may stand in other statements; None: all of their group."""

    def span(self, sort: str) -> tuple[int, int]:
        """Lowest and highest size of a sort."""
        size = self.sizes[sort]
        return size if isinstance(size, tuple) else (size, size)


@dataclass(frozen=True)
class Theme:
    """Where a case happens, and names for its renamable sorts."""

    title: str
    story: str
    names: Mapping[str, Sequence[str]]
    """By sort; of lists, by label. The first list is in every case."""
    looks: Mapping[str, str] = field(default_factory=dict)
    """Sort to its label here, where it has looks."""


def words(text: str) -> tuple[str, ...]:
    """Names from a text in which commas part them."""
    return tuple(name.strip() for name in text.split(","))


@dataclass(frozen=True)
class Case:
    """What a page states before any clue: names by sort, in the order of the declaration."""

    names: tuple[tuple[str, ...], ...]
    title: str = ""
    story: str = ""
    labels: tuple[str, ...] = ()
    """Labels of the sorts in the page's words, if any has looks."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The case without its names."""
        return tuple(map(len, self.names))


@dataclass(frozen=True, eq=False)
class Setting:
    """The sorts and texts of a family, as its pages need them."""

    sorts: tuple[Sort, ...]
    rules: str
    """The rules in words: a paragraph that pages of this family alone have."""
    themes: tuple[Theme, ...] = field(default=())

    def made_of(self, sort: Sort) -> Sort | None:
        """The sort whose lists the entities of a sort are, if it has such entities."""
        return next((other for other in self.sorts if other.lists is not None and other.lists.name == sort.name), None)

    def names_of(self, case: Case) -> dict[str, tuple[str, ...]]:
        """Names by sort."""
        return {sort.name: names for sort, names in zip(self.sorts, case.names, strict=True)}

    def listed(self, case: Case) -> list[tuple[str, Sort, tuple[str, ...]]]:
        """The lists of a case's page: label, sort, names."""
        found: list[tuple[str, Sort, tuple[str, ...]]] = []
        names = self.names_of(case)
        for place, sort in enumerate(self.sorts):
            if sort.lists is not None:
                labels, length = names[sort.lists.name], len(names[sort.name]) // len(names[sort.lists.name])
                for number, label in enumerate(labels):
                    found.append((label, sort, names[sort.name][number * length : (number + 1) * length]))
            elif self.made_of(sort) is None:
                found.append((case.labels[place] if sort.looks else sort.label, sort, names[sort.name]))
        return found

    def sizes(self, shape: Sequence[int]) -> dict[str, int]:
        """Sizes by sort."""
        return {sort.name: size for sort, size in zip(self.sorts, shape, strict=True)}

    def derived(self, sizes: dict[str, int]) -> dict[str, int]:
        """All sizes, from those that do not follow from others; in the order of the sorts."""
        known = dict(sizes)
        for sort in self.sorts:
            if sort.size is not None:
                known[sort.name] = sort.size(known)
        return {sort.name: known[sort.name] for sort in self.sorts}

    def check(self, case: Case) -> None:
        """Raises `UserError` for names that cannot be told apart and sizes that do not fit together."""
        sizes = self.sizes(case.shape)
        check_names(name for names in case.names for name in names)
        for sort, names in zip(self.sorts, case.names, strict=True):
            listed = sizes[sort.lists.name] if sort.lists else 1
            if not 1 <= len(names) // max(listed, 1) <= MOST_ENTITIES:
                raise UserError(f"{sort.label}: 1 to {MOST_ENTITIES} names, not {len(names)}")
            if sort.names and names != sort.names[: len(names)]:
                raise UserError(f"{sort.label}: {', '.join(sort.names[: len(names)])}, not {', '.join(names)}")
            if sort.size is not None and sort.size(sizes) != len(names):
                raise UserError(f"{sort.label}: {len(names)} names, but {sort.size(sizes)} by the other lists")


def check_distinct(what: str, names: Iterable[str]) -> None:
    """Raises `UserError` where a name is declared twice."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise UserError(f"{what} {name!r} is declared twice")
        seen.add(name)
