"""The words of Temporal Clue: statement kinds, sentence templates by style, and a case's names."""

from __future__ import annotations

from collections.abc import Mapping

from sleuth.puzzles import connectives
from sleuth.puzzles.family import Kind
from sleuth.puzzles.formal import FormalLexicon
from sleuth.puzzles.prose import Lexicon
from sleuth.puzzles.statements import Argument, Ref
from sleuth.puzzles.temporal_clue.case import GROUPS, Case

DIRECTIONS = ("north", "east", "south", "west")
VARIED = "varied"
"""The style that words a statement in any of several ways, on pages of which no two are laid out alike."""
NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")

KINDS: Mapping[str, Kind] = {
    "murderer": Kind(("suspect",), direct=4),
    "weapon": Kind(("weapon",), direct=4),
    "scene": Kind(("room",), direct=4),
    "hour": Kind(("when",), direct=4),
    "reason": Kind(("motive",), direct=4),
    "motive": Kind(("suspect", "motive"), direct=2),
    "in": Kind(("subject", "room", "when"), direct=2),
    "move": Kind(("person", "room", "room", "when"), direct=1.5),
    "carry": Kind(("person", "item", "room", "room", "when"), direct=1.5),
    "alone": Kind(("person", "room", "when"), direct=1.5),
    "always": Kind(("subject", "room"), direct=1.5),
    "not_in": Kind(("subject", "room", "when"), direct=0.5),
    "same": Kind(("subject", "subject", "when"), symmetric=(0, 1)),
    "together": Kind(("subject", "subject", "room"), symmetric=(0, 1)),
    "beside": Kind(("direction", "subject", "subject", "when")),
    "further": Kind(("direction", "subject", "subject", "when")),
    **connectives.kinds("event"),
    "exactly": Kind(("number", "group", "room", "when")),
    "at_least": Kind(("number", "group", "room", "when")),
    "never": Kind(("subject", "room")),
    "earlier": Kind(("subject", "room", "subject", "room")),
    "before_murder": Kind(("subject", "room")),
    "after_murder": Kind(("subject", "room")),
}
GROUPED_KINDS = {"event": ("in",)}

_PLAIN = {
    "murderer": ("{0:suspect} committed the murder",),
    "weapon": ("the murder was committed with {0:weapon}",),
    "scene": ("the murder was committed {0:place}",),
    "hour": ("the murder was committed at {0:time}",),
    "reason": ("the motive for the murder was {0:motive}",),
    "motive": ("{0:suspect} was motivated by {1:motive}",),
    "in": ("{0:subject} was {1:place}{2:when}",),
    "not_in": ("{0:definite} was not {1:place}{2:when}", "no {0:some} was {1:place}{2:when}"),
    "move": ("{0:person} moved from {1:room} to {2:room}{3:when}",),
    "carry": ("{0:person} moved {1:item} from {2:room} to {3:room}{4:when}",),
    "alone": ("{0:person} was alone {1:place}{2:when}",),
    "always": ("{0:subject} was {1:place} the whole time",),
    "same": ("{0:subject} was in the same room as {1:subject}{2:when}",),
    "together": ("{0:subject} and {1:subject} were {2:place} together at least once",),
    "beside": ("{1:subject} was in the room just {0:direction} of {2:subject}{3:when}",),
    "further": ("{1:subject} was further {0:direction} than {2:subject}{3:when}",),
    **connectives.templates(connectives.PLAIN, "event"),
    "exactly": (
        "exactly {0:one} {1:member} was {2:place}{3:when}",
        "exactly {0:many} {1:group} were {2:place}{3:when}",
    ),
    "at_least": (
        "at least {0:one} {1:member} was {2:place}{3:when}",
        "at least {0:many} {1:group} were {2:place}{3:when}",
    ),
    "never": ("{0:definite} was never {1:place}", "no {0:some} was ever {1:place}"),
    "earlier": ("{0:subject} was {1:place} at some time, and {2:subject} was {3:place} at some later time",),
    "before_murder": ("{0:subject} was {1:place} at some time before the murder",),
    "after_murder": ("{0:subject} was {1:place} at some time after the murder",),
}
_WITNESS = {
    "murderer": ("{0:suspect} is the murderer",),
    "weapon": ("{0:weapon} is the murder weapon",),
    "scene": ("the victim died {0:place}",),
    "hour": ("the victim died at {0:time}",),
    "reason": ("the murderer acted out of {0:motive}",),
    "motive": ("{1:motive} drove {0:suspect}",),
    "in": ("{2:opening}{0:subject} was seen {1:place}",),
    "not_in": ("{2:opening}{0:definite} was absent from {1:room}", "{2:opening}no {0:some} was {1:place}"),
    "move": ("{3:opening}{0:person} came to {2:room} from {1:room}",),
    "carry": ("{4:opening}{0:person} brought {1:item} to {3:room} from {2:room}",),
    "alone": ("{2:opening}nobody but {0:person} was {1:place}, and {0:person} was there",),
    "always": ("{0:subject} stayed {1:place} from first to last",),
    "same": ("{2:opening}{0:subject} and {1:subject} shared a room",),
    "together": ("{0:subject} and {1:subject} met {2:place} at some time",),
    "beside": ("{3:opening}{1:subject} was one room {0:direction} of {2:subject}",),
    "further": ("{3:opening}{1:subject} was somewhere {0:direction} of {2:subject}",),
    **connectives.templates({**connectives.WITNESS, "if": "{1}, provided that {0}"}, "event"),
    "exactly": ("{3:opening}the number of {1:group} {2:place} was {0:number}",),
    "at_least": ("{3:opening}the number of {1:group} {2:place} was {0:number} or more",),
    "never": ("at no time was {0:definite} {1:place}", "at no time was any {0:some} {1:place}"),
    "earlier": ("after {0:subject} had been {1:place}, at a later time, {2:subject} was {3:place}",),
    "before_murder": ("before the murder, {0:subject} was once {1:place}",),
    "after_murder": ("after the murder, {0:subject} was once {1:place}",),
}
_VARIED = {
    "murderer": (
        "{0:suspect} killed {-:victim}",
        "it was {0:suspect} who murdered {-:victim}",
        "{-:victim} died at the hands of {0:suspect}",
        "the murderer is {0:suspect}",
    ),
    "weapon": (
        "{0:weapon} was used to murder {-:victim}",
        "it was {0:weapon} that killed {-:victim}",
        "the murderer used {0:weapon}",
        "{-:victim} died by {0:weapon}",
    ),
    "scene": (
        "{-:victim} died {0:place}",
        "{0:room} is where {-:victim} was murdered",
        "the murder happened {0:place}",
        "it was {0:place} that {-:victim} was killed",
    ),
    "hour": (
        "{-:victim} died at {0:time}",
        "it was {0:time} when {-:victim} was murdered",
        "the murder happened at {0:time}",
        "the time of the murder is {0:time}",
        "{-:victim} was murdered as the clock showed {0:time}",
    ),
    "reason": (
        "{-:victim} was killed out of {0:motive}",
        "it was {0:holder} who murdered {-:victim}",
        "{-:victim} died at the hands of {0:holder}",
        "the murderer was driven by {0:motive}",
    ),
    "motive": (
        "{0:suspect} was driven by {1:motive}",
        "{0:suspect} acted out of {1:motive}",
        "the motive of {0:suspect} is {1:motive}",
        "{1:motive} is the motive of {0:suspect}",
    ),
    "in": (
        "{0:subject} was to be found {1:place}{2:when}",
        "{0:subject} could be seen {1:place}{2:when}",
        "{0:subject} is known to have been {1:place}{2:when}",
        "{2:opening}{1:room} held {0:subject}",
        "{1:room} is where {0:subject} was{2:when}",
        "{0:subject} was inside {1:room}{2:when}",
        "{2:opening}{0:subject} turned up {1:place}",
        "it was {1:place} that {0:subject} was{2:when}",
        "{0:subject} must have been {1:place}{2:when}",
    ),
    "not_in": (
        "{0:definite} was anywhere but {1:place}{2:when}",
        "{0:definite} could not be seen {1:place}{2:when}",
        "{2:opening}{0:definite} was away from {1:room}",
        "no {0:some} could be seen {1:place}{2:when}",
        "{2:opening}every {0:some} was away from {1:room}",
    ),
    "move": (
        "{0:person} went from {1:room} to {2:room}{3:when}",
        "{0:person} left {1:room} for {2:room}{3:when}",
        "{3:opening}{0:person} entered {2:room} from {1:room}",
        "{3:opening}{0:person} walked out of {1:room} into {2:room}",
        "from {1:room} {0:person} had come to {2:room}{3:when}",
        "{0:person} moved out of {1:room} and into {2:room}{3:when}",
        "{0:person} moved across from {1:room} to {2:room}{3:when}",
        "{3:opening}{0:person} moved to {2:room} from {1:room}",
    ),
    "carry": (
        "{0:person} carried {1:item} from {2:room} to {3:room}{4:when}",
        "{0:person} took {1:item} out of {2:room} into {3:room}{4:when}",
        "{4:opening}{1:item} was carried from {2:room} to {3:room} by {0:person}",
        "{4:opening}{0:person} went from {2:room} to {3:room} with {1:item}",
        "{0:person} had brought {1:item} to {3:room} from {2:room}{4:when}",
        "{0:person} moved {1:item} out of {2:room} and into {3:room}{4:when}",
        "{4:opening}{1:item} was moved by {0:person}, to {3:room} from {2:room}",
    ),
    "alone": (
        "{0:person} was {1:place} and nobody else was{2:when}",
        "{2:opening}the only one {1:place} was {0:person}",
    ),
    "always": ("{0:subject} never left {1:room}", "from beginning to end {0:subject} was {1:place}"),
    "same": (
        "{0:subject} and {1:subject} were in one room{2:when}",
        "{0:subject} shared a room with {1:subject}{2:when}",
        "{2:opening}{0:subject} was with {1:subject}",
        "{2:opening}one room held both {0:subject} and {1:subject}",
        "{0:subject} was wherever {1:subject} was{2:when}",
        "{0:subject} and {1:subject} were in the same room{2:when}",
    ),
    "together": (
        "{0:subject} and {1:subject} were together {2:place} at some time",
        "at one time or another {0:subject} was {2:place} with {1:subject}",
        "there was a time when both {0:subject} and {1:subject} were {2:place}",
        "{2:room} once held {0:subject} together with {1:subject}",
        "{0:subject} was {2:place} at least once while {1:subject} was there",
        "at least once {0:subject} and {1:subject} were both {2:place}",
    ),
    "beside": (
        "{1:subject} was directly {0:direction} of {2:subject}{3:when}",
        "{1:subject} was one step to the {0:direction} of {2:subject}{3:when}",
        "{1:subject} was just to the {0:direction} of {2:subject}{3:when}",
        "{3:opening}the next room {0:direction} of {2:subject} held {1:subject}",
        "{3:opening}{1:subject} was next door to {2:subject}, to the {0:direction}",
        "one room {0:direction} from {2:subject} was {1:subject}{3:when}",
        "{1:subject} was in the room next to that of {2:subject}, on its {0:direction} side{3:when}",
    ),
    "further": (
        "{1:subject} was more to the {0:direction} than {2:subject}{3:when}",
        "{3:opening}{2:subject} was not as far {0:direction} as {1:subject}",
    ),
    "either": (
        "{0:event}, or {1:event}, but not both",
        "{0:event} or {1:event}, and only one of them",
        "{0:event} or else {1:event}, never both",
        "one of the two and no more: {0:event} or {1:event}",
        "just one is true: {0:event}; {1:event}",
        "either {0:event} or {1:event}, one of them only",
    ),
    "iff": (
        "{0:event} just in case {1:event}",
        "{0:event} exactly if {1:event}",
        "if {0:event}, then {1:event}, and the other way round",
        "both are true or both are false: {0:event}; {1:event}",
        "it is true that {0:event} if it is true that {1:event}, and only then",
    ),
    "if": (
        "{1:event} if {0:event}",
        "whenever it is true that {0:event}, {1:event}",
        "from this, that {0:event}, it follows that {1:event}",
    ),
    "exactly": (
        "{3:opening}precisely {0:one} {1:member} could be seen {2:place}",
        "{3:opening}precisely {0:many} {1:group} could be seen {2:place}",
        "{2:room} held {0:one} {1:member} and no more{3:when}",
        "{2:room} held {0:many} {1:group} and no more{3:when}",
    ),
    "at_least": (
        "{3:opening}{0:one} {1:member} or more could be seen {2:place}",
        "{3:opening}{0:many} {1:group} or more could be seen {2:place}",
        "{2:room} held no fewer than {0:one} {1:member}{3:when}",
        "{2:room} held no fewer than {0:many} {1:group}{3:when}",
    ),
    "never": (
        "{0:definite} kept away from {1:room} all the time",
        "{1:room} never held {0:definite}",
        "every {0:some} kept away from {1:room} all the time",
        "{1:room} never held any {0:some}",
    ),
    "earlier": (
        "{2:subject} was {3:place} some time after {0:subject} was {1:place}",
        "{0:subject} was {1:place} some time before {2:subject} was {3:place}",
    ),
    "before_murder": (
        "{0:subject} was {1:place} at least once earlier than the murder",
        "some time earlier than the murder {0:subject} had been {1:place}",
    ),
    "after_murder": (
        "{0:subject} was {1:place} at least once later than the murder",
        "some time later than the murder {0:subject} was {1:place}",
    ),
}
"""No kind is worded as in the puzzles of 2025, so that a model that learns from these has not seen their sentences."""
TEMPLATES = {"plain": _PLAIN, "terse": _PLAIN, "witness": _WITNESS, VARIED: _VARIED}

DENIALS = {kind: f"not_{kind}" for kind in ("in", "murderer", "weapon", "scene", "hour", "reason", "motive")}
_PLAIN_DENIALS = {
    "not_murderer": ("{0:suspect} did not commit the murder",),
    "not_weapon": ("the murder was not committed with {0:weapon}",),
    "not_scene": ("the murder was not committed {0:place}",),
    "not_hour": ("the murder was not committed at {0:time}",),
    "not_reason": ("the motive for the murder was not {0:motive}",),
    "not_motive": ("{0:suspect} was not motivated by {1:motive}",),
}
_WITNESS_DENIALS = {
    "not_murderer": ("{0:suspect} is not the murderer",),
    "not_weapon": ("{0:weapon} is not the murder weapon",),
    "not_scene": ("the victim did not die {0:place}",),
    "not_hour": ("the victim did not die at {0:time}",),
    "not_reason": ("the murderer did not act out of {0:motive}",),
    "not_motive": ("{1:motive} did not drive {0:suspect}",),
}
DENIAL_TEMPLATES = {style: _WITNESS_DENIALS if style == "witness" else _PLAIN_DENIALS for style in TEMPLATES}

_PLAIN_QUESTIONS = {
    "murderer": ("who committed the murder",),
    "weapon": ("what was the murder weapon",),
    "scene": ("where was the murder committed",),
    "hour": ("when was the murder committed",),
    "reason": ("what was the motive for the murder",),
    "in": ("where was {0:definite}{2:when}",),
    "motive": ("what motivated {0:suspect}", "who was motivated by {1:motive}"),
}
_TERSE_QUESTIONS = {
    **_PLAIN_QUESTIONS,
    "murderer": ("murderer",),
    "weapon": ("weapon",),
    "scene": ("room",),
    "hour": ("time",),
    "reason": ("motive",),
}
_VARIED_QUESTIONS = {
    "murderer": ("who killed {-:victim}", "whose hands did {-:victim} die at"),
    "weapon": ("what did the murderer use", "what did {-:victim} die by"),
    "scene": ("in which room did the murder happen", "in which room did {-:victim} die"),
    "hour": ("at what time did the murder happen", "at what time did {-:victim} die"),
    "reason": ("what drove the murderer", "what was {-:victim} killed out of"),
    "in": ("in which room was {0:definite}{2:when}", "{2:opening}which room held {0:definite}"),
    "motive": (
        "what drove {0:suspect}",
        "what is the motive of {0:suspect}",
        "who was driven by {1:motive}",
        "who acted out of {1:motive}",
    ),
}
QUESTION_TEMPLATES = {
    "plain": _PLAIN_QUESTIONS,
    "terse": _TERSE_QUESTIONS,
    "witness": _PLAIN_QUESTIONS,
    VARIED: _VARIED_QUESTIONS,
}
ORIGINAL = {
    **_PLAIN,
    "murderer": ("{-:victim} was murdered by {0:suspect}",),
    "weapon": ("{-:victim} was killed with {0:weapon}",),
    "scene": ("{-:victim} was murdered {0:place}",),
    "hour": ("{-:victim} was murdered at {0:time}",),
    "reason": ("{-:victim} was murdered by {0:holder}",),
    "motive": ("{0:suspect} is motivated by {1:motive}",),
    "either": ("{0:event} or {1:event}",),
}
"""What the puzzles of 2025 never say is worded as in the style `plain`."""
ORIGINAL_DENIALS = {
    "not_murderer": ("{-:victim} was not murdered by {0:suspect}",),
    "not_weapon": ("{-:victim} was not killed with {0:weapon}",),
    "not_scene": ("{-:victim} was not murdered {0:place}",),
    "not_hour": ("{-:victim} was not murdered at {0:time}",),
    "not_reason": ("{-:victim} was not murdered by {0:holder}",),
    "not_motive": ("{0:suspect} is not motivated by {1:motive}",),
}
ORIGINAL_QUESTIONS = {
    "murderer": ("who murdered {-:victim}",),
    "weapon": ("what weapon did the murderer use",),
    "scene": ("where was the murder committed",),
    "hour": ("when did the murder occur",),
    "reason": ("why did the murderer do it",),
    "in": ("where was {0:definite}{2:when}",),
    "motive": ("what motivates {0:suspect}", "who is motivated by {1:motive}"),
}


def _holder(case: Case, motive: int) -> tuple[str, ...]:
    article = "the" if case.unique_motive(motive) else "a"
    return (f"{article} suspect motivated by {case.motives[motive]}",)


def _the(name: str) -> tuple[str, ...]:
    return (f"the {name}",)


def lexicon(case: Case) -> Lexicon:
    """The words of a case, by gap type."""
    suspects: list[tuple[Argument, tuple[str, ...]]] = [
        (Ref("suspect", i), (name,)) for i, name in enumerate(case.suspects)
    ]
    weapons: list[tuple[Argument, tuple[str, ...]]] = [
        (Ref("weapon", i), _the(name)) for i, name in enumerate(case.weapons)
    ]
    roles: list[tuple[Argument, tuple[str, ...]]] = [
        (Ref("victim", 0), (case.victim,)),
        (Ref("murderer", 0), ("the murderer",)),
    ]
    holders = [(Ref("holder", m), _holder(case, m)) for m in range(len(case.motives))]
    one_holder: list[tuple[Argument, tuple[str, ...]]] = [
        entry for m, entry in enumerate(holders) if case.unique_motive(m)
    ]
    some_holder = [
        (Ref("holder", m), (f"suspect motivated by {name}",))
        for m, name in enumerate(case.motives)
        if not case.unique_motive(m)
    ]
    items = [*weapons, (Ref("murder_weapon", 0), ("the murder weapon",))]
    times = [(Ref("time", i), (name,)) for i, name in enumerate(case.times)]
    numbers = [(Ref("number", n), (word,)) for n, word in enumerate(NUMBERS, start=1)]
    return {
        "suspect": suspects,
        "victim": [(None, (case.victim,))],
        "person": [*suspects, *roles, *holders],
        "weapon": weapons,
        "item": items,
        "subject": [*suspects, *roles, *holders, *items],
        "definite": [*suspects, *roles, *one_holder, *items],
        "some": some_holder,
        "holder": [(Ref("motive", m), words) for m, (_, words) in enumerate(holders)],
        "room": [(Ref("room", i), _the(name)) for i, name in enumerate(case.rooms)],
        "place": [
            (Ref("room", i), tuple(f"{p} the {name}" for p in dict.fromkeys((case.prepositions[i], "in", "at", "on"))))
            for i, name in enumerate(case.rooms)
        ],
        "time": times,
        "when": [(ref, (f" at {name}",) if case.timed else ("",)) for ref, (name,) in times],
        "opening": [(ref, (f"at {name}, ",) if case.timed else ("",)) for ref, (name,) in times],
        "motive": [(Ref("motive", i), (name,)) for i, name in enumerate(case.motives)],
        "direction": [(Ref("direction", i), (name,)) for i, name in enumerate(DIRECTIONS)],
        "number": numbers,
        "one": numbers[:1],
        "many": numbers[1:],
        "group": [(Ref("group", i), (name,)) for i, name in enumerate(GROUPS)],
        "member": [(Ref("group", i), (name[:-1],)) for i, name in enumerate(GROUPS)],
    }


def formal_lexicon(case: Case) -> FormalLexicon:
    """The names of a case in the formal language."""
    suspects: list[tuple[Argument, str]] = [(Ref("suspect", i), name) for i, name in enumerate(case.suspects)]
    weapons: list[tuple[Argument, str]] = [(Ref("weapon", i), name) for i, name in enumerate(case.weapons)]
    roles: list[tuple[Argument, str]] = [
        (Ref("victim", 0), case.victim),
        (Ref("victim", 0), "victim"),
        (Ref("murderer", 0), "murderer"),
    ]
    roles += [(Ref("holder", i), f"suspect({name})") for i, name in enumerate(case.motives)]
    items = [*weapons, (Ref("murder_weapon", 0), "weapon")]
    return {
        "suspect": suspects,
        "weapon": weapons,
        "person": [*suspects, *roles],
        "item": items,
        "subject": [*suspects, *roles, *items],
        "room": [(Ref("room", i), name) for i, name in enumerate(case.rooms)],
        "when": [(Ref("time", i), name if case.timed else "") for i, name in enumerate(case.times)],
        "motive": [(Ref("motive", i), name) for i, name in enumerate(case.motives)],
        "direction": [(Ref("direction", i), name) for i, name in enumerate(DIRECTIONS)],
        "number": [(Ref("number", n), str(n)) for n in range(1, len(NUMBERS) + 1)],
        "group": [(Ref("group", i), name) for i, name in enumerate(GROUPS)],
    }
