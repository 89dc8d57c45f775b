"""Pages that a server on this machine shows in a browser: what all of them share.

`static/` holds what `make frontend` builds from `frontend/`.
"""
