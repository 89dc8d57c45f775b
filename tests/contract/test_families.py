"""Every registered task and family keeps the contract: the public checker (`sleuth.check_family`), check by check."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sleuth.contract import LevelCheck, TaskCheck, checks, level_checks
from sleuth.contract.families import audited
from sleuth.grading.answers import read_answers
from sleuth.grading.deduction import grammar
from sleuth.grading.program import read_program
from sleuth.puzzles.registry import BUILT_IN, get_family

LEVELS = [(id, level) for id in BUILT_IN for level in get_family(id).levels]


@pytest.mark.parametrize(
    ("id", "check"), [pytest.param(id, check, id=f"{id}-{check.promise}") for id in BUILT_IN for check in checks(id)]
)
def test_tasks_keep(id: str, check: TaskCheck) -> None:
    check.run(id)


@pytest.mark.parametrize(
    ("id", "level", "check"),
    [
        pytest.param(id, level, check, id=f"{id}-{level}-{check.promise}")
        for id, level in LEVELS
        for check in level_checks(id)
    ],
)
def test_levels_keep(id: str, level: str, check: LevelCheck) -> None:
    check.run(id, level)


@pytest.mark.parametrize(("id", "level"), LEVELS)
@settings(max_examples=20, deadline=None, derandomize=True)
@given(data=st.data())
def test_all_that_the_grammars_allow_is_read(id: str, level: str, data: st.DataObject) -> None:
    one = audited(id, level)[0]
    formal = one.family.formal(one.page.case)
    program = data.draw(st.from_regex(grammar(one.puzzle, "program"), fullmatch=True))
    statements = read_program(formal, program)
    assert "\n".join(map(formal.write, statements)) == program.replace("( ", "(")
    block = data.draw(st.from_regex(grammar(one.puzzle, "answer"), fullmatch=True))
    answers = read_answers(block, one.puzzle.questions)
    assert answers is not None
    assert "\n".join(f"{letter}. {choice}" for letter, choice in answers.items()) == block
