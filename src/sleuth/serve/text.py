"""The text of a completion while it is written: piece by piece, never more than the finished text will have."""

from __future__ import annotations

from typing import Any

from tokenizers.decoders import DecodeStream


class TextStream:
    """Turns tokens into text as they come. What might be the beginning of a stop string is held back."""

    def __init__(self, tokenizer: Any, stop: tuple[str, ...] = ()) -> None:
        """tokenizer: a transformers tokenizer with a Rust backend."""
        self._tokenizer, self._stream = tokenizer.backend_tokenizer, DecodeStream(skip_special_tokens=True)
        self._stop, self._text, self._given, self._cut = stop, "", 0, False

    def add(self, token: int) -> str:
        """The text that may be shown after this token and was not shown before."""
        piece = self._stream.step(self._tokenizer, token)
        if piece is None or self._cut:
            return ""
        self._text += piece
        places = [place for stop in self._stop if (place := self._text.find(stop)) >= 0]
        if places:
            self._text, self._cut = self._text[: min(places)], True
            return self._give(len(self._text))
        return self._give(len(self._text) - self._held())

    def rest(self, text: str) -> str:
        """What of the finished text was not shown yet."""
        return text[self._given :]

    def _held(self) -> int:
        """Characters at the end with which a stop string may have begun."""
        longest = max((len(stop) - 1 for stop in self._stop), default=0)
        for count in range(min(longest, len(self._text)), 0, -1):
            if any(stop.startswith(self._text[-count:]) for stop in self._stop):
                return count
        return 0

    def _give(self, upto: int) -> str:
        shown = self._text[self._given : upto]
        self._given = max(self._given, upto)
        return shown
