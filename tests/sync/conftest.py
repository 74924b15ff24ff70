from __future__ import annotations

from collections.abc import Iterator

import pytest

from runner.store import Store


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    """A store with its tables, once on each database."""
    with Store(database) as opened:
        yield opened
