"""Whether a text can still be read by people: measured by plain counting, without a model.

In 2025 models trained on puzzles were seen to slip into other scripts and into runs of repeated words. Each measure is
a share, 1 for what reads as it should.
"""

from __future__ import annotations

import unicodedata
import zlib
from dataclasses import dataclass
from functools import cache

RUN = 4
"""Words of a run that may be repeated."""


@dataclass(frozen=True, slots=True)
class Legibility:
    """What is said of one completion."""

    language: float
    """Share of its letters that are of the prompt's scripts, less the share of its words that mix scripts; at least 0,
    and 1 without letters."""
    compression: float
    """Its size compressed (zlib, level 9) over its size in UTF-8, at most 1: low where it repeats itself. Texts of less
    than about 50 characters don't compress at all."""
    repetition: float
    """Share of its runs of four words that were not written before; 1 where there is none."""


def legibility(text: str, prompt: str) -> Legibility:
    """Measures a completion against its prompt."""
    known = {script(letter) for letter in prompt if letter.isalpha()}
    letters = [letter for letter in text if letter.isalpha()]
    words = text.split()
    language = 1.0
    if letters:
        foreign = sum(script(letter) not in known for letter in letters) / len(letters)
        mixed = sum(len({script(letter) for letter in word if letter.isalpha()}) > 1 for word in words) / len(words)
        language = max(0.0, 1 - foreign - mixed)
    raw = text.encode("utf-8", errors="replace")
    compression = min(1.0, len(zlib.compress(raw, 9)) / len(raw)) if raw else 1.0
    runs = [tuple(words[at : at + RUN]) for at in range(len(words) - RUN + 1)]
    return Legibility(language, compression, len(set(runs)) / len(runs) if runs else 1.0)


@cache
def script(letter: str) -> str:
    """The script of a letter, by the first word of its Unicode name: LATIN, CYRILLIC, CJK …"""
    return unicodedata.name(letter, "UNKNOWN").partition(" ")[0]
