"""The page's own solver and prover, compared with python-sat: on random clauses, and on the marks of real cases."""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest
from pysat.solvers import Solver

from sleuth.play.catalog import case_of
from sleuth.play.dossier import dossier, steps_of

FRONTEND = Path(__file__).parent.parent.parent / "frontend"
MOST = 3


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    esbuild = FRONTEND / "node_modules" / ".bin" / "esbuild"
    if shutil.which("node") is None or not esbuild.exists():
        pytest.skip(
            "NOT CHECKED: npm's packages are not installed; the browser's tests play in proof mode all the same"
        )
    folder = tmp_path_factory.mktemp("bundle")
    source = "".join(
        f"export * from {json.dumps(str(FRONTEND / 'play' / name))};\n" for name in ("solver.ts", "prover.ts")
    )
    (folder / "both.ts").write_text(source)
    command = [esbuild, folder / "both.ts", "--bundle", "--format=esm", f"--outfile={folder / 'both.mjs'}"]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    return folder / "both.mjs"


def ask(bundle: Path, **what: Any) -> Any:
    given = json.dumps({"bundle": bundle.as_uri(), **what})
    command = ["node", Path(__file__).parent / "ask.mjs"]
    done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("seed", range(12))
def test_solver_agrees_with_python_sat(bundle: Path, seed: int) -> None:
    rng = Random(seed)
    top = rng.randint(3, 40)
    sign = lambda: rng.choice((-1, 1))  # noqa: E731
    clauses = [
        [
            sign() * one
            for one in rng.sample(range(1, top + 1), rng.choice((1, 2, 3, 3, 3)[seed % 3 :]) if top > 2 else 1)
        ]
        for _ in range(int(top * 3.6))
    ]
    asked = [[sign() * one for one in rng.sample(range(1, top + 1), rng.randint(0, min(6, top)))] for _ in range(60)]
    found = ask(bundle, solver={"top": top, "clauses": clauses, "prefer": [1, 2], "asked": asked})
    with Solver(name="cadical153", bootstrap_with=clauses) as solver:
        for assumed, model in zip(asked, found, strict=True):
            assert (model is not None) == solver.solve(assumptions=assumed)
            if model is not None:
                true = set(model)
                assert all(
                    any((one > 0) == (abs(one) in true) for one in clause)
                    for clause in [*clauses, *([x] for x in assumed)]
                )


class Reference:
    """What follows, by python-sat and plain enumeration of clue sets."""

    def __init__(self, logic: dict[str, Any]) -> None:
        self.logic, self._solver = logic, Solver(name="cadical153", bootstrap_with=logic["clauses"])

    def literal(self, fact: Sequence[int]) -> int:
        atom: int = self.logic["base"][fact[0]] + fact[1]
        return atom if fact[2] else -atom

    def follows(self, fact: Sequence[int], known: Sequence[Sequence[int]], clues: Sequence[int]) -> bool:
        selectors = [self.logic["clues"][clue] for clue in clues]
        given = [*self.logic["rules"], *map(self.literal, known), *selectors]
        return not self._solver.solve(assumptions=[*given, -self.literal(fact)])

    def provable(self, fact: Sequence[int], known: Sequence[Sequence[int]]) -> bool:
        clues = range(len(self.logic["clues"]))
        return any(self.follows(fact, known, chosen) for chosen in itertools.combinations(clues, min(MOST, len(clues))))


@pytest.mark.parametrize(
    "case", [("temporal-clue", "2", 5), ("zebra", "1", 3), ("timetable", "1", 2), ("knights-and-knaves", "2", 1)]
)
def test_prover_accepts_what_three_clues_give_and_nothing_else(bundle: Path, case: tuple[str, str, int]) -> None:
    puzzle = case_of(*case)
    found, steps = dossier(puzzle), steps_of(puzzle)
    logic, rng = found["logic"], Random(0)
    chain = [fact for step in steps for fact in step["facts"]]
    asked = []
    for known in (chain[: len(chain) * part // 3] for part in range(3)):
        open_ = [
            [variable, value, so]
            for variable, size in enumerate(logic["sizes"])
            for value in range(size)
            for so in (0, 1)
            if size > 1
        ]
        asked += [{"fact": fact, "known": known} for fact in rng.sample(open_, min(40, len(open_)))]
    reference = Reference(logic)
    accepted = 0
    for one, reason in zip(asked, ask(bundle, prover={"logic": logic, "asked": asked}), strict=True):
        fact, known = one["fact"], one["known"]
        assert (reason is not None) == reference.provable(fact, known), one
        if reason is None:
            continue
        accepted += 1
        assert (found["world"][fact[0]] == fact[1]) == bool(fact[2]), "what is proved is so"
        clues, cited = reason["clues"], reason["known"]
        assert len(clues) <= MOST and all(given in known for given in cited)
        assert reference.follows(fact, cited, clues)
        for clue in clues:
            assert not reference.follows(fact, known, [other for other in clues if other != clue]), "no clue can go"
        for given in cited:
            assert not reference.follows(fact, [other for other in cited if other != given], clues), "no fact can go"
    assert 0 < accepted < len(asked)


def test_clues_are_spent_when_they_say_nothing_more(bundle: Path) -> None:
    puzzle = case_of("zebra", "1", 3)
    logic, world = dossier(puzzle)["logic"], dossier(puzzle)["world"]
    everything = [[variable, value, 1] for variable, value in enumerate(world)]
    none, all_ = ask(bundle, prover={"logic": logic, "asked": [{"known": []}, {"known": everything}]})
    assert none == [False] * len(logic["clues"]) and all_ == [True] * len(logic["clues"])


def test_what_follows_on_a_large_board_is_accepted(bundle: Path) -> None:
    """With hundreds of marks, finding out which of them are needed takes more questions than may be asked."""
    puzzle = case_of("temporal-clue", "4", 1)
    found, steps = dossier(puzzle), steps_of(puzzle)
    chain = [fact for step in steps for fact in step["facts"]]
    known, left = chain[: len(chain) * 4 // 5], chain[len(chain) * 4 // 5 :]
    reference = Reference(found["logic"])
    reasons = ask(
        bundle, prover={"logic": found["logic"], "asked": [{"fact": one, "known": known} for one in left[:12]]}
    )
    follow = [reference.provable(one, known) for one in left[:12]]
    assert any(follow) and [reason is not None for reason in reasons] == follow
    for fact, reason in zip(left, reasons, strict=False):
        assert reason is None or reference.follows(fact, reason["known"], reason["clues"])
