"""Round table: who sits where? Seats have numbers, but the table may be turned or seen in a mirror."""

from __future__ import annotations

from typing import Any

from sleuth.kit import Level, Number, Sort, Theme, Unknown, connectives, declare, fact, numbered, relation, words

person = Sort("person", "Guests", people=True)
seat = Sort(
    "seat", "Seats", "seat {}", names=numbered(10), size=lambda size: size["person"], note="clockwise", ring=True
)
between = Number("number", 1, lambda size: size["seat"] // 2 - 1)
sits = Unknown("seat", person, seat, one_each=True)


def clockwise(w: Any, a: int, b: int) -> int:
    """Seats from a to b, clockwise."""
    return int((w.seat[b] - w.seat[a]) % w.size["seat"])


def distance(w: Any, a: int, b: int) -> int:
    """Seats from a to b, the shorter way."""
    seats: int = w.size["seat"]
    steps = clockwise(w, a, b)
    return min(steps, seats - steps)


KINDS = (
    fact(
        sits,
        "at",
        ("{0} sits in {1}", "{0} does not sit in {1}"),
        ("{0} is in {1}", "{0} is not in {1}"),
        ("{1} is taken by {0}", "{1} is not taken by {0}"),
        questions=("in which seat does {0} sit", "who sits in {1}"),
    ),
    relation(
        "next",
        (person, person),
        lambda w, a, b: distance(w, a, b) == 1,
        "{0} sits right next to {1}",
        "{0} is next to {1}",
        "{0} and {1} are direct neighbours",
        symmetric=(0, 1),
    ),
    relation(
        "apart",
        (person, person),
        lambda w, a, b: distance(w, a, b) != 1,
        "{0} does not sit right next to {1}",
        "{0} is not next to {1}",
        "{0} and {1} are not direct neighbours",
        symmetric=(0, 1),
    ),
    relation(
        "left_of",
        (person, person),
        lambda w, a, b: clockwise(w, b, a) == 1,
        "{0} sits immediately to the left of {1}",
        "{0} is just left of {1}",
        "the left-hand neighbour of {1} is {0}",
    ),
    relation(
        "opposite",
        (person, person),
        lambda w, a, b: 2 * distance(w, a, b) == w.size["seat"],
        "{0} sits directly opposite {1}",
        "{0} is opposite {1}",
        "{0} and {1} look straight at each other across the table",
        symmetric=(0, 1),
    ),
    relation(
        "gap",
        (between, person, person),
        lambda w, n, a, b: distance(w, a, b) == n + 1,
        (
            "counted the shorter way, there is exactly {0:one} seat between {1} and {2}",
            "counted the shorter way, there are exactly {0:many} seats between {1} and {2}",
        ),
        ("{0:one} seat parts {1} and {2}", "{0:many} seats part {1} and {2}"),
        (
            "{1} and {2} have {0:one} seat between them, the shorter way round",
            "{1} and {2} have {0:many} seats between them, the shorter way round",
        ),
        symmetric=(1, 2),
    ),
    relation(
        "between",
        (person, person, person),
        lambda w, a, b, c: distance(w, a, b) == distance(w, a, c) == 1,
        "{0} sits right between {1} and {2}",
        "{0} is between {1} and {2}",
        "the two neighbours of {0} are {1} and {2}",
        symmetric=(1, 2),
    ),
    relation(
        "sooner",
        (person, person, person),
        lambda w, a, b, c: clockwise(w, a, b) < clockwise(w, a, c),
        "going clockwise from {0}, you come to {1} before {2}",
        "clockwise from {0}: {1} before {2}",
        "whoever walks clockwise round the table from {0} meets {1} sooner than {2}",
    ),
    *connectives("fact", "either", "iff", "if", "not_both"),
)
SMALL = {"at": 0.5, "not_at": 2.0, "next": 2.0, "apart": 2.0, "left_of": 2.0, "between": 1.0, "sooner": 1.0}
MEDIUM = {**SMALL, "opposite": 1.0, "gap": 2.0, "between": 2.0, "sooner": 2.0, "either": 2.0}
ALL = {**MEDIUM, "iff": 1.5, "if": 1.5, "not_both": 1.0}

RoundTable = declare(
    "round-table",
    rules_text=(
        "Everyone sits at one round table, each in a seat of their own, and faces the middle. The seats are numbered "
        "clockwise as seen from above, and the last is next to the first; so the seat just to the left of seat 1 is "
        "seat 2."
    ),
    sorts=(person, seat, between),
    unknowns=(sits,),
    kinds=KINDS,
    groups={"fact": ("at", "next", "opposite", "left_of")},
    mirror={"left_of": (1, 0), "sooner": (0, 2, 1)},
    levels={
        "1": Level({"person": 5}, SMALL, (1, 2)),
        "2": Level({"person": 6}, MEDIUM, (2, 3)),
        "3": Level({"person": (7, 8)}, ALL, (2, 4)),
        "4": Level({"person": (9, 10)}, ALL, (3, 5)),
    },
    themes=(
        Theme(
            "The Founders' Dinner",
            "The place cards were lost with the first gust of wind. The cook remembers who sat where only in pieces.",
            {"person": words("Ada, Ben, Cleo, Dan, Eva, Finn, Gus, Hana, Ivo, Jill, Kai, Lena")},
        ),
        Theme(
            "Council of the Valley",
            "Every spring the villages meet at the round stone. The minutes name the speakers, but not their places.",
            {"person": words("Amund, Birgit, Casimir, Dorte, Egil, Freya, Gunnar, Hedda, Ingvar, Jorun, Kjell, Liv")},
        ),
        Theme(
            "Cards After Midnight",
            "The game was long and the lamp was low. In the morning nobody agrees on who had sat beside whom.",
            {"person": words("Mr. Ash, Mrs. Birch, Dr. Cedar, Miss Elm, Major Fir, Lady Hazel, Captain Larch, Sister "
                             "Maple, Sir Oak, Madame Pine, Judge Rowan, Father Willow")},
        ),
    ),
)  # fmt: skip
