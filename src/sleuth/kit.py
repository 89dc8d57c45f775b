"""The kit for families, for packages that bring their own: see `sleuth.puzzles.kit`."""

from sleuth.puzzles.kit import *  # noqa: F403
from sleuth.puzzles.kit import __all__ as __all__
