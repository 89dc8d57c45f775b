"""Pages in the layout of ZebraLogic, made up for these tests: attributes with a header line and two wordings for each
value, most of them of kinds that the published sample does not show."""

from __future__ import annotations

from random import Random

from sleuth.puzzles.statements import Ref, Statement

NAME = (
    "Each person has a unique name",
    {name: (name,) for name in ("Eric", "Arnold", "Alice", "Peter", "Bob", "Carol")},
)
OTHERS: tuple[tuple[str, dict[str, tuple[str, ...]]], ...] = (
    (
        "Everyone has a favorite smoothie",
        {
            "cherry": ("the person who likes Cherry smoothies",),
            "lime": ("the person who drinks Lime smoothies", "the Lime smoothie lover"),
            "dragonfruit": ("the Dragonfruit smoothie lover",),
            "blueberry": ("the person who enjoys a blueberry smoothie",),
            "mango": ("the mango smoothie drinker",),
            "banana": ("the person who prefers banana smoothies",),
        },
    ),
    (
        "People own unique car models",
        {
            "ford f150": ("the person who owns a Ford F-150",),
            "tesla model 3": ("the person who drives a Tesla Model 3",),
            "toyota camry": ("the Toyota Camry owner",),
            "honda civic": ("the person who owns a Honda Civic",),
            "vw golf": ("the person with the VW Golf",),
            "fiat 500": ("the Fiat 500 driver",),
        },
    ),
    (
        "People have unique hair colors",
        {
            "black": ("the person who has black hair",),
            "blonde": ("the person with blonde hair",),
            "red": ("the person whose hair is red",),
            "gray": ("the person who has gray hair",),
            "brown": ("the person with the brown hair",),
            "auburn": ("the person whose hair color is auburn",),
        },
    ),
    (
        "Each person has a favorite color",
        {
            "red": ("the person who loves red", "the person whose favorite color is red"),
            "green": ("the person whose favorite color is green",),
            "blue": ("the person who likes blue",),
            "yellow": ("the person who loves yellow",),
            "white": ("the person whose favorite color is white",),
            "purple": ("the person fond of purple",),
        },
    ),
    (
        "Everyone has a unique favorite cigar",
        {
            "prince": ("the Prince smoker",),
            "pall mall": ("the person partial to Pall Mall",),
            "blue master": ("the person who smokes Blue Master",),
            "dunhill": ("the Dunhill smoker",),
            "blends": ("the person who smokes many unique blends",),
            "yellow monster": ("the person who smokes Yellow Monster",),
        },
    ),
    (
        "Each person has a unique hobby",
        {
            "cooking": ("the person who loves cooking", "the person who cooks as a hobby"),
            "photography": ("the photography enthusiast",),
            "gardening": ("the person who enjoys gardening",),
            "painting": ("the person who paints as a hobby",),
            "knitting": ("the person who enjoys knitting",),
            "woodworking": ("the woodworking hobbyist",),
        },
    ),
    (
        "The people are of nationalities",
        {
            "dane": ("the Dane", "the Danish person"),
            "brit": ("the British person", "the Brit"),
            "swede": ("the Swedish person",),
            "german": ("the German",),
            "chinese": ("the Chinese", "the person from the Chinese nationality"),
            "norwegian": ("the Norwegian",),
        },
    ),
    (
        "Each person has a unique birthday month",
        {
            "jan": ("the person whose birthday is in January",),
            "mar": ("the person whose birthday is in March",),
            "sept": ("the person born in September",),
            "may": ("the person whose birthday is in May",),
            "oct": ("the person whose birth month is October",),
            "december": ("the person whose birthday is in Dec",),
        },
    ),
    (
        "Each mother is accompanied by their child",
        {
            "Fred": ("the person's child is named Fred",),
            "Timothy": ("the person who is the mother of Timothy", "the mother of Timothy"),
            "Alice": ("the person's child is named Alice",),
            "Bella": ("the person whose child is Bella",),
            "Meredith": ("the person whose child is named Meredith",),
            "Samantha": ("the person who is the mother of Samantha",),
        },
    ),
    (
        "People have unique heights",
        {
            "very short": ("the person who is very short",),
            "short": ("the person who is short",),
            "average": ("the person who has an average height",),
            "tall": ("the person who is tall",),
            "very tall": ("the person who is very tall",),
            "super tall": ("the person of super tall height",),
        },
    ),
    (
        "Each person drinks a unique beverage",
        {
            "tea": ("the tea drinker",),
            "boba tea": ("the boba tea lover",),
            "root beer": ("the root beer lover",),
            "beer": ("the person who drinks beer",),
            "water": ("the one who only drinks water",),
            "milk": ("the person who likes milk",),
        },
    ),
    (
        "Everybody plays a unique instrument",
        {
            "violin": ("the violin player",),
            "cello": ("the person who plays the cello",),
            "drums": ("the person who practices the drums",),
            "flute": ("the flute aficionado",),
            "trumpet": ("the person with the trumpet",),
            "piano": ("the person who strums pianos",),
        },
    ),
)
ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth")
COUNTS = {1: "There is one house between {} and {}", 2: "There are two houses between {} and {}"}


def page(attributes: list[tuple[str, list[str]]], clues: list[str]) -> str:
    """The text of a page."""
    houses = len(attributes[0][1])
    lines = [
        f"There are {houses} houses, numbered 1 to {houses} from left to right, as seen from across the street. "
        "Each house is occupied by a different person. "
        "Each house has a unique attribute for each of the following characteristics:"
    ]
    lines += [f" - {header}: " + ", ".join(f"`{value}`" for value in values) for header, values in attributes]
    return "\n".join([*lines, "", "## Clues:", *(f"{number}. {clue}" for number, clue in enumerate(clues, start=1))])


def random_page(rng: Random, clues: int) -> tuple[str, list[Statement]]:
    """A page with random attributes, values and clues, and what the clues state. The clues need not be true."""
    houses = rng.randint(2, 6)
    chosen = [NAME, *rng.sample(OTHERS, rng.randint(1, 4))]
    rng.shuffle(chosen)
    attributes = [(header, rng.sample(list(values), houses)) for header, values in chosen]
    wordings = [chosen[number][1][value] for number, (_, values) in enumerate(attributes) for value in values]
    texts, statements = [], []
    for _ in range(clues):
        one, other = rng.sample(range(len(wordings)), 2)
        first, second = rng.choice(wordings[one]), rng.choice(wordings[other])
        a, b, house = Ref("value", one), Ref("value", other), rng.randrange(houses)
        options = [
            (f"{first} is {second}", "same", (a, b)),
            (f"{first} is in the {ORDINALS[house]} house", "at", (a, Ref("house", house))),
            (f"{first} is not in the {ORDINALS[house]} house", "not_at", (a, Ref("house", house))),
            (f"{first} is directly left of {second}", "left_of", (a, b)),
            (f"{first} is directly right of {second}", "left_of", (b, a)),
            (f"{first} is somewhere to the left of {second}", "before", (a, b)),
            (f"{first} is somewhere to the right of {second}", "before", (b, a)),
            (f"{first} and {second} are next to each other", "next", (a, b)),
        ]
        options += [
            (COUNTS[gap].format(first, second), "gap", (Ref("number", gap), a, b))
            for gap in (1, 2)
            if gap <= houses - 2
        ]
        text, kind, args = rng.choice(options)
        texts.append(f"{text[0].upper()}{text[1:]}.")
        statements.append(Statement(kind, args))
    return page(attributes, texts), statements


HAND = page(
    [
        ("Each person has a unique name", ["Eric", "Arnold", "Alice"]),
        ("Each mother is accompanied by their child", ["Alice", "Fred", "Bella"]),
        ("Each person drinks a unique beverage", ["tea", "boba tea", "milk"]),
    ],
    [
        "The mother of Fred is directly left of the tea drinker.",
        "The boba tea lover is not in the second house.",
        "The person's child is named Alice is Eric.",
        "The person who is the mother of Fred is Alice.",
        "Arnold is somewhere to the right of the person who likes milk.",
        "The tea drinker is in the second house.",
    ],
)
"""Three houses, worked by hand; one clue short of one world."""
