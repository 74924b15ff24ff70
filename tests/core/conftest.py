"""Worlds for the tests of the core: on SQLite, and on each database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.core.world import World


@pytest.fixture
def world(sqlite_url: str, tmp_path: Path) -> Iterator[World]:
    with closing(World(tmp_path, sqlite_url)) as made:
        yield made


@pytest.fixture
def each_world(database: str, tmp_path: Path) -> Iterator[World]:
    """A world on SQLite, then one on PostgreSQL."""
    with closing(World(tmp_path, database)) as made:
        yield made


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
