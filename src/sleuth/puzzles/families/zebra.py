"""Zebra, second version: places in a row, each with one person, one drink, one pet … Who lives where?

The first version (`sleuth.puzzles.zebra`) was written by hand; this one is declared.
"""

from __future__ import annotations

from sleuth.kit import Level, Look, Number, Sort, Theme, Unknown, connectives, declare, fact, relation, which, words


def place(one: str, preposition: str) -> Look:
    where, asked = f"{preposition} {one} {{}}", f"{preposition} which {one}"
    return Look(where, {"owner": f"the one {where}", "one": one, "many": f"{one}s", "which": asked})


def entry(who: str, has: str, lacks: str, ask: str, asked: str = "") -> Look:
    """How a person is called by an entry, has it, lacks it; and what stands before and after a person to ask for it."""
    return Look(who, {"has": has, "lacks": lacks, "name": "{}", "ask": ask, "asked": asked})


def doing(verb: str, base: str, ask: str = "what") -> Look:
    return entry(f"the one who {verb} {{}}", f"{verb} {{}}", f"does not {base} {{}}", f"{ask} does", f" {base}")


def having(what: str, thing: str = "the {}") -> Look:
    return entry(f"the one with {thing}", f"has {thing}", f"does not have {thing}", f"which {what} does", " have")


PLACES = {"Tents": place("tent", "in"), "Cabins": place("cabin", "in"), "Gardens": place("garden", "in"),
          "Stands": place("stand", "at")}  # fmt: skip
ENTRIES = {
    "Name": entry("{}", "is {}", "is not {}", "who is"),
    "Trade": entry("the {}", "is the {}", "is not the {}", "what is the trade of"),
    "Home": entry("the one from {}", "is from {}", "is not from {}", "which country is", " from"),
    "Breakfast": doing("eats", "eat"),
    "Drink": doing("drinks", "drink"),
    "Study": doing("studies", "study"),
    "Crop": doing("grows", "grow"),
    "Sport": doing("trains for", "train for", ask="which sport"),
    "Lantern": having("lantern", "the {} lantern"),
    "Gate": having("gate", "the {} gate"),
    "Scarf": having("scarf", "the {} scarf"),
    "Tool": having("tool"),
    "Animal": having("animal"),
}
house = Sort("house", "Houses", names=words("1, 2, 3, 4, 5, 6, 7"), note="a row, from left to right", looks=PLACES)
attribute = Sort("attribute", "Attributes")
value = Sort("value", "Entries", size=lambda size: size["attribute"] * size["house"], looks=ENTRIES, lists=attribute)
number = Number("number", 1, lambda size: size["house"] - 2)
lives = Unknown("house", value, house, one_each=True)

KINDS = (
    fact(lives, "at", ("{0} is {1}", "{0} is not {1}"), ("{0:name} is {1}", "{0:name} is not {1}"),
         ("you will find {0} {1}", "you will not find {0} {1}"), questions="{house:which} is {0}"),
    relation("same", (value, value), lambda w, a, b: w.house[a] == w.house[b], "{0} {1:has}",
             "{0:name} is with {1:name}", "{0} and {1} are one and the same person",
             symmetric=(0, 1), across=(0, 1), direct=1.0),
    relation("apart", (value, value), lambda w, a, b: w.house[a] != w.house[b], "{0} {1:lacks}",
             "{0:name} is not with {1:name}", "{0} and {1} are two different people", symmetric=(0, 1), across=(0, 1)),
    relation("next", (value, value), lambda w, a, b: abs(w.house[a] - w.house[b]) == 1, "{0} is right next to {1}",
             "{0:name} is next to {1:name}", "{0} and {1} are direct neighbours", symmetric=(0, 1)),
    relation("left_of", (value, value), lambda w, a, b: w.house[a] + 1 == w.house[b],
             "{0} is immediately to the left of {1}", "{0:name} is just left of {1:name}",
             "walking from left to right, you meet {1} right after {0}"),
    relation("before", (value, value), lambda w, a, b: w.house[a] < w.house[b], "{0} is somewhere to the left of {1}",
             "{0:name} is somewhere left of {1:name}", "walking from left to right, you meet {0} sooner than {1}"),
    relation("between", (value, value, value),
             lambda w, a, b, c: abs(w.house[b] - w.house[c]) == 2 and 2 * w.house[a] == w.house[b] + w.house[c],
             "{0} has {1} immediately on one side and {2} immediately on the other side",
             "{0:name} is between {1:name} and {2:name}, next to both",
             "the two neighbours of {0}, one on each side, are {1} and {2}", symmetric=(1, 2)),
    relation("gap", (number, value, value), lambda w, n, a, b: abs(w.house[a] - w.house[b]) == n + 1,
             ("there is exactly {0:one} {house:one} between {1} and {2}",
              "there are exactly {0:many} {house:many} between {1} and {2}"),
             ("exactly {0:one} {house:one} is between {1:name} and {2:name}",
              "exactly {0:many} {house:many} are between {1:name} and {2:name}"),
             ("{1} and {2} have exactly {0:one} {house:one} between them",
              "{1} and {2} have exactly {0:many} {house:many} between them"), symmetric=(1, 2)),
    *connectives("fact", "either", "iff", "if"),
    which("who", value, (house,), lambda w, place, v: w.house[v] == place, "{0:ask} {1:owner}{0:asked}"),
    which("what", value, (value,), lambda w, a, v: w.house[a] == w.house[v], "{0:ask} {1}{0:asked}"),
)  # fmt: skip
SMALL = {"at": 1.0, "same": 3.0, "not_at": 2.0, "apart": 2.0, "next": 2.0, "left_of": 2.0, "before": 2.0}
MEDIUM = {**SMALL, "not_at": 1.0, "apart": 1.0, "between": 2.0, "gap": 2.0, "either": 2.0}
ALL = {**MEDIUM, "next": 3.0, "left_of": 3.0, "iff": 1.5, "if": 1.5}

Zebra = declare(
    "zebra",
    version=2,
    rules_text=(
        "In each place of the row is one person, to whom one entry of each list belongs, and no entry belongs to two "
        "people; an entry that is with another belongs to the same person. People are right next to each other, or "
        "neighbours, when their places are. Somewhere to the left can also mean immediately to the left."
    ),
    sorts=(house, attribute, value, number),
    unknowns=(lives,),
    kinds=KINDS,
    groups={"fact": ("at", "same", "next")},
    levels={
        "1": Level({"house": 3, "attribute": 3}, SMALL, (3, 3)),
        "2": Level({"house": 4, "attribute": 4}, MEDIUM, (4, 6)),
        "3": Level({"house": 5, "attribute": 5}, ALL, (4, 6)),
        "4": Level({"house": 6, "attribute": 6}, ALL, (4, 6)),
        "5": Level({"house": 7, "attribute": 6}, ALL, (4, 6)),
    },
    themes=(
        Theme("Camp Below the Glacier", "The storm has taken the name plates, and the cook wants to know whose "
              "porridge goes to which tent.",
              {"Name": words("Anton, Britta, Carl, Doris, Edgar, Frida, Georg"),
               "Study": words("moss, ice, wind, snow, light, sound, fog"),
               "Breakfast": words("porridge, toast, rice, cheese, bread, fruit, yoghurt"),
               "Drink": words("tea, milk, cocoa, coffee, water, juice, cider"),
               "Lantern": words("red, blue, green, white, yellow, orange, grey"),
               "Animal": words("husky, owl, cat, pony, goat, raven, mouse"),
               "Home": words("Norway, Chile, Japan, Kenya, Poland, Canada, Nepal")}, {"house": "Tents"}),
        Theme("The Forest School", "The cabins stand in a row at the edge of the wood, and the post has come for "
              "somebody who is only called by a hobby.",
              {"Name": words("Agnes, Bruno, Celia, Dario, Elin, Fabian, Greta"),
               "Trade": words("baker, carpenter, tailor, nurse, teacher, painter, smith"),
               "Sport": words("rowing, fencing, judo, tennis, golf, hockey, chess"),
               "Drink": words("tea, milk, cocoa, coffee, water, juice, lemonade"),
               "Scarf": words("red, blue, green, white, striped, yellow, purple"),
               "Home": words("Ghana, Peru, India, Italy, Greece, Ireland, Turkey"),
               "Tool": words("hammer, saw, drill, plane, axe, chisel, file")}, {"house": "Cabins"}),
        Theme("Allotments by the Railway", "The club will choose the finest garden, but the list of tenants got wet "
              "and has to be written again.",
              {"Name": words("Albin, Berta, Cyril, Dagmar, Ernst, Fanny, Gilbert"),
               "Crop": words("leek, kale, maize, garlic, celery, spinach, rhubarb"),
               "Gate": words("red, blue, green, white, brown, yellow, black"),
               "Tool": words("spade, rake, hoe, fork, sickle, barrow, hose"),
               "Animal": words("hen, duck, rabbit, cat, dog, goose, tortoise"),
               "Drink": words("tea, milk, cocoa, coffee, water, juice, beer"),
               "Trade": words("driver, cook, clerk, judge, doctor, singer, plumber")}, {"house": "Gardens"}),
        Theme("Before the Fair Begins", "The stands are set up side by side before sunrise, and the inspector has "
              "lost the plan.",
              {"Name": words("Amalia, Boris, Clara, Dmitri, Esther, Florian, Gloria"),
               "Trade": words("potter, weaver, baker, brewer, cutler, jeweller, florist"),
               "Breakfast": words("soup, toast, rice, cheese, bread, fruit, pancakes"),
               "Home": words("Spain, Egypt, Cuba, Latvia, Vietnam, Austria, Morocco"),
               "Lantern": words("red, blue, green, white, pink, yellow, violet"),
               "Animal": words("parrot, monkey, cat, dog, donkey, snake, turtle"),
               "Scarf": words("silk, wool, linen, cotton, velvet, felt, cashmere")}, {"house": "Stands"}),
    ),
)  # fmt: skip
