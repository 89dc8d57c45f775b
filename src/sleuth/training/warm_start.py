"""The first stage of a run: supervised fine-tuning on right completions."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from pathlib import Path

from sleuth.policy.prompts import ask
from sleuth.puzzles.generate import rng_of
from sleuth.puzzles.puzzle import Puzzle
from sleuth.training.corrupted_examples import SHARE, second_turn
from sleuth.training.examples import digest, read_examples
from sleuth.training.memory import give_back
from sleuth.training.packing import Group
from sleuth.training.screen import progress
from sleuth.training.session import Session
from sleuth.training.sft import encode, train_sft
from sleuth.training.step_log import StepLog


def warm_start(session: Session, log: StepLog) -> None:
    """Trains from where the session stands to the end of the stage."""
    config, total = session.config, session.sft_steps
    shown = examples(session, session.done * config.sft.batch_size)
    with closing(shown), progress("warm start", total, session.done) as screen:

        def on_step(step: int, metrics: dict[str, float], timings: dict[str, float]) -> None:
            log.metrics("sft", step, metrics)
            session.run.log_timings("sft", step, timings)
            log.alarms("sft", step, metrics, screen.alarm)
            loss, train_s = metrics["loss"], timings["train_s"]
            line = f"warm start {step}/{total}  loss {loss:.3f}  {train_s:.1f} s"
            screen.step(line, {"loss": (loss, f"{loss:.3f} nats"), "step": (train_s, f"{train_s:.1f} s")})
            give_back()

        train_sft(
            session.model,
            session.optimizer,
            shown,
            config.sft,
            save_every=config.checkpoint.every,
            on_step=on_step,
            save=session.save,
            start_step=session.done,
        )
    session.done = total


def examples(session: Session, start: int) -> Generator[Group, None, None]:
    """What is shown from a number on: completions of a file, or what the solver writes about the run's puzzles."""
    config, tokenizer = session.config, session.tokenizer
    if config.sft.file:
        pairs = read_examples(Path(config.sft.file))
        session.run.check_examples(digest(pairs))
        yield from (encode(tokenizer, *pairs[number % len(pairs)]) for number in range(start, config.sft.examples))
        return
    with closing(session.curriculum.examples(start)) as found:
        for number, example in enumerate(found, start):
            yield _example(session, number, *example)


def _example(session: Session, number: int, puzzle: Puzzle, right: str) -> Group:
    """What the solver would write, some of it in a second turn, where GRPO has such turns."""
    config = session.config
    rng = rng_of("slip", config.seed, number)
    again = config.grpo.retries > 0 and config.grpo.steps > 0 and rng.random() < SHARE
    request = second_turn(puzzle, config.mode, right, rng) if again else ask(puzzle, config.mode)
    return encode(session.tokenizer, request, right)
