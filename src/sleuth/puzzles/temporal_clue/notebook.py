"""The notebook of a Temporal Clue case: the murder, motives, and who and what was where at each time."""

from __future__ import annotations

from sleuth.puzzles.notebook import Table
from sleuth.puzzles.temporal_clue.case import Case
from sleuth.puzzles.temporal_clue.theory import TemporalTheory


def tables(case: Case, theory: TemporalTheory) -> list[Table]:
    """The tables of a case, the murder first."""
    murder = [
        ("Murderer", case.suspects, theory.murderer),
        ("Murder weapon", case.weapons, theory.weapon),
        ("Murder room", case.rooms, theory.scene),
        ("Murder time", case.times, theory.hour),
        ("Motive", case.motives, theory.reason),
    ]
    found = [
        Table(title, ("The murder",), tuple(names), (atoms[0].variable.index,))
        for title, names, atoms in murder
        if len(names) > 1
    ]
    if len(case.motives) > 1:
        variables = tuple(atoms[0].variable.index for atoms in theory.motive)
        found.append(Table("Motives", case.suspects, case.motives, variables))
    if len(case.rooms) > 1:
        things = (*case.suspects, *case.weapons, case.victim)
        for time, label in enumerate(case.times):
            variables = tuple(theory.location(thing, time) for thing in range(theory.things))
            found.append(Table(label if case.timed else "Where", things, case.rooms, variables))
    return found
