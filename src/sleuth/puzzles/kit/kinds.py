"""Statement kinds: facts, relations, connectives, and custom ones, each with its words.

A template says where arguments go: `{0} sits in {1}`. Its gaps are worded as the slot's sort is; `{0:form}` takes
another form of it. Templates are given for the style `plain`, and for `terse` and `witness` where these differ.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sleuth.errors import UserError, nearest
from sleuth.logic.formulas import And, Count, Formula, Not
from sleuth.puzzles.connectives import MEANINGS, PLAIN, WITNESS
from sleuth.puzzles.kit.declaration import Fits, Number, Sort, Unknown

STYLES = ("plain", "terse", "witness")
Words = str | tuple[str, ...]
"""One template or several, of which the first that has words for all arguments is written."""
Slot = Sort | Number | str
"""A sort, numbers, or the name of a group of statement kinds."""
_GAP = re.compile(r"\{(\d+)(?::(\w+))?\}")
_NOUN = re.compile(r"\{([a-z]\w*):(\w+)\}")
"""A form of a sort itself."""


@dataclass(frozen=True)
class StatementKind:
    """A statement kind with its words and its meaning: one of `fits`, `connective` and `formula`."""

    name: str
    slots: tuple[str, ...]
    templates: Mapping[str, tuple[str, ...]]
    """By style, with the gap types of `sleuth.puzzles.prose`."""
    fits: Fits | None = None
    connective: Connective | None = None
    formula: Callable[..., Formula] | None = None
    questions: tuple[str, ...] = ()
    """Each leaves out one slot."""
    direct: float = 0.0
    symmetric: tuple[int, ...] | None = None
    across: tuple[int, ...] = ()
    """Slots whose entities are of different lists in clues."""
    asked_only: bool = False
    """Whether only questions are of this kind. The first slot names the list that the last one is of."""
    unknown: str = ""
    """Of a fact and of its denial."""
    denial: StatementKind | None = None
    sorts: tuple[Number, ...] = ()
    """Numbers that its slots need and the family does not declare."""


@dataclass(frozen=True)
class Connective:
    """A statement about statements: how many, what it comes to, and its words."""

    arity: int
    truth: Callable[..., bool]
    """Of the truths of its parts; a number, if it has one, comes first."""
    formula: Callable[..., Formula]
    words: tuple[str, str, str]
    """By style."""
    symmetric: bool = True
    number: Number | None = None


COUNT = Number("count", 1, lambda size: 2)
CONNECTIVES = {
    "either": Connective(
        2,
        lambda a, b: a != b,
        MEANINGS["either"],
        (PLAIN["either"], "either {0} or {1}, not both", WITNESS["either"]),
    ),
    "iff": Connective(
        2,
        lambda a, b: a == b,
        MEANINGS["iff"],
        (PLAIN["iff"], "{0} exactly if {1}", WITNESS["iff"]),
    ),
    "if": Connective(
        2,
        lambda a, b: not a or b,
        MEANINGS["if"],
        (PLAIN["if"], "if {0}, {1}", WITNESS["if"]),
        symmetric=False,
    ),
    "not_both": Connective(
        2,
        lambda a, b: not (a and b),
        lambda a, b: Not(And((a, b))),
        (
            "these are not both true: {0}; and {1}",
            "not both: {0}; {1}",
            "at least one of two things is false: {0}; or {1}",
        ),
    ),
    "at_least": Connective(
        3,
        lambda n, *parts: sum(parts) >= n,
        lambda n, *parts: Count(parts, n, len(parts)),
        (
            "at least {0} of these three are true: {1}; {2}; {3}",
            "{0} or more of: {1}; {2}; {3}",
            "of three things no fewer than {0} are true: {1}; {2}; {3}",
        ),
        number=COUNT,
    ),
    "exactly": Connective(
        3,
        lambda n, *parts: sum(parts) == n,
        lambda n, *parts: Count(parts, n, n),
        (
            "exactly {0} of these three are true: {1}; {2}; {3}",
            "exactly {0} of: {1}; {2}; {3}",
            "of three things {0} and no more are true: {1}; {2}; {3}",
        ),
        number=COUNT,
    ),
}


def gaps(template: str) -> list[int]:
    """The slots that a template as it is declared has words for."""
    return [int(slot) for slot, _ in _GAP.findall(template)]


def typed(template: str, slots: Sequence[str]) -> str:
    """A template with the gap types that `sleuth.puzzles.prose` reads. Raises `UserError` for a gap without a slot."""

    def gap(found: re.Match[str]) -> str:
        slot, form = int(found[1]), found[2]
        if slot >= len(slots):
            raise UserError(f"{template!r} has a gap {slot}, where slots are from 0 to {len(slots) - 1}")
        return f"{{{slot}:{slots[slot]}{f'_{form}' if form else ''}}}"

    return _NOUN.sub(r"{-:\1_\2}", _GAP.sub(gap, template))


def _tuple(words: Words) -> tuple[str, ...]:
    return (words,) if isinstance(words, str) else words


def _templates(
    slots: Sequence[str], plain: Words, terse: Words | None, witness: Words | None
) -> dict[str, tuple[str, ...]]:
    given = (plain, plain if terse is None else terse, plain if witness is None else witness)
    return {
        style: tuple(typed(one, slots) for one in _tuple(words)) for style, words in zip(STYLES, given, strict=True)
    }


def _names(slots: Sequence[Slot]) -> tuple[str, ...]:
    return tuple(slot if isinstance(slot, str) else slot.name for slot in slots)


def fact(
    unknown: Unknown,
    name: str,
    plain: tuple[str, str],
    terse: tuple[str, str] | None = None,
    witness: tuple[str, str] | None = None,
    *,
    questions: Words = (),
    direct: float = 4.0,
) -> StatementKind:
    """That an unknown has a value, and, as the kind `not_NAME`, that it has not: two templates for each style."""
    slots = (unknown.of.name, unknown.values.name)
    attribute = unknown.name

    def texts(which: int) -> dict[str, tuple[str, ...]]:
        return _templates(slots, plain[which], terse and terse[which], witness and witness[which])

    return StatementKind(
        name,
        slots,
        texts(0),
        fits=lambda w, entity, value: bool(getattr(w, attribute)[entity] == value),
        questions=_tuple(questions),
        direct=direct,
        unknown=attribute,
        denial=StatementKind(
            f"not_{name}",
            slots,
            texts(1),
            fits=lambda w, entity, value: bool(getattr(w, attribute)[entity] != value),
            direct=direct / 8,
            unknown=attribute,
        ),
    )


def relation(
    name: str,
    slots: Sequence[Sort | Number],
    fits: Fits,
    plain: Words,
    terse: Words | None = None,
    witness: Words | None = None,
    *,
    symmetric: tuple[int, ...] | None = None,
    across: tuple[int, ...] = (),
    questions: Words = (),
    direct: float = 0.0,
) -> StatementKind:
    """Whatever a function tells of a world's values and some entities; the formula, the quick test of truth and the
    sampler follow from it. `symmetric` names slots whose arguments may change places, `across` slots that clues fill
    from different lists of a sort."""
    names = _names(slots)
    return StatementKind(
        name,
        names,
        _templates(names, plain, terse, witness),
        fits=fits,
        symmetric=symmetric,
        across=across,
        questions=_tuple(questions),
        direct=direct,
    )


def which(name: str, sort: Sort, slots: Sequence[Sort | Number], fits: Fits, questions: Words) -> StatementKind:
    """A question that joins entities: which one of a list of `sort` fits these others? No clue is of this kind. In the
    templates `{0}` is the list and `{1}` … are the others; `fits` is given the others and the one that is asked for."""
    if sort.lists is None:
        raise UserError(f"kind {name}: {sort.name} has no lists to ask for one of")
    names = _names([sort.lists, *slots, sort])
    return StatementKind(
        name,
        names,
        dict.fromkeys(STYLES, ()),
        fits=lambda w, _, *entities: fits(w, *entities),
        questions=_tuple(questions),
        asked_only=True,
    )


def custom(
    name: str,
    slots: Sequence[Slot],
    formula: Callable[..., Formula],
    plain: Words,
    terse: Words | None = None,
    witness: Words | None = None,
    *,
    fits: Fits | None = None,
    symmetric: tuple[int, ...] | None = None,
    questions: Words = (),
    direct: float = 0.0,
) -> StatementKind:
    """What a formula says: `formula(m, *arguments)`, where `m.role[person][knight]` is an atom, an entity comes as its
    number and a statement in a slot as its formula. `fits` is a quicker test of the same, to which
    a statement in a slot comes as its truth."""
    names = _names(slots)
    return StatementKind(
        name,
        names,
        _templates(names, plain, terse, witness),
        fits=fits,
        formula=formula,
        symmetric=symmetric,
        questions=_tuple(questions),
        direct=direct,
    )


def connectives(group: str, *names: str) -> tuple[StatementKind, ...]:
    """Kinds that join statements of a group: any of `CONNECTIVES`. Raises `UserError` for another name."""
    for name in names:
        if name not in CONNECTIVES:
            raise UserError(f"no connective {name!r}; {nearest(name, list(CONNECTIVES))}")
    return tuple(_connective(name, group) for name in names)


def _connective(name: str, group: str) -> StatementKind:
    made = CONNECTIVES[name]
    number = () if made.number is None else (made.number.name,)
    slots = (*number, *[group] * made.arity)
    first = len(number)
    return StatementKind(
        name,
        slots,
        _templates(slots, *made.words),
        connective=made,
        symmetric=tuple(range(first, first + made.arity)) if made.symmetric else None,
        sorts=() if made.number is None else (made.number,),
    )


def every(kinds: Sequence[StatementKind]) -> dict[str, StatementKind]:
    """Kinds by name, each fact followed by its denial."""
    found: dict[str, StatementKind] = {}
    for kind in kinds:
        for one in (kind, kind.denial):
            if one is not None:
                found[one.name] = one
    return found
