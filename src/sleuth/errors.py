"""The one exception that is meant for users."""

from __future__ import annotations


class UserError(ValueError):
    """Something the user gave is wrong: one line that says what, where, and what to do. The command line prints it
    and exits with code 2; anything else that escapes is a bug of ours and shows its traceback."""
