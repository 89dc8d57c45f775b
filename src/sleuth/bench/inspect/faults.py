"""What failed when an interface gave no completion.

A reply without an answer and an exception of a provider's client are told apart here into our own kinds, so that
neither counts as something that the model wrote. What providers raise differs, so exceptions are known by their status
and by what they were caused by, not by their class alone.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

from inspect_ai.model import Model, ModelOutput
from inspect_ai.model._model import AttemptTimeoutError
from tenacity import RetryError

from sleuth.bench.stored import MOST
from sleuth.policy.base import Fault

LONGEST = 300
"""Characters of what is kept of an error."""
SHORTEST_KEY = 8
"""Characters of a key that is looked for; shorter ones (`none`) are no secrets."""
CUT = ("peer closed connection", "incomplete", "ended prematurely", "payload is not completed")
"""Of messages about connections: these ended within a reply, the others before one."""


class Faulty(Exception):  # noqa: N818 - named for what it says
    """An interface gave no completion."""

    def __init__(self, fault: Fault, said: str) -> None:
        super().__init__(f"{fault}: {said}" if said else str(fault))
        self.fault, self.said = fault, said


def fault_of_output(output: ModelOutput) -> Faulty | None:
    """What is wrong with a reply that came whole; None for a completion."""
    if not output.choices:
        return Faulty(Fault.MALFORMED, output.error or "a reply without choices")
    refusal = _refusal(output)
    if output.stop_reason == "content_filter" or refusal is not None:
        return Faulty(Fault.REFUSAL, (refusal or output.completion)[:LONGEST])
    if output.stop_reason == "unknown":  # a stream that broke off without an error of its connection, such as a proxy's
        return Faulty(Fault.CUT_STREAM, "a reply that does not say why it ended")
    if not output.completion.strip() and output.stop_reason not in ("max_tokens", "model_length"):
        return Faulty(Fault.EMPTY, "a reply without text")
    if usage_of(output) is None:
        return Faulty(Fault.MALFORMED, "a reply that counts impossible numbers of tokens")
    return None


def usage_of(output: ModelOutput) -> tuple[int, int, int | None] | None:
    """Tokens of the prompt, new ones, and those of reasoning among them (None where nothing counts them); zeros where
    the interface counts none, None for numbers that cannot be."""
    usage = output.usage
    if usage is None:
        return 0, 0, None
    prompt = usage.input_tokens + (usage.input_tokens_cache_read or 0) + (usage.input_tokens_cache_write or 0)
    possible = all(0 <= count <= MOST for count in (prompt, usage.output_tokens, usage.reasoning_tokens or 0))
    return (prompt, usage.output_tokens, usage.reasoning_tokens) if possible else None


def fault_of_error(error: BaseException) -> Faulty:
    """What an exception of a provider says."""
    causes = [one for one in _causes(error) if not isinstance(one, RetryError)]
    said = f"{type(causes[0]).__name__}: {' '.join(str(causes[0]).split())}"[:LONGEST]
    for one in causes:  # the outermost that says what it was; further in stands what its client met before
        if (status := _status(one)) is not None:
            return Faulty(_of_status(status), f"status {status}: {said}")
        if (fault := _of_connection(one)) is not None:
            return Faulty(fault, said)
    if any(isinstance(one, OSError) or "Connect" in type(one).__name__ for one in causes):
        return Faulty(Fault.SERVER_ERROR, said)
    return Faulty(Fault.MALFORMED, said)


def _of_connection(error: BaseException) -> Fault | None:
    """What an exception about a connection says by itself; None for one that is about
    something else, or too general."""
    names = [parent.__name__ for parent in type(error).__mro__]
    if isinstance(error, (TimeoutError, AttemptTimeoutError)) or any("Timeout" in name for name in names):
        return Fault.TIMEOUT
    if "ReadError" in names or "IncompleteRead" in names:
        return Fault.CUT_STREAM
    if any("Protocol" in name for name in names):
        return Fault.CUT_STREAM if any(sign in str(error).lower() for sign in CUT) else Fault.SERVER_ERROR
    return None


def _of_status(status: int) -> Fault:
    if status == 429:
        return Fault.RATE_LIMIT
    if status in (401, 403):
        return Fault.WRONG_KEY
    if status == 408:
        return Fault.TIMEOUT
    return Fault.SERVER_ERROR if status >= 500 else Fault.BAD_REQUEST


def _status(error: BaseException) -> int | None:
    for name in ("status_code", "status", "code", "http_status"):
        found = getattr(error, name, None)
        if isinstance(found, int) and 400 <= found <= 599:
            return found
    response = getattr(error, "response", None)
    found = getattr(response, "status_code", None)
    return found if isinstance(found, int) and 400 <= found <= 599 else None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The exception and what it came from, outermost first."""
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        yield one
        one = one.__cause__ or one.__context__


def _refusal(output: ModelOutput) -> str | None:
    content = output.message.content
    if isinstance(content, str):
        return None
    return next((part.text for part in content if part.type == "text" and part.refusal), None)


def keys_of(model: Model) -> list[str]:
    """The secrets of a model's interface: its key, and what the environment holds under the names of keys."""
    api = model.api
    named = (os.environ.get(name, "") for name in getattr(api, "api_key_vars", None) or ())
    return sorted({key for key in (getattr(api, "api_key", None) or "", *named) if len(key) >= SHORTEST_KEY})


def hide_keys(model: Model) -> None:
    """Makes a model's replies and errors free of its keys, before anything is logged or stored: some servers repeat a
    wrong key in their message, and what a server says is not ours."""
    keys = keys_of(model)
    if not keys:
        return
    generate = model.api.generate

    async def safe(*arguments: Any, **named: Any) -> Any:
        try:
            found = await generate(*arguments, **named)
        except Exception as error:
            for one in _causes(error):
                _clean_error(one, keys)
            raise
        parts = found if isinstance(found, tuple) else (found,)
        cleaned = tuple(_clean(part, keys) for part in parts)
        return cleaned if isinstance(found, tuple) else cleaned[0]

    model.api.generate = safe


def _clean(part: Any, keys: list[str]) -> Any:
    if isinstance(part, BaseException):
        for one in _causes(part):
            _clean_error(one, keys)
        return part
    text = part.model_dump_json()
    if not any(json.dumps(key)[1:-1] in text or key in text for key in keys):
        return part
    return type(part).model_validate_json(_hidden(text, keys))


def _clean_error(error: BaseException, keys: list[str]) -> None:
    error.args = tuple(_deep(one, keys) for one in error.args)
    for name in ("message", "body"):
        if hasattr(error, name):
            setattr(error, name, _deep(getattr(error, name), keys))


def _deep(value: Any, keys: list[str]) -> Any:
    if isinstance(value, str):
        return _hidden(value, keys)
    if isinstance(value, dict):
        return {_deep(key, keys): _deep(one, keys) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_deep(one, keys) for one in value)
    return value


def _hidden(text: str, keys: list[str]) -> str:
    for key in keys:
        text = text.replace(key, "[key]")
    return text
