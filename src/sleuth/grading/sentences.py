"""The claims that a completion makes: its sentences, found and read by a grammar.

A completion is anybody's text. Its lines are cut into sentences (names with full stops stay whole), lead-ins such as
"So:", numbers and citations in brackets are left out, and a sentence that no template reads is tried in parts ("X and
Y", "Y, since X"). What stands under a supposition is not claimed, and neither is what is asked. A supposition ends
with its paragraph (of a numbered step: with the step), and with what is concluded ("So …") once it was said to be
refuted, or last, or if that is nothing ("So: Nothing yet."). Every claim has its place in the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from sleuth.grading.answers import is_answer_line
from sleuth.puzzles.statements import Statement

Read = Callable[[str], Statement | None]
"""A sentence to what it says; None where no template reads it."""

LONGEST_TEXT = 200_000
"""Characters at the beginning of a completion that are looked at."""
LONGEST_SENTENCE = 1_000
"""Characters; what is longer is not read."""
_END = re.compile(r"(?<![.!?])[.!?]++[\"”’)*_]*+(?=\s|$)")
_LEAD = re.compile(
    r"(?:[\s>*_•“\"-]+|(?:\d+(?:\.\d+)*|[a-z]|[ivx]{1,4})[.):]\s"
    r"|(?:(?:from|by|with|using) )?(?:step|clue) \d+(?:\.\d+)*(?: (?:says|tells us|gives|states)(?: that)?)?[.:,]?"
    r"\s(?!\()"
    r"|(?:so|therefore|thus|hence|then|consequently|finally|next|first|now|also|and|but|because|since|given|we know"
    r"|together with|it follows|this means|that means|this implies|we can conclude)\b(?: that)?[,:]?\s)",
    re.IGNORECASE,
)
_TAIL = '.!*_”" \t\r\n'
_CITED = re.compile(r"\[[^\[\]]*\]|\((?:by|from|see|clues?|steps?|rules?)\b[^()]*\)", re.IGNORECASE)
_BECAUSE = re.compile(r"(?P<then>.+?),? (?:because|since) (?P<first>.+)")
_AND = re.compile(r", and |, so |, but |; | and |, ")
_IF = re.compile(r"if and only if|\b(?:if|either|unless|provided|both)\b", re.IGNORECASE)
_BEFORE_COLON = re.compile(r"by |(?:what is left|answer|conclusion|result|deduction)\b", re.IGNORECASE)
_SUPPOSE = re.compile(
    r"(?:(?:let us|let's|if we|we) )?(?:suppose|assume|imagine)\b|(?:case|option|scenario) (?:\d+|[a-z])\b|"
    r"by contradiction\b|if\b[^\n]*:\W*$",
    re.IGNORECASE,
)
_REFUTED = re.compile(r"contradict|impossible|not possible|can ?not be|can[’']t be|conflict|absurd", re.IGNORECASE)
_TURN = re.compile(rf"(?:{_REFUTED.pattern}).{{0,200}}?[,;:] (?=(?:so|therefore|thus|hence)\b)", re.IGNORECASE)
_CONCLUSION = re.compile(r"\W*(?:so|therefore|thus|hence)\b", re.IGNORECASE)
_NOTHING = re.compile(r"so: nothing yet\.\Z", re.IGNORECASE)
_NUMBER = re.compile(r"\s*(\d+)\.\d+")
_NUMBERS = re.compile(r"^\W*(?:\d+(?:\.\d+)*|[A-Za-z]|[ivxIVX]{1,4})\.(?=\s)|(?<=\d)\.(?=\d)")
_STAND_IN = "\N{ONE DOT LEADER}"
"""Instead of a full stop that ends no sentence."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence of a completion, or a part of one."""

    start: int
    """Its first character in the completion."""
    end: int
    """One past its last."""
    statement: Statement | None
    """None: nobody knows what it says."""


@dataclass(frozen=True, slots=True)
class _Sentence:
    start: int
    text: str
    number: str
    """Of the numbered step that its line belongs to."""
    paragraph: int
    supposes: bool
    concludes: bool
    """It begins with "So" or the like."""


def _conclusions_that_follow(sentences: Sequence[_Sentence]) -> list[bool]:
    """For each sentence whether another one behind it in its paragraph concludes something, with no supposition
    between."""
    follows = list[bool]()
    more, paragraph = False, -1
    for one in reversed(sentences):
        more = more and one.paragraph == paragraph
        follows.append(more)
        more, paragraph = (more or one.concludes) and not one.supposes, one.paragraph
    return follows[::-1]


class SentenceFinder:
    """Finds the claims of completions about one case."""

    def __init__(self, read: Read, words: Iterable[str]) -> None:
        """`words` are the names of the case: full stops inside them end no sentence."""
        self._read = read
        stopped = sorted({word for word in words if "." in word.rstrip(".")}, key=len, reverse=True)
        self._stopped = re.compile("|".join(map(re.escape, stopped))) if stopped else None

    def claims(self, text: str) -> Iterator[Claim]:
        """In the order in which a reader takes them in: a reason before what it is the reason for."""
        sentences = list(self._found(text[:LONGEST_TEXT]))
        follows = _conclusions_that_follow(sentences)
        supposed: str | None = None
        """Under a supposition: the number of the step that made it, or an empty text."""
        refuted, paragraph = False, 0
        for one, more in zip(sentences, follows, strict=True):
            if supposed is not None and (supposed != one.number if supposed else one.paragraph != paragraph):
                supposed = None
            if len(one.text) > LONGEST_SENTENCE:
                yield Claim(one.start, one.start + len(one.text), None)
                continue
            if one.supposes:
                supposed, refuted, paragraph = one.number, False, one.paragraph
            if supposed is None:
                yield from self._claims(one.text, one.start)
            elif turn := _TURN.search(one.text):
                supposed = None
                yield from self._claims(one.text[turn.end() :], one.start + turn.end())
            elif one.concludes and (supposed or refuted or not more or _NOTHING.match(one.text.strip())):
                supposed = None
                yield from self._claims(one.text, one.start)
            else:
                refuted = refuted or _REFUTED.search(one.text) is not None

    def _found(self, text: str) -> Iterator[_Sentence]:
        place = paragraph = 0
        for line in text.splitlines(keepends=True):
            begin, place = place, place + len(line)
            paragraph += not line.strip()
            number = _NUMBER.match(line)
            if len(line) <= LONGEST_SENTENCE and is_answer_line(line.strip()) and not self._says(line):
                continue
            for start, end in self._sentences(line):
                sentence = line[start:end]
                short = len(sentence) <= LONGEST_SENTENCE
                supposes = short and _SUPPOSE.match(sentence, _core(sentence, 0, len(sentence))[0]) is not None
                concludes = short and not supposes and _CONCLUSION.match(sentence) is not None
                yield _Sentence(begin + start, sentence, number[1] if number else "", paragraph, supposes, concludes)

    def _says(self, line: str) -> bool:
        """Whether what looks like an answer is a sentence."""
        return self._parts(line, *_core(line, 0, len(line))) is not None

    def _sentences(self, line: str) -> Iterator[tuple[int, int]]:
        hidden = line
        if self._stopped is not None:
            hidden = self._stopped.sub(lambda found: found[0][:-1].replace(".", _STAND_IN) + found[0][-1], line)
        hidden = _NUMBERS.sub(lambda found: found[0].replace(".", _STAND_IN), hidden)
        start = 0
        for found in _END.finditer(hidden):
            yield start, found.end()
            start = found.end()
        if hidden[start:].strip():
            yield start, len(line.rstrip())

    def _claims(self, sentence: str, place: int) -> Iterator[Claim]:
        start, end = _core(sentence, 0, len(sentence))
        if not re.search(r"\w", sentence[start:end]) or sentence.rstrip('*_”"\n ').endswith("?"):
            return
        parts = self._parts(sentence, start, end)
        if parts is not None:
            yield from (Claim(place + first, place + last, said) for first, last, said in parts)
        else:
            yield Claim(place + start, place + end, None)

    def _parts(
        self, sentence: str, start: int, end: int, unread: set[tuple[int, int]] | None = None
    ) -> list[tuple[int, int, Statement]] | None:
        """What it says, if all of it can be read: as it stands, after a colon, or in parts.

        With `unread` it stands behind a colon that a lead-in ended, so further colons are within its sentences ("the
        quiz: at 8 AM"); the set grows by the spans that cannot be read, none of which is tried twice.
        """
        if unread is None:
            return self._read_parts(sentence, start, end, None)
        if (start, end) in unread:
            return None
        parts = self._read_parts(sentence, start, end, unread)
        if parts is None:
            unread.add((start, end))
        return parts

    def _read_parts(
        self, sentence: str, start: int, end: int, unread: set[tuple[int, int]] | None
    ) -> list[tuple[int, int, Statement]] | None:
        said = self._read(sentence[start:end])
        if said is not None:
            return [(start, end, said)]
        colon = sentence.find(": ", start, end)
        if colon >= 0 and unread is None:
            if not _BEFORE_COLON.match(sentence, start, end):
                return None
            unread = set()
            while colon >= 0:  # the lead-in may quote a sentence with a colon of its own
                parts = self._parts(sentence, *_core(sentence, colon + 2, end), unread)
                if parts is not None:
                    return parts
                colon = sentence.find(": ", colon + 2, end)
            return None
        if reason := _BECAUSE.fullmatch(sentence, start, end):
            because = self._parts(sentence, *_core(sentence, *reason.span("first")), unread)
            if because is None:
                return None
            then = self._parts(sentence, *_core(sentence, *reason.span("then")), unread)
            return None if then is None else because + then
        if _IF.search(sentence, start, end):
            return None  # a part of it is no claim
        found = []
        while start < end:
            for cut in [*(part.span() for part in _AND.finditer(sentence, start, end)), (end, end)]:
                first, last = _core(sentence, start, cut[0])
                if (said := self._read(sentence[first:last])) is not None:
                    found.append((first, last, said))
                    start = cut[1]
                    break
            else:
                return None
        return found


def _core(sentence: str, start: int, end: int) -> tuple[int, int]:
    """What is left without lead-ins and what follows the last word."""
    while (found := _LEAD.match(sentence, start, end)) and found.end() > start:
        start = found.end()
    end = start + len(sentence[start:end].rstrip(_TAIL))
    if end > start and sentence[end - 1] in ")]":
        opened = max(sentence.rfind("(", start, end), sentence.rfind("[", start, end))
        if opened >= 0 and _CITED.fullmatch(sentence, opened, end):
            end = start + len(sentence[start:opened].rstrip(_TAIL))
    return start, end
