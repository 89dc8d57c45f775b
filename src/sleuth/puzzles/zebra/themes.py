"""Places, stories and names: where a zebra puzzle happens. All of them made up for Sleuth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Theme:
    """Names to draw from."""

    place: str
    """A key of `words.PLACES`."""
    title: str
    story: str
    values: Mapping[str, tuple[str, ...]]
    """Names of values by key of `words.ATTRIBUTES`; none is a plural, so that "… is" fits. `Name` is always
    used."""


THEMES = (
    Theme(
        place="Huts",
        title="The Long Night on the Ice",
        story="A row of research huts stands on the ice, and the storm has blown the name plates away. The supply "
        "sledge is packed; its driver only has to find out who lives where.",
        values={
            "Name": ("Ada", "Ben", "Cleo", "Dan", "Eva", "Finn", "Gus", "Hana"),
            "Drink": ("tea", "milk", "cocoa", "coffee", "water", "juice", "soup", "cider"),
            "Research": ("moss", "ice", "wind", "snow", "light", "sound", "fog", "rock"),
            "Pet": ("cat", "dog", "owl", "goat", "rabbit", "parrot", "mouse", "turtle"),
            "Door": ("red", "blue", "green", "white", "black", "yellow", "orange", "grey"),
            "Instrument": ("flute", "drum", "harp", "violin", "piano", "horn", "banjo", "guitar"),
            "Snack": ("cheese", "toast", "rice", "cake", "bread", "salad", "pasta", "fruit"),
        },
    ),
    Theme(
        place="Stalls",
        title="Before the Market Opens",
        story="The market's stalls are being set up side by side before sunrise. The inspector has lost the plan, and "
        "all that is left are the remarks of people who passed by.",
        values={
            "Name": ("Ivan", "June", "Karl", "Lily", "Milo", "Nora", "Otto", "Rosa"),
            "Goods": ("honey", "bread", "soap", "cheese", "jam", "paint", "rope", "cloth"),
            "Town": ("Paris", "Rome", "Cairo", "Lima", "Oslo", "Delhi", "Boston", "Dublin"),
            "Awning": ("red", "blue", "green", "white", "striped", "yellow", "purple", "orange"),
            "Hat": ("straw", "wool", "felt", "silk", "fur", "paper", "leather", "cotton"),
            "Drink": ("tea", "milk", "cocoa", "coffee", "water", "juice", "cider", "lemonade"),
            "Pet": ("cat", "dog", "parrot", "goat", "rabbit", "turtle", "hen", "pony"),
        },
    ),
    Theme(
        place="Boats",
        title="Low Tide at the Quay",
        story="The boats lie moored side by side at the quay until the tide comes back. The harbour "
        "master's book fell into the water and has to be written again.",
        values={
            "Name": ("Amy", "Boris", "Clara", "Dean", "Ella", "Frank", "Grace", "Henry"),
            "Cargo": ("salt", "coal", "wool", "rice", "glass", "tea", "sugar", "timber"),
            "Sail": ("red", "blue", "green", "white", "black", "yellow", "brown", "orange"),
            "Town": ("Lisbon", "Oslo", "Athens", "Dublin", "Lima", "Naples", "Boston", "Tokyo"),
            "Job": ("cook", "doctor", "painter", "baker", "teacher", "tailor", "gardener", "farmer"),
            "Pet": ("cat", "dog", "parrot", "monkey", "duck", "mouse", "goat", "crab"),
            "Instrument": ("flute", "drum", "harp", "violin", "trumpet", "horn", "banjo", "guitar"),
        },
    ),
    Theme(
        place="Caravans",
        title="The Circus Sleeps",
        story="The circus has put its caravans in a row at the edge of the wood. A letter has come for one of the "
        "artists, and the postman would rather not wake the wrong one.",
        values={
            "Name": ("Hugo", "Iris", "Jack", "Kate", "Leo", "Maya", "Nico", "Olga"),
            "Job": ("clown", "juggler", "acrobat", "magician", "dancer", "singer", "rider", "cook"),
            "Lamp": ("red", "blue", "green", "white", "pink", "yellow", "purple", "orange"),
            "Pet": ("cat", "dog", "bear", "goat", "rabbit", "parrot", "snake", "pony"),
            "Reading": ("poetry", "history", "fiction", "science", "drama", "law", "news", "gossip"),
            "Snack": ("cheese", "toast", "rice", "cake", "bread", "salad", "pasta", "fruit"),
            "Drink": ("tea", "milk", "cocoa", "coffee", "water", "juice", "soup", "cider"),
        },
    ),
)
