"""Noun phrases that describe a person by a value: "the Norwegian", "the person who loves fantasy books", "Bob".

A value is looked for word by word, whatever its form: plural, possessive, verb form, demonym ("dane", "Danish"), month
("feb", "February"), spelling ("f150", "F-150"). What stands around it must be words that describe a person by something
they have, are, like or do. A word that denies or compares ("hates", "not", "older") or names another person ("the
brother of") makes the phrase unreadable, and so do two values that fit equally well.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from sleuth.puzzles.statements import Ref
from sleuth.puzzles.zebra.zebralogic.vocabulary import ACTS, DEMONYMS, DENIED, FUNCTION, KIN, LIKING, MONTHS, THINGS

_WORD = re.compile(r"[^\W_]+")
_ENDINGS = ("ing", "ers", "er", "ed", "es", "s", "e")
_DOUBLED = re.compile(r"([bdgklmnprt])\1$")
_MOST_WORDS = 16
_HEADER_VERBS = frozenset(
    {"favorite", "favourite", "prefers", "prefer", "lives", "live", "keeps", "keep", "uses", "use", "owns", "own"}
    | {
        "drives",
        "drive",
        "wears",
        "wear",
        "plays",
        "loves",
        "likes",
        "enjoys",
        "accompanied",
        "houses",
        "mother",
        "level",
    }
)
"""What a header says besides what its values are: left out of an attribute's label."""


def words(text: str) -> list[str]:
    """The words of a text, in small letters, without marks; a possessive's `s` is left out."""
    plain = unicodedata.normalize("NFKC", text).casefold().replace("’", "'").replace("n't", " not")
    return _WORD.findall(re.sub(r"'s?\b", " ", plain))


@lru_cache(maxsize=8192)
def forms(word: str) -> frozenset[str]:
    """A word and its stems: two words that share one are forms of the same word."""
    found = {word}
    if word.endswith("ies") and len(word) > 4:
        found.add(word[:-3] + "y")
    for ending in _ENDINGS:
        stem = word.removesuffix(ending)
        if stem != word and len(stem) >= 3:
            found |= {stem, _DOUBLED.sub(r"\1", stem)}
    found |= {f"@{group[0]}" for group in DEMONYMS if word in group}
    if len(word) >= 3:
        found |= {f"@{month}" for month in MONTHS if word == month or (len(word) <= 4 and month.startswith(word))}
    return frozenset(found)


def _all_forms(texts: Collection[str]) -> frozenset[str]:
    return frozenset(form for word in texts for form in forms(word))


_ACT_FORMS, _LIKING_FORMS = _all_forms(ACTS), _all_forms(LIKING)
_KNOWN = _ACT_FORMS | _all_forms(THINGS) | FUNCTION


def alike(first: Sequence[str], second: Sequence[str]) -> int:
    """How alike two runs of words are: 2 the same letters, 1 forms of the same words, 0 not at all."""
    if "".join(first) == "".join(second):
        return 2
    return int(len(first) == len(second) and all(forms(a) & forms(b) for a, b in zip(first, second, strict=True)))


@dataclass(frozen=True)
class Attribute:
    """One line of the header: what it says before its values, and the values."""

    header: str
    values: tuple[str, ...]
    label: str
    """A short name for it."""
    first: int
    """Index of its first value in the case."""
    proper: bool = False
    """Whether its values are the people's own names, by which they are called without more words."""

    @cached_property
    def said(self) -> frozenset[str]:
        """Forms of the words of the header that say something."""
        return frozenset(
            f for word in words(self.header) if word not in FUNCTION and word != "house" for f in forms(word)
        )

    @cached_property
    def spellings(self) -> tuple[tuple[str, ...], ...]:
        """The words of each value."""
        return tuple(tuple(words(value)) for value in self.values)

    def find(self, text: str) -> str | None:
        """The value that a text is, in whatever form; None if it is none, or could be several."""
        given = words(text)
        if len(given) > _MOST_WORDS:
            return None
        rated = [(alike(spelling, given), value) for spelling, value in zip(self.spellings, self.values, strict=True)]
        best = max(rate for rate, _ in rated)
        found = [value for rate, value in rated if rate == best]
        return found[0] if best and len(found) == 1 else None


@dataclass(frozen=True)
class Described:
    """A place in a phrase where a value stands."""

    attribute: Attribute
    number: int
    start: int
    end: int
    rate: int


@dataclass
class Descriptions:
    """Understands the phrases of one page."""

    attributes: Sequence[Attribute]
    _known: dict[str, frozenset[Ref]] = field(default_factory=dict)

    def read(self, phrase: str) -> frozenset[Ref]:
        """The values that a phrase may mean: one if it is clear, several if it is ambiguous, none if it is no
        description."""
        if phrase not in self._known:
            self._known[phrase] = self._read(words(phrase))
        return self._known[phrase]

    def _read(self, given: Sequence[str]) -> frozenset[Ref]:
        if not given or len(given) > _MOST_WORDS:
            return frozenset()
        found = [one for one in self._places(given) if self._fits(given, one)]
        # A longer value holds shorter ones ("root beer"), and the same letters are better than another form of a word.
        found = [one for one in found if not any(_within(one, other) for other in found)]
        rated = [(_evidence(given, one), one) for one in found]
        best = max((rate for rate, _ in rated), default=None)
        return frozenset(Ref("value", one.attribute.first + one.number) for rate, one in rated if rate == best)

    def _places(self, given: Sequence[str]) -> Iterator[Described]:
        for attribute in self.attributes:
            for number, spelling in enumerate(attribute.spellings):
                for start in range(len(given)):
                    for end in range(start + 1, min(start + len(spelling) + 2, len(given)) + 1):
                        if rate := alike(given[start:end], spelling):
                            yield Described(attribute, number, start, end, rate)

    def _fits(self, given: Sequence[str], one: Described) -> bool:
        """Whether the words around a value describe whoever has it."""
        around = [*given[: one.start], *given[one.end :]]
        if one.attribute.proper:
            return all(
                word in ("the", "person", "one", "named", "called", "who", "whose", "name", "is") for word in around
            )
        if not around and len(self._owners(given)) > 1:
            return False
        if DENIED & set(around):
            return False
        said = one.attribute.said
        if any(word in KIN and not forms(word) & said for word in around):
            return False
        unknown = [
            place
            for place, word in enumerate(given)
            if not one.start <= place < one.end and not (forms(word) & _KNOWN or forms(word) & said)
        ]
        return not unknown or (len(unknown) == 1 and self._may_be(given, one, unknown[0]))

    def _owners(self, given: Sequence[str]) -> list[Attribute]:
        return [attribute for attribute in self.attributes if any(alike(s, given) == 2 for s in attribute.spellings)]

    @staticmethod
    def _may_be(given: Sequence[str], one: Described, place: int) -> bool:
        """One word that is not known may be a verb behind "who", or a noun right behind the value."""
        verb = place > 0 and given[place - 1] == "who" and given[place].endswith("s")
        return verb or place == one.end


def _evidence(given: Sequence[str], one: Described) -> tuple[float, float, int]:
    """How much speaks for an attribute: words of its header around the value, things before acts; and of values that
    several attributes have, a bare one is a name."""
    around = [word for word in (*given[: one.start], *given[one.end :]) if word not in FUNCTION]
    told = frozenset(form for word in around for form in forms(word))
    things, acts = one.attribute.said - _ACT_FORMS, one.attribute.said & _ACT_FORMS
    liked = bool(acts & _LIKING_FORMS) and bool(told & _LIKING_FORMS)
    return (
        len(things & told) / max(len(things), 1),
        len(acts & told) / max(len(acts), 1) + liked,
        int(one.attribute.proper and not around),
    )


def _within(one: Described, other: Described) -> bool:
    """Whether the other place covers this one and is better."""
    covers = other.start <= one.start and one.end <= other.end
    longer = other.end - other.start > one.end - one.start
    return covers and (longer or (other.end - other.start == one.end - one.start and other.rate > one.rate))


def label_of(header: str, taken: Collection[str]) -> str:
    """A short name for an attribute, from the words of its header line."""
    plain = re.findall(r"[^\W_]+(?:['’]s?)?", header)
    runs: list[list[str]] = [[]]
    small = FUNCTION | _HEADER_VERBS
    for word in plain:
        if word.casefold() in small:
            runs.append([])
        else:
            runs[-1].append(re.sub(r"['’]s?$", "", word))
    said = [run for run in runs if run]
    chosen = said[-1] if said and runs[-1] else (said[0] if said else ["Attribute"])
    chosen = [*chosen[:-1], _singular(chosen[-1])]
    label = " ".join(_singular(word) for word in chosen).capitalize()
    label = "House style" if label == "House" else label
    number = 2
    while label in taken:
        label, number = f"{label} {number}", number + 1
    return label


def _singular(word: str) -> str:
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    return word[:-1] if word.endswith("s") and not word.endswith("ss") and len(word) > 3 else word
