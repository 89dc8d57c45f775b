"""Hostile completions, graded in every mode: nothing may crash, hang, or earn what is not right.

    python benchmarks/fuzz.py [--count 100000] [--seed 0] [--out benchmarks/results]

A quarter is right text with random edits, a quarter is made of the pieces that the readers look for, a quarter is
formal statements drawn at random, up to 400 of them, and a quarter is what breaks parsers: brackets by the hundred
thousand, deep nesting, numbers of thousands of digits, odd Unicode, control characters. They are graded as in training
and evaluation, in a process that is killed at its bounds, with a fifth of the memory that it has there; the bounds on
work must be met first, so it is never killed.

Every answer that is credited, in completions that are solved and in others, must be right when CP-SAT finds the
program's world again (mode `program`) or on the last line with its letter (the other modes).
"""

from __future__ import annotations

import argparse
import re
import time
from collections import Counter
from pathlib import Path
from random import Random

from common import machine, write_table
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


_ANSWER = re.compile(r"[\s>•*_`~(-]*([A-Za-z])[*_`~]*[.):][*_`~]*[ \t]+(\S.*)")
_HOURS = {"midnight": "1200am", "noon": "1200pm"}


def squeezed(text: str) -> str:
    return "".join(char for char in text.casefold() if char.isalnum())


def right_by_another_way(puzzle: Puzzle, completion: str, mode: Mode) -> set[str]:
    """The letters whose answers are right, found again without the grader: in mode `program` in the world that CP-SAT
    finds, in the others on the last line with that letter."""
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
    lines = {found[1].upper(): found[2] for line in completion.splitlines() if (found := _ANSWER.fullmatch(line))}
    given = {letter: squeezed(line) for letter, line in lines.items()}
    return {
        letter
        for letter, answer in puzzle.answers.items()
        if squeezed(answer) in _HOURS.get(given.get(letter, ""), given.get(letter, ""))
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="folder for the dated table")
    options = parser.parse_args()
    rng = Random(options.seed)
    puzzles = [
        make_puzzle(family, level, "val", 11, index, style).puzzle
        for family, level, style, count in SOURCES
        for index in range(count)
    ]
    targets = {(puzzle.id, mode): gold_completion(puzzle, mode) for puzzle in puzzles for mode in MODES}
    outcomes, slowest_s = {mode: Counter[str]() for mode in MODES}, 0.0
    worker = Worker(memory_bytes=MEMORY_BYTES // 5)
    worker.grade(puzzles[0], "", "program")
    process = worker.pid
    for number in track(range(options.count), "grading", options.count):
        puzzle, mode = rng.choice(puzzles), rng.choice(MODES)
        text = targets[puzzle.id, mode]
        words = text.replace("(", " ").replace(")", " ").split() + puzzle.prompt.split("\n")
        match number % 4:
            case 0:
                completion = edited(rng, text)
            case 1:
                completion = pieced(rng, words)
            case 2:
                completion = formal(rng, puzzle)
            case _:
                completion = hostile(rng, words)
        started = time.perf_counter()
        score = worker.grade(puzzle, completion, mode)
        slowest_s = max(slowest_s, time.perf_counter() - started)
        outcomes[mode][str(score.outcome)] += 1
        assert 0 <= score.reward <= 1 and score.correct == (score.reward == 1), (number, puzzle.id, completion[:500])
        if credited := {letter for letter, right in score.right.items() if right}:
            found = right_by_another_way(puzzle, completion, mode)
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
