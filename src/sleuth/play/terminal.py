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

GIVE_UP, STOP = "give up", "stop"
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
    more, used = hints(puzzle), 0

    def hint() -> str:
        nonlocal used
        found = next(more, None)
        used += found is not None
        return found or "No more hints: everything has been said."

    def reading(prompt: str) -> str:
        try:
            return read(prompt)
        except EOFError:
            return GIVE_UP

    return _verdict(puzzle, solution, ask_questions(puzzle, reading, write, hint) or {}, used, write)


def ask_questions(
    puzzle: Puzzle, read: Callable[[str], str], write: Callable[[str], None], hint: Callable[[], str] | None = None
) -> dict[str, str] | None:
    """A person's answers by letter: of all questions, or of those before they gave up. None: they said stop, which can
    be said where there is no `hint`, in a row of cases."""
    given: dict[str, str] = {}
    for question in puzzle.questions:
        while question.letter not in given:
            line = read(f"{question.letter}. {question.text} ").strip()
            word = line.casefold()
            if word == "":
                write(f"One of: {', '.join(question.choices)}")
            elif word == "hint" and hint is not None:
                write(hint())
            elif word == "board":
                family = get_family(puzzle.family)
                write(family.board(family.page_of(puzzle).case, None))
            elif word == "case":
                write(puzzle.prompt)
            elif word == GIVE_UP:
                return given
            elif word == STOP and hint is None:
                return None
            elif (choice := read_value(question, clean(line))) is None:
                write(f"That is none of: {', '.join(question.choices)}")
            else:
                given[question.letter] = choice
    return given


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
