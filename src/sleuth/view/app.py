"""The routes of `sleuth view`: plain data for its pages. All of them read, none writes."""

from __future__ import annotations

import asyncio
import json
import math
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
from starlette.applications import Starlette
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sleuth.errors import UserError
from sleuth.report.facts import OUTCOMES
from sleuth.report.samples import STOPS, VERDICTS
from sleuth.view import comparing
from sleuth.view.completions import PAGE, Index, Wanted
from sleuth.view.courses import EXPLAINED, TITLES, as_json, courses, is_percent, metrics_of
from sleuth.view.finding import Runs
from sleuth.view.judging import Judging
from sleuth.view.run import Run
from sleuth.view.tokens import pieces
from sleuth.web.site import make_site

MEMORY = "250MB"
"""What DuckDB may keep in memory; more goes into a temporary folder."""
THREADS = 2
MOST_INDEXED = 6
"""Runs whose completions stay indexed; the one that was not looked at for longest goes."""
LOGS_S, FIRST_LIST_S, LIST_S = 1.0, 0.1, 0.3
"""Seconds that a view of one run, the first list of all, and a later one spend on logs that are still to be read."""
INDEX_S = 0.3
"""Seconds that a page of completions spends on indexing before it answers with what there is."""
PAGES = ("/", "/run", "/compare", "/read", "/completion")


class Viewer:
    """What the routes share."""

    def __init__(self, root: Path) -> None:
        """Raises `UserError` where there is no folder."""
        self.found = Runs(root)
        self.judging = Judging()
        self._runs: dict[str, Run] = {}
        self._indices: dict[str, Index] = {}
        self._lock = threading.Lock()
        self._made = 0
        self._spill = tempfile.TemporaryDirectory(prefix="sleuth-view-")
        settings = {"memory_limit": MEMORY, "threads": str(THREADS), "temp_directory": self._spill.name}
        self._database = duckdb.connect(":memory:", config=settings)
        # The index is filled from tables of ours; nothing that is asked may open a file.
        self._database.execute("SET enable_external_access = false; SET lock_configuration = true")

    def close(self) -> None:
        self.judging.close()
        self._database.close()
        self._spill.cleanup()

    def run(self, name: str, until_s: float | None = None) -> Run:
        """A run as it is now; of logs that are still to be read, as much as the clock allows. Raises `UserError` where
        there is none of this name."""
        path = self.found.path(name)
        with self._lock:
            run = self._runs.setdefault(name, Run(name, path))
        run.refresh(time.monotonic() + LOGS_S if until_s is None else until_s)
        return run

    def runs(self) -> dict[str, Run]:
        """All runs. They spend little time on logs, so that there is a list at once; the next call goes on."""
        until_s = time.monotonic() + (LIST_S if self._runs else FIRST_LIST_S)
        return {name: self.run(name, until_s) for name in self.found.all()}

    def index(self, run: Run) -> Index:
        """The completions of a run; made when they are first asked for."""
        with self._lock:
            index = self._indices.pop(run.name, None)
            if index is None:
                self._made += 1
                index = Index(run, self._database, f"completions_{self._made}")
            self._indices[run.name] = index  # the newest stands last
            while len(self._indices) > MOST_INDEXED:
                oldest = self._indices.pop(next(iter(self._indices)))
                with self._database.cursor() as cursor:
                    cursor.execute(f"DROP TABLE {oldest.table}")
            return index

    def list_of_runs(self, query: QueryParams) -> Any:
        runs = self.runs()
        return {
            "root": self.found.root.name,
            "runs": [run.summary() for run in runs.values()],
            "tree": comparing.tree(runs),
        }

    def one_run(self, query: QueryParams) -> Any:
        run = self.run(query.get("run", ""))
        environment = run.json("environment.json")
        return run.summary() | {
            "metrics": metrics_of(run),
            "titles": TITLES,
            "evaluations": comparing.evaluations(run),
            "alarm_list": run.alarms(),
            "recipe": comparing.recipe(run),
            "environment": environment if isinstance(environment, dict) else {},
            "parent": run.parent(),
            "unreadable_lines": run.metrics.unreadable + run.timings.unreadable,
            "thinned": max(log.stride for log in run.metrics.phases.values()),
        }

    def compared(self, query: QueryParams) -> Any:
        runs = [self.run(name) for name in query.getlist("run")]
        metrics: dict[str, list[str]] = {}
        for run in runs:
            for phase, names in metrics_of(run).items():
                kept = metrics.setdefault(phase, [])
                kept += [name for name in names if name not in kept]
        return {
            "runs": [run.summary() for run in runs],
            "metrics": metrics,
            "titles": TITLES,
            "differences": comparing.differences(runs),
            "evaluations": [comparing.evaluations(run) for run in runs],
        }

    def difference(self, query: QueryParams) -> Any:
        first, second = self.run(query.get("run", "")), self.run(query.get("other", ""))
        return comparing.difference(first, query.get("evaluation", ""), second, query.get("other_evaluation", ""))

    def chart(self, query: QueryParams) -> Any:
        from sleuth.view.drawing import chart

        metric, axis = query.get("metric", ""), query.get("axis", "step")
        drawn = self._courses(query)
        told = {"series": as_json(drawn), "percent": is_percent(metric), "explained": EXPLAINED.get(metric, "")}
        return told | {"svg": chart(drawn, metric, axis) if drawn else ""}

    def _courses(self, query: QueryParams) -> Any:
        runs = [self.run(name) for name in query.getlist("run")]
        seeds = query.get("seeds", "") == "band"
        return courses(runs, query.get("phase", "grpo"), query.get("metric", ""), query.get("axis", "step"), seeds)

    def completions(self, query: QueryParams) -> Any:
        run = self.run(query.get("run", ""))
        index = self.index(run)
        done, files = index.read_on(INDEX_S)
        alarms = [alarm["step"] for alarm in run.alarms() if isinstance(alarm.get("step"), int)]
        wanted = Wanted(
            source=query.get("source", ""),
            puzzle=query.get("puzzle", ""),
            outcome=query.get("outcome", ""),
            text=query.get("text", ""),
            step_from=_whole(query.get("from")),
            step_to=_whole(query.get("to")),
            has=query.get("has", ""),
            steps=tuple(alarms) if query.get("alarm") else None,
            sort=query.get("sort", "place"),
            descending=query.get("order", "down") == "down",
            page=_whole(query.get("page")) or 0,
        )
        count, rows = index.page(wanted)
        told = {"count": count, "page_size": PAGE, "rows": rows, "indexed": done, "files": files}
        return told | index.choices() | {"broken": index.broken, "alarm_steps": alarms, "state": run.state}

    def completion(self, query: QueryParams) -> Any:
        run = self.run(query.get("run", ""))
        told = self.index(run).read(query.get("file", ""), _whole(query.get("row")) or 0)
        texts = pieces(run.path, told["tokens"]) if told["tokens"] else None
        mode = run.config.mode if run.config else "answer"
        return told | {"pieces": texts, "mode": mode}

    def group(self, query: QueryParams) -> Any:
        index = self.index(self.run(query.get("run", "")))
        return {"completions": index.group(query.get("file", ""), query.get("puzzle", ""))}

    def of_puzzle(self, query: QueryParams) -> Any:
        """What was said about a puzzle, in the order of the run."""
        index = self.index(self.run(query.get("run", "")))
        done, files = index.read_on(10 * INDEX_S)
        return {"rows": index.of_puzzle(query.get("puzzle", "")), "indexed": done, "files": files}

    def reasons(self, query: QueryParams) -> Any:
        index = self.index(self.run(query.get("run", "")))
        told = index.read(query.get("file", ""), _whole(query.get("row")) or 0)
        return self.judging.ask(told["puzzle_id"], told["prompt"], told["completion"])

    def words(self, query: QueryParams) -> Any:
        """What outcomes, verdicts and ends mean."""
        outcomes = {str(outcome): {"meaning": said, "colour": colour, "sign": sign}
                    for outcome, (said, colour, sign) in OUTCOMES.items()}  # fmt: skip
        return {"outcomes": outcomes, "verdicts": VERDICTS, "stops": STOPS}

    def picture(self, query: QueryParams, kind: str) -> Response:
        """A chart as a file of its own."""
        from sleuth.view.drawing import as_png, for_paper

        drawn = self._courses(query)
        if not drawn:
            raise UserError("there is nothing to draw")
        metric = query.get("metric", "")
        svg = for_paper(drawn, metric, query.get("axis", "step"))
        name = "".join(letter if letter.isalnum() else "-" for letter in metric)[:80]
        headers = {"Content-Disposition": f'attachment; filename="{name}.{kind}"'}
        if kind == "png":
            return Response(as_png(svg), media_type="image/png", headers=headers)
        return Response(svg, media_type="image/svg+xml", headers=headers)


def make_app(root: Path) -> tuple[Starlette, Viewer]:
    """The application that shows the runs under a folder. Raises `UserError` where there is no folder."""
    viewer = Viewer(root)
    data: dict[str, Callable[[QueryParams], Any]] = {
        "runs": viewer.list_of_runs,
        "run": viewer.one_run,
        "compare": viewer.compared,
        "difference": viewer.difference,
        "chart": viewer.chart,
        "completions": viewer.completions,
        "completion": viewer.completion,
        "group": viewer.group,
        "puzzle": viewer.of_puzzle,
        "reasons": viewer.reasons,
        "words": viewer.words,
    }
    routes = [Route(f"/api/{name}", _answering(of)) for name, of in data.items()]
    routes += [Route(f"/api/chart.{kind}", _picturing(viewer, kind)) for kind in ("svg", "png")]
    return make_site("view", PAGES, routes), viewer


def _answering(of: Callable[[QueryParams], Any]) -> Callable[[Request], Any]:
    async def route(request: Request) -> Response:
        try:
            told = await asyncio.to_thread(of, request.query_params)
        except UserError as error:
            return _json({"error": str(error)}, 400)
        return _json(told)

    return route


def _picturing(viewer: Viewer, kind: str) -> Callable[[Request], Any]:
    async def route(request: Request) -> Response:
        try:
            return await asyncio.to_thread(viewer.picture, request.query_params, kind)
        except UserError as error:
            return _json({"error": str(error)}, 400)

    return route


def _json(data: Any, status: int = 200) -> Response:
    """JSON has no value for what is not finite; null stands for it. Half a pair of UTF-16 is replaced."""
    body = json.dumps(_finite(data), ensure_ascii=False, allow_nan=False).encode("utf-8", errors="replace")
    return Response(body, status, media_type="application/json")


def _finite(data: Any) -> Any:
    if isinstance(data, float):
        return data if math.isfinite(data) else None
    if isinstance(data, dict):
        return {str(key): _finite(value) for key, value in data.items()}
    return [_finite(one) for one in data] if isinstance(data, list | tuple) else data


def _whole(text: str | None) -> int | None:
    """A number from an address; None for none."""
    if not text:
        return None
    try:
        return max(0, min(int(text), 2**31 - 1))
    except ValueError:
        raise UserError(f"{text[:40]!r}: give a whole number") from None
