"""A store's contents in a SQLite file, wherever they come from: something to try things on."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from runner.store import Store
from runner.store.tables import metadata

#: Rows carried in one go.
ROWS = 5000


def copy_store(store: Store, file: Path) -> None:
    """Every table with every row; the store is only read."""
    if store.is_sqlite:
        with sqlite3.connect(store.url.database or "") as source, sqlite3.connect(file) as copy:
            source.backup(copy)
        return
    with Store(f"sqlite:///{file}") as copied:
        copied.relax()
        metadata.create_all(copied.writer)
        with store.read() as source_connection, copied.write() as connection:
            # Rows name others that come later: people merged into one another, say.
            connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
            for table in metadata.sorted_tables:
                for rows in _portions(source_connection, table):
                    connection.execute(table.insert(), rows)


def _portions(connection: sa.Connection, table: sa.Table) -> Iterator[Sequence[dict[str, Any]]]:
    told = connection.execution_options(yield_per=ROWS).execute(sa.select(table)).mappings()
    rows = iter(told)
    while portion := [dict(row) for row in islice(rows, ROWS)]:
        yield portion
