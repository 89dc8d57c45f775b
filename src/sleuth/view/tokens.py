"""The text of single tokens, by the tokenizer that a run keeps beside its weights."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from sleuth.errors import UserError
from sleuth.runs.directory import INITIAL, MODEL, REFERENCE, step_of
from sleuth.view.finding import inside

LARGEST_BYTES = 100_000_000


def pieces(run: Path, tokens: list[int]) -> list[str] | None:
    """The text of each token; None where the run keeps no tokenizer that can be read."""
    file = _tokenizer_file(run)
    if file is None:
        return None
    try:
        return _texts(inside(run, file), file.stat().st_mtime_ns, tuple(tokens))
    except UserError:
        return None


def _tokenizer_file(run: Path) -> Path | None:
    checkpoints = [path for path in (run / "checkpoints").glob("step_*") if path.name[5:].isdecimal()]
    folders = [run / MODEL, *sorted(checkpoints, key=step_of, reverse=True), run / REFERENCE, run / INITIAL]
    files = (folder / "tokenizer.json" for folder in folders)
    return next((file for file in files if file.is_file() and file.stat().st_size < LARGEST_BYTES), None)


@lru_cache(maxsize=64)
def _texts(file: Path, changed_ns: int, tokens: tuple[int, ...]) -> list[str]:
    tokenizer = _load(file, changed_ns)
    return [tokenizer.decode([token], skip_special_tokens=False) for token in tokens]


@lru_cache(maxsize=4)
def _load(file: Path, changed_ns: int):  # type: ignore[no-untyped-def]  # tokenizers has no types
    from tokenizers import Tokenizer

    try:
        return Tokenizer.from_file(str(file))
    except Exception as error:  # it raises nothing more special
        raise UserError(f"{file}: no tokenizer ({str(error)[:200]})") from None
