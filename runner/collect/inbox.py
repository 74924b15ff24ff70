"""Webhook bodies are stored as they came and answered at once; a drain reads them later, one by one."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa
import structlog

from connectors.base import Mailer, MailEvent
from runner.collect import mail
from runner.collect.machines import KNOWN, Machines
from runner.store import Store
from runner.store.tables import inbox

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Drained:
    """What one drain took from the inbox."""

    bodies: int = 0
    #: Bodies that could not be read; they stay in the inbox with the reason.
    faults: int = 0
    #: Their events.
    counted: mail.Counted = field(default_factory=mail.Counted)


def receive(store: Store, connector: str, body: bytes, now: datetime) -> None:
    """Keeps a verified body; once this returns, it is on disk."""
    with store.inbox.begin() as connection:
        connection.execute(sa.insert(inbox).values(connector=connector, body=body, received_at=now))


def drain(store: Store, mailer_name: str, mailer: Mailer, now: datetime, machines: Machines = KNOWN) -> Drained:
    """Turns every waiting body of this mailer into events. Killed at any point, the next drain goes on without loss."""
    drained = Drained()
    while (waiting := _oldest(store, mailer_name)) is not None:
        number, body = waiting
        found, fault = _read(mailer, number, body)
        counted = mail.events(store, mailer_name, found, now, machines)
        # Last: a body that is read twice does no harm, one that is not read would be lost.
        with store.inbox.begin() as connection:
            connection.execute(sa.update(inbox).where(inbox.c.id == number).values(drained_at=now, fault=fault))
        drained = Drained(drained.bodies + 1, drained.faults + (fault is not None), drained.counted + counted)
    return drained


def _oldest(store: Store, mailer_name: str) -> tuple[int, bytes] | None:
    waiting = (inbox.c.connector == mailer_name) & inbox.c.drained_at.is_(None)
    with store.inbox.begin() as connection:
        row = connection.execute(
            sa.select(inbox.c.id, inbox.c.body).where(waiting).order_by(inbox.c.id).limit(1)
        ).first()
    return (row.id, bytes(row.body)) if row else None


def _read(mailer: Mailer, number: int, body: bytes) -> tuple[list[MailEvent], str | None]:
    """All events of the body, or none and the reason: one unreadable body must not stop those behind it."""
    try:
        return list(mailer.events(body)), None
    except Exception as error:
        log.exception("a webhook's body could not be read; it stays in the inbox", action="drain", inbox=number)
        return [], f"{type(error).__name__}: {error}"
