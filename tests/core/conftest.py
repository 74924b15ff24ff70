"""A HubSpot for the tests of the core to pull from."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.loopback.hubspot import LoopbackHubSpot


@pytest.fixture
def hubspot() -> Iterator[LoopbackHubSpot]:
    with LoopbackHubSpot() as server:
        yield server
