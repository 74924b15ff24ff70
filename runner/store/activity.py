"""What people did, whichever table tells of it: orders, and events of every kind."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from runner.store.tables import contact_sources, contacts, events, purchases

#: The kind of those that are orders.
ORDER = "order"
#: Every kind at once.
ANY = "any"


def activity(kind: str) -> Any:
    """One row each: `contact_id` (mergers followed), `at`, `seen_at`, and the `key` it is called by."""
    if kind == ORDER:
        return _orders()
    told = (
        sa.select(
            sa.func.coalesce(contacts.c.merged_into, contacts.c.id).label("contact_id"),
            events.c.at.label("at"),
            events.c.seen_at.label("seen_at"),
            (events.c.connector + ":" + events.c.source_id).label("key"),
        )
        .join_from(events, contact_sources, contact_sources.c.id == events.c.contact_source)
        .join(contacts, contacts.c.id == contact_sources.c.contact_id)
        .where(events.c.deleted_at.is_(None))
    )
    return sa.union_all(told, _orders()) if kind == ANY else told.where(events.c.kind == kind)


def _orders() -> sa.Select[Any]:
    one = purchases.c
    return sa.select(one.contact_id, one.at, one.seen_at, one.order_key.label("key"))
