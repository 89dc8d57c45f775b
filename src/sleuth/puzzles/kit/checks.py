"""What is refused when a family is declared: all that would otherwise fail in the middle of a run."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from sleuth.errors import UserError, nearest
from sleuth.puzzles.drawing import check_names
from sleuth.puzzles.kit.declaration import NUMBERS, Level, Sort, Theme, check_distinct
from sleuth.puzzles.kit.kinds import STYLES, StatementKind, gaps, typed
from sleuth.puzzles.page_reader import is_prose
from sleuth.puzzles.prose import compile_template

if TYPE_CHECKING:
    from sleuth.puzzles.kit.family import Declaration

_NAME = re.compile(r"[a-z][a-z0-9-]*")
_KIND_NAME = re.compile(r"[a-z][a-z0-9_]*")


def holes(kind: StatementKind) -> tuple[int, ...]:
    """The slot that each question of a kind leaves out. Raises `UserError` where it does not leave out just one."""
    found = []
    for question in kind.questions:
        missing = sorted(set(range(len(kind.slots))) - set(gaps(question)))
        if len(missing) != 1:
            raise UserError(f"kind {kind.name}: the question {question!r} must leave out one slot, not {len(missing)}")
        if kind.asked_only and missing[0] != len(kind.slots) - 1:
            raise UserError(f"kind {kind.name}: the question {question!r} must leave out the last slot")
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
    _check_sorts(made)
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
        _check_theme(made, theme)
        for names in theme.names.values():
            try:
                check_names(names)
            except UserError as error:
                raise UserError(f"theme {theme.title!r}: {error}") from None


def _check_theme(made: Declaration, theme: Theme) -> None:
    """Raises `UserError` for a theme that has too few names or labels, or those of lists twice."""
    largest = {
        sort.name: max(_sizes(made, level, 1)[sort.name] for level in made.levels.values())
        for sort in made.setting.sorts
    }
    for sort in made.setting.sorts:
        if sort.lists is not None:
            labels = [label for label in theme.names if label in sort.looks]
            if len(labels) < largest[sort.lists.name]:
                raise UserError(f"theme {theme.title!r}: fewer than {largest[sort.lists.name]} lists of {sort.name}")
            length = max(
                _sizes(made, level, 1)[sort.name] // _sizes(made, level, 1)[sort.lists.name]
                for level in made.levels.values()
            )
            for label in labels:
                if len(theme.names[label]) < length:
                    raise UserError(f"theme {theme.title!r}: fewer than {length} names in the list {label}")
            check_distinct(f"theme {theme.title!r}: name", (name for label in labels for name in theme.names[label]))
        elif (
            sort.listed
            and made.setting.made_of(sort) is None
            and len(theme.names.get(sort.name, ())) < largest[sort.name]
        ):
            raise UserError(f"theme {theme.title!r}: fewer than {largest[sort.name]} names of sort {sort.name}")
        if sort.looks and sort.lists is None and theme.looks.get(sort.name) not in sort.looks:
            raise UserError(f"theme {theme.title!r}: sort {sort.name} looks like one of {', '.join(sort.looks)}")


def _sizes(made: Declaration, level: Level, end: int) -> dict[str, int]:
    """The lowest (`end` 0) or highest (1) sizes of a level."""
    return made.setting.derived({sort: level.span(sort)[end] for sort in level.sizes})


def _check_sorts(made: Declaration) -> None:
    """Raises `UserError` for looks that do not match, and lists that cannot be told apart or asked for."""
    for place, sort in enumerate(made.setting.sorts):
        for label, look in sort.looks.items():
            first = next(iter(sort.looks.values()))
            if {(form, "{}" in text) for form, text in look.forms.items()} != {
                (form, "{}" in text) for form, text in first.forms.items()
            }:
                raise UserError(f"sort {sort.name}: its looks {label!r} and {next(iter(sort.looks))!r} differ in forms")
        if sort.lists is None:
            continue
        if sort.lists not in made.setting.sorts[:place] or not sort.lists.listed or not sort.looks:
            raise UserError(
                f"sort {sort.name}: declare {sort.lists.name}, which is its lists, before it, and its looks"
            )
        if [unknown.one_each for unknown in made.unknowns if unknown.of == sort] != [True]:
            raise UserError(f"sort {sort.name}: a sort of lists has one unknown, which is one-each")


def _check_kinds(made: Declaration, sorts: set[str]) -> None:
    known = {*sorts, *made.groups}
    forms = {sort: {sort} for sort in sorts}
    alone: set[str] = set()
    for one in made.sorts:
        extra = one.forms if isinstance(one, Sort) else ("one", "many")
        forms[one.name] |= {f"{one.name}_{form}" for form in extra}
        look = next(iter(one.looks.values()), None) if isinstance(one, Sort) else None
        for form, text in look.forms.items() if look and isinstance(one, Sort) else ():
            if "{}" in text:
                forms[one.name].add(f"{one.name}_{form}")
            elif isinstance(one, Sort) and one.lists is not None:
                forms[one.lists.name].add(f"{one.lists.name}_{form}")
            else:
                alone.add(f"{one.name}_{form}")
    for kind in made.kinds.values():
        for slot in kind.slots:
            if slot not in known:
                raise UserError(f"kind {kind.name}: no sort or group {slot!r}; {nearest(slot, sorted(known))}")
        if kind.denial and kind.questions:
            unknown = next(one for one in made.unknowns if one.name == kind.unknown)
            if 0 in holes(kind) and (not unknown.one_each or unknown.of.lists):
                raise UserError(
                    f"kind {kind.name}: “who has it?” may have several answers, as {unknown.name} is not one-each"
                )
        for place in kind.across:
            if not any(isinstance(one, Sort) and one.lists and one.name == kind.slots[place] for one in made.sorts):
                raise UserError(f"kind {kind.name}: across: slot {place} is of no sort that consists of lists")
        asked = [typed(question, kind.slots) for question in kind.questions]
        for template in (*(one for style in STYLES for one in kind.templates[style]), *asked):
            gapped = [part for part in compile_template(template) if not isinstance(part, str)]
            if unworded := [part.type for part in gapped if part.slot < 0 and part.type not in alone]:
                raise UserError(f"kind {kind.name}: {template!r}: no look has the form {unworded[0]!r}")
            parts = [part for part in gapped if part.slot >= 0]
            if template not in asked and {part.slot for part in parts} != set(range(len(kind.slots))):
                raise UserError(f"kind {kind.name}: {template!r} must word each slot of {', '.join(kind.slots)}")
            for part in parts:
                if part.type not in forms.get(kind.slots[part.slot], {kind.slots[part.slot]}):
                    raise UserError(f"kind {kind.name}: {template!r} has a form that its sort does not have")
    for kind in made.kinds.values():
        if not _KIND_NAME.fullmatch(kind.name):
            raise UserError(f"{kind.name!r} can't be the name of a kind: take small letters, digits and underscores")
        if not set(kind.symmetric or ()) <= set(range(len(kind.slots))):
            raise UserError(f"kind {kind.name}: symmetric: its slots are from 0 to {len(kind.slots) - 1}")
    for kind_name, order in made.mirror.items():
        if kind_name not in made.kinds:
            raise UserError(f"mirror: no kind {kind_name!r}; {nearest(kind_name, list(made.kinds))}")
        if sorted(order) != list(range(len(made.kinds[kind_name].slots))):
            raise UserError(f"mirror: of kind {kind_name} each slot once, in another order")


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
        for what, (least, most) in {**{sort: spec.span(sort) for sort in free}, "questions": spec.questions}.items():
            if not 1 <= least <= most:
                raise UserError(f"level {level}: {what} from {least} to {most}; give 1 or more, the fewest first")
        for end in (0, 1):
            sizes = _sizes(made, spec, end)
            for sort in made.setting.sorts:
                if sort.names and sizes[sort.name] > len(sort.names):
                    raise UserError(
                        f"level {level}: {sizes[sort.name]} of sort {sort.name}, but {len(sort.names)} names"
                    )
            for unknown in made.unknowns:
                lists = sizes[unknown.of.lists.name] if unknown.of.lists else 1
                if unknown.one_each and sizes[unknown.of.name] > lists * sizes[unknown.values.name]:
                    raise UserError(
                        f"level {level}: {unknown.name} can't be one-each with so few of {unknown.values.name}"
                    )
            for one in made.sorts:
                if not isinstance(one, Sort) and one.highest(sizes) >= len(NUMBERS):
                    raise UserError(f"level {level}: {one.name} goes beyond {len(NUMBERS) - 1}")
