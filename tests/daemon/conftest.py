from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.daemon import given
from tests.kill.process import Nursery


@pytest.fixture(scope="session", autouse=True)
def _commands_are_born(nursery: Nursery) -> Iterator[None]:
    given.NURSERY.append(nursery)
    yield
    given.NURSERY.clear()
