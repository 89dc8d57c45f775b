"""Cases shown in parts: every part is a page of the case with its own clues, and the parts together are the case."""

from __future__ import annotations

import pytest

from sleuth.errors import UserError
from sleuth.evaluation.evaluate import evaluate
from sleuth.policy.base import Request, Rollout, Sampling, StopReason
from sleuth.policy.chunks import ChunkedPolicy, check_chunks, in_chunks
from sleuth.policy.scripted import ScriptedPolicy
from sleuth.puzzles.generate import make_puzzle
from sleuth.puzzles.gold import gold_completion
from sleuth.puzzles.puzzle import Puzzle
from sleuth.puzzles.registry import family_names, get_family
from sleuth.puzzles.score import Outcome

PUZZLES = [
    make_puzzle(name, level, "val", 5, index, style).puzzle
    for name in family_names()
    for style in get_family(name).styles
    for level, index in (("1", 0), ("3", 1), ("3", 2))
]
NAMES = [f"{puzzle.family} {puzzle.meta['style']} {len(puzzle.clues)} clues" for puzzle in PUZZLES]


@pytest.mark.parametrize("puzzle", PUZZLES, ids=NAMES)
@pytest.mark.parametrize("most", [1, 4, 1000])
def test_parts_are_pages_of_the_case(puzzle: Puzzle, most: int) -> None:
    family = get_family(puzzle.family)
    whole, pages = family.read_page(puzzle.prompt), in_chunks(puzzle, most)
    parts = [family.read_page(page) for page in pages]
    assert [text for part in parts for text in part.clue_texts] == list(whole.clue_texts)
    assert all(len(part.clues) == most for part in parts[:-1]) and len(parts) == -(-len(whole.clues) // most)
    for part in parts:
        assert (part.questions, part.letters) == (whole.questions, whole.letters)
        assert family.board(part.case, None) == family.board(whole.case, None)
    if most == 1000:
        assert pages == [puzzle.prompt]


def test_numbers_begin_anew() -> None:
    puzzle = next(puzzle for puzzle in PUZZLES if "\n5. " in puzzle.prompt)
    assert "\n1. " in (second := in_chunks(puzzle, 4)[1]) and "\n5. " not in second


@pytest.mark.parametrize("first", range(0, len(PUZZLES), 3))
def test_programs_of_the_parts_are_the_program(first: int) -> None:
    puzzles = PUZZLES[first : first + 3]
    asked: list[str] = []

    def translate(request: Request, sample: int) -> str:
        asked.append(f"{request.key}, sample {sample}")
        shown = next(puzzle for puzzle in puzzles if request.key.partition(", ")[0] == puzzle.id)
        return gold_completion(shown.model_copy(update={"prompt": request.user}), "program")

    done: list[int] = []
    policy = ChunkedPolicy(ScriptedPolicy(translate), puzzles, 3)
    rows = evaluate(policy, puzzles, "program", Sampling(8), 2, done.append)
    assert [row.outcome for row in rows] == [Outcome.CORRECT] * 2 * len(puzzles)
    assert [row.prompt for row in rows[::2]] == [puzzle.prompt for puzzle in puzzles]
    assert sum(done) == len(rows)
    assert len(set(asked)) == len(asked) > len(rows)  # every part draws by its own key


def test_a_part_that_is_cut_off_cuts_the_whole() -> None:
    class Halting:
        def rollout(self, requests, samples, sampling, progress=None):  # type: ignore[no-untyped-def]
            return [
                [Rollout((1,), (number,), (-0.5,), StopReason.LENGTH if number == 0 else StopReason.END, str(number))]
                for number, _ in enumerate(requests)
            ]

    puzzle = next(puzzle for puzzle in PUZZLES if len(puzzle.clues) == 14)
    [[joined]] = ChunkedPolicy(Halting(), [puzzle], 5).rollout([Request(puzzle.id, "", puzzle.prompt)], 1, Sampling(8))
    assert joined == Rollout((1, 1, 1), (0, 1, 2), (-0.5, -0.5, -0.5), StopReason.LENGTH, "0\n1\n2")


@pytest.mark.parametrize(
    ("mode", "most", "retries", "said"),
    [("reason", 3, 0, "mode program"), ("program", -1, 0, "1 or more"), ("program", 3, 1, "exclude one another")],
)
def test_refused(mode: str, most: int, retries: int, said: str) -> None:
    with pytest.raises(UserError, match=said):
        check_chunks(mode, most, retries, PUZZLES)  # type: ignore[arg-type]
