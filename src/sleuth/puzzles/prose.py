"""Sentence templates that render and parse.

A template is a sentence with typed gaps: `{0:subject} was {1:place}{2:when}` says that argument 0 is worded as a
`subject`, argument 1 as a `place`, argument 2 as a `when`. What a gap type can be is either a *lexicon* entry (a list
of arguments with their wordings: the first is written, all are read; a wording may be empty) or a *group* of statement
kinds, whose own templates then stand in the gap. `{-:victim}` words something that is no argument. The same table
serves both directions, so what is written is what is read.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from random import Random

from sleuth.errors import UserError
from sleuth.puzzles.statements import Argument, Statement

Lexicon = Mapping[str, Sequence[tuple[Argument, tuple[str, ...]]]]
"""Gap type to (argument, wordings)."""
Templates = Mapping[str, Mapping[str, tuple[str, ...]]]
"""Style to statement kind to templates; the first that has words for all arguments is written (see `Grammar`)."""


class ReadError(UserError):
    """A text that no template reads, or that can be read in two ways."""


@dataclass(frozen=True, slots=True)
class Gap:
    slot: int
    """Which argument; -1 for none."""
    type: str


@cache
def compile_template(template: str) -> tuple[str | Gap, ...]:
    """A template as literal texts and gaps."""
    parts: list[str | Gap] = []
    for position, piece in enumerate(re.split(r"\{([-\d]+:\w+)\}", template)):
        if position % 2:
            slot, kind = piece.split(":")
            parts.append(Gap(-1 if slot == "-" else int(slot), kind))
        elif piece:
            parts.append(piece)
    return tuple(parts)


@cache
def _longest_literal(template: str) -> str:
    """What a text must have somewhere to be this template's: most templates are ruled out by it."""
    return max((part for part in compile_template(template) if isinstance(part, str)), key=len, default="")


class Grammar:
    """The sentences of one case: writes a statement, reads a sentence."""

    def __init__(
        self,
        lexicon: Lexicon,
        groups: Mapping[str, Sequence[str]],
        templates: Templates,
        arity: Mapping[str, int],
        free: Collection[str] = (),
    ) -> None:
        """`arity` is the number of arguments by kind; those that a template does not word are read as None. `free`:
        styles in which not the first template that fits is written but any of them, always the same of one statement.
        """
        self._free = free
        self._arity = arity
        self._groups = groups
        self._templates = templates
        self._lexicon = lexicon
        self._words: dict[str, dict[Argument, str]] = {}
        """By gap type, what is written; made when the first gap of a type is."""

    @cached_property
    def _readings(self) -> dict[str, list[tuple[str, Argument]]]:
        """By gap type, the wordings to read by."""
        return {
            gap: [(wording, argument) for argument, wordings in entries for wording in wordings]
            for gap, entries in self._lexicon.items()
        }

    @cached_property
    def _by_kind(self) -> dict[str, list[tuple[tuple[str | Gap, ...], str]]]:
        """The templates of all styles, to read by; who only writes does not wait for them."""
        found: dict[str, dict[str, None]] = {}
        for kinds in self._templates.values():
            for kind, options in kinds.items():
                found.setdefault(kind, {}).update(dict.fromkeys(options))
        return {
            kind: [(compile_template(option), _longest_literal(option)) for option in options]
            for kind, options in found.items()
        }

    def write(self, statement: Statement, style: str) -> str:
        """The statement in words, neither capitalised nor stopped. Raises `KeyError` where the case has no words."""
        worded = (self._worded(template, statement, style) for template in self._templates[style][statement.kind])
        fitting = (text for text in worded if text is not None)
        if style in self._free and (texts := list(fitting)):
            return Random("\n".join(texts)).choice(texts)
        if (text := next(fitting, None)) is None:
            raise KeyError(f"no template of style {style} words {statement}")
        return text

    def _worded(self, template: str, statement: Statement, style: str) -> str | None:
        words: list[str] = []
        for part in compile_template(template):
            if isinstance(part, str):
                words.append(part)
                continue
            argument = None if part.slot < 0 else statement.args[part.slot]
            if isinstance(argument, Statement):
                words.append(self.write(argument, style))
            elif (word := self._word(part.type, argument)) is not None:
                words.append(word)
            else:
                return None
        return "".join(words)

    def _word(self, gap: str, argument: Argument) -> str | None:
        words = self._words.get(gap)
        if words is None:
            words = self._words[gap] = {known: wordings[0] for known, wordings in self._lexicon[gap]}
        return words.get(argument)

    def sentence(self, statement: Statement, style: str, stop: str = ".") -> str:
        """The statement as a sentence: capital letter and full stop."""
        text = self.write(statement, style)
        return text[0].upper() + text[1:] + stop

    def readings(self, text: str, kinds: Sequence[str] | None = None) -> set[Statement]:
        """All statements that a sentence can be read as."""
        line = " ".join(text.split()).removesuffix(".").removesuffix("?")
        found: set[Statement] = set()
        for candidate in dict.fromkeys((line, line[:1].lower() + line[1:])):
            for kind in kinds if kinds is not None else self._by_kind:
                for statement, end in self._match_kind(kind, candidate, 0):
                    if end == len(candidate):
                        found.add(statement)
        return found

    def read(self, text: str, kinds: Sequence[str] | None = None) -> Statement:
        """The one statement that a sentence makes. Raises `ReadError` where there is none or more than one."""
        found = self.readings(text, kinds)
        if not found:
            raise ReadError(f"no known sentence: {text.strip()!r}")
        if len(found) > 1:
            raise ReadError(f"can be read in {len(found)} ways: {text.strip()!r}")
        return found.pop()

    def _match_kind(self, kind: str, text: str, start: int) -> Iterator[tuple[Statement, int]]:
        for parts, needed in self._by_kind.get(kind, ()):
            if text.find(needed, start) < 0:
                continue
            slots = range(self._arity[kind])
            for bound, end in self._match_parts(parts, 0, text, start, {}):
                yield Statement(kind, tuple(map(bound.get, slots))), end

    def _match_parts(
        self, parts: tuple[str | Gap, ...], at: int, text: str, start: int, bound: dict[int, Argument]
    ) -> Iterator[tuple[dict[int, Argument], int]]:
        if at == len(parts):
            yield bound, start
            return
        part = parts[at]
        if isinstance(part, str):
            if text.startswith(part, start):
                yield from self._match_parts(parts, at + 1, text, start + len(part), bound)
            return
        for kind in self._groups.get(part.type, ()):
            for statement, end in self._match_kind(kind, text, start):
                yield from self._match_parts(parts, at + 1, text, end, {**bound, part.slot: statement})
        for wording, argument in self._readings.get(part.type, ()):
            if text.startswith(wording, start) and (part.slot not in bound or bound[part.slot] == argument):
                after = {**bound, part.slot: argument}
                yield from self._match_parts(parts, at + 1, text, start + len(wording), after)
