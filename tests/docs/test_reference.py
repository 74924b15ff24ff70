"""The reference pages and schemas say what the code says; everything the code has, has its place."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import connectors
from connectors.records import TABLES
from runner.actions import ACTIONS
from runner.settings import NOT_YET, Settings
from runner.triggers import TRIGGERS
from tests.conftest import REPOSITORY
from tools.write_reference import pages, with_sections

REFERENCE = REPOSITORY / "docs" / "reference"


@pytest.mark.parametrize(("path", "text"), [pytest.param(path, text, id=path.name) for path, text in pages()])
def test_a_generated_page_is_as_the_code_says(path: Path, text: str) -> None:
    assert path.read_text(encoding="utf-8") == text, "run: python tools/write_reference.py"


def test_a_mark_without_a_meaning_is_refused() -> None:
    with pytest.raises(KeyError, match="nonsense"):
        with_sections("<!-- begin nonsense -->\n<!-- end nonsense -->")


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("triggers", list(TRIGGERS)),
        ("actions", list(ACTIONS)),
        ("settings", [*connectors.SOURCES, *connectors.MAILERS]),
        ("tables", [record.table for record in TABLES]),
    ],
)
def test_each_has_its_own_section(page: str, names: list[str]) -> None:
    headings = re.findall(r"^##+ (\w+)$", (REFERENCE / f"{page}.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert [name for name in names if name not in headings] == []


def test_every_setting_is_on_its_page() -> None:
    page = (REFERENCE / "settings.md").read_text(encoding="utf-8")
    assert [key for key in Settings.model_fields if key not in (*NOT_YET, "breakers") and f"| `{key}` |" not in page] == []


def test_what_is_not_in_yet_is_named_and_nothing_else() -> None:
    page = (REFERENCE / "settings.md").read_text(encoding="utf-8")
    assert page.rstrip().endswith(f"{', '.join(f'`{key}`' for key in NOT_YET)}\n\n<!-- end settings not yet -->")
