"""The spans of a completion, each judged on its own: the lines of a program, the sentences of reasoning."""

from __future__ import annotations

import itertools

from sleuth.errors import UserError
from sleuth.grading.program import MOST_LINES, program_lines
from sleuth.grading.reading import read_puzzle
from sleuth.grading.soundness import judge, judge_of
from sleuth.puzzles.formal import FormalError
from sleuth.puzzles.puzzle import Puzzle
from sleuth.puzzles.score import Span
from sleuth.puzzles.statements import Statement


def sentence_spans(puzzle: Puzzle, completion: str) -> tuple[Span, ...]:
    """The sentences of a completion; none where the puzzle is no page that can be read."""
    try:
        judgements = judge(puzzle, completion)
    except UserError:
        return ()
    return tuple(Span(one.start, one.end, one.verdict) for one in judgements)


def line_spans(puzzle: Puzzle, completion: str) -> tuple[Span, ...]:
    """The lines of a program, each with its line break, compared with the clues by their meaning; none where the puzzle
    has no world."""
    try:
        judged_by = judge_of(puzzle.family, puzzle.prompt)
    except UserError:
        return ()
    language = read_puzzle(puzzle).language
    places, statements = list[tuple[int, int]](), list[Statement | None]()
    for _, start, end in itertools.islice(program_lines(completion), MOST_LINES):
        places.append((start, end))
        try:
            statements.append(language.read(completion[start:end].strip()))
        except FormalError:
            statements.append(None)
    clues = judged_by.clues_said(statements)
    return tuple(Span(*place, "wrong" if clue is None else "right") for place, clue in zip(places, clues, strict=True))
