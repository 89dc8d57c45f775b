"""The canonical form of a puzzle: the same for two puzzles that differ only in names, in the order of entities and in
the order of clues.

Entities of interchangeable sorts are told apart by colour refinement (Weisfeiler & Leman, 1968): an entity's colour
is made of the clues it stands in and of the colours beside it. Where colours stay equal, each of the equal entities is
tried as the first one and the smallest form wins, as in canonical graph labelling (McKay, 1981); with more than
`MOST_BRANCHES` ties only the first is tried. Questions, words and themes play no part.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from sleuth.puzzles.statements import Ref, Statement

MOST_BRANCHES = 64
SPLIT_SHARES = (("train", 2), ("val", 1), ("test", 1))
"""Shares of all canonical forms, in quarters."""
SPLITS = tuple(name for name, _ in SPLIT_SHARES)


@dataclass(frozen=True, slots=True)
class _Clue:
    """A clue as plain text with a `%d` where a renamable entity's colour goes."""

    text: str
    entities: tuple[int, ...]
    """Numbers of the entities that go there."""

    def coloured(self, colour: Sequence[int]) -> str:
        """The text with colours."""
        return self.text % tuple(map(colour.__getitem__, self.entities))


def _clue(statement: Statement, number: Mapping[Ref, int], roles: Mapping[str, str]) -> _Clue:
    """A clue where `number` numbers the renamable entities."""
    entities: list[int] = []

    def named(ref: Ref) -> str:
        if ref.sort in roles:
            return f"({ref.sort!r}, {named(Ref(roles[ref.sort], ref.index))})"
        if (entity := number.get(ref)) is not None:
            entities.append(entity)
            return f"({ref.sort!r}, %d)"
        return f"({ref.sort!r}, {ref.index})"

    def text(told: Statement) -> str:
        parts = [repr(told.kind)]
        for argument in told.args:
            assert argument is not None, "clues have no holes"
            parts.append(named(argument) if isinstance(argument, Ref) else text(argument))
        return f"({', '.join(parts)})"

    return _Clue(text(statement), tuple(entities))


def _rank(values: Sequence[Any]) -> list[int]:
    """Equal values to equal small numbers, in sorted order."""
    order = {value: number for number, value in enumerate(sorted(set(values)))}
    return [order[value] for value in values]


def _refine(colour: list[int], mentioned: Sequence[Sequence[_Clue]]) -> list[int]:
    """Colours of entities, by number, told further apart; `mentioned`: by entity, the clues that it stands in."""
    while True:
        shared = Counter(colour)
        marked = list(colour)
        """The entity that is looked at has a mark in place of its colour."""
        surroundings: list[tuple[int, tuple[str, ...]]] = []
        for entity, own in enumerate(colour):
            if shared[own] == 1:
                surroundings.append((own, ()))  # its colour alone tells it apart
                continue
            marked[entity] = -1
            surroundings.append((own, tuple(sorted([clue.coloured(marked) for clue in mentioned[entity]]))))
            marked[entity] = own
        finer = _rank(surroundings)
        if max(finer, default=0) == max(colour, default=0):
            return finer
        colour = finer


def _forms(colour: list[int], clues: Sequence[_Clue], mentioned: Sequence[Sequence[_Clue]], branches: int) -> str:
    colour = _refine(colour, mentioned)
    shared = Counter(colour)
    first = min((own for own, count in shared.items() if count > 1), default=None)
    if first is None:
        return "\n".join(sorted([clue.coloured(colour) for clue in clues]))
    tied = [entity for entity, own in enumerate(colour) if own == first]
    tried = tied if branches * len(tied) <= MOST_BRANCHES else tied[:1]
    return min(
        _forms(
            _rank([(own, entity != chosen) for entity, own in enumerate(colour)]),
            clues,
            mentioned,
            branches * len(tried),
        )
        for chosen in tried
    )


def canonical_form(
    shape: tuple[Any, ...],
    entities: Sequence[tuple[Ref, Any]],
    clues: Sequence[Statement],
    roles: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """The canonical form as text. `entities` are the renamable ones, each with what sets it apart before any clue;
    `roles` names the sorts that stand for an entity of another sort by its index."""
    given = sorted(entities)
    number = {ref: place for place, (ref, _) in enumerate(given)}
    worded = [_clue(clue, number, roles) for clue in clues]
    mentioned: list[list[_Clue]] = [[] for _ in given]
    for clue in worded:
        for entity in set(clue.entities):
            mentioned[entity].append(clue)
    colour = _rank([(ref.sort, apart) for ref, apart in given])
    return f"{shape!r}\n{_forms(colour, worded, mentioned, 1)}"


def digest(form: str) -> str:
    """A short hash of a canonical form: 128 bits in hexadecimal."""
    return hashlib.sha256(form.encode()).hexdigest()[:32]


def split_of(form_digest: str) -> str:
    """The split that a canonical form belongs to."""
    bucket = int(form_digest[-8:], 16) % sum(share for _, share in SPLIT_SHARES)
    for name, share in SPLIT_SHARES:
        bucket -= share
        if bucket < 0:
            return name
    raise AssertionError(form_digest)
