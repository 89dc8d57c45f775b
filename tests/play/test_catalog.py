"""Which cases there are, what the page is given of them, and the folder that plays without a server."""

from __future__ import annotations

import datetime
import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest

pytest.importorskip("starlette")

from sleuth.errors import UserError
from sleuth.play import catalog
from sleuth.play.catalog import Catalog, case_of, offers
from sleuth.play.commands import export_game, play_in_terminal
from sleuth.play.dossier import dossier
from sleuth.play.export import page
from sleuth.play.pages import introduction, spoken_of
from sleuth.play.site import play_site
from sleuth.puzzles.notebook import Table
from sleuth.puzzles.registry import families, get_family
from tests.commands import sleuth
from tests.web.servers import get, served

TABLES = [Table("Where", ("Ann", "Ann Lee", "Rope"), ("Hall", "Music Hall"), (0, 1, 2))]


def test_clues_speak_of_the_longest_names_that_they_hold() -> None:
    clues = ("Ann Lee was in the music hall.", "Anna had the rope in the Hall, not Ann.", "Nobody moved.")
    assert spoken_of(TABLES, clues) == [["Ann Lee", "Music Hall"], ["Rope", "Hall", "Ann"], []]


def test_an_introduction_is_all_before_the_clues() -> None:
    prompt = "Title\n\nVictim: Bo\nRooms: a, b\n\nClues:\n1. x\n2. y\n\nQuestions:\nA. z"
    assert introduction([6, 7], prompt) == ["Title", "Victim: Bo\nRooms: a, b"]
    assert introduction([], "no clues") == []


def test_the_case_of_a_day_is_the_same_everywhere(capsys: pytest.CaptureFixture[str]) -> None:
    day = datetime.date(2026, 11, 29)
    with mock.patch.object(catalog.datetime, "date") as dates:
        dates.today.return_value = day
        number = catalog.number_of_today()
    assert number == 739949
    puzzle = case_of("zebra", "1", number)
    assert Catalog(offers("zebra")).dossier(f"zebra/1/{number}") == dossier(puzzle)

    def leave(prompt: str) -> str:
        raise EOFError

    with mock.patch("builtins.input", leave):
        play_in_terminal("zebra", "1", number, None, 0)
    assert puzzle.prompt in capsys.readouterr().out


def test_what_is_offered() -> None:
    assert all(1 <= len(offer.levels) <= 3 for offer in offers())
    assert [offer.family for offer in offers("zebra", "5")] == ["zebra"]
    assert {offer.family for offer in offers(None, "reference")} == {"temporal-clue"}
    for family, level in (("zebr", None), ("zebra", "9"), (None, "nine")):
        with pytest.raises(UserError):
            offers(family, level)


@pytest.mark.parametrize(
    "key",
    [
        "",
        "zebra",
        "zebra/1",
        "zebra/1/-1",
        "zebra/1/99999999999",
        "zebra/9/1",
        "zebra/1/1/1",
        "../1/1",
        "run/0",
        "zebra/1/²",
    ],
)
def test_keys_that_name_no_case(key: str) -> None:
    with pytest.raises(UserError, match="no case"):
        Catalog(offers("zebra")).dossier(key)


def test_the_server_answers_what_the_catalogue_has() -> None:
    made = Catalog(offers("knights-and-knaves", "1"))
    with served(play_site(made)) as url:
        status, headers, body = get(f"{url}/api/case?key=knights-and-knaves/1/3")
        assert status == 200 and json.loads(body) == dossier(case_of("knights-and-knaves", "1", 3))
        assert "default-src 'none'" in headers["content-security-policy"]
        status, _, body = get(f"{url}/api/case?key=%3Cscript%3E")
        assert status == 404 and json.loads(body) == {"error": "no case '<script>'"}
        assert get(f"{url}/api/steps?key=knights-and-knaves/1/3")[0] == 200
        assert get(f"{url}/api/case?key=knights-and-knaves/1/3", Origin="http://evil.example")[0] == 403
        assert get(f"{url}/api/case?key=knights-and-knaves/1/3", Host="evil.example")[0] == 400
        assert get(f"{url}/api/case", method="POST")[0] == 405


def test_a_dossier_has_what_the_prover_needs() -> None:
    puzzle = case_of("temporal-clue", "2", 739949)
    found = dossier(puzzle)
    logic = found["logic"]
    assert [table["title"] for table in found["tables"] if table["once"]] == ["Motives"]
    assert len(found["clues"]) == len(logic["clues"]) == len(logic["denials"]) == len(puzzle.clues)
    assert max(abs(one) for clause in logic["clauses"] for one in clause) <= logic["top"]
    assert {question["letter"]: question["answer"] for question in found["questions"]} == puzzle.answers
    assert json.loads(json.dumps(found)) == found


def test_the_page_of_files_has_a_policy_and_no_address_of_a_server() -> None:
    html = page()
    assert html.count("Content-Security-Policy") == 1 and "unsafe" not in html
    assert 'src="/' not in html and 'href="/' not in html and 'type="module"' not in html


def test_a_version_that_is_named_is_the_one_that_is_played() -> None:
    assert [offer.family for offer in (*offers("zebra", "1"), *offers("zebra@2", "1"))] == ["zebra", "zebra@2"]


def test_an_export_takes_no_folder_of_others(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    (tmp_path / "file").write_text("")
    (tmp_path / "site" / "cases").mkdir(parents=True)
    (tmp_path / "site" / "index.html").write_text("my page")
    (tmp_path / "other" / "cases").mkdir(parents=True)
    (tmp_path / "other" / "cases" / "catalog.js").write_text("my script")
    (tmp_path / "deep" / "cases" / "zebra").mkdir(parents=True)
    others = (*((name, "something else") for name in ("mine", "site", "other", "deep")), ("file", "a file"))
    for folder, problem in others:
        with pytest.raises(UserError, match=problem):
            export_game(tmp_path / folder, "zebra", "1", 1, 1, None)
    assert (tmp_path / "site" / "index.html").read_text() == "my page"
    assert not (tmp_path / "new").exists() and sorted(p.name for p in (tmp_path / "mine").iterdir()) == ["letter.txt"]


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--browser", "--export", "game"], "take --browser or --export"),
        (["--export", "game", "--file", "a.jsonl"], "--file is for the terminal"),
        (["--run", "runs/demo"], "--run is for the browser"),
        (["--browser", "--run", "nowhere"], "no run here"),
        (["zebra", "--browser", "--level", "9"], "no level '9'"),
        (["--export", "game", "--count", "0"], "--count 0"),
    ],
)
def test_bad_input_gives_one_line(words: list[str], problem: str, tmp_path: Path) -> None:
    done = sleuth("play", *words, cwd=tmp_path)
    assert done.returncode == 2 and problem in done.stderr and done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_the_command_serves_until_it_is_interrupted() -> None:
    command = [sys.executable, "-m", "sleuth", "play", "knights-and-knaves", "--level", "1", "--browser", "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        found = re.search(r"http://127\.0\.0\.1:\d+", process.stderr.readline())
        assert found is not None
        status, _, body = get(f"{found[0]}/api/catalog")
        assert status == 200 and [one["family"] for one in json.loads(body)["families"]] == ["knights-and-knaves"]
        assert "<script defer" in get(f"{found[0]}/")[2]
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130


def test_every_family_that_is_offered_can_be_chosen() -> None:
    """Two versions of one family have two names, each of which means its own."""
    offered = [offer.family for offer in offers()]
    assert len(set(offered)) == len(offered)
    assert {get_family(name).id for name in offered} == {family.id for family in families()}
