"""Options that nothing reads beside others, and numbers that nothing can be made of, are refused in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from sleuth.cli import main

MANY = str(10**20)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("explain p.jsonl --workers 2", "--workers is for all puzzles of a file"),
        ("explain p.jsonl --number 2 --out x.jsonl", "--number is for one puzzle"),
        ("explain p.jsonl --number 2 --shard 1/2 --out x.shard", "--number is for one puzzle"),
        ("play --number 3", "--number is that of a puzzle in a --file"),
        ("play zebra --file p.jsonl", "--family is of a new case"),
        ("play --file p.jsonl --level 2", "--level is of a new case"),
        ("play --file p.jsonl --seed 2", "--seed is of a new case"),
        ("play --port 80", "--port is for --browser"),
        ("play --count 3", "--count is for --export"),
        ("play --browser --count 3", "--count is for --export"),
        ("play --browser --seed 3", "--seed is not for --browser"),
        ("play --export game --port 80", "--port is for --browser"),
        ("play --name Ada", "--name is for a --suite"),
        ("play --suite p.jsonl --file q.jsonl", "--file is not for a --suite"),
        ("play zebra --suite p.jsonl", "--family is not for a --suite"),
        ("ask p.jsonl --seed 3", "at temperature 0 nothing is sampled"),
        ("distill --file p.jsonl --level 2 --out x.jsonl", "--level is of puzzles that are made"),
        ("eval --file p.jsonl --family zebra", "--family is of puzzles that are made"),
        ("eval --file p.jsonl --split val", "--split is of puzzles that are made"),
        ("eval --file p.jsonl --style terse", "--style is of puzzles that are made"),
        ("bench guessing --effort low", "--effort is for models behind an interface"),
        ("bench guessing solver --timeout 3", "--timeout is for models behind an interface"),
        ("bench guessing --suite p.jsonl --size full", "--size is for frozen suites"),
        ("bench guessing --suite p.jsonl --workers 2", "--workers is for frozen suites"),
        ("bench guessing --suite p.jsonl --level 1", "--level is for frozen suites"),
        ("bench guessing --level 9", "sleuth-bench@1 has no level '9'; it has 1, 2, 3, 4, 5, reference"),
        ("leaderboard r.json --suite p.jsonl", "--suite is for the page"),
        (f"make zebra --count {MANY} --out x.jsonl", f"--count {MANY}: ask for 1 to 10000000 puzzles"),
        (f"make zebra --count {MANY} --shard 1/2 --out x.shard", f"--count {MANY}: ask for 1 to 10000000 puzzles"),
        (f"make zebra --count {'9' * 4000} --out x.jsonl", f"--count {'9' * 40}…: ask for 1 to"),
        (f"eval --count {MANY}", "ask for 1 to"),
        (f"distill --count {MANY} --out x.jsonl", "ask for 1 to"),
        (f"book --count {MANY} --out x.html", "ask for 1 to"),
        (f"play --export game --count {MANY}", "ask for 1 to"),
    ],
)
def test_one_line(
    words: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(words.split())
    told = capsys.readouterr().err
    assert ended.value.code == 2 and said in told and told.count("\n") == 1, told
    assert list(tmp_path.iterdir()) == []
