"""Text without what carries no meaning, in two steps: a whole completion, and a value.

`clean` takes a completion as models and people write it to plain lines: Unicode in compatibility form (NFKC), no
invisible characters, no emoji, no tags, no LaTeX, no end tokens. `canonical` then leaves out of a value what people
vary: case, marks, quotes, spaces, the stop behind a title, the way a time is written.

What could turn an answer into its opposite stays: struck text (`~~x~~`, `<s>`, `<del>`), `≠`, `¬`, crosses.
"""

from __future__ import annotations

import html
import re
import unicodedata

LONGEST_TEXT = 200_000
"""Characters at the end of a completion that are looked at."""
ANSWER_MARK = "<answer>"
"""A line that stands for a tag with which an answer begins; what stands before it is another block."""
_MEANT = frozenset("❌✗✘✖🚫⛔👎❓❔🤔🤷⁉‽")
"""Signs that say no or perhaps, so they are not left out."""


class _Signs(dict[int, str | None]):
    """For `str.translate`: what becomes of a character that is not ASCII."""

    def __missing__(self, code: int) -> str | None:
        self[code] = found = self._of(chr(code))
        return found

    @staticmethod
    def _of(char: str) -> str | None:
        kind = unicodedata.category(char)
        if ord(char) < 128 or char in _MEANT:
            return char
        if kind == "Cf" or "\ufe00" <= char <= "\ufe0f" or "\U000e0100" <= char <= "\U000e01ef":
            return None
        if char in "\u034f\u1160\u20e3" or "\U0001f3fb" <= char <= "\U0001f3ff":  # joiner, filler, keycap, skin tones
            return None
        if kind == "Zs" or kind == "So":
            return " "
        if kind == "Pd":
            return "-"
        if kind in ("Pi", "Pf") or char == "„":
            return "'" if char in "‘’‚‛‹›" else '"'
        return "'" if char in "ʼ′" else char


_SIGNS = _Signs()
_ENTITY = re.compile(r"&(?:[a-zA-Z]{2,8}|#\w{1,6});")
_ANSWER_TAG = re.compile(r"<(?:final[ _-]?)?(?:answers?|result|output|solution|response|final)>", re.IGNORECASE)
_BREAKING_TAG = re.compile(
    r"</?(?:br|p|li|ul|ol|div|tr|table|tbody|thead|h[1-6]|hr|pre)\s{0,3}/?>"
    r"|</(?:final[ _-]?)?(?:answers?|result|output|solution|response|final)>"
    r"|<\|[^<>|\n]{1,40}\|>|</?s>|<(?:eos|bos|pad|end_of_turn|start_of_turn|end_of_text|endoftext)>|\[/?INST\]",
    re.IGNORECASE,
)
_STRUCK = re.compile(r"<s>(?=[^\S\n]*+[^\s<])([^<\n]*+)</s>", re.IGNORECASE)
"""Struck text. The same tags are a text's first and last token in some vocabularies: see `clean`."""
_CELL_TAG = re.compile(r"<t[dh]>", re.IGNORECASE)
_INLINE_TAG = re.compile(r"</?(?:b|i|u|em|strong|code|span|mark|small|big|tt|kbd|font|t[dh])>", re.IGNORECASE)
_COMMAND = re.compile(r"\\(?:boxed|fbox|text[a-z]{0,6}|math[a-z]{0,6}|mbox|emph|underline)\s?\{?")
_ENVIRONMENT = re.compile(r"\\(?:begin|end)\{\w{1,20}\*?\}|\\\\|\\n(?![a-z])|\\newline")
_SPACE = re.compile(r"\\(?:quad|qquad|[,;:! ])|&")
_UNICODE = re.compile(r"\\u([0-9a-fA-F]{4})")
_ESCAPED = re.compile(r"\\([\"'/#_*`.()\[\]{}|<>+!-])")


def clean(text: str) -> str:
    """A completion's end (`LONGEST_TEXT`) as plain lines."""
    text = text[-LONGEST_TEXT:]
    if "\\" in text:
        text = _UNICODE.sub(lambda found: chr(int(found[1], 16)), text)
    if "&" in text:
        text = _ENTITY.sub(lambda found: html.unescape(found[0]), text)
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)[-LONGEST_TEXT:].translate(_SIGNS)
    if "<" in text or "[" in text:
        begun = text.lstrip()[:3].casefold() == "<s>"  # the token of a beginning
        text = _STRUCK.sub(lambda found: f"~~{found[1]}~~", text.lstrip()[3:] if begun else text)
        text = _BREAKING_TAG.sub("\n", _ANSWER_TAG.sub(f"\n{ANSWER_MARK}\n", text))
        text = _INLINE_TAG.sub("", _CELL_TAG.sub("|", text))
    if "$" in text:
        text = text.replace("$", "")
    if "\\" in text:
        text = _ESCAPED.sub(r"\1", _ENVIRONMENT.sub("\n", _COMMAND.sub("", text)))
        text = _SPACE.sub(" ", text)
    return text


_MARKS = str.maketrans(dict.fromkeys('*_`"', ""))
_TITLE = re.compile(r"\b(mrs?|ms|mx|dr|prof|rev|st|lt|col|capt?|sgt|gen|fr|sr|jr|hon|maj|mme|mlle)\.\s?(?=[\w,]|$)")
_INITIAL = re.compile(r"\b([a-z])\.(?=\s)")
_TWELVE_HOURS = re.compile(r"(?<![\d:.])(\d{1,2})(?:[:.](\d\d))?(?:[:.]00)?\s?([ap])\.?\s?m\b\.?")
_DAY_HOURS = re.compile(r"(?<![\d:.])(\d\d|0)[:.](\d\d)(?:[:.]00)?(?![\d:]|[ap]m)(?: ?(?:h|hrs|hours)\b)?")
_NAMED_HOURS = re.compile(r"\b(?:12 )?(midnight|noon)\b")
_NUMBERS = (
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen twenty"
)
_ORDINALS = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth "
    "fifteenth sixteenth seventeenth eighteenth nineteenth twentieth"
)
_AS_FIGURES = {
    word: str(number) for words in (_NUMBERS, _ORDINALS) for number, word in enumerate(words.split(), start=1)
}
_NUMBER = re.compile(
    r"(?<!the )\bone\b(?! (?:with|who|whose|in|on|of|that)\b)"
    rf"|\b(?:{'|'.join(word for word in _AS_FIGURES if word != 'one')})\b"
)
_ORDINAL = re.compile(r"\b(\d+)(?:st|nd|rd|th)\b")
_NUMBER_SIGN = re.compile(r"(?:#|№|\bno\b\.?|\bnr\b\.?) ?(?=\d)")
_ARTICLE = re.compile(r"(?:the|a|an) ")


def canonical(value: str, numbers: bool = False) -> str:
    """A value, or a choice, without what people vary; of times the form `11:45pm`. `numbers`: number words and ordinals
    become figures."""
    text = " ".join(value.translate(_MARKS).casefold().split())
    if "." in text:
        text = _INITIAL.sub(r"\1", _TITLE.sub(r"\1 ", text))
    if any(char.isdigit() for char in text):
        text = _TWELVE_HOURS.sub(lambda found: f"{int(found[1])}:{found[2] or '00'}{found[3]}m", text)
        text = _DAY_HOURS.sub(_of_twelve, text)
    if "n" in text:
        text = _NAMED_HOURS.sub(lambda found: "12:00am" if found[1] == "midnight" else "12:00pm", text)
    if numbers:
        text = _NUMBER.sub(lambda found: _AS_FIGURES[found[0]], text)
        text = _NUMBER_SIGN.sub("", _ORDINAL.sub(r"\1", text))
    text = text.strip(" .!,;:'()[]{}")
    return _ARTICLE.sub("", text, count=1) if _ARTICLE.match(text) else text


def _of_twelve(found: re.Match[str]) -> str:
    """A time of twenty-four hours that is none of twelve; others stay without a half of the day, since they could be in
    both."""
    hour = int(found[1])
    if hour > 24:
        return found[0]
    if 1 <= hour <= 12:
        return f"{hour}:{found[2]}"
    return f"{hour - 12 if 12 < hour < 24 else 12}:{found[2]}{'pm' if 12 < hour < 24 else 'am'}"
