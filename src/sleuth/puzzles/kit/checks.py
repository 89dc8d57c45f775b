"""What is refused when a family is declared: all that would otherwise fail in the middle of a run."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from sleuth.errors import UserError, nearest
from sleuth.puzzles.kit.declaration import NUMBERS, Sort, check_distinct
from sleuth.puzzles.kit.kinds import STYLES, StatementKind, gaps
from sleuth.puzzles.page_reader import is_prose
from sleuth.puzzles.prose import compile_template

if TYPE_CHECKING:
    from sleuth.puzzles.kit.family import Declaration

_NAME = re.compile(r"[a-z][a-z0-9-]*")


def holes(kind: StatementKind) -> tuple[int, ...]:
    """The slot that each question of a kind leaves out. Raises `UserError` where it does not leave out just one."""
    found = []
    for question in kind.questions:
        missing = sorted(set(range(len(kind.slots))) - set(gaps(question)))
        if len(missing) != 1:
            raise UserError(f"kind {kind.name}: the question {question!r} must leave out one slot, not {len(missing)}")
        found.append(missing[0])
    return tuple(dict.fromkeys(found))


def check(name: str, made: Declaration, kinds: Sequence[StatementKind]) -> None:
    """Raises `UserError` for a declaration that cannot work."""
    if not _NAME.fullmatch(name):
        raise UserError(f"{name!r} can't be the name of a family: take small letters, digits and hyphens")
    setting, sorts = made.setting, {sort.name: sort for sort in made.sorts}
    check_distinct("sort", (sort.name for sort in made.sorts))
    check_distinct("unknown", (unknown.name for unknown in made.unknowns))
    check_distinct("kind", (one.name for kind in kinds for one in (kind, kind.denial) if one))
    check_distinct("label", (sort.label for sort in setting.sorts))
    for unknown in made.unknowns:
        for sort in (unknown.of, unknown.values):
            if sort.name not in sorts:
                raise UserError(f"unknown {unknown.name}: sort {sort.name!r} is not among the sorts")
        if not any(kind.unknown == unknown.name and kind.denial for kind in made.kinds.values()):
            raise UserError(f"unknown {unknown.name} has no fact, so nobody could say what it is")
    _check_kinds(made, set(sorts))
    check_groups({kind.name: kind.slots for kind in made.kinds.values()}, made.groups)
    _check_levels(made)
    for text in (setting.rules, *(theme.story for theme in setting.themes)):
        if "\n" in text or not is_prose(text):
            raise UserError(f"not one paragraph of whole sentences, as pages need it: {text!r}")
    if not made.holes:
        raise UserError("no kind has a question")
    if len(setting.themes) < 2:
        raise UserError("a family needs two themes at least, so that a case can be told under other names")
    for theme in setting.themes:
        for sort in setting.sorts:
            if sort.listed and len(theme.names.get(sort.name, ())) < _largest(made, sort):
                raise UserError(f"theme {theme.title!r}: fewer than {_largest(made, sort)} names of sort {sort.name}")


def _largest(made: Declaration, sort: Sort) -> int:
    return max(level.span(sort.name)[1] for level in made.levels.values())


def _check_kinds(made: Declaration, sorts: set[str]) -> None:
    known = {*sorts, *made.groups}
    forms = {sort: {sort} for sort in sorts}
    for one in made.sorts:
        extra = one.forms if isinstance(one, Sort) else ("one", "many")
        forms[one.name] |= {f"{one.name}_{form}" for form in extra}
    for kind in made.kinds.values():
        for slot in kind.slots:
            if slot not in known:
                raise UserError(f"kind {kind.name}: no sort or group {slot!r}; {nearest(slot, sorted(known))}")
        if kind.denial and kind.questions:
            unknown = next(one for one in made.unknowns if one.name == kind.unknown)
            if 0 in holes(kind) and not unknown.one_each:
                raise UserError(
                    f"kind {kind.name}: “who has it?” may have several answers, as {unknown.name} is not one-each"
                )
        for style in STYLES:
            for template in kind.templates[style]:
                parts = [part for part in compile_template(template) if not isinstance(part, str)]
                if {part.slot for part in parts} != set(range(len(kind.slots))):
                    raise UserError(f"kind {kind.name}: {template!r} must word each slot of {', '.join(kind.slots)}")
                for part in parts:
                    if part.type not in forms.get(kind.slots[part.slot], {kind.slots[part.slot]}):
                        raise UserError(f"kind {kind.name}: {template!r} has a form that its sort does not have")
    for kind_name in made.mirror:
        if kind_name not in made.kinds:
            raise UserError(f"mirror: no kind {kind_name!r}; {nearest(kind_name, list(made.kinds))}")


def check_groups(slots: Mapping[str, Sequence[str]], groups: Mapping[str, Sequence[str]]) -> None:
    """Raises `UserError` for a group that holds itself: its sentences would have no end, and where a template begins
    with it, reading would never come to one either."""
    for group, kinds in groups.items():
        for kind in kinds:
            if kind not in slots:
                raise UserError(f"group {group}: no kind {kind!r}; {nearest(kind, list(slots))}")

    def follow(group: str, path: tuple[str, ...]) -> None:
        if group in path:
            raise UserError(f"group {group} holds itself: {' → '.join([*path[path.index(group) :], group])}")
        for kind in groups[group]:
            for slot in slots[kind]:
                if slot in groups:
                    follow(slot, (*path, group))

    for group in groups:
        follow(group, ())


def _check_levels(made: Declaration) -> None:
    for level, spec in made.levels.items():
        free = {sort.name for sort in made.setting.sorts if sort.size is None}
        if set(spec.sizes) != free:
            raise UserError(
                f"level {level}: sizes of {', '.join(sorted(spec.sizes))}, not of {', '.join(sorted(free))}"
            )
        for kind in (*spec.kinds, *(spec.parts or ())):
            if kind not in made.kinds:
                raise UserError(f"level {level}: no kind {kind!r}; {nearest(kind, list(made.kinds))}")
        if not spec.kinds or min(spec.kinds.values()) <= 0:
            raise UserError(f"level {level}: needs statement kinds with weights above 0")
        for end in (0, 1):
            sizes = made.setting.derived({sort: spec.span(sort)[end] for sort in spec.sizes})
            for sort in made.setting.sorts:
                if sort.names and sizes[sort.name] > len(sort.names):
                    raise UserError(
                        f"level {level}: {sizes[sort.name]} of sort {sort.name}, but {len(sort.names)} names"
                    )
            for unknown in made.unknowns:
                if unknown.one_each and sizes[unknown.of.name] > sizes[unknown.values.name]:
                    raise UserError(
                        f"level {level}: {unknown.name} can't be one-each with so few of {unknown.values.name}"
                    )
            for one in made.sorts:
                if not isinstance(one, Sort) and one.highest(sizes) >= len(NUMBERS):
                    raise UserError(f"level {level}: {one.name} goes beyond {len(NUMBERS) - 1}")
