"""A made-up run with everything that a report shows, hostile texts among it; the same bytes every time."""

from __future__ import annotations

import math
import random

from sleuth.config import RunConfig
from sleuth.evaluation.summary import summarise
from sleuth.puzzles.score import Outcome
from sleuth.runs.directory import RunDirectory
from sleuth.runs.rows import EvaluationRow, RolloutRow

CONFIG = RunConfig.model_validate(
    {
        "name": "Level 1 <img src=x onerror=document.body.id='title-ran'>",  # a name has no slashes
        "model": {"device": "cpu", "dtype": "bfloat16"},
        "sft": {"examples": 160},
        "grpo": {"steps": 12, "puzzles_per_step": 4, "samples": 8},
    }
)

SCRIPT = '<script>document.body.innerHTML = "HOSTILE-SCRIPT-RAN"</script>'
HOSTILE = (
    SCRIPT,
    "</pre></article><img src=x onerror=\"document.body.id='onerror-ran'\"><a href='https://example.com/'>click</a>",
    "right \u202e lanimirc\u202c to left, a bell \a, a null \0, ‘quotes’, 侦探 🕵️‍♀️, Ünïcödé",
    "{{ config.name }} {% raw %} &lt;b&gt; &amp;amp; ]]> <!-- <style>body{display:none}</style>",
    "long " * 200_000 + "THE-END-OF-A-MEGABYTE",
    "",
)

SUSPECTS = ("Ada Finch", "Bruno Vale")
ROOMS = ("the attic", "the library")

PROMPT = """\
At eight o'clock in the evening the glass owl vanished from Thornfield House. Two guests, two rooms.

Guests: Ada Finch, Bruno Vale
Tools: crowbar, lockpick
Rooms: the attic, the library

1. Ada Finch was not in the attic.
2. The crowbar was in the same room as Bruno Vale.
3. Either the owl was in the library or the lockpick was in the attic, but not both.

A. Who took the owl?
B. Where was the crowbar?
C. Which tool was used?
"""

PROGRAM = """\
not room(Ada Finch) = the attic
room(crowbar) = room(Bruno Vale)
either room(owl) = the library or room(lockpick) = the attic"""


def scored(skill: float, chance: random.Random, puzzle: int) -> dict[str, object]:
    """Outcome and answers of one completion by a model of so much skill."""
    gold = {"A": SUSPECTS[puzzle % 2], "B": ROOMS[puzzle // 2 % 2], "C": ("crowbar", "lockpick")[puzzle // 4 % 2]}
    read: dict[str, str | None]
    if chance.random() < skill:
        read, outcome, text = dict(gold), Outcome.CORRECT, PROGRAM
    elif chance.random() < 0.6 * (1 - skill):
        read, outcome, text = dict.fromkeys(gold), Outcome.UNREADABLE, "Sure! Let's look at the clues one by one."
    elif chance.random() < 0.3:
        read, outcome, text = dict.fromkeys(gold), Outcome.TRUNCATED, "room(Ada Finch) = room(Ada Finch) " * 12
    else:
        read = {"A": chance.choice(SUSPECTS), "B": chance.choice(ROOMS), "C": None}
        hits = sum(read[letter] == gold[letter] for letter in gold)
        outcome, text = (Outcome.PARTLY if hits else Outcome.WRONG), PROGRAM.replace("not ", "", 1)
    right = {letter: read[letter] == gold[letter] for letter in gold}
    return {
        "completion": text,
        "outcome": outcome,
        "reward": sum(right.values()) / 3,
        "correct": all(right.values()),
        "answers": read,
        "right": right,
        "gold": gold,
        "detail": "line 1 is no statement" if outcome == Outcome.UNREADABLE else "",
        "stop": "length" if outcome == Outcome.TRUNCATED else "end",
        "system": "Write every clue as a formal statement, one per line.",
        "prompt": PROMPT,
    }


def evaluation(skill: float, puzzles: int, seed: int, hostile: bool = False) -> list[EvaluationRow]:
    chance = random.Random(seed)
    rows = []
    for i in range(puzzles):
        fields = scored(skill, chance, i)
        if hostile and i < len(HOSTILE):
            fields |= {"completion": HOSTILE[i], "detail": SCRIPT, "answers": {"A": SCRIPT, "B": None, "C": "x"}}
        length = 96 if fields["stop"] == "length" else chance.randrange(20, 60)
        rows.append(
            EvaluationRow(puzzle_id=f"temporal-clue@1/level-1/test/0/{i}", sample=0, length_tokens=length, **fields)  # type: ignore[arg-type]
        )
    return rows


def fill(run: RunDirectory, *, sft_steps: int = 10, grpo_steps: int = 12, evaluations: bool = True) -> None:
    """Logs and rows of a run that went as far as told."""
    for step in range(1, sft_steps + 1):
        run.log_metrics("sft", step, {"loss": 0.2 + 2.3 * math.exp(-step / 3), "learning_rate": 3e-4})
        run.log_timings("sft", step, {"train_s": 9.0 + step % 3})
    for step in range(1, grpo_steps + 1):
        chance = random.Random(step)
        rows = [
            RolloutRow(
                phase="grpo",
                step=step,
                puzzle_id=f"temporal-clue@1/level-1/train/{step}/{puzzle}",
                sample=sample,
                tokens=tuple(range(20 + (puzzle * 7 + sample) % 30)),
                logprobs=tuple(-0.1 for _ in range(20 + (puzzle * 7 + sample) % 30)),
                advantage=None if puzzle == 0 else 0.5,
                **scored(0.5 + 0.04 * step, chance, puzzle),  # type: ignore[arg-type]
            )
            for puzzle in range(4)
            for sample in range(8)
        ]
        run.write_rollouts("grpo", step, rows)
        extra = {"entropy": 0.4 * math.exp(-step / 8), "mismatch": 0.004 + 0.001 * (step % 3), "tokens_sampled": 1000.0}
        run.log_metrics("grpo", step, summarise(rows).as_metrics() | extra)
        run.log_timings("grpo", step, {"sample_s": 11.0 + step % 2, "train_s": 30.0 - step, "score_s": 0.8})
        if step % 4 == 0:
            held_out = summarise(evaluation(0.55 + 0.035 * step, 48, step)).as_metrics()
            run.log_metrics("eval", step, held_out)
            run.log_timings("eval", step, {"sample_s": 9.5})
    if evaluations:
        for name, skill, seed, hostile in (
            ("before", 0.02, 101, True),
            ("after-sft", 0.6, 102, False),
            ("after-grpo", 0.96, 103, False),
            ("guessing", 0.12, 104, False),
            ("solver", 1.0, 105, False),
        ):
            rows_of = evaluation(skill, 200, seed, hostile)
            run.write_evaluation(name, rows_of, summarise(rows_of).as_json())
