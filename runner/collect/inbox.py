"""Webhook bodies are stored as they came and answered at once; a drain reads them later, one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import accumulate
from typing import Any

import sqlalchemy as sa
import structlog

from connectors.base import Mailer, MailEvent
from runner.collect import mail
from runner.collect.machines import KNOWN, Machines
from runner.store import Store
from runner.store.tables import inbox

#: Bodies of one round, and bytes of them, beyond which one is left for the next.
BODIES, BYTES = 100, 4_000_000

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Drained:
    """What one drain took from the inbox."""

    bodies: int = 0
    #: Bodies that could not be read; they stay in the inbox with the reason.
    faults: int = 0
    #: Their events.
    counted: mail.Counted = field(default_factory=mail.Counted)


@dataclass(frozen=True, slots=True)
class Body:
    """A webhook's body as it came, verified."""

    connector: str
    body: bytes
    received_at: datetime


def receive(store: Store, connector: str, body: bytes, now: datetime) -> None:
    """Keeps a verified body; once this returns, it is on disk."""
    receive_all(store, [Body(connector, body, now)])


def receive_all(store: Store, bodies: Sequence[Body]) -> None:
    """The same of several, in one commit."""
    rows = [{"connector": one.connector, "body": one.body, "received_at": one.received_at} for one in bodies]
    with store.inbox.begin() as connection:
        connection.execute(sa.insert(inbox), rows)


def drain(store: Store, mailer_name: str, mailer: Mailer, now: datetime, machines: Machines = KNOWN) -> Drained:
    """Turns every waiting body of this mailer into events. Killed at any point, the next drain goes on without loss."""
    drained = Drained()
    while waiting := _oldest(store, mailer_name):
        found: list[MailEvent] = []
        read: list[dict[str, Any]] = []
        for number, body in waiting:
            told, fault = _read(mailer, number, body)
            found += told
            read.append({"number": number, "fault": fault, "now": now})
        # What is told of one letter comes in many bodies; taken in together it is judged and written once.
        found.sort(key=lambda event: event.send_id or "")
        counted = mail.events(store, mailer_name, found, now, machines)
        # Last: a body that is read twice does no harm, one that is not read would be lost.
        with store.inbox.begin() as connection:
            connection.execute(_DONE, read)
        faults = sum(one["fault"] is not None for one in read)
        drained = Drained(drained.bodies + len(read), drained.faults + faults, drained.counted + counted)
    return drained


_DONE = (
    sa.update(inbox)
    .where(inbox.c.id == sa.bindparam("number"))
    .values(drained_at=sa.bindparam("now"), fault=sa.bindparam("fault"))
)


def _oldest(store: Store, mailer_name: str) -> list[tuple[int, bytes]]:
    """The bodies that came first: one at the least, and as many more as are soon read."""
    with store.inbox.connect() as connection:
        rows = connection.execute(_SIZES, {"mailer": mailer_name}).all()
        if not rows:
            return []
        fitting = [
            id for (id, _), total in zip(rows, accumulate(size for _, size in rows), strict=True) if total <= BYTES
        ]
        chosen = sa.select(inbox.c.id, inbox.c.body).where(inbox.c.id.in_(fitting or [id for id, _ in rows[:1]]))
        return [(row.id, bytes(row.body)) for row in connection.execute(chosen.order_by(inbox.c.id))]


_SIZES = (
    sa.select(inbox.c.id, sa.func.length(inbox.c.body))
    .where(inbox.c.connector == sa.bindparam("mailer"), inbox.c.drained_at.is_(None))
    .order_by(inbox.c.id)
    .limit(BODIES)
)


def _read(mailer: Mailer, number: int, body: bytes) -> tuple[list[MailEvent], str | None]:
    """All events of the body, or none and the reason: one unreadable body must not stop those behind it."""
    try:
        return list(mailer.events(body)), None
    except Exception as error:
        log.exception("a webhook's body could not be read; it stays in the inbox", action="drain", inbox=number)
        return [], f"{type(error).__name__}: {error}"
