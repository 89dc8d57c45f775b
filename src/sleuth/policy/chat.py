"""What a prompt looks like for a model: its chat template, what the template is given, and which tokens end a turn.

A template may write the date (Llama 3's calls `strftime_now`). A run fixes the time that it is rendered with
(`fix_template`), so that its prompts are the same tomorrow; both are kept in what is saved of the tokenizer, so
evaluations of the trained model render the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import jinja2

from sleuth.errors import UserError
from sleuth.policy.base import Request
from sleuth.policy.prompts import AGAIN, LONGEST_REASON

TEMPLATE_KEY = "sleuth_template"
"""Field of a saved tokenizer_config.json: the variables and the time that its template is rendered with."""
MARK = "\ue000"
"""Stands for a completion: a character for private use, which no template writes."""
_CLOCK = re.compile(r"\bstrftime_now\(\s*(['\"])([^'\"]*)\1\s*\)")


def fix_template(tokenizer: Any, variables: Mapping[str, Any], time: str) -> None:
    """From now on the template is rendered with these variables, at this time (ISO 8601; empty: the present one)."""
    tokenizer.init_kwargs[TEMPLATE_KEY] = {"variables": dict(variables), "time": time}


def fix_time(tokenizer: Any, time: str = "") -> str:
    """Fixes the time (ISO 8601) that a template which writes the date is rendered with: this one, else the one that is
    fixed already, else the present. Returns it; empty where the template writes none. Raises `UserError` for a time
    that is none."""
    try:
        datetime.fromisoformat(time or "2000-01-01")
    except ValueError:
        raise UserError(f"template time {time!r}: give it as 2026-11-29 or 2026-11-29T12:00:00") from None
    if "strftime_now" not in str(tokenizer.chat_template):
        return ""
    fixed = tokenizer.init_kwargs.get(TEMPLATE_KEY, {})
    chosen = time or fixed.get("time") or datetime.now().isoformat(timespec="seconds")
    fix_template(tokenizer, fixed.get("variables", {}), chosen)
    return str(chosen)


def prompt_tokens(tokenizer: Any, request: Request) -> list[int]:
    """The request in the model's chat template, up to where the assistant begins to write.

    An empty system text is left out. Templates that refuse a system role get it ahead of the user's text; a model
    without a template gets all texts with an empty line after each. A conversation only grows: the prompt of a later
    turn begins with the prompt of the turn before and the tokens of its completion, whatever other tokens the same text
    could have and whatever a template would change in earlier turns. Raises `UserError` for a template that cannot be
    rendered or does not show what the assistant said, and for an empty prompt.
    """
    tokens = _first_prompt(tokenizer, request)
    if not tokens:
        raise UserError(f"{request.key}: the prompt has no tokens; a model cannot begin with nothing")
    if request.turns:
        end = end_token_id(tokenizer)
        for turn in request.turns:
            tokens += turn.tokens or [*tokenizer(turn.completion, add_special_tokens=False)["input_ids"], end]
            after = _after_completion(tokenizer, turn.said)
            place = after.index(end) if end in after else None
            if tokens[-1] == end and place is not None and not tokenizer.decode(after[:place]).strip():
                after = after[place + 1 :]  # the completion wrote its end token itself
            tokens += after
    return tokens


def _first_prompt(tokenizer: Any, request: Request) -> list[int]:
    if tokenizer.chat_template is None:
        text = "".join(f"{part}\n\n" for part in (request.system, request.user) if part)
        return list(tokenizer(text)["input_ids"])
    user = {"role": "user", "content": request.user}
    if request.system:
        try:
            text = _rendered(tokenizer, [{"role": "system", "content": request.system}, user], begin=True)
        except UserError:
            user["content"] = f"{request.system}\n\n{request.user}"
            text = _rendered(tokenizer, [user], begin=True)
    else:
        text = _rendered(tokenizer, [user], begin=True)
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def _rendered(tokenizer: Any, messages: Sequence[Mapping[str, str]], begin: bool) -> str:
    """Messages in the chat template; `begin`: up to where the assistant writes."""
    fixed = tokenizer.init_kwargs.get(TEMPLATE_KEY, {})
    template = tokenizer.chat_template
    if fixed.get("time"):
        # transformers gives a template plain data only, so its own clock cannot be replaced by another function.
        time = datetime.fromisoformat(fixed["time"])
        template = _CLOCK.sub(lambda call: json.dumps(time.strftime(call[2])), template)
    try:
        text: str = tokenizer.apply_chat_template(
            list(messages),
            chat_template=template,
            add_generation_prompt=begin,
            tokenize=False,
            **fixed.get("variables", {}),
        )
    except (jinja2.TemplateError, TypeError, ValueError, LookupError, ArithmeticError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"The model's chat template cannot be rendered ({type(error).__name__}: {reason}); fix it in "
            "tokenizer_config.json or chat_template.jinja, or use model.template plain."
        ) from error
    return text


def longest_said(tokenizer: Any, page: str) -> int:
    """About the most tokens that a further turn adds beside its completion, judged from the words of a puzzle's page.
    Raises `UserError` as `prompt_tokens`."""
    return len(_after_completion(tokenizer, f"{page[:LONGEST_REASON]} {AGAIN}"))


def _after_completion(tokenizer: Any, said: str) -> list[int]:
    """What follows a completion, its end token included, when the user says something to it."""
    if tokenizer.chat_template is None:
        text = f"\n\n{said}\n\n"
    else:
        turns = [("user", "question"), ("assistant", MARK), ("user", said)]
        whole = _rendered(tokenizer, [{"role": role, "content": content} for role, content in turns], begin=True)
        _, found, text = whole.partition(MARK)
        if not found:
            raise UserError("The model's chat template leaves out earlier completions; it cannot be asked again.")
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def end_token_id(tokenizer: Any) -> int:
    """The token that ends an assistant's turn: the special token that the chat template puts after it, else the
    tokenizer's end-of-sequence token. Raises `UserError` where there is neither."""
    if tokenizer.chat_template is not None:
        mark = "answer"
        turn = [{"role": "user", "content": "question"}, {"role": "assistant", "content": mark}]
        after = _rendered(tokenizer, turn, begin=False).rpartition(mark)[2].strip()
        tokens = tokenizer(after, add_special_tokens=False)["input_ids"]
        if tokens and _is_special(tokenizer, tokens[0]):
            return int(tokens[0])
    if tokenizer.eos_token_id is None:
        raise UserError("The model's tokenizer names no end token; set eos_token in its tokenizer_config.json.")
    return int(tokenizer.eos_token_id)


def end_token_ids(tokenizer: Any, model: Any) -> frozenset[int]:
    """All tokens that end a completion: the one that ends a turn, the tokenizer's end-of-sequence token, and those of
    the model's generation_config, where transformers' `generate` stops."""
    ends = {end_token_id(tokenizer)}
    if tokenizer.eos_token_id is not None:
        ends.add(int(tokenizer.eos_token_id))
    own = getattr(getattr(model, "generation_config", None), "eos_token_id", None)
    return frozenset(ends | ({own} if isinstance(own, int) else set(own or ())))


def _is_special(tokenizer: Any, token: int) -> bool:
    """By an attribute that names it, or by the tokenizer's file alone (Gemma 3's `<end_of_turn>`)."""
    if token in tokenizer.all_special_ids:
        return True
    added = tokenizer.added_tokens_decoder.get(token)
    return added is not None and bool(added.special)
