"""What every task promises, whether it has clues and rules or not."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from functools import cache
from random import Random
from typing import get_args

from sleuth.config import Mode
from sleuth.contract.promises import LevelCheck, TaskCheck, demand
from sleuth.datasets.make import PuzzleSpec
from sleuth.errors import UserError
from sleuth.puzzles.canonical import SPLITS, split_of
from sleuth.puzzles.puzzle import Puzzle
from sleuth.puzzles.registry import get_task, registrations
from sleuth.puzzles.score import ANSWERED, Outcome, Score
from sleuth.puzzles.task import MIXED, Key, Made, Task

COUNTS = (8, 5, 3, 2)
"""Puzzles of the first levels; one of every other."""
EXPLAINED = 3
"""Levels whose reasoning is graded: at higher ones it may take minutes to judge."""
SEED = 11
NONSENSE = ("", "\n", "A.", "no idea", "A. \u2028\ud800\0", "in(", "B. x\nA. y\nA. z", "( " * 2000, "A. 1\n" * 200)
"""Completions that no task may stumble over."""


@cache
def puzzles(id: str, level: str) -> tuple[Made, ...]:
    """A few puzzles of a level, in mixed styles and of all splits."""
    task = get_task(id)
    place = list(task.levels).index(level)
    count = COUNTS[place] if place < len(COUNTS) else 1
    return tuple(task.make(Key(level, SPLITS[index % len(SPLITS)], SEED, index, MIXED)) for index in range(count))


def _says_what_it_is(id: str, level: str) -> None:
    task = get_task(id)
    for index, made in enumerate(puzzles(id, level)):
        puzzle = made.puzzle
        split = SPLITS[index % len(SPLITS)]
        demand(puzzle.id == f"{id}/level-{level}/{split}/{SEED}/{index}", f"a puzzle's id is {puzzle.id!r}")
        stored = (puzzle.family, puzzle.level, puzzle.split, puzzle.seed, puzzle.index)
        demand(stored == (id, level, split, SEED, index), f"{puzzle.id} stores another key: {stored}")
        demand(puzzle.meta.get("style") in task.styles, f"{puzzle.id}: meta.style is {puzzle.meta.get('style')!r}")
        letters = [question.letter for question in puzzle.questions]
        demand(bool(letters) and len(set(letters)) == len(letters), f"{puzzle.id}: its questions are {letters}")
        demand(puzzle.answers.keys() <= set(letters), f"{puzzle.id}: answers to no question: {list(puzzle.answers)}")
        demand(
            Puzzle.model_validate_json(puzzle.model_dump_json()) == puzzle, f"{puzzle.id}: a file gives it back changed"
        )


def _same_key_same_puzzle(id: str) -> None:
    task = get_task(id)
    keys = [Key(level, "val", 2**40, 3, MIXED) for level in list(task.levels)[: len(COUNTS)]]
    here = [fingerprint(task.make(key)) for key in keys]
    code = (
        "import json, sys; from sleuth.contract.tasks import again; "
        "print(json.dumps(again(*json.loads(sys.stdin.read()))))"
    )
    told = json.dumps([registrations(), id, [(key.level, key.split, key.seed, key.index) for key in keys]])
    environment = {
        **os.environ,
        "PYTHONHASHSEED": "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2",  # sets in another order
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
    }
    ran = subprocess.run([sys.executable, "-c", code], input=told, env=environment, capture_output=True, text=True)
    last = (ran.stderr.strip().splitlines() or [""])[-1]
    demand(ran.returncode == 0, f"a fresh process cannot make its puzzles: {last}")
    for key, ours, theirs in zip(keys, here, json.loads(ran.stdout), strict=True):
        demand(ours == theirs, f"level {key.level}: a fresh process makes another puzzle of the same key")
    demand(len(set(here)) == len(here), "two levels give the same puzzle")


def again(registered: list[tuple[str, str]], id: str, keys: list[tuple[str, str, int, int]]) -> list[str]:
    """In another process: what it has registered, and the fingerprints of the puzzles of keys (level, split, seed,
    index)."""
    from sleuth.puzzles.registry import adopt

    adopt(registered)
    return [fingerprint(get_task(id).make(Key(*key, style=MIXED))) for key in keys]


def fingerprint(made: Made) -> str:
    """SHA-256 of a puzzle with the digest of its canonical form."""
    return hashlib.sha256((made.puzzle.model_dump_json() + made.digest).encode()).hexdigest()


def _splits_are_apart(id: str) -> None:
    task = get_task(id)
    level = next(iter(task.levels))
    found: dict[str, str] = {}
    for split in SPLITS:
        for index in range(20):
            digest = task.make(Key(level, split, 5, index)).digest
            demand(split_of(digest) == split, f"level {level}: a puzzle of split {split} belongs to another")
            demand(found.setdefault(digest, split) == split, f"level {level}: two splits share a puzzle")


def _prompts(id: str, level: str) -> None:
    task = get_task(id)
    for made in puzzles(id, level):
        for mode in get_args(Mode):
            if mode not in task.modes:
                refused = False
                try:
                    task.ask(made.puzzle, mode)
                except UserError:
                    refused = True
                demand(refused, f"mode {mode} is not among {task.modes}, and asked all the same")
                continue
            prompt = task.ask(made.puzzle, mode)
            demand(made.puzzle.prompt in prompt.user, f"mode {mode}: the prompt lacks the puzzle's text")
            constrained = prompt.grammar is not None
            demand(constrained == (mode in task.grammar_modes), f"mode {mode}: grammar_modes and the prompt differ")


def _gold_is_right(id: str, level: str) -> None:
    task = get_task(id)
    easy = list(task.levels).index(level) < EXPLAINED
    for made in puzzles(id, level):
        for mode in [mode for mode in _graded(task) if easy or mode != "reason"]:
            try:
                gold = task.gold(made.puzzle, mode)
            except UserError as error:
                demand(mode not in task.gold_modes, f"mode {mode} is among gold_modes, and yet: {error}")
                continue
            score = task.grade(made.puzzle, gold, mode, False)
            problem = f"{made.puzzle.id}, mode {mode}: its own gold completion is {score.outcome} ({score.detail})"
            demand(score.correct and score.outcome is Outcome.CORRECT and score.reward == 1, problem)


def _graded(task: Task) -> list[Mode]:
    """Modes that the task grades itself: what programs in Python print is graded in mode `answer`."""
    return [mode for mode in task.modes if mode != "python"]


def _solved(id: str, level: str) -> None:
    task = get_task(id)
    for made in puzzles(id, level):
        if made.puzzle.answers:
            score = task.grade(made.puzzle, task.solve(made.puzzle), "answer", False)
            demand(score.correct, f"{made.puzzle.id}: what solve writes is {score.outcome} ({score.detail})")


def _nonsense(id: str, level: str) -> None:
    task = get_task(id)
    for made in puzzles(id, level)[:2]:
        for mode in _graded(task):
            for text in NONSENSE:
                score = task.grade(made.puzzle, text, mode, False)
                _whole(made.puzzle, score)
                demand(not score.correct, f"mode {mode}: {text[:20]!r} counts as right")
            score = task.grade(made.puzzle, "", mode, True)
            demand(score.outcome is Outcome.TRUNCATED, f"mode {mode}: nothing, cut short, is {score.outcome}")


def _whole(puzzle: Puzzle, score: Score) -> None:
    letters = {question.letter for question in puzzle.questions}
    demand(0 <= score.reward <= 1, f"{puzzle.id}: a reward of {score.reward}")
    demand(score.answers.keys() == score.right.keys() == letters, f"{puzzle.id}: a grade without all its letters")
    demand(score.correct == (score.outcome is Outcome.CORRECT), f"{puzzle.id}: correct, and {score.outcome}")
    demand(score.outcome in ANSWERED or score.reward == 0, f"{puzzle.id}: {score.outcome} earns {score.reward}")


def _guesses(id: str, level: str) -> None:
    task = get_task(id)
    found = [made.puzzle for made in puzzles(id, level)]
    for puzzle in found:
        others = [other for other in found if other is not puzzle]
        first, second = (task.guess(puzzle, Random(4), others) for _ in range(2))
        demand(first == second, f"{puzzle.id}: a guess does not depend on its generator alone")
        _whole(puzzle, task.grade(puzzle, first, "answer", False))


def _shown(id: str, level: str) -> None:
    task = get_task(id)
    made = puzzles(id, level)[0]
    plain, solved = task.show(made.puzzle, False), task.show(made.puzzle, True)
    demand(made.puzzle.prompt in plain, "what people are shown lacks the puzzle's text")
    demand(len(solved) > len(plain), "what people are shown as the solution adds nothing")
    for answer in made.puzzle.answers.values():
        demand(answer in solved, f"the solution that people are shown lacks {answer!r}")


def _refusals(id: str) -> None:
    task = get_task(id)
    level, style = list(task.levels)[-1], task.styles[-1]
    good = PuzzleSpec(id, level, "train", 0, 1, style)
    good.check()
    for what, given in {
        "level": PuzzleSpec(id, f"{level}0", "train", 0, 1, style),
        "split": PuzzleSpec(id, level, "trains", 0, 1, style),
        "style": PuzzleSpec(id, level, "train", 0, 1, f"{style}0"),
        "version": PuzzleSpec(f"{task.name}@999", level, "train", 0, 1, style),
        "names": PuzzleSpec(id, level, "train", 0, 1, style, "themed" if task.pooled else "pool"),
    }.items():
        if what == "names" and task.pooled:
            continue
        message = ""
        try:
            given.check()
        except UserError as error:
            message = str(error)
        demand(bool(message) and "\n" not in message, f"a {what} that does not exist is not refused in one line")


def _knows_itself(id: str) -> None:
    task: Task = get_task(id)
    demand(task.id == id, f"it calls itself {task.id}")
    demand(bool(task.levels) and bool(task.styles) and bool(task.modes), "it needs a level, a style and a mode")
    demand(all(task.levels.values()), "a level has no line that says what it is")
    demand(set(task.modes) <= set(get_args(Mode)), f"its modes are {task.modes}")
    demand(set(task.grammar_modes) <= set(task.modes) >= set(task.gold_modes), "modes that it does not have")


TASK_CHECKS = (
    TaskCheck("it describes itself", _knows_itself),
    TaskCheck("the same key gives the same puzzle, in any process", _same_key_same_puzzle),
    TaskCheck("splits share no puzzle", _splits_are_apart),
    TaskCheck("what does not exist is refused in one line", _refusals),
)
LEVEL_CHECKS = (
    LevelCheck("a puzzle says what it is, also out of a file", _says_what_it_is),
    LevelCheck("models are asked in all its modes and in no other", _prompts),
    LevelCheck("gold completions are right", _gold_is_right),
    LevelCheck("what solves it is right", _solved),
    LevelCheck("nonsense is graded, and never right", _nonsense),
    LevelCheck("guesses are graded, and the same again", _guesses),
    LevelCheck("people are shown the puzzle and its solution", _shown),
)
