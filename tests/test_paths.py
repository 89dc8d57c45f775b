"""Paths on the command line: none is empty, and no verb writes over what it reads."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Iterator
from pathlib import Path

import pytest
from cyclopts import App

from sleuth.cli import app, main
from sleuth.cli.app import OUTPUTS

READ = {"--file", "--prices", "--resume", "--reuse", "--run"}
"""Options that name what a verb reads."""


def refused(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    with pytest.raises(SystemExit) as ended:
        main(list(map(str, words)))
    told = capsys.readouterr().err
    assert ended.value.code == 2 and told.count("\n") == 1, told
    return told


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("explain FILE --out FILE", "p.jsonl"),
        ("retell FILE --style terse --out FILE", "p.jsonl"),
        ("distill --file FILE --out FILE", "p.jsonl"),
        ("eval --file FILE --out FILE", "p.parquet"),
        ("eval --out FILE --file FILE", "p.parquet"),
        ("import zebralogic FILE --out FILE", "p.jsonl"),
        ("merge other.shard FILE --out FILE", "p.parquet"),
        ("regrade FILE --out FILE", "r.json"),
        ("regrade r.json --suite FILE --out FILE", "s.json"),
    ],
)
@pytest.mark.parametrize("named_again", ["FILE", "./FILE", "link-FILE"])
def test_no_verb_writes_over_what_it_reads(
    words: str,
    name: str,
    named_again: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).write_text("mine")
    Path(f"link-{name}").symlink_to(name)
    first, _, last = words.rpartition("FILE")
    given = f"{first.replace('FILE', name)}{named_again.replace('FILE', name)}{last}".split()
    said = refused(capsys, *given)
    assert f"is what sleuth {given[0]} reads; name another file" in said
    assert Path(name).read_text() == "mine"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["make", "zebra", "--out", ""], "--out: an empty path"),
        (["play", "--export", ""], "--export: an empty path"),
        (["leaderboard", "r.json", "", "--suite", "p.jsonl"], "RESULTS: an empty path"),
        (["train", "recipes/translate.toml", "--out="], "--out: an empty path"),
    ],
)
def test_an_empty_path_is_not_the_current_folder(
    words: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert said in refused(capsys, *words)
    assert not [*tmp_path.iterdir()]


def verbs(above: App) -> Iterator[App]:
    if above.default_command is not None:
        yield above
    for name in above:
        if not name.startswith("-"):
            yield from verbs(above[name])


def test_every_option_with_a_path_is_known_to_be_read_or_written() -> None:
    """So that a new option which names an output is checked as well."""
    found = set()
    for verb in verbs(app):
        for argument in verb.assemble_argument_collection():
            hint = argument.resolved_hint
            if Path in (hint, *typing.get_args(hint)) and argument.field_info.kind is inspect.Parameter.KEYWORD_ONLY:
                found.add(argument.name)
    assert found == {*OUTPUTS, *READ}
