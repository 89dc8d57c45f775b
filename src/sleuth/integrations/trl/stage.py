"""GRPO of a run on TRL (`sleuth train RECIPE --engine trl`), in the place of `sleuth.training.reinforce`.

TRL trains in processes of its own, from one evaluation to the next. Meanwhile this process reads what TRL logs and
writes it into the run as Sleuth's own engine would: metrics, alarms, rollouts. Between two stretches it takes over the
weights, so evaluations are Sleuth's.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from safetensors.torch import load_file

from sleuth.config import RunConfig
from sleuth.errors import UserError
from sleuth.files import writing
from sleuth.integrations.trl.arguments import DATA
from sleuth.integrations.trl.copying import Copyist
from sleuth.integrations.trl.data import write_data
from sleuth.integrations.trl.export import write_settings
from sleuth.integrations.trl.folder import TrlFolder
from sleuth.progress import say
from sleuth.runs.directory import WEIGHTS, RunDirectory
from sleuth.training import checkpoints
from sleuth.training.evaluations import Evaluations
from sleuth.training.grpo import Step
from sleuth.training.memory import give_back
from sleuth.training.reinforce import Recorder, store_reference
from sleuth.training.screen import progress
from sleuth.training.session import Session
from sleuth.training.step_log import StepLog

POLL_S = 0.2
PATIENCE_S = 20.0
"""Seconds that a process may take to end after its input has ended."""


def steps_made(run: RunDirectory) -> int:
    """GRPO steps that need not be made again."""
    return TrlFolder(run.path, run.config).steps_made()


def reinforce(session: Session, log: StepLog, evaluations: Evaluations) -> None:
    """Trains from where the session stands to the end of the stage.

    Raises `UserError` where TRL ends with an error; what it had come to by its last checkpoint is kept.
    """
    run, config, total = session.run, session.config, session.config.grpo.steps
    folder, done = TrlFolder(run.path, config), session.done - session.sft_steps
    session.optimizer.restart()
    _prepare(session, folder)
    folder.forget_after(done)
    copyist = Copyist(session, folder)
    with progress("GRPO", total, done) as screen:
        recorder = Recorder(session, log, evaluations, screen)
        for step in range(_logged(run) + 1, done + 1):
            recorder.log(_made(copyist, step, folder))
        if done:
            _take(session, folder, done)
        while True:
            if _evaluates(config, done) and done not in {line.step for line in run.read_metrics("eval")}:
                if done and not recorder.groups:
                    recorder.groups = _made(copyist, done, folder).groups
                recorder.evaluate(done)
            if done == total:
                break
            until = _next_stop(config, done)
            with _off_the_cards(session), _training(config, folder, until) as process:
                for step in range(done + 1, until + 1):
                    recorder.log(_awaited(process, copyist, step, folder))
                if process.wait():
                    raise _failed(folder)
            done = until
            _take(session, folder, done)
    session.done = session.sft_steps + total


def _prepare(session: Session, folder: TrlFolder) -> None:
    """Writes what TRL starts from, where that is not there."""
    config = session.config
    if not (folder.path / DATA).exists():
        store_reference(session)
        with writing(folder.path):
            folder.output.mkdir(parents=True, exist_ok=True)
        checkpoints.export(folder.start, session.model, session.tokenizer, session.optimizer)
        write_data(folder.path / DATA, config)
    # Written again at every start: a run may have been moved.
    paths = {"output_dir": str(folder.output.resolve())}
    own = {"report_to": "none", "save_total_limit": None}
    write_settings(folder.path, config, str(folder.start.resolve()), **paths, **own)


def _logged(run: RunDirectory) -> int:
    return max((line.step for line in run.read_metrics("grpo")), default=0)


def _evaluates(config: RunConfig, step: int) -> bool:
    every = config.eval.every
    return every > 0 and (step % every == 0 or step == config.grpo.steps)


def _next_stop(config: RunConfig, done: int) -> int:
    """The next step at which the model is evaluated, or the last."""
    every, total = config.eval.every, config.grpo.steps
    return min(total, (done // every + 1) * every) if every else total


def _take(session: Session, folder: TrlFolder, step: int) -> None:
    """Takes over the weights of a checkpoint."""
    session.optimizer.load(load_file(folder.checkpoint(step) / WEIGHTS), {})


def _made(copyist: Copyist, step: int, folder: TrlFolder) -> Step:
    """A step that is behind a checkpoint."""
    found = copyist.read(step)
    if found is None:
        raise UserError(
            f"{folder.path}: TRL's log or completions of step {step} are gone; start the run anew elsewhere"
        )
    return found


def _awaited(process: subprocess.Popen[bytes], copyist: Copyist, step: int, folder: TrlFolder) -> Step:
    """A step that is being made."""
    while True:
        ended = process.poll() is not None
        if (found := copyist.read(step)) is not None:
            return found
        if ended:
            raise _failed(folder)
        time.sleep(POLL_S)


def _failed(folder: TrlFolder) -> UserError:
    return UserError(f"TRL ended with an error: {folder.last_words()}; {folder.printed} has all that it printed")


@contextmanager
def _training(config: RunConfig, folder: TrlFolder, until: int) -> Iterator[subprocess.Popen[bytes]]:
    """TRL's processes, up to the end of a step. On Ctrl-C they finish the step that they are making, and save it; a
    second Ctrl-C, or an error here, ends them at once."""
    processes = config.engine.processes
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(processes)]
    worker = ["-m", "sleuth.integrations.trl.worker", str(folder.path.parent), str(until)]
    environment = {
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "OMP_NUM_THREADS": str(max(1, config.model.threads // processes)),
        "TRL_EXPERIMENTAL_SILENCE": "1",
    }
    with folder.printed.open("ab") as printed:
        process = subprocess.Popen(
            [sys.executable, *(launcher if processes > 1 else ()), *worker],
            stdin=subprocess.PIPE,
            stdout=printed,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=os.environ | environment,
        )
    assert process.stdin is not None
    try:
        yield process
    except KeyboardInterrupt:
        say("TRL saves the step that it is making, then stops; Ctrl-C again stops it at once")
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(b"\n")
            process.stdin.flush()
        process.wait()
        raise
    finally:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        try:
            process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()


@contextmanager
def _off_the_cards(session: Session) -> Iterator[None]:
    """Leaves the memory of graphics cards to TRL meanwhile."""
    device = session.config.model.device
    if device == "cpu":
        yield
        return
    _move(session, "cpu")
    try:
        yield
    finally:
        _move(session, device)


def _move(session: Session, device: str) -> None:
    session.model.to(device)
    for master in session.optimizer.masters.values():
        master.data = master.data.to(device)
    give_back()
