"""Temporal Clue: a murder, a map, a clock. Who was it, with what, where, when and why?

After the puzzles of the same name by Brad Hilton (2025); rules, generator, names and words are Sleuth's own, with
statement kinds that the original never had.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache
from random import Random
from typing import Any, ClassVar

from sleuth.config import Names
from sleuth.logic.formulas import Formula, World
from sleuth.puzzles.family import ClueSampler, Family, PageText, Style
from sleuth.puzzles.formal import FormalLexicon
from sleuth.puzzles.notebook import Table
from sleuth.puzzles.page_reader import clue_lines
from sleuth.puzzles.prose import Lexicon, Templates
from sleuth.puzzles.statements import Ref, Statement
from sleuth.puzzles.temporal_clue import board, board_svg, clue_sampler, mirror, notebook, page, sampler, wording
from sleuth.puzzles.temporal_clue.case import Case
from sleuth.puzzles.temporal_clue.original import page as original
from sleuth.puzzles.temporal_clue.page import ALONE
from sleuth.puzzles.temporal_clue.theory import Shape, TemporalTheory

MOST_QUESTIONS = 8
SMALL_LEVEL_BONUS = 1
"""Bonus questions at level 1, where every question costs tokens."""


@lru_cache(maxsize=64)
def _theory(shape: Shape) -> TemporalTheory:
    return TemporalTheory(shape)


class TemporalClue(Family[Case, TemporalTheory]):
    """The family `temporal-clue`."""

    name = "temporal-clue"
    version = 1
    levels: ClassVar[Mapping[str, str]] = {
        "1": "2 suspects, 2 weapons, 2 rooms, one time",
        "2": "3 suspects, 2-3 weapons, 3-4 rooms, 2 times",
        "3": "4 suspects, 3-4 weapons, 4-6 rooms, 3 times, all statement kinds",
        "4": "5-6 suspects, 4-6 weapons, 6-9 rooms, 4-6 times, all statement kinds",
        "5": "7-10 suspects, 6-8 weapons, 10-17 rooms, 6-12 times, all statement kinds",
        "reference": "sizes and statement kinds of the puzzles of 2025",
    }
    wordings = (
        Style("plain"),
        Style("terse"),
        Style("witness"),
        Style(wording.VARIED, mixed=False, free=True),
        Style(original.STYLE, mixed=False, apart=True, stop=""),
    )
    pooled = True
    kinds = wording.KINDS
    groups = wording.GROUPED_KINDS
    templates: ClassVar[Templates] = {**wording.TEMPLATES, original.STYLE: wording.ORIGINAL}
    denials = wording.DENIALS
    denial_templates: ClassVar[Templates] = {**wording.DENIAL_TEMPLATES, original.STYLE: wording.ORIGINAL_DENIALS}
    question_templates: ClassVar[Templates] = {
        **wording.QUESTION_TEMPLATES,
        original.STYLE: wording.ORIGINAL_QUESTIONS,
    }
    roles: ClassVar[Mapping[str, str]] = {"holder": "motive"}
    rare = frozenset({"murderer", "scene", "reason", "weapon", "hour"})

    def sample_case(self, level: str, rng: Random) -> tuple[Case, World]:
        case = sampler.sample_case(level, rng)
        return case, sampler.sample_world(self.theory(case), rng)

    def names(self) -> Collection[str]:
        return sampler.all_names()

    def theory(self, case: Case) -> TemporalTheory:
        return _theory(case.shape)

    def dressed(self, case: Case, style: str, names: Names, rng: Random) -> Case:
        if names != "themed" or style == original.STYLE:
            case = sampler.dress(case, rng)
        if names == "coined":
            case = sampler.coin(case, rng)
        return sampler.in_full(case) if style == original.STYLE else case

    def clue_sampler(
        self, case: Case, theory: TemporalTheory, world: World, level: str, style: str, rng: Random
    ) -> ClueSampler:
        return clue_sampler.ClueSampler(case, theory, world, sampler.kinds_of(level, style), rng).tell

    def stated(self, theory: TemporalTheory, statement: Statement) -> Sequence[Statement]:
        match statement.kind, statement.args:
            case "move", (person, start, end, Ref(index=time) as when):
                before = Ref("time", time - 1)
                return (statement, Statement("in", (person, start, before)), Statement("in", (person, end, when)))
            case "carry", (person, item, start, end, when):
                moves = (Statement("move", (mover, start, end, when)) for mover in (person, item))
                return (statement, *(fact for move in moves for fact in self.stated(theory, move)[1:]))
            case "alone", (person, room, when):
                return (statement, Statement("in", (person, room, when)))
            case "always", (subject, room):
                times = range(theory.shape.times)
                return (statement, *(Statement("in", (subject, room, Ref("time", time))) for time in times))
        return (statement,)

    def questions(
        self,
        case: Case,
        theory: TemporalTheory,
        world: World,
        taken: frozenset[Statement],
        level: str,
        rng: Random,
    ) -> list[Statement]:
        facts = [
            "murderer",
            "weapon",
            "scene",
            *(["hour"] if case.timed else []),
            *(["reason"] if case.motives else []),
        ]
        main = [Statement(kind, (None,)) for kind in facts]
        bonus = [
            Statement("in", (subject, None, Ref("time", time)))
            for subject in self._askable(case, theory)
            for time in range(len(case.times))
        ]
        for motive in range(len(case.motives)):
            if case.unique_motive(motive):
                bonus.append(Statement("motive", (None, Ref("motive", motive))))
        if case.motives:
            bonus += [Statement("motive", (Ref("suspect", suspect), None)) for suspect in range(len(case.suspects))]
        rng.shuffle(bonus)

        def open_question(question: Statement) -> bool:
            right = self.true_choice(case, theory, world, question)
            return right is not None and question.fill(right) not in taken

        asked = [question for question in main if open_question(question)]
        most = min(MOST_QUESTIONS, len(main) + (SMALL_LEVEL_BONUS if level == "1" else rng.randint(1, 3)))
        for question in bonus:
            if len(asked) >= most:
                break
            if open_question(question):
                asked.append(question)
        return asked

    @staticmethod
    def _askable(case: Case, theory: TemporalTheory) -> list[Ref]:
        things = [clue_sampler.thing_ref(theory, thing) for thing in range(theory.things)]
        return things + [Ref("holder", m) for m in range(len(case.motives)) if case.unique_motive(m)]

    def choices(self, case: Case, question: Statement) -> Sequence[Ref]:
        match question.kind, question.hole():
            case ("murderer", _) | ("motive", 0):
                return [Ref("suspect", i) for i in range(len(case.suspects))]
            case "weapon", _:
                return [Ref("weapon", i) for i in range(len(case.weapons))]
            case ("scene", _) | ("in", 1):
                return [Ref("room", i) for i in range(len(case.rooms))]
            case "hour", _:
                return [Ref("time", i) for i in range(len(case.times))]
            case ("reason", _) | ("motive", 1):
                return [Ref("motive", i) for i in range(len(case.motives))]
        raise AssertionError(question)

    def answer_text(self, case: Case, choice: Ref) -> str:
        return case.name(choice)

    def fact(self, theory: TemporalTheory, index: int, value: int) -> Statement:
        return clue_sampler.plain_fact(theory, index, value)

    def lexicon(self, case: Case) -> Lexicon:
        return wording.lexicon(case)

    def formal_lexicon(self, case: Case) -> FormalLexicon:
        return wording.formal_lexicon(case)

    def renamable_entities(self, case: Case) -> Sequence[tuple[Ref, Any]]:
        counts = case.motive_counts or (1,) * len(case.motives)
        return [
            *((Ref("suspect", i), 0) for i in range(len(case.suspects))),
            *((Ref("weapon", i), 0) for i in range(len(case.weapons))),
            *((Ref("motive", i), count) for i, count in enumerate(counts)),
        ]

    def shape(self, case: Case) -> tuple[Any, ...]:
        shape = case.shape
        counts = None if shape.motive_counts is None else sorted(shape.motive_counts)
        return shape.suspects, shape.weapons, shape.grid, shape.times, shape.motives, counts

    def sizes(self, case: Case) -> dict[str, int]:
        return {
            "suspects": len(case.suspects),
            "weapons": len(case.weapons),
            "rooms": len(case.rooms),
            "times": len(case.times),
            "motives": len(case.motives),
        }

    def write_page(self, case: Case, clues: Sequence[str], questions: Sequence[tuple[str, str]], style: str) -> str:
        if style == original.STYLE:
            return original.write(case, clues, questions)
        return page.write(case, clues, questions, style)

    def clue_lines(self, text: str) -> Sequence[int]:
        return original.clue_lines(text) if original.recognises(text) else clue_lines(text, page.LAYOUT)

    def read_page(self, text: str) -> PageText:
        return original.read(text) if original.recognises(text) else page.read(text)

    def loose_readings(self, theory: TemporalTheory, page: PageText, text: str) -> Mapping[str, Sequence[Formula]]:
        """On pages of 2025 "A or B" is exclusive and does not say so; pages with rules in short do not say that a
        person who is alone is not with the victim either."""
        kinds = {clue.kind for clue in page.clues}
        found = {}
        if page.style == original.STYLE:
            if "either" in kinds:
                found["with an inclusive “or”"] = [theory.inclusive(clue) for clue in page.clues]
        elif "alone" in kinds and ALONE not in text:
            found["with “alone” said of suspects only"] = [theory.apart_from_suspects(clue) for clue in page.clues]
        return found

    def recognises(self, text: str) -> bool:
        return page.recognises(text) or original.recognises(text)

    def board(self, case: Case, world: World | None) -> str:
        return board.draw(case, self.theory(case), world)

    def board_svg(self, case: Case, world: World | None) -> str:
        return board_svg.draw(case, self.theory(case), world)

    def notebook(self, case: Case) -> Sequence[Table]:
        return notebook.tables(case, self.theory(case))

    def mirrored_case(self, case: Case, rng: Random) -> tuple[Case, Callable[[Statement], Statement]]:
        return mirror.mirrored(case, rng)

    def rename_case(self, case: Case, rng: Random) -> Case:
        return sampler.rename(case, rng)
