"""The one exception that is meant for users, and what its text is made of."""

from __future__ import annotations

import difflib


class UserError(ValueError):
    """Something the user gave is wrong: one line that says what, where, and what to do. The command line prints it
    and exits with code 2; anything else that escapes is a bug of ours and shows its traceback."""


def nearest(name: str, known: list[str]) -> str:
    """A hint for a name that is not known: the nearest known one, or all of them."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known)}"


def installing(extra: str) -> str:
    """How to install an extra of this package."""
    return f"pip install 'sleuth[{extra}]', in a checkout pip install '.[{extra}]'"


def shortened(text: str, most: int = 40) -> str:
    """Something that was given, at a length that a message can quote."""
    return text if len(text) <= most else f"{text[:most]}…"


def counted(number: int, noun: str, plural: str = "") -> str:
    """`1 case`, `2 cases`; `plural` where an s does not make it."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"
