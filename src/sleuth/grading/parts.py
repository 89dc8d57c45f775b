"""The parts of a completion, each judged on its own: the lines of a program, the sentences of reasoning."""

from __future__ import annotations

import itertools

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
    """The lines of a program, each with its line break, compared with the clues by their meaning; none where the puzzle
    has no world."""
    try:
        judged_by = judge_of(puzzle.family, puzzle.prompt)
    except UserError:
        return ()
    language = read_puzzle(puzzle).language
    parts, said = list[Part](), set[int]()
    for _, start, end in itertools.islice(program_lines(completion), MOST_LINES):
        try:
            clue = judged_by.clue_that_says(language.read(completion[start:end].strip()), said)
        except FormalError:
            clue = None
        if clue is not None:
            said.add(clue)
        parts.append(Part(start, end, "wrong" if clue is None else "right"))
    return tuple(parts)
