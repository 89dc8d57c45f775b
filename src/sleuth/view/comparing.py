"""Runs beside one another: recipes key by key, evaluations, and how they descend from one another."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from pathlib import Path
from typing import Any

from sleuth.config import RunConfig
from sleuth.errors import UserError
from sleuth.evaluation.summary import compare, completed, shared_rows
from sleuth.recipes import keys
from sleuth.report.facts import POLICIES
from sleuth.runs.rows import EvaluationRow, RolloutRow
from sleuth.view.run import Run, figure

FIGURES = {"strict": "puzzles solved", "share": "questions right", "readable": "readable", "length_tokens": "length"}
"""Figure of a summary to its words."""


def recipe(run: Run) -> list[tuple[str, str, bool]]:
    """(key, value, whether it is the default) of a run's recipe."""
    config, defaults = run.config, RunConfig()
    if config is None:
        return []
    return [(name, _shown(config, name), attrgetter(name)(config) == attrgetter(name)(defaults)) for name, *_ in keys()]


def differences(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """The keys of which the runs have different values, with the value of each."""
    rows = []
    for name, *_ in keys():
        values = [None if run.config is None else _shown(run.config, name) for run in runs]
        if len(set(values)) > 1:
            rows.append({"key": name, "values": values})
    return rows


def _shown(config: RunConfig, name: str) -> str:
    value = attrgetter(name)(config)
    if isinstance(value, tuple):
        return ", ".join(str(getattr(one, "name", None) or one) for one in value) or "none"
    return "" if value is None else str(value)


def evaluations(run: Run) -> list[dict[str, Any]]:
    """The stored evaluations with their figures and intervals."""
    told = []
    for name in run.evaluations():
        summary = run.evaluation(name)
        measured = ("strict", "share") if name in ("guessing", "solver") else FIGURES  # these two write nothing
        figures = {key: found for key in measured if (found := figure(summary, key))}
        told.append({"name": name, "label": POLICIES.get(name, name), "figures": figures})
    return told


def difference(first: Run, first_name: str, second: Run, second_name: str) -> dict[str, Any]:
    """Second evaluation minus first, puzzle by puzzle; over the puzzles that both asked, whose number is said. Where
    there are none, there are no figures. Raises `UserError` for an evaluation that a run has not."""
    first_rows, second_rows, every = shared_rows(_rows(first, first_name), _rows(second, second_name))
    if not first_rows:
        return {"figures": {}, "shared": 0, "all": every}
    found = compare(first_rows, second_rows)
    figures = {
        name: {"mean": value.mean, "low": value.low, "high": value.high, "n": value.n}
        for name in FIGURES
        for value in (getattr(found, name),)
    }
    return {"figures": figures, "shared": found.strict.n, "all": every}


def _rows(run: Run, name: str) -> list[EvaluationRow | RolloutRow]:
    if name not in run.evaluations():
        raise UserError(f"{run.name} has no evaluation {name[:60]!r}")
    return list(completed(run.directory.read_evaluation(name)))


def tree(runs: dict[str, Run]) -> list[dict[str, Any]]:
    """Who descends from whom: of each run its parent among the runs (a fork's origin, or the stage whose model it
    begins with), and what was changed."""
    places = {str(run.path.resolve()): name for name, run in runs.items()}
    told = []
    for name, run in runs.items():
        parent, how, outside = None, "", ""
        if (said := run.parent()) is not None:
            folder = str(said.get("folder", ""))
            parent = _named(folder, run.path, places)
            changed = said.get("changed")
            settings = ", ".join(f"{k} = {v}" for k, v in changed.items()) if isinstance(changed, dict) else ""
            how = f"fork of step {said.get('step')}" + (f": {settings}" if settings else "")
            outside = "" if parent else str(said.get("parent", ""))
        elif run.config is not None:
            model = Path(run.config.model.name)
            parent = _named(str(model.parent), run.path, places) if model.name == "model" else None
            how = "begins with its model" if parent else ""
        told.append({"run": name, "parent": None if parent == name else parent, "how": how[:500], "outside": outside})
    return told


def _named(folder: str, run: Path, places: dict[str, str]) -> str | None:
    """The run in a folder that was written down relative to where the run was made, which may not be here."""
    if not folder or "\0" in folder:
        return None
    if (found := places.get(str(Path(folder).resolve()))) is not None:
        return found
    beside = [str((above / Path(folder).name).resolve()) for above in (run.parent, *run.parents[1:3])]
    return next((places[place] for place in beside if place in places), None)
