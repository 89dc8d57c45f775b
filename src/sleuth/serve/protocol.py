"""The part of OpenAI's chat completions that is served: requests read and checked, answers and chunks written.

Fields that would change what is written and that this server does not have (tools, response formats, penalties …) are
refused by name unless they hold the value that changes nothing. Fields that change nothing are accepted.
"""

from __future__ import annotations

import json
import secrets
import time
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sleuth.errors import UserError, shortened
from sleuth.files import parse_json
from sleuth.policy.base import Request, Rollout, Sampling, StopReason, Turn
from sleuth.policy.batcher import TopLogprobs

IGNORED = frozenset({"user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key"})
"""Fields about accounting, which change no completion."""
NEUTRAL: dict[str, tuple[Any, ...]] = {
    "frequency_penalty": (None, 0),
    "presence_penalty": (None, 0),
    "logit_bias": (None, {}),
    "tools": (None, []),
    "tool_choice": (None, "none", "auto"),
    "parallel_tool_calls": (None, True, False),
    "response_format": (None, {"type": "text"}),
    "modalities": (None, ["text"]),
    "reasoning_effort": (None,),
    "functions": (None, []),
}
"""Fields that are accepted with these values alone."""
MOST_SAMPLES = 128
MOST_TOP_LOGPROBS = 20
MOST_STOPS, LONGEST_STOP = 4, 256
"""Stop strings of a request, as OpenAI has it, and characters of each. Every new token is compared with all."""


class _Text(BaseModel):
    model_config = ConfigDict(extra="forbid")
    type: Literal["text"]
    text: str


class Message(BaseModel):
    """One turn of a conversation."""

    model_config = ConfigDict(extra="ignore")
    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[_Text]

    @property
    def text(self) -> str:
        """Its text, whichever way it was given."""
        return self.content if isinstance(self.content, str) else "".join(part.text for part in self.content)


class StreamOptions(BaseModel):
    """What a stream has beside its text."""

    model_config = ConfigDict(extra="ignore")
    include_usage: bool = False


class ChatRequest(BaseModel):
    """The body of POST /v1/chat/completions."""

    model_config = ConfigDict(extra="forbid")
    model: str
    messages: list[Message] = Field(min_length=1)
    max_tokens: int | None = Field(None, ge=1)
    max_completion_tokens: int | None = Field(None, ge=1)
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, gt=0, le=1)
    top_k: int | None = Field(None, ge=-1)
    """As vLLM has it; -1 and 0: all."""
    n: int | None = Field(None, ge=1, le=MOST_SAMPLES)
    seed: int | None = None
    stop: str | list[str] | None = None
    stream: bool = False
    stream_options: StreamOptions | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = Field(None, ge=0, le=MOST_TOP_LOGPROBS)

    @property
    def samples(self) -> int:
        """How many completions are asked for."""
        return self.n or 1

    def new_tokens(self, most: int) -> int:
        """Longest completion. Raises `UserError` above what the server allows."""
        asked = self.max_completion_tokens or self.max_tokens or most
        if asked > most:
            raise UserError(f"max_tokens {asked}: this server writes at most {most}")
        return asked

    def sampling(self, most: int) -> Sampling:
        """How the completions are sampled; without a seed another one each time. Raises `UserError`."""
        stop = (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())
        if len(stop) > MOST_STOPS or any(len(one) > LONGEST_STOP for one in stop):
            raise UserError(f"stop: at most {MOST_STOPS} strings of at most {LONGEST_STOP} characters each")
        temperature = 1.0 if self.temperature is None else self.temperature
        greedy = temperature == 0
        return Sampling(
            max_new_tokens=self.new_tokens(most),
            temperature=temperature,
            seed=seed_of(self.seed),
            top_k=0 if greedy else max(0, self.top_k or 0),
            top_p=1.0 if greedy or self.top_p is None else self.top_p,
            stop=stop,
        )

    def request(self) -> Request:
        """The conversation as the engine's templates take it: system, user, then answers and what was said to them.

        Raises `UserError` for conversations of another form.
        """
        return conversation([(("system" if one.role == "developer" else one.role), one.text) for one in self.messages])


def conversation(texts: list[tuple[str, str]]) -> Request:
    """Messages, as role and text, in the form that the engine's templates take.

    Raises `UserError` for conversations of another form.
    """
    system = texts[0][1] if texts and texts[0][0] == "system" else ""
    turns = texts[1:] if texts and texts[0][0] == "system" else texts
    roles = [role for role, _ in turns]
    if roles != ["user", "assistant"] * (len(roles) // 2) + ["user"]:
        raise UserError("messages: an optional system message, then user and assistant by turns, a user message last")
    later = tuple(Turn(answer, said) for (_, answer), (_, said) in zip(turns[1::2], turns[2::2], strict=True))
    return Request(key="chat", system=system, user=turns[0][1], turns=later)


def seed_of(seed: int | None) -> tuple[int, ...]:
    """The seed of a request's draws; without one another each time."""
    return (secrets.randbits(63) if seed is None else seed,)


def read_chat_request(body: bytes) -> ChatRequest:
    """The request in a body. Raises `UserError`, one line."""
    try:
        data = parse_json(body)
    except ValueError as error:
        raise UserError(f"the body is not JSON: {error}") from None
    if not isinstance(data, dict):
        raise UserError("the body is not a JSON object")
    for name, values in NEUTRAL.items():
        if name in data and data.pop(name) not in values:
            raise UserError(f"{name} is not supported by this server")
    try:
        return ChatRequest.model_validate({name: value for name, value in data.items() if name not in IGNORED})
    except ValidationError as error:
        first = error.errors()[0]
        place = shortened(".".join(map(str, first["loc"])))
        message = "is not supported by this server" if first["type"] == "extra_forbidden" else first["msg"]
        raise UserError(f"{place}: {message}") from None


def finish_reason(stop: StopReason) -> str:
    """OpenAI's word for why a completion ended."""
    return "length" if stop.cut else "stop"


class Answers:
    """Writes the answers to one request."""

    def __init__(self, request: ChatRequest, tokenizer: Any) -> None:
        self._model, self._tokenizer = request.model, tokenizer
        self._id, self._created = f"chatcmpl-{secrets.token_hex(12)}", int(time.time())

    def whole(
        self, prompt_tokens: int, rollouts: list[Rollout], tops: dict[int, list[TopLogprobs]] | None
    ) -> dict[str, Any]:
        """The answer to a request that does not stream; `tops`: likeliest tokens, where log-probabilities are asked
        for."""
        choices = [
            {
                "index": index,
                "message": {"role": "assistant", "content": rollout.text, "refusal": None},
                "finish_reason": finish_reason(rollout.stop),
                "logprobs": None if tops is None else self.logprobs(rollout.tokens, rollout.logprobs, tops.get(index)),
            }
            for index, rollout in enumerate(rollouts)
        ]
        return self._object("chat.completion", choices) | {"usage": usage(prompt_tokens, rollouts)}

    def chunk(self, index: int, delta: dict[str, Any], finish: str | None = None, logprobs: Any = None) -> str:
        """One event of a stream."""
        choice = {"index": index, "delta": delta, "finish_reason": finish, "logprobs": logprobs}
        return event(self._object("chat.completion.chunk", [choice]))

    def usage_chunk(self, prompt_tokens: int, rollouts: list[Rollout]) -> str:
        """The event that counts tokens."""
        return event(self._object("chat.completion.chunk", []) | {"usage": usage(prompt_tokens, rollouts)})

    def logprobs(
        self, tokens: tuple[int, ...], logprobs: tuple[float, ...], tops: list[TopLogprobs] | None
    ) -> dict[str, Any]:
        """Log-probabilities (natural) of the tokens."""
        content = []
        for place, (token, logprob) in enumerate(zip(tokens, logprobs, strict=True)):
            likeliest = [self._token(*one) for one in tops[place]] if tops else []
            content.append(self._token(token, logprob) | {"top_logprobs": likeliest})
        return {"content": content, "refusal": None}

    def _token(self, token: int, logprob: float) -> dict[str, Any]:
        text = self._tokenizer.decode([token])
        return {"token": text, "logprob": logprob, "bytes": list(text.encode())}

    def _object(self, kind: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
        return {"id": self._id, "object": kind, "created": self._created, "model": self._model, "choices": choices}


def usage(prompt_tokens: int, rollouts: list[Rollout]) -> dict[str, int]:
    """Token counts."""
    written = sum(len(rollout.tokens) for rollout in rollouts)
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": written,
        "total_tokens": prompt_tokens + written,
    }


def event(data: dict[str, Any]) -> str:
    """A server-sent event."""
    return f"data: {json.dumps(data, ensure_ascii=False)}\n\n"


def fault(message: str, kind: str, code: str | None = None) -> dict[str, Any]:
    """OpenAI's form of an error."""
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}
