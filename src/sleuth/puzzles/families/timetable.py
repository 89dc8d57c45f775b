"""Timetable: what happens when, in which room, and what comes before what?"""

from __future__ import annotations

from sleuth.kit import Level, Number, Sort, Theme, Unknown, connectives, custom, declare, fact, relation, rule, words
from sleuth.logic.formulas import Count

CLOCK = ("8 AM", "9 AM", "10 AM", "11 AM", "12 PM", "1 PM", "2 PM", "3 PM")

event = Sort("event", "Events")
time = Sort("time", "Times", names=CLOCK)
room = Sort("room", "Rooms", "the {}")
number = Number("number", 1, lambda size: min(4, size["event"] - 1))
when = Unknown("time", event, time)
where = Unknown("room", event, room)

KINDS = (
    fact(
        when,
        "at",
        ("{0} is at {1}", "{0} is not at {1}"),
        ("{0}: at {1}", "{0}: not at {1}"),
        ("I have {0} down for {1}", "I do not have {0} down for {1}"),
        questions="at what time is {0}",
    ),
    fact(
        where,
        "in",
        ("{0} is in {1}", "{0} is not in {1}"),
        ("{0}: in {1}", "{0}: not in {1}"),
        ("{1} is booked for {0}", "{1} is not booked for {0}"),
        questions="in which room is {0}",
    ),
    relation(
        "before",
        (event, event),
        lambda w, a, b: w.time[a] < w.time[b],
        "{0} is earlier than {1}",
        "{0} before {1}",
        "whoever wants to hear all of {0} can still go to {1} afterwards",
        direct=0.2,
    ),
    relation(
        "right_before",
        (event, event),
        lambda w, a, b: w.time[a] + 1 == w.time[b],
        "{0} is at the time right before {1}",
        "{0} right before {1}",
        "as soon as {0} is over, {1} begins",
    ),
    relation(
        "same_time",
        (event, event),
        lambda w, a, b: w.time[a] == w.time[b],
        "{0} and {1} are at the same time",
        "{0} and {1}: same time",
        "{0} clashes with {1}",
        symmetric=(0, 1),
    ),
    relation(
        "same_room",
        (event, event),
        lambda w, a, b: w.room[a] == w.room[b],
        "{0} and {1} are in the same room",
        "{0} and {1}: same room",
        "{0} and {1} share a room",
        symmetric=(0, 1),
    ),
    relation(
        "other_room",
        (event, event),
        lambda w, a, b: w.room[a] != w.room[b],
        "{0} and {1} are in different rooms",
        "{0} and {1}: different rooms",
        "{0} and {1} do not share a room",
        symmetric=(0, 1),
    ),
    relation(
        "follows_there",
        (event, event),
        lambda w, a, b: w.room[a] == w.room[b] and w.time[a] == w.time[b] + 1,
        "{0} follows right after {1} in the same room",
        "{0} right after {1}, same room",
        "{1} makes way for {0} in the same room",
    ),
    custom(
        "in_room",
        (number, room),
        lambda m, n, place: Count(tuple(atoms[place] for atoms in m.room), n, n),
        ("exactly {0:one} event is in {1}", "exactly {0:many} events are in {1}"),
        ("{1}: {0:one} event", "{1}: {0:many} events"),
        ("{1} is booked for exactly {0:one} event", "{1} is booked for exactly {0:many} events"),
        fits=lambda w, n, place: w.room.count(place) == n,
    ),
    custom(
        "at_time",
        (number, time),
        lambda m, n, hour: Count(tuple(atoms[hour] for atoms in m.time), n, n),
        ("exactly {0:one} event is at {1}", "exactly {0:many} events are at {1}"),
        ("{1}: {0:one} event", "{1}: {0:many} events"),
        ("at {1} there is exactly {0:one} event", "at {1} there are exactly {0:many} events"),
        fits=lambda w, n, hour: w.time.count(hour) == n,
    ),
    *connectives("fact", "either", "iff", "if", "not_both", "exactly"),
)
SMALL = {"at": 0.7, "not_at": 2.0, "in": 0.7, "not_in": 1.0, "before": 2.0, "right_before": 2.0, "same_time": 1.5}
SMALL |= {"same_room": 1.5, "other_room": 1.5}
MEDIUM = {**SMALL, "follows_there": 1.5, "in_room": 1.0, "at_time": 1.0, "either": 2.0}
ALL = {**MEDIUM, "iff": 1.5, "if": 1.5, "not_both": 1.0, "exactly": 1.5}

Timetable = declare(
    "timetable",
    rules_text=(
        "Every event is at one of the times and in one of the rooms, and no two events are in the same room at the "
        "same time. An event lasts until the next time; there may be times without an event."
    ),
    sorts=(event, time, room, number),
    unknowns=(when, where),
    rules=(rule("rooms", (event, event), lambda w, a, b: w.time[a] != w.time[b] or w.room[a] != w.room[b]),),
    kinds=KINDS,
    groups={"fact": ("at", "in", "before", "same_room")},
    levels={
        "1": Level({"event": 4, "time": 3, "room": 2}, SMALL, (1, 2)),
        "2": Level({"event": 5, "time": 4, "room": (2, 3)}, MEDIUM, (2, 3)),
        "3": Level({"event": 7, "time": 5, "room": 3}, ALL, (3, 4)),
        "4": Level({"event": (9, 10), "time": (6, 7), "room": 4}, ALL, (4, 6)),
    },
    themes=(
        Theme(
            "The Torn Timetable",
            "Half of the notice board blew away in the night. Before the first bell rings, somebody has to put it "
            "together again.",
            {
                "event": words("algebra, botany, chemistry, drawing, French, geography, history, music, physics, "
                               "sport"),
                "room": words("library, gym, lab, studio, hall"),
            },
        ),
        Theme(
            "Festival in the Rain",
            "The ink of the programme ran, and the stewards are asked the same questions every minute.",
            {
                "event": words("the puppet show, the quiz, the choir, the dance, the magic act, the film, the poetry "
                               "slam, the juggling, the brass band, the debate"),
                "room": words("barn, tent, chapel, cellar, boathouse"),
            },
        ),
    ),
)  # fmt: skip
