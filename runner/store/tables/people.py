"""Who is who: contacts and companies, the sources that tell of them, and what changed."""

from __future__ import annotations

import sqlalchemy as sa

from runner.store.functions import draw_of
from runner.store.tables.schema import metadata
from runner.store.types import Exact, Id, Instant, Json

contacts = sa.Table(
    "contacts",
    metadata,
    sa.Column("id", Id, primary_key=True),
    #: The first source that told of this person, `connector:source id`; holdouts and splits are drawn by it.
    sa.Column("key", sa.Text, nullable=False, unique=True),
    #: A number in [0, 1) drawn from the key, by which schedules are staggered.
    sa.Column("draw", sa.Float, nullable=False, default=lambda row: draw_of(row.get_current_parameters()["key"])),
    sa.Column("email", sa.Text),
    #: The address in lower case where it is valid: the only one that is written to.
    sa.Column("address", sa.Text),
    sa.Column("first_name", sa.Text),
    sa.Column("last_name", sa.Text),
    sa.Column("country", sa.Text),
    sa.Column("language", sa.Text),
    sa.Column("timezone", sa.Text),
    #: The zone in force: the contact's own where it is valid, else the company's, else the account's.
    sa.Column("zone", sa.Text, nullable=False),
    sa.Column("bad_timezone", sa.Boolean, nullable=False, default=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("birthday", sa.Date),
    sa.Column("lifecycle_stage", sa.Text),
    sa.Column("owner", sa.Text),
    sa.Column("opted_out", sa.Boolean),
    sa.Column("consent", sa.Text),
    sa.Column("is_test", sa.Boolean),
    sa.Column("merged_into", Id, sa.ForeignKey("contacts.id")),
    sa.Column("deleted_at", Instant),
    sa.Column("company_id", Id, sa.ForeignKey("companies.id")),
    sa.Column("custom", Json, nullable=False, default=dict),
    # The summary that sync and collect keep.
    sa.Column("customer_since", sa.Date),
    sa.Column("first_order_at", Instant),
    sa.Column("last_order_at", Instant),
    #: Names the lapse that begins with it.
    sa.Column("last_order_id", sa.Text),
    sa.Column("orders_count", sa.Integer, nullable=False, default=0),
    sa.Column("revenue", Exact(4)),
    sa.Column("nps_score", sa.Float),
    sa.Column("nps_at", Instant),
    sa.Column("csat_score", sa.Float),
    sa.Column("csat_at", Instant),
    sa.Column("last_answer_at", Instant),
    sa.Column("last_click_at", Instant),
    sa.Column("open_tickets", sa.Integer, nullable=False, default=0),
    sa.Column("mrr", Exact(4)),
    sa.Column("churn_risk", sa.Float),
    sa.Column("referral_code", sa.Text),
    sa.Column("points", Exact(4)),
    sa.Column("tier", sa.Text),
    sa.Column("seen_at", Instant, nullable=False),
    sa.Column("changed_at", Instant, nullable=False),
)
sa.Index("ix_contacts_address", contacts.c.address)
sa.Index("ix_contacts_last_order_at", contacts.c.last_order_at)
sa.Index("ix_contacts_customer_since", contacts.c.customer_since)
_MERGED = sa.text("merged_into IS NOT NULL")
sa.Index("ix_contacts_merged_into", contacts.c.merged_into, sqlite_where=_MERGED, postgresql_where=_MERGED)
_CODED = sa.text("referral_code IS NOT NULL")
sa.Index("ix_contacts_referral_code", contacts.c.referral_code, sqlite_where=_CODED, postgresql_where=_CODED)
sa.Index("ix_contacts_changed_at", contacts.c.changed_at)
sa.Index("ix_contacts_zone", contacts.c.zone, contacts.c.draw)
_EMPLOYED = sa.text("company_id IS NOT NULL")
sa.Index("ix_contacts_company_id", contacts.c.company_id, sqlite_where=_EMPLOYED, postgresql_where=_EMPLOYED)

#: Identities: one row a person and connector. A fact may name a source row whose contact has not arrived yet.
contact_sources = sa.Table(
    "contact_sources",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("connector", sa.Text, nullable=False),
    sa.Column("source_id", sa.Text, nullable=False),
    sa.Column("contact_id", Id, sa.ForeignKey("contacts.id")),
    #: What this source says of the person, field by field.
    sa.Column("fields", Json),
    sa.Column("row_hash", sa.Text),
    sa.Column("seen_at", Instant, nullable=False),
    sa.Column("deleted_at", Instant),
    sa.UniqueConstraint("connector", "source_id"),
)
sa.Index("ix_contact_sources_contact_id", contact_sources.c.contact_id)

companies = sa.Table(
    "companies",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("key", sa.Text, nullable=False, unique=True),
    sa.Column("name", sa.Text),
    sa.Column("created_at", Instant),
    sa.Column("owner", sa.Text),
    sa.Column("timezone", sa.Text),
    sa.Column("custom", Json, nullable=False, default=dict),
    sa.Column("seen_at", Instant, nullable=False),
    sa.Column("changed_at", Instant, nullable=False),
    sa.Column("deleted_at", Instant),
)
company_sources = sa.Table(
    "company_sources",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("connector", sa.Text, nullable=False),
    sa.Column("source_id", sa.Text, nullable=False),
    sa.Column("company_id", Id, sa.ForeignKey("companies.id")),
    sa.Column("fields", Json),
    sa.Column("row_hash", sa.Text),
    sa.Column("seen_at", Instant, nullable=False),
    sa.Column("deleted_at", Instant),
    sa.UniqueConstraint("connector", "source_id"),
)
sa.Index("ix_company_sources_company_id", company_sources.c.company_id)
contact_companies = sa.Table(
    "contact_companies",
    metadata,
    sa.Column("contact_source", Id, sa.ForeignKey("contact_sources.id"), primary_key=True),
    sa.Column("company_source", Id, sa.ForeignKey("company_sources.id"), primary_key=True),
    sa.Column("label", sa.Text, primary_key=True, default=""),
    sa.Column("is_primary", sa.Boolean, nullable=False),
)
sa.Index("ix_contact_companies_company_source", contact_companies.c.company_source)

#: What a contact's or custom field's value was before: what backtests and reproducible figures need.
contact_changes = sa.Table(
    "contact_changes",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("contact_id", Id, sa.ForeignKey("contacts.id"), nullable=False),
    sa.Column("field", sa.Text, nullable=False),
    sa.Column("old", Json),
    sa.Column("new", Json),
    sa.Column("at", Instant, nullable=False),
    sa.Column("seen_at", Instant, nullable=False),
)
sa.Index("ix_contact_changes_contact_id", contact_changes.c.contact_id, contact_changes.c.field)

#: What playbooks have set on a contact: our own word, which stands until the sources say something else than `over`.
own_words = sa.Table(
    "own_words",
    metadata,
    sa.Column("contact_id", Id, sa.ForeignKey("contacts.id"), primary_key=True),
    sa.Column("field", sa.Text, primary_key=True),
    sa.Column("value", Json),
    #: What the sources said of the field when it was set.
    sa.Column("over", Json),
    sa.Column("playbook", sa.Text, nullable=False),
    sa.Column("at", Instant, nullable=False),
)
