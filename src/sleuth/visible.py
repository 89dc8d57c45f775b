"""Foreign text made fit to be shown: on pages, in pictures, in a terminal."""

from __future__ import annotations

import unicodedata


def visible(text: str) -> str:
    """Control characters as symbols: they are no part of HTML, and those that turn the reading direction could make a
    completion look like another one."""
    return "".join(_symbol(character) if _is_control(character) else character for character in text)


def _is_control(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cf", "Cs") and character not in "\n\t\u200c\u200d"


def _symbol(character: str) -> str:
    code = ord(character)
    return chr(0x2400 + code) if code < 0x20 else f"⟨U+{code:04X}⟩"
