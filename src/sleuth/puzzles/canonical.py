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
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from sleuth.puzzles.statements import Argument, Ref, Statement

MOST_BRANCHES = 64
SPLIT_SHARES = (("train", 2), ("val", 1), ("test", 1))
"""Shares of all canonical forms, in quarters."""
SPLITS = tuple(name for name, _ in SPLIT_SHARES)


@dataclass(frozen=True, slots=True)
class _Clue:
    """A clue as plain text with a `%d` where a renamable entity's colour goes."""

    text: str
    entities: tuple[Ref, ...]

    def coloured(self, colour: Mapping[Ref, int], marked: Ref | None = None) -> str:
        """The text with colours, and with a mark on one of the entities."""
        return self.text % tuple([-1 if entity == marked else colour[entity] for entity in self.entities])


def _clue(statement: Statement, renamable: Container[Ref], roles: Mapping[str, str]) -> _Clue:
    entities: list[Ref] = []

    def text(argument: Argument) -> str:
        if isinstance(argument, Statement):
            return f"({', '.join([repr(argument.kind), *map(text, argument.args)])})"
        assert argument is not None, "clues have no holes"
        if argument.sort in roles:
            return f"({argument.sort!r}, {text(Ref(roles[argument.sort], argument.index))})"
        if argument in renamable:
            entities.append(argument)
            return f"({argument.sort!r}, %d)"
        return f"({argument.sort!r}, {argument.index})"

    return _Clue(text(statement), tuple(entities))


def _rank(values: Mapping[Ref, Any]) -> dict[Ref, int]:
    """Equal values to equal small numbers, in sorted order."""
    order = {value: number for number, value in enumerate(sorted(set(values.values())))}
    return {ref: order[value] for ref, value in values.items()}


def _refine(colour: dict[Ref, int], mentioned: Mapping[Ref, Sequence[_Clue]]) -> dict[Ref, int]:
    while True:
        shared = Counter(colour.values())

        def surroundings(ref: Ref, colour: dict[Ref, int] = colour, shared: Counter[int] = shared) -> tuple[str, ...]:
            if shared[colour[ref]] == 1:
                return ()  # its colour alone tells it apart
            return tuple(sorted(clue.coloured(colour, ref) for clue in mentioned[ref]))

        finer = _rank({ref: (number, surroundings(ref)) for ref, number in colour.items()})
        if len(set(finer.values())) == len(set(colour.values())):
            return finer
        colour = finer


def _forms(
    colour: dict[Ref, int], clues: Sequence[_Clue], mentioned: Mapping[Ref, Sequence[_Clue]], branches: int
) -> str:
    colour = _refine(colour, mentioned)
    classes: dict[int, list[Ref]] = {}
    for ref, number in colour.items():
        classes.setdefault(number, []).append(ref)
    tied = next((sorted(refs) for _, refs in sorted(classes.items()) if len(refs) > 1), None)
    if tied is None:
        return "\n".join(sorted(clue.coloured(colour) for clue in clues))
    tried = tied if branches * len(tied) <= MOST_BRANCHES else tied[:1]
    return min(
        _forms(
            _rank({other: (number, other != ref) for other, number in colour.items()}),
            clues,
            mentioned,
            branches * len(tried),
        )
        for ref in tried
    )


def canonical_form(
    shape: tuple[Any, ...],
    entities: Sequence[tuple[Ref, Any]],
    clues: Sequence[Statement],
    roles: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """The canonical form as text. `entities` are the renamable ones, each with what sets it apart before any clue;
    `roles` names the sorts that stand for an entity of another sort by its index."""
    colour = _rank({ref: (ref.sort, given) for ref, given in entities})
    worded = [_clue(clue, colour, roles) for clue in clues]
    mentioned: dict[Ref, list[_Clue]] = {ref: [] for ref in colour}
    for clue in worded:
        for ref in dict.fromkeys(clue.entities):
            mentioned[ref].append(clue)
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
