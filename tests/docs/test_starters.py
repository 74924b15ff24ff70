"""docs/starters.md says of each starter playbook what its YAML says."""

from __future__ import annotations

import re

import pytest

from tests.conftest import REPOSITORY
from tools.write_starters import PAGE, starters, with_starters

TEXT = PAGE.read_text(encoding="utf-8")
KNOWN = starters()
IDS = sorted(path.stem for path in (REPOSITORY / "playbooks").glob("*.yaml"))


def test_the_page_is_as_the_playbooks_say() -> None:
    assert with_starters(TEXT) == TEXT, "run: python tools/write_starters.py"


def test_a_mark_without_a_playbook_is_refused() -> None:
    with pytest.raises(KeyError, match="nonsense"):
        with_starters("<!-- begin nonsense -->\n<!-- end nonsense -->")


def test_there_are_thirty_one() -> None:
    assert len(IDS) == 31
    assert list(KNOWN) == IDS


@pytest.mark.parametrize("id", IDS)
def test_each_has_a_section_and_below_it_words_by_hand(id: str) -> None:
    assert re.search(rf"^## {id}$", TEXT, re.MULTILINE)
    by_hand = TEXT.partition(f"<!-- end {id} -->")[2].partition("<!-- begin")[0]
    assert len(by_hand.split()) > 8


@pytest.mark.parametrize("id", IDS)
def test_each_is_there_for_one_of_the_strategies(id: str) -> None:
    strategies = TEXT.partition("## Which one for what")[2].partition("<!-- begin")[0]
    assert f"[{id}](#{id})" in strategies


@pytest.mark.parametrize("id", IDS)
def test_each_has_two_tests_inside_at_least(id: str) -> None:
    assert len(KNOWN[id].keys.tests) >= 2
