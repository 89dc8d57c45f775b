"""A tour of a minute as a GIF: real pages of `sleuth view` and `sleuth play`, on a real run.

    python -m tools.tour runs detective --out docs/tour.gif

`runs` is a folder of runs, `detective` the one that is shown: GRPO in mode `reason`, with evaluations before and after.
Chromium shows each page as a person would use it; a caption stands under each picture. Needs Playwright's Python
package, Chromium and Pillow.
"""

from __future__ import annotations

import argparse
import io
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

from PIL import Image, ImageDraw, ImageFont
from playwright.sync_api import Page, sync_playwright

from sleuth.runs.directory import RunDirectory

WIDTH, HEIGHT, CAPTION = 1120, 690, 50
"""Pixels; the caption comes below."""
COLOURS = 128
MOST_BYTES = 2_000_000
INK, PAPER = "#fbfaf8", "#1d2126"
WAIT_MS = 120_000


class Film:
    """The pictures so far, each with its seconds."""

    def __init__(self) -> None:
        self.frames: list[tuple[Image.Image, float]] = []
        self._font = ImageFont.load_default(size=24)

    def take(self, page: Page, seconds: float, caption: str) -> None:
        """The page as it is now, with a caption below."""
        shown = Image.open(io.BytesIO(page.screenshot(timeout=WAIT_MS))).convert("RGB")
        self.frames.append((self._with(shown, caption), seconds))

    def open_with_last(self, caption: str) -> None:
        """Begins with the newest picture: it is what is seen where nothing moves."""
        self.frames.insert(0, (self._with(self.frames[-1][0].crop((0, 0, WIDTH, HEIGHT)), caption), 3.0))

    def _with(self, shown: Image.Image, caption: str) -> Image.Image:
        frame = Image.new("RGB", (WIDTH, HEIGHT + CAPTION), PAPER)
        frame.paste(shown, (0, 0))
        draw = ImageDraw.Draw(frame)
        draw.text((WIDTH / 2, HEIGHT + CAPTION / 2), caption, fill=INK, font=self._font, anchor="mm")
        return frame

    def write(self, out: Path) -> None:
        """All pictures in the colours of all of them, so that what stays the same stays the same."""
        sheet = Image.new("RGB", (WIDTH, (HEIGHT + CAPTION) * len(self.frames)))
        for number, (frame, _) in enumerate(self.frames):
            sheet.paste(frame, (0, (HEIGHT + CAPTION) * number))
        palette = sheet.quantize(COLOURS, method=Image.Quantize.MEDIANCUT)
        first, *rest = (frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame, _ in self.frames)
        durations = [round(1000 * seconds) for _, seconds in self.frames]
        first.save(out, save_all=True, append_images=rest, duration=durations, loop=0, optimize=True)
        size = out.stat().st_size
        print(f"{out}: {len(self.frames)} pictures, {sum(durations) / 1000:.0f} s, {size / 1e6:.2f} MB")
        if size > MOST_BYTES:
            sys.exit(f"more than {MOST_BYTES / 1e6:g} MB")


@contextmanager
def served(*command: str) -> Iterator[str]:
    """The address of a server that `sleuth` starts."""
    process = subprocess.Popen([sys.executable, "-m", "sleuth", *command], stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        address = next(found[0] for line in process.stderr if (found := re.search(r"http://[\d.:]+", line)))
        yield address
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)


def settle(page: Page) -> None:
    page.wait_for_load_state("networkidle", timeout=WAIT_MS)
    page.wait_for_timeout(700)


def show(page: Page, selector: str) -> None:
    """Scrolls the first of these to the top."""
    page.locator(selector).first.evaluate("element => element.scrollIntoView({block: 'start'})")
    settle(page)


def learnt(run: Path) -> int:
    """Number of the first case, told in few words, that was not solved before the training, with a false sentence, and
    was after it."""
    directory = RunDirectory.open(run)
    before, after = (directory.read_evaluation(name) for name in ("before", "after-grpo"))
    for number, (one, other) in enumerate(zip(before, after, strict=True)):
        verdicts = [verdict for *_, verdict in one.spans]
        if other.correct and not one.correct and "false" in verdicts and len(one.completion) < 900:
            return number
    sys.exit(f"{run}: no case was learnt; choose another run")


def watch_training(page: Page, film: Film, url: str, run: str) -> None:
    page.goto(f"{url}/")
    settle(page)
    film.take(page, 2.5, "sleuth view runs: every run under a folder, while it trains and after")
    page.goto(f"{url}/run?{urlencode({'run': run})}")
    settle(page)
    film.take(page, 2.5, "One run: puzzles solved before and after, with intervals; alarms")
    show(page, ".charts")
    charts = page.locator(".charts").first.locator("figure")
    for chart in charts.all()[:6]:
        chart.locator(".picture svg").wait_for(timeout=WAIT_MS)
    show(page, ".charts")
    box = charts.nth(1).locator(".picture svg").bounding_box()
    assert box is not None
    for share, seconds in ((0.2, 1.0), (0.55, 1.0), (0.95, 2.0)):
        page.mouse.move(box["x"] + share * box["width"], box["y"] + 0.5 * box["height"])
        film.take(page, seconds, "Its curves, live; point at one to read its values")
    page.get_by_role("heading", name="Evaluations").evaluate("heading => heading.scrollIntoView()")
    settle(page)
    film.take(page, 3.0, "Held-out puzzles with 95 % intervals, beside guessing and the solver")


def read_completions(page: Page, film: Film, url: str, folder: Path, number: int) -> None:
    run = folder.name
    of = {"run": run, "file": "evaluations/before.parquet", "row": str(number)}
    page.goto(f"{url}/read?{urlencode(of)}")
    page.locator(".detail .mark").first.wait_for(timeout=WAIT_MS)
    page.get_by_text(re.compile(r"^[\d,]+ completions$")).wait_for(timeout=WAIT_MS)
    show(page, ".reading-room")
    film.take(page, 3.0, "The reading room: every completion, every sentence judged by the solver")
    for verdict, caption in (
        ("derived", "Click a sentence: which clues and sentences it follows from"),
        ("false", "… or why it is false"),
    ):
        mark = page.locator(f".detail [role=button].mark.{verdict}").first
        mark.scroll_into_view_if_needed()
        mark.click()
        page.locator(".why p").nth(1).filter(has_not_text="Asking").wait_for(timeout=WAIT_MS)
        mark.evaluate("mark => mark.scrollIntoView({block: 'center'})")
        page.wait_for_timeout(300)
        film.take(page, 3.5, caption)
    film.open_with_last("Sleuth: what a model wrote, and why each sentence is sound or not")
    newest = max(file.name for file in folder.glob("rollouts/*.parquet"))
    of = {"run": run, "file": f"rollouts/{newest}", "row": "0"}
    page.goto(f"{url}/read?{urlencode(of | {'tab': 'group'})}")
    page.locator(".group article").nth(1).wait_for(timeout=WAIT_MS)
    show(page, ".reading-room")
    film.take(page, 3.0, "A group side by side, with the advantages that training gave")
    page.goto(f"{url}/read?{urlencode(of | {'shade': 'logprob'})}")
    page.locator(".text .token").first.wait_for(timeout=WAIT_MS)
    show(page, ".reading-room")
    film.take(page, 2.5, "Tokens by log-probability, importance ratio or advantage")
    of = {"run": run, "file": "evaluations/after-grpo.parquet", "row": str(number), "tab": "puzzle"}
    page.goto(f"{url}/read?{urlencode(of)}")
    page.locator(".sides article").nth(1).wait_for(timeout=WAIT_MS)
    show(page, ".reading-room")
    film.take(page, 3.0, "The same case before and after training, as a diff")


def play_a_case(page: Page, film: Film, url: str, key: str) -> None:
    page.goto(f"{url}/#{key}")
    page.locator("#notebook").wait_for(timeout=WAIT_MS)
    settle(page)
    film.take(page, 3.0, "sleuth play --browser: the same cases are for you, with a notebook")
    page.locator("#proof").check()
    page.wait_for_timeout(1500)
    film.take(page, 2.5, "Proof mode: a mark counts only if it follows")
    hint = page.get_by_role("button", name="Hint", exact=True)
    hint.click()
    page.locator(".said").filter(has_text="Look at").wait_for(timeout=WAIT_MS)
    film.take(page, 2.5, "A hint first says where to look …")
    for _ in range(3):
        hint.click()
        mark = page.get_by_role("button", name="Mark it")
        mark.wait_for(timeout=WAIT_MS)
        film.take(page, 1.5, "… then what follows, and why")
        mark.click()
        page.wait_for_timeout(500)
        hint.click()
        page.locator(".said").filter(has_text="Look at").wait_for(timeout=WAIT_MS)
    film.take(page, 1.5, "Every step is proved; there is always a next one")
    watch = page.locator("details.watch")
    watch.locator("summary").click()
    watch.get_by_role("button").first.click()
    watch.evaluate("watch => watch.scrollIntoView({block: 'start'})")
    for number in range(9):
        page.wait_for_timeout(100)
        watch.get_by_role("button", name="Next sentence").click()
        if number % 2 == 0:
            film.take(page, 1.0, "Watch the model try the same case, with the judge's marks")
    watch.get_by_role("button", name="All of it").click()
    page.wait_for_timeout(300)
    film.take(page, 4.0, "Watch the model try the same case, with the judge's marks")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, help="folder of runs")
    parser.add_argument("run", help="name of the one to show")
    parser.add_argument("--out", type=Path, required=True, help="file to write: .gif")
    options = parser.parse_args()
    chromium = shutil.which("chromium") or sys.exit("chromium is not installed")
    folder = options.runs / options.run
    number = learnt(folder)
    film = Film()
    with (
        served("view", str(options.runs), "--port", "0") as view,
        served("play", "--browser", "--port", "0", "--run", str(folder)) as play,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        page.set_default_timeout(WAIT_MS)
        watch_training(page, film, view, options.run)
        read_completions(page, film, view, folder, number)
        play_a_case(page, film, play, f"run/{number}")
        browser.close()
    film.write(options.out)


if __name__ == "__main__":
    main()
