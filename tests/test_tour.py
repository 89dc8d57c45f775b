"""README's tour: its first scene on made-up runs, and the picture that comes of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("duckdb")
pytest.importorskip("playwright")

from PIL import Image, ImageSequence
from tools.tour import CAPTION, HEIGHT, MOST_BYTES, WIDTH, Film, learnt, watch_training

from sleuth.evaluation.summary import summarise
from sleuth.puzzles.score import Outcome
from sleuth.runs.directory import RunDirectory
from sleuth.view.app import make_app
from tests.browser import browser
from tests.report.made_up_run import CONFIG, evaluation
from tests.view.runs import several
from tests.web.servers import served


def test_the_first_scene(tmp_path: Path) -> None:
    several(tmp_path / "runs")
    app, viewer = make_app(tmp_path / "runs")
    film, out = Film(), tmp_path / "tour.gif"
    with served(app) as url, browser() as running:
        page = running.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        watch_training(page, film, url, "demo-0")
    viewer.close()
    film.open_with_last("Sleuth")
    film.write(out)
    with Image.open(out) as picture:
        durations = [frame.info["duration"] for frame in ImageSequence.Iterator(picture)]
        assert picture.size == (WIDTH, HEIGHT + CAPTION)
        assert durations == [1000 * seconds for _, seconds in film.frames] and len(durations) == 7
    assert out.stat().st_size < MOST_BYTES


def test_the_case_of_the_tour_was_learnt(tmp_path: Path) -> None:
    """It was not solved before, with a false sentence, and is solved after; the first such one."""
    run = RunDirectory.create(tmp_path / "run", CONFIG)
    after = evaluation(1.0, 4, 1)
    wrong = [replace(row, correct=False, outcome=Outcome.WRONG, completion="No.", spans=()) for row in after]
    run.write_evaluation("after-grpo", after, summarise(after).as_json())
    run.write_evaluation("before", wrong, summarise(wrong).as_json())
    with pytest.raises(SystemExit, match="no case was learnt"):
        learnt(run.path)
    wrong[2:] = [replace(row, spans=((0, 3, "false"),)) for row in wrong[2:]]
    run.write_evaluation("before", wrong, summarise(wrong).as_json())
    assert learnt(run.path) == 2
