"""The words of zebra puzzles: statement kinds, sentence templates by style, and how values and houses are worded.

A page says what its houses are called and which attributes it has; `PLACES` and `ATTRIBUTES` know from these labels
how to speak of a value: as a person ("the one who drinks tea"), and as something said of a person ("drinks tea").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sleuth.puzzles import connectives
from sleuth.puzzles.family import Kind
from sleuth.puzzles.formal import FormalLexicon
from sleuth.puzzles.prose import Lexicon
from sleuth.puzzles.statements import Argument, Ref
from sleuth.puzzles.zebra.case import MOST_HOUSES, Case

NUMBERS = ("one", "two", "three", "four", "five", "six", "seven")
assert len(NUMBERS) == MOST_HOUSES - 2

KINDS: Mapping[str, Kind] = {
    "at": Kind(("value", "house"), direct=4),
    "same": Kind(("value", "value"), direct=1, symmetric=(0, 1)),
    "not_at": Kind(("value", "house"), direct=0.5),
    "apart": Kind(("value", "value"), symmetric=(0, 1)),
    "next": Kind(("value", "value"), symmetric=(0, 1)),
    "left_of": Kind(("value", "value")),
    "before": Kind(("value", "value")),
    "between": Kind(("value", "value", "value"), symmetric=(1, 2)),
    "gap": Kind(("number", "value", "value"), symmetric=(1, 2)),
    **connectives.kinds("fact"),
}
GROUPED_KINDS = {"fact": ("at", "same", "next")}
DENIALS = {"at": "not_at"}
QUESTION_KINDS = {"what": 3}
"""Kinds that only questions have, with their number of arguments. `what(attribute, owner, value)` is `at` where the
owner is a house and else `same`; the attribute says what is asked for, which these two have no room for."""

TEMPLATES = {
    "plain": {
        "at": ("{0:subject} is {1:place}",),
        "not_at": ("{0:subject} is not {1:place}",),
        "same": ("{0:subject} {1:predicate}",),
        "apart": ("{0:subject} {1:negation}",),
        "next": ("{0:subject} is right next to {1:subject}",),
        "left_of": ("{0:subject} is immediately to the left of {1:subject}",),
        "before": ("{0:subject} is somewhere to the left of {1:subject}",),
        "between": (
            "{0:subject} has {1:subject} immediately on one side and {2:subject} immediately on the other side",
        ),
        "gap": (
            "there is exactly {0:one} {-:singular} between {1:subject} and {2:subject}",
            "there are exactly {0:many} {-:plural} between {1:subject} and {2:subject}",
        ),
        **connectives.templates(connectives.PLAIN, "fact"),
    },
    "terse": {
        "at": ("{0:name} is {1:place}",),
        "not_at": ("{0:name} is not {1:place}",),
        "same": ("{0:name} is with {1:name}",),
        "apart": ("{0:name} is not with {1:name}",),
        "next": ("{0:name} is next to {1:name}",),
        "left_of": ("{0:name} is just left of {1:name}",),
        "before": ("{0:name} is somewhere left of {1:name}",),
        "between": ("{0:name} is between {1:name} and {2:name}, next to both",),
        "gap": (
            "exactly {0:one} {-:singular} is between {1:name} and {2:name}",
            "exactly {0:many} {-:plural} are between {1:name} and {2:name}",
        ),
        **connectives.templates(connectives.PLAIN, "fact"),
    },
    "witness": {
        "at": ("you will find {0:subject} {1:place}",),
        "not_at": ("you will not find {0:subject} {1:place}",),
        "same": ("{0:subject} and {1:subject} are one and the same person",),
        "apart": ("{0:subject} and {1:subject} are two different people",),
        "next": ("{0:subject} and {1:subject} are direct neighbours",),
        "left_of": ("walking from left to right, you meet {1:subject} right after {0:subject}",),
        "before": ("walking from left to right, you meet {0:subject} sooner than {1:subject}",),
        "between": ("the two neighbours of {0:subject}, one on each side, are {1:subject} and {2:subject}",),
        "gap": (
            "{1:subject} and {2:subject} have exactly {0:one} {-:singular} between them",
            "{1:subject} and {2:subject} have exactly {0:many} {-:plural} between them",
        ),
        **connectives.templates(connectives.WITNESS, "fact"),
    },
}
_FULL_QUESTIONS = {
    "at": ("{-:which_place} is {0:subject}",),
    "what": ("{0:ask} {1:owner}{0:asked}",),
}
QUESTION_TEMPLATES = {
    "plain": _FULL_QUESTIONS,
    "terse": {"at": ("{-:which_place} is {0:name}",), "what": ("which {0:label} is {1:with}",)},
    "witness": _FULL_QUESTIONS,
}


@dataclass(frozen=True, slots=True)
class Place:
    """What a house is called in a theme."""

    singular: str
    plural: str
    preposition: str


@dataclass(frozen=True, slots=True)
class Attribute:
    """How a value of an attribute is worded; `{}` stands for its name."""

    subject: str
    """The person who has it."""
    predicate: str
    """After a person: has it."""
    negation: str
    """After a person: does not have it."""
    ask: str
    """Before a person, to ask for the value …"""
    asked: str = ""
    """… and after."""


PLACES = {
    "Huts": Place("hut", "huts", "in"),
    "Stalls": Place("stall", "stalls", "at"),
    "Boats": Place("boat", "boats", "on"),
    "Caravans": Place("caravan", "caravans", "in"),
}


def _doing(verb: str, base: str, rest: str, ask: str = "what") -> Attribute:
    """Someone who does something: `_doing("drinks", "drink", "{}")`."""
    return Attribute(
        f"the one who {verb} {rest}", f"{verb} {rest}", f"does not {base} {rest}", f"{ask} does", f" {base}"
    )


def _having(thing: str, ask: str) -> Attribute:
    """Someone with a thing of which each has one: `_having("the {} door", "which door")`."""
    return Attribute(f"the one with {thing}", f"has {thing}", f"does not have {thing}", f"{ask} does", " have")


ATTRIBUTES = {
    "Name": Attribute("{}", "is {}", "is not {}", "who is"),
    "Job": Attribute("the {}", "is the {}", "is not the {}", "what is the job of"),
    "Town": Attribute("the one from {}", "is from {}", "is not from {}", "which town is", " from"),
    "Drink": _doing("drinks", "drink", "{}"),
    "Snack": _doing("eats", "eat", "{}"),
    "Goods": _doing("sells", "sell", "{}"),
    "Cargo": _doing("carries", "carry", "{}"),
    "Research": _doing("studies", "study", "{}"),
    "Reading": _doing("reads", "read", "{}"),
    "Instrument": _doing("plays", "play", "the {}", "which instrument"),
    "Hat": _doing("wears", "wear", "the {} hat", "which hat"),
    "Pet": _having("the {}", "which pet"),
    "Door": _having("the {} door", "which door"),
    "Awning": _having("the {} awning", "which awning"),
    "Sail": _having("the {} sail", "which sail"),
    "Lamp": _having("the {} lamp", "which lamp"),
}


HOUSE = Place("house", "houses", "in")
"""What is spoken of where the place is none of `PLACES`."""


def place_of(case: Case) -> Place:
    """What a case calls its houses."""
    return PLACES.get(case.place, HOUSE)


def attribute_of(label: str) -> Attribute:
    """How an attribute is worded: one of `ATTRIBUTES`, or by its label alone."""
    if label in ATTRIBUTES:
        return ATTRIBUTES[label]
    whose = f"the one whose {label.lower()} is {{}}"
    return Attribute(whose, f"is {whose}", f"is not {whose}", f"what is the {label.lower()} of")


def lexicon(case: Case) -> Lexicon:
    """The words of a case, by gap type."""
    place = place_of(case)
    houses = [Ref("house", i) for i in range(case.shape.houses)]
    where = {house: f"{place.preposition} {place.singular} {case.name(house)}" for house in houses}
    wordings = [(Ref("attribute", i), label, attribute_of(label)) for i, label in enumerate(case.attributes)]
    values = [
        (Ref("value", attribute.index * len(houses) + i), name, wording)
        for attribute, label, wording in wordings
        for i, name in enumerate(case.values[attribute.index])
    ]
    subjects: list[tuple[Argument, tuple[str, ...]]] = [
        (value, (wording.subject.format(name),)) for value, name, wording in values
    ]
    numbers = [(Ref("number", n), (word,)) for n, word in enumerate(NUMBERS[: len(houses) - 2], start=1)]
    return {
        "subject": subjects,
        "predicate": [(value, (wording.predicate.format(name),)) for value, name, wording in values],
        "negation": [(value, (wording.negation.format(name),)) for value, name, wording in values],
        "name": [(value, (name,)) for value, name, _ in values],
        "place": [(house, (words,)) for house, words in where.items()],
        "owner": [*subjects, *((house, (f"the one {words}",)) for house, words in where.items())],
        "with": [
            *((value, (f"with {name}",)) for value, name, _ in values),
            *((house, (words,)) for house, words in where.items()),
        ],
        "singular": [(None, (place.singular,))],
        "plural": [(None, (place.plural,))],
        "which_place": [(None, (f"{place.preposition} which {place.singular}",))],
        "one": numbers[:1],
        "many": numbers[1:],
        "ask": [(attribute, (wording.ask,)) for attribute, _, wording in wordings],
        "asked": [(attribute, (wording.asked,)) for attribute, _, wording in wordings],
        "label": [(attribute, (label.lower(),)) for attribute, label, _ in wordings],
    }


def formal_lexicon(case: Case) -> FormalLexicon:
    """The names of a case in the formal language."""
    houses = range(case.shape.houses)
    return {
        "value": [(Ref("value", i), case.name(Ref("value", i))) for i in range(case.shape.values)],
        "house": [(Ref("house", i), case.name(Ref("house", i))) for i in houses],
        "number": [(Ref("number", n), str(n)) for n in houses[1:-1]],
    }
