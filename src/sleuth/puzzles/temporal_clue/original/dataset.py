"""The Temporal Clue puzzles of 2025: a JSON list of `{num_clues, prompt, solution}`, read from the prompts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sleuth.errors import UserError
from sleuth.files import read_json
from sleuth.puzzles.puzzle import IMPORTED, Puzzle, Question
from sleuth.puzzles.registry import get_family
from sleuth.puzzles.temporal_clue.original.page import question_texts

FAMILY = "temporal-clue"
LEVEL = "original"


def import_original(path: Path) -> list[Puzzle]:
    """The puzzles of a file in the format of 2025. Raises `UserError` naming the puzzle that can't be read."""
    entries = read_json(path)
    if not isinstance(entries, list) or not entries:
        raise UserError(f"{path}: not a list of puzzles, or an empty one")
    puzzles = []
    for number, entry in enumerate(entries):
        if not isinstance(entry, dict) or not isinstance(entry.get("prompt"), str) or "solution" not in entry:
            raise UserError(f"{path}, puzzle {number}: needs 'prompt' and 'solution'")
        try:
            puzzles.append(_puzzle(entry, number, path.stem))
        except UserError as error:
            raise UserError(f"{path}, puzzle {number}: {error}") from None
    return puzzles


def _puzzle(entry: dict[str, Any], number: int, name: str) -> Puzzle:
    family = get_family(FAMILY)
    prompt = entry["prompt"]
    page = family.read_page(prompt)
    if entry.get("num_clues", len(page.clues)) != len(page.clues):
        raise UserError(f"num_clues is {entry['num_clues']!r}, but the page has {len(page.clues)} clues")
    asking = dict(zip(page.letters, page.questions, strict=True))
    solution = entry["solution"]
    if not isinstance(solution, dict) or set(solution) != set(asking):
        raise UserError("the solution's letters are not those of the questions")
    if not all(isinstance(answer, str) for answer in solution.values()):
        raise UserError("an answer of the solution is no text")
    kinds: dict[str, int] = {}
    for clue in page.clues:
        kinds[clue.kind] = kinds.get(clue.kind, 0) + 1
    questions, asked = [], question_texts(prompt)
    for letter, question in asking.items():
        choices = family.choices(page.case, question)
        texts = tuple(family.answer_text(page.case, choice) for choice in choices)
        questions.append(Question(letter=letter, text=asked[letter], kind=choices[0].sort, choices=texts))
    return Puzzle(
        id=f"{family.id}/level-{LEVEL}/{name}/0/{number}",
        family=family.id,
        level=LEVEL,
        split=name,
        seed=0,
        index=number,
        prompt=prompt,
        clues=page.clue_texts,
        questions=tuple(questions),
        answers={letter: str(answer) for letter, answer in solution.items()},
        meta={
            "style": "original",
            IMPORTED: name,
            **family.sizes(page.case),
            "clues": len(page.clues),
            "kinds": dict(sorted(kinds.items())),
        },
    )
