"""Puzzles and completions as a report shows them: cut to a readable length, with the marks of the grader."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sleuth.report import text
from sleuth.report.facts import OUTCOMES, STAGES, Facts
from sleuth.runs.rows import EvaluationRow, RolloutRow

VERDICTS = {
    "right": "says what a clue says",
    "wrong": "says what no clue says, or one that was said",
    "derived": "true and new, and it follows from few clues and what was derived before",
    "lucky": "true and new, but it does not follow from few clues and what was derived before",
    "repeated": "a clue, or already said",
    "empty": "true in every world",
    "false": "false in this case",
    "unread": "no template reads it",
}
"""What the parts of a completion are marked with."""
STOPS = {
    "end": "ended with its end token",
    "length": "stopped at the length limit",
    "answered": "stopped when every question was answered",
    "given up": "cut off: its last tokens were too unlikely",
}

PUZZLES_SHOWN = 3
COMPLETIONS_SHOWN = 6
FAILURES_SHOWN = 2
COMPLETION_LIMIT = 1500
PROMPT_LIMIT = 6000


def suite(facts: Facts) -> list[EvaluationRow]:
    """The first completion of each held-out puzzle, by the latest stage."""
    return _one_per_puzzle(facts.evaluations[facts.stages[-1]]) if facts.stages else []


def _one_per_puzzle(rows: Sequence[EvaluationRow]) -> list[EvaluationRow]:
    first: dict[str, EvaluationRow] = {}
    for row in rows:
        first.setdefault(row.puzzle_id, row)
    return list(first.values())


def shown_puzzle(row: EvaluationRow | RolloutRow) -> dict[str, Any]:
    """The puzzle of a row, with its right answers."""
    prompt, cut = text.clip(row.prompt.strip("\n"), PROMPT_LIMIT)
    return {
        "id": row.puzzle_id,
        "prompt": prompt,
        "cut": cut,
        "system": text.clip(row.system.strip("\n"), PROMPT_LIMIT)[0],
        "answers": [(text.visible(letter), text.visible(answer)) for letter, answer in row.gold.items()],
    }


def shown_completion(row: EvaluationRow | RolloutRow, where: str) -> dict[str, Any]:
    """A completion as a card shows it, with its marks; `where` heads it and says who wrote it."""
    left = len(row.completion) - len(row.completion.lstrip("\n"))
    stripped = row.completion.strip("\n")
    questions = []
    for letter, gold in row.gold.items():
        read = row.answers.get(letter)
        questions.append(
            {
                "letter": text.visible(letter),
                "right": row.right.get(letter, False),
                "read": None if read is None else text.clip(read, 80)[0],
                "gold": text.visible(gold),
            }
        )
    meaning, colour, sign = OUTCOMES[row.outcome]
    return {
        "where": where,
        "turns": [
            {"completion": text.clip(before.strip("\n"), COMPLETION_LIMIT)[0], "said": text.clip(said, 300)[0]}
            for before, said in row.turns
        ],
        "pieces": pieces(
            stripped[:COMPLETION_LIMIT], [(start - left, end - left, say) for start, end, say in row.spans]
        ),
        "cut": max(0, len(stripped) - COMPLETION_LIMIT),
        "outcome": str(row.outcome),
        "meaning": meaning,
        "colour": colour,
        "sign": sign,
        "reward": text.percent(row.reward),
        "tokens": row.length_tokens,
        "stop": STOPS.get(row.stop, row.stop),
        "questions": questions,
        "detail": text.clip(row.detail, 300)[0],
    }


def pieces(completion: str, parts: Sequence[tuple[int, int, str]]) -> list[dict[str, str]]:
    """A completion cut at its parts: text with the verdict of the part, if it is one."""
    found, place = [], 0
    for start, end, verdict in sorted(parts):
        for until, said in ((start, ""), (end, verdict)):
            if place < until and (piece := completion[place:until]):
                found.append({"text": text.visible(piece), "verdict": said, "meaning": VERDICTS.get(said, "")})
            place = max(place, until)
    if rest := completion[place:]:
        found.append({"text": text.visible(rest), "verdict": "", "meaning": ""})
    return found


def before_and_after(facts: Facts) -> list[dict[str, Any]]:
    """The first puzzles of the suite, unpicked, and the first others that it gets wrong in the end, by each stage."""
    latest = suite(facts)
    chosen = latest[:COMPLETIONS_SHOWN]
    failures = [row for row in latest[COMPLETIONS_SHOWN:] if not row.correct][:FAILURES_SHOWN]
    # One stage says nothing of a change, but is worth showing; of three, the warm start is left out.
    stages = list(dict.fromkeys(facts.stages[:1] + facts.stages[-1:]))
    by_stage = {name: {row.puzzle_id: row for row in _one_per_puzzle(facts.evaluations[name])} for name in stages}
    return [
        {
            "puzzle": shown_puzzle(row),
            "failure": row in failures,
            "completions": [
                shown_completion(by_stage[name][row.puzzle_id], STAGES[name])
                for name in stages
                if row.puzzle_id in by_stage[name]
            ],
        }
        for row in chosen + failures
    ]


def training_samples(facts: Facts) -> list[dict[str, Any]]:
    """Completions of the first and the last stored GRPO step, each of another puzzle as far as there are."""
    steps = [step for phase, step in facts.run.rollout_steps() if phase == "grpo"]
    columns = []
    for step in dict.fromkeys(steps[:1] + steps[-1:]):
        # By sample first: one completion of every puzzle before a second one of any.
        rows = sorted(facts.run.read_rollouts("grpo", step), key=lambda row: row.sample)[:COMPLETIONS_SHOWN]
        completions = [shown_completion(row, f"Step {step}") | {"puzzle": shown_puzzle(row)} for row in rows]
        columns.append({"step": step, "completions": completions})
    return columns
