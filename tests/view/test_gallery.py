"""`sleuth gallery`: what is shown is what is most of its kind, and foreign text stays in its fence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sleuth.errors import UserError
from sleuth.puzzles.score import Outcome
from sleuth.runs.directory import RunDirectory
from sleuth.view.finding import Runs
from sleuth.view.gallery import gallery
from tests.view.runs import REASON, reasoning_rows


def page_of(tmp_path: Path, *changes: dict[str, object]) -> str:
    """The gallery of one step whose rows are changed so, in order."""
    run = RunDirectory.create(tmp_path / "run", REASON)
    plain = replace(reasoning_rows(1)[0], completion="It was Ada who did it in the hall at noon.", spans=())
    rows = [replace(plain, sample=number, puzzle_id=f"p/{number}", **change) for number, change in enumerate(changes)]
    run.write_rollouts("grpo", 1, rows)
    return gallery(Runs(tmp_path))


def part(page: str, title: str) -> str:
    return page.partition(f"## {title}\n")[2].partition("\n## ")[0]


def test_each_part_shows_the_most_of_its_kind(tmp_path: Path) -> None:
    sound = tuple((i, i + 1, "derived") for i in range(9))
    page = page_of(
        tmp_path,
        {},
        {"completion": "round and round it goes " * 20},
        {"completion": "因此 Ада 做了 это in the hall at noon or so."},
        {"tokens": (1,), "logprobs": (-0.5,)},
        {"spans": ((0, 3, "lucky"), (3, 5, "false")), "correct": True, "outcome": Outcome.CORRECT},
        {"spans": sound},
        {"spans": (*sound, *sound, (20, 21, "false")), "correct": False},
    )
    for title, puzzle, figures in (
        ("Illegible reasoning", 1, "of its runs of four words were not written before"),
        ("A language switch", 2, "of its letters are of the prompt's scripts"),
        ("Collapsed length", 3, "1 token, where the run's first step had"),
        ("Lucky guesses", 4, "every answer is right, and 2 of 2 sentences are false or lucky"),
        ("The longest sound chain", 5, "9 derived sentences, none false, lucky or unread"),
    ):
        first = part(page, title).partition("\n```")[0]
        assert f"puzzle `p/{puzzle}`" in first and figures in first and "The nearest" not in first, title
    assert "among 7 rollouts of 1 run" in page


def test_where_there_is_none_the_nearest_is_shown_and_it_says_so(tmp_path: Path) -> None:
    page = page_of(tmp_path, {"correct": False})
    for title in ("Illegible reasoning", "A language switch", "Collapsed length"):
        assert "**No run here shows one. The nearest:**" in part(page, title)
    assert "so there is nothing to show" in part(page, "The longest sound chain")


def test_foreign_text_stays_in_its_fence(tmp_path: Path) -> None:
    page = page_of(tmp_path, {"completion": "a ```` b\n# Not a heading\n\x1b[2J <script> and more words here"})
    assert "`````text\na ```` b\n# Not a heading\n␛[2J <script>" in page and "\x1b" not in page
    with pytest.raises(UserError, match="no run here has stored a rollout"):
        gallery(Runs(Path(__file__).parent))
