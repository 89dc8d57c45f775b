"""The cheapest next step, each time: the measure that the greedy steps of `sleuth.logic.steps` are held against.

An optimal constrained unsatisfiable subset (OCUS; Gamba, Bogaerts & Guns, "Efficiently explaining CSPs with
unsatisfiable subset optimization", Journal of Artificial Intelligence Research, 2023): among all facts, clues, groups
of rules and denials of what is not known yet, the cheapest set that has exactly one denial and no world. By hitting
sets: every world says what was false there, and one of that must be cited. For small puzzles only.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from pysat.examples.hitman import Atom, Hitman
from pysat.solvers import Solver

from sleuth.logic.citations import CLUE_COST, FACT_COST, RULE_COST, Citation, Citer, Fact, Premises, Step
from sleuth.logic.cite_back import Entry, cite_back, goal_facts, whole_world
from sleuth.logic.formulas import Formula, World

DENIAL_COST = 1
"""Every step has exactly one, so any cost will do; the solver of hitting sets wants one."""


def solve_in_cheapest_steps(
    premises: Premises, world: World, goals: Sequence[Formula] | None = None, prune: bool = True
) -> tuple[Step, ...]:
    """As `solve_in_steps`, each step the cheapest there is, whatever its number of clues."""
    citer = Citer(premises)
    try:
        variables = premises.cnf.variables
        unknown = [Fact(v.index, value, world[v.index] == value) for v in variables for value in range(v.size)]
        unknown = [fact for fact in unknown if variables[fact.variable].size > 1]
        # Values before values ruled out, as in the greedy chain.
        unknown.sort(key=lambda fact: not fact.true)
        known: list[Fact] = []
        log: list[Entry] = []
        batch = 0
        while any(fact.true for fact in unknown):
            cited = cheapest_step(premises, known, unknown)
            new = [fact for fact in unknown if citer.follows(fact, cited)]
            log += [Entry(fact, batch, cited.rules, cited.clues, (cited, None)) for fact in new]
            known += new
            unknown = [fact for fact in unknown if fact not in new]
            batch += 1
        needed = whole_world(premises, world) if goals is None else goal_facts(premises, known, goals)
        return cite_back(citer, log, [], needed, prune)
    finally:
        citer.close()


def cheapest_step(premises: Premises, known: Sequence[Fact], unknown: Sequence[Fact]) -> Citation:
    """The cheapest premises from which some unknown fact follows. There must be one."""
    elements = dict.fromkeys(premises.rules, RULE_COST)
    elements |= dict.fromkeys(premises.clues, CLUE_COST)
    elements |= {premises.literal(fact): FACT_COST for fact in known}
    denials = [-premises.literal(fact) for fact in unknown]
    elements |= dict.fromkeys(denials, DENIAL_COST)
    pairs = [[Atom(one, sign=False), Atom(other, sign=False)] for one, other in itertools.combinations(denials, 2)]
    with (
        Solver(name="minisat22", bootstrap_with=premises.cnf.clauses) as solver,
        Hitman(bootstrap_with=[denials], weights=elements, subject_to=pairs) as hitman,
    ):
        solver.set_phases(list(elements))
        while True:
            chosen = hitman.get()
            assert chosen is not None, "nothing follows any more"
            if not solver.solve(assumptions=chosen):
                picked = set(chosen)
                return Citation(
                    tuple(i for i, literal in enumerate(premises.clues) if literal in picked),
                    tuple(i for i, literal in enumerate(premises.rules) if literal in picked),
                    tuple(fact for fact in known if premises.literal(fact) in picked),
                )
            # The world is stretched over as many premises as it will bear, the dear ones first.
            kept = list(chosen)
            for literal in sorted(elements, key=lambda one: (-elements[one], abs(one), one)):
                model = solver.get_model()
                if model[abs(literal) - 1] == literal or solver.solve(assumptions=[*kept, literal]):
                    kept.append(literal)
                else:
                    assert solver.solve(assumptions=kept)
            false = set(elements) - set(kept)
            hitman.hit(sorted(false), weights=elements)
