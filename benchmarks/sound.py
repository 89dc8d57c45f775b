"""Are made puzzles what they claim? `python benchmarks/sound.py [--scale 1.0] [--quick] [--out benchmarks/results]`

For every family and level: makes puzzles of all three splits twice, in processes with other hash seeds and other
numbers of workers, and compares the bytes; audits every puzzle from its text with CP-SAT (one world, the stored
answers, no question stated by a clue); and counts canonical forms that two splits share. Not a speed measurement.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from common import QUICK, machine, write_table
from sleuth.datasets.audit import audit_all
from sleuth.datasets.files import read_puzzles
from sleuth.puzzles.canonical import digest
from sleuth.puzzles.puzzle import Puzzle
from sleuth.puzzles.registry import family_names, get_family

SPLIT_COUNTS = {"train": 1000, "val": 200, "test": 200}
REFERENCE_COUNTS = {"train": 200, "val": 40, "test": 40}


MAKE = """
import json, sys
from sleuth.cli import app
for order in json.loads(sys.argv[1]):
    app(["make", *order], result_action="return_value")
"""
"""A process that makes several files."""


def make_twice(family: str, level: str, counts: Mapping[str, int], folder: Path) -> tuple[dict[str, Path], bool]:
    """A file of puzzles for each split, and whether a second process under other conditions wrote the same bytes."""
    files: list[dict[str, Path]] = []
    for hash_seed, workers in (("1", "2"), ("2", "1")):
        made = {split: folder / f"{split}-{workers}.jsonl" for split in counts}
        always = [family, "--level", level, "--style", "mixed", "--workers", workers]
        told = [
            [*always, "--split", split, "--count", str(count), "--out", str(made[split])]
            for split, count in counts.items()
        ]
        command = [sys.executable, "-c", MAKE, json.dumps(told)]
        subprocess.run(command, check=True, env={**os.environ, "PYTHONHASHSEED": hash_seed}, stderr=subprocess.DEVNULL)
        files.append(made)
    first, second = files
    return first, all(first[split].read_bytes() == second[split].read_bytes() for split in counts)


def canonical(puzzle: Puzzle) -> str:
    """The hash of a puzzle's canonical form, from its text."""
    family = get_family(puzzle.family)
    page = family.read_page(puzzle.prompt)
    return digest(family.canonical_form(page.case, page.clues))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="share of the full numbers")
    parser.add_argument("--family", help="only this one")
    parser.add_argument("--level", help="only this one")
    parser.add_argument("--quick", action="store_true", help=QUICK)
    parser.add_argument("--out", type=Path, help="folder for the dated table")
    options = parser.parse_args()
    if options.quick:
        options.scale, options.family, options.level = 0.0, "knights-and-knaves", "1"
    rows: list[tuple[str, ...]] = []
    for name in family_names():
        for level in get_family(name).levels:
            if options.family in (None, name) and options.level in (None, level):
                counts = REFERENCE_COUNTS if level == "reference" else SPLIT_COUNTS
                row = check(name, level, {n: max(3, round(count * options.scale)) for n, count in counts.items()})
                print(row, flush=True)
                rows.append(row)
    head = ("level", "puzzles", "sound", "same bytes twice", "forms in two splits")
    write_table("sound", f"Audit of made puzzles ({machine()})", head, rows, options.out)


def check(name: str, level: str, counts: Mapping[str, int]) -> tuple[str, ...]:
    sound, total, forms = 0, 0, dict[str, set[str]]()
    with tempfile.TemporaryDirectory() as folder:
        files, same = make_twice(name, level, counts, Path(folder))
        for split, file in files.items():
            puzzles = read_puzzles(file)
            findings = list(audit_all(puzzles))
            for finding in findings:
                for problem in finding.problems:
                    print(f"{finding.id}: {problem}", flush=True)
            sound += sum(not finding.problems for finding in findings)
            total += len(puzzles)
            forms[split] = {canonical(puzzle) for puzzle in puzzles}
            assert len(forms[split]) == len(puzzles), "doubles within a file"
    splits = list(forms.values())
    shared = sum(len(a & b) for i, a in enumerate(splits) for b in splits[i + 1 :])
    return (f"{name} {level}", str(total), str(sound), "yes" if same else "NO", str(shared))


if __name__ == "__main__":
    main()
