"""Worlds for the tests of the core: with settings of their own, and a HubSpot to pull from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.core.world import World
from tests.loopback.hubspot import LoopbackHubSpot


@pytest.fixture
def world_with(sqlite_url: str, tmp_path: Path) -> Iterator[Callable[[str], World]]:
    """A world with these lines added to its settings."""
    made: list[World] = []

    def make(settings: str) -> World:
        made.append(World(tmp_path, sqlite_url, settings))
        return made[-1]

    yield make
    for world in made:
        world.close()


@pytest.fixture
def hubspot() -> Iterator[LoopbackHubSpot]:
    with LoopbackHubSpot() as server:
        yield server
