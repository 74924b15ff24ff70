"""What is gone at the source is deleted here, unless so much is gone at once that a person should look first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from connectors.records import Company, Contact
from runner.errors import NeedsPerson
from runner.store import Store
from runner.store.tables import companies, company_sources, contact_sources, contacts, facts
from runner.sync.bulk import update_rows
from runner.sync.counts import Synced
from runner.sync.derive import derive
from runner.sync.facts import SUMMARISED
from runner.sync.joining import join, values_of
from runner.sync.pointers import mark_sources_stale, mark_stale
from runner.sync.rows import Pull

#: More rows than this share of a table, and at least this many, are not deleted unasked.
SHARE, AT_LEAST = 0.05, 20

_ROWS = {**facts, Contact.table: contact_sources, Company.table: company_sources}


class TooManyGone(NeedsPerson):
    """So much is gone at the source that it may be a mistake. Everything else was synced."""

    def __init__(self, synced: Synced) -> None:
        self.synced = synced
        told = " and ".join(f"{count:,} {table}" for table, count in sorted(synced.held_back.items()))
        super().__init__(
            f"{synced.connector}: {told} are gone at the source, more than {SHARE:.0%} of what is here, so nothing was "
            f"deleted; look whether the source is complete, and if they are meant to go, run "
            f"`regulars sync --full --yes-delete`"
        )


class Numbers:
    """A set of row numbers, one bit each: a million rows take 125 kB."""

    def __init__(self, bits: bytes = b"") -> None:
        self._bits = bytearray(bits)

    def __bytes__(self) -> bytes:
        return bytes(self._bits)

    def add(self, numbers: Sequence[int]) -> None:
        if numbers and max(numbers) >> 3 >= len(self._bits):
            self._bits.extend(bytes((max(numbers) >> 3) + 1 - len(self._bits)))
        for number in numbers:
            self._bits[number >> 3] |= 1 << (number & 7)

    def __iter__(self) -> Iterator[int]:
        return (place * 8 + bit for place, byte in enumerate(self._bits) if byte for bit in range(8) if byte >> bit & 1)

    def __contains__(self, number: int) -> bool:
        return number >> 3 < len(self._bits) and bool(self._bits[number >> 3] & 1 << (number & 7))


def rows_table(table: str) -> sa.Table:
    """Where a connector's rows of that table are: identities for people and accounts."""
    return _ROWS[table]


def unseen(connection: sa.Connection, pull: Pull, table: str, seen: Numbers) -> list[int]:
    """The connector's living rows of that table that are not among those seen."""
    living = sa.select(rows_table(table).c.id).where(*_living(pull, table)).execution_options(yield_per=10_000)
    return [number for number in connection.scalars(living) if number not in seen]


def named(connection: sa.Connection, pull: Pull, table: str, source_ids: Sequence[str]) -> list[int]:
    """The living rows of that table with these keys."""
    here = *_living(pull, table), rows_table(table).c.source_id.in_(source_ids)
    return list(connection.scalars(sa.select(rows_table(table).c.id).where(*here))) if source_ids else []


def numbers_of(connection: sa.Connection, pull: Pull, table: str, source_ids: Sequence[str]) -> list[int]:
    """The rows of that table with these keys, be they deleted."""
    rows = rows_table(table).c
    here = rows.connector == pull.connector, rows.source_id.in_(source_ids)
    return list(connection.scalars(sa.select(rows.id).where(*here))) if source_ids else []


def lines_of(connection: sa.Connection, pull: Pull, table: str, orders: Sequence[str]) -> list[int]:
    """The living rows of these orders."""
    here = *_living(pull, table), facts[table].c.order_id.in_(orders)
    return list(connection.scalars(sa.select(facts[table].c.id).where(*here)))


def too_many(connection: sa.Connection, pull: Pull, table: str, gone: int) -> bool:
    if gone < AT_LEAST:
        return False
    living = connection.scalar(sa.select(sa.func.count()).select_from(rows_table(table)).where(*_living(pull, table)))
    return gone > SHARE * (living or 0)


def delete(connection: sa.Connection, store: Store, pull: Pull, table: str, numbers: Sequence[int]) -> None:
    """Marks a chunk of rows as deleted; a person or account goes with the last source that knew it."""
    match table:
        case Contact.table:
            _delete_contacts(connection, store, pull, numbers)
        case Company.table:
            _mark(connection, company_sources, numbers, pull.now)
            of = sa.select(company_sources.c.company_id).where(company_sources.c.id.in_(numbers))
            gone = sa.update(companies).where(companies.c.id.in_(of))
            connection.execute(gone.values(deleted_at=pull.now, changed_at=pull.now))
        case _:
            if table in SUMMARISED:
                pointed = sa.select(facts[table].c.contact_source).where(facts[table].c.id.in_(numbers))
                mark_sources_stale(connection, store, set(connection.scalars(pointed)) - {None})
            _mark(connection, facts[table], numbers, pull.now)


def _living(pull: Pull, table: str) -> Iterator[sa.ColumnElement[bool]]:
    """Rows that were told, which placeholders were not, and are not deleted."""
    rows = rows_table(table)
    yield rows.c.connector == pull.connector
    yield rows.c.deleted_at.is_(None)
    yield rows.c.row_hash.is_not(None)


def _delete_contacts(connection: sa.Connection, store: Store, pull: Pull, numbers: Sequence[int]) -> None:
    s = contact_sources.c
    people = list(connection.scalars(sa.select(s.contact_id).where(s.id.in_(numbers))))
    _mark(connection, contact_sources, numbers, pull.now)
    derive(connection, store, pull, people)
    mark_stale(connection, store, sa.select(contacts.c.id).where(contacts.c.id.in_(people)))
    deleted = sa.select(contacts.c.id).where(contacts.c.id.in_(people), contacts.c.deleted_at.is_not(None))
    # Who was deleted and made anew in one go is there already under the other id.
    join(connection, store, pull, values_of(connection, pull, connection.scalars(deleted).all()))


def _mark(connection: sa.Connection, table: sa.Table, numbers: Sequence[int], now: datetime) -> None:
    rows: list[dict[str, Any]] = [{"number": number, "deleted_at": now} for number in numbers]
    update_rows(connection, table, rows)
