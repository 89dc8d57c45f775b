"""What every family promises about its kinds of statements."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

from sleuth.contract.promises import TaskCheck, demand
from sleuth.logic.formulas import holds
from sleuth.puzzles.family import Family
from sleuth.puzzles.formal import FormalLexicon
from sleuth.puzzles.registry import get_family, get_task
from sleuth.puzzles.statements import Argument, Statement
from sleuth.puzzles.task import Key

DRAWN = 70
"""Puzzles of each level in which every kind is met."""


def _words_and_meaning(id: str) -> None:
    family = get_family(id)
    for what, templates in (("templates", family.templates), ("question_templates", family.question_templates)):
        missing = set(family.styles).symmetric_difference(templates)
        demand(not missing, f"{what} and styles differ: {', '.join(sorted(missing))}")
    for style in family.styles:
        missing = set(family.templates[style]).symmetric_difference(family.kinds)
        demand(not missing, f"style {style}: kinds and templates differ: {', '.join(sorted(missing))}")
    unspoken = set(family.kinds)
    for level in family.levels:
        case, world = family.sample_case(level, Random(0))
        theory, formal = family.theory(case), family.formal(case)
        lexicon = family.formal_lexicon(case)
        rng = Random(1)
        for kind in sorted(unspoken):
            if _speakable(family, lexicon, kind):
                for _ in range(10):
                    one = _any(family, lexicon, kind, rng)
                    holds(theory.formula(one), world)
                    demand(formal.read(formal.write(one)) == one, f"{formal.write(one)!r} reads back as something else")
                unspoken.discard(kind)
    demand(not unspoken, f"no level has words for {', '.join(sorted(unspoken))}")


def _speakable(family: Family[Any, Any], lexicon: FormalLexicon, kind: str) -> bool:
    """Whether a case has every argument, and words for one of them at least: the only time there is needs none."""
    slots = family.kinds[kind].slots
    worded = any(slot in family.groups or any(name for _, name in lexicon.get(slot, ())) for slot in slots)
    return worded and all(slot in family.groups or lexicon.get(slot) for slot in slots)


def _any(family: Family[Any, Any], lexicon: FormalLexicon, kind: str, rng: Random) -> Statement:
    def argument(slot: str) -> Argument:
        if slot not in family.groups:
            return rng.choice(lexicon[slot])[0]
        inner = [one for one in family.groups[slot] if _speakable(family, lexicon, one)]
        return _any(family, lexicon, rng.choice(inner), rng)

    return Statement(kind, tuple(argument(slot) for slot in family.kinds[kind].slots))


def _every_kind_is_drawn(id: str) -> None:
    task, family = get_task(id), get_family(id)
    missing = set(family.kinds) - family.rare
    for level in family.levels:
        for index in range(DRAWN):
            if not missing:
                return
            page = family.read_page(task.make(Key(level, "train", 21, index)).puzzle.prompt)
            for clue in page.clues:
                missing -= set(_kinds(clue))
    demand(not missing, f"{DRAWN} puzzles of each level have no clue of kind {', '.join(sorted(missing))}")


def _kinds(statement: Statement) -> Iterator[str]:
    yield statement.kind
    for argument in statement.args:
        if isinstance(argument, Statement):
            yield from _kinds(argument)


FAMILY_CHECKS = (
    TaskCheck("every kind has words in every style, and a meaning", _words_and_meaning),
    TaskCheck("every kind is drawn, the rare ones aside", _every_kind_is_drawn),
)
