"""Hostile completions, graded in every mode: nothing may crash, hang, or earn what is not right.

    python benchmarks/fuzz.py [--count 100000] [--seed 0] [--out benchmarks/results]

A quarter is right text with random edits, a quarter is made of the pieces that the readers look for, a quarter is
formal statements drawn at random, up to 400 of them, and a quarter is what breaks parsers: brackets by the hundred
thousand, deep nesting, numbers of thousands of digits, odd Unicode, control characters. They are graded as in training
and evaluation, in a process that is killed at its bounds, with a fifth of the memory that it has there; the bounds on
work must be met first, so it is never killed.

A completion that is graded as right must give the right answers when CP-SAT finds its world again (mode `program`) or
when its answer block is taken apart by a plain comparison (the other modes).
"""

from __future__ import annotations

import argparse
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
from sleuth.puzzles.puzzle import Puzzle
from sleuth.puzzles.targets import target

MODES: tuple[Mode, ...] = ("answer", "reason", "program")
LEVELS = (
    [("temporal-clue", level, 8) for level in ("1", "2", "3")]
    + [("zebra", level, 8) for level in ("1", "3")]
    + [("temporal-clue", "4", 1)]
)
"""Family, level, puzzles."""


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


def right_by_another_way(puzzle: Puzzle, completion: str, mode: Mode) -> bool:
    """Whether a completion that was graded as right is."""
    if mode == "program":
        reading = read_puzzle(puzzle)
        family, case = reading.family, reading.page.case
        theory = family.theory(case)
        formulas = [theory.formula(statement) for statement in read_program(reading.language, completion)]
        worlds = CpModel(theory.space, [*theory.rules(), *formulas]).worlds(2)
        if len(worlds) != 1:
            return False
        choices = [family.true_choice(case, theory, worlds[0], question) for question in reading.page.questions]
        return [c is not None and family.answer_text(case, c) for c in choices] == list(puzzle.answers.values())
    squeezed = "".join(char for char in completion.casefold() if char.isalnum())
    return all(
        "".join(char for char in answer.casefold() if char.isalnum()) in squeezed for answer in puzzle.answers.values()
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="folder for the dated table")
    options = parser.parse_args()
    rng = Random(options.seed)
    puzzles = [make_puzzle(f, level, "val", 11, index).puzzle for f, level, count in LEVELS for index in range(count)]
    targets = {(puzzle.id, mode): target(puzzle, mode) for puzzle in puzzles for mode in MODES}
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
        if score.correct:
            assert right_by_another_way(puzzle, completion, mode), (number, puzzle.id, mode, completion[:500])
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
