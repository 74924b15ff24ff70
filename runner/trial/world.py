"""A store that lasts no longer than it is needed, with the workspace's settings, templates and playbooks around it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar

import sqlalchemy as sa

from connectors.base import ConnectorSettings, Cursor, Page, Source
from connectors.records import FieldType, Record
from runner import log
from runner.app import App
from runner.app.clockwork import SIMULATED
from runner.app.entering import enroll_all
from runner.app.tick import Ticked, tick
from runner.conditions import Fields
from runner.enroll import register
from runner.log import LogRow
from runner.playbook import Playbook
from runner.store.tables import contacts, decisions, enrollments, playbooks, set_aside
from runner.sync import ORDERS_SINCE, sync
from runner.trial.stage import Stage

#: How the connector is called that brings what a trial tells.
TELLER = "told"


_NEXT_DUE = sa.select(sa.func.min(enrollments.c.due_at)).where(
    enrollments.c.state == "active", enrollments.c.due_at > sa.bindparam("after", type_=enrollments.c.due_at.type)
)
_ANYBODY = sa.select(enrollments.c.id).limit(1)
_DECIDED = sa.select(sa.func.count(), sa.func.max(decisions.c.id), sa.func.max(decisions.c.at))


class Told(Source):
    """Says what it was given, once."""

    type: ClassVar[str] = TELLER
    settings_model = ConnectorSettings

    def __init__(self, records: Sequence[Record], types: Mapping[str, Mapping[str, FieldType]]) -> None:
        self._records = records
        self._types = types

    def pull(self, cursor: Cursor | None, *, full: bool, now: datetime) -> Iterator[Page]:
        for table in dict.fromkeys(record.table for record in self._records):
            yield Page(table, [record for record in self._records if record.table == table], {"at": now.isoformat()})

    def custom_fields(self) -> Mapping[str, Mapping[str, FieldType]]:
        return self._types


class World:
    """People, facts and playbooks that meet nobody else. Made once, used again and again, closed at the end."""

    def __init__(self, real: App, fields: Fields) -> None:
        self._folder = TemporaryDirectory(prefix="regulars-trial-")
        self.app = Stage(real, Path(self._folder.name), fields, connectors={}, orders_from=None)
        self.app.remember("clock", SIMULATED)
        self._log: tuple[object, list[LogRow]] = None, []

    @contextmanager
    def afresh(self, *running: Playbook) -> Iterator[None]:
        """Within, these playbooks run over an empty store; all that happened is taken back at the end."""
        self.app.running, self._log = running, (None, [])
        with self.app.trial():
            yield

    def hear(
        self, at: datetime, records: Sequence[Record], types: Mapping[str, Mapping[str, FieldType]] | None = None
    ) -> list[str]:
        """What a connector brings at that time. Returns what of it cannot be kept as it was told, in words."""
        source = Told(records, types or {})
        synced = sync(self.app.store, TELLER, source, settings=self.app.settings, full=False, now=at, rank=[TELLER])
        self.app.forget(ORDERS_SINCE)  # What a trial tells has always come from there.
        if not any(counts.set_aside for counts in synced.tables.values()):
            return []
        with self.app.store.read() as connection:
            aside = connection.execute(sa.select(set_aside).order_by(set_aside.c.id)).all()
        return [f"{row.place}: {row.field} {row.value} {row.words}" for row in aside]

    def begin(self, at: datetime, *, looked_at: Mapping[str, datetime] | None = None) -> None:
        """The playbooks' first tick: it learns what is already so, and lets nobody in.

        `looked_at` says of playbooks when they had their last tick, where it was a later one.
        """
        register(self.app.store, self.app.running, at)
        enroll_all(self.app, self.app.running, at)
        with self.app.store.write() as connection:
            connection.execute(decisions.delete())
            connection.execute(enrollments.delete())
            for id, last in (looked_at or {}).items():
                connection.execute(playbooks.update().where(playbooks.c.id == id).values(last_tick_at=last))

    def put_in(self, playbook: Playbook, step: str, at: datetime) -> None:
        """Everybody is inside the playbook from now on, before this step."""
        told = {
            "playbook": playbook.id,
            "version": playbook.version,
            "occasion": "given",
            "facts": {},
            "arm": "treated",
            "state": "active",
            "step": step,
            **dict.fromkeys(("occurred_at", "step_since", "due_at", "entered_at"), at),
        }
        with self.app.store.write() as connection:
            people = connection.scalars(sa.select(contacts.c.id)).all()
            connection.execute(enrollments.insert(), [{**told, "contact_id": person} for person in people])

    def tick(self, at: datetime) -> Ticked:
        return tick(self.app, at)

    def next_due(self, after: datetime) -> datetime | None:
        """When the next step of anybody may be looked at."""
        with self.app.store.read() as connection:
            due: datetime | None = connection.scalar(_NEXT_DUE, {"after": after})
        return due

    def entered(self) -> bool:
        """Whether anybody is, or was, inside a playbook."""
        with self.app.store.read() as connection:
            return connection.scalar(_ANYBODY) is not None

    def log(self) -> list[LogRow]:
        """Every decision; read again only when there is a new one."""
        with self.app.store.read() as connection:
            state = tuple(connection.execute(_DECIDED).one())
            if state != self._log[0]:
                self._log = state, list(log.rows(connection))
        return self._log[1]

    def close(self) -> None:
        self.app.close()
        self._folder.cleanup()

    def __enter__(self) -> World:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
