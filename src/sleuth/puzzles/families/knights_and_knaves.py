"""Knights and knaves: some islanders always tell the truth, the others never do. Who is what?

After Raymond Smullyan, "What Is the Name of This Book?" (1978). A clue is always something that an islander says; what
is said may itself be about what somebody would say.
"""

from __future__ import annotations

from sleuth.kit import Level, Number, Sort, Theme, Unknown, connectives, custom, declare, fact, relation, words
from sleuth.logic.formulas import Count, Iff

KNIGHT, KNAVE = 0, 1

person = Sort("person", "Islanders", people=True)
role = Sort("role", "Kinds", "a {}", names=("knight", "knave"), size=lambda size: 2, forms={"plural": "{}s"})
number = Number("number", 1, lambda size: size["person"] - 1)
is_a = Unknown("role", person, role)

KINDS = (
    fact(
        is_a,
        "is",
        ("{0} is {1}", "{0} is not {1}"),
        questions="is {0} a knight or a knave",
    ),
    relation(
        "same",
        (person, person),
        lambda w, a, b: w.role[a] == w.role[b],
        "{0} and {1} are of the same kind",
        "{0} and {1} are the same",
        "{0} is just what {1} is",
        symmetric=(0, 1),
    ),
    relation(
        "differ",
        (person, person),
        lambda w, a, b: w.role[a] != w.role[b],
        "{0} and {1} are of different kinds",
        "{0} and {1} differ",
        "{0} is not what {1} is",
        symmetric=(0, 1),
    ),
    custom(
        "counted",
        (number, role),
        lambda m, n, kind: Count(tuple(atoms[kind] for atoms in m.role), n, n),
        (
            "all in all, exactly {0:one} of the islanders is {1}",
            "all in all, exactly {0:many} of the islanders are {1:plural}",
        ),
        ("in all, {0:one} is {1}", "in all, {0:many} are {1:plural}"),
        ("there is {0:one} islander, no more and no fewer, who is {1}",
         "there are {0:many} islanders, no more and no fewer, who are {1:plural}"),
        fits=lambda w, n, kind: w.role.count(kind) == n,
    ),
    custom(
        "would_say",
        (person, "simple"),
        lambda m, speaker, claim: Iff(m.role[speaker][KNIGHT], claim),
        "{0}, if asked, would say that {1}",
        "{0} would say: {1}",
        "you would hear from {0} that {1}",
        fits=lambda w, speaker, claim: (w.role[speaker] == KNIGHT) == claim,
    ),
    custom(
        "says",
        (person, "claim"),
        lambda m, speaker, claim: Iff(m.role[speaker][KNIGHT], claim),
        "{0} says that {1}",
        "{0}: {1}",
        "I heard {0} say that {1}",
        fits=lambda w, speaker, claim: (w.role[speaker] == KNIGHT) == claim,
    ),
    *connectives("simple", "either", "iff", "if", "not_both", "exactly"),
)  # fmt: skip
SAYS = {"says": 1.0}
SIMPLE = ("is", "same", "differ", "counted")
JOINED = (*SIMPLE, "either", "iff", "if", "not_both")

KnightsAndKnaves = declare(
    "knights-and-knaves",
    rules_text=(
        "Everybody on this island is either a knight or a knave. All that a knight says is true, and all that a knave "
        "says is false. They know what they all are."
    ),
    sorts=(person, role, number),
    unknowns=(is_a,),
    kinds=KINDS,
    groups={
        "simple": ("is", "same"),
        "claim": ("is", "same", "differ", "counted", "would_say", "either", "iff", "if", "not_both", "exactly"),
    },
    levels={
        "1": Level({"person": (3, 4)}, SAYS, (1, 2), SIMPLE),
        "2": Level({"person": (5, 6)}, SAYS, (2, 3), JOINED),
        "3": Level({"person": (7, 8)}, SAYS, (3, 4)),
        "4": Level({"person": (9, 12)}, SAYS, (4, 6)),
    },
    themes=(
        Theme(
            "An Island Without a Map",
            "The boat is gone, and so is the guide. There is nobody to ask the way but those who live here.",
            {"person": words("Alma, Bruno, Carla, Dino, Elsa, Fabio, Gilda, Hugo, Ines, Juno, Karl, Livia, Mario")},
        ),
        Theme(
            "The Long Customs Queue",
            "The harbour office wants a form for each islander, and the form has but one box: knight or knave?",
            {"person": words("Akira, Bela, Chidi, Dunja, Emre, Farah, Goran, Hiro, Imani, Jomo, Kofi, Leila, Mina")},
        ),
    ),
)
