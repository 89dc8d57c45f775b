"""Kinship: three generations of a family, and who is whose child?"""

from __future__ import annotations

from sleuth.kit import Level, Number, Sort, Theme, Unknown, connectives, custom, declare, fact, relation, words
from sleuth.logic.formulas import And, Count, Not, Or

old = Sort("old", "Elders", people=True)
middle = Sort("middle", "Adults", people=True)
young = Sort("young", "Children", people=True)
number = Number("number", 1, lambda size: min(4, size["young"]))
parent = Unknown("parent", young, middle)
origin = Unknown("origin", middle, old)

KINDS = (
    fact(
        parent,
        "child",
        ("{0} is a child of {1}", "{0} is not a child of {1}"),
        witness=("{1} is the parent of {0}", "{1} is not the parent of {0}"),
        questions="whose child is {0}",
    ),
    fact(
        origin,
        "born_to",
        ("{0} was born to {1}", "{0} was not born to {1}"),
        witness=("the family bible has {0} under {1}", "the family bible does not have {0} under {1}"),
        questions="who was {0} born to",
    ),
    relation(
        "siblings",
        (young, young),
        lambda w, a, b: w.parent[a] == w.parent[b],
        "{0} and {1} are siblings",
        witness="{0} grew up with a sibling called {1}",
        symmetric=(0, 1),
    ),
    relation(
        "not_siblings",
        (young, young),
        lambda w, a, b: w.parent[a] != w.parent[b],
        "{0} and {1} are not siblings",
        symmetric=(0, 1),
    ),
    relation(
        "older_siblings",
        (middle, middle),
        lambda w, a, b: w.origin[a] == w.origin[b],
        "{0} and {1} are siblings",
        witness="{0} grew up with a sibling called {1}",
        symmetric=(0, 1),
    ),
    relation(
        "cousins",
        (young, young),
        lambda w, a, b: w.parent[a] != w.parent[b] and w.origin[w.parent[a]] == w.origin[w.parent[b]],
        "{0} and {1} are cousins",
        witness="{0} spent every summer with a cousin called {1}",
        symmetric=(0, 1),
    ),
    relation(
        "grandchild",
        (young, old),
        lambda w, a, b: w.origin[w.parent[a]] == b,
        "{0} is a grandchild of {1}",
        witness="{0} called {1} a grandparent",
        questions="whose grandchild is {0}",
    ),
    relation(
        "aunt_or_uncle",
        (middle, young),
        lambda w, a, b: w.parent[b] != a and w.origin[w.parent[b]] == w.origin[a],
        "{0} is an aunt or uncle of {1}",
        "{0} is aunt or uncle to {1}",
        "{1} is a niece or nephew of {0}",
    ),
    custom(
        "childless",
        (middle,),
        lambda m, a: And(tuple(Not(atoms[a]) for atoms in m.parent)),
        "{0} has no children",
        witness="{0} never had a child",
        fits=lambda w, a: a not in w.parent,
    ),
    custom(
        "children",
        (number, middle),
        lambda m, n, a: Count(tuple(atoms[a] for atoms in m.parent), n, n),
        ("{1} has exactly {0:one} child", "{1} has exactly {0:many} children"),
        witness=("{1} had {0:one} child, no more and no fewer", "{1} had {0:many} children, no more and no fewer"),
        fits=lambda w, n, a: w.parent.count(a) == n,
    ),
    custom(
        "grandchildren",
        (number, old),
        lambda m, n, a: Count(
            tuple(Or(tuple(And((up, m.origin[i][a])) for i, up in enumerate(atoms))) for atoms in m.parent), n, n
        ),
        ("{1} has exactly {0:one} grandchild", "{1} has exactly {0:many} grandchildren"),
        witness=(
            "{1} had {0:one} grandchild, no more and no fewer",
            "{1} had {0:many} grandchildren, no more and no fewer",
        ),
        fits=lambda w, n, a: [w.origin[up] for up in w.parent].count(a) == n,
    ),
    *connectives("fact", "either", "iff", "if", "not_both", "at_least", "exactly"),
)
SMALL = {"child": 0.5, "not_child": 1.5, "born_to": 0.5, "not_born_to": 1.5, "siblings": 2.0, "not_siblings": 1.5}
SMALL |= {"older_siblings": 1.5, "cousins": 2.5, "grandchild": 1.5, "aunt_or_uncle": 2.0, "childless": 1.0}
MEDIUM = {**SMALL, "children": 1.5, "grandchildren": 1.5, "either": 2.0}
ALL = {**MEDIUM, "iff": 1.5, "if": 1.5, "not_both": 1.0, "at_least": 1.0, "exactly": 1.5}

Kinship = declare(
    "kinship",
    rules_text=(
        "Three generations of a family: each adult was born to one of the elders, and each of the children is a child "
        "of one of the adults; of other parents nothing is said, and some adults may have no children. Siblings have "
        "the same parent. Cousins are no siblings, but their parents are. An aunt or uncle is a sibling of the parent."
    ),
    sorts=(old, middle, young, number),
    unknowns=(parent, origin),
    kinds=KINDS,
    groups={"fact": ("child", "born_to", "siblings", "grandchild")},
    levels={
        "1": Level({"old": 2, "middle": 3, "young": 3}, SMALL, (1, 2)),
        "2": Level({"old": (2, 3), "middle": 4, "young": 5}, MEDIUM, (2, 3)),
        "3": Level({"old": 3, "middle": 5, "young": 7}, ALL, (3, 4)),
        "4": Level({"old": 4, "middle": (6, 7), "young": (9, 10)}, ALL, (4, 6)),
    },
    themes=(
        Theme(
            "A Box of Letters",
            "The letters in the attic are full of names, and of love, and never say who belongs to whom.",
            {
                "old": words("Agatha, Barnabas, Cordelia, Dexter, Eugenia"),
                "middle": words("Flora, Gerald, Harriet, Isidore, Josephine, Konrad, Lydia"),
                "young": words("Max, Nell, Otto, Pia, Quinn, Rosa, Sam, Tess, Uri, Vera"),
            },
        ),
        Theme(
            "The Heirs of the Mill",
            "Before the mill can be sold, the notary needs the family tree. Everybody remembers a branch of it.",
            {
                "old": words("Anselm, Berta, Cyrus, Dagny, Ezra"),
                "middle": words("Fritz, Greta, Henrik, Ilse, Jasper, Karin, Lasse"),
                "young": words("Milo, Nora, Oda, Per, Rasmus, Sigrid, Tove, Ulla, Viggo, Wilma"),
            },
        ),
    ),
)
