"""What was told and waits in the inbox becomes pages, as if a source had been asked; then it is marked as read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
import structlog

from connectors.base import Cursor, Listener, Page, SetAside, Source
from connectors.records import BY_TABLE, FieldType, Record, key_of
from runner.store import Store
from runner.store.custom import as_kind
from runner.store.tables import custom_fields, inbox
from runner.sync.meant import by_table, with_known

log = structlog.get_logger()

#: Bodies that are read together, so that a thousand small ones are not a thousand transactions.
BODIES = 500
#: … unless they are long.
BYTES = 2_000_000
#: The cursor of who is told: the inbox itself says how far it was read.
_CURSOR: Cursor = {"told": True}


@dataclass(frozen=True, slots=True)
class _Body:
    """One body as it waits."""

    number: int
    body: bytes


def those_heard(store: Store) -> list[str]:
    """The connectors for which something waits."""
    with store.inbox.begin() as connection:
        return sorted(connection.scalars(_WAITED_FOR))


_WAITED_FOR = sa.select(inbox.c.connector).where(inbox.c.drained_at.is_(None)).distinct()


class Heard(Source):
    """A listener's bodies, read as a source is. Killed at any point, the next sync reads again what was not marked."""

    tells_parts = False  # It puts the parts together itself.

    def __init__(self, store: Store, name: str, listener: Listener, *, customers: str) -> None:
        self._store = store
        self._name = name
        self._listener = listener
        self._customers = customers
        self._kinds: dict[str, dict[str, FieldType]] = {}

    def pull(self, cursor: Cursor | None, *, full: bool, now: datetime) -> Iterator[Page]:
        self._kinds = self._known_kinds()
        while bodies := self._next():
            read, faults = self._read(bodies)
            for table, records in by_table(with_known(self._store, self._name, read)):
                fitting, aside = self._fitting(table, records)
                yield Page(table, fitting, _CURSOR, set_aside=aside)
            # Last: a body that is read twice does no harm, one that is not read would be lost.
            self._mark(bodies, faults, now)

    def custom_fields(self) -> Mapping[str, Mapping[str, FieldType]]:
        return self._kinds

    def _next(self) -> list[_Body]:
        waiting = inbox.c.connector == self._name, inbox.c.drained_at.is_(None)
        chosen = sa.select(inbox.c.id, inbox.c.body).where(*waiting).order_by(inbox.c.id).limit(BODIES)
        taken, size = list[_Body](), 0
        with self._store.inbox.begin() as connection:
            for row in connection.execute(chosen):
                size += len(row.body)
                if taken and size > BYTES:
                    break
                taken.append(_Body(row.id, bytes(row.body)))
        return taken

    def _read(self, bodies: Sequence[_Body]) -> tuple[list[Record], dict[int, str]]:
        """The records of all of them, and why one could not be read: it must not stop those behind it."""
        read: list[Record] = []
        faults: dict[int, str] = {}
        for one in bodies:
            try:
                read += list(self._listener.records(one.body, customers=self._customers))
            except Exception as error:
                log.exception("what was told cannot be read; it stays in the inbox", action="hear", inbox=one.number)
                faults[one.number] = f"{type(error).__name__}: {error}"
        return read, faults

    def _mark(self, bodies: Sequence[_Body], faults: Mapping[int, str], now: datetime) -> None:
        number = inbox.c.id == sa.bindparam("number")
        read = sa.update(inbox).where(number).values(drained_at=now, fault=sa.bindparam("reason"))
        with self._store.inbox.begin() as connection:
            rows = [{"number": one.number, "reason": faults.get(one.number)} for one in bodies]
            connection.execute(read, rows)

    def _known_kinds(self) -> dict[str, dict[str, FieldType]]:
        """The types of the fields that this source has told of: each keeps the one it was first told with."""
        kinds: dict[str, dict[str, FieldType]] = {}
        with self._store.read() as connection:
            for row in connection.execute(sa.select(custom_fields).where(custom_fields.c.connector == self._name)):
                kinds.setdefault(row.of_table, {})[row.name] = FieldType(row.type)
        return kinds

    def _fitting(self, table: str, records: Sequence[Any]) -> tuple[Sequence[Record], list[SetAside]]:
        """The records with their own fields of the types that are known, and the values that are of another one."""
        if not BY_TABLE[table].takes_custom:
            return records, []
        aside: list[SetAside] = []
        kinds = self._kinds.setdefault(table, {})
        return [replace(record, custom=dict(_fits(record, kinds, aside))) for record in records], aside


def _fits(record: Any, kinds: dict[str, FieldType], aside: list[SetAside]) -> Iterator[tuple[str, Any]]:
    for name, value in record.custom.items():
        try:
            yield name, value if value is None else as_kind(value, kinds.setdefault(name, _kind_of(value)))
        except ValueError as error:
            words = f"{error}, as it was first told; the row is kept without it"
            aside.append(SetAside(f"{record.table}/{key_of(record)}", name, str(value)[:100], words))


def _kind_of(value: object) -> FieldType:
    match value:
        case bool():
            return FieldType.BOOL
        case int() | float():
            return FieldType.NUMBER
    return FieldType.TEXT
