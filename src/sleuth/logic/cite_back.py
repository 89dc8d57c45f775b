"""The backward half of an explanation: what each fact that is needed rests on, and nothing else.

From the last entry of a chain to the first, each fact that a later step needs is given a minimal unsatisfiable subset
(MUS) of what was known before it; what nobody needs is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sleuth.logic.citations import Citation, Citer, Fact, Premises, Step, Supposition
from sleuth.logic.formulas import Formula, Not, World

MOST_ALIKE = 20
"""Later steps with the same clues and rules that a fact may join."""


@dataclass(slots=True)
class Entry:
    """A fact in the order found, and what it surely follows from, together with the facts before it."""

    fact: Fact | None
    batch: int
    rules: tuple[int, ...]
    clues: tuple[int, ...]
    proof: tuple[Citation, Supposition | None] | None = None


def whole_world(premises: Premises, world: World) -> set[Fact]:
    """The value of every variable that has more than one."""
    return {Fact(v.index, world[v.index], True) for v in premises.cnf.variables if v.size > 1}


def goal_facts(premises: Premises, known: Sequence[Fact], goals: Sequence[Formula]) -> set[Fact]:
    """Facts from which, with the rules, the goals follow."""
    cnf = premises.cnf.copy()
    denied = []
    for goal in goals:
        denied.append(cnf.new_literal())
        cnf.add(Not(goal), denied[-1])
    citer = Citer(Premises(cnf, premises.rules, tuple(denied), ()))
    try:
        rules = range(len(premises.rules))
        return {fact for goal in range(len(goals)) for fact in citer.cite(None, rules, (goal,), known).known}
    finally:
        citer.close()


def cite_back(
    citer: Citer, log: Sequence[Entry], given: Sequence[Fact], needed: set[Fact], prune: bool
) -> tuple[Step, ...]:
    """The backward half: from the last entry to the first, what each needed fact needs.

    A fact that follows from what a later step cites, too, joins that step, which then stands in its place.
    """
    goals = frozenset(needed)
    known = [*given, *(entry.fact for entry in log if entry.fact is not None)]
    place = {fact: number for number, fact in enumerate(known)}
    steps: dict[int, tuple[Citation, Step]] = {}
    """By the place of the first fact; so from the last step to the first."""
    alike: dict[tuple[tuple[int, ...], tuple[int, ...]], list[int]] = {}
    """Clues and rules to the places of the steps that cite just these."""
    for index in reversed(range(len(log))):
        entry = log[index]
        here = len(given) + index
        if entry.fact is None:
            cited = citer.cite(None, entry.rules, entry.clues, known)
            steps[here] = cited, Step((), cited.clues, cited.rules, cited.known)
            needed = needed.union(cited.known)
            continue
        if prune and entry.fact not in needed:
            continue
        if entry.proof is not None:
            cited, supposition = entry.proof
        else:
            cited, supposition = citer.cite(entry.fact, entry.rules, entry.clues, known[:here]), None
        facts: tuple[Fact, ...] = (entry.fact,)
        group = alike.setdefault((cited.clues, cited.rules), [])
        for other in group[-MOST_ALIKE:] if supposition is None else ():
            shared, step = steps[other]
            early = all(place[fact] < here for fact in shared.known)
            if step.suppose is None and early and (shared == cited or citer.follows(entry.fact, shared)):
                cited, facts = shared, facts + step.facts
                group.remove(other)
                del steps[other]
                break
        if supposition is None:
            known_here = {entry.fact, *cited.known}
            for other in group[-MOST_ALIKE:]:
                own, step = steps[other]
                # The other way round: a later step that only adds this fact to what is cited here joins this one.
                if (
                    step.suppose is None
                    and known_here.issuperset(own.known)
                    and (entry.fact in goals or sum(entry.fact in one.known for one, _ in steps.values()) > 1)
                    and all(citer.follows(fact, cited) for fact in step.facts)
                ):
                    facts += step.facts
                    group.remove(other)
                    del steps[other]
        group.append(here)
        steps[here] = cited, Step(facts, cited.clues, cited.rules, cited.known, supposition)
        needed = needed.union(cited.known)
    return tuple(step for _, step in reversed(steps.values()))
