"""Grading: (puzzle, completion) to Score."""

from sleuth.grading.grade import grade
from sleuth.puzzles.score import Outcome, Score

__all__ = ["Outcome", "Score", "grade"]
