"""The scripted policy, and that the light rooms stay light."""

from __future__ import annotations

import subprocess
import sys

from sleuth.policy.base import Request, Rollout, Sampling, StopReason
from sleuth.policy.scripted import ScriptedPolicy


def test_writes_what_the_function_says() -> None:
    seen: list[int] = []
    policy = ScriptedPolicy(lambda request, sample: f"{request.user} {sample}")
    requests = [Request("a", "", "one"), Request("b", "", "two")]
    groups = policy.rollout(requests, 2, Sampling(8), seen.append)
    assert [[rollout.text for rollout in group] for group in groups] == [["one 0", "one 1"], ["two 0", "two 1"]]
    assert groups[0][0] == Rollout((), (), (), StopReason.END, "one 0")
    assert seen == [2, 2]


def test_needs_no_torch() -> None:
    code = "import sys, sleuth.policy.scripted; sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
