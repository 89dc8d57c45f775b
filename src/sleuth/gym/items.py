"""Items of reasoning-gym as puzzles, and how their answers are written and read.

In the library, neighbouring seeds share nearly all of their items (an item is drawn from seed + index), so an item's
seed is a hash of the puzzle's whole key. The canonical form, of which a split is a bucket, is the question's text,
without case and the kind of white space.

What a scorer looks at is kept in `meta["metadata"]`, in a form that JSON gives back as it was: its tuples, fractions
and the keys of its maps keep their types. An item of which something would be lost is drawn again.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import io
import json
import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from sleuth.errors import UserError, installing, nearest
from sleuth.puzzles.canonical import digest, split_of
from sleuth.puzzles.generate import rng_of
from sleuth.puzzles.puzzle import Puzzle, Question
from sleuth.puzzles.task import Made

PREFIX = "reasoning-gym/"
"""What names of families begin with that are tasks of the library."""
LETTER = "A"
"""Of the one question."""
LEVEL = "default"
_HASH_ORDER = "its items depend on the order of sets, which is another one in every process"
LEFT_OUT = MappingProxyType(
    {
        "codeio": _HASH_ORDER,
        "composite": "it is a mixture of other tasks; puzzles.mixture makes those",
        "intermediate_integration": _HASH_ORDER,
        "isomorphic_strings": _HASH_ORDER,
        "knight_swap": _HASH_ORDER,
        "list_functions": "a part of its items is drawn without a seed",
        "polynomial_multiplication": _HASH_ORDER,
        "ransom_note": _HASH_ORDER,
        "time_intervals": "its items hold the day on which they were drawn",
        "word_ladder": _HASH_ORDER,
    }
)
"""Tasks that are no families, each with the reason."""
SEEDED_AT_THE_START = frozenset({"acre", "gsm_symbolic"})
"""Tasks that draw from their seed in the constructor; a data set of any other is made once and seeded again, since some
read large files."""
EXAMPLES = MappingProxyType(
    {
        "graph_color": "possible_answer",
        "propositional_logic": "example_answer",
        "rubiks_cube": "example_correct_answer",
    }
)
"""Tasks without an answer, with the key of their metadata where one of many right answers stands."""
MOST_DRAWS = 300
"""So many items in a row of which none belongs to the split mean that the task has hardly any. Of a task with many, one
in 10^37 keys would meet this."""
_LONGEST_TEXT = 200_000
"""Characters at the end of a completion that are looked at."""
_TAGS = frozenset({"fraction", "map", "tuple"})
_MARKS = "*_`~"
_START = re.compile(rf"[ \t]*(?:[-•>][ \t]*)?[{_MARKS}]*\(?[Aa][{_MARKS}]*[.):][{_MARKS}]*(?:[ \t]+(.*))?")


@dataclass(frozen=True, slots=True)
class Source:
    """A task of the installed library."""

    task: str
    """Its name there."""
    version: str
    """Of the installed package."""

    @property
    def name(self) -> str:
        """As a family is named."""
        return PREFIX + self.task

    @property
    def id(self) -> str:
        """`name@version`."""
        return f"{self.name}@{self.version}"


def library() -> Any:
    """The library's registry of tasks, imported when it is first needed. Raises `UserError` where it is not there."""
    try:
        return importlib.import_module("reasoning_gym.factory")
    except ImportError as error:
        raise UserError(f"puzzles of {PREFIX}… need the extra 'gym' ({error}): {installing('gym')}") from None


def task_names() -> list[str]:
    """All tasks that are families, without the prefix. Raises `UserError` without the library."""
    return sorted(set(library().DATASETS) - set(LEFT_OUT))


@lru_cache(maxsize=256)
def source_of(name: str) -> Source:
    """A task by its family's name (`reasoning-gym/chain_sum`) or id (with `@` and the package's version).

    Raises `UserError` without the library, for a task that is none or is left out, and for another version than the
    installed one: its items and its scores may differ.
    """
    plain, _, version = name.partition("@")
    task = plain.removeprefix(PREFIX)
    known = task_names()
    if task in LEFT_OUT:
        raise UserError(f"{plain} is no family here: {LEFT_OUT[task]}")
    if task not in known:
        raise UserError(f"unknown task {plain!r}; {nearest(plain, [PREFIX + one for one in known])}")
    found = Source(task, importlib.metadata.version("reasoning-gym"))
    if version and version != found.version:
        raise UserError(f"{name!r}: installed is {found.id!r}; pip install reasoning-gym=={version}")
    return found


@lru_cache(maxsize=256)
def data_set(task: str) -> Any:
    """The library's data set of a task, with its default settings: draws items, scores answers."""
    made, settings = library().DATASETS[task]
    return made(config=settings(seed=0, size=1))


def sample_item(task: str, seed: int) -> dict[str, Any]:
    """The item that the library draws first from a seed below 2^31: question, answer (or None), metadata."""
    if task in SEEDED_AT_THE_START:
        made, settings = library().DATASETS[task]
        items = made(config=settings(seed=seed, size=1))
    else:
        items = data_set(task)
        items.seed = items.config.seed = seed
    with contextlib.redirect_stdout(io.StringIO()):  # some print what they had to give up
        item: dict[str, Any] = items[0]
    return item


def make_task_puzzle(name: str, split: str, seed: int, index: int, attempt: int = 0) -> Made:
    """The puzzle of a key: the first from `attempt` on that belongs to the split, whose answer can be written and whose
    metadata can be kept.

    Raises `UserError` for a task that does not exist, and where the split seems to have none.
    """
    source = source_of(name)
    for number in range(attempt, attempt + MOST_DRAWS):
        rng = rng_of(source.name, source.version, LEVEL, split, seed, index, number)
        item = sample_item(source.task, rng.getrandbits(31))
        form = digest(f"{source.name}\n{' '.join(item['question'].casefold().split())}")
        if split_of(form) != split:
            continue
        answer = _answer(source.task, item)
        if (answer is None or read_answer(written(answer)) == answer) and _can_be_kept(item["metadata"]):
            return Made(_puzzle(source, item, answer, split, seed, index), form, number)
    raise UserError(f"{name}: {MOST_DRAWS} attempts gave no puzzle of split {split}; there are too few different ones")


def _answer(task: str, item: dict[str, Any]) -> str | None:
    answer = item["answer"]
    if answer is None and task in EXAMPLES:
        answer = item["metadata"][EXAMPLES[task]]
    return answer if answer is None or isinstance(answer, str) else json.dumps(answer)


def _puzzle(source: Source, item: dict[str, Any], answer: str | None, split: str, seed: int, index: int) -> Puzzle:
    return Puzzle(
        id=f"{source.id}/level-{LEVEL}/{split}/{seed}/{index}",
        family=source.id,
        level=LEVEL,
        split=split,
        seed=seed,
        index=index,
        prompt=item["question"],
        clues=(),
        questions=(Question(letter=LETTER, text=item["question"], kind=source.task, choices=()),),
        answers={} if answer is None else {LETTER: answer},
        meta={"style": "plain", "metadata": stored(item["metadata"])},
    )


def item_of(puzzle: Puzzle) -> dict[str, Any]:
    """The library's item that a puzzle was made of. Raises `UserError` where its metadata is missing or damaged, or its
    answers are not those of such a task."""
    if "metadata" not in puzzle.meta:
        raise UserError(f"{puzzle.id}: meta.metadata is missing, which its scorer needs")
    try:
        metadata = restored(puzzle.meta["metadata"])
    except (ValueError, TypeError, ZeroDivisionError, RecursionError) as error:
        raise UserError(f"{puzzle.id}: meta.metadata is damaged ({error}); make the puzzle again") from None
    if not isinstance(metadata, dict):
        raise UserError(f"{puzzle.id}: meta.metadata is damaged (no table); make the puzzle again")
    if not puzzle.answers.keys() <= {LETTER}:
        raise UserError(f"{puzzle.id}: answers to {', '.join(puzzle.answers)}; a task has one question, {LETTER}")
    task = puzzle.family.partition("@")[0].removeprefix(PREFIX)
    answer = None if task in EXAMPLES else puzzle.answers.get(LETTER)
    return {"question": puzzle.prompt, "answer": answer, "metadata": metadata}


def _can_be_kept(value: Any) -> bool:
    try:
        return bool(restored(json.loads(json.dumps(stored(value)))) == value)
    except TypeError:
        return False


def stored(value: Any) -> Any:
    """Plain data as JSON can hold it: a tuple as `{"tuple": […]}`, a fraction as `{"fraction": "1/2"}`, a map with
    other keys than texts as `{"map": [[key, value], …]}`. Anything else stays as it is."""
    if isinstance(value, Fraction):
        return {"fraction": str(value)}
    if isinstance(value, tuple):
        return {"tuple": [stored(one) for one in value]}
    if isinstance(value, list):
        return [stored(one) for one in value]
    if not isinstance(value, dict):
        return value
    if all(isinstance(key, str) for key in value) and not (len(value) == 1 and value.keys() <= _TAGS):
        return {key: stored(one) for key, one in value.items()}
    return {"map": [[stored(key), stored(one)] for key, one in value.items()]}


def restored(value: Any) -> Any:
    """What `stored` was given."""
    if isinstance(value, list):
        return [restored(one) for one in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"fraction"}:
        return Fraction(value["fraction"])
    if value.keys() == {"tuple"}:
        return tuple(restored(one) for one in value["tuple"])
    if value.keys() == {"map"}:
        return {restored(key): restored(one) for key, one in value["map"]}
    return {key: restored(one) for key, one in value.items()}


def written(answer: str) -> str:
    """An answer as a completion gives it; one of several lines begins on a line of its own."""
    return f"{LETTER}.\n{answer}" if "\n" in answer else f"{LETTER}. {answer}"


def read_answer(completion: str) -> str | None:
    """What a completion gives as its answer; None if it gives none.

    It begins behind the last `A.` (or `A)`, `A:`, `**A.**` …) at the start of a line, there or on the next lines, and
    goes on to the end: some grids have blank lines, or blanks at the end of lines. Blank lines before it, blanks behind
    it and code fences are left out.
    """
    lines = completion[-_LONGEST_TEXT:].replace("\r\n", "\n").split("\n")
    for number in reversed(range(len(lines))):
        if found := _START.fullmatch(lines[number]):
            behind = [found[1] or "", *lines[number + 1 :]]
            text = "\n".join(line for line in behind if not line.strip().startswith("```"))
            return text.rstrip().lstrip("\n") or None
    return None
