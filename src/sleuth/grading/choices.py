"""Which choice of a question a value names, if it names exactly one.

A value may say more than the choice: the question again, its noun ("boat 3"), words that lead to an answer ("it
was"), and behind the choice a reason or a remark. In front of the choice only words that cannot change what is said
are passed over. What stands behind it must be such words too, or be set off (by a bracket, a dash, a stop, "because"),
name no other choice, not even by a word of it, and hedge nothing.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from sleuth.grading.normalise import canonical, clean
from sleuth.puzzles.puzzle import Question

LONGEST_VALUE = 1_000
"""Characters; what is longer is no answer."""
_LEADING_WORDS = (
    "a an the in at on inside into within to of by from for with out using it its it's was is are be been had "
    "has have he she they him her this that there his their who what where when which how did does do done "
    "must i my therefore thus so hence clearly definitely answer final correct murderer murder murdered killer "
    "killed culprit weapon motive suspect room time place location house position number value person one "
    "happened occurred took used committed motivated"
)
_LEADING = frozenset(_LEADING_WORDS.split())
"""Words that can stand before or behind a choice without a change of what is said; so can those of the question."""
_HEDGE = re.compile(
    r"\?|[\U0001f6ab\U0001f44e\U0001f914\U0001f937❌✗✘✖⛔❓❔‽]|\b(?:or|either|maybe|perhaps|possibl[ey]|alternatively|"
    r"unless|unsure|uncertain|unclear|unknown|guess\w*|wrong|wait|actually|another)\b"
)
_DENIAL = re.compile(
    r"\b(?:not?|nor|neither|never|none|cannot|\w+n't|may|might|could|instead|rather|except|incorrect|false|impossible|"
    r"eliminated|excluded|innocent|ruled|cleared|likely|unlikely|probably|both|also|else|others?)\b|≠|¬|!="
    r"|[:=]\s*(?:0(?:\.0+)?%?|n|f|x)\W*$"
)
"""What takes an answer back or adds to it, except in a reason: "because he was not there"."""
_REASON = re.compile(
    r"[\s(\[,;:.|-]*+(?:because|since|as|due|from|per|by|based|clues?|see|reason|explanation|using|according)\b"
)
_REMARK = re.compile(r"[\s(\[,;:.|-]*+(?:so|who|which|where|given)\b")
_STRUCK = re.compile(r"~~|!=|\[\s?\]|^[^\w~]*!")
"""An answer that is struck out, negated or left unticked."""
_MORE = re.compile(r"[\s,'\")\]]*(?:and\b|&|\+|/|\\|or\b)")
_SET_OFF = re.compile(r"['\")\]]*\s*(?:[(\[|;:.=]|-+>?\s|,\s*(?:it|he|she|they|that|when|with|at|in|on)\b)")
_COUNTED_BACK = re.compile(
    r"\b(?:from|to|of)(?: the)? (?:right|end|back|rear|bottom|last|other)\b|\bcounted\b(?!.* left\b)|(?<![-=])>=?\W*$"
)
"""What makes another number of a number: "2 from the right", ">2"."""
_PASSED_SIGNS = re.compile(r"[\s.,:;()\[\]{}\"'#=>|→-]*")
_CITED = re.compile(r"\b(?:clue|step|rule|statement|hint|line)s? #?\d+(?:(?:, and|,| and|-) ?\d+)*")
_WORD = re.compile(r"\w+(?::\w+)*(?:'\w+)?")
_FIGURE = re.compile(r"\d[\d:.]*(?:[ap]m)?")


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """How a question's choices are named."""

    exact: dict[str, str]
    """A choice as it is written, and in canonical form, to the choice."""
    mention: re.Pattern[str]
    """Any choice, within canonical text."""
    question: str
    """The question's text in canonical form."""
    leading: frozenset[str]
    words: dict[str, frozenset[str]]
    """A choice to the words of the others that tell them apart."""
    numbers: bool
    """All choices are numbers."""
    figures: bool
    """All choices are numbers or times."""


@lru_cache(maxsize=8192)
def vocabulary(letter: str, text: str, kind: str, choices: Sequence[str]) -> Vocabulary:
    """The vocabulary of a question (its parts, which hash faster than the question)."""
    forms = {choice: canonical(choice) for choice in choices}
    named = Counter(forms.values())
    known = {form: choice for choice, form in forms.items() if named[form] == 1}
    # A time without its half of the day, where only one of the choices has it.
    clocks = Counter(form[:-2] for form in known if re.fullmatch(r"\d+:\d\d[ap]m", form))
    known |= {form[:-2]: known[form] for form in list(known) if clocks.get(form[:-2]) == 1}
    asked = canonical(text).rstrip("?")
    leading = _LEADING | {kind.casefold(), letter.casefold()} | {_stem(word) for word in _WORD.findall(asked)}
    leading = frozenset(word for word in leading if not (_HEDGE.search(word) or _DENIAL.search(word)))
    own = {choice: {word for word in _WORD.findall(form) if word not in leading} for choice, form in forms.items()}
    anyone = rf"(?<![\w:])(?<!\w-)(?:{'|'.join(map(re.escape, sorted(named, key=len, reverse=True)))})(?![\w])"
    clock = "|".join(map(re.escape, clocks))
    return Vocabulary(
        exact={**known, **{choice: choice for choice in choices}},
        mention=re.compile(
            (anyone if not clock else rf"{anyone}|(?<![\w:])(?:{clock})(?!\w)") + r"(?!'\w|-\w|[.:]\d)"
            if choices
            else r"(?!)"
        ),
        question=asked,
        leading=leading,
        words={choice: frozenset().union(*own.values()) - own[choice] for choice in choices},
        numbers=bool(choices) and all(choice.isdecimal() for choice in choices),
        figures=bool(choices) and all(_FIGURE.fullmatch(form) for form in forms.values()),
    )


def is_choice(question: Question, value: str) -> bool:
    """Whether a value is a choice and nothing else."""
    known = vocabulary(question.letter, question.text, question.kind, question.choices)
    if len(value) > LONGEST_VALUE:
        return False
    return value in known.exact or canonical(value, known.numbers) in known.exact


def read_value(question: Question, value: str) -> str | None:
    """The one choice that a value names; None for none or several, or where it is hedged. The value is a part of what
    `sleuth.grading.normalise.clean` returns."""
    known = vocabulary(question.letter, question.text, question.kind, question.choices)
    found = known.exact.get(value)
    if found is not None:
        return found
    if len(value) > LONGEST_VALUE or _STRUCK.search(value):
        return None
    text = canonical(value, known.numbers)
    if known.question in text and known.question:
        text = text.replace(f"{known.question}?", " ").replace(known.question, " ").strip(" .:;|-'")
        text = text.removeprefix("? ")
    found = known.exact.get(text)
    return found if found is not None else _mentioned(known, text)


def read_text(question: Question, text: str) -> str | None:
    """The one choice that a text names, as `read_value` reads it."""
    return read_value(question, clean(text))


def is_reason(question: Question, answer: str, value: str) -> bool:
    """Whether a value that names no choice speaks of the one that `answer` names, and takes nothing of it back: "Mr.
    Fern was alone" for "Mr. Fern"."""
    choice = read_value(question, answer)
    if choice is None or len(value) > LONGEST_VALUE or _STRUCK.search(value) or read_value(question, value) is not None:
        return False
    known = vocabulary(question.letter, question.text, question.kind, question.choices)
    text = canonical(value, known.numbers)
    first = known.mention.match(text)
    rest = text[first.end() :] if first else ""
    return (
        first is not None and known.exact.get(first[0]) == choice and not (_HEDGE.search(rest) or _DENIAL.search(rest))
    )


def _mentioned(known: Vocabulary, text: str) -> str | None:
    first = known.mention.search(text)
    choice = first and known.exact.get(first[0])
    if first is None or choice is None:
        return None
    head, tail = text[: first.start()], text[first.end() :]
    if not _is_passed_over(known, head) or (known.numbers and any(map(_COUNTED_BACK.search, (head, tail)))):
        return None
    if _is_passed_over(known, tail):
        return choice
    if _HEDGE.search(tail) or _MORE.match(tail):
        return None
    set_off = _SET_OFF.match(tail) or _REMARK.match(tail)
    if not _REASON.match(tail) and (not set_off or _DENIAL.search(tail)):
        return None
    tail = _CITED.sub(" ", tail)
    if any(known.exact.get(other[0]) != choice for other in known.mention.finditer(tail)):
        return None
    if not known.words[choice].isdisjoint(_WORD.findall(tail)):
        return None
    if known.figures and any(known.exact.get(figure.rstrip(".:")) != choice for figure in _FIGURE.findall(tail)):
        return None
    return choice


def _is_passed_over(known: Vocabulary, text: str) -> bool:
    if not text:
        return True
    if not all(_stem(word) in known.leading or word in known.leading for word in _WORD.findall(text)):
        return False
    return _PASSED_SIGNS.fullmatch(_WORD.sub("", text)) is not None


def _stem(word: str) -> str:
    """A word without the ending that a verb has beside a person: "plays", "carries"."""
    return f"{word[:-3]}y" if word.endswith("ies") else word.removesuffix("s")
