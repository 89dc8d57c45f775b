"""The report: what it says, that foreign text stays text, that it loads nothing, and that part of a run is enough."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from sleuth.config import PuzzlesConfig, RunConfig, SourceConfig
from sleuth.evaluation.statistics import share_interval
from sleuth.evaluation.summary import summarise
from sleuth.recipes import load_recipe
from sleuth.report.page import recipe, render, write_report
from sleuth.report.text import percent
from sleuth.runs.directory import RunDirectory
from tests.browser import DESKTOP, PHONE, browser, opened, serious_findings
from tests.report.made_up_run import CONFIG, HOSTILE, SCRIPT, evaluation, fill

VOID = {"meta", "br", "hr", "img", "input", "link", "path", "line"}
ALL_FIGURES = ["reward", "strict", "outcomes", "length", "entropy", "repetition", "mismatch", "sft-loss", "time"]
DRAWINGS = 2 + 3 + 6 * 4


class Page(HTMLParser):
    """The page as a browser would read it; raises if tags don't close in order."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str]] = []
        self.texts: list[tuple[str, str]] = []
        """(innermost tag, text)"""
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-1:]} at {self.getpos()}"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.texts.append((self.open[-1] if self.open else "", data))

    def text(self, tag: str | None = None) -> str:
        return "\n".join(data for inside, data in self.texts if tag in (None, inside))

    def values(self, attribute: str) -> list[str]:
        return [value for _, name, value in self.attributes if name == attribute]


@pytest.fixture(scope="module")
def full_run(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    run = RunDirectory.create(tmp_path_factory.mktemp("report") / "run", CONFIG)
    fill(run)
    return run


@pytest.fixture
def empty_run(tmp_path: Path) -> RunDirectory:
    return RunDirectory.create(tmp_path / "run", CONFIG)


@pytest.fixture(scope="module")
def html(full_run: RunDirectory) -> str:
    path = write_report(full_run)
    assert path == full_run.path / "report.html"
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def test_foreign_text_stays_text(page: Page) -> None:
    assert page.tags["script"] == page.tags["img"] == page.tags["a"] == page.tags["iframe"] == 0
    assert page.tags["style"] == 1
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]
    written = page.text("pre")
    for text in (HOSTILE[0], HOSTILE[1], HOSTILE[3]):
        assert text in written
    assert SCRIPT in page.text("li") and SCRIPT in page.text("p")  # an answer as read, a detail
    assert CONFIG.name in page.text("h1") and CONFIG.name in page.text("title")


def test_characters_that_deceive_are_shown_as_symbols(html: str) -> None:
    assert "right ⟨U+202E⟩ lanimirc⟨U+202C⟩ to left, a bell ␇, a null ␀, ‘quotes’, 侦探" in html
    assert not re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e\u2066-\u2069]", html)


def test_a_very_long_completion_is_cut(html: str) -> None:
    assert len(HOSTILE[4]) == 1_000_021
    assert "Cut here: 998,521 more characters are in the run's files." in html
    assert "THE-END-OF-A-MEGABYTE" not in html
    assert len(html.encode()) < 500_000


def test_loads_nothing(html: str, page: Page) -> None:
    for tag, name, value in page.attributes:
        assert name not in ("src", "srcset", "href", "xlink:href", "data", "action", "background", "poster"), (
            tag,
            value,
        )
    assert not re.search(r"url\s*\(|@import|@font-face", page.text("style") + " ".join(page.values("style")))
    policy = [value for value in page.values("content") if "default-src" in value]
    assert policy == ["default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"]
    assert html.index("Content-Security-Policy") < html.index("<style>")


def test_it_fits_a_phone_and_axe_finds_nothing_serious(html: str, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_bytes(html.encode(errors="replace"))
    with browser() as running:
        for size, scheme in ((DESKTOP, "light"), (PHONE, "dark")):
            with opened(running, file.as_uri(), size, color_scheme=scheme) as page:
                assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
                assert serious_findings(page) == []
                page.get_by_role("radio", name="hours").check()
                assert (
                    page.locator("#reward .over-hours").is_visible() and page.locator("#reward .over-step").is_hidden()
                )


def test_nothing_of_this_machine(html: str) -> None:
    for place in {str(Path.home()), str(Path.cwd()), os.uname().nodename} - {"/"}:
        assert place not in html


def test_all_charts_are_there_with_what_was_logged(full_run: RunDirectory, page: Page) -> None:
    ids = page.values("id")
    assert [name for name in ids if name in ALL_FIGURES] == ALL_FIGURES
    assert len(ids) == len(set(ids))
    # Two are drawn once, the loss of the warm start over three axes (it samples no tokens), the other six over four.
    assert page.tags["svg"] == DRAWINGS
    assert page.text("p").count("No tokens were sampled here.") == 1
    rewards = [line.values["reward"] for line in full_run.read_metrics("grpo")]
    label = f"Questions answered right: {100 * rewards[0]:.1f} % at step 1, {100 * rewards[-1]:.1f} % at step 12"
    assert label in [value.replace("\u202f", " ") for value in page.values("aria-label")]
    # One point per step of the line is drawn, with its value for screen readers.
    drawn = [value for value in page.values("aria-label") if "name: training batch" in value and "step: 12" in value]
    assert drawn


def test_tables_and_headlines_say_what_the_rows_say(full_run: RunDirectory, page: Page) -> None:
    rows = full_run.read_evaluation("after-grpo")
    solved = sum(row.correct for row in rows)
    strict = share_interval({row.puzzle_id: [float(row.correct)] for row in rows})
    cells = page.text("td") + page.text("dd")
    assert cells.count(f"{solved / 2:.1f}\u202f%") == 2  # 200 puzzles; once as a headline, once in the table
    assert f"{100 * strict.low:.1f} – {100 * strict.high:.1f}" in page.text("span")
    before = sum(row.correct for row in full_run.read_evaluation("before"))
    assert f"+{(solved - before) / 2:.1f}" in page.text("td")
    # 10 warm-up steps of 9 + n % 3 s; 12 of 11 + n % 2 + 30 - n + 0.8 s; 3 evaluations of 9.5 s.
    seconds = 100 + (12 * 41.8 + 6 - 78) + 28.5
    assert f"{seconds / 60:.0f}\u202fmin" in page.text("dd")


def test_all_puzzles_and_samples_are_there(page: Page) -> None:
    written = page.text("p")
    for i in range(3):
        assert f"temporal-clue@1/level-1/test/0/{i}" in written
    assert "temporal-clue@1/level-1/train/1/0" in written and "temporal-clue@1/level-1/train/12/3" in written
    assert page.text("p").count("· not solved") == 2
    # Two of each of 6 + 2 puzzles, and 6 of the first and of the last step.
    assert page.tags["article"] == 3 + 2 * 8 + 2 * 6 + 1


def test_same_run_same_page(full_run: RunDirectory, html: str) -> None:
    assert render(full_run) == html


@pytest.mark.parametrize(
    ("sft_steps", "grpo_steps", "figures", "says"),
    [
        (0, 0, [], "the warm start has done 0 of 10 steps; GRPO has done 0 of 12 steps; there is no evaluation yet"),
        (3, 0, ["sft-loss", "time"], "the warm start has done 3 of 10 steps"),
        (10, 1, ALL_FIGURES, "GRPO has done 1 of 12 steps"),
        (10, 5, ALL_FIGURES, "GRPO has done 5 of 12 steps"),
    ],
)
def test_a_part_of_a_run(
    empty_run: RunDirectory, sft_steps: int, grpo_steps: int, figures: list[str], says: str
) -> None:
    fill(empty_run, sft_steps=sft_steps, grpo_steps=grpo_steps, evaluations=False)
    page = Page(render(empty_run))
    assert [name for name in page.values("id") if name in ALL_FIGURES] == figures
    assert says in page.text("p")
    assert "not measured yet" in page.text("dd")


def test_a_long_log_is_thinned_and_the_page_says_so(empty_run: RunDirectory) -> None:
    steps = 100_000
    with (empty_run.path / "metrics.jsonl").open("a") as file:
        file.writelines(f'{{"phase": "sft", "step": {step}, "loss": {step / steps}}}\n' for step in range(1, steps + 1))
    html = render(empty_run)
    assert "Of more than 400 steps, each point is the mean of its neighbours." in html and len(html) < 200_000


def test_only_the_evaluation_before(empty_run: RunDirectory) -> None:
    rows = evaluation(0.1, 7, 1)
    empty_run.write_evaluation("before", rows, summarise(rows).as_json())
    page = Page(render(empty_run))
    assert "the final evaluation is missing" in page.text("p")
    assert page.tags["table"] == 2, "what was answered, and how far programs can be trusted"
    assert "What changed" not in page.text()


def test_parts_are_marked_where_they_stand(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path / "run", CONFIG.model_copy(update={"mode": "reason"}))
    said = "\nIt was Ada. It was Ada. It was not <b>."
    parts = ((1, 12, "derived"), (13, 24, "repeated"), (25, 39, "false"))
    rows = [replace(row, completion=said, spans=parts) for row in evaluation(0.1, 2, 1)]
    strange = ((-5, 3, "derived"), (2, 10**6, "<script>"))  # from a file that somebody else wrote
    rows[1] = replace(rows[1], spans=strange)
    run.write_evaluation("before", rows, summarise(rows[:1], mode="reason").as_json())
    html = render(run)
    page = Page(html)
    marked = [data for tag, data in page.texts if tag == "mark"]
    assert marked[:3] == ["It was Ada.", "It was Ada.", "It was not <b>"]
    assert page.values("class").count("false") == 1 and "<script>" not in html
    assert "Sentences that are true" in page.text("th") and "83.3\u202f%" in page.text("td")  # 2/3 and 2/2


def test_evaluations_of_different_puzzles_and_of_other_names(empty_run: RunDirectory) -> None:
    for name, rows in (
        ("before", evaluation(0.1, 7, 1)),
        ("after-grpo", evaluation(0.9, 8, 1)),
        ("renamed", [replace(row, puzzle_id=f"x{row.puzzle_id}") for row in evaluation(0.5, 3, 1)]),
        ("empty", []),
    ):
        empty_run.write_evaluation(name, rows, {})
    page = Page(render(empty_run))
    assert "not the same puzzles" in page.text("span")
    assert "renamed" in page.text("th") and "empty" not in page.text("th")


@pytest.mark.parametrize(
    ("dtype", "metric", "bar"), [("bfloat16", "mismatch", 0.02), ("float32", "mismatch_max", 1e-4)]
)
def test_sampler_against_trainer(tmp_path: Path, dtype: str, metric: str, bar: float) -> None:
    """In bfloat16 the mean counts, in float32 the largest difference."""
    config = CONFIG.model_copy(update={"model": CONFIG.model.model_copy(update={"dtype": dtype})})
    said = []
    for name, factors in (("good", (0.5, 0.9, 0.2)), ("bad", (0.5, 1.5, 1.1))):
        run = RunDirectory.create(tmp_path / name, config)
        for step, factor in enumerate(factors, start=1):
            run.log_metrics("grpo", step, {"mismatch": 7.0, "mismatch_max": 7.0} | {metric: factor * bar})
        said.append(Page(render(run)).text("figcaption"))
    assert f"It stayed under the limit of {bar:g} in all 3 steps." in said[0] and "exceeded" not in said[0]
    assert f"It exceeded the limit of {bar:g} in 2 of 3 steps, most in step 2 with {1.5 * bar:.2g}" in said[1]


def test_values_that_are_not_finite(empty_run: RunDirectory) -> None:
    for step, loss in ((1, 2.0), (2, float("nan")), (3, float("inf")), (4, 1.0)):
        empty_run.log_metrics("sft", step, {"loss": loss})
        empty_run.log_metrics("grpo", step, {"reward": float("nan")})
    page = Page(render(empty_run))
    assert [name for name in page.values("id") if name in ALL_FIGURES] == ["reward", "sft-loss"]


def test_recipe_reads_back(tmp_path: Path) -> None:
    config = RunConfig.model_validate(
        {"name": 'a "b" \\ é ’', "seed": 3, "grpo": {"kl": 0.01}, "optimizer": {"activation_checkpointing": True}}
    )
    template = config.model.model_copy(update={"template_kwargs": {"think": False, "a key": "🕵 \x7f\n"}})
    worded = config.model_copy(update={"name": "🕵", "model": template})
    mixed = config.model_copy(update={"puzzles": PuzzlesConfig(mixture=(SourceConfig(ends=0.5), SourceConfig()))})
    for one in (config, worded, mixed):
        (tmp_path / "again.toml").write_text(recipe(one), encoding="utf-8")
        assert load_recipe(tmp_path / "again.toml") == one


def test_in_a_real_browser(full_run: RunDirectory, html: str, tmp_path: Path) -> None:
    """Even with the content security policy taken out, nothing that the model wrote runs."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("NOT CHECKED IN A BROWSER: chromium is not installed")
    bare, policies = re.subn(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", html)
    assert policies == 1
    # A script of our own shows that scripts do run here, and that the parser reached the end of the page.
    bare = bare.replace("</footer>", '</footer><script>document.body.dataset.reached = "end"</script>')
    for name, content in (("with", html), ("without", bare)):
        (tmp_path / f"{name}.html").write_text(content, encoding="utf-8")
        done = subprocess.run(
            [
                chromium,
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                f"--user-data-dir={tmp_path / ('profile-' + name)}",
                "--dump-dom",
                (tmp_path / f"{name}.html").as_uri(),
            ],
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr[-500:]
        body = re.search(r"<body[^>]*>", done.stdout)
        assert body is not None
        assert body[0] == ("<body>" if name == "with" else '<body data-reached="end">')
        assert "Reproduce this run" in done.stdout and "&lt;script&gt;document.body.innerHTML" in done.stdout
        assert done.stdout.count("<svg") == DRAWINGS


def test_turns_are_shown_and_measured(tmp_path: Path) -> None:
    """A card shows what came before and what was said to it; chart and table say how far further turns bring it."""
    run = RunDirectory.create(
        tmp_path / "run", CONFIG.model_copy(update={"grpo": CONFIG.grpo.model_copy(update={"retries": 1})})
    )
    again = (("at(Bo, the Hall)\u202e", f"Line 1: {SCRIPT}. Write the whole program again."),)
    rows = [replace(row, turns=again) if number % 2 else row for number, row in enumerate(evaluation(0.9, 8, 1))]
    run.write_evaluation("after-grpo", rows, {})
    for step in (1, 2):
        run.log_metrics(
            "grpo", step, {"reward": 0.5, "turns/again": 0.25, "turns/right_by_1": 0.5, "turns/right_by_2": 0.75}
        )
    html = render(run)
    page = Page(html)
    assert "at(Bo, the Hall)⟨U+202E⟩" in page.text("pre") and f"Reply: Line 1: {SCRIPT}" in page.text("p")
    assert page.tags["script"] == 0 and "turns" in page.values("id")
    heads = page.text("th")
    assert "Asked again" in heads and "Solved by turn 2" in heads and "Solved by turn 3" not in heads
    figures = zip(("asked again", "solved by turn 1", "solved by turn 2"), (0.25, 0.5, 0.75), strict=True)
    assert "At the last step: " + ", ".join(f"{name} {percent(share)}" for name, share in figures) in html
