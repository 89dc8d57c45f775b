"""The audit: is a puzzle what it says, judged from its text alone?

The prompt is read back into statements, OR-Tools' CP-SAT, which had no part in making the puzzle, looks for worlds, and
exactly one must be found, whose answers are the stored ones. Where the family knows that a page may also be read in
another way than it is meant, and that leaves several worlds, a remark says so: no fault of a puzzle that keeps to its
conventions, but something to know of a model that fails it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sleuth.errors import UserError, counted
from sleuth.logic.clues import droppable
from sleuth.logic.cpsat import CpModel
from sleuth.logic.formulas import Not, World
from sleuth.puzzles.family import Family, PageText
from sleuth.puzzles.puzzle import IMPORTED, Puzzle
from sleuth.puzzles.registry import adopting, get_family, get_task
from sleuth.workers import map_in_order, processes

SECONDS = 300.0
"""Most time for one verdict of CP-SAT."""


@dataclass(frozen=True, slots=True)
class Remark:
    """Read in another way than it is meant, the page leaves several worlds."""

    reading: str
    """How it was read, as in "with an inclusive “or”"."""
    letters: tuple[str, ...] | None
    """Questions that then have several answers; None where CP-SAT came to no verdict, on them or on the worlds."""

    def __str__(self) -> str:
        if self.letters is None:
            return f"read {self.reading}, it may leave several worlds: no verdict"
        if not self.letters:
            return f"read {self.reading}, it leaves several worlds, but every question still has one answer"
        several = f"question{'s' * (len(self.letters) > 1)} {', '.join(self.letters)}"
        return f"read {self.reading}, it leaves several worlds, and several answers to {several}"


@dataclass(frozen=True, slots=True)
class Outright:
    """A clue answers a question. Our own puzzles never do that, so in them it is a problem; another maker's may."""

    letter: str

    def __str__(self) -> str:
        return f"question {self.letter} is answered by a clue outright"


def _remark(record: dict[str, Any]) -> Remark | Outright:
    if "letter" in record:
        return Outright(**record)
    letters = record["letters"]
    return Remark(record["reading"], None if letters is None else tuple(letters))


@dataclass(frozen=True, slots=True)
class Finding:
    """The audit of one puzzle; no problems means that it is sound, whatever the remarks."""

    id: str
    problems: tuple[str, ...]
    remarks: tuple[Remark | Outright, ...] = ()
    """Only where, as it is meant, it has one world."""

    @classmethod
    def of(cls, record: dict[str, Any]) -> Finding:
        """What `dataclasses.asdict` made of a finding, as it comes out of JSON."""
        return cls(record["id"], tuple(record["problems"]), tuple(map(_remark, record["remarks"])))

    def lines(self) -> list[str]:
        """For people: a line for each problem and remark."""
        remarks = [f"remark: {remark}" for remark in self.remarks]
        return [f"{self.id}: {said}" for said in (*self.problems, *remarks)]


def audit(puzzle: Puzzle, minimal: bool = False) -> Finding:
    """Audits one puzzle; `minimal` also demands that no clue can be dropped. Raises `UserError` for a puzzle without
    clues and rules."""
    try:
        get_task(puzzle.family)
    except UserError as error:
        return Finding(puzzle.id, (str(error),))
    family = get_family(puzzle.family)
    try:
        page = family.read_page(puzzle.prompt)
        letters = tuple(question.letter for question in puzzle.questions)
        problems = [] if tuple(page.clue_texts) == puzzle.clues else ["the stored clues are not those of the prompt"]
        if page.letters != letters or set(letters) != set(puzzle.answers):
            return Finding(puzzle.id, (*problems, "the stored questions or answers are not those of the prompt"))
        theory = family.theory(page.case)
        formulas = [theory.formula(clue) for clue in page.clues]
        worlds = CpModel(theory.space, [*theory.rules(), *formulas]).worlds(2, SECONDS)
        if len(worlds) != 1:
            said = "no world obeys the clues" if not worlds else "several worlds obey the clues"
            return Finding(puzzle.id, (*problems, said))
        problems += _wrong_questions(puzzle, family, page, worlds[0])
        outright = list(_outright(family, page, worlds[0]))
        if IMPORTED not in puzzle.meta:
            problems += map(str, outright)
            outright = []
        if minimal and (spare := droppable(theory.cnf, formulas, worlds[0])):
            problems.append(f"clue {spare[0] + 1} can be dropped")
        return Finding(puzzle.id, tuple(problems), (*outright, *_remarks(family, page, puzzle.prompt, worlds[0])))
    except (UserError, TimeoutError) as error:
        return Finding(puzzle.id, (str(error),))


def _wrong_questions(puzzle: Puzzle, family: Family[Any, Any], page: PageText, world: World) -> Iterator[str]:
    theory = family.theory(page.case)
    for letter, question in zip(page.letters, page.questions, strict=True):
        choice = family.true_choice(page.case, theory, world, question)
        answer = "no single one" if choice is None else family.answer_text(page.case, choice)
        if answer != puzzle.answers[letter]:
            yield f"question {letter}: the answer is {answer}, stored is {puzzle.answers[letter]}"


def _outright(family: Family[Any, Any], page: PageText, world: World) -> Iterator[Outright]:
    theory = family.theory(page.case)
    stated = {fact for clue in page.clues for fact in family.stated(theory, clue)}
    for letter, question in zip(page.letters, page.questions, strict=True):
        choice = family.true_choice(page.case, theory, world, question)
        if not page.whole and choice is not None and question.fill(choice) in stated:
            yield Outright(letter)


def _remarks(family: Family[Any, Any], page: PageText, text: str, world: World) -> Iterator[Remark]:
    theory = family.theory(page.case)
    for reading, formulas in family.loose_readings(theory, page, text).items():
        premises = [*theory.rules(), *formulas]
        try:
            if len(CpModel(theory.space, premises).worlds(2, SECONDS)) > 1:
                several = []
                for letter, question in zip(page.letters, page.questions, strict=True):
                    # What is right in the one world as meant is possible in this reading, too. Is anything else?
                    choice = family.true_choice(page.case, theory, world, question)
                    other = [] if choice is None else [Not(theory.formula(question.fill(choice)))]
                    if CpModel(theory.space, [*premises, *other]).solve(SECONDS) is not None:
                        several.append(letter)
                yield Remark(reading, tuple(several))
        except TimeoutError:
            yield Remark(reading, None)


def audit_all(puzzles: Iterable[Puzzle], minimal: bool = False, workers: int = 0) -> Iterator[Finding]:
    """Audits puzzles on `workers` processes (0: all cores), in order."""
    return map_in_order(adopting(partial(audit, minimal=minimal)), puzzles, processes(workers), chunk=4)


def overview(findings: Sequence[Finding]) -> list[str]:
    """What audits come to, in a line each: how many puzzles are sound, and how many have each kind of remark."""
    sound = sum(not finding.problems for finding in findings)
    lines = [f"{sound} of {counted(len(findings), 'puzzle')} {'is' if len(findings) == 1 else 'are'} sound"]
    remarks = [remark for finding in findings for remark in finding.remarks if isinstance(remark, Remark)]
    if told := sum(any(isinstance(remark, Outright) for remark in finding.remarks) for finding in findings):
        has = "1 has a question" if told == 1 else f"{told} have questions"
        lines.append(f"{has} that a clue answers outright, which is the other maker's affair")
    for reading in dict.fromkeys(remark.reading for remark in remarks):
        letters = [remark.letters for remark in remarks if remark.reading == reading]
        decided = [some for some in letters if some is not None]
        line = f"read {reading}, {len(decided)} leave several worlds, {sum(map(bool, decided))} also several answers"
        lines.append(line + (f"; no verdict on {len(letters) - len(decided)}" if len(letters) > len(decided) else ""))
    return lines
