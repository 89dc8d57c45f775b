"""How much of the engine's speed `sleuth serve` passes on: 64 concurrent streams against the engine directly.

    python benchmarks/serve.py [--model NAME] [--quick] [--out benchmarks/results]

Both decode the same greedy completions of the same prompts, one after the other in one run; the server is a process of
its own on loopback, and its clients are threads here, so they share the processor with it.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import http.client
import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

from common import machine, write_table
from sleuth.policy.base import Request, Sampling
from sleuth.policy.engine import TorchPolicy
from sleuth.policy.machine import fast_dtype
from sleuth.policy.models import load_model
from sleuth.policy.prompts import ask
from sleuth.puzzles.generate import make_puzzle


def directly(model: str, requests: list[Request], new: int) -> tuple[float, list[str]]:
    """Tokens a second of the engine, the time for prompts included, and the texts."""
    loaded = load_model(model, fast_dtype("cpu"), "cpu")
    policy = TorchPolicy(loaded.model, loaded.tokenizer, rows=len(requests))
    sampling = Sampling(new, temperature=0.0)
    policy.rollout(requests[:2], 1, sampling)
    started_s = time.perf_counter()
    groups = policy.rollout(requests, 1, sampling)
    taken_s = time.perf_counter() - started_s
    return sum(len(group[0].tokens) for group in groups) / taken_s, [group[0].text for group in groups]


def streamed(address: str, request: Request, new: int) -> tuple[str, int]:
    """One stream's text and token count."""
    place = urlsplit(address)
    assert place.hostname
    connection = http.client.HTTPConnection(place.hostname, place.port or 80, timeout=600)
    messages = [{"role": "system", "content": request.system}, {"role": "user", "content": request.user}]
    body = {"model": "m", "messages": messages, "temperature": 0, "max_tokens": new, "stream": True}
    body["stream_options"] = {"include_usage": True}
    connection.request("POST", "/v1/chat/completions", json.dumps(body))
    text, tokens = "", 0
    for line in connection.getresponse():
        if line.startswith(b"data: {"):
            data = json.loads(line[6:])
            text += "".join(choice["delta"].get("content") or "" for choice in data["choices"])
            tokens = data.get("usage", {}).get("completion_tokens", tokens)
    connection.close()
    return text, tokens


def served(model: str, requests: list[Request], new: int) -> tuple[float, list[str]]:
    """Tokens a second through the server, and the texts."""
    command = [sys.executable, "-m", "sleuth", "serve", model, "--port", "0", "--name", "m"]
    command += ["--rows", str(len(requests)), "--max-new-tokens", str(new)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        address = next(found[0] for line in process.stderr if (found := re.search(r"http://\S+", line)))
        streamed(address, requests[0], new)
        with concurrent.futures.ThreadPoolExecutor(len(requests)) as pool:
            started_s = time.perf_counter()
            found = list(pool.map(lambda request: streamed(address, request, new), requests))
            taken_s = time.perf_counter() - started_s
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)
    return sum(tokens for _, tokens in found) / taken_s, [text for text, _ in found]


def main() -> None:
    """Both speeds and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--streams", type=int, default=64)
    parser.add_argument("--new", type=int, default=128)
    parser.add_argument("--quick", action="store_true", help="4 streams of 16 tokens")
    parser.add_argument("--out", type=Path, help="folder for the dated table")
    options = parser.parse_args()
    streams, new = (4, 16) if options.quick else (options.streams, options.new)
    puzzles = [make_puzzle("temporal-clue", "1", "val", 3, index, "terse").puzzle for index in range(streams)]
    requests = [ask(puzzle, "program") for puzzle in puzzles]
    direct, texts = directly(options.model, requests, new)
    through, same = served(options.model, requests, new)
    equal = sum(a == b for a, b in zip(texts, same, strict=True))
    row = (str(streams), f"{direct:.1f}", f"{through:.1f}", f"{through / direct:.3f}", f"{equal} of {streams}")
    head = ("streams", "tokens a second, directly", "through `sleuth serve`", "ratio", "equal texts")
    title = f"the server against its own engine, {options.model}, {new} new tokens each, {machine()}"
    write_table("serve", title, head, [row], options.out)


if __name__ == "__main__":
    main()
