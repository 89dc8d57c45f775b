"""Hostile completions, graded in every mode: nothing may crash, hang, or earn what is not right.

    python benchmarks/fuzz.py [--count 100000] [--seed 0] [--mode answer] [--quick] [--out benchmarks/results]

A fifth is right text with random edits, a fifth is made of the pieces that the readers look for, a fifth is formal
statements drawn at random, up to 400 of them, a fifth is answers, right, wrong and hedged, in the formats that models
use, with edits, and a fifth is what breaks parsers: brackets by the hundred thousand, deep nesting, numbers of
thousands of digits, odd Unicode, control characters. They are graded as in training and evaluation, in a process that
is killed at its bounds, with a fifth of the memory that it has there; the bounds on work must be met first, so it is
never killed.

Every answer that is credited, in completions that are solved and in others, must be right when CP-SAT finds the
program's world again (mode `program`) or, in the other modes, be the first choice that is named behind a mark of its
question. What was drawn hedged must not be credited at all.
"""

from __future__ import annotations

import argparse
import json
import re
import time
import unicodedata
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random

from common import QUICK, machine, write_table
from sleuth.config import Mode
from sleuth.grading.program import read_program
from sleuth.grading.reading import read_puzzle
from sleuth.grading.worker import MEMORY_BYTES, SECONDS, Worker
from sleuth.logic.cpsat import CpModel
from sleuth.progress import track
from sleuth.puzzles.generate import make_puzzle
from sleuth.puzzles.gold import gold_completion
from sleuth.puzzles.puzzle import Puzzle

STYLES = ("plain", "terse", "witness", "original", "varied")
MODES: tuple[Mode, ...] = ("answer", "reason", "program")
SOURCES = (
    [("temporal-clue", level, style, 2) for level in ("1", "2", "3") for style in STYLES]
    + [("zebra", level, style, 2) for level in ("1", "3") for style in ("plain", "terse", "witness")]
    + [("temporal-clue", level, "plain", 1) for level in ("4", "5")]
    + [("temporal-clue", "reference", "original", 1)]
)
"""Family, level, style, puzzles."""


def edited(rng: Random, text: str) -> str:
    for _ in range(rng.randint(1, 6)):
        at, to = sorted((rng.randrange(len(text) + 1), rng.randrange(len(text) + 1)))
        lines = text.split("\n")
        match rng.randrange(6):
            case 0:
                text = text[:at] + text[min(to, at + 8) :]
            case 1:
                text = text[:at] + rng.choice("(),.\n ABC-*\t09é\0") + text[at:]
            case 2:
                text = "\n".join(rng.sample(lines, len(lines)))
            case 3:
                text = "\n".join([*lines, rng.choice(lines)])
            case 4:
                words = text.split(" ")
                i, j = rng.randrange(len(words)), rng.randrange(len(words))
                words[i], words[j] = words[j], words[i]
                text = " ".join(words)
            case 5:
                text = text[:at] + text[at:to].swapcase() + text[to:]
    return text


def pieced(rng: Random, words: list[str]) -> str:
    return "".join(
        rng.choice(words) + rng.choice(("", " ", ", ", "\n", ". ", "(", ")")) for _ in range(rng.randint(1, 80))
    )


def hostile(rng: Random, words: list[str]) -> str:
    long = rng.choice((10, 1_000, 100_000))
    match rng.randrange(9):
        case 0:
            return rng.choice("()[],.*\n ") * long
        case 8:
            start = rng.choice(("", "a", "A. a", rng.choice(words)))
            return f"{start}{rng.choice('!.?( -*)') * long}b\n" * rng.choice((1, 20))
        case 1:
            return "not(" * long + ")" * long
        case 2:
            return f"exactly({'9' * long}, suspects, {rng.choice(words)})"
        case 3:
            return "".join(
                chr(rng.choice((rng.randrange(0x20), rng.randrange(0x2000, 0x3000), 0x1F600))) for _ in range(200)
            )
        case 4:
            return f"{rng.choice('ABCDE')}. {rng.choice(words)}\n" * min(long, 10_000)
        case 5:
            return (rng.choice(words) + " and ") * min(long, 10_000)
        case 6:
            return "\u202e" + pieced(rng, words) + "\ud800"
        case _:
            return "Suppose that " * min(long, 10_000) + rng.choice(words)


def formal(rng: Random, puzzle: Puzzle) -> str:
    """Well-formed statements, most of them false, some of the kinds that need many clauses."""
    reading = read_puzzle(puzzle)
    kinds, groups = reading.family.kinds, reading.family.groups
    lexicon = reading.family.formal_lexicon(reading.page.case)

    def statement(kind: str) -> str:
        parts = [
            statement(rng.choice(groups[gap])) if gap in groups else rng.choice(lexicon[gap] or [(None, "?")])[1]
            for gap in kinds[kind].slots
        ]
        return f"{kind}({', '.join(part for part in parts if part)})"

    some = rng.sample(list(kinds), rng.randint(1, len(kinds)))
    return "\n".join(statement(rng.choice(some)) for _ in range(rng.choice((3, 10, 10, 30, 400))))


HEDGES = ("{} or {}", "{} ({})", "not {}", "{}, {}", "{} / {}", "either {}", "{}?", "{1}, not {0}", "{} and {}")
FORMATS = (
    "{}. {}",
    "* {}. {}",
    "**{}.** {}",
    "### {}. {}",
    "{}.{}",
    "{} - {}",
    "Answer {}: {}",
    "{}. ${}$",
    "| {} | {} |",
)
JOINTS = ("\n", "\n", "\n\n", ", ", "; ", " ", "\nBecause it is so.\n", "\n---\n")
AROUND = (
    "{}",
    "{}",
    "<answer>{}</answer>",
    "```\n{}\n```",
    "{}<|im_end|>",
    "<think>{}</think>",
    "\\boxed{{{}}}",
    "\ufeff{}",
)


def dressed(rng: Random, puzzle: Puzzle) -> tuple[str, set[str]]:
    """An answer block in some format, its values right, wrong or hedged, and the letters that may be credited."""
    may = {question.letter for question in puzzle.questions}
    given: list[tuple[str, str]] = []
    for question in puzzle.questions:
        value = puzzle.answers[question.letter] if rng.random() < 0.5 else rng.choice(question.choices)
        if rng.random() < 0.2:
            other = rng.choice([choice for choice in question.choices if choice != value])
            value = rng.choice(HEDGES).format(value, other)
            may.discard(question.letter)
        given.append((question.letter, value))
    if rng.random() < 0.2:
        rng.shuffle(given)
    if rng.random() < 0.2:
        text = json.dumps(dict(given), indent=rng.choice((None, 1)))
    else:
        form = rng.choice(FORMATS)
        text = rng.choice(JOINTS).join(form.format(letter, value) for letter, value in given)
    text = rng.choice(AROUND).format(text)
    return (edited(rng, text), set(puzzle.answers)) if rng.random() < 0.5 else (text, may)


_MARK = re.compile(r"(?<![A-Za-z0-9])([A-Za-z])[\"'*_`)\]}]*\s*(?:[.:)\]|=,]|-|[*_`]+|\s*\n)")
_THOUGHT = re.compile(r"<think>.*?</think>", re.DOTALL | re.IGNORECASE)
_OTHER_TIMES = {"12:00 AM": ("midnight", "00:00"), "12:00 PM": ("noon",)}
_WORDS = ("", "one first", "two second", "three third", "four fourth", "five fifth", "six sixth", "seven seventh")


def named(text: str, choices: Sequence[str]) -> str | None:
    """The choice that a text names first, by its letters and digits alone; the longest where several begin there."""
    plain = [
        (place, char) for place, char in enumerate(unicodedata.normalize("NFKC", text).casefold()) if char.isalnum()
    ]
    squeezed = "".join(char for _, char in plain)
    found: list[tuple[int, int, str]] = []
    for choice in choices:
        forms = [choice, *_OTHER_TIMES.get(choice, ()), choice.replace(":00", ""), choice.removesuffix(" PM")]
        forms += [choice.removesuffix(" AM"), *(_WORDS[int(choice)].split() if choice.isdecimal() else ())]
        for form in forms:
            letters = "".join(char for char in form.casefold() if char.isalnum())
            if letters and (at := squeezed.find(letters)) >= 0:
                found.append((at, -len(letters), choice))
    return min(found)[2] if found else None


def right_by_another_way(puzzle: Puzzle, completion: str, mode: Mode) -> set[str]:
    """The letters whose answers are right, found again without the grader: in mode `program` in the world that CP-SAT
    finds, in the others the first choice that is named behind a mark of the question."""
    if mode == "program":
        reading = read_puzzle(puzzle)
        family, case = reading.family, reading.page.case
        theory = family.theory(case)
        formulas = [theory.formula(statement) for statement in read_program(reading.language, completion)]
        worlds = CpModel(theory.space, [*theory.rules(), *formulas]).worlds(2)
        if len(worlds) != 1:
            return set()
        choices = {
            q.letter: family.true_choice(case, theory, worlds[0], told)
            for q, told in zip(puzzle.questions, reading.page.questions, strict=True)
        }
        return {
            letter
            for letter, choice in choices.items()
            if choice is not None and family.answer_text(case, choice) == puzzle.answers[letter]
        }
    completion = unicodedata.normalize("NFKC", _THOUGHT.sub("", completion)).replace("\0", "")
    right = set()
    marks = list(_MARK.finditer(completion))
    for question in puzzle.questions:
        said = {
            named(completion[mark.end() : mark.end() + 1_000], question.choices)
            for mark in marks[-2_000:]
            if mark[1].upper() == question.letter
        }
        if puzzle.answers[question.letter] in said:
            right.add(question.letter)
    return right


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--mode", choices=MODES, action="append", help="only this mode; may be given more than once")
    parser.add_argument("--quick", action="store_true", help=QUICK)
    parser.add_argument("--out", type=Path, help="folder for the dated table")
    options = parser.parse_args()
    if options.quick:
        options.count = 100
    rng = Random(options.seed)
    puzzles = [
        make_puzzle(family, level, "val", 11, index, style).puzzle
        for family, level, style, count in (SOURCES[:2] if options.quick else SOURCES)
        for index in range(count)
    ]
    targets = {(puzzle.id, mode): gold_completion(puzzle, mode) for puzzle in puzzles for mode in MODES}
    outcomes, slowest_s = {mode: Counter[str]() for mode in MODES}, 0.0
    worker = Worker(memory_bytes=MEMORY_BYTES // 5)
    worker.grade(puzzles[0], "", "program")
    process = worker.pid
    for number in track(range(options.count), "grading", options.count):
        puzzle, mode = rng.choice(puzzles), rng.choice(options.mode or MODES)
        text = targets[puzzle.id, mode]
        words = text.replace("(", " ").replace(")", " ").split() + puzzle.prompt.split("\n")
        may = set(puzzle.answers)
        match number % 5:
            case 0:
                completion = edited(rng, text)
            case 1:
                completion = pieced(rng, words)
            case 2:
                completion = formal(rng, puzzle)
            case 3:
                completion, may = dressed(rng, puzzle)
            case _:
                completion = hostile(rng, words)
        started = time.perf_counter()
        score = worker.grade(puzzle, completion, mode)
        slowest_s = max(slowest_s, time.perf_counter() - started)
        outcomes[mode][str(score.outcome)] += 1
        assert 0 <= score.reward <= 1 and score.correct == (score.reward == 1), (number, puzzle.id, completion[:500])
        if credited := {letter for letter, right in score.right.items() if right}:
            found = right_by_another_way(puzzle, completion, mode) & may
            assert credited <= found, (number, puzzle.id, mode, credited - found, completion[:500])
        assert worker.pid == process, (number, puzzle.id, mode, score.detail, completion[:500])
    assert slowest_s < SECONDS, slowest_s
    rows = [
        (mode, f"{found.total()}", ", ".join(f"{count} {outcome}" for outcome, count in found.most_common()))
        for mode, found in outcomes.items()
    ]
    title = f"{options.count:,} hostile completions, seed {options.seed}, slowest {slowest_s:.2f} s ({machine()})"
    write_table("fuzz", title, ("mode", "completions", "outcomes"), rows, options.out)


if __name__ == "__main__":
    main()
