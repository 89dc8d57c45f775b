"""Nothing on a page is passed over: whatever is done to a line shows in what is read, or the page is refused.

Over all families and styles. Which lines are free text (title, story, rules) is found by leaving each out: the reading
stays the same. Of every other line a change must show.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sleuth.errors import UserError
from sleuth.puzzles.family import PageText
from sleuth.puzzles.generate import make_puzzle
from sleuth.puzzles.page_reader import Item, is_prose
from sleuth.puzzles.registry import family_names, get_family
from tests.puzzles.zebra.logic_pages import random_page

PAGES = [
    (name, style, level, index)
    for name in family_names()
    for style in get_family(name).styles
    for level in list(get_family(name).levels)[:3]
    for index in range(2 if level == "1" else 1)
]
LOGIC = "zebralogic"
"""A layout that is read, never written."""
PAGES += [("zebra", LOGIC, "1", index) for index in range(4)]
MARKS = ("- ", "– ", "— ", "* ", "• ", "+ ", "-\t", "1. ", "1) ", "(1) ", "[1] ", "#1 ", "  • ", "\t- ")


@dataclass(frozen=True)
class Read:
    """A page and what is read of it."""

    name: str
    lines: tuple[str, ...]
    page: PageText
    free: frozenset[int]
    """Lines without which the same is read."""


def read(name: str, lines: list[str]) -> PageText | None:
    """What is read, but for title and story; None if the page is refused, in one line."""
    try:
        page = get_family(name).read_page("\n".join(lines))
        return replace(page, case=replace(page.case, title="", story=""))
    except UserError as error:
        assert "\n" not in str(error)
        return None


def without(lines: tuple[str, ...], place: int) -> list[str]:
    return [*lines[:place], *lines[place + 1 :]]


@cache
def made(name: str, style: str, level: str, index: int) -> Read:
    if style == LOGIC:
        text = random_page(Random(index), 6)[0]
    else:
        text = make_puzzle(name, level, "train", 5, index, style).puzzle.prompt
    lines = tuple(text.splitlines())
    page = read(name, list(lines))
    assert page is not None
    free = frozenset(i for i in range(len(lines)) if read(name, without(lines, i)) == page)
    return Read(name, lines, page, free)


any_page = st.sampled_from(PAGES)


def content(line: str) -> str:
    """A line without what makes no difference: its mark, white space, capitals, the stop at its end."""
    text = " ".join(Item.of(0, line).text.split()).casefold().rstrip(".?").lstrip("#* ")
    return re.sub(r"\s*([,:;|/()])\s*", r"\1", text)


def told_in_passing(line: str) -> bool:
    """Whether only a part of the line is read: sentences around a name, or the end of a heading of 2025."""
    heading = re.compile(r".*(?:suspects|premises|rooms|times|question\(s\)|form|possible motives.*):")
    return is_prose(line) or heading.fullmatch(line) is not None


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_only_sentences_and_titles_are_free(page: tuple[str, str, str, int]) -> None:
    one = made(*page)
    for place in one.free:
        line = one.lines[place].strip()
        titled = line == next(filter(None, one.lines)).strip() and ":" not in line
        assert not line or is_prose(line) or titled or line.endswith("bonus question(s):"), line


@settings(max_examples=120, deadline=None)
@given(any_page, st.randoms(use_true_random=False))
def test_a_line_that_is_left_out_shows(key: tuple[str, str, str, int], rng: Random) -> None:
    one = made(*key)
    place = rng.randrange(len(one.lines))
    found = read(one.name, without(one.lines, place))
    text = Item.of(0, one.lines[place]).text
    if found is not None and text in one.page.clue_texts:
        clues = list(one.page.clue_texts)
        clues.remove(text)
        assert sorted(found.clue_texts) == sorted(clues) and found.case == one.page.case
        assert found.questions == one.page.questions
    elif found is not None and place not in one.free:
        assert found.clue_texts == one.page.clue_texts, "only a clue's own line takes a clue away"


@settings(max_examples=120, deadline=None)
@given(any_page, st.randoms(use_true_random=False))
def test_a_line_that_comes_twice_shows(key: tuple[str, str, str, int], rng: Random) -> None:
    one = made(*key)
    place = rng.randrange(len(one.lines))
    found = read(one.name, [*one.lines[: place + 1], *one.lines[place:]])
    text = Item.of(0, one.lines[place]).text
    if text not in one.page.clue_texts:
        same = place in one.free or told_in_passing(one.lines[place])
        assert found is None or (same and found == one.page)
    elif found is not None:
        assert sorted(found.clue_texts) == sorted([*one.page.clue_texts, text])
        assert (found.case, found.questions) == (one.page.case, one.page.questions)


@settings(max_examples=120, deadline=None)
@given(any_page, st.sampled_from((" ", "   ", "\t", "\u00a0")), st.randoms(use_true_random=False))
def test_indentation_makes_no_difference(key: tuple[str, str, str, int], space: str, rng: Random) -> None:
    one = made(*key)
    every = rng.random() < 0.5
    lines = [space + line if line and (every or rng.random() < 0.2) else line for line in one.lines]
    assert read(one.name, lines) == one.page


@settings(max_examples=200, deadline=None)
@given(any_page, st.sampled_from(MARKS), st.randoms(use_true_random=False))
def test_a_mark_is_read_or_refused(key: tuple[str, str, str, int], mark: str, rng: Random) -> None:
    one = made(*key)
    lines = list(one.lines)
    place = rng.choice([place for place, line in enumerate(lines) if line.strip()])
    lines[place] = mark + lines[place]
    assert read(one.name, lines) in (one.page, None)


@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize(("name", "style"), sorted({(name, style) for name, style, *_ in PAGES}))
def test_lists_of_clues_have_any_marks(name: str, style: str, mark: str) -> None:
    one = made(name, style, "1", 0)
    number, lines = 0, []
    for line in one.lines:
        text = Item.of(0, line).text
        if text in one.page.clue_texts:
            number += 1
            line = mark.replace("1", str(number)) + text
        lines.append(line)
    assert number >= len(set(one.page.clue_texts)) and read(name, lines) == one.page


QUESTION = re.compile(r"^\W*[A-Z][.):]\W+")
"""The letter of a question."""


def garbled(line: str, rng: Random) -> str:
    at = rng.randrange(len(line))
    letter = rng.choice("abxyzABXYZ0159:,;|/()-*.")
    match rng.randrange(4):
        case 0:
            return line[:at] + line[at + 1 :]
        case 1:
            return line[:at] + letter + line[at:]
        case 2:
            return line[:at] + letter + line[at + 1 :]
    words = line.split(" ")
    del words[rng.randrange(len(words))]
    return " ".join(words)


@settings(max_examples=600, deadline=None)
@given(any_page, st.randoms(use_true_random=False))
def test_a_garbled_line_shows(key: tuple[str, str, str, int], rng: Random) -> None:
    one = made(*key)
    lines = list(one.lines)
    place = rng.choice([place for place, line in enumerate(lines) if line.strip()])
    lines[place] = garbled(lines[place], rng)
    found = read(one.name, lines)
    said = Item.of(0, one.lines[place]).text in one.page.clue_texts
    if QUESTION.match(one.lines[place]):
        asked = found and replace(found, questions=one.page.questions, letters=one.page.letters)
        assert asked in (one.page, None), "only the question may change, or its letter"
        assert found is None or len(found.questions) == len(one.page.questions)
        sentences = [QUESTION.sub("", line[place], count=1) for line in (one.lines, lines)]
        if found is not None and content(sentences[0]) != content(sentences[1]):
            assert found.questions != one.page.questions, sentences
    elif not said and (place in one.free or told_in_passing(one.lines[place])):
        assert found in (one.page, None)
    elif "`" in one.lines[place] and lines[place].partition(":")[2] == one.lines[place].partition(":")[2]:
        pass  # what a header says of its values is read in passing, too
    elif content(lines[place]) != content(one.lines[place]):
        assert found != one.page, (one.lines[place], lines[place])
        if found is not None:
            assert len(found.clues) == len(one.page.clues) and len(found.questions) == len(one.page.questions)


STRANGE = (
    "Hugo",
    "- Hugo",
    "Hall | Bar",
    "(south is up)",
    "* Professor Plum was in the Ballroom at 11:45 PM",
    "Professor Plum was in the Ballroom at 11:45 PM",
    "Remember: nobody lies",
    "3. Nobody knows who it was",
)


@settings(max_examples=200, deadline=None)
@given(any_page, st.sampled_from(STRANGE), st.randoms(use_true_random=False))
def test_a_line_too_many_shows(key: tuple[str, str, str, int], line: str, rng: Random) -> None:
    """The first line may be a title, and so anything."""
    one = made(*key)
    place = rng.randrange(len(one.lines))
    assert read(one.name, [*one.lines[: place + 1], line, *one.lines[place + 1 :]]) != one.page


@settings(max_examples=100, deadline=None)
@given(any_page, st.randoms(use_true_random=False))
def test_a_clue_behind_the_list_or_in_the_story_is_read_or_refused(key: tuple[str, str, str, int], rng: Random) -> None:
    one = made(*key)
    clue = rng.choice(one.page.clue_texts)
    place = rng.randrange(len(one.lines) + 1)
    for line in (clue, f"- {clue}", f"It was dark. {clue.rstrip('.')}. Nobody knew more."):
        found = read(one.name, [*one.lines[:place], line, *one.lines[place:]])
        if found is not None:
            assert sorted(found.clue_texts) == sorted([*one.page.clue_texts, clue])


@pytest.mark.parametrize(("name", "style"), sorted({key[:2] for key in PAGES if key[1] != LOGIC}))
def test_a_letter_that_comes_twice_is_refused(name: str, style: str) -> None:
    one = next(one for key in PAGES if key[:2] == (name, style) for one in [made(*key)] if len(one.page.letters) > 1)
    first, second = one.page.letters[:2]
    lines = [re.sub(rf"^{second}\. ", f"{first}. ", line) for line in one.lines]
    with pytest.raises(UserError, match=f"letter {first}"):
        get_family(name).read_page("\n".join(lines))
