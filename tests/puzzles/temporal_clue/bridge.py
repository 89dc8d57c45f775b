"""From the source's worlds to the witness's nights and back, and pages to their one world."""

from __future__ import annotations

from sleuth.logic.clues import is_world
from sleuth.logic.cnf import WorldSolver
from sleuth.logic.formulas import Not, World
from sleuth.puzzles.family import PageText
from sleuth.puzzles.registry import get_family
from sleuth.puzzles.temporal_clue.theory import Shape, TemporalTheory
from tests.puzzles.temporal_clue.truth import Night, Setting

FAMILY = get_family("temporal-clue")


def setting_of(shape: Shape) -> Setting:
    return Setting(shape.suspects, shape.weapons, shape.grid, shape.times, shape.motives, shape.motive_counts)


def world_of(theory: TemporalTheory, night: Night) -> World:
    """A night as the theory's world, by the names of its variables."""
    things = [*(f"suspect {s}" for s in range(theory.shape.suspects))]
    things += [*(f"weapon {w}" for w in range(theory.shape.weapons)), "victim"]
    values: dict[str, int | None] = {
        "murderer": night.murderer,
        "weapon": night.weapon,
        "scene": night.scene,
        "hour": night.hour,
        "reason": night.reason,
    }
    values |= {f"motive[{suspect}]": motive for suspect, motive in enumerate(night.motive)}
    values |= {
        f"room[{number},{time}]": room
        for number, thing in enumerate(things)
        for time, room in enumerate(night.room[thing])
    }
    world = [values[variable.name] for variable in theory.space]
    assert all(isinstance(value, int) for value in world)
    return tuple(value for value in world if value is not None)


def night_of(theory: TemporalTheory, world: World) -> Night:
    """The way back."""
    value = {variable.name: world[variable.index] for variable in theory.space}
    shape = theory.shape
    names = [f"suspect {s}" for s in range(shape.suspects)] + [f"weapon {w}" for w in range(shape.weapons)] + ["victim"]
    return Night(
        value["murderer"],
        value["weapon"],
        value["scene"],
        value["hour"],
        value.get("reason"),
        [value[f"motive[{s}]"] for s in range(shape.suspects)] if shape.motives else [],
        {name: [value[f"room[{i},{t}]"] for t in range(shape.times)] for i, name in enumerate(names)},
    )


def solved(page: PageText) -> tuple[World, dict[str, str]]:
    """The one world of a page and its answers; fails where there is none or another one."""
    theory = FAMILY.theory(page.case)
    cnf = theory.cnf.copy()
    for clue in page.clues:
        cnf.add(theory.formula(clue))
    with WorldSolver(cnf) as solver:
        world = solver.solve()
        assert world is not None, "the clues contradict one another"
        solver.add(Not(is_world(cnf, world)))
        other = solver.solve()
        assert other is None, "the clues leave two worlds"
    answers = {}
    for letter, question in zip(page.letters, page.questions, strict=True):
        choice = FAMILY.true_choice(page.case, theory, world, question)
        assert choice is not None
        answers[letter] = FAMILY.answer_text(page.case, choice)
    return world, answers
