"""From a key to a puzzle: draw a case and a night, gather clues, thin them, ask.

Every random choice comes from a generator seeded by a hash of the key (family, version, level, split, seed, index,
attempt), so the same key gives the same bytes in any process. A puzzle whose canonical form belongs to another split is
drawn again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from random import Random
from typing import Any

from sleuth.config import Names
from sleuth.errors import UserError
from sleuth.logic.clues import find_minimal
from sleuth.puzzles.canonical import digest, split_of
from sleuth.puzzles.family import Family, NoClueError
from sleuth.puzzles.puzzle import Puzzle, Question
from sleuth.puzzles.registry import get_family
from sleuth.puzzles.statements import Ref, Statement
from sleuth.puzzles.task import MIXED, Made, check_level, check_names, check_split, check_style

MOST_ATTEMPTS = 2000
"""Cases that are drawn for one puzzle; a family that needs so many is at fault. A level needs four or so, its rarest
split twice as many."""


def rng_of(*key: object) -> Random:
    """A generator seeded by the hash of a key."""
    seed = hashlib.sha256("\x1f".join(map(str, key)).encode()).digest()
    return Random(int.from_bytes(seed[:16], "big"))


def make_puzzle(
    family_name: str,
    level: str,
    split: str,
    seed: int,
    index: int,
    style: str = "plain",
    attempt: int = 0,
    names: Names = "themed",
) -> Made:
    """The puzzle of a key: the first from `attempt` on whose canonical form belongs to the split.

    Raises `UserError` for a family, level, split, style or names that do not exist.
    """
    family = get_family(family_name)
    check_level(family, level)
    check_split(split)
    check_style(family, style)
    check_names(family, names)
    for number in range(attempt, attempt + MOST_ATTEMPTS):
        made = _attempt(family, level, split, seed, index, style, number, names)
        if made is not None:
            return made
    raise UserError(
        f"{family.id}, level {level}: {MOST_ATTEMPTS} cases gave no puzzle of split {split}; its statement kinds do "
        "not tell enough worlds apart, or a clue tells every answer"
    )


def _attempt(
    family: Family[Any, Any], level: str, split: str, seed: int, index: int, style: str, attempt: int, names: Names
) -> Made | None:
    rng = rng_of(family.name, family.version, level, split, seed, index, attempt)
    case, world = family.sample_case(level, rng)
    case = family.dressed(case, style, names, rng_of(family.name, level, split, seed, index, attempt, "names"))
    theory = family.theory(case)
    jitter = rng_of(family.name, level, split, seed, index, attempt, "order")
    tell = family.clue_sampler(case, theory, world, level, style, rng)
    try:
        clues = find_minimal(theory.cnf, world, tell, lambda clue: family.kinds[clue.kind].direct + jitter.random())
    except NoClueError:
        return None
    rng.shuffle(clues)
    form = digest(family.canonical_form(case, clues))
    if split_of(form) != split:
        return None
    taken = frozenset(fact for clue in clues for fact in family.stated(theory, clue))
    questions = family.questions(case, theory, world, taken, level, rng)
    if not questions:
        return None
    style = rng.choice(family.mixed) if style == MIXED else style
    right = [family.true_choice(case, theory, world, question) for question in questions]
    puzzle = write_puzzle(
        family,
        case,
        clues,
        questions,
        [choice for choice in right if choice is not None],
        style,
        {"id": f"{family.id}/level-{level}/{split}/{seed}/{index}", "level": level, "split": split},
        seed,
        index,
        names,
    )
    return Made(puzzle, form, attempt)


def write_puzzle(
    family: Family[Any, Any],
    case: Any,
    clues: Sequence[Statement],
    questions: Sequence[Statement],
    right: Sequence[Ref],
    style: str,
    place: dict[str, str],
    seed: int,
    index: int,
    names: Names = "themed",
) -> Puzzle:
    """Statements in words: the puzzle's row. `place` gives id, level and split."""
    grammar, asking = family.grammar(case, style), family.question_grammar(case, style)
    sentences = tuple(grammar.sentence(clue, style, family.style(style).stop) for clue in clues)
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[: len(questions)]
    texts = [asking.sentence(question, style, "?") for question in questions]
    counts: dict[str, int] = {}
    for clue in clues:
        counts[clue.kind] = counts.get(clue.kind, 0) + 1
    return Puzzle(
        id=place["id"],
        family=family.id,
        level=place["level"],
        split=place["split"],
        seed=seed,
        index=index,
        prompt=family.write_page(case, sentences, list(zip(letters, texts, strict=True)), style),
        clues=sentences,
        questions=tuple(
            Question(
                letter=letter,
                text=text,
                kind=answer.sort,
                choices=tuple(family.answer_text(case, choice) for choice in family.choices(case, question)),
            )
            for letter, text, question, answer in zip(letters, texts, questions, right, strict=True)
        ),
        answers={letter: family.answer_text(case, choice) for letter, choice in zip(letters, right, strict=True)},
        meta={
            "style": style,
            **({} if names == "themed" else {"names": names}),
            **family.sizes(case),
            "clues": len(clues),
            "kinds": dict(sorted(counts.items())),
        },
    )
