"""What happened: the facts as they were told, and the purchases derived from them."""

from __future__ import annotations

import sqlalchemy as sa

from runner.store.facts import fact_tables
from runner.store.tables.schema import metadata
from runner.store.types import Exact, Id, Instant

facts = fact_tables(metadata)
orders, refunds, deals, surveys = facts["orders"], facts["refunds"], facts["deals"], facts["surveys"]
tickets, events = facts["tickets"], facts["events"]

deal_contacts = sa.Table(
    "deal_contacts",
    metadata,
    sa.Column("deal_id", Id, sa.ForeignKey("deals.id"), primary_key=True),
    sa.Column("contact_source", Id, sa.ForeignKey("contact_sources.id"), primary_key=True),
    sa.Column("label", sa.Text, primary_key=True, default=""),
    sa.Column("is_primary", sa.Boolean, nullable=False),
)

#: Each stage that a deal came to: the one it was first told in, and every other one since.
deal_changes = sa.Table(
    "deal_changes",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("deal_id", Id, sa.ForeignKey("deals.id"), nullable=False),
    sa.Column("pipeline", sa.Text),
    sa.Column("stage", sa.Text, nullable=False),
    #: When it came there: when the deal was closed or made, else when we were told.
    sa.Column("at", Instant, nullable=False),
    sa.Column("seen_at", Instant, nullable=False),
)
sa.Index("ix_deal_changes_deal_id", deal_changes.c.deal_id)
sa.Index("ix_deal_changes_stage", deal_changes.c.stage, deal_changes.c.at)
sa.Index("ix_deal_changes_seen_at", deal_changes.c.seen_at)

#: Derived: every order or won deal that counts, net of refunds, with the person it belongs to today.
purchases = sa.Table(
    "purchases",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("contact_id", Id, sa.ForeignKey("contacts.id"), nullable=False),
    sa.Column("order_key", sa.Text, nullable=False, unique=True),
    sa.Column("at", Instant, nullable=False),
    sa.Column("total", Exact(4), nullable=False),
    sa.Column("net", Exact(4), nullable=False),
    sa.Column("currency", sa.Text),
    #: `net` in the account's currency; empty where there is no exchange rate.
    sa.Column("value", Exact(4)),
    sa.Column("seen_at", Instant, nullable=False),
)
sa.Index(
    "ix_purchases_contact_id",
    *(purchases.c[name] for name in ("contact_id", "at", "net", "seen_at", "value")),  # all that figures read of one
)
sa.Index("ix_purchases_at", purchases.c.at)
sa.Index("ix_purchases_seen_at", purchases.c.seen_at)
