"""The formal language of mode `program`: one statement a line, `kind(argument, …)`, parsed and never executed.

An argument is a name of the case, a role (`victim`), a role of something (`suspect(Greed)`) or a statement. An argument
that the case leaves no choice for, such as the time where there is only one, is left out. `read(write(x)) == x`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sleuth.errors import UserError
from sleuth.puzzles.statements import Argument, Statement

FormalLexicon = Mapping[str, Sequence[tuple[Argument, str]]]
"""Gap type to (argument, name): all names are read, an argument's first is written. A gap type whose only name is empty
is left out of the text."""
MAX_LINE_CHARS = 400
MAX_DEPTH = 4
_TOKEN = re.compile(r"\s*([(),]|[^(),]+)")


class FormalError(UserError):
    """A line that is no statement; the message says why."""


@dataclass(frozen=True, slots=True)
class _Call:
    """`name` or `name(parts)`, before names are looked up."""

    name: str
    parts: tuple[_Call, ...] | None


def _fold(name: str) -> str:
    return " ".join(name.split()).casefold()


def one_of(patterns: Iterable[str]) -> str:
    """A regular expression for any of these; empty where there are none."""
    found = "|".join(dict.fromkeys(patterns))
    return found and f"(?:{found})"


def _text(call: _Call) -> str:
    return call.name if call.parts is None else f"{call.name}({', '.join(map(_text, call.parts))})"


def spaced(text: str) -> str:
    """Formal text with a space behind every bracket that opens, which `read` passes over. Every name then follows a
    space, as it does within a sentence, and tokenizers that take a space into the word behind it give it the same
    tokens in both places: a model can copy it token by token, where `(Poison` would have to be spelled anew."""
    return text.replace("(", "( ")


class FormalLanguage:
    """The formal statements of one case."""

    def __init__(
        self, slots: Mapping[str, tuple[str, ...]], groups: Mapping[str, Sequence[str]], lexicon: FormalLexicon
    ) -> None:
        """`slots` gives each kind's gap types; `groups` names kinds that may stand in a gap."""
        self._slots = slots
        self._groups = groups
        self._names = {gap: dict(reversed(entries)) for gap, entries in lexicon.items()}
        self._silent = {gap: entries[0][0] for gap, entries in lexicon.items() if [n for _, n in entries] == [""]}
        self._arguments = {
            gap: {_fold(name): argument for argument, name in entries} for gap, entries in lexicon.items()
        }

    def write(self, statement: Statement) -> str:
        """The statement as formal text. Raises `KeyError` for an argument that the case has no name for."""
        shown = [
            self.write(argument) if isinstance(argument, Statement) else self._names[gap][argument]
            for gap, argument in zip(self._slots[statement.kind], statement.args, strict=True)
            if gap not in self._silent
        ]
        return f"{statement.kind}({', '.join(shown)})"

    def read(self, line: str) -> Statement:
        """The statement that a line makes. Raises `FormalError`."""
        if len(line) > MAX_LINE_CHARS:
            raise FormalError(f"longer than {MAX_LINE_CHARS} characters")
        tokens = _TOKEN.findall(line)
        call, end = self._call(tokens, 0, 1)
        rest = "".join(tokens[end:]).strip().removesuffix(".")
        if rest:
            raise FormalError(f"{rest!r} after the end of the statement")
        return self._statement(call, tuple(self._slots))

    def grammar(self) -> str:
        """A regular expression (`sleuth.policy.base.Request.grammar`) that programs match: one line or more, each a
        statement as `write` writes it, `spaced` or not, about anything that the case has a name for. `read` reads
        every such line."""
        line = self._one_of(tuple(self._slots))
        return f"{line}(?:\n{line})*".replace(r"\(", r"\( ?")

    def _one_of(self, kinds: Sequence[str]) -> str:
        """The statements of these kinds, but for those that have nothing to say in this case; empty where all have."""
        statements = []
        for kind in kinds:
            gaps = [self._filler(gap) for gap in self._slots[kind] if gap not in self._silent]
            if gaps and all(gaps):
                statements.append(rf"{re.escape(kind)}\({', '.join(gaps)}\)")
        return one_of(statements)

    def _filler(self, gap: str) -> str:
        if gap in self._groups:
            return self._one_of(self._groups[gap])
        return one_of(map(re.escape, self._names[gap].values()))

    def _call(self, tokens: list[str], at: int, depth: int) -> tuple[_Call, int]:
        if depth > MAX_DEPTH:
            raise FormalError(f"nested deeper than {MAX_DEPTH}")
        if at >= len(tokens) or tokens[at] in "(),":
            raise FormalError("a name is missing")
        name = tokens[at].strip()
        at += 1
        if at >= len(tokens) or tokens[at] != "(":
            return _Call(name, None), at
        parts: list[_Call] = []
        while True:
            part, at = self._call(tokens, at + 1, depth + 1)
            parts.append(part)
            if at >= len(tokens) or tokens[at] not in ",)":
                raise FormalError("')' is missing")
            if tokens[at] == ")":
                return _Call(name, tuple(parts)), at + 1

    def _statement(self, call: _Call, kinds: Sequence[str]) -> Statement:
        kind = _fold(call.name)
        if kind not in kinds or call.parts is None:
            raise FormalError(f"{_text(call)!r} is no statement")
        gaps = self._slots[kind]
        spoken = [gap for gap in gaps if gap not in self._silent]
        if len(call.parts) != len(spoken):
            raise FormalError(f"{kind} takes {len(spoken)} arguments ({', '.join(spoken)}), not {len(call.parts)}")
        parts = iter(call.parts)
        return Statement(
            kind, tuple(self._silent[gap] if gap in self._silent else self._argument(next(parts), gap) for gap in gaps)
        )

    def _argument(self, call: _Call, gap: str) -> Argument:
        if gap in self._groups:
            return self._statement(call, self._groups[gap])
        argument = self._arguments[gap].get(_fold(_text(call)))
        if argument is None:
            raise FormalError(f"{_text(call)!r} is no {gap} of this case")
        return argument
