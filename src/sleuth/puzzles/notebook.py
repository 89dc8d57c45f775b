"""The notebook of a case: tables in which a person marks what can be and what cannot.

Every variable of a family's theory is a row, and its values are the columns. Variables with one value are left out:
there is nothing to find out about them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sleuth.logic.formulas import World
from sleuth.puzzles.picture import DrawnTable, tables_svg
from sleuth.puzzles.statements import Argument, Ref, Statement

if TYPE_CHECKING:
    from sleuth.puzzles.family import Family, Theory


@dataclass(frozen=True, slots=True)
class Table:
    """Rows that have the same values to choose from."""

    title: str
    rows: tuple[str, ...]
    """What each row is about: a person, a value."""
    columns: tuple[str, ...]
    """Names of the values, in the order of the variables' domains."""
    variables: tuple[int, ...]
    """By row: index of the variable in the theory's space."""


def tables_of_facts(family: Family[Any, Any], theory: Theory, case: Any) -> list[Table]:
    """Tables for any family, from its plain facts: of one variable's facts the argument that differs is the value, and
    the others are what the row is about. Variables without plain facts are left out."""
    names = {ref: name for entries in family.formal_lexicon(case).values() for ref, name in entries}
    found: dict[tuple[str, tuple[str, ...]], tuple[list[str], list[int]]] = {}
    for variable in theory.space:
        facts = [family.fact(theory, variable.index, value) for value in range(variable.size)]
        told = [fact for fact in facts if fact is not None]
        if len(told) < max(2, variable.size):
            continue
        place = _differing(told)
        columns = tuple(_name(fact, place, names) for fact in told)
        about = [_name(told[0], other, names) for other in range(len(told[0].args)) if other != place]
        rows, variables = found.setdefault((told[0].kind, columns), ([], []))
        rows.append(", ".join(about) or told[0].kind)
        variables.append(variable.index)
    return [
        Table(_title(kind), tuple(rows), columns, tuple(variables))
        for (kind, columns), (rows, variables) in found.items()
    ]


def notebook_svg(name: str, tables: Sequence[Table], world: World | None) -> str:
    """A notebook's tables as a picture: beside each row its value, or room for it."""
    drawn: list[DrawnTable] = []
    told: list[str] = []
    for table in tables:
        values = ["" if world is None else table.columns[world[variable]] for variable in table.variables]
        rows = [["", table.title], *([row, value] for row, value in zip(table.rows, values, strict=True))]
        drawn.append(DrawnTable("", rows, ((), table.columns)))
        told += [f"{row}: {value or 'to be found out'}" for row, value in zip(table.rows, values, strict=True)]
    return tables_svg(f"Board of a case of {name}", "; ".join(told), drawn)


def _differing(facts: Sequence[Statement]) -> int:
    return next(place for place, arg in enumerate(facts[0].args) if arg != facts[1].args[place])


def _name(fact: Statement, place: int, names: dict[Argument, str]) -> str:
    arg = fact.args[place]
    assert isinstance(arg, Ref), fact
    return names.get(arg) or arg.sort


def _title(kind: str) -> str:
    words = kind.replace("_", " ")
    return f"{words[0].upper()}{words[1:]}"
