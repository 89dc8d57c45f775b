"""Thinking that a completion shows before its answer: taken off in every mode, since a draft is no answer.

Known are `<think>`, `<thinking>`, `<thought>`, `<reasoning>` (also with a namespace: `<seed:think>`), `[THINK]`,
`◁think▷`, and the channels of OpenAI's Harmony format (`<|channel|>final<|message|>`), with and without their special
tokens. A chat template may open the thinking in the prompt; then the completion only closes it.
"""

from __future__ import annotations

import re

_TAG = re.compile(
    r"(?i:<(?P<close>/?)(?:\w{1,20}:)?(?:think|thinking|thoughts?|reasoning)>)"
    r"|[\[◁](?P<close_2>/?)(?:THINK\]|think▷)|<\|(?P<side>begin|end)_of_thought\|>"
)
_CHANNEL = re.compile(r"<\|channel\|>\s{0,3}(?P<name>\w{1,20})[^<]{0,200}<\|message\|>")
_BARE_FINAL = re.compile(r"\A\s*analysis.*assistantfinal", re.DOTALL)
ENDLESS = "its thinking does not end"
_NOT_BREAKS = re.compile(r"[^\r\n]")


def without_thinking(completion: str) -> str | None:
    """The completion with its thinking blanked out, so that every other character keeps its place and every line its
    number; None where the thinking does not end."""
    if completion.startswith(("analysis", " analysis", "\nanalysis")) and (bare := _BARE_FINAL.match(completion)):
        return _blanked(completion, [(0, bare.end())])
    if "<|channel|>" in completion:
        channels = list(_CHANNEL.finditer(completion))
        if channels:
            if channels[-1]["name"].lower() != "final":
                return None
            completion = _blanked(completion, [(0, channels[-1].end())])
    if not any(sign in completion for sign in "<[◁"):
        return completion
    opened: int | None = None
    thoughts: list[tuple[int, int]] = []
    for tag in _TAG.finditer(completion):
        if not (tag["close"] or tag["close_2"] or tag["side"] == "end"):
            opened = tag.start() if opened is None else opened
        elif opened is None:  # the template opened it, or it closes what had another one inside
            thoughts = [(0, tag.end())]
        else:
            thoughts.append((opened, tag.end()))
            opened = None
    if opened is not None:
        return None
    return _blanked(completion, thoughts) if thoughts else completion


def left_open(prompt: str) -> str:
    """The tag of thinking that a prompt ends with, where its template begins the completion's thinking; else empty."""
    tags = list(_TAG.finditer(prompt))
    if not tags or prompt[tags[-1].end() :].strip():
        return ""
    last = tags[-1]
    return "" if last["close"] or last["close_2"] or last["side"] == "end" else last[0]


def _blanked(text: str, spans: list[tuple[int, int]]) -> str:
    kept, at = list[str](), 0
    for start, end in spans:
        kept += [text[at:start], _NOT_BREAKS.sub(" ", text[start:end])]
        at = end
    return "".join([*kept, text[at:]])
