"""Alarms from made-up courses of metrics."""

from __future__ import annotations

import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sleuth.config import ModelConfig, RunConfig
from sleuth.runs.directory import ALARMS, RunDirectory
from sleuth.runs.metrics import Line
from sleuth.training.alarms import alarms
from sleuth.training.step_log import StepLog

CALM = {
    "length_tokens": 80.0,
    "length_better": 82.0,
    "length_worse": 78.0,
    "entropy": 0.5,
    "earned": 0.5,
    "strict": 0.3,
    "truncated": 0.0,
    "groups_without_spread": 0.2,
    "mismatch": 0.005,
    "not_finite": 0.0,
}


def course(name: str, values: list[float], **others: list[float]) -> list[Line]:
    lines = []
    for step, value in enumerate(values, start=1):
        own = {name: value} | {other: given[step - 1] for other, given in others.items()}
        lines.append(Line("grpo", step, CALM | own))
    return lines


def raised(lines: list[Line]) -> list[tuple[int, str]]:
    return [(alarm.step, alarm.name) for alarm in alarms(lines, RunConfig())]


def test_a_calm_run_raises_none() -> None:
    assert raised(course("entropy", [0.5 - 0.02 * step for step in range(20)])) == []


@pytest.mark.parametrize(
    ("name", "values", "wanted"),
    [
        # Means of the last four fall to 80 (3), 57.5 and then 35 of 80: under half in step 10.
        ("length_tokens", [80.0] * 7 + [20.0] * 5, (10, "length collapse")),
        ("entropy", [0.5] * 6 + [0.01] * 4, (10, "entropy collapse")),
        ("entropy", [0.5] * 6 + [4.0] * 4, (8, "entropy explosion")),
        ("truncated", [0.0] * 6 + [0.3] * 4, (8, "rising truncation")),
        ("groups_without_spread", [0.2] + [1.0] * 4, (5, "vanishing spread")),
        ("mismatch", [0.005, 0.03, 0.03], (2, "sampler and trainer differ")),
        ("not_finite", [0.0, 1.0], (2, "gradient not finite")),
    ],
)
def test_each_alarm_is_raised_once_with_its_figures(name: str, values: list[float], wanted: tuple[int, str]) -> None:
    found = alarms(course(name, values), RunConfig())
    assert [(alarm.step, alarm.name) for alarm in found] == [wanted]
    assert any(character.isdigit() for character in found[0].figures) and found[0].remedy


def test_without_any_spread_the_entropy_of_all_completions_stands_for_that_of_those_trained_on() -> None:
    sampled = [0.4] * 8 + [0.001] * 4
    lines = [Line("grpo", step, CALM | {"entropy_sampled": value}) for step, value in enumerate(sampled, start=1)]
    assert raised(lines) == []
    for line in lines[8:]:
        del line.values["entropy"]
    assert raised(lines) == [(12, "entropy collapse")]


def test_an_alarm_comes_again_after_it_was_over() -> None:
    assert [step for step, _ in raised(course("mismatch", [0.03, 0.001, 0.03]))] == [1, 3]


def test_float32_has_a_limit_of_its_own_for_the_mean_and_none_for_one_token() -> None:
    config = RunConfig(model=ModelConfig(dtype="float32"))
    # As in 60 steps of a nano model: 6e-7 on average, up to 4e-4 where a token of small probability was drawn.
    calm = Line("grpo", 1, CALM | {"mismatch": 6e-7, "mismatch_max": 4e-4})
    assert not alarms([calm], config)
    apart = Line("grpo", 1, CALM | {"mismatch": 2e-5})
    assert [alarm.name for alarm in alarms([apart], config)] == ["sampler and trainer differ"]
    assert not alarms([apart], RunConfig())


def test_reward_up_while_accuracy_falls() -> None:
    lines = course("earned", [0.5] * 4 + [0.8] * 4, strict=[0.3] * 4 + [0.1] * 4)
    assert [name for _, name in raised(lines)] == ["reward up, accuracy down"]
    assert raised(course("earned", [0.5] * 4 + [0.8] * 4, strict=[0.3] * 4 + [0.5] * 4)) == []


def test_values_that_are_no_numbers_do_no_harm() -> None:
    assert raised(course("entropy", [math.nan] * 12)) == []


def test_alarms_of_steps_that_are_made_again_are_gone(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path / "run", RunConfig())
    session: Any = SimpleNamespace(run=run, config=run.config)
    StepLog(session)
    assert not (run.path / ALARMS).exists(), "a run without alarms has no file"
    run.write_alarms([{"phase": "grpo", "step": 9, "name": "of a step that was cut off"}])
    StepLog(session)
    assert json.loads((run.path / ALARMS).read_text()) == {"alarms": []}
