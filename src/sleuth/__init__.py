"""Sleuth: puzzles with one proved answer, and small language models that learn to solve them.

    import sleuth

    [puzzle] = sleuth.make("temporal-clue", level="1", count=1)
    print(puzzle.prompt)
    print(sleuth.solve(puzzle.prompt).answers)
    print(sleuth.grade(puzzle, "A. …").outcome)

What needs the extra `train` (`load_config`, `train`, `TorchPolicy`, `load_model`) is imported when it is first used, so
`import sleuth` is light.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from sleuth.errors import UserError

if TYPE_CHECKING:
    from sleuth.api import make, train
    from sleuth.config import RunConfig
    from sleuth.contract import check_family
    from sleuth.datasets.audit import audit
    from sleuth.datasets.files import read_puzzles, write_puzzles
    from sleuth.evaluation.difficulty import by_difficulty
    from sleuth.evaluation.evaluate import evaluate
    from sleuth.evaluation.summary import summarise
    from sleuth.grading.grade import grade
    from sleuth.policy.base import Policy, Request, Rollout, Sampling
    from sleuth.policy.baselines import guessing, solver
    from sleuth.policy.engine import TorchPolicy
    from sleuth.policy.models import load_model
    from sleuth.policy.scripted import ScriptedPolicy
    from sleuth.puzzles.explain import difficulty, explain, rated, tell
    from sleuth.puzzles.family import Family
    from sleuth.puzzles.puzzle import Puzzle, Question
    from sleuth.puzzles.registry import register
    from sleuth.puzzles.retell import retold
    from sleuth.puzzles.score import Outcome, Score
    from sleuth.puzzles.solve import solve_text as solve
    from sleuth.puzzles.task import Key, Made, Prompt, Task
    from sleuth.puzzles.temporal_clue.original.grader import grade_original
    from sleuth.recipes import load_recipe

_WHERE = {
    "Family": "sleuth.puzzles.family",
    "Key": "sleuth.puzzles.task",
    "Made": "sleuth.puzzles.task",
    "Outcome": "sleuth.puzzles.score",
    "Policy": "sleuth.policy.base",
    "Prompt": "sleuth.puzzles.task",
    "Puzzle": "sleuth.puzzles.puzzle",
    "Question": "sleuth.puzzles.puzzle",
    "Request": "sleuth.policy.base",
    "Rollout": "sleuth.policy.base",
    "RunConfig": "sleuth.config",
    "Sampling": "sleuth.policy.base",
    "Score": "sleuth.puzzles.score",
    "ScriptedPolicy": "sleuth.policy.scripted",
    "Task": "sleuth.puzzles.task",
    "TorchPolicy": "sleuth.policy.engine",
    "audit": "sleuth.datasets.audit",
    "by_difficulty": "sleuth.evaluation.difficulty",
    "check_family": "sleuth.contract",
    "difficulty": "sleuth.puzzles.explain",
    "evaluate": "sleuth.evaluation.evaluate",
    "explain": "sleuth.puzzles.explain",
    "grade": "sleuth.grading.grade",
    "grade_original": "sleuth.puzzles.temporal_clue.original.grader",
    "guessing": "sleuth.policy.baselines",
    "load_model": "sleuth.policy.models",
    "load_recipe": "sleuth.recipes",
    "make": "sleuth.api",
    "rated": "sleuth.puzzles.explain",
    "read_puzzles": "sleuth.datasets.files",
    "register": "sleuth.puzzles.registry",
    "retold": "sleuth.puzzles.retell",
    "solve": "sleuth.puzzles.solve",
    "solver": "sleuth.policy.baselines",
    "summarise": "sleuth.evaluation.summary",
    "tell": "sleuth.puzzles.explain",
    "train": "sleuth.api",
    "write_puzzles": "sleuth.datasets.files",
}

__all__ = [
    "Family",
    "Key",
    "Made",
    "Outcome",
    "Policy",
    "Prompt",
    "Puzzle",
    "Question",
    "Request",
    "Rollout",
    "RunConfig",
    "Sampling",
    "Score",
    "ScriptedPolicy",
    "Task",
    "TorchPolicy",
    "UserError",
    "audit",
    "by_difficulty",
    "check_family",
    "difficulty",
    "evaluate",
    "explain",
    "grade",
    "grade_original",
    "guessing",
    "load_model",
    "load_recipe",
    "make",
    "rated",
    "read_puzzles",
    "register",
    "retold",
    "solve",
    "solver",
    "summarise",
    "tell",
    "train",
    "write_puzzles",
]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'sleuth' has no attribute {name!r}")
    module = importlib.import_module(_WHERE[name])
    return getattr(module, "solve_text" if name == "solve" else name)
