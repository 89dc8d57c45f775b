"""Long cases in parts: a policy that shows another one the page again and again, each time with a few of its clues.

A small model that translates ten clues without a slip loses its place among a hundred. The page is cut by its layout
alone (which lines are clues), so nothing is read that the model should read; the programs of the parts, one after the
other, are the program of the page.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from itertools import islice

from sleuth.config import Mode
from sleuth.errors import UserError
from sleuth.policy.base import Policy, Request, Rollout, Sampling, StopReason
from sleuth.puzzles.page_reader import MARK
from sleuth.puzzles.puzzle import Puzzle
from sleuth.puzzles.registry import get_family, get_task


def check_chunks(mode: Mode, most: int, retries: int, puzzles: Iterable[Puzzle]) -> None:
    """Raises `UserError` where cases cannot be shown in parts of at most `most` clues (0: they are shown whole)."""
    if most < 0:
        raise UserError(f"--clues-at-a-time {most}: 1 or more, or 0 for all at once")
    if most and mode != "program":
        raise UserError(f"--clues-at-a-time is for mode program: in mode {mode} no answer follows from a part")
    if most and retries:
        raise UserError("--clues-at-a-time and --retries exclude one another: errors show only in all parts together")
    if most and (without := next((one for one in puzzles if get_task(one.family).family is None), None)):
        raise UserError(f"--clues-at-a-time: {without.family} has no clues")


def in_chunks(puzzle: Puzzle, most: int) -> list[str]:
    """The puzzle's page, once for each run of at most `most` clues, with no other clue on it, in order. Numbers and
    marks of the list begin anew on each."""
    lines = puzzle.prompt.splitlines()
    places = get_family(puzzle.family).clue_lines(puzzle.prompt)
    marks = [found[0] if (found := MARK.match(lines[place])) else "" for place in places]
    texts = [lines[place].removeprefix(mark) for place, mark in zip(places, marks, strict=True)]
    pages = []
    for first in range(0, len(places), most):
        some = zip(places, marks, texts[first : first + most], strict=False)
        shown = {place: mark + text for place, mark, text in some}
        left = set(places) - shown.keys()
        pages.append("\n".join(shown.get(i, line) for i, line in enumerate(lines) if i not in left))
    return pages or [puzzle.prompt]


class ChunkedPolicy:
    """Has `policy` complete each page in parts of at most `most` clues, and joins what it writes."""

    def __init__(self, policy: Policy, puzzles: Iterable[Puzzle], most: int) -> None:
        self._policy = policy
        self._pages = {puzzle.id: in_chunks(puzzle, most) for puzzle in puzzles}

    def rollout(
        self,
        requests: Sequence[Request],
        samples: int,
        sampling: Sampling,
        progress: Callable[[int], None] | None = None,
    ) -> list[list[Rollout]]:
        """As `Policy.rollout`, of first turns; `sampling.max_new_tokens` is the limit of a part."""
        assert not any(request.turns for request in requests) and not sampling.token_budget
        asked = [self._asked(request) for request in requests]
        flat = [part for parts in asked for part in parts]
        done, told = 0, 0

        def advance(finished: int) -> None:
            nonlocal done, told
            done += finished
            whole = done * len(requests) // len(flat)
            if progress is not None and whole > told:
                progress(whole - told)
                told = whole

        found = iter(self._policy.rollout(flat, samples, sampling, advance))
        return [[_joined(some) for some in zip(*islice(found, len(parts)), strict=True)] for parts in asked]

    def _asked(self, request: Request) -> list[Request]:
        pages = self._pages[request.key]
        if len(pages) == 1:
            return [request]
        return [
            dataclasses.replace(request, key=f"{request.key}, part {number}", user=page)
            for number, page in enumerate(pages, start=1)
        ]


def _joined(parts: Sequence[Rollout]) -> Rollout:
    """The rollouts of a page's parts as one; cut off if any of them was."""
    return Rollout(
        prompt_tokens=tuple(token for part in parts for token in part.prompt_tokens),
        tokens=tuple(token for part in parts for token in part.tokens),
        logprobs=tuple(logprob for part in parts for logprob in part.logprobs),
        stop=next((part.stop for part in parts if part.stop.cut), StopReason.END),
        text="\n".join(part.text for part in parts),
        grammar=parts[0].grammar,
    )
