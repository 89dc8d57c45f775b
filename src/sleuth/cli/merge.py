"""The verb that puts shards together: merge."""

from __future__ import annotations

from pathlib import Path

from sleuth.cli.app import Whole, app


@app.command
def merge(*shards: Path, out: Path | None = None, workers: Whole = 0) -> int:
    """Put the shards of a job (`--shard` of make, audit, explain, eval, bench) together, as if one machine had done it.

    Shards of several jobs, missing ones and doubles are refused. The exit code is that of the verb.

    Parameters
    ----------
    shards
        The files of all shards, in any order.
    out
        For what one machine would have written: make: .jsonl, .parquet or a folder; explain: .jsonl; eval: .parquet;
        bench: a folder.
    workers
        Number of processes where a data set is audited; 0: one per core.
    """
    from sleuth.merge import merge as merged

    return merged(shards, out, workers)
