"""Contacts as they stood at an instant, by the history that is kept of their fields."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.util import ClauseAdapter

from runner.store.functions import json_scalar, json_with
from runner.store.tables import contact_changes, contacts, meta

#: What is made from facts and changes with every one of them: no history is kept of it.
SUMMARY = frozenset({
    "last_order_at", "last_order_id", "orders_count", "revenue", "nps_at", "csat_at", "last_answer_at",
    "last_click_at", "open_tickets", "mrr", "points", "tier",
})  # fmt: skip
_c = contact_changes.c


def is_past(connection: sa.Connection, at: datetime) -> bool:
    """Whether a tick has come after that instant, so that today's fields are other ones."""
    last = connection.scalar(sa.select(meta.c.value).where(meta.c.key == "last_tick_at"))
    return last is not None and at < datetime.fromisoformat(last)


def without_history(names: Collection[str]) -> Sequence[str]:
    """Which of these fields (`contact.mrr`) are known as they are today alone."""
    return sorted(name for name in names if name.startswith("company.") or _bare(name) in SUMMARY)


def those_then(connection: sa.Connection, holds: Any, names: Collection[str], at: datetime) -> sa.Select[Any] | None:
    """The people of whom a condition over `contacts` held; None where none of its fields has changed since."""
    fields = sorted({_bare(name) for name in names if name.startswith("contact.")})
    since = sa.select(_c.field).where(_c.field.in_(fields), _c.seen_at > at).distinct()
    changed = sorted(connection.scalars(since)) if _moved_on(connection, at) else []
    if not changed:
        return None
    then = _contacts(changed, at)
    adapted = ClauseAdapter(then, adapt_on_names=True).traverse(holds)
    return sa.select(then.c.id).where(adapted)


def _moved_on(connection: sa.Connection, at: datetime) -> bool:
    newest = connection.scalar(sa.select(_c.seen_at).order_by(_c.id.desc()).limit(1))
    return newest is not None and newest > at


def _contacts(changed: Sequence[str], at: datetime) -> sa.Subquery:
    """Every contact, with each of these fields as it was before its first change since."""
    rows: sa.FromClause = contacts
    columns: dict[str, Any] = {column.name: column for column in contacts.c}
    for field in changed:
        before = _before(field, at)
        rows = rows.outerjoin(before, before.c.contact_id == contacts.c.id)
        moved = before.c.contact_id.is_not(None)
        if field in contacts.c:
            scalar = json_scalar(before.c.old, contacts.c[field].type)
            columns[field] = sa.case((moved, scalar), else_=columns[field])
        else:
            custom = json_with(columns["custom"], field, before.c.old)
            columns["custom"] = sa.case((moved, custom), else_=columns["custom"])
    named = (sa.type_coerce(column, contacts.c[name].type).label(name) for name, column in columns.items())
    return sa.select(*named).select_from(rows).subquery("contacts_then")


def _before(field: str, at: datetime) -> sa.Subquery:
    place = sa.func.row_number().over(partition_by=_c.contact_id, order_by=(_c.seen_at, _c.id)).label("place")
    since = sa.select(_c.contact_id, _c.old, place).where(_c.field == field, _c.seen_at > at).subquery()
    return sa.select(since.c.contact_id, since.c.old).where(since.c.place == 1).subquery(f"{field}_before")


def _bare(name: str) -> str:
    return name.partition(".")[2]
