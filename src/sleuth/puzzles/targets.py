"""What a right completion looks like, by mode: what the supervised warm start shows a model.

- `answer`: the answer block.
- `reason`: one line for each step of the explanation, then the answer block.
- `program`: each clue as a formal statement, in the order of the clues.
"""

from __future__ import annotations

from sleuth.config import Mode
from sleuth.puzzles.explain import explain
from sleuth.puzzles.family import get_family
from sleuth.puzzles.puzzle import Puzzle


def target(puzzle: Puzzle, mode: Mode) -> str:
    """A completion of the puzzle that is right in the mode."""
    if mode == "program":
        family = get_family(puzzle.family)
        page = family.read_page(puzzle.prompt)
        language = family.formal(page.case)
        return "\n".join(language.write(clue) for clue in page.clues)
    answers = "\n".join(f"{letter}. {answer}" for letter, answer in puzzle.answers.items())
    return f"{trace(puzzle)}\n{answers}" if mode == "reason" else answers


def trace(puzzle: Puzzle) -> str:
    """The explanation in words: each clue that is used, and what follows from it and from the lines above."""
    family = get_family(puzzle.family)
    page = family.read_page(puzzle.prompt)
    theory, grammar = family.theory(page.case), family.grammar(page.case)
    style = str(puzzle.meta.get("style", family.styles[0]))
    explanation = explain(family, page.case, page.clues)
    lines: list[str] = []
    for step in explanation.steps:
        facts = [family.fact(theory, index, explanation.world[index]) for index in step.facts]
        told = [grammar.sentence(fact, style) for fact in facts if fact is not None]
        if step.clue is None:
            lines.append(" ".join(["From all clues together:", *told]))
            continue
        clue = page.clue_texts[step.clue]
        rest = [sentence for sentence in told if sentence != clue]
        lines.append(" ".join([clue, *(["So:", *rest] if rest else [])]))
    return "\n".join(lines)
