"""The person behind a send today: a merge may have moved them since the letter went out."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from runner.links import Ticket
from runner.store import Store
from runner.store.tables import contacts

#: A merge of merges of merges; more is a ring, which is left where it is.
_DEPTH = 10


def living(connection: sa.Connection, contact_ids: Iterable[int]) -> dict[int, int]:
    """Each contact that is there, with the one it was merged into, itself where it was not."""
    today = {contact_id: contact_id for contact_id in contact_ids}
    seen: set[int] = set()
    for _ in range(_DEPTH):
        asked = set(today.values()) - seen
        if not asked:
            break
        seen |= asked
        merged = {row.id: row.merged_into for row in connection.execute(_merges(asked))}
        today = {then: merged.get(now) or now for then, now in today.items() if now in merged or now not in asked}
    return today


def language(store: Store, ticket: Ticket) -> str | None:
    """What the person reads, as far as anybody told."""
    with store.read() as connection:
        person = living(connection, [ticket.contact_id]).get(ticket.contact_id)
        told: str | None = connection.scalar(sa.select(contacts.c.language).where(contacts.c.id == person))
        return told


def lock(connection: sa.Connection, contact_ids: Iterable[int]) -> None:
    """Keeps these people to this transaction, always in the same order: sends are locked first, then people."""
    chosen = sa.select(contacts.c.id).where(contacts.c.id.in_(sorted(set(contact_ids))))
    connection.execute(chosen.order_by(contacts.c.id).with_for_update(key_share=True)).all()


def _merges(contact_ids: set[int]) -> sa.Select[tuple[int, int | None]]:
    return sa.select(contacts.c.id, contacts.c.merged_into).where(contacts.c.id.in_(sorted(contact_ids)))
