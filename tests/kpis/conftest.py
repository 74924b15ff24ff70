from __future__ import annotations

from collections.abc import Iterator

import pytest

from runner.store import Store
from tests.kpis.shop import Shop


@pytest.fixture
def shop(database: str) -> Iterator[Shop]:
    with Store(database) as store, store.write() as connection:
        yield Shop(connection)
