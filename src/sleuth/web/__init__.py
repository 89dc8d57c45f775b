"""Pages that a server on this machine shows in a browser: what all of them share.

`static/` holds what `make frontend` builds from `frontend/`.
"""

from __future__ import annotations

from pathlib import Path

STATIC = Path(__file__).parent / "static"
"""Built files, a folder for each app."""
