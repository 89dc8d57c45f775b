"""How the clues lead to the world, in steps that a person can follow, and the same in words.

`sleuth.logic.steps` finds the steps and knows no English; here they get a puzzle's own sentences. `difficulty` is read
off the steps.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sleuth.config import Goal, StepTelling
from sleuth.errors import UserError
from sleuth.logic.citations import Fact, Premises, Step
from sleuth.logic.clues import is_world
from sleuth.logic.cnf import WorldSolver
from sleuth.logic.formulas import Formula, Not, World
from sleuth.logic.optimal import solve_in_cheapest_steps
from sleuth.logic.steps import solve_in_steps
from sleuth.puzzles.family import Family, PageText, Theory
from sleuth.puzzles.puzzle import Puzzle
from sleuth.puzzles.registry import get_family
from sleuth.puzzles.statements import Statement

DIFFICULTY = "difficulty"
"""Key of a puzzle's metadata."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """A page's world, and the steps to it."""

    family: Family[Any, Any]
    page: PageText
    world: World
    steps: tuple[Step, ...]
    rules: tuple[str, ...]
    """Names of the groups of rules that steps cite."""

    def restates(self, step: Step) -> bool:
        """Whether a step says just what the one clue says that it cites."""
        if len(step.facts) != 1 or len(step.clues) != 1 or step.rules or step.known:
            return False
        return self.statement(step.facts[0]) == self.page.clues[step.clues[0]]

    def statement(self, fact: Fact) -> Statement:
        """What a fact says."""
        say = self.family.fact if fact.true else self.family.denial
        statement = say(self.family.theory(self.page.case), fact.variable, fact.value)
        assert statement is not None, fact
        return statement


@dataclass(frozen=True, slots=True)
class Difficulty:
    """What makes a puzzle hard for a person."""

    steps: int
    largest: int
    """Most clues of one step."""
    several: float
    """Share of steps that need two clues or more."""
    depth: int
    """Suppositions within one another; 0: nothing had to be supposed."""


def explain(puzzle: Puzzle, goal: Goal = "world", optimal: bool = False, prune: bool = True) -> Explanation:
    """Steps to a puzzle's world, each proved by the solver and minimal in what it cites.

    `optimal` finds the cheapest next step each time, for small puzzles only. Without `prune`, facts that nobody uses
    are kept. Raises `UserError` if the clues do not leave exactly one world.
    """
    family = get_family(puzzle.family)
    return explain_page(family, family.page_of(puzzle), goal, optimal, prune)


def only_world(theory: Theory, formulas: Sequence[Formula]) -> World:
    """The one world that obeys the rules and these clues. Raises `UserError` if there is none, or more than one."""
    cnf = theory.cnf.copy()
    for formula in formulas:
        cnf.add(formula)
    with WorldSolver(cnf) as solver:
        world = solver.solve()
        if world is None:
            raise UserError("nothing to explain: no world obeys the clues")
        solver.add(Not(is_world(cnf, world)))
        if solver.satisfiable():
            raise UserError("nothing to explain: several worlds obey the clues")
    return world


def explain_page(
    family: Family[Any, Any], page: PageText, goal: Goal = "world", optimal: bool = False, prune: bool = True
) -> Explanation:
    """As `explain`, of a page that was read."""
    theory = family.theory(page.case)
    formulas = [theory.formula(clue) for clue in page.clues]
    world = only_world(theory, formulas)
    goals = None
    if goal == "questions":
        choices = [family.true_choice(page.case, theory, world, question) for question in page.questions]
        goals = [theory.formula(q.fill(c)) for q, c in zip(page.questions, choices, strict=True) if c is not None]
    premises = Premises.of(theory.grouped_cnf, formulas)
    steps = (solve_in_cheapest_steps if optimal else solve_in_steps)(premises, world, goals, prune)
    return Explanation(family, page, world, steps, tuple(theory.rule_groups()))


def difficulty(explanation: Explanation) -> Difficulty:
    """The difficulty of an explained puzzle; of a chain to the whole world without idle steps, to be comparable: which
    questions are asked is drawn last and says little about the clues."""
    steps = explanation.steps
    return Difficulty(
        steps=len(steps),
        largest=max((len(step.clues) for step in steps), default=0),
        several=sum(len(step.clues) > 1 for step in steps) / max(1, len(steps)),
        depth=max((step.suppose.depth for step in steps if step.suppose), default=0),
    )


def rated(puzzle: Puzzle) -> Puzzle:
    """The puzzle with its difficulty in the metadata: `meta["difficulty"]`, a map of the fields of `Difficulty`.

    Takes as long as explaining it. Raises `UserError` if the clues do not leave exactly one world.
    """
    return puzzle.model_copy(update={"meta": {**puzzle.meta, DIFFICULTY: asdict(difficulty(explain(puzzle)))}})


def tell(explanation: Explanation, telling: StepTelling = "full", style: str = "plain") -> list[str]:
    """The steps in words, a text for each, in the family's sentences of a style. A step that supposes something takes
    several lines."""
    return list({"short": _short, "full": _full, "numbered": _numbered}[telling](_Words(explanation, style)))


class _Words:
    """An explanation's facts as sentences."""

    def __init__(self, explanation: Explanation, style: str) -> None:
        family, case = explanation.family, explanation.page.case
        self.explanation = explanation
        self.rules = explanation.rules if len(explanation.rules) > 1 else ()
        self.clues = [f"{text.removesuffix('.')}." for text in explanation.page.clue_texts]
        self._style = style if style in family.styles else family.styles[0]
        self._grammar = family.fact_grammar(case, self._style)

    def phrase(self, fact: Fact) -> str:
        return self._grammar.write(self.explanation.statement(fact), self._style)

    def sentence(self, fact: Fact) -> str:
        text = self.phrase(fact)
        return f"{text[0].upper()}{text[1:]}."

    def phrases(self, facts: Sequence[Fact]) -> str:
        return _join([self.phrase(fact) for fact in facts])


def _join(parts: Sequence[str]) -> str:
    if len(parts) == 1:
        return parts[0]
    if any(", " in part for part in parts):
        return f"{'; '.join(parts[:-1])}; and {parts[-1]}"
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def _short(words: _Words) -> Iterator[str]:
    """Each clue that a step uses, and what follows; what the clue says itself is not said again."""
    for step in words.explanation.steps:
        clues = [words.clues[i] for i in step.clues]
        told = [sentence for fact in step.facts if (sentence := words.sentence(fact)) not in clues]
        yield " ".join([*clues, *(["So:", *told] if told else [])])


def _premises(words: _Words, step: Step) -> str:
    parts = [f"clue {i + 1}" for i in step.clues]
    if not words.explanation.restates(step):
        quoted = [words.clues[i].removesuffix(".") for i in step.clues]
        parts = [f"{part} (“{text}”)" for part, text in zip(parts, quoted, strict=True)]
    if step.rules:
        named = [words.rules[i] for i in step.rules] if words.rules else []
        parts.append(f"the rules of {_join(named)}" if named else "the rules")
    return f"{', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else "".join(parts)


def _full(words: _Words) -> Iterator[str]:
    for step in words.explanation.steps:
        yield _full_step(words, step, 0)


def _full_step(words: _Words, step: Step, depth: int) -> str:
    """`depth`: suppositions around it, each of which indents."""
    if step.suppose is not None:
        # What it cites is what its own steps cite, so it is not said twice.
        indent = "\n" + "  " * (depth + 1)
        inner = indent.join(_full_step(words, one, depth + 1) for one in step.suppose.steps)
        further, end = ("further ", "That refutes the further supposition:") if depth else ("", "So")
        lead = f"Suppose {further}that {words.phrase(step.suppose.fact)}."
        return f"{lead}{indent}{inner}\n{'  ' * depth}{end} {words.phrases(step.facts)}."
    source = _premises(words, step)
    lead = f"By {source}" if source else "What is left"
    if step.known:
        lead += f", since {words.phrases(step.known)}"
    return f"{lead}: {words.phrases(step.facts) if step.facts else 'a contradiction'}."


def _numbered(words: _Words) -> Iterator[str]:
    origin: dict[Fact, str] = {}
    for number, step in enumerate(words.explanation.steps, start=1):
        yield from _numbered_step(words, step, str(number), origin)


def _numbered_step(words: _Words, step: Step, number: str, origin: dict[Fact, str]) -> Iterator[str]:
    sources = [f"clue {i + 1}" for i in step.clues]
    sources += [f"rule {words.explanation.rules[i]}" for i in step.rules]
    sources += dict.fromkeys(f"step {origin[fact]}" for fact in step.known)
    cited = ", ".join(sources)
    if step.suppose is None:
        told = " ".join(words.sentence(fact) for fact in step.facts) or "That cannot be."
        yield f"{number}. {told} [{cited}]"
    else:
        inner = dict(origin)
        inner[step.suppose.fact] = f"{number}.0"
        yield f"{number}.0. Suppose that {words.phrase(step.suppose.fact)}."
        for place, one in enumerate(step.suppose.steps, start=1):
            yield from _numbered_step(words, one, f"{number}.{place}", inner)
        yield f"{number}. {' '.join(words.sentence(fact) for fact in step.facts)} [{cited}]"
    origin.update((fact, number) for fact in step.facts)
