"""Documents: Python blocks run, commands exist, cheap ones run, generated pages are current, links lead somewhere."""

from __future__ import annotations

import contextlib
import importlib.util
import inspect
import io
import itertools
import json
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tools.reference import PAGES, REFERENCE

from sleuth.cli import app
from sleuth.config import RunConfig
from sleuth.pipeline.read import read_pipeline
from sleuth.recipes import has_stages, load_recipe, parse_config, parse_overrides, with_overrides
from sleuth.study.read import read_study
from tests.puzzles.test_import import SMALL
from tests.puzzles.zebra.logic_pages import HAND

ROOT = Path(__file__).parent.parent
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]

RUN = frozenset({"audit", "book", "check", "explain", "grade", "import", "make", "merge", "retell", "show", "solve"})
"""Verbs that really run here."""
PARSED = frozenset(
    {
        "ask",
        "average",
        "bench",
        "demo",
        "compare",
        "distill",
        "estimate",
        "eval",
        "export",
        "fork",
        "gallery",
        "leaderboard",
        "play",
    }
) | {
    "regrade",
    "report",
    "serve",
    "study",
    "train",
    "verify",
    "view",
}
"""Verbs whose commands are only parsed, with their recipes and keys: they train a model or need one, `play` needs a
person, `serve` waits for requests, and results of `bench` take a minute. `tests/test_cli.py` and `tests/bench` run
each with something small."""
MOST = "4"
"""Puzzles that a command makes here, whatever its document says."""


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def blocks(document: Path, language: str) -> list[str]:
    text = document.read_text(encoding="utf-8")
    return [
        block
        for found, block in re.findall(r"^```(\w*)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
        if found == language
    ]


def commands(document: Path) -> Iterator[list[str]]:
    """The commands of a document's shell blocks, in order, as words; comments are left out."""
    for block in blocks(document, "bash"):
        for line in block.replace("\\\n", " ").splitlines():
            if words := shlex.split(line, comments=True):
                yield words


WITH_COMMANDS = [document for document in DOCUMENTS if list(commands(document))]
CHEAP = [path for path in WITH_COMMANDS if any(words[0] == "sleuth" and words[1] in RUN for words in commands(path))]
PACKAGES = ("[project", "[build-system")
RECIPES = [
    (name_of(document), text)
    for document in DOCUMENTS
    for text in blocks(document, "toml")
    if not text.startswith(PACKAGES)
]
EXAMPLES = [(name_of(document), code) for document in DOCUMENTS for code in blocks(document, "python")]


@pytest.mark.parametrize("name", PAGES)
def test_generated_pages_are_up_to_date(name: str) -> None:
    assert (REFERENCE / name).read_text(encoding="utf-8") == PAGES[name](), "run `make reference`"


@pytest.mark.parametrize(("name", "code"), EXAMPLES, ids=[f"{name}-{i}" for i, (name, _) in enumerate(EXAMPLES)])
def test_python_blocks_run(name: str, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(code, name, "exec"), {"__name__": "example"})


@pytest.mark.parametrize(("name", "text"), RECIPES, ids=[f"{name}-{i}" for i, (name, _) in enumerate(RECIPES)])
def test_recipes_in_documents_are_valid(name: str, text: str, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "recipes", tmp_path, dirs_exist_ok=True)
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(text, encoding="utf-8")
    read = read_pipeline if has_stages(recipe) else load_recipe
    read(recipe)


def test_every_verb_is_run_or_only_parsed() -> None:
    verbs = {name for name in app if not name.startswith("-")}
    assert verbs == RUN | PARSED and not RUN & PARSED


@pytest.mark.parametrize("document", WITH_COMMANDS, ids=name_of)
def test_commands_exist(document: Path) -> None:
    """Verbs, options and keys; targets of make; scripts and what their text knows of their options."""
    for words in commands(document):
        while "=" in words[0]:  # variables before a command
            words = words[1:]
        match words:
            case ["sleuth", *rest]:
                check_arguments(rest)
            case ["make", target, *_]:
                makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
                assert re.search(rf"^{re.escape(target)}:", makefile, re.MULTILINE), words
            case ["inspect", "eval", task, *rest]:
                check_task(task, rest)
            case ["vf-eval" | "vf-validate" | "lm_eval", *rest]:
                check_adapter(rest)
            case ["inspect", "view", *_]:
                pass
            case ["python", "-m", "pytest", *rest]:
                assert all((ROOT / path).exists() for path in rest if not path.startswith("-")), words
            case ["python", script, *rest]:
                source = (ROOT / script).read_text(encoding="utf-8")
                assert all(f'"{word}"' in source for word in rest if word.startswith("--")), words
            case _:
                assert words == ["source", ".venv/bin/activate"] or words[:2] == ["pip", "install"], words


def check_arguments(arguments: list[str]) -> None:
    """Raises if the application does not know the verb, an option, a key or a value."""
    _, bound, ignored = app.parse_args(arguments, exit_on_error=False, print_error=False)
    assert not ignored, arguments
    given = bound.arguments
    recipe = given.get("recipe")
    overrides = parse_overrides(given.get("key_values", ()))
    if arguments[0] == "train" and recipe is not None:
        read = read_pipeline if has_stages(ROOT / recipe) else load_recipe
        read(ROOT / recipe, overrides)
    elif arguments[0] == "export":
        load_recipe(ROOT / recipe, {"engine.kind": "trl"} | overrides)
    elif overrides:
        parse_config(with_overrides(RunConfig().model_dump(mode="json"), overrides), " ".join(arguments))
    if arguments[0] == "study":
        read_study(ROOT / given["file"])


def check_task(name: str, arguments: list[str]) -> None:
    """A task of ours in Inspect, and its arguments (`-T name=value`), where Inspect is installed."""
    if importlib.util.find_spec("inspect_ai") is None:
        return
    from sleuth.bench import inspect as ours

    given = [word.partition("=")[0] for flag, word in itertools.pairwise(arguments) if flag == "-T"]
    task = getattr(ours, name.removeprefix("sleuth/"))
    assert name.startswith("sleuth/") and set(given) <= set(inspect.signature(task).parameters), name


def check_adapter(arguments: list[str]) -> None:
    """A command of another harness: the taskset or task that it names is ours, and so are the keys that it sets there.
    The harness's own options are in the tests of the adapters, which run it."""
    if arguments[0] == "sleuth-puzzles":
        source = (ROOT / "integrations" / "verifiers" / "sleuth_puzzles" / "taskset.py").read_text(encoding="utf-8")
        keys = [found for word in arguments if (found := re.sub(r"^--(env\.)?taskset\.", "", word)) != word]
        assert all(f"\n    {key}: " in source for key in keys), arguments
        return
    given = dict(itertools.pairwise(arguments))
    folder = ROOT / given["--include_path"]
    assert (folder / f"{given['--tasks']}.yaml").is_file(), arguments
    assert set(json.loads(given["--metadata"])) <= {"file", "mode"}, arguments


@pytest.mark.parametrize("document", CHEAP, ids=name_of)
def test_cheap_commands_run(document: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In order, in a folder that has the files which a document takes for granted."""
    monkeypatch.chdir(tmp_path)
    run("make", "temporal-clue", "--level", "1", "--count", MOST, "--out", "train.jsonl")
    run("make", "temporal-clue", "--level", "1", "--count", MOST, "--out", "puzzles.jsonl")
    Path("case.txt").write_text(SMALL, encoding="utf-8")
    solution = {"A": "Ada Quick", "B": "Pier", "C": "Boat House", "D": "Boat House"}
    Path("temporal-clue-val.json").write_text(json.dumps([{"prompt": SMALL, "solution": solution}]), encoding="utf-8")
    logic = f"{HAND}\n7. Arnold is the boba tea lover."
    Path("zebralogic.json").write_text(json.dumps([{"puzzle": logic}]), encoding="utf-8")
    for words in commands(document):
        if words[0] == "sleuth" and words[1] in RUN:
            if any("reasoning-gym" in word for word in words) and importlib.util.find_spec("reasoning_gym") is None:
                pytest.skip("needs the extra gym")
            if "--count" in words:
                words[words.index("--count") + 1] = MOST
            if words[1] == "grade":
                write_completions(Path(words[2]), Path(words[3]))
            run(*words[1:])
            if "--out" in words:
                assert Path(words[words.index("--out") + 1]).stat().st_size > 0, words


def run(*arguments: str) -> None:
    with contextlib.redirect_stdout(io.StringIO()) as shown:
        code = app(list(arguments), exit_on_error=False, print_error=False, result_action="return_value")
    assert not code and (shown.getvalue() or {"--out", "--board"}.intersection(arguments)), arguments


def write_completions(puzzles: Path, completions: Path) -> None:
    ids = [json.loads(line)["id"] for line in puzzles.read_text(encoding="utf-8").splitlines()]
    lines = [json.dumps({"id": puzzle, "completion": "A. nobody"}) for puzzle in ids]
    completions.write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_verbs_in_prose_exist(document: Path) -> None:
    for verb in re.findall(r"`sleuth ([a-z-]+)", document.read_text(encoding="utf-8")):
        assert verb in app, f"sleuth {verb}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_links_lead_somewhere(document: Path) -> None:
    """To a file and, behind #, to one of its headings. Pages of the site link to nothing outside of docs/."""
    text = re.sub(r"^```.*?^```", "", document.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        file = (document.parent / path).resolve() if path else document
        assert file.exists(), target
        if document.is_relative_to(ROOT / "docs"):
            assert file.is_relative_to(ROOT / "docs"), f"{target}: name the file without a link"
        if anchor:
            assert anchor in anchors(file), target


def anchors(document: Path) -> set[str]:
    """Of its headings, as the site makes them."""
    headings = re.findall(r"^#+ (.*)", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", heading.lower()).strip()) for heading in headings}
