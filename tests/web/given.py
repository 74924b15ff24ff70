"""What the tests of collect and of the pages start from: a person, and a letter on its way to them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from connectors.base import Actor, MailEvent, MailEventKind
from runner.links import Kind, Ticket
from runner.store import Store
from runner.store.tables import contacts, enrollments, sends

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)


def person(store: Store, address: str = "ada@example.org", **columns: Any) -> int:
    row = {"key": f"crm:{address}", "address": address, "zone": "UTC", "created_at": NOON, "seen_at": NOON}
    with store.write() as connection:
        written = connection.execute(sa.insert(contacts).values(**row | {"changed_at": NOON} | columns))
        return int(written.inserted_primary_key[0])


def letter(store: Store, contact_id: int, send_id: str = "s-1", **columns: Any) -> str:
    """A send to that person, accepted unless told otherwise; a survey asking for an NPS unless told otherwise."""
    with store.write() as connection:
        address = connection.scalar(sa.select(contacts.c.address).where(contacts.c.id == contact_id))
        enrollment = {"playbook": "nps", "version": "v", "contact_id": contact_id, "occasion": send_id, "facts": {}}
        enrollment |= {"arm": "treated", "state": "active", "step": "ask", "occurred_at": NOON, "step_since": NOON}
        entered = connection.execute(sa.insert(enrollments).values(**enrollment, due_at=NOON, entered_at=NOON))
        row = {"id": send_id, "enrollment_id": entered.inserted_primary_key[0], "playbook": "nps", "step": "ask"}
        row |= {"attempt": 0, "action": "survey", "about": "nps", "contact_id": contact_id, "address": address}
        row |= {"mailer": "sendgrid", "topic": "lifecycle", "purpose": "marketing", "state": "accepted"}
        connection.execute(sa.insert(sends).values(**row | {"claimed_at": NOON, "local_day": NOON.date()} | columns))
    return send_id


def ticket(contact_id: int, send_id: str = "s-1", kind: Kind = Kind.SURVEY) -> Ticket:
    return Ticket(kind, send_id, contact_id)


def event(kind: MailEventKind, *, event_id: str | None = None, send_id: str | None = "s-1", **fields: Any) -> MailEvent:
    said = {"event_id": event_id or f"{kind}:{fields}", "send_id": send_id, "kind": kind, "at": NOON} | fields
    return MailEvent(**said)


def opened(by: Actor, at: datetime = NOON) -> MailEvent:
    return event(MailEventKind.OPENED, actor=by, at=at)


def rows(store: Store, table: sa.Table) -> list[dict[str, Any]]:
    """Every row of the table, oldest first."""
    with store.read() as connection:
        chosen = sa.select(table).order_by(*table.primary_key)
        return [dict(row._mapping) for row in connection.execute(chosen)]


def only(store: Store, table: sa.Table) -> dict[str, Any]:
    """The one row of the table."""
    (row,) = rows(store, table)
    return row
