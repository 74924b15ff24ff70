"""Brings a store to the schema this version of Regulars needs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from runner.errors import NeedsPerson
from runner.store import notes, rollups
from runner.store.engine import Store
from runner.store.tables import inbox_metadata

if TYPE_CHECKING:
    from alembic.config import Config

#: The newest revision in `migrations/versions`; a test holds the two together.
HEAD = "0003"

#: The number of the lock that a migration holds on PostgreSQL; any will do that nobody else takes.
LOCK = 7_250_001


def migrate(store: Store) -> None:
    """Creates the tables of a new store and upgrades those of an older one; costs one look when nothing is to do."""
    _make_inbox(store)
    current = _revision(store)
    if current == HEAD:
        return
    if current is not None and current > HEAD:
        raise NeedsPerson(
            f"the store was written by a newer Regulars (schema {current}, this one knows {HEAD}): install that version"
        )
    from alembic import command

    with _alone(store.writer) as connection:
        # Whoever waited for another one that migrated has nothing left to do, and must not touch tables in use.
        if is_current(connection):
            return
        command.upgrade(alembic_config(connection), "head")
        # A revision that makes a table anew loses what stood on it.
        notes.install(connection)
        rollups.install(connection)


def _make_inbox(store: Store) -> None:
    """Apart from the rest: a SQLite store that was copied or restored has none beside it."""
    with store.inbox.connect() as connection:
        if inbox_metadata.tables.keys() <= set(sa.inspect(connection).get_table_names()):
            return
    with _alone(store.inbox) as connection:
        inbox_metadata.create_all(connection)


@contextmanager
def _alone(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction beside which nobody else migrates; on SQLite every writer is alone."""
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))
        yield connection


def alembic_config(connection: sa.Connection) -> Config:
    """Alembic's configuration for an open connection; no ini file."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config


def _revision(store: Store) -> str | None:
    with store.writer.connect() as connection:
        return _revision_of(connection)


def is_current(connection: sa.Connection) -> bool:
    """Whether the store has the tables of this version: nothing is migrated."""
    return _revision_of(connection) == HEAD


def _revision_of(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
    return found
