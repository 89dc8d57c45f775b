"""What every family promises, at every level: sound, unique, minimal, readable, reproducible and leak-free puzzles.

Pages are judged from their text alone: read back, solved by python-sat and by CP-SAT, compared with what is stored.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sleuth.errors import UserError
from sleuth.grading.answers import read_answers
from sleuth.grading.program import read_program
from sleuth.logic.clues import droppable, is_world
from sleuth.logic.cnf import WorldSolver
from sleuth.logic.cpsat import CpModel
from sleuth.logic.formulas import Formula, Not, World, holds
from sleuth.policy.prompts import grammar
from sleuth.puzzles.canonical import SPLITS, digest, split_of
from sleuth.puzzles.family import Family, PageText, Theory, family_names, get_family
from sleuth.puzzles.generate import MIXED, Made, make_puzzle, write_puzzle
from sleuth.puzzles.gold import gold_completion
from sleuth.puzzles.puzzle import Puzzle
from sleuth.puzzles.statements import Argument, Ref, Statement

COUNTS = {"1": 8, "2": 5, "3": 3, "4": 2}
"""Puzzles by level; one of every other level."""
LEVELS = [(name, level) for name in family_names() for level in get_family(name).levels]
DRAWN_AT = {
    "knights-and-knaves": (("3", 40),),
    "round-table": (("1", 20), ("3", 70)),
    "temporal-clue": (("3", 70),),
    "zebra": (("1", 20), ("3", 70)),
}
"""Level and number of puzzles in which every kind is met."""
RARE = {"knights-and-knaves": {"not_is"}, "temporal-clue": {"murderer", "scene", "reason", "weapon", "hour"}}
"""Kinds for facts of the solution: told now and then at most."""

every_level = pytest.mark.parametrize(("name", "level"), LEVELS)
every_family = pytest.mark.parametrize("name", family_names())


@dataclass(frozen=True)
class Audited:
    """A puzzle with all that its page's text alone gives."""

    made: Made
    family: Family[Any, Any]
    page: PageText
    theory: Theory
    formulas: list[Formula]
    """Of the clues."""
    worlds: list[World]
    """Up to two, by CP-SAT."""

    @property
    def puzzle(self) -> Puzzle:
        return self.made.puzzle

    @property
    def world(self) -> World:
        return self.worlds[0]


@cache
def audited(name: str, level: str) -> list[Audited]:
    """A few puzzles of a level, in mixed styles."""
    family, found = get_family(name), []
    for index in range(COUNTS.get(level, 1)):
        made = make_puzzle(name, level, SPLITS[index % len(SPLITS)], 11, index, MIXED)
        page = family.read_page(made.puzzle.prompt)
        theory = family.theory(page.case)
        formulas = [theory.formula(clue) for clue in page.clues]
        worlds = CpModel(theory.space, [*theory.rules(), *formulas]).worlds(2, seconds=60)
        found.append(Audited(made, family, page, theory, formulas, worlds))
    return found


@every_level
def test_one_world_by_both_solvers(name: str, level: str) -> None:
    for one in audited(name, level):
        assert len(one.worlds) == 1
        cnf = one.theory.cnf.copy()
        for formula in one.formulas:
            cnf.add(formula)
        with WorldSolver(cnf) as solver:
            assert solver.solve() == one.world
            solver.add(Not(is_world(cnf, one.world)))
            assert solver.solve() is None


@every_level
def test_no_clue_can_be_dropped(name: str, level: str) -> None:
    for one in audited(name, level):
        assert droppable(one.theory.cnf, one.formulas, one.world) == []


@every_level
def test_each_question_has_one_right_choice_which_is_stored_and_not_stated(name: str, level: str) -> None:
    for one in audited(name, level):
        stated = {fact for clue in one.page.clues for fact in one.family.stated(one.theory, clue)}
        assert {question.letter for question in one.puzzle.questions} == set(one.puzzle.answers)
        assert one.puzzle.questions and len(one.page.questions) == len(one.puzzle.questions)
        assert len(set(one.page.questions)) == len(one.page.questions)
        for asked, question in zip(one.page.questions, one.puzzle.questions, strict=True):
            choices = one.family.choices(one.page.case, asked)
            names = [one.family.answer_text(one.page.case, choice) for choice in choices]
            assert tuple(names) == question.choices and len(set(names)) == len(names)
            right = [c for c in choices if holds(one.theory.formula(asked.fill(c)), one.world)]
            assert len(right) == 1
            assert one.family.answer_text(one.page.case, right[0]) == one.puzzle.answers[question.letter]
            assert right[0].sort == question.kind
            assert asked.fill(right[0]) not in stated


def _rewritten(one: Audited, case: Any, style: str) -> Puzzle:
    """The puzzle over a case of the same shape, in a style."""
    right = [one.family.true_choice(case, one.theory, one.world, question) for question in one.page.questions]
    place = {"id": one.puzzle.id, "level": one.puzzle.level, "split": one.puzzle.split}
    chosen = [choice for choice in right if choice is not None]
    return write_puzzle(
        one.family, case, one.page.clues, one.page.questions, chosen, style, place, one.puzzle.seed, one.puzzle.index
    )


@every_level
def test_every_style_reads_back_to_the_same_statements(name: str, level: str) -> None:
    for one in audited(name, level):
        texts = set()
        for style in one.family.styles:
            puzzle = _rewritten(one, one.page.case, style)
            page = one.family.read_page(puzzle.prompt)
            assert (page.clues, page.questions) == (one.page.clues, one.page.questions)
            assert page.clue_texts == puzzle.clues
            assert one.family.recognises(puzzle.prompt)
            assert puzzle.answers == one.puzzle.answers
            texts.add(puzzle.prompt)
        assert len(texts) == len(one.family.styles)


@every_level
def test_no_other_family_recognises_the_page(name: str, level: str) -> None:
    for one in audited(name, level)[:2]:
        assert [other for other in family_names() if get_family(other).recognises(one.puzzle.prompt)] == [name]


@every_level
def test_clues_are_read_back_from_formal_lines(name: str, level: str) -> None:
    for one in audited(name, level):
        formal = one.family.formal(one.page.case)
        assert [formal.read(formal.write(clue)) for clue in one.page.clues] == list(one.page.clues)


@every_level
def test_the_grammars_allow_what_a_right_completion_says(name: str, level: str) -> None:
    for one in audited(name, level):
        for style in one.family.styles:
            puzzle = _rewritten(one, one.page.case, style)
            for mode in ("program", "answer"):
                pattern, text = grammar(puzzle, mode), gold_completion(puzzle, mode)
                assert re.fullmatch(pattern, text)
                assert not re.fullmatch(pattern, f"{text}\n") and not re.fullmatch(pattern, text[:-1])


@every_level
@settings(max_examples=20, deadline=None, derandomize=True)
@given(data=st.data())
def test_all_that_the_grammars_allow_is_read(name: str, level: str, data: st.DataObject) -> None:
    one = audited(name, level)[0]
    formal = one.family.formal(one.page.case)
    program = data.draw(st.from_regex(grammar(one.puzzle, "program"), fullmatch=True))
    statements = read_program(formal, program)
    assert "\n".join(map(formal.write, statements)) == program.replace("( ", "(")
    block = data.draw(st.from_regex(grammar(one.puzzle, "answer"), fullmatch=True))
    answers = read_answers(block, one.puzzle.questions)
    assert answers is not None
    assert "\n".join(f"{letter}. {choice}" for letter, choice in answers.items()) == block


@every_level
def test_the_longest_line_that_the_grammar_allows_is_read(name: str, level: str) -> None:
    for one in audited(name, level):
        formal, lexicon = one.family.formal(one.page.case), one.family.formal_lexicon(one.page.case)

        def longest(kinds: Iterable[str], formal: Any = formal, lexicon: Any = lexicon, one: Any = one) -> Statement:
            def argument(slot: str) -> Argument:
                if slot in one.family.groups:
                    return longest(one.family.groups[slot])
                return max(lexicon[slot], key=lambda entry: len(entry[1]))[0]

            spoken = [kind for kind in kinds if all(lexicon.get(s, True) for s in one.family.kinds[kind].slots)]
            found = [Statement(kind, tuple(map(argument, one.family.kinds[kind].slots))) for kind in spoken]
            return max(found, key=lambda said: len(formal.write(said)))

        statement = longest(one.family.kinds)
        assert formal.read(formal.write(statement)) == statement


@every_level
def test_renaming_leaves_the_answers_in_place(name: str, level: str) -> None:
    for one in audited(name, level):
        case = one.family.rename_case(one.page.case, Random(one.puzzle.id))
        puzzle = _rewritten(one, case, "plain")
        page = one.family.read_page(puzzle.prompt)
        assert (page.clues, page.questions) == (one.page.clues, one.page.questions)
        assert one.family.theory(page.case).space == one.theory.space
        assert puzzle.prompt != _rewritten(one, one.page.case, "plain").prompt
        for before, after in zip(one.puzzle.questions, puzzle.questions, strict=True):
            place = before.choices.index(one.puzzle.answers[before.letter])
            assert after.choices[place] == puzzle.answers[after.letter]


@every_level
def test_boards_are_drawn_empty_and_filled(name: str, level: str) -> None:
    one = audited(name, level)[0]
    empty, full = (one.family.board(one.page.case, world) for world in (None, one.world))
    assert empty and full and empty != full


@every_level
def test_ids_and_metadata(name: str, level: str) -> None:
    for one in audited(name, level):
        puzzle = one.puzzle
        assert puzzle.id == f"{puzzle.family}/level-{level}/{puzzle.split}/{puzzle.seed}/{puzzle.index}"
        assert re.fullmatch(rf"{name}@\d+/level-{level}/(train|val|test)/\d+/\d+", puzzle.id)
        assert "".join(question.letter for question in puzzle.questions) == "ABCDEFGH"[: len(puzzle.questions)]
        assert puzzle.meta["clues"] == len(puzzle.clues) == sum(puzzle.meta["kinds"].values())
        assert puzzle.meta["style"] in one.family.styles
        assert puzzle.meta.items() >= one.family.sizes(one.page.case).items()
        assert Puzzle.model_validate_json(puzzle.model_dump_json()) == puzzle


def _renamed(statement: Statement, new: dict[Ref, Ref]) -> Statement:
    def name(ref: Ref) -> Ref:
        if ref.sort == "holder":  # a role named after a motive
            return Ref("holder", new[Ref("motive", ref.index)].index)
        return new.get(ref, ref)

    return statement.rename(name)


def _exchange(one: Audited, rng: Random) -> dict[Ref, Ref]:
    """Interchangeable entities in other places, by swaps that keep the relations between them."""
    given = dict(one.family.renamable_entities(one.page.case))
    relations = set(one.family.relations(one.page.case))
    new = {ref: ref for ref in given}
    swaps = 0
    while swaps < 15 or all(ref == other for ref, other in new.items()):
        a, b = rng.sample(sorted(new), 2)
        if a.sort == b.sort and given[a] == given[b]:
            new[a], new[b] = new[b], new[a]
            if {_renamed(relation, new) for relation in relations} == relations:
                swaps += 1
            else:
                new[a], new[b] = new[b], new[a]
    return new


@every_level
def test_canonical_form_knows_neither_names_nor_order(name: str, level: str) -> None:
    """Entities change places wherever that keeps the relations between them."""
    for one in audited(name, level):
        form = one.family.canonical_form(one.page.case, one.page.clues)
        assert digest(form) == one.made.digest and split_of(one.made.digest) == one.puzzle.split
        rng = Random(one.puzzle.id)
        new = _exchange(one, rng)
        other = [_renamed(clue, new) for clue in rng.sample(one.page.clues, len(one.page.clues))]
        assert one.family.canonical_form(one.page.case, other) == form


@every_family
def test_splits_share_no_canonical_form(name: str) -> None:
    forms = {split: {make_puzzle(name, "1", split, 5, index).digest for index in range(60)} for split in SPLITS}
    assert all(len(found) > 30 for found in forms.values()), "few are equal"
    assert sum(map(len, forms.values())) == len(set().union(*forms.values()))


FRESH = """
import hashlib, json, sys
from sleuth.puzzles.generate import make_puzzle
for name, level, split in json.loads(sys.argv[1]):
    made = make_puzzle(name, level, split, 2**40, 3, "mixed")
    print(hashlib.sha256((made.puzzle.model_dump_json() + made.digest).encode()).hexdigest())
"""


def test_same_key_gives_the_same_bytes_in_a_fresh_process() -> None:
    keys = [(name, level, "val") for name, level in LEVELS if level in COUNTS or name != "temporal-clue"]
    seed = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
    fresh = subprocess.run(
        [sys.executable, "-c", FRESH, json.dumps(keys)],
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=True,
    )
    here = [make_puzzle(name, level, split, 2**40, 3, MIXED) for name, level, split in keys]
    hashes = [hashlib.sha256((made.puzzle.model_dump_json() + made.digest).encode()).hexdigest() for made in here]
    assert fresh.stdout.split() == hashes
    assert len(set(hashes)) == len(hashes)


@every_family
def test_every_kind_has_words_and_a_meaning(name: str) -> None:
    family = get_family(name)
    assert set(family.templates) == set(family.question_templates) == set(family.styles)
    for style in family.styles:
        assert set(family.templates[style]) == set(family.kinds)
    case, world = family.sample_case("3", Random(0))
    theory, formal = family.theory(case), family.formal(case)
    lexicon = family.formal_lexicon(case)
    rng = Random(1)

    def argument(slot: str) -> Argument:
        if slot in family.groups:
            return statement(rng.choice(family.groups[slot]))
        return rng.choice(lexicon[slot])[0]

    def statement(kind: str) -> Statement:
        return Statement(kind, tuple(argument(slot) for slot in family.kinds[kind].slots))

    for kind in family.kinds:
        drawn = [statement(kind) for _ in range(10)]
        for one in drawn:
            holds(theory.formula(one), world)
            assert formal.read(formal.write(one)) == one


@every_family
def test_every_kind_is_drawn(name: str) -> None:
    family, met = get_family(name), set[str]()

    def meet(statement: Statement) -> None:
        met.add(statement.kind)
        for arg in statement.args:
            if isinstance(arg, Statement):
                meet(arg)

    for level, count in DRAWN_AT[name]:
        for index in range(count):
            for clue in family.read_page(make_puzzle(name, level, "train", 21, index).puzzle.prompt).clues:
                meet(clue)
    assert met | RARE.get(name, set()) == set(family.kinds)


@every_family
def test_what_does_not_exist_is_refused_with_the_nearest_name(name: str) -> None:
    level, style = list(get_family(name).levels)[-1], get_family(name).styles[-1]
    for arguments, message in (
        ((name[:-1], "1", "train", 0, 0), name),
        ((f"{name}@99", "1", "train", 0, 0), f"{name}@1"),
        ((name, f"{level}0", "train", 0, 0), level),
        ((name, "1", "tran", 0, 0), "train"),
        ((name, "1", "train", 0, 0, style[:-1]), style),
    ):
        with pytest.raises(UserError, match=re.escape(message)) as refusal:
            make_puzzle(*arguments)
        assert "\n" not in str(refusal.value)
