"""The charts of runs as files for papers: SVG (drawn lines) and PNG (pixels), each with its legend."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sleuth.errors import UserError
from sleuth.files import atomic_write, check_folder, writing
from sleuth.progress import track
from sleuth.report.axes import AXES
from sleuth.view.courses import courses
from sleuth.view.drawing import as_png, for_paper
from sleuth.view.offline import PHASES, metrics_shown, read_runs


def write_charts(folders: Sequence[Path], out: Path) -> int:
    """Writes every curve of the report of these runs, over every axis, as `PHASE-METRIC-AXIS.svg` and `.png`, and gives
    the number of charts. Raises `UserError` for what is no run, for a run's own folder, and for a place that cannot be
    written to."""
    runs = read_runs(folders)
    if any(out.resolve() == folder.resolve() for folder in folders):
        raise UserError(f"{out} is the folder of a run, which holds that run alone; name another for the charts")
    wanted = [(phase, metric, axis) for phase in PHASES for metric in metrics_shown(runs, phase) for axis in AXES]
    if not wanted:
        raise UserError("nothing was logged yet, so there is nothing to draw")
    check_folder(out)
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
    written = 0
    for phase, metric, axis in track(wanted, "drawing", len(wanted)):
        if drawn := courses(runs, phase, metric, axis, True):
            name, svg = f"{phase}-{metric.replace('/', '-')}-{axis}", for_paper(drawn, metric, axis)
            atomic_write(out / f"{name}.svg", svg.encode())
            atomic_write(out / f"{name}.png", as_png(svg))
            written += 1
    return written
