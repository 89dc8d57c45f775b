"""The reward for verl: `reward.custom_reward_function.path=integrations/verl/reward.py`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sleuth.integrations.grading import grade_text


def compute_score(
    data_source: str, solution_str: str, ground_truth: str, extra_info: Mapping[str, Any], **_: Any
) -> dict[str, float]:
    """Of one completion: `score`, the share of questions answered right, and `strict`, 1 if all are.

    ground_truth: the puzzle as JSON text. extra_info: its `mode` says how the puzzle was asked. verl does not tell
    whether a completion hit the limit of tokens; that changes neither.
    """
    score = grade_text(ground_truth, solution_str, extra_info["mode"])
    return {"score": score.reward, "strict": float(score.correct)}
