"""What could not be read or joined, kept for `doctor` until it is well again."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

import sqlalchemy as sa

from connectors.base import SetAside
from runner.store import Store
from runner.store.tables import set_aside
from runner.sync.rows import Pull

#: The field of a row that is a warning about a file or column; a digest of its words follows.
WARNING = "warning "


def keep_aside(connection: sa.Connection, store: Store, pull: Pull, faults: Sequence[SetAside]) -> None:
    """Adds them, or renews those that are known."""
    rows = {
        (fault.where, fault.field): {
            "connector": pull.connector,
            "place": fault.where,
            "field": fault.field,
            "value": _storable(fault.value),
            "words": _storable(fault.words),
            "at": pull.now,
        }
        for fault in faults
    }
    if rows:
        upsert = store.insert(set_aside)
        renewed = {name: upsert.excluded[name] for name in ("value", "words", "at")}
        key = ["connector", "place", "field"]
        connection.execute(upsert.on_conflict_do_update(index_elements=key, set_=renewed), list(rows.values()))


def warnings_aside(table: str, warnings: Sequence[str]) -> list[SetAside]:
    """Warnings that concern no single row, one row each."""
    return [SetAside(table, WARNING + hashlib.md5(words.encode()).hexdigest()[:8], "", words) for words in warnings]


def unread_files(table: str, faults: Iterable[SetAside]) -> list[str]:
    """Of these faults those for which the table's whole file is not read: they stand at it or at its head line."""
    return [f"{fault.where}: {fault.words}" for fault in faults if fault.where in (f"{table}.csv", f"{table}.csv:1")]


def well_again(connection: sa.Connection, pull: Pull, table: str, source_ids: Collection[str]) -> None:
    """These rows were read; what was wrong with them before is told anew if it still is."""
    places = [f"{table}/{source_id}" for source_id in source_ids]
    if places:
        gone = sa.delete(set_aside).where(set_aside.c.connector == pull.connector, set_aside.c.place.in_(places))
        connection.execute(gone)


def forget_older(connection: sa.Connection, pull: Pull, table: str | None, before: datetime) -> None:
    """After a complete reading: what it did not tell again is no more. `table` None: of every table."""
    old = sa.delete(set_aside).where(set_aside.c.connector == pull.connector, set_aside.c.at < before)
    if table is not None:
        of_table = set_aside.c.place.startswith(f"{table}/", autoescape=True)
        old = old.where(
            of_table | set_aside.c.place.startswith(f"{table}.", autoescape=True) | (set_aside.c.place == table)
        )
    connection.execute(old)


def forget_headers(connection: sa.Connection, pull: Pull) -> None:
    """A file whose head line is at fault is told anew in every pull; where it was not, it has been mended."""
    head = set_aside.c.place.endswith(".csv:1", autoescape=True)
    mended = sa.delete(set_aside).where(set_aside.c.connector == pull.connector, head, set_aside.c.at < pull.now)
    connection.execute(mended)


def _storable(text: str) -> str:
    return text.replace("\x00", "�").encode("utf-8", "replace").decode()
