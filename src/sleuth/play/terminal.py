"""A case in the terminal: shown, played with hints, and judged."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sleuth.errors import counted
from sleuth.grading.choices import read_value
from sleuth.grading.grade import grade
from sleuth.grading.normalise import clean
from sleuth.puzzles.explain import explain, tell
from sleuth.puzzles.puzzle import Puzzle
from sleuth.puzzles.registry import get_family, get_task
from sleuth.puzzles.solve import solve_text
from sleuth.puzzles.zebra.zebralogic.answer_grid import write_answers

HELP = "Answer each question, or type: hint, board, case, give up."


def show(puzzle: Puzzle, solution: bool = False) -> str:
    """A puzzle as people like to read it, with its empty board, or with the solution."""
    return get_task(puzzle.family).show(puzzle, solution)


def board_svg(puzzle: Puzzle, solution: bool = False) -> str:
    """The board as a picture (SVG), empty or with the solution. Raises `UserError` for a puzzle without clues and
    rules, and with the solution for one with several worlds."""
    family = get_family(puzzle.family)
    world = solve_text(puzzle.prompt).world if solution else None
    return family.board_svg(family.page_of(puzzle).case, world)


def hints(puzzle: Puzzle) -> Iterator[str]:
    """One step towards the answers after another, but for those that only say a clue again."""
    explanation = explain(puzzle, goal="questions")
    told = tell(explanation, "full", str(puzzle.meta.get("style", "plain")))
    yield from (text for step, text in zip(explanation.steps, told, strict=True) if not explanation.restates(step))


def play(puzzle: Puzzle, read: Callable[[str], str], write: Callable[[str], None]) -> bool:
    """Plays one case: `read` asks for a line with a prompt (and raises `EOFError` at the end), `write` shows one.
    Returns whether all answers were right. Raises `UserError` for a puzzle without clues and rules, or with several
    worlds."""
    get_family(puzzle.family)
    solution = solve_text(puzzle.prompt).board()
    write(show(puzzle))
    write("")
    write(HELP)
    more = hints(puzzle)
    given: dict[str, str] = {}
    used = 0
    for question in puzzle.questions:
        while question.letter not in given:
            try:
                line = read(f"{question.letter}. {question.text} ").strip()
            except EOFError:
                line = "give up"
            match line.casefold():
                case "":
                    write(f"One of: {', '.join(question.choices)}")
                case "hint":
                    hint = next(more, None)
                    used += hint is not None
                    write(hint or "No more hints: everything has been said.")
                case "board":
                    family = get_family(puzzle.family)
                    write(family.board(family.page_of(puzzle).case, None))
                case "case":
                    write(puzzle.prompt)
                case "give up":
                    return _verdict(puzzle, solution, given, used, write)
                case _:
                    choice = read_value(question, clean(line))
                    if choice is None:
                        write(f"That is none of: {', '.join(question.choices)}")
                    else:
                        given[question.letter] = choice
    return _verdict(puzzle, solution, given, used, write)


def _verdict(puzzle: Puzzle, solution: str, given: dict[str, str], used: int, write: Callable[[str], None]) -> bool:
    score = grade(puzzle, write_answers(puzzle, given))
    write("")
    for letter, answer in puzzle.answers.items():
        if score.right[letter]:
            write(f"{letter}. {answer}: right")
        else:
            write(f"{letter}. {answer}: you said {given.get(letter, 'nothing')}")
    right = sum(score.right.values())
    hints_used = f", with {counted(used, 'hint')}" if used else ""
    write("Case closed." if score.correct else f"{right} of {len(score.right)} right{hints_used}.")
    write(solution)
    return score.correct
