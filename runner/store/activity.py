"""What people did or what befell them, whichever table tells of it: orders, tickets, messages, events of every kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from runner.store.tables import contact_sources, contacts, events, facts, purchases

#: The kind of those that are orders.
ORDER = "order"
#: Orders and events of every kind at once.
ANY = "any"


@dataclass(frozen=True, slots=True)
class Kept:
    """A kind of event that has a table of its own."""

    #: The word by which templates name its row.
    word: str
    table: sa.Table
    #: When it happened.
    at: str
    #: Which of the table's rows are meant.
    where: Callable[[sa.Table], Any] = lambda _: sa.true()


#: Kinds that connectors tell in other tables than `events`. (Orders are a matter of their own.)
KEPT: Mapping[str, Kept] = {
    "ticket": Kept("ticket", facts["tickets"], "created_at"),
    "ticket_solved": Kept("ticket", facts["tickets"], "solved_at"),
    "message": Kept("message", facts["messages"], "at", where=lambda table: table.c.direction == "in"),
    "mention": Kept("mention", facts["mentions"], "at"),
}


def activity(kind: str) -> Any:
    """One row each: `contact_id` (mergers followed), `at`, `seen_at`, and the `key` it is called by."""
    if kind == ORDER:
        return _orders()
    if kind == ANY:
        return sa.union_all(_told(events, "at"), _orders())
    told = _told(events, "at").where(events.c.kind == kind)
    if (kept := KEPT.get(kind)) is None:
        return told
    return sa.union_all(_told(kept.table, kept.at).where(kept.where(kept.table)), told)


def _told(table: sa.Table, at: str) -> sa.Select[Any]:
    return (
        sa.select(
            sa.func.coalesce(contacts.c.merged_into, contacts.c.id).label("contact_id"),
            table.c[at].label("at"),
            table.c.seen_at.label("seen_at"),
            (table.c.connector + ":" + table.c.source_id).label("key"),
        )
        .join_from(table, contact_sources, contact_sources.c.id == table.c.contact_source)
        .join(contacts, contacts.c.id == contact_sources.c.contact_id)
        .where(table.c.deleted_at.is_(None))
    )


def _orders() -> sa.Select[Any]:
    one = purchases.c
    return sa.select(one.contact_id, one.at, one.seen_at, one.order_key.label("key"))
