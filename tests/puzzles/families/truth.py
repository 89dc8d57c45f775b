"""What statements of the declared families mean, in plain Python, written from the English sentences alone.

A world is told as a person would note it: who sits where, who is what. Nothing of the kit is used but the statements.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any

from sleuth.puzzles.statements import Statement

Note = Mapping[str, Any]
Told = Callable[..., bool]


def table_truth(statement: Statement, note: Note) -> bool:
    """Round table. `note["seat"]`: seat numbers from 1 by guest; there are as many seats as guests."""
    seat = note["seat"]
    count = len(seat)

    def neighbours(guest: int) -> set[int]:
        """Guests in the two seats beside a guest; the last seat is next to the first."""
        before = seat[guest] - 1 or count
        after = seat[guest] + 1 if seat[guest] < count else 1
        return {other for other in seat if other != guest and seat[other] in (before, after)}

    def walk(start: int) -> list[int]:
        """The guests in the order in which one meets them going clockwise (towards higher numbers)."""
        by_seat = {number: guest for guest, number in seat.items()}
        places = [*range(seat[start] + 1, count + 1), *range(1, seat[start])]
        return [by_seat[place] for place in places]

    args = [arg if isinstance(arg, Statement) else arg.index for arg in statement.args if arg is not None]
    match statement.kind, args:
        case "at", (guest, place):
            return bool(seat[guest] == place + 1)
        case "not_at", (guest, place):
            return bool(seat[guest] != place + 1)
        case "next", (a, b):
            return b in neighbours(a)
        case "apart", (a, b):
            return b not in neighbours(a)
        case "left_of", (a, b):
            # The rules say it: the seat just to the left of seat 1 is seat 2.
            return walk(b)[0] == a
        case "opposite", (a, b):
            return count % 2 == 0 and walk(a)[count // 2 - 1] == b
        case "gap", (number, a, b):
            one_way, other_way = walk(a).index(b), walk(b).index(a)
            return min(one_way, other_way) == number
        case "between", (a, b, c):
            return neighbours(a) == {b, c}
        case "sooner", (a, b, c):
            return walk(a).index(b) < walk(a).index(c)
    return joined(statement, lambda part: table_truth(part, note))


def row_truth(statement: Statement, note: Note) -> bool:
    """Zebra. `note["row"]`: from left to right, the entries (numbers) that belong to the person in each place."""
    row = note["row"]

    def person(entry: int) -> int:
        """Whose entry it is, counted from the left."""
        return next(place for place, entries in enumerate(row) if entry in entries)

    args = [arg if isinstance(arg, Statement) else arg.index for arg in statement.args if arg is not None]
    match statement.kind, args:
        case "at", (entry, place):
            return entry in row[place]
        case "not_at", (entry, place):
            return entry not in row[place]
        case "same", (a, b):
            return any({a, b} <= entries for entries in row)
        case "apart", (a, b):
            return not any({a, b} <= entries for entries in row)
        case "next", (a, b):
            return any(
                (a in left and b in right) or (b in left and a in right) for left, right in itertools.pairwise(row)
            )
        case "left_of", (a, b):
            return any(a in left and b in right for left, right in itertools.pairwise(row))
        case "before", (a, b):
            return any(a in left and b in right for at, left in enumerate(row) for right in row[at + 1 :])
        case "between", (a, b, c):
            return any(
                a in middle and ((b in left and c in right) or (c in left and b in right))
                for left, middle, right in zip(row, row[1:], row[2:], strict=False)
            )
        case "gap", (number, a, b):
            first, last = sorted((person(a), person(b)))
            return len(row[first + 1 : last]) == number and first != last
        case "who", (_, place, entry):
            return entry in row[place]
        case "what", (_, owner, entry):
            return person(owner) == person(entry)
    return joined(statement, lambda part: row_truth(part, note))


def island_truth(statement: Statement, note: Note) -> bool:
    """Knights and knaves. `note["role"]`: "knight" or "knave" by islander."""
    role = note["role"]
    args = [arg if isinstance(arg, Statement) else arg.index for arg in statement.args if arg is not None]
    names = ("knight", "knave")
    match statement.kind, args:
        case "is", (who, what):
            return bool(role[who] == names[what])
        case "not_is", (who, what):
            return bool(role[who] != names[what])
        case "same", (a, b):
            return bool(role[a] == role[b])
        case "differ", (a, b):
            return bool(role[a] != role[b])
        case "counted", (number, what):
            return list(role.values()).count(names[what]) == number
        case (("says" | "would_say"), (who, Statement() as claim)):
            # A knight says only what is true, a knave only what is false.
            return island_truth(claim, note) if role[who] == "knight" else not island_truth(claim, note)
    return joined(statement, lambda part: island_truth(part, note))


def timetable_truth(statement: Statement, note: Note) -> bool:
    """Timetable. `note["time"]`: hours in order, 0 the first, by event; `note["room"]`: rooms by event."""
    time, room = note["time"], note["room"]
    args = [arg if isinstance(arg, Statement) else arg.index for arg in statement.args if arg is not None]
    match statement.kind, args:
        case "at", (what, hour):
            return bool(time[what] == hour)
        case "not_at", (what, hour):
            return bool(time[what] != hour)
        case "in", (what, place):
            return bool(room[what] == place)
        case "not_in", (what, place):
            return bool(room[what] != place)
        case "before", (first, second):
            return bool(time[second] > time[first])
        case "right_before", (first, second):
            return bool(time[second] - time[first] == 1)
        case "same_time", (first, second):
            return len({time[first], time[second]}) == 1
        case "same_room", (first, second):
            return len({room[first], room[second]}) == 1
        case "other_room", (first, second):
            return len({room[first], room[second]}) == 2
        case "follows_there", (later, earlier):
            return bool(time[later] - time[earlier] == 1) and len({room[later], room[earlier]}) == 1
        case "in_room", (number, place):
            return sum(1 for what in room if room[what] == place) == number
        case "at_time", (number, hour):
            return sum(1 for what in time if time[what] == hour) == number
    return joined(statement, lambda part: timetable_truth(part, note))


def kinship_truth(statement: Statement, note: Note) -> bool:
    """Kinship. `note["children"]`: for every elder and adult, by (sort, number), the set of their children,
    named in the same way."""
    children = note["children"]
    args = [arg if isinstance(arg, Statement) else (arg.sort, arg.index) for arg in statement.args if arg is not None]

    def grandchildren(elder: object) -> set[object]:
        return {young for adult in children[elder] for young in children[adult]}

    def siblings(a: object, b: object) -> bool:
        return a != b and any(a in theirs and b in theirs for theirs in children.values())

    def parents(of: object) -> list[object]:
        return [one for one, theirs in children.items() if of in theirs]

    match statement.kind, args:
        case (("child" | "born_to"), (who, of)):
            return who in children[of]
        case (("not_child" | "not_born_to"), (who, of)):
            return who not in children[of]
        case (("siblings" | "older_siblings"), (a, b)):
            return siblings(a, b)
        case "not_siblings", (a, b):
            return not siblings(a, b)
        case "cousins", (a, b):
            return not siblings(a, b) and siblings(parents(a)[0], parents(b)[0])
        case "grandchild", (who, of):
            return who in grandchildren(of)
        case "aunt_or_uncle", (adult, of):
            return siblings(adult, parents(of)[0])
        case "childless", (adult,):
            return not children[adult]
        case "children", ((_, number), adult):
            return len(children[adult]) == number
        case "grandchildren", ((_, number), elder):
            return len(grandchildren(elder)) == number
    return joined(statement, lambda part: kinship_truth(part, note))


def joined(statement: Statement, truth: Callable[[Statement], bool]) -> bool:
    """Statements about statements."""
    parts = [truth(arg) for arg in statement.args if isinstance(arg, Statement)]
    match statement.kind:
        case "either":
            return parts.count(True) == 1
        case "iff":
            return parts.count(True) != 1
        case "if":
            return not (parts[0] and not parts[1])
        case "not_both":
            return parts.count(True) < 2
        case "exactly" | "at_least":
            wanted = statement.args[0]
            assert wanted is not None and not isinstance(wanted, Statement)
            true = parts.count(True)
            return true == wanted.index if statement.kind == "exactly" else true >= wanted.index
    raise AssertionError(statement)
