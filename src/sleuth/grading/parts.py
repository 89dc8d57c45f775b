"""The parts of a completion, each judged on its own: the lines of a program, the sentences of reasoning."""

from __future__ import annotations

from collections.abc import Iterator

from sleuth.errors import UserError
from sleuth.grading.program import MOST_LINES, program_lines
from sleuth.grading.reading import read_puzzle
from sleuth.grading.score import Part
from sleuth.grading.soundness import judge, judge_of
from sleuth.puzzles.formal import FormalError
from sleuth.puzzles.puzzle import Puzzle


def sentence_parts(puzzle: Puzzle, completion: str) -> tuple[Part, ...]:
    """The sentences of a completion; none where the puzzle is no page that can be read."""
    try:
        judgements = judge(puzzle, completion)
    except UserError:
        return ()
    return tuple(Part(one.start, one.end, one.verdict) for one in judgements)


def line_parts(puzzle: Puzzle, completion: str) -> tuple[Part, ...]:
    """The lines of a program, compared with the clues by what they mean. A line ends with its line break."""
    return tuple(_line_parts(puzzle, completion))


def _line_parts(puzzle: Puzzle, completion: str) -> Iterator[Part]:
    language = read_puzzle(puzzle).language
    judge = judge_of(puzzle.family, puzzle.prompt)
    said = set[int]()
    for place, (_, start, end) in enumerate(program_lines(completion)):
        if place == MOST_LINES:
            return
        try:
            clue = judge.clue_that_says(language.read(completion[start:end].strip()), said)
        except FormalError:
            clue = None
        if clue is not None:
            said.add(clue)
        yield Part(start, end, "wrong" if clue is None else "right")
