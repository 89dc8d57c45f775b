"""The rows of a run's Parquet files: one per completion, in training (`RolloutRow`) and evaluation (`EvaluationRow`).

A row holds all that a reader needs to judge it without the puzzle: what was asked, written, read and right. Maps from
question letters are stored as JSON text, since Parquet's own maps lose nothing but are read by few tools.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from sleuth.config import Mode
from sleuth.errors import UserError
from sleuth.files import read_data
from sleuth.policy.conversations import Conversation
from sleuth.policy.prompts import ask
from sleuth.puzzles.puzzle import Puzzle
from sleuth.puzzles.score import Outcome, Score

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True, kw_only=True)
class _Completion:
    """What the two kinds of row have in common."""

    puzzle_id: str
    sample: int
    """Which of the puzzle's completions, from 0."""
    system: str
    """Instructions of the mode."""
    prompt: str
    """The puzzle's text."""
    completion: str
    """The new tokens as text."""
    stop: str
    """Why it ended: a `StopReason`."""
    outcome: Outcome
    reward: float
    """Share of questions answered right."""
    correct: bool
    """All of them right."""
    answers: dict[str, str | None]
    """Letter to the answer as read, None where none could be read."""
    right: dict[str, bool]
    """Letter to whether it is right."""
    gold: dict[str, str]
    """Letter to the right answer."""
    detail: str = ""
    """For people: what was wrong."""
    spans: tuple[tuple[int, int, str], ...] = ()
    """(start, end, verdict) of each `sleuth.puzzles.score.Span`, in characters of the completion."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutRow(_Completion):
    """One completion of a training step."""

    phase: str
    step: int
    tokens: tuple[int, ...]
    """New tokens of all turns, end tokens included."""
    logprobs: tuple[float, ...]
    """Natural log-probability of each token as sampled; stored as float32."""
    advantage: float | None
    """None where the step gave the group none (all its rewards equal, or no GRPO)."""
    turns: tuple[tuple[str, str], ...] = ()
    """As of `EvaluationRow`."""
    turn_tokens: tuple[int, ...] = ()
    """How many tokens each of those turns has; the rest are the last one's."""
    ratios: tuple[float, ...] = ()
    """Importance ratio of each token: its probability when it was trained on over its probability as sampled, to
    `RATIO_PLACES` decimal places. Empty where no update saw the completion."""

    @property
    def length_tokens(self) -> int:
        return len(self.tokens)


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationRow(_Completion):
    """One completion of an evaluation."""

    length_tokens: int
    """New tokens of all turns, end tokens included."""
    turns: tuple[tuple[str, str], ...] = ()
    """What came before, where it was asked again: (completion, what was said to it) of every earlier turn."""


def evaluation_rows(
    puzzles: Sequence[Puzzle], mode: Mode, conversations: Sequence[Sequence[Conversation]]
) -> list[EvaluationRow]:
    """A row for each conversation about each puzzle, in order."""
    return [
        EvaluationRow(**_completion(puzzle, mode, one), length_tokens=one.length, turns=_said_before(one))
        for puzzle, group in zip(puzzles, conversations, strict=True)
        for one in group
    ]


def rollout_row(
    puzzle: Puzzle,
    mode: Mode,
    conversation: Conversation,
    phase: str,
    step: int,
    advantage: float | None,
    ratios: Iterable[float] = (),
) -> RolloutRow:
    """The row of a conversation in a training step."""
    rollouts = conversation.rollouts
    return RolloutRow(
        **_completion(puzzle, mode, conversation),
        phase=phase,
        step=step,
        tokens=tuple(token for rollout in rollouts for token in rollout.tokens),
        logprobs=tuple(logprob for rollout in rollouts for logprob in rollout.logprobs),
        advantage=advantage,
        turns=_said_before(conversation),
        turn_tokens=tuple(len(rollout.tokens) for rollout in rollouts[:-1]),
        ratios=tuple(round(ratio, RATIO_PLACES) for ratio in ratios),
    )


def graded_again(row: EvaluationRow, score: Score) -> EvaluationRow:
    """The row with another grade of its completion."""
    return replace(row, **_grade(score))


def _completion(puzzle: Puzzle, mode: Mode, conversation: Conversation) -> dict[str, Any]:
    """What every row says of a conversation: of its last completion, and what that came to."""
    rollout, score = conversation.rollout, conversation.score
    spans = tuple((span.start, span.end, span.verdict) for span in score.spans)
    return columns(puzzle, mode, conversation.sample, rollout.text, rollout.stop, score, spans)


class Graded(Protocol):
    """A grade, or a row that has one."""

    @property
    def outcome(self) -> Outcome: ...
    @property
    def reward(self) -> float: ...
    @property
    def correct(self) -> bool: ...
    @property
    def answers(self) -> dict[str, str | None]: ...
    @property
    def right(self) -> dict[str, bool]: ...
    @property
    def detail(self) -> str: ...


def columns(
    puzzle: Puzzle,
    mode: Mode,
    sample: int,
    text: str,
    stop: str,
    grade: Graded,
    spans: tuple[tuple[int, int, str], ...],
) -> dict[str, Any]:
    """What every row says of a completion and of its grade."""
    request = ask(puzzle, mode)
    return {
        "puzzle_id": puzzle.id,
        "sample": sample,
        "system": request.system,
        "prompt": request.user,
        "completion": text,
        "stop": stop,
        **_grade(grade),
        "gold": dict(puzzle.answers),
        "spans": spans,
    }


def _grade(score: Graded) -> dict[str, Any]:
    return {
        "outcome": score.outcome,
        "reward": score.reward,
        "correct": score.correct,
        "answers": score.answers,
        "right": score.right,
        "detail": score.detail,
    }


def _said_before(conversation: Conversation) -> tuple[tuple[str, str], ...]:
    """(completion, what was said to it) of every turn but the last."""
    return tuple((turn.completion, turn.said) for turn in conversation.request.turns)


RATIO_PLACES = 3
"""So that equal ones are stored in little space, and rounding of the processor is not shown as a change."""

Row = TypeVar("Row", RolloutRow, EvaluationRow)

_JSON_COLUMNS = ("answers", "right", "gold", "spans", "turns")
_TURN_COLUMNS = ("turns", "turn_tokens")
"""Columns that files of earlier versions lack, and those of training steps in which nothing was asked again."""
_RATIOS = "ratios"
"""Column that files of earlier versions lack, and those of training steps in which every ratio is 1."""
RENAMED = {"parts": "spans"}
"""Old column to its name now; old ones are read for one version."""


def _schema(row_type: type[Row]) -> pa.Schema:
    import pyarrow as pa

    special = {
        "sample": pa.int32(),
        "step": pa.int32(),
        "length_tokens": pa.int32(),
        "reward": pa.float64(),
        "advantage": pa.float64(),
        "correct": pa.bool_(),
        "tokens": pa.list_(pa.int32()),
        "logprobs": pa.list_(pa.float32()),
        "turn_tokens": pa.list_(pa.int32()),
        "ratios": pa.list_(pa.float32()),
    }
    return pa.schema(
        [
            pa.field(field.name, special.get(field.name, pa.string()), nullable=field.name == "advantage")
            for field in fields(row_type)
        ]
    )


def to_parquet(row_type: type[Row], rows: Iterable[Row], about: Mapping[str, str] | None = None) -> bytes:
    """Rows as a Parquet file; the same rows give the same bytes with the same version of pyarrow. `about`: what the
    file says of all of them, as metadata of its schema."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    records = []
    schema, again, changed = _schema(row_type), row_type is EvaluationRow, False
    for row in rows:
        again |= bool(row.turns)
        changed |= isinstance(row, RolloutRow) and any(ratio != 1 for ratio in row.ratios)
        record = asdict(row)
        for name in record.keys() & _JSON_COLUMNS:
            record[name] = json.dumps(record[name], ensure_ascii=False)
        records.append(record)
    left_out = (() if again else _TURN_COLUMNS) + (() if changed else (_RATIOS,))
    schema = pa.schema([field for field in schema if field.name not in left_out])
    if about:
        schema = schema.with_metadata(dict(about))
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(records, schema=schema), buffer, compression="zstd")
    return buffer.getvalue()


def with_new_names(table: pa.Table) -> pa.Table:
    """A table of rows whose columns have today's names."""
    return table.rename_columns([RENAMED.get(name, name) for name in table.schema.names])


def read_parquet(row_type: type[Row], path: Path) -> list[Row]:
    """The rows of a file. Raises `UserError` if it is not there, no Parquet, or of other columns."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    data = read_data(path)
    try:
        table = pq.read_table(io.BytesIO(data))
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{path}: not a Parquet file ({' '.join(str(error).split())})") from None
    table = with_new_names(table)
    expected = _schema(row_type).names
    without = [name for name in (*_TURN_COLUMNS, _RATIOS) if name not in table.schema.names]
    if table.schema.names != [name for name in expected if name not in without]:
        differing = sorted(set(expected) ^ set(table.schema.names))
        raise UserError(f"{path}: written by another version of sleuth (columns differ: {', '.join(differing)})")
    try:
        table = table.cast(pa.schema([field for field in _schema(row_type) if field.name in table.schema.names]))
        records = table.to_pylist()
    except (pa.ArrowException, ValueError) as error:
        raise UserError(f"{path}: not rows of completions ({' '.join(str(error).split())})") from None
    rows = []
    for number, record in enumerate(records, start=1):
        try:
            rows.append(_row(row_type, record))
        except (ValueError, TypeError, RecursionError):
            raise UserError(f"{path}, row {number}: damaged") from None
    return rows


def _row(row_type: type[Row], record: dict[str, Any]) -> Row:
    """Raises `ValueError` or `TypeError` for a record that is none."""
    for name in record.keys() & _JSON_COLUMNS:
        record[name] = json.loads(record[name])
    for name, kinds in (("answers", (str, NoneType)), ("right", (bool,)), ("gold", (str,))):
        if not isinstance(record[name], dict) or any(type(value) not in kinds for value in record[name].values()):
            raise TypeError(name)
    for name, each in (("spans", (int, int, str)), ("turns", (str, str))):
        if name in record:
            record[name] = tuple(map(tuple, record[name]))
            if any(tuple(map(type, one)) != each for one in record[name]):
                raise TypeError(name)
    for name in record.keys() & {"tokens", "logprobs", "turn_tokens"}:
        record[name] = tuple(record[name])
    if _RATIOS in record:
        record[_RATIOS] = tuple(round(ratio, RATIO_PLACES) for ratio in record[_RATIOS])
    row = row_type(**record | {"outcome": Outcome(record["outcome"])})
    if not 0 <= row.reward <= 1:
        raise ValueError("a share")
    return row
