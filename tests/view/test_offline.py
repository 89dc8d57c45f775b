"""The offline report of several runs: what it says, that it loads and runs nothing, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("vl_convert")

from sleuth.commands import write_charts
from sleuth.errors import UserError
from sleuth.evaluation.summary import summarise
from sleuth.puzzles.score import Outcome
from sleuth.report.axes import AXES
from sleuth.runs.directory import RunDirectory
from sleuth.view.offline import MOST_PAIRS, _paired, read_runs, render_offline, write_offline
from tests.browser import PHONE, browser, opened, serious_findings
from tests.commands import sleuth
from tests.report.made_up_run import CONFIG, HOSTILE, evaluation
from tests.report.test_page import Page
from tests.view.runs import several


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("offline")
    several(folder)
    return folder


@pytest.fixture(scope="module")
def html(root: Path) -> str:
    return render_offline(read_runs([root / name for name in ("demo-0", "demo-1", "child")]))


def evaluated(path: Path, solved: int, puzzles: int = 4) -> None:
    """A run of which the last evaluation solved the first puzzles and answered nothing of the others."""
    run = RunDirectory.create(path, CONFIG)
    rows = [
        row
        if i < solved
        else replace(row, outcome=Outcome.UNREADABLE, correct=False, reward=0.0, completion=HOSTILE[i % len(HOSTILE)])
        for i, row in enumerate(evaluation(1.0, puzzles, 1))
    ]
    run.write_evaluation("after-grpo", rows, summarise(rows).as_json())


def test_the_views_are_there(html: str) -> None:
    page = Page(html)
    text = page.text()
    assert "child is not finished" in text and "child raised 1 alarm" in text
    assert page.texts.count(("code", "grpo.learning_rate")) == 1 and ("td", "1e-05") in page.texts
    keys = [data for tag, data in page.texts if tag == "code"]
    assert keys == ["name", "seed", "grpo.learning_rate"]
    assert "demo (2 seeds)" in text
    labels = [label for label in page.values("aria-label") if label.startswith("Puzzles solved. ")]
    assert len(labels) == 2 * len(AXES) and "child: " in labels[0] and "at 12,000 tokens sampled" in labels[1]
    assert "A sample: 8 of the 400 completions" in text
    for head in ("The runs", "GRPO, training batch", "Held-out puzzles", "Warm start", "Evaluations"):
        assert head in page.text("h2")
    assert html.count('class="mark-area') >= 1  # the band of the seeds


def test_it_loads_and_runs_nothing(html: str, tmp_path: Path) -> None:
    evaluated(tmp_path / "<img src=x onerror=alert(1)>", 0, 8)
    evaluated(tmp_path / "b", 8, 8)
    hostile = render_offline(read_runs(sorted(tmp_path.iterdir())))
    for made in (html, hostile):
        page = Page(made)
        assert not page.tags & {"script": 1, "img": 1, "link": 1, "iframe": 1, "a": 1}.keys()
        assert not [name for _, name, _ in page.attributes if name.startswith("on")]
        assert not [v for _, name, v in page.attributes if name in ("src", "href") or "url(" in v]
        assert "default-src 'none'" in page.values("content")[0]
    assert "THE-END-OF-A-MEGABYTE" not in hostile and len(hostile) < 500_000
    assert "<img src=x onerror=alert(1)>" in Page(hostile).text()


def test_differences_are_paired_by_puzzle(tmp_path: Path) -> None:
    """One solves the first puzzle of four, the other the first three: +50 points. Puzzles 1 and 2 divide them."""
    evaluated(tmp_path / "one", 1)
    evaluated(tmp_path / "three", 3)
    runs = read_runs([tmp_path / "one", tmp_path / "three"])
    [row], said = _paired(runs)
    assert row["name"] == "three, after GRPO, against one, after GRPO" and not said
    assert row["cells"][0][0] == row["cells"][1][0] == "+50.0"
    page = Page(render_offline(runs))
    assert page.text().count("solved by some only") == 2
    evaluated(tmp_path / "more", 5, 6)
    [row], _ = _paired(read_runs([tmp_path / "one", tmp_path / "more"]))
    assert row["name"].endswith("(4 puzzles that both asked, of 6)") and row["cells"][0][0] == "+75.0"


def test_a_single_puzzle_has_a_difference_of_lengths_and_no_interval(tmp_path: Path) -> None:
    for name in ("one", "other"):
        evaluated(tmp_path / name, 1, 1)
    [row], _ = _paired(read_runs([tmp_path / "one", tmp_path / "other"]))
    assert row["cells"][-1] == ("+0.0", "")


def test_of_many_runs_each_is_compared_with_the_first(tmp_path: Path) -> None:
    for number in range(7):  # 21 pairs
        evaluated(tmp_path / f"run-{number}", number % 5)
    rows, said = _paired(read_runs(sorted(tmp_path.iterdir())))
    assert MOST_PAIRS < 21 and len(rows) == 6 and "with the first alone" in said
    assert [row["cells"][0][0] for row in rows] == ["+25.0", "+50.0", "+75.0", "+100.0", "+0.0", "+25.0"]


def test_what_is_refused(root: Path, tmp_path: Path) -> None:
    demo = root / "demo-0"
    for folders, said in (
        ([demo, root / "child" / ".." / "demo-0"], "named twice"),
        ([demo, tmp_path], "no run here"),
        ([root / f"r{i}" for i in range(21)], "at most 20"),
    ):
        with pytest.raises(UserError, match=said):
            write_offline(folders, tmp_path / "runs.html")
    with pytest.raises(UserError, match=r"name the file \.html"):
        write_offline([demo, root / "child"], tmp_path / "runs.txt")
    assert not list(tmp_path.iterdir())
    for more, said in (([str(tmp_path)], "no run here"), (["--out", "x.html"], "--out is for the report of several")):
        ended = sleuth("report", demo, *more, cwd=tmp_path)
        assert ended.returncode == 2 and said in ended.stderr, ended.stderr


def test_charts_for_papers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One metric over the three axes of which something is known, each with a legend."""
    for name, rate in (("one", 1e-4), ("two", 2e-4)):
        grpo = CONFIG.grpo.model_copy(update={"learning_rate": rate})
        run = RunDirectory.create(tmp_path / name, CONFIG.model_copy(update={"grpo": grpo}))
        for step in (1, 2):
            run.log_metrics("grpo", step, {"strict": 0.25 * step, "tokens_sampled": 100.0})
    write_charts([tmp_path / "one", tmp_path / "two"], tmp_path / "papers")
    assert "3 charts in" in capsys.readouterr().err
    names = [f"grpo-strict-{axis}" for axis in ("examples", "step", "tokens")]
    assert sorted(file.name for file in (tmp_path / "papers").iterdir()) == [
        f"{name}.{kind}" for name in names for kind in ("png", "svg")
    ]
    for name in names:
        svg = (tmp_path / "papers" / f"{name}.svg").read_text()
        assert ">one<" in svg and ">two<" in svg
        assert (tmp_path / "papers" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    RunDirectory.create(tmp_path / "empty", CONFIG)
    with pytest.raises(UserError, match="nothing was logged yet"):
        write_charts([tmp_path / "empty"], tmp_path / "none")
    with pytest.raises(UserError, match="is a file; choose another folder"):
        write_charts([tmp_path / "one"], tmp_path / "one" / "config.json")
    with pytest.raises(UserError, match="is the folder of a run"):
        write_charts([tmp_path / "two", tmp_path / "one"], tmp_path / "two" / ".." / "one")


def test_the_command_writes_a_file_that_opens_from_disk(root: Path, tmp_path: Path) -> None:
    ended = sleuth("report", root / "demo-0", root / "child", cwd=tmp_path)
    assert ended.returncode == 0 and ended.stdout == "runs.html\n" and "2 runs in " in ended.stderr, ended.stderr
    file = (tmp_path / "runs.html").as_uri()
    with browser() as running:
        for scheme in ("light", "dark"):
            with opened(running, file, PHONE, color_scheme=scheme) as page:
                drawings = {axis: page.locator(f"#grpo-strict .over-{axis}") for axis in AXES}
                for chosen, words in (("step", "steps"), ("tokens", "tokens sampled"), ("hours", "hours")):
                    page.get_by_role("radio", name=words).check()
                    assert [axis for axis, one in drawings.items() if one.is_visible()] == [chosen]
                assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
                assert serious_findings(page) == []
