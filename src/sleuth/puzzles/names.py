"""Names by the thousand, for pages on which a model is to learn that names are copied and not known by heart.

People are put together from titles, given names and surnames; all the rest is listed. Ordinary words, none of them
chosen after the puzzles of 2025.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from random import Random

TITLES = (
    "Mr.", "Mrs.", "Ms.", "Miss", "Dr.", "Professor", "Captain", "Colonel", "Major", "Sgt.", "Judge", "Baron",
    "Countess", "Lady", "Sir", "Madame", "Monsieur", "Sister", "Father", "Chef", "Nurse", "Inspector",
)  # fmt: skip
GIVEN = (
    "Agnes", "Albert", "Alma", "Anton", "Astrid", "August", "Barbara", "Basil", "Bella", "Bruno", "Carmen", "Cecil",
    "Celia", "Conrad", "Daisy", "Delia", "Doris", "Edgar", "Edith", "Edmund", "Elsa", "Ernest", "Esther", "Felix",
    "Flora", "Frida", "George", "Gilda", "Harold", "Hazel", "Helga", "Ida", "Igor", "Irene", "Jasper", "Judith",
    "Julius", "Kurt", "Laura", "Leonard", "Louisa", "Lucas", "Mabel", "Marcus", "Martha", "Miriam", "Nadia", "Nigel",
    "Olga", "Oscar", "Pablo", "Paula", "Quentin", "Ralph", "Renata", "Roland", "Rufus", "Sabine", "Selma", "Simon",
    "Stella", "Tamara", "Theo", "Ursula", "Victor", "Wanda", "Walter", "Xenia", "Yusuf", "Zelda",
)  # fmt: skip
SURNAMES = (
    "Abbott", "Adeyemi", "Alder", "Amber", "Archer", "Arnold", "Ashford", "Baker", "Barlow", "Beck", "Bennett",
    "Berg", "Bishop", "Blackwood", "Bloom", "Bramble", "Briar", "Brook", "Butler", "Calder", "Cardoso", "Carver",
    "Castle", "Chandra", "Cherry", "Clay", "Cliff", "Cobalt", "Conway", "Cooper", "Copper", "Crane", "Cross", "Dale",
    "Delgado", "Dove", "Drake", "Dumont", "Ebony", "Falk", "Farrow", "Finch", "Fisher", "Flint", "Fontaine", "Forest",
    "Foster", "Fox", "Frost", "Garnet", "Goldberg", "Grimm", "Hale", "Harper", "Hart", "Hawk", "Heath", "Heron",
    "Holt", "Hunter", "Indigo", "Ito", "Ivory", "Jensen", "Kane", "Keller", "Khan", "Kowalski", "Lake", "Lambert",
    "Lark", "Larsen", "Lemon", "Lilac", "Lind", "Locke", "Lowell", "Mahoney", "Marsh", "Mason", "Meyer", "Mills",
    "Mint", "Monroe", "Moon", "Moreau", "Moss", "Nakamura", "Nash", "Newman", "Noble", "Norton", "Novak", "Oakley",
    "Ochre", "Okafor", "Onyx", "Orchid", "Osborne", "Palmer", "Parker", "Pearl", "Penrose", "Pepper", "Perez", "Petrov",
    "Poppy", "Porter", "Quartz", "Quill", "Radcliffe", "Raven", "Reed", "Rivers", "Robin", "Rossi", "Ruby", "Russet",
    "Saffron", "Salmon", "Sands", "Santos", "Schwarz", "Shaw", "Silver", "Singh", "Slate", "Snow", "Stark", "Steele",
    "Stone", "Storm", "Swift", "Tanaka", "Teal", "Thorne", "Tucker", "Turner", "Umber", "Vance", "Vasquez", "Vega",
    "Violet", "Wagner", "Walsh", "Webb", "Weiss", "West", "Wilde", "Winter", "Wolfe", "Wren", "Yates", "Young", "Zhao",
)  # fmt: skip
PARTS_OF_PEOPLE = (*TITLES, *GIVEN, *SURNAMES)
WEAPONS = (
    "Anvil", "Arrow", "Axe", "Banjo", "Baseball Bat", "Bell", "Belt", "Billiard Cue", "Blowpipe", "Bookend", "Bow Tie",
    "Boomerang", "Brass Lamp", "Brick", "Bronze Bust", "Cane", "Carving Fork", "Cast Iron Pan", "Chair Leg", "Chisel",
    "Cleaver", "Crossbow", "Crowbar", "Curtain Cord", "Darts", "Dumbbell", "Fire Iron", "Fishing Line", "Flower Pot",
    "Garden Shears", "Golf Club", "Gramophone", "Hacksaw", "Hair Dryer", "Hatchet", "Hatpin", "Horse Whip", "Ice Pick",
    "Inkwell", "Jar of Acid", "Kitchen Scale", "Letter Opener", "Log", "Machete", "Marble Egg", "Meat Hook", "Musket",
    "Nail Gun", "Necklace", "Paperweight", "Paring Blade", "Pestle", "Pickaxe", "Pillow", "Pitchfork", "Plank", "Poker",
    "Power Drill", "Rifle", "Rolling Pin", "Sabre", "Scalpel", "Scissors", "Screwdriver", "Sewing Machine", "Shotgun",
    "Shovel", "Silk Stocking", "Skewer", "Sledgehammer", "Slingshot", "Spear", "Statuette", "Steel Wire", "Sugar Tongs",
    "Teapot", "Tennis Racket", "Tin of Arsenic", "Toaster", "Tomahawk", "Trophy", "Trowel", "Umbrella", "Vase",
    "Violin Bow", "Walking Stick", "Whetstone", "Wine Bottle", "Wooden Clog", "Wool Scarf",
)  # fmt: skip
ROOMS = (
    "in Alcove", "in Antechamber", "in Apple Store", "in Aquarium", "at Arch", "in Armoury", "in Art Room", "in Atrium",
    "in Aviary", "in Back Room", "in Bakery", "in Bath House", "in Bathroom", "on Battlement", "at Beach", "in Bedroom",
    "at Bench", "in Billiard Hall", "in Blue Room", "in Boiler Room", "in Boot Room", "in Bower", "in Breakfast Room",
    "in Brewery", "in Butler's Room", "in Card Room", "at Carp Pond", "in Chamber", "in Chart Room", "in China Room",
    "in Clock Tower", "in Coach House", "in Coal Cellar", "in Corridor", "in Cottage", "in Crypt", "in Dark Room",
    "in Den", "at Dock", "in Dovecote", "in Drying Loft", "in East Wing", "in Engine Room", "in Entrance Hall",
    "in Ferry House", "on Fire Escape", "in Forge", "in Game Room", "in Gate House", "in Grotto", "in Guard Room",
    "in Guest Room", "in Gun Room", "in Gymnasium", "in Harness Room", "in Hay Barn", "in Hen House", "in Herb Garden",
    "in Ice House", "in Icon Room", "on Jetty", "in Kennel", "on Landing", "in Larder", "on Lawn", "in Linen Room",
    "in Long Gallery", "in Map Room", "in Maze", "in Music Room", "in North Tower", "in Nursery", "in Oak Room",
    "in Oratory", "in Palm House", "at Pavilion", "in Piano Room", "on Pier", "in Pine Grove", "in Plant Nursery",
    "in Playroom", "at Pool", "in Porter's Lodge", "in Potting Shed", "in Powder Room", "in Pump House", "in Quarry",
    "in Radio Room", "in Reading Room", "in Red Salon", "on Roof Garden", "in Root Cellar", "in Rose Garden",
    "in Safe Room", "in Saddlery", "in Scullery", "in Secret Passage", "in Servants' Hall", "in Sewing Room",
    "in Silver Vault", "in Smoking Room", "in Spare Room", "at Spring", "in Squash Court", "on Staircase",
    "in Steam Room", "at Sundial", "in Sun Room", "in Tack Room", "in Tapestry Room", "in Tea House", "on Tennis Court",
    "in Throne Room", "in Tool Shed", "on Upper Deck", "on Veranda", "in Wardrobe", "in Wash House", "at Waterfall",
    "in Weaving Room", "in West Wing", "in Wine Cellar", "in Winter Garden", "in Wood Shed", "in Writing Room",
    "on Yard Wall",
)  # fmt: skip
MOTIVES = (
    "Avarice", "Bitterness", "Blackmail", "Boredom", "Contempt", "Cowardice", "Cruelty", "Curiosity", "Debt", "Despair",
    "Desire", "Disgust", "Duty", "Envy", "Faith", "Fame", "Folly", "Grief", "Grudge", "Guilt", "Honour", "Hunger",
    "Inheritance", "Justice", "Loneliness", "Love", "Loyalty", "Lust", "Madness", "Malice", "Mercy", "Panic", "Passion",
    "Pity", "Poverty", "Rage", "Resentment", "Rivalry", "Scandal", "Shame", "Sorrow", "Spite", "Suspicion", "Vanity",
    "Vengeance", "Wealth",
)  # fmt: skip
HOUSES = (
    "Alder Court", "Barrow Hall", "Cliff End", "Dunmore Castle", "Eastcliff", "Fallow Grange", "Gull Island",
    "Heron Lodge", "Ironwood", "Kestrel Manor", "Larkfield", "Marsh End", "Northgate Abbey", "Old Quay", "Pinewood",
    "Ravenscar", "Saltmarsh House", "Thistle Park", "Upper Weir", "Windmere",
)  # fmt: skip
STORIES = (
    "The clocks of {house} had stopped, every one of them, when {victim} was found dead on the floor.",
    "A storm cut {house} off from the village for a night. In the morning the road was clear and {victim} was dead.",
    "{victim} had asked old friends to {house} to make peace with them. One of them had come for another reason.",
    "The dinner at {house} was cold before anybody asked where {victim} was. Nobody would be asking again.",
    "It was the last evening of the season at {house}, and, as it turned out, the last of {victim} as well.",
    "Somebody at {house} is a liar and a killer. {victim} could have said who, but {victim} is dead.",
    "The letter came too late to {house}: it warned {victim} of a murder which had been done by then.",
    "All the lights of {house} went out together, and when they were lit again there was a body: {victim}.",
)


ONSETS = (
    "", "b", "br", "c", "ch", "cl", "d", "dr", "f", "fl", "g", "gr", "h", "j", "k", "l", "m", "n", "p", "ph", "pl",
    "qu", "r", "s", "sh", "sl", "sp", "st", "sw", "t", "th", "tr", "v", "w", "y", "z",
)  # fmt: skip
VOWELS = ("a", "e", "i", "o", "u", "ai", "ea", "ee", "oa", "oo", "ou")
CODAS = ("", "", "", "", "", "ck", "d", "g", "l", "ll", "m", "n", "nd", "p", "r", "rd", "s", "st", "t", "x")
COINED_PROBABILITY = 0.5
"""Of a word of a name, to be made up; the others stay, so that names look like names."""


def capitalised(name: str) -> str:
    """As a name begins a sentence."""
    return name[0].upper() + name[1:]


def as_written(names: Iterable[str]) -> set[str]:
    """Names, and how they begin a sentence."""
    listed = set(names)
    return listed | set(map(capitalised, listed))


def coin(rng: Random) -> str:
    """A word that nobody has seen, of one to three syllables."""
    syllables = rng.choices((1, 2, 3), (1, 3, 1))[0]
    parts = (rng.choice(ONSETS) + rng.choice(VOWELS) + rng.choice(CODAS) for _ in range(syllables))
    return "".join(parts).capitalize()


def coined(listed: Sequence[str], taken: set[str], rng: Random) -> list[str]:
    """Names with half of their words made up, titles aside; none of which begins as another in `taken`, to which they
    are added, so that a page can be read in one way."""
    found = []
    for name in listed:
        while True:
            words = [
                word if word in TITLES or rng.random() >= COINED_PROBABILITY else coin(rng) for word in name.split(" ")
            ]
            new = " ".join(words)
            folded = new.casefold()
            if not any(other.startswith(folded) or folded.startswith(other) for other in taken):
                break
        taken.add(folded)
        found.append(new)
    return found


def people(count: int, rng: Random) -> list[str]:
    """Names of people, no two with a word in common but a title: most with a title, some with a given name."""
    given = rng.sample(GIVEN, count)
    named = []
    for first, last in zip(given, rng.sample(SURNAMES, count), strict=True):
        form = rng.random()
        named.append(f"{rng.choice(TITLES)} {last}" if form < 0.6 else f"{first} {last}" if form < 0.8 else first)
    return named
