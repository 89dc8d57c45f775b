"""vLLM's build for processors as a server for evaluation: greedy, it says what Sleuth's engine says.

`make vllm` installs it into an environment of its own, whose interpreter the variable `SLEUTH_VLLM` then names.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from sleuth.integrations.trl.data import messages
from sleuth.policy.base import Request, Rollout, Sampling
from sleuth.policy.engine import TorchPolicy
from sleuth.policy.models import Loaded, folder_of, load_model
from sleuth.policy.prompts import ask
from sleuth.puzzles.generate import make_puzzle

PYTHON = os.environ.get("SLEUTH_VLLM", "")
pytestmark = pytest.mark.skipif(not PYTHON, reason="vLLM is not installed here: make vllm")

MODEL = "nano-detective"
COUNT, NEW = 8, 128
TIE = 1e-3
"""Logits nearer than this are equal but for rounding."""
START_S = 1800
"""On a busy machine; otherwise it takes a minute."""


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """Where vLLM answers for the model. Float32, so that only rounding differs."""
    folder, log, port = folder_of(MODEL), tmp_path / "vllm.log", free_port()
    options = ["--model", str(folder), "--served-model-name", MODEL, "--dtype", "float32", "--max-model-len", "2048"]
    where = ["--host", "127.0.0.1", "--port", str(port), "--enforce-eager", "--generation-config", "vllm"]
    environment = {
        "VLLM_CPU_KVCACHE_SPACE": "1",  # GB
        "VLLM_CPU_NUM_OF_RESERVED_CPU": "0",
        "VLLM_NO_USAGE_STATS": "1",
        "HF_HUB_OFFLINE": "1",
    }
    with log.open("wb") as printed:
        process = subprocess.Popen(
            [PYTHON, "-m", "vllm.entrypoints.openai.api_server", *options, *where],
            stdout=printed,
            stderr=subprocess.STDOUT,
            cwd=tmp_path,
            env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | environment,
        )
    try:
        await_start(process, f"http://127.0.0.1:{port}/health", log)
        yield f"http://127.0.0.1:{port}/v1/chat/completions"
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()


def await_start(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    end = time.monotonic() + START_S
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            told = log.read_text(encoding="utf-8", errors="replace")[-4000:]
            assert process.poll() is None, f"vLLM ended: {told}"
            assert time.monotonic() < end, f"vLLM did not start: {told}"
            time.sleep(0.5)


def said(url: str, request: Request) -> str:
    """vLLM's greedy completion."""
    body: dict[str, Any] = {"model": MODEL, "messages": messages(request), "temperature": 0, "max_tokens": NEW}
    asked = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(asked, timeout=START_S) as answer:
            return str(json.load(answer)["choices"][0]["message"]["content"])
    except urllib.error.HTTPError as error:
        raise AssertionError(error.read().decode()) from None


def gap(loaded: Loaded, ours: Rollout, theirs: str) -> float:
    """How far apart the two likeliest tokens are where two completions part, in nats."""
    whole = [loaded.tokenizer.decode(ours.tokens[: n + 1], skip_special_tokens=True) for n in range(len(ours.tokens))]
    place = next((n for n, text in enumerate(whole) if not theirs.startswith(text)), len(ours.tokens) - 1)
    row = torch.tensor([[*ours.prompt_tokens, *ours.tokens[:place]]])
    with torch.no_grad():
        best = loaded.model(input_ids=row).logits[0, -1].float().topk(2).values
    return float(best[0] - best[1])


def test_greedy_texts_are_those_of_our_engine(served: str) -> None:
    """Equal to the letter, or apart from where two tokens are equally likely but for rounding."""
    loaded = load_model(MODEL, torch.float32, "cpu")
    requests = [ask(make_puzzle("temporal-clue", "1", "val", 0, n, "terse").puzzle, "reason") for n in range(COUNT)]
    ours = [group[0] for group in TorchPolicy(loaded.model, loaded.tokenizer).rollout(requests, 1, Sampling(NEW, 0.0))]
    theirs = [said(served, request) for request in requests]
    assert any(len(one.tokens) > 16 for one in ours)
    apart = [gap(loaded, one, other) for one, other in zip(ours, theirs, strict=True) if one.text != other]
    assert all(nats < TIE for nats in apart), (apart, [one.text for one in ours], theirs)
    assert len(apart) <= COUNT // 4, "ties are rare"
