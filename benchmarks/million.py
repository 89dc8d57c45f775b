"""A million puzzles of a level, in shards: `python benchmarks/million.py [--quick] [--out benchmarks/results]`.

A sample is made in shards and merged, as `sleuth make --shard` and `sleuth merge` do. Times are processor time of one
core, so a busy machine counts the same. Everything about a million is extrapolated from the sample: times and bytes in
proportion; doubles by pairs, since two puzzles of a level are the same with the same chance, whichever two. Where most
would be doubles there is no time to merge, since a million different puzzles may not exist. Where the sample has none,
what is given is the number that such a sample would still show with probability 5 % (three pairs).
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from pathlib import Path

from common import machine, write_table
from sleuth.datasets.make import PuzzleSpec
from sleuth.merge import make_shard, merge
from sleuth.shards import Shard, read_job

MILLION = 1_000_000
SHARDS = 4
"""Of the sample."""
CORES = 8
"""Of the machines that the table speaks of."""
SAMPLES = {("temporal-clue", "1"): 2000, ("temporal-clue", "2"): 800, ("temporal-clue", "3"): 200, ("zebra", "3"): 200}


def measured(family: str, level: str, count: int) -> tuple[str, ...]:
    """A row of the table."""
    order = PuzzleSpec(family, level, "train", 20261129, count)
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{index}.shard" for index in range(1, SHARDS + 1)]
        started_s = time.process_time()
        for index, path in enumerate(paths, 1):
            make_shard(order, Shard(index, SHARDS), path, workers=1)
        made_s = time.process_time() - started_s
        digests = Counter(read_job(paths).read(lambda record: str(record["digest"])))
        started_s = time.process_time()
        merge(paths, Path(folder) / "all.parquet")
        merged_s = time.process_time() - started_s
        sizes = [sum(path.stat().st_size for path in some) / count for some in (paths, [Path(folder) / "all.parquet"])]
    pairs = sum(n * (n - 1) // 2 for n in digests.values())
    doubles = count - len(digests)
    likely = (pairs or 3) * (MILLION * (MILLION - 1)) / (count * (count - 1))
    hours = made_s / count * MILLION / 3600
    return (
        f"{family} {level}",
        str(count),
        f"{made_s / count * 1000:.1f} ms",
        f"{hours:.1f}",
        f"{hours / CORES:.1f}",
        "-" if _doubles(pairs, likely) == "most of them" else f"{merged_s / count * MILLION / 3600:.1f}",
        str(doubles),
        _doubles(pairs, likely),
        *(f"{size * MILLION / 1e9:.2f} GB" for size in sizes),
    )


def _doubles(pairs: int, likely: float) -> str:
    if likely > MILLION / 10:
        return "most of them" if pairs else "not known"
    return f"{likely:.0f}" if pairs else f"at most {likely:.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, help="folder for the dated table")
    parser.add_argument("--quick", action="store_true", help="a few puzzles, only to see that it works")
    arguments = parser.parse_args()
    samples = {("round-table", "1"): 40} if arguments.quick else SAMPLES
    head = (
        "level",
        "sample",
        "a puzzle",
        "core hours",
        f"machine hours ({CORES} cores)",
        "core hours to merge",
        "doubles in the sample",
        "doubles in a million",
        "shards",
        ".parquet",
    )
    rows = [measured(family, level, count) for (family, level), count in samples.items()]
    title = f"A million puzzles, extrapolated from samples ({machine()})"
    write_table("million", title, head, rows, arguments.out)


if __name__ == "__main__":
    main()
