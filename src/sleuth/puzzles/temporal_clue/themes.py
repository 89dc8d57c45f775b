"""Casts, places and stories: where a Temporal Clue puzzle happens. All of them made up for Sleuth."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Theme:
    """Names to draw from. Rooms are written with their preposition: `in Hall`."""

    name: str
    title: str
    story: str
    """With `{victim}` in it."""
    victims: tuple[str, ...]
    suspects: tuple[str, ...]
    weapons: tuple[str, ...]
    rooms: tuple[str, ...]
    motives: tuple[str, ...]


MOTIVES = ("greed", "envy", "fear", "revenge", "love", "pride", "debt", "spite", "shame", "duty")

THEMES = (
    Theme(
        name="ferry",
        title="The Night Ferry",
        story="The ferry left in fog and came in at dawn one passenger short of a full breakfast table: {victim} lay "
        "dead below decks, and nobody had gone ashore.",
        victims=("Rex", "Nora", "Otto"),
        suspects=("Ada", "Ben", "Cleo", "Dan", "Eva", "Finn", "Gus", "Hana", "Ivan", "June", "Karl", "Lily"),
        weapons=("Rope", "Hook", "Oar", "Flare", "Wrench", "Anchor", "Bottle", "Razor", "Chain"),
        rooms=(
            "in Cabin", "on Bridge", "in Hold", "on Deck", "in Galley", "in Salon", "in Store", "in Lounge", "at Bar",
            "in Pantry", "in Chapel", "in Office", "in Laundry", "in Locker", "on Stern", "on Bow", "in Theater",
            "in Sauna",
        ),
        motives=MOTIVES,
    ),
    Theme(
        name="observatory",
        title="Murder at the Observatory",
        story="Snow closed the pass on the evening of the eclipse. When the clouds parted, the great lens was trained "
        "on nothing at all, and {victim}, who had never missed an eclipse, was dead.",
        victims=("Max", "Vera", "Sol"),
        suspects=("Ali", "Bea", "Carl", "Dora", "Emil", "Faye", "Greg", "Hugo", "Iris", "Jack", "Kate", "Leo"),
        weapons=("Lens", "Cable", "Globe", "Hammer", "Mirror", "Candle", "Clock", "Spade", "Needle"),
        rooms=(
            "in Dome", "in Tower", "in Archive", "in Hall", "in Cellar", "in Kitchen", "in Library", "on Terrace",
            "in Garage", "in Attic", "in Study", "in Workshop", "at Gate", "in Garden", "in Vault", "on Roof",
            "in Classroom", "in Studio",
        ),
        motives=MOTIVES,
    ),
    Theme(
        name="theatre",
        title="The Last Rehearsal",
        story="The curtain was down, the house was dark, and the only applause came from the rain. Whoever killed "
        "{victim} knew the building well, and knew that nobody would leave before the morning.",
        victims=("Milo", "Rosa", "Hal"),
        suspects=("Amy", "Boris", "Clara", "Dean", "Ella", "Frank", "Grace", "Henry", "Ines", "Joel", "Kim", "Lena"),
        weapons=("Sword", "Lamp", "Mask", "Scarf", "Poison", "Crown", "Dagger", "Weight", "Pistol"),
        rooms=(
            "on Stage", "in Pit", "in Foyer", "in Box", "in Loft", "in Trap", "in Cafe", "in Costume Room", "at Door",
            "in Dressing Room", "in Scene Dock", "on Balcony", "in Light Room", "in Gallery", "in Basement", "in Bar",
            "in Courtyard", "in Prop Room",
        ),
        motives=MOTIVES,
    ),
    Theme(
        name="vineyard",
        title="A Bitter Vintage",
        story="It was to be the tasting of the decade. By midnight the barrels were full, the guests were not "
        "speaking, and {victim} would never taste anything again.",
        victims=("Luc", "Ruth", "Abel"),
        suspects=(
            "Mr. Ash", "Ms. Birch", "Dr. Cedar", "Mrs. Elder", "Mr. Fern", "Ms. Hazel", "Dr. Juniper", "Mrs. Laurel",
            "Mr. Maple", "Ms. Olive", "Dr. Rowan", "Mrs. Sage",
        ),
        weapons=("Corkscrew", "Barrel", "Sickle", "Decanter", "Ladder", "Mallet", "Syringe", "Rake", "Press"),
        rooms=(
            "in Barn", "in Cellar", "at Well", "in Orchard", "in Kitchen", "in Parlour", "in Stable", "on Porch",
            "in Dairy", "in Chapel", "in Smokehouse", "in Mill", "at Pond", "in Greenhouse", "in Granary", "in Tower",
            "in Bottling Room", "in Tasting Room",
        ),
        motives=MOTIVES,
    ),
)  # fmt: skip
