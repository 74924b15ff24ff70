"""The person behind a send today: a merge may have moved them since the letter went out."""

from __future__ import annotations

import json
from collections.abc import Iterable

import sqlalchemy as sa

from runner.links import Ticket
from runner.store import Store
from runner.store.functions import numbers_in
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
        told = connection.execute(_MERGES, {"people": json.dumps(sorted(asked))})
        merged: dict[int, int | None] = dict(told.all())
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
    if connection.dialect.name != "sqlite":  # which has one writer
        connection.execute(_LOCK, {"people": json.dumps(sorted(set(contact_ids)))}).all()


# Written once: building a statement takes longer than answering it.
_THESE = contacts.c.id.in_(numbers_in(sa.bindparam("people", type_=sa.Text())))
_MERGES = sa.select(contacts.c.id, contacts.c.merged_into).where(_THESE)
_LOCK = sa.select(contacts.c.id).where(_THESE).order_by(contacts.c.id).with_for_update(key_share=True)
