"""What a contact's CRM is to be told waits here, in the transaction that decided it; `deliver` tells it.

    tell(connection, store, crms, [Told(f"answer-{id}", contact, "property", {"fields": {"last_nps": 9}})], now)

The same id told twice is told once. Payloads, as `connectors/writing.py` takes them:

    property  {"fields": {our name: value in JSON}}
    note      {"body": text}
    task      {"subject": text, "body": text?, "due_at": ISO time, "priority": low|normal|high, "owner": address?}
    opt_out   {"address": text, "topic": text?}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from runner.store import Store
from runner.store.tables import contact_sources, contacts, writes

#: What a CRM is told, and nobody else.
CRM_KINDS = ("note", "property", "task", "opt_out")


@dataclass(frozen=True, slots=True)
class Told:
    """One thing to tell of one contact."""

    #: Unique for good; at most 64 letters, digits, `-`, `_`.
    id: str
    contact_id: int
    kind: Literal["note", "property", "task", "opt_out"]
    payload: Mapping[str, Any]
    #: The step that says it, where one does.
    enrollment_id: int | None = None
    playbook: str | None = None
    step: str | None = None
    attempt: int = 0


def tell(
    connection: sa.Connection, store: Store, crms: Sequence[str], told: Sequence[Told], now: datetime
) -> Mapping[int, str]:
    """Keeps it for the CRM of each contact; what nobody else keeps stays with us. Contact → connector."""
    theirs = crms_of(connection, crms, [one.contact_id for one in told])
    rows = [_row(one, theirs.get(one.contact_id), now) for one in told]
    if rows:
        connection.execute(store.insert(writes).on_conflict_do_nothing(), rows)
    return theirs


def crms_of(connection: sa.Connection, crms: Sequence[str], people: Sequence[int]) -> dict[int, str]:
    """The first connector with a CRM that each contact comes from, or whoever it was merged into."""
    if not crms or not people:
        return {}
    s, rank = contact_sources.c, list(crms)
    living = sa.func.coalesce(contacts.c.merged_into, contacts.c.id)
    theirs = s.connector.in_(rank), s.row_hash.is_not(None), s.deleted_at.is_(None)
    chosen = sa.select(contacts.c.id, s.connector).join_from(contacts, contact_sources, s.contact_id == living)
    rows = connection.execute(chosen.where(contacts.c.id.in_(people), *theirs)).all()
    return dict(sorted((tuple(row) for row in rows), key=lambda row: rank.index(row[1]), reverse=True))


def _row(one: Told, crm: str | None, now: datetime) -> dict[str, Any]:
    return {
        "id": one.id,
        "enrollment_id": one.enrollment_id,
        "playbook": one.playbook,
        "step": one.step,
        "attempt": one.attempt,
        "kind": one.kind,
        "target": crm,
        "contact_id": one.contact_id,
        "payload": dict(one.payload),
        "state": "waiting" if crm else "accepted",
        "claimed_at": now,
        "settled_at": None if crm else now,
    }
