"""docs/kpis.md says of each figure what the code says."""

from __future__ import annotations

import pytest

from runner.kpis import KEYS
from runner.kpis.page import with_definitions
from tests.conftest import REPOSITORY

PAGE = (REPOSITORY / "docs/kpis.md").read_text(encoding="utf-8")


def test_the_definitions_on_the_page_are_those_in_the_code() -> None:
    assert with_definitions(PAGE) == PAGE, "run: python tools/write_kpis_page.py"


@pytest.mark.parametrize("key", KEYS)
def test_every_figure_is_on_the_page(key: str) -> None:
    assert f"`{key}`" in PAGE


def test_a_page_without_the_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="definitions: begin"):
        with_definitions("# KPIs")
