"""Documents: examples run, the table of keys is the configuration's, links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sleuth.recipes import keys

ROOT = Path(__file__).parent.parent
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def key_table() -> str:
    """The guide's table of keys, made from the configuration."""
    rows = ["| key | type | default | what |", "| --- | --- | --- | --- |"]
    for name, kind, default, text in keys():
        rows.append(f"| `{name}` | {kind.replace('|', '/')} | {default} | {text.replace('|', '/')} |")
    return "\n".join(rows)


def test_the_guide_lists_every_key() -> None:
    guide = (ROOT / "docs" / "guide.md").read_text(encoding="utf-8")
    found = re.search(r"<!-- keys -->\n(.*?)\n<!-- /keys -->", guide, re.DOTALL)
    assert found is not None
    assert found[1] == key_table(), "put this into docs/guide.md:\n" + key_table()


EXAMPLES = [
    (document.name, number, code)
    for document in DOCUMENTS
    for number, code in enumerate(re.findall(r"```python\n(.*?)```", document.read_text(encoding="utf-8"), re.DOTALL))
]


@pytest.mark.parametrize(("name", "number", "code"), EXAMPLES, ids=[f"{name}-{number}" for name, number, _ in EXAMPLES])
def test_examples_run(name: str, number: int, code: str) -> None:
    exec(compile(code, f"{name}, example {number}", "exec"), {"__name__": "example"})


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)", document.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (document.parent / target).exists(), target


def test_commands_in_documents_exist() -> None:
    from sleuth.cli import app

    for document in DOCUMENTS:
        for verb in re.findall(r"^(?:\.venv/bin/)?sleuth (\w+)", document.read_text(encoding="utf-8"), re.MULTILINE):
            assert verb in app, f"{document.name}: sleuth {verb}"
