"""Inspect tasks: the frozen suite (or a file of puzzles), and fresh puzzles of a family.

    inspect eval sleuth/bench --model openai/gpt-5 -T suite=sleuth-bench@1 --limit 20
    inspect eval sleuth/puzzles --model sleuth/nano-detective -T family=zebra -T level=2

A sample's id is its puzzle's. Requests that fail are errors of their samples, as in every Inspect task: they have no
score, and `inspect eval-retry LOG` asks for them again. Retries and time are bounded, unlike by default.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from inspect_ai import Epochs, Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ChatMessage, ChatMessageSystem, ChatMessageUser, GenerateConfig
from inspect_ai.solver import Generate, Solver, TaskState, solver

from sleuth.bench.inspect.faults import fault_of_output
from sleuth.bench.inspect.programs import COMPOSE
from sleuth.bench.inspect.scoring import deduction
from sleuth.bench.suites import Item, load_suite
from sleuth.config import Mode, SuiteSize
from sleuth.datasets.make import PuzzleSpec, make_puzzles
from sleuth.errors import UserError
from sleuth.policy.prompts import ask, check_mode
from sleuth.puzzles.registry import get_task

RETRIES = 3
ATTEMPT_S = 300
"""Longest wait for one reply."""


@task
def bench(
    suite: str = "sleuth-bench@1",
    size: SuiteSize = "small",
    mode: Mode = "answer",
    samples: int = 1,
    seed: int | None = None,
    level: str | int | None = None,
    sandbox: Literal["docker"] | None = None,
) -> Task:
    """The frozen suite `sleuth-bench@1`, or a file of puzzles: `-T suite=puzzles.jsonl`.

    level: only this one of a frozen suite. mode: `answer`, `reason`, `program` or `python`. samples: epochs. seed: of
    sampling, for providers that take one. sandbox: where programs of mode `python` run instead of under bubblewrap.
    """
    runs_in = check_sandboxed(mode, sandbox)
    found = load_suite(suite, size, levels=() if level is None else (str(level),))
    facts: dict[str, object] = {"suite": found.id, "hash": found.hash}
    return make_task(found.items, mode, samples, seed, metadata=facts, sandbox=runs_in)


@task
def puzzles(
    family: str = "temporal-clue",
    level: str = "1",
    count: int = 100,
    style: str = "plain",
    split: str = "test",
    puzzle_seed: int = 0,
    mode: Mode = "answer",
    samples: int = 1,
    seed: int | None = None,
    sandbox: Literal["docker"] | None = None,
) -> Task:
    """Puzzles of a family, made from `puzzle_seed`; the rest as in `bench`."""
    runs_in = check_sandboxed(mode, sandbox)
    spec = PuzzleSpec(get_task(family).id, str(level), split, puzzle_seed, count, style)
    spec.check()
    items = [Item(puzzle, of=puzzle.id) for puzzle in make_puzzles(spec, workers=1)]
    return make_task(items, mode, samples, seed, sandbox=runs_in)


def check_sandboxed(mode: Mode, sandbox: str | None) -> tuple[str, str] | None:
    """The sandbox as Inspect takes it. Raises `UserError` for one that is none (`local` runs a model's program without
    any bound), for one that nothing would run in, and where programs could not be run at all."""
    if sandbox is None:
        check_mode(mode)
        return None
    if sandbox != "docker":
        raise UserError(f"sandbox={sandbox}: programs of models run in docker, or under bubblewrap without it")
    if mode != "python":
        raise UserError(f"sandbox={sandbox} is for mode python; leave it out")
    return sandbox, str(COMPOSE)


def make_task(
    items: Iterable[Item],
    mode: Mode,
    samples: int = 1,
    seed: int | None = None,
    *,
    name: str | None = None,
    solvers: Sequence[Solver] = (),
    config: GenerateConfig | None = None,
    metadata: dict[str, object] | None = None,
    sandbox: tuple[str, str] | str | None = None,
) -> Task:
    """A task of some items of a suite. `solvers`: what asks, instead of `answering`; `config`: how it is asked;
    `sandbox`: Inspect's, in which programs of mode `python` run instead of under bubblewrap."""
    return Task(
        name=name,
        dataset=MemoryDataset([sample_of(item, mode) for item in items], name="sleuth"),
        solver=list(solvers) or answering(seed),
        scorer=deduction(mode, sandbox is not None),
        sandbox=sandbox,
        epochs=Epochs(samples, ["mean"]),
        config=config or bounded(RETRIES, ATTEMPT_S),
        continue_on_fail=True,
        metadata={"mode": mode, **(metadata or {})},
    )


def bounded(retries: int, attempt_s: int) -> GenerateConfig:
    """Bounds on how long a request may take: without them Inspect retries for ever."""
    return GenerateConfig(max_retries=retries, attempt_timeout=attempt_s, timeout=(retries + 1) * attempt_s)


def sample_of(item: Item, mode: Mode) -> Sample:
    """An item as it is asked in a mode. Its metadata hold the puzzle, so that a log can be scored again offline."""
    request = ask(item.puzzle, mode)
    messages: list[ChatMessage] = [ChatMessageUser(content=request.user)]
    if request.system:
        messages.insert(0, ChatMessageSystem(content=request.system))
    return Sample(
        id=item.puzzle.id,
        input=messages,
        target="\n".join(f"{letter}. {answer}" for letter, answer in item.puzzle.answers.items()),
        metadata={
            "family": item.puzzle.family,
            "level": item.puzzle.level,
            "variant": item.variant,
            "of": item.of,
            "puzzle": item.puzzle.model_dump(mode="json"),
        },
    )


@solver
def answering(seed: int | None = None) -> Solver:
    """Asks once. A reply that is no completion (empty, refused) is an error, not an answer.

    seed: the first epoch's; every further one has the next, or they would all be the same completion.
    """

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        if seed is None:
            state = await generate(state)
        else:
            state = await generate(state, seed=seed + state.epoch - 1)
        if (fault := fault_of_output(state.output)) is not None:
            raise fault
        return state

    return solve
