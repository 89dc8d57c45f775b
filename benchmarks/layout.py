"""Does the style `original` look like the puzzles of 2025?

    python benchmarks/layout.py FILE [--count 200] [--quick] [--out …]

FILE is a list of those puzzles (JSON). Prints kinds of statements, clues, and SmolLM2 tokens of pages and programs, for
FILE and for made puzzles; how many programs of FILE answer right; and tokens of shorter formal languages.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from common import QUICK, QUICK_MODEL, machine, write_table
from sleuth.grading.grade import grade
from sleuth.grading.reading import read_puzzle
from sleuth.model_names import SMOLLM2
from sleuth.policy.models import load_shape
from sleuth.puzzles.generate import make_puzzle
from sleuth.puzzles.gold import gold_completion
from sleuth.puzzles.puzzle import Puzzle
from sleuth.puzzles.statements import Argument, Statement
from sleuth.puzzles.temporal_clue.original.dataset import import_original
from sleuth.puzzles.temporal_clue.wording import KINDS, formal_lexicon

LETTERS = {"suspect": "S", "weapon": "W", "room": "R", "time": "T", "motive": "M", "holder": "H", "direction": "D"}
Tokens = Callable[[str], int]


def row(label: str, puzzles: Sequence[Puzzle], tokens: Tokens) -> tuple[str, ...]:
    kinds = Counter[str]()
    for puzzle in puzzles:
        kinds.update(puzzle.meta["kinds"])
    clues = kinds.total()
    pages = [tokens(puzzle.prompt) for puzzle in puzzles]
    programs = [tokens(gold_completion(puzzle, "program")) for puzzle in puzzles]
    both = max(page + program for page, program in zip(pages, programs, strict=True))
    counts = (len(puzzles), f"{clues / len(puzzles):.1f}", f"{sum(pages) / len(puzzles):.0f}", max(pages))
    counts += (f"{sum(programs) / len(puzzles):.0f}", f"{sum(programs) / clues:.1f}", both)
    shares = ", ".join(f"{kind} {100 * count / clues:.1f}" for kind, count in kinds.most_common())
    return (label, *map(str, counts), shares)


def forms(puzzle: Puzzle) -> dict[str, list[str]]:
    """The program, and what it would be in shorter languages."""
    reading = read_puzzle(puzzle)
    case = reading.page.case
    names: dict[str, dict[Any, str]] = {gap: dict(reversed(e)) for gap, e in formal_lexicon(case).items()}

    def flat(statement: Statement, name: Callable[[str, Argument], str]) -> Iterator[str]:
        for gap, argument in zip(KINDS[statement.kind].slots, statement.args, strict=True):
            if isinstance(argument, Statement):
                yield from flat(argument, name)
            elif gap != "when" or case.timed:
                yield name(gap, argument)

    def by_name(gap: str, argument: Argument) -> str:
        return names[gap][argument]

    def by_number(gap: str, argument: Argument) -> str:
        return f"{LETTERS[argument.sort]}{argument.index + 1}" if argument.sort in LETTERS else names[gap][argument]

    clues = reading.page.clues
    return {
        "kind(name, name)": [reading.language.write(clue) for clue in clues],
        "kind(name, name": [f"{clue.kind}({', '.join(flat(clue, by_name))}" for clue in clues],
        "kind name, name": [f"{clue.kind} {', '.join(flat(clue, by_name))}" for clue in clues],
        "kind name/name": [f"{clue.kind} {'/'.join(flat(clue, by_name))}" for clue in clues],
        "kind S1 R2 T3": [f"{clue.kind} {' '.join(flat(clue, by_number))}" for clue in clues],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--count", type=int, default=200, help="puzzles made of each sort")
    parser.add_argument("--quick", action="store_true", help=QUICK)
    parser.add_argument("--out", type=Path, help="folder for the dated tables")
    options = parser.parse_args()
    if options.quick:
        options.count = 2
    tokenizer = load_shape(QUICK_MODEL if options.quick else SMOLLM2, torch.float32)[1]

    def tokens(text: str) -> int:
        return len(tokenizer(text)["input_ids"])

    found = import_original(options.file)
    made = {
        style: [
            make_puzzle("temporal-clue", "reference", "train", 31, index, style).puzzle
            for index in range(options.count)
        ]
        for style in ("plain", "original")
    }
    sorts = {"2025": found, "reference, plain": made["plain"], "reference, original": made["original"]}
    head = ("puzzles", "number", "clues", "page", "longest", "program", "a clue", "longest of both", "kinds in %")
    rows = [row(label, puzzles, tokens) for label, puzzles in sorts.items()]
    title = f"Pages and programs in SmolLM2's tokens ({machine()})"
    write_table("layout", title, head, rows, options.out)
    right = sum(grade(puzzle, gold_completion(puzzle, "program"), "program").correct for puzzle in found)
    print(f"\nprograms of the clues as read that answer right: {right} of {len(found)}\n")
    spent: dict[str, list[int]] = {}
    for puzzle in found:
        for form, lines in forms(puzzle).items():
            spent.setdefault(form, []).append(tokens("\n".join(lines)))
    whole = sum(next(iter(spent.values())))
    table = [(form, str(sum(n)), str(max(n)), f"{100 - 100 * sum(n) / whole:.1f} %") for form, n in spent.items()]
    write_table("layout-forms", title, ("form", "tokens", "longest", "saved"), table, options.out)


if __name__ == "__main__":
    main()
