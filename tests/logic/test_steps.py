"""Steps over hand-made and random theories, judged by listing all worlds."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from sleuth.logic.citations import CLUE_COST, FACT_COST, RULE_COST, Citation, Fact, Premises, Step, compile_groups
from sleuth.logic.formulas import Formula, Iff, Is, Not, Or, Space, World, implies, space, worlds, xor
from sleuth.logic.optimal import cheapest_step, solve_in_cheapest_steps
from sleuth.logic.steps import solve_in_steps
from tests.logic.random_formulas import formula_lists, spaces, true_worlds
from tests.logic.test_clues import made_true


def steps_of(variables: Space, rules: list[list[Formula]], clues: list[Formula], world: World) -> tuple[Step, ...]:
    return solve_in_steps(Premises.of(compile_groups(variables, rules), clues), world)


def test_a_chain_of_implications_is_walked_link_by_link() -> None:
    """a; a → b; b → c, told in another order: one clue a step, and one fact from the step before."""
    a, b, c = (Is(variable, 1) for variable in space((("a", 2), ("b", 2), ("c", 2))))
    clues: list[Formula] = [implies(b, c), implies(a, b), a]
    variables = (a.variable, b.variable, c.variable)
    yes = [Fact(index, 1, True) for index in range(3)]
    expected = (
        Step((yes[0],), (2,), (), ()),
        Step((yes[1],), (1,), (), (yes[0],)),
        Step((yes[2],), (0,), (), (yes[1],)),
    )
    assert steps_of(variables, [], clues, (1, 1, 1)) == expected
    premises = Premises.of(compile_groups(variables, []), clues)
    cheapest = solve_in_cheapest_steps(premises, (1, 1, 1))
    assert [(step.facts[0], step.clues, step.rules, len(step.known)) for step in cheapest] == [
        (step.facts[0], step.clues, step.rules, len(step.known)) for step in expected
    ]


def test_a_rule_is_cited_where_a_clue_is_not_needed() -> None:
    """a or b, never both (a rule); the first clue says not a, the second b: the second is not needed."""
    a, b = (Is(variable, 1) for variable in space((("a", 2), ("b", 2))))
    steps = steps_of((a.variable, b.variable), [[xor(a, b)]], [Not(a), b], (0, 1))
    assert steps == (
        Step((Fact(0, 0, True),), (0,), (), ()),
        Step((Fact(1, 1, True),), (), (0,), (Fact(0, 0, True),)),
    )


def test_two_clues_that_only_together_say_something() -> None:
    """a ↔ b and a xor b can't be; here a or b, and a ↔ b: neither alone rules a value out, together both are 1."""
    a, b = (Is(variable, 1) for variable in space((("a", 2), ("b", 2))))
    steps = steps_of((a.variable, b.variable), [], [Or((a, b)), Iff(a, b)], (1, 1))
    both = Step((Fact(0, 1, True),), (0, 1), (), ())
    assert steps[0].clues == (0, 1) and steps[0].known == ()
    assert steps in (
        (Step((*both.facts, Fact(1, 1, True)), (0, 1), (), ()),),
        (both, Step((Fact(1, 1, True),), (1,), (), both.facts)),
    )


def test_what_takes_four_clues_at_once_is_supposed() -> None:
    """x = 0 → a → b → c → x = 1, each a clue, and no fact to begin with: only supposing x = 0 gets anywhere. From x
    follow p, q and r, one after another, and from these the others."""
    names = ("x", "a", "b", "c", "p", "q", "r")
    x, a, b, c, p, q, r = (Is(variable, 1) for variable in space((name, 2) for name in names))
    links: list[Formula] = [implies(Not(x), a), implies(a, b), implies(b, c), implies(c, x)]
    settle: list[Formula] = [implies(x, p), implies(p, q), implies(q, r), *(implies(r, one) for one in (a, b, c))]
    variables = tuple(one.variable for one in (x, a, b, c, p, q, r))
    steps = steps_of(variables, [], [*links, *settle], (1,) * 7)
    first = steps[0]
    assert first.facts == (Fact(0, 0, False),) and first.clues == (0, 1, 2, 3) and not first.known
    assert first.suppose is not None and first.suppose.depth == 1
    assert first.suppose.fact == Fact(0, 0, True)
    assert [(step.clues, step.facts) for step in first.suppose.steps] == [
        ((0,), (Fact(1, 1, True),)),
        ((1,), (Fact(2, 1, True),)),
        ((2,), (Fact(3, 1, True),)),
        ((3,), ()),
    ]
    assert steps[1] == Step((Fact(0, 1, True),), (), (), first.facts)
    assert all(step.suppose is None and len(step.clues) == 1 for step in steps[2:])


def told(steps: Sequence[Step]) -> set[Fact]:
    return {fact for step in steps for fact in step.facts}


@st.composite
def theories(draw: st.DrawFn) -> tuple[Space, list[Formula], list[Formula], World]:
    """Variables, rules, clues that with the rules leave one world, and that."""
    variables = draw(spaces())
    world = draw(st.sampled_from(list(worlds(variables))))
    rules = made_true(draw(formula_lists(variables, most=2)), world)
    clues = made_true(draw(formula_lists(variables, most=5)), world)
    # What is still missing is told outright, so that there is one world.
    for variable in variables:
        if len({one[variable.index] for one in true_worlds(variables, [*rules, *clues])}) > 1:
            clues.append(Is(variable, world[variable.index]))
    return variables, rules, clues, world


def check(
    variables: Space, rules: list[Formula], clues: list[Formula], steps: Sequence[Step], known: set[Fact]
) -> None:
    so_far = set(known)
    for step in steps:
        assert set(step.known) <= so_far
        premises = [rules[i] for i in step.rules] + [clues[i] for i in step.clues]
        premises += [fact.formula(variables) for fact in step.known]
        denied = Not(Or(tuple(Not(fact.formula(variables)) for fact in step.facts)))

        def follows(some: list[Formula], facts: Formula = denied) -> bool:
            return not true_worlds(variables, [*some, Not(facts)])

        assert follows(premises)
        assert not any(follows(premises[:i] + premises[i + 1 :]) for i in range(len(premises)))
        if step.suppose is not None:
            check(variables, rules, clues, step.suppose.steps, {*step.known, step.suppose.fact})
            assert step.suppose.steps[-1].facts == ()
        so_far |= set(step.facts)


@settings(max_examples=40, deadline=None)
@given(theories())
def test_random_theories(theory: tuple[Space, list[Formula], list[Formula], World]) -> None:
    variables, rules, clues, world = theory
    steps = steps_of(variables, [[rule] for rule in rules], clues, world)
    check(variables, rules, clues, steps, set())
    expected = {Fact(v.index, world[v.index], True) for v in variables if v.size > 1}
    assert {fact for fact in told(steps) if fact.true} >= expected


@settings(max_examples=15, deadline=None)
@given(theories(), st.data())
def test_the_cheapest_step_is_the_cheapest_of_all_subsets(
    theory: tuple[Space, list[Formula], list[Formula], World], data: st.DataObject
) -> None:
    variables, rules, clues, world = theory
    rules, clues = rules[:2], clues[:4]
    facts = [Fact(v.index, value, world[v.index] == value) for v in variables for value in range(v.size) if v.size > 1]
    known = data.draw(st.lists(st.sampled_from(facts), max_size=3, unique=True)) if facts else []
    certain = true_worlds(variables, [*rules, *clues, *(fact.formula(variables) for fact in known)])
    unknown = [
        fact
        for fact in facts
        if fact not in known and all((one[fact.variable] == fact.value) == fact.true for one in certain)
    ]
    if not unknown:
        return
    parts: list[tuple[int, Formula]] = [(RULE_COST, rule) for rule in rules]
    parts += [(CLUE_COST, clue) for clue in clues] + [(FACT_COST, fact.formula(variables)) for fact in known]
    best = min(
        sum(cost for cost, _ in some)
        for size in range(len(parts) + 1)
        for some in itertools.combinations(parts, size)
        if any(not true_worlds(variables, [*(f for _, f in some), Not(u.formula(variables))]) for u in unknown)
    )
    found = cheapest_step(Premises.of(compile_groups(variables, [[rule] for rule in rules]), clues), known, unknown)
    assert isinstance(found, Citation)
    assert CLUE_COST * len(found.clues) + RULE_COST * len(found.rules) + FACT_COST * len(found.known) == best
