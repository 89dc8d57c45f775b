"""`sleuth serve`: a real server in a process of its own, on loopback, and the official client of the OpenAI API."""

from __future__ import annotations

import concurrent.futures
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from sleuth.policy.base import Request, Sampling, Turn
from sleuth.policy.engine import TorchPolicy
from sleuth.policy.models import load_model
from tests.tiny import tiny_folder

openai = pytest.importorskip("openai")
pytest.importorskip("starlette")

NEW = 48
MESSAGES = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Where was Ada?"}]


class Server:
    """A server, its address, and the process."""

    def __init__(self, folder: Path, *options: str, key: str = "", name: str = "tiny", prompt: int = 400) -> None:
        environment = {**os.environ, "OMP_NUM_THREADS": "1"} | ({"SLEUTH_API_KEY": key} if key else {})
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "sleuth", "serve", str(folder), "--name", name, "--port", "0"),
                *("--max-new-tokens", str(NEW), "--max-prompt-tokens", str(prompt), *options),
            ],
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        assert self.process.stderr is not None
        self.url = ""
        for line in self.process.stderr:
            if found := re.search(r"http://\S+/v1", line):
                self.url = found[0]
                break
        assert self.url, "the server did not start"
        self.client = openai.OpenAI(base_url=self.url, api_key=key or "none", max_retries=0, timeout=60)

    def get(self, path: str, **headers: str) -> tuple[int, str]:
        request = urllib.request.Request(self.url.removesuffix("/v1") + path, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def post(self, body: bytes) -> tuple[int, dict[str, Any]]:
        request = urllib.request.Request(self.url + "/chat/completions", data=body)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def stop(self) -> int:
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(30)
        assert self.process.stderr is not None
        self.process.stderr.close()
        return code


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_folder(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    started = Server(folder, "--rows", "4")
    yield started
    started.stop()


@pytest.fixture(scope="module")
def policy(folder: Path) -> TorchPolicy:
    from sleuth.policy.machine import fast_dtype  # the number format that the server takes

    loaded = load_model(str(folder), fast_dtype("cpu"), "cpu")
    return TorchPolicy(loaded.model, loaded.tokenizer)


def directly(policy: TorchPolicy, samples: int = 1, **settings: Any) -> list[Any]:
    request = Request("chat", MESSAGES[0]["content"], MESSAGES[1]["content"])
    [group] = policy.rollout([request], samples, Sampling(NEW, **settings))
    return group


def ask(server: Server, **settings: Any) -> Any:
    return server.client.chat.completions.create(model="tiny", messages=MESSAGES, **settings)


def test_greedy_text_counts_and_reason_are_the_engine_s(server: Server, policy: TorchPolicy) -> None:
    [rollout] = directly(policy, temperature=0.0)
    answer = ask(server, temperature=0)
    assert answer.choices[0].message.content == rollout.text
    assert answer.usage.completion_tokens == len(rollout.tokens)
    assert answer.usage.prompt_tokens == len(rollout.prompt_tokens)
    assert answer.choices[0].finish_reason == ("length" if rollout.stop.cut else "stop")


def test_seeded_samples_are_the_engine_s_whether_streamed_or_not(server: Server, policy: TorchPolicy) -> None:
    texts = [rollout.text for rollout in directly(policy, 3, temperature=0.8, seed=(7,))]
    whole = ask(server, temperature=0.8, seed=7, n=3)
    assert [choice.message.content for choice in whole.choices] == texts
    pieces, reasons = ["", "", ""], ["", "", ""]
    stream = ask(server, temperature=0.8, seed=7, n=3, stream=True, stream_options={"include_usage": True})
    usage = None
    for chunk in stream:
        usage = chunk.usage or usage
        for choice in chunk.choices:
            pieces[choice.index] += choice.delta.content or ""
            reasons[choice.index] = choice.finish_reason or reasons[choice.index]
    assert pieces == texts
    assert reasons == [choice.finish_reason for choice in whole.choices]
    assert usage == whole.usage
    assert len(set(texts)) == 3


def test_without_a_seed_two_answers_differ(server: Server) -> None:
    assert ask(server).choices[0].message.content != ask(server).choices[0].message.content


def test_a_conversation_goes_on_with_its_turns(server: Server, policy: TorchPolicy) -> None:
    more = [*MESSAGES, {"role": "assistant", "content": "In the Hall."}, {"role": "user", "content": "And Ben?"}]
    request = Request("chat", "Be brief.", "Where was Ada?", turns=(Turn("In the Hall.", "And Ben?"),))
    [[rollout]] = policy.rollout([request], 1, Sampling(NEW, temperature=0.0))
    answer = server.client.chat.completions.create(model="tiny", messages=more, temperature=0)
    assert answer.choices[0].message.content == rollout.text


def test_stop_strings_end_the_text_before_them(server: Server, policy: TorchPolicy) -> None:
    [rollout] = directly(policy, temperature=0.0)
    readable = [place for place, letter in enumerate(rollout.text[:-2]) if letter.isascii() and place > 4]
    stop = rollout.text[readable[0] : readable[0] + 2]
    expected = rollout.text[: rollout.text.index(stop)]
    answer = ask(server, temperature=0, stop=[stop, "never seen in it"])
    assert answer.choices[0].message.content == expected
    assert answer.choices[0].finish_reason == "stop"
    streamed = ask(server, temperature=0, stop=stop, stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in streamed) == expected


def test_logprobs_are_the_engine_s_and_the_likeliest_come_first(server: Server, policy: TorchPolicy) -> None:
    [rollout] = directly(policy, temperature=0.0)
    found = ask(server, temperature=0, logprobs=True, top_logprobs=3).choices[0].logprobs.content
    assert [one.logprob for one in found] == pytest.approx(list(rollout.logprobs), abs=1e-5)
    for one in found:
        assert len(one.top_logprobs) == 3
        assert one.top_logprobs[0].logprob == pytest.approx(one.logprob, abs=1e-4)
        assert [top.logprob for top in one.top_logprobs] == sorted((t.logprob for t in one.top_logprobs), reverse=True)


def test_what_is_asked_at_once_is_answered_as_if_alone(server: Server, policy: TorchPolicy) -> None:
    """More requests than rows, of different settings."""
    settings: list[dict[str, Any]] = [{"temperature": 0}, *({"temperature": 1.0, "seed": seed} for seed in range(11))]
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda one: ask(server, **one).choices[0].message.content, settings))
    alone = [directly(policy, temperature=one["temperature"], seed=(one.get("seed", 0),))[0].text for one in settings]
    assert answers == alone


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"model": "other"}, "the model 'other' is not here"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "assistant", "content": "x"}]}, "a user message last"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]}, "messages"),
        ({"messages": [{"role": "user", "content": "x" * 500}]}, "at most 400"),
        ({"max_tokens": NEW + 1}, f"at most {NEW}"),
        ({"tools": [{"type": "function"}]}, "tools is not supported"),
        ({"presence_penalty": 0.5}, "presence_penalty is not supported"),
        ({"response_format": {"type": "json_object"}}, "response_format is not supported"),
        ({"best_of": 3}, "best_of: is not supported"),
        ({"temperature": -1}, "temperature"),
        ({"temperature": 1e-50}, "temperature 1e-50: take 0.001 or more, or 0 (greedy)"),
        ({"n": 0}, "n: "),
        ({"stop": [""]}, "stop string"),
        ({"temperature": "nan"}, "temperature"),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(value),
)
def test_what_cannot_be_done_is_refused_in_one_line(server: Server, changed: dict[str, Any], said: str) -> None:
    status, answer = server.post(json.dumps({"model": "tiny", "messages": MESSAGES} | changed).encode())
    assert status == (404 if "model" in changed else 400)
    assert said in answer["error"]["message"] and "\n" not in answer["error"]["message"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b"[" * 100_000, b'{"model": "tiny"}'])
def test_bodies_that_are_no_request_are_refused(server: Server, body: bytes) -> None:
    status, answer = server.post(body)
    assert status == 400 and "\n" not in answer["error"]["message"]


def test_health_models_and_metrics(server: Server) -> None:
    assert server.get("/health") == (200, '{"status":"ok"}')
    assert [model.id for model in server.client.models.list().data] == ["tiny"]
    before = ask(server, temperature=0).usage
    status, text = server.get("/metrics")
    figures = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert status == 200 and float(figures['sleuth_tokens_total{kind="completion"}']) >= before.completion_tokens
    assert figures["sleuth_completions_running"] == "0"
    assert int(figures['sleuth_requests_total{status="200"}']) >= 1


def test_another_host_s_name_is_refused(server: Server) -> None:
    """A web page that makes its own name point at loopback."""
    assert server.get("/health", Host="evil.example")[0] == 400


def test_a_client_that_leaves_frees_its_rows(server: Server) -> None:
    host, port = re.search(r"http://(.+):(\d+)/v1", server.url).groups()  # type: ignore[union-attr]
    body = json.dumps({"model": "tiny", "messages": MESSAGES, "n": 128, "stream": True}).encode()
    with socket.create_connection((host, int(port))) as connection:
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body)
        assert b"200 OK" in connection.recv(200)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        figures = server.get("/metrics")[1]
        if "sleuth_completions_running 0" in figures and "sleuth_completions_waiting 0" in figures:
            return
        time.sleep(0.05)
    raise AssertionError(figures)


def test_keys_back_pressure_and_a_clean_stop(folder: Path) -> None:
    server = Server(folder, "--rows", "1", "--queue", "2", key="secret-key")
    try:
        with pytest.raises(openai.AuthenticationError):
            openai.OpenAI(base_url=server.url, api_key="wrong", max_retries=0).chat.completions.create(
                model="tiny", messages=MESSAGES
            )
        assert server.get("/v1/models")[0] == 401
        assert server.get("/health")[0] == 200, "load balancers have no key"

        def hurried(_: int) -> str:
            try:
                ask(server)
            except openai.RateLimitError as error:
                return str(error.response.headers["retry-after"])
            return "answered"

        with concurrent.futures.ThreadPoolExecutor(24) as pool:
            found = list(pool.map(hurried, range(24)))
        assert set(found) == {"answered", "1"}
        assert ask(server, temperature=0).choices[0].message.content is not None, "it goes on afterwards"
    finally:
        assert server.stop() in (0, 130)


def test_it_does_not_start_where_others_reach_it_without_a_key_or_the_port_is_taken(
    folder: Path, server: Server
) -> None:
    def refused(*options: str) -> str:
        ended = subprocess.run(
            [sys.executable, "-m", "sleuth", "serve", str(folder), *options],
            capture_output=True,
            text=True,
            env={name: value for name, value in os.environ.items() if name != "SLEUTH_API_KEY"},
            timeout=120,
        )
        assert ended.returncode == 2
        return ended.stderr.splitlines()[-1]

    assert "SLEUTH_API_KEY" in refused("--host", "0.0.0.0")
    port = re.search(r":(\d+)/v1", server.url)
    assert port is not None and "another --port" in refused("--port", port[1])
    assert "--rows 0" in refused("--rows", "0")


def test_text_streams_hold_back_what_may_be_a_stop_string(policy: TorchPolicy) -> None:
    from sleuth.serve.text import TextStream
    from tests.tiny import tiny_tokenizer

    tokenizer = tiny_tokenizer()
    stream = TextStream(tokenizer, ("END",))
    tokens = tokenizer("naïve EN-END more", add_special_tokens=False)["input_ids"]
    pieces = [stream.add(token) for token in tokens]
    assert "".join(pieces) == "naïve EN-"
    assert pieces[-1] == "" and "E" not in pieces[: len("naïve ".encode()) + 1]
    torch.manual_seed(0)
    for _ in range(20):
        noise = torch.randint(3, len(tokenizer), (40,)).tolist()
        stream = TextStream(tokenizer)
        text = tokenizer.decode(noise, skip_special_tokens=True)
        shown = "".join(map(stream.add, noise))
        assert text.startswith(shown) and shown + stream.rest(text) == text
