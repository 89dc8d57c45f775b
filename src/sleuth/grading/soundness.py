"""What a completion says on the way: true or false, repeated or derived, judged by the solver.

Every true sentence follows from all clues together, so truth alone proves no reasoning. A sentence is *derived* when it
follows from at most `CLUES_AT_ONCE` clues, the rules and the derived sentences before it, and is neither a clue nor
said before. Small operations ("Hall, Attic: differ.") say nothing of the puzzle; they are derived if the next new
sentence is, so writing them out pays only where they lead somewhere. Which clues: a search over sets of clues that
branches on those that a counterexample violates, one of which must be in any set that works (hitting sets: Reiter, "A
theory of diagnosis from first principles", 1987).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property, lru_cache

from sleuth.errors import UserError
from sleuth.grading.novelty import Facts, Novelty, facts_of
from sleuth.grading.operations import COMPARISONS, NOTHING, OPEN, REMARKS, USED, Operations, meaning, owned
from sleuth.grading.reading import Reading, read_page
from sleuth.grading.sentences import Claim, SentenceFinder
from sleuth.logic.cnf import WorldSolver
from sleuth.logic.formulas import Formula, Not, World, holds
from sleuth.puzzles.prose import ReadError
from sleuth.puzzles.puzzle import Puzzle
from sleuth.puzzles.statements import Statement

CLUES_AT_ONCE = 3
"""Most clues that a derived sentence may need besides the derived ones before it."""
CONFLICTS = 2_000
"""Solver conflicts of one question: a bound on work, the same on every machine."""
QUESTIONS, ALL_QUESTIONS = 300, 2_000
"""Questions to the solver about one sentence, and about all of a completion; what is not shown by then counts as not
derived."""
MOST_CLAUSES = 100_000
"""Clauses that what a completion says may compile to; what is beyond them counts as not derived."""
MOST_COMPARISONS = 4
"""Comparisons before a derived sentence that are credited with it."""
MOST_SENTENCES = 1_000
"""Sentences of a completion that are judged."""
_REMEMBERED = 20_000
"""Sentences that a judge remembers the reading of."""


class Verdict(StrEnum):
    """What is known of a sentence."""

    DERIVED = "derived"
    """True, in no such words a clue, new, and it follows from few clues and what was derived before; or a true
    comparison before such a sentence."""
    LUCKY = "lucky"
    """True and new, but it does not follow from what was said and few clues."""
    REPEATED = "repeated"
    """A clue, or said before, in the same words but for the order of interchangeable names; what was lucky is tried
    anew."""
    EMPTY = "empty"
    """True in every world that obeys the rules: it says nothing. Also a true "Nothing yet.", "Open." or "Used up."."""
    FALSE = "false"
    """Not so in the puzzle's world."""
    UNREAD = "unread"
    """No template reads it."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """A sentence with its verdict."""

    start: int
    """Its first character in the completion."""
    end: int
    """One past its last."""
    verdict: Verdict
    clues: tuple[int, ...] = ()
    """Of a derived one: indices of clues that are enough, none of which can go."""


@dataclass(frozen=True, slots=True)
class Soundness:
    """A completion's sentences in figures; None where there is nothing to count."""

    read: int
    unread: int
    true: float | None
    """Share of the read ones that is true."""
    derived: float | None
    """Share of the read ones that is derived."""
    first_false: int | None
    """How many were read before the first false one; None: none is false."""


def soundness(verdicts: Sequence[str]) -> Soundness:
    """The figures of a completion's verdicts, in order."""
    read = [verdict for verdict in verdicts if verdict != Verdict.UNREAD]
    count = len(read)
    return Soundness(
        read=count,
        unread=len(verdicts) - count,
        true=1 - read.count(Verdict.FALSE) / count if count else None,
        derived=read.count(Verdict.DERIVED) / count if count else None,
        first_false=read.index(Verdict.FALSE) if Verdict.FALSE in read else None,
    )


def judge(puzzle: Puzzle, completion: str, most: int = CLUES_AT_ONCE) -> list[Judgement]:
    """The sentences of a completion, in the order in which a reader takes them in, with their verdicts.

    `most` is how many clues a derived sentence may need. Never raises on a completion, whatever it holds; raises
    `UserError` where the puzzle's text is no page of its family, or has no world.
    """
    return judge_of(puzzle.family, puzzle.prompt).judge(completion, most)


@lru_cache(maxsize=64)
def judge_of(family: str, prompt: str) -> Judge:
    """The judge of a page (remembered). Raises `UserError` where the text is no page of the family, or has no world."""
    return Judge(read_page(family, prompt))


class Judge:
    """Judges completions of one puzzle."""

    def __init__(self, reading: Reading) -> None:
        family, page = reading.family, reading.page
        self._family, self._theory = family, family.theory(page.case)
        self._formulas = [self._theory.formula(clue) for clue in page.clues]
        self._grammar = family.fact_grammar(page.case, page.style)
        self._clue_keys = [self._key(clue) for clue in page.clues]
        words = [word for entries in family.lexicon(page.case).values() for _, wordings in entries for word in wordings]
        self._finder = SentenceFinder(self._read, words)
        self._page = page
        self._statements: dict[str, Statement | None] = {}
        self._start()
        world = self._solver.solve(self._clues)
        if world is None:
            raise UserError("no world obeys the clues")
        self._world = world

    def _start(self) -> None:
        """A solver that knows nothing of earlier completions, so no verdict depends on them, not even at a bound."""
        self._asked = self._asked_in_all = 0
        self._solver = WorldSolver(self._theory.cnf.copy())
        self._clues = [self._solver.add_optional(formula) for formula in self._formulas]
        self._denied_clues = [self._solver.add_optional(Not(formula)) for formula in self._formulas]
        self._literals: dict[Statement, tuple[int, int]] = {}
        self._most_clauses = len(self._solver.cnf.clauses) + MOST_CLAUSES
        self._novelty = Novelty(self._solver.cnf, self._counterexample, lambda: self._facts)

    def judge(self, completion: str, most: int) -> list[Judgement]:
        """As `soundness.judge`."""
        self._start()
        said = dict.fromkeys(self._clue_keys, Verdict.REPEATED)
        derived, judgements = list[int](), list[Judgement]()
        compared = dict[Statement, int]()
        """Comparisons that are true, since the last new sentence, and their places among the judgements."""
        for claim in self._finder.claims(completion):
            if len(judgements) == MOST_SENTENCES:
                break
            one = self._verdict(claim, said, derived, most)
            if claim.statement is not None and claim.statement.kind in COMPARISONS:
                if one.verdict is Verdict.EMPTY:
                    compared.setdefault(claim.statement, len(judgements))
            elif one.verdict is not Verdict.REPEATED:
                for place in list(compared.values())[-MOST_COMPARISONS:] if one.verdict is Verdict.DERIVED else ():
                    judgements[place] = replace(judgements[place], verdict=Verdict.DERIVED)
                compared.clear()
            judgements.append(one)
        return judgements

    def clues_said(self, statements: Sequence[Statement | None]) -> list[int | None]:
        """For each statement the index of a clue that is true in the same worlds, by the rules, and that no statement
        before it said; None where there is none, and for None.

        Worlds in which a clue and a statement differ are kept: most pairs are told apart without a new question.
        """
        found, said = list[int | None](), set[int]()
        worlds = list[tuple[World, list[bool]]]()
        """Worlds that obey the rules, with the truth of every clue there; none of an earlier completion."""
        fresh = False
        for statement in statements:
            clue = None
            if statement is not None:
                left = [i for i in range(len(self._clues)) if i not in said]
                key = self._key(statement)
                clue = next((i for i in left if self._clue_keys[i] == key), None)
                if clue is None and holds(formula := self._theory.formula(statement), self._world):
                    if not fresh:
                        self._start()
                        fresh = True
                    clue = self._clue_like(statement, formula, left, worlds)
            if clue is not None:
                said.add(clue)
            found.append(clue)
        return found

    def _clue_like(
        self, statement: Statement, formula: Formula, left: list[int], worlds: list[tuple[World, list[bool]]]
    ) -> int | None:
        """The first clue of `left` that is true in the same worlds as the statement; `worlds` grows by those that tell
        them apart. None also over the bounds."""
        for world, truths in worlds:
            if not left:
                return None
            truth = holds(formula, world)
            left = [i for i in left if truths[i] == truth]
        self._asked = 0
        try:
            while left:
                affirmed, denied = self._selectors(statement)
                differs = self._counterexample([self._clues[left[0]], denied])
                differs = differs or self._counterexample([affirmed, self._denied_clues[left[0]]])
                if differs is None:
                    return left[0]
                truth, truths = holds(formula, differs), [holds(clue, differs) for clue in self._formulas]
                worlds.append((differs, truths))
                left = [i for i in left if truths[i] == truth]
        except TimeoutError:
            pass
        return None

    def _verdict(self, claim: Claim, said: dict[Statement, Verdict], derived: list[int], most: int) -> Judgement:
        """`said` (statement to what it was found) and `derived` (selectors of derived sentences) grow by what is
        claimed. What was said by luck may be derived later."""
        start, end, statement = claim.start, claim.end, claim.statement
        if statement is None:
            return Judgement(start, end, Verdict.UNREAD)
        if statement.kind in REMARKS:
            self._asked = 0
            wrong = {
                NOTHING: self._novelty.follows,
                OPEN: self._novelty.used_up,
                USED: self._novelty.may_give_more,
            }[statement.kind]()
            return Judgement(start, end, Verdict.FALSE if wrong else Verdict.EMPTY)
        if statement.kind in COMPARISONS:
            known = owned(statement)
            right = self._operations.true(statement) and (known is None or self._so(known))
            return Judgement(start, end, Verdict.EMPTY if right else Verdict.FALSE)
        if not self._so(statement):
            return Judgement(start, end, Verdict.FALSE)
        key = self._key(statement)
        if key in self._clue_keys:
            clue = self._clue_keys.index(key)
            self._novelty.say_clue(
                self._page.clues[clue], self._clues[clue], self._denied_clues[clue], self._formulas[clue]
            )
        before = said.get(key)
        if before not in (None, Verdict.LUCKY):
            return Judgement(start, end, Verdict.REPEATED)
        verdict, clues = self._reason(statement, derived, most)
        said[key] = verdict
        if before is verdict:
            return Judgement(start, end, Verdict.REPEATED)
        return Judgement(start, end, verdict, clues)

    def _so(self, statement: Statement) -> bool:
        return holds(meaning(self._theory, statement), self._world)

    def _reason(self, statement: Statement, derived: list[int], most: int) -> tuple[Verdict, tuple[int, ...]]:
        """Whether a true statement that is not known yet is derived, and from which clues."""
        self._asked = 0
        try:
            affirmed, denied = self._selectors(statement)
            clues = self._derivation(denied, derived, most)
            if clues is None:
                self._novelty.know(affirmed, meaning(self._theory, statement))
                return Verdict.LUCKY, ()
            if not clues and self._counterexample([denied]) is None:
                return Verdict.EMPTY, ()
        except TimeoutError:
            return Verdict.LUCKY, ()
        derived.append(affirmed)
        self._novelty.know(affirmed, meaning(self._theory, statement))
        return Verdict.DERIVED, clues

    @cached_property
    def _operations(self) -> Operations:
        return Operations(self._family, self._page.case, self._theory)

    @cached_property
    def _facts(self) -> Facts:
        return facts_of(self._family, self._theory)

    def _read(self, sentence: str) -> Statement | None:
        if sentence not in self._statements:
            if len(self._statements) == _REMEMBERED:
                self._statements.clear()
            try:
                self._statements[sentence] = self._grammar.read(sentence)
            except ReadError:
                self._statements[sentence] = self._operations.read(sentence)
        return self._statements[sentence]

    def _key(self, statement: Statement) -> Statement:
        """Equal for statements that differ in the order of interchangeable arguments alone."""
        return min(self._family.orders(statement), key=repr)

    def _selectors(self, statement: Statement) -> tuple[int, int]:
        """Literals that switch the statement on, and its denial. Raises `TimeoutError` over the bound on clauses."""
        if statement not in self._literals:
            if len(self._solver.cnf.clauses) > self._most_clauses:
                raise TimeoutError(f"no room for another statement within {MOST_CLAUSES} clauses")
            formula = meaning(self._theory, statement)
            self._literals[statement] = self._solver.add_optional(formula), self._solver.add_optional(Not(formula))
        return self._literals[statement]

    def _derivation(self, denied: int, derived: Sequence[int], most: int) -> tuple[int, ...] | None:
        """Indices of at most `most` clues that give what is denied; none of them can go. None: there are no such."""
        fixed = [denied, *derived]
        if self._counterexample([*fixed, *self._clues]) is None:
            core = set(self._solver.core())
            chosen = [clue for clue in self._clues if clue in core]
            if (small := self._smallest(fixed, chosen, most)) is not None:
                return small
        tried = set[frozenset[int]]()
        counterexamples: list[list[int]] = []

        def search(chosen: frozenset[int]) -> frozenset[int] | None:
            """Depth first: a set that gives it contains a clue that the counterexample to `chosen` violates."""
            if chosen in tried:
                return None
            tried.add(chosen)
            violated = next((one for one in counterexamples if chosen.isdisjoint(one)), None)
            if violated is None:
                world = self._counterexample([*fixed, *(self._clues[i] for i in sorted(chosen))])
                if world is None:
                    return chosen
                violated = [i for i, formula in enumerate(self._formulas) if not holds(formula, world)]
                counterexamples.append(violated)
            if len(chosen) == most:
                return None
            return next((found for i in violated if (found := search(chosen | {i})) is not None), None)

        found = search(frozenset())
        return None if found is None else self._smallest(fixed, [self._clues[i] for i in sorted(found)], most)

    def _smallest(self, fixed: Sequence[int], chosen: list[int], most: int) -> tuple[int, ...] | None:
        """Without the clues that can go; None if more than `most` stay."""
        for clue in list(chosen):
            rest = [other for other in chosen if other != clue]
            if self._counterexample([*fixed, *rest]) is None:
                chosen = rest
        return tuple(self._clues.index(clue) for clue in chosen) if len(chosen) <= most else None

    def _counterexample(self, assumed: Sequence[int]) -> World | None:
        """A world in which all of this is so; None if there is none. Raises `TimeoutError` over the bounds."""
        self._asked += 1
        self._asked_in_all += 1
        if self._asked > QUESTIONS or self._asked_in_all > ALL_QUESTIONS:
            raise TimeoutError("no decision within so many questions")
        return self._solver.solve(assumed, CONFLICTS)
