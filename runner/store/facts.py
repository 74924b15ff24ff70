"""The fact tables, made from the record types: what happened, as each connector told it.

A fact points to the source row of a person or account (`contact_sources`, `company_sources`), never to our contact:
so a row may arrive before its contact does, and a merge rewrites nothing. `customer_id` points to whichever of the two
the setting `customers:` says.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from connectors.records import TABLES, Company, Contact, Record, columns
from runner.store.types import Exact, Id, Instant, Json

#: A record's reference to a person or account → the fact's columns that point to the source rows.
REFERENCES: Mapping[str, tuple[str, ...]] = {
    "contact_id": ("contact_source",),
    "referrer_id": ("contact_source",),
    "company_id": ("company_source",),
    "customer_id": ("contact_source", "company_source"),
}
_TYPES: Mapping[type, sa.types.TypeEngine[Any]] = {
    str: sa.Text(),
    bool: sa.Boolean(),
    int: sa.BigInteger(),
    float: sa.Float(),
    Decimal: Exact(4),
    date: sa.Date(),
    datetime: Instant(),
}
#: Exchange rates need more places than money.
_RATES = {("fx", "rate"): Exact(10)}

#: The columns by which each table is read in time, and therefore indexed.
_TIMELINE: Mapping[str, tuple[str, ...]] = {
    "deals": ("closed_at", "created_at"),
    "orders": ("ordered_at",),
    "refunds": ("refunded_at",),
    "subscriptions": ("started_on", "ended_on", "trial_end"),
    "tickets": ("created_at", "solved_at"),
    "surveys": ("responded_at",),
    "emails": ("sent_at",),
    "carts": ("created_at",),
    "events": ("at",),
    "usage": ("at",),
    "sessions": ("started_at",),
    "wishlist_items": ("added_at",),
    "review_requests": ("sent_at",),
    "referrals": ("invited_at",),
    "reports": ("sent_on",),
    "footfall": ("date",),
    "contracts": ("ends_on",),
    "invoices": ("due_on",),
    "loyalty": ("joined_at", "left_at"),
    "messages": ("at",),
    "mentions": ("at",),
    "exits": ("left_on",),
    "projects": ("due_on",),
}
#: Tables of which a contact may have very many: what conditions count them by.
_COUNTED: Mapping[str, tuple[str, ...]] = {"events": ("kind", "at")}
#: Columns by which figures look a row's likes up.
_LOOKED_UP: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "sessions": (("visitor_id", "started_at"),),
    "messages": (("thread_id", "at"),),
    "order_lines": (("order_id",),),
    "refunds": (("order_id",),),
}
#: Columns that few rows have, and by which those are looked for.
_RARE: Mapping[str, str] = {"orders": "referral_code"}
#: Tables whose late arrivals must be found: a row that happened long before it was seen.
_ARRIVALS = ("surveys", "events", "carts", "tickets", "messages", "mentions")


def fact_tables(metadata: sa.MetaData) -> dict[str, sa.Table]:
    """One table a record type, contacts and companies excepted: those are merged from their sources."""
    return {record.table: _fact_table(metadata, record) for record in TABLES if record not in (Contact, Company)}


def _fact_table(metadata: sa.MetaData, record: type[Record]) -> sa.Table:
    pointers: list[str] = []
    own: list[sa.Column[Any]] = []
    for column in columns(record):
        pointers += [pointer for pointer in REFERENCES.get(column.name, ()) if pointer not in pointers]
        kind = _RATES.get((record.table, column.name)) or _TYPES[column.type]
        own.append(sa.Column(column.name, kind, nullable=not column.required))
    table = sa.Table(
        record.table,
        metadata,
        sa.Column("id", Id, primary_key=True),
        sa.Column("connector", sa.Text, nullable=False),
        #: The source's key of the row; for tables without one, the hash of the row and its ordinal.
        sa.Column("source_id", sa.Text, nullable=False),
        *(sa.Column(pointer, Id, sa.ForeignKey(f"{pointer}s.id")) for pointer in pointers),
        *own,
        *((sa.Column("custom", Json, nullable=False),) if record.takes_custom else ()),
        sa.Column("row_hash", sa.Text, nullable=False),
        sa.Column("seen_at", Instant, nullable=False),
        sa.Column("deleted_at", Instant),
        sa.UniqueConstraint("connector", "source_id"),
    )
    counted = [table.c[name] for name in _COUNTED.get(record.table, ())]
    if counted:
        sa.Index(f"ix_{record.table}_{counted[0].name}", *counted)
    for pointer in pointers:
        sa.Index(f"ix_{record.table}_{pointer}", table.c[pointer], *counted)
    for name in _TIMELINE.get(record.table, ()):
        sa.Index(f"ix_{record.table}_{name}", table.c[name])
    for names in _LOOKED_UP.get(record.table, ()):
        sa.Index(f"ix_{record.table}_{names[0]}", *(table.c[name] for name in names))
    if (rare := _RARE.get(record.table)) is not None:
        there = sa.text(f"{rare} IS NOT NULL")
        sa.Index(f"ix_{record.table}_{rare}", table.c[rare], sqlite_where=there, postgresql_where=there)
    if record.table in _ARRIVALS:
        sa.Index(f"ix_{record.table}_seen_at", table.c.seen_at)
    return table
