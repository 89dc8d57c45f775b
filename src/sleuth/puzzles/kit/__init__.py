"""Families that are declared, not programmed.

    from sleuth.kit import Level, Sort, Theme, Unknown, declare, fact, relation

    person = Sort("person", "People")
    place = Sort("place", "Places", "in place {}", names=numbered(9), size=lambda size: size["person"])
    stands = Unknown("place", person, place, one_each=True)

    Queue = declare(
        "queue",
        rules_text="People stand in a queue; place 1 is at the front.",
        sorts=(person, place),
        unknowns=(stands,),
        kinds=(
            fact(stands, "at", ("{0} is {1}", "{0} is not {1}"), questions="who is {1}"),
            relation("before", (person, person), lambda w, a, b: w.place[a] < w.place[b], "{0} is before {1}"),
        ),
        levels={"1": Level({"person": 4}, {"before": 3.0, "not_at": 1.0})},
        themes=(…),
    )

From this follow worlds, clues, questions, pages, boards, names, canonical forms, the formal language, explanations,
grading and grammars. docs/how-to/write-a-family.md goes through an example.
"""

from sleuth.puzzles.kit.declaration import (
    Case,
    Level,
    Look,
    Number,
    Rule,
    Sort,
    Theme,
    Unknown,
    formula_rule,
    numbered,
    rule,
    words,
)
from sleuth.puzzles.kit.family import DeclaredFamily, declare
from sleuth.puzzles.kit.kinds import StatementKind, connectives, custom, fact, relation, which
from sleuth.puzzles.kit.theory import KitTheory, View

__all__ = [
    "Case",
    "DeclaredFamily",
    "KitTheory",
    "Level",
    "Look",
    "Number",
    "Rule",
    "Sort",
    "StatementKind",
    "Theme",
    "Unknown",
    "View",
    "connectives",
    "custom",
    "declare",
    "fact",
    "formula_rule",
    "numbered",
    "relation",
    "rule",
    "which",
    "words",
]
