"""The game in a real browser: by taps and keys, on a phone's width, from a server and from files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("starlette")

from sleuth.play.catalog import Catalog, Offer, case_of, number_of_today, offers
from sleuth.play.dossier import dossier, steps_of
from sleuth.play.export import export
from sleuth.play.site import play_site
from tests.browser import DESKTOP, PHONE, browser, opened, serious_findings
from tests.web.servers import served

HOSTILE = "<img src=x onerror=\"document.title='taken'\">\u202e"
ATTEMPT = {
    "stage": "After GRPO",
    "pieces": [
        {"text": HOSTILE, "verdict": "", "meaning": ""},
        {"text": "Ben was not at the Bar.", "verdict": "repeated", "meaning": "a clue"},
        {"text": f"So: {HOSTILE}.", "verdict": "lucky", "meaning": "true"},
    ],
    "cut": 0,
    "outcome": "partly",
    "answers": {"A": HOSTILE, "B": None},
    "right": {"A": True, "B": False},
    "tokens": 12,
}
CASE = "temporal-clue/1/739949"
FAMILIES = ("temporal-clue", "zebra", "round-table", "knights-and-knaves", "timetable", "kinship")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser() as running:
        yield running


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    catalog = Catalog(offers(), [(case_of("temporal-clue", "1", 7), [ATTEMPT])])
    with served(play_site(catalog)) as address:
        yield address


def cell(page: Any, data: dict[str, Any], fact: list[int]) -> Any:
    table = next(one for one in data["tables"] if fact[0] in one["variables"])
    number = table["variables"].index(fact[0])
    grid = page.get_by_role("grid", name=table["title"], exact=True)
    return grid.locator("tbody tr").nth(number).locator("td").nth(fact[1])


def accuse(page: Any, data: dict[str, Any]) -> None:
    for question in data["questions"]:
        page.locator(f"#answer-{question['letter']}").select_option(question["answer"])
    page.get_by_role("button", name="Accuse", exact=True).first.click()


def ready(page: Any) -> None:
    page.wait_for_selector("#notebook [role=gridcell]", timeout=20_000)


def test_taps_cycle_a_tick_crosses_out_and_undo_takes_back(chromium: Any, url: str) -> None:
    data = dossier(case_of("zebra", "1", 739949))
    with opened(chromium, f"{url}/#zebra/1/739949") as page:
        ready(page)
        assert [table["once"] for table in data["tables"]] == [True] * 3
        first, beside, below, apart = (cell(page, data, [v, w, 1]) for v, w in ((0, 0), (0, 1), (1, 0), (1, 1)))
        first.click()
        assert first.inner_text() == "✗" and "crossed out" in first.get_attribute("aria-label")
        first.click()
        assert [one.inner_text() for one in (first, beside, below, apart)] == ["✓", "·", "·", ""]
        assert "ruled out by a tick" in below.get_attribute("aria-label")
        first.click()
        assert [one.inner_text() for one in (first, beside, below)] == ["", "", ""]
        page.get_by_role("button", name="Undo").click()
        assert first.inner_text() == "✓"
        page.reload()
        ready(page)
        assert first.inner_text() == "✓" and beside.inner_text() == "·", "marks are kept in the browser"


def test_a_grid_is_played_by_keys(chromium: Any, url: str) -> None:
    data = dossier(case_of("zebra", "1", 739949))
    with opened(chromium, f"{url}/#zebra/1/739949") as page:
        ready(page)
        start = cell(page, data, [0, 0, 1])
        start.focus()
        for key in ("ArrowRight", "ArrowDown", "v", "ArrowLeft", "ArrowUp", "ArrowUp", "x", "ArrowRight", "Enter"):
            page.keyboard.press(key)
        assert cell(page, data, [1, 1, 1]).inner_text() == "✓"
        assert start.inner_text() == "✗" and cell(page, data, [0, 1, 1]).inner_text() == "✗"
        assert page.locator("#notebook table").first.locator("[tabindex='0']").count() == 1
        page.keyboard.press("u")
        assert cell(page, data, [0, 1, 1]).inner_text() == "·"
        page.keyboard.press("h")
        page.locator(".said", has_text="Look at").or_(page.locator(".said", has_text="not so")).wait_for()


def test_clues_say_whom_they_speak_of_and_fade(chromium: Any, url: str) -> None:
    data = dossier(case_of(*_parts(CASE)))
    with opened(chromium, f"{url}/#{CASE}") as page:
        ready(page)
        clue = page.locator(".clues li").first
        clue.get_by_role("button").click()
        spoken = page.locator("th.spoken").all_inner_texts()
        assert set(spoken) == set(data["about"][0]) and len(data["about"][0]) == 2
        clue.get_by_role("button").click()
        assert "used" in clue.get_attribute("class")
        assert clue.get_by_role("button").get_attribute("aria-pressed") == "true"


def test_an_accusation_is_judged_and_can_be_shared(chromium: Any, url: str) -> None:
    data = dossier(case_of(*_parts(CASE)))
    with opened(chromium, f"{url}/#{CASE}") as page:
        ready(page)
        hidden = page.locator(".board").get_attribute("src")
        page.get_by_role("button", name="Accuse", exact=True).first.click()
        assert "first" in page.locator(".verdict").inner_text()
        first = data["questions"][0]
        for question in data["questions"]:
            page.locator(f"#answer-{question['letter']}").select_option(question["answer"])
        wrong = next(choice for choice in first["choices"] if choice != first["answer"])
        page.locator(f"#answer-{first['letter']}").select_option(wrong)
        page.get_by_role("button", name="Accuse", exact=True).first.click()
        count = len(data["questions"])
        assert f"{count - 1} of {count} are right" in page.locator(".verdict").inner_text()
        assert page.locator(".board").get_attribute("src") == hidden, "the solution stays hidden"
        accuse(page, data)
        assert re.match(r"Case closed in 0:\d\d\.", page.locator(".verdict").inner_text())
        line = page.locator("#line").input_value()
        assert line.startswith("Sleuth, Temporal clue, level 1, ") and re.search(r"solved in 0:\d\d, no hints$", line)
        assert page.locator(".board").get_attribute("src") != hidden
        assert page.locator(".board").get_attribute("alt") == data["solved"]["text"]


@pytest.mark.parametrize("family", ("temporal-clue", "zebra", "kinship"))
def test_in_proof_mode_there_is_always_a_next_step(chromium: Any, url: str, family: str) -> None:
    """Every fact of the explanation is accepted in its turn, and what has no reason is refused."""
    key = (family, "1", 739950)
    data, steps = dossier(case_of(*key)), steps_of(case_of(*key))
    with opened(chromium, f"{url}/#{'/'.join(map(str, key))}") as page:
        ready(page)
        page.get_by_label("Proof mode").check()
        said = page.locator(".said")
        for variable, value in enumerate(data["world"]):
            if len(data["logic"]["clues"]) and data["logic"]["sizes"][variable] > 1:
                wrong = cell(page, data, [variable, (value + 1) % data["logic"]["sizes"][variable], 1])
                wrong.focus()
                page.keyboard.press("v")
                assert wrong.inner_text() == "" and "Not proved yet" in said.inner_text(), "a false tick is refused"
                break
        for step in steps:
            for fact in step["facts"]:
                if data["logic"]["sizes"][fact[0]] == 1:
                    continue
                one = cell(page, data, fact)
                one.focus()
                page.keyboard.press("v" if fact[2] else "x")
                assert one.inner_text() in (("✓",) if fact[2] else ("✗", "·")), (fact, said.inner_text())
                assert "Not proved" not in said.inner_text()
        assert "Accuse!" in said.inner_text()
        page.locator(".clues li.used").nth(len(data["clues"]) - 1).wait_for()  # all clues are spent
        accuse(page, data)
        assert "every mark proved" in page.locator(".verdict").inner_text()


def test_the_explanation_counts_where_three_clues_prove_nothing(chromium: Any, url: str) -> None:
    """Here the page's prover has lost all clauses, so nothing but the next step of the explanation is accepted."""
    data, steps = dossier(case_of(*_parts(CASE))), steps_of(case_of(*_parts(CASE)))
    blunt = json.dumps(data | {"logic": data["logic"] | {"clauses": []}})
    context = chromium.new_context()
    page = context.new_page()
    page.route("**/api/case*", lambda route: route.fulfill(body=blunt, content_type="application/json"))
    page.goto(f"{url}/#{CASE}")
    ready(page)
    with page.expect_response("**/api/steps*"):
        page.get_by_label("Proof mode").check()
    said = page.locator(".said")
    late, first = steps[-1]["facts"][0], steps[0]["facts"][0]
    for fact, mark, answer in ((late, "", "Not proved yet"), (first, "✓" if first[2] else "✗", steps[0]["text"])):
        one = cell(page, data, fact)
        one.focus()
        page.keyboard.press("v" if fact[2] else "x")
        assert one.inner_text() == mark and answer in said.inner_text()
    context.close()


def test_hints_say_where_then_what_then_mark(chromium: Any, url: str) -> None:
    data, steps = dossier(case_of(*_parts(CASE))), steps_of(case_of(*_parts(CASE)))
    with opened(chromium, f"{url}/#{CASE}") as page:
        ready(page)
        said, hint = page.locator(".said"), page.get_by_role("button", name="Hint")
        hint.click()
        page.locator(".said", has_text="Look at").wait_for()
        assert f"clue {steps[0]['clues'][0] + 1}" in said.inner_text() and steps[0]["text"] not in said.inner_text()
        hint.click()
        assert steps[0]["text"] in said.inner_text()
        page.get_by_role("button", name="Mark it").click()
        for fact in steps[0]["facts"]:
            assert cell(page, data, fact).inner_text() == ("✓" if fact[2] else "✗")
        variable = steps[-1]["facts"][0][0]
        other = (data["world"][variable] + 1) % data["logic"]["sizes"][variable]
        cell(page, data, [variable, other, 1]).focus()
        page.keyboard.press("v")
        hint.click()
        assert "One of your marks is not so" in said.inner_text()
        hint.click()
        assert "This mark is not so" in said.inner_text() and page.locator("td.pointed").count() == 1


def test_nothing_moves_where_motion_is_reduced(chromium: Any, url: str) -> None:
    with opened(chromium, f"{url}/#run/0", reduced_motion="reduce") as page:
        ready(page)
        page.get_by_text("Watch a model try this case").click()
        page.get_by_role("button", name="After GRPO").click()
        assert page.locator(".completion .piece b").count() == 2, "all sentences stand there at once"


def test_a_model_is_watched_and_its_text_does_nothing(chromium: Any, url: str) -> None:
    with opened(chromium, f"{url}/#run/0") as page:
        ready(page)
        assert page.locator("#tried").input_value() == "run/0"
        page.get_by_text("Watch a model try this case").click()
        page.get_by_role("button", name="After GRPO").click()
        page.get_by_role("button", name="All of it").click()
        shown = page.locator(".completion")
        assert HOSTILE in shown.text_content()
        assert [piece.inner_text() for piece in shown.locator(".piece b").all()] == [" ↺ repeated", " ~ lucky"]
        assert "partly" in page.locator(".watch [role=status]").inner_text()
        assert page.locator(".completion img").count() == 0 and page.title() != "taken"
        assert serious_findings(page) == []


def test_marks_belong_to_a_case_of_a_run_and_not_to_its_number(chromium: Any) -> None:
    """Another run numbers its cases alike, under the same address."""
    cases = [(case_of("temporal-clue", "1", number), [ATTEMPT]) for number in (7, 8)]
    catalog = Catalog(offers(), cases)
    with served(play_site(catalog)) as address, opened(chromium, f"{address}/#run/0") as page:
        ready(page)
        page.locator("#notebook [role=gridcell]").first.click()
        cases.reverse()
        catalog._dossier.cache_clear()
        shown = []
        for key in ("run/0", "run/1"):
            page.goto(f"{address}/#{key}")
            page.reload()
            ready(page)
            shown.append(page.locator("#notebook [role=gridcell]").first.inner_text())
    assert shown == ["", "✗"]


@pytest.mark.parametrize(("size", "scheme"), [(DESKTOP, "light"), (PHONE, "light"), (PHONE, "dark")])
def test_it_fits_and_axe_finds_nothing_serious(chromium: Any, url: str, size: tuple[int, int], scheme: str) -> None:
    with opened(chromium, f"{url}/#temporal-clue/2/739949", size, color_scheme=scheme) as page:
        ready(page)
        page.locator(".clues button").first.click()
        for _ in range(2):
            page.locator("#notebook [role=gridcell]").nth(1).click()
        page.locator("#notebook [role=gridcell]").nth(9).click()
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        box = page.locator("#notebook [role=gridcell]").nth(1).bounding_box()
        assert min(box["width"], box["height"]) >= 36, "a thumb hits it"
        assert serious_findings(page) == []


def test_pictures_keep_their_labels_inside(chromium: Any, url: str) -> None:
    """Widths are estimated without fonts; here they are measured."""
    with opened(chromium, f"{url}/#{CASE}") as page:
        ready(page)
        for family in FAMILIES:
            data = dossier(case_of(family, "2", 3))
            outside = page.evaluate(
                """svg => {
                    const holder = document.createElement("div");
                    holder.append(new DOMParser().parseFromString(svg.replace(/<style>[^]*<\\/style>/, ""),
                        "image/svg+xml").documentElement);
                    document.body.append(holder);
                    const box = holder.firstChild.viewBox.baseVal;
                    const texts = [...holder.querySelectorAll("text")];
                    return texts.filter(text => text.getBBox().x + text.getBBox().width > box.width).length;
                }""",
                data["solved"]["svg"],
            )
            assert outside == 0, family


def test_files_play_without_a_server(chromium: Any, tmp_path: Path) -> None:
    first = number_of_today() - 1
    assert export(tmp_path / "game", offers("temporal-clue", "1"), first, 2, workers=1) == 2
    data = dossier(case_of("temporal-clue", "1", first + 1))
    with opened(chromium, (tmp_path / "game" / "index.html").as_uri()) as page:
        ready(page)
        assert "the case of" in page.locator(".which").inner_text()
        assert page.locator(".clues button").all_inner_texts() == data["clues"]
        page.get_by_label("Proof mode").check()
        page.get_by_role("button", name="Hint").click()
        assert page.locator(".said").inner_text().startswith("Look at")
        accuse(page, data)
        assert "Case closed" in page.locator(".verdict").inner_text()
        page.get_by_role("button", name="Another case").click()
        page.locator(".which", has_text=f"case {first}").wait_for()
        assert page.locator(".clues button").all_inner_texts() == dossier(case_of("temporal-clue", "1", first))["clues"]
    with opened(chromium, (tmp_path / "game" / "index.html").as_uri() + "#../../etc/1") as page:
        assert "cannot be opened" in page.get_by_role("alert").inner_text()


def test_every_case_of_files_can_be_opened(chromium: Any, tmp_path: Path) -> None:
    first = number_of_today()
    export(tmp_path / "game", [Offer("zebra@2", {"1": ""})], first, 1, workers=1)
    with opened(chromium, (tmp_path / "game" / "index.html").as_uri() + f"#zebra@2/1/{first}") as page:
        ready(page)
        assert "version 2" in page.locator(".which").inner_text()


def test_marks_without_proof_do_not_come_back_in_proof_mode(chromium: Any, url: str) -> None:
    data = dossier(case_of("zebra", "1", 739949))
    world = data["world"]
    wrong = next(value for value in range(data["logic"]["sizes"][0]) if value != world[0])
    with opened(chromium, f"{url}/#zebra/1/739949") as page:
        ready(page)
        for _ in range(3):  # crossed out, ticked, blank again
            cell(page, data, [0, wrong, 1]).click()
        assert page.get_by_role("button", name="Undo").is_enabled()
        page.get_by_label("Proof mode").check()
        assert page.get_by_role("button", name="Undo").is_disabled()


def test_what_files_hold(tmp_path: Path) -> None:
    export(tmp_path / "game", offers("knights-and-knaves", "1"), 5, 1, workers=1)
    text = (tmp_path / "game" / "cases" / "knights-and-knaves-1-5.js").read_text()
    name, _, rest = text.partition("=")
    found = json.loads(rest.rstrip().removesuffix(";"))
    puzzle = case_of("knights-and-knaves", "1", 5)
    assert name == "globalThis.sleuthCase"
    assert found == {"key": "knights-and-knaves/1/5", **dossier(puzzle), "steps": steps_of(puzzle)}


def _parts(key: str) -> tuple[str, str, int]:
    family, level, number = key.split("/")
    return family, level, int(number)
