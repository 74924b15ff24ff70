"""What the store, a sync and the daemon note of their own work."""

from __future__ import annotations

import sqlalchemy as sa

from runner.store.tables.schema import metadata
from runner.store.types import Id, Instant, Json

#: `clock` (real or simulated), `epoch`, `last_tick_at`, `zone`: one value a key.
meta = sa.Table(
    "meta",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("value", Json),
)

#: One row a change that a trigger or condition may see, until a tick has looked: written by the database (`marks`).
#: Only ever added to and never numbered twice, so that a tick deletes what it has seen and nothing that came since.
changed_contacts = sa.Table(
    "changed_contacts",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("contact_id", Id),
    #: Without a contact: all people of it; with one: a company that this one came to or left. With neither: everybody.
    sa.Column("company_id", Id),
    #: What changed, in words: the table, or of a contact that was there before each column, as `contacts.birthday`.
    sa.Column("what", sa.Text, nullable=False),
    sqlite_autoincrement=True,
)

cursors = sa.Table(
    "cursors",
    metadata,
    sa.Column("connector", sa.Text, primary_key=True),
    sa.Column("cursor", Json),
    sa.Column("synced_at", Instant),
    sa.Column("full_at", Instant),
)
#: Contacts whose summary must be computed again.
stale_contacts = sa.Table("stale_contacts", metadata, sa.Column("contact_id", Id, primary_key=True))
#: Rows and values that could not be read, and warnings about files and columns; shown by `doctor`.
set_aside = sa.Table(
    "set_aside",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("connector", sa.Text, nullable=False),
    sa.Column("place", sa.Text, nullable=False),
    sa.Column("field", sa.Text, nullable=False),
    sa.Column("value", sa.Text, nullable=False),
    sa.Column("words", sa.Text, nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.UniqueConstraint("connector", "place", "field"),
)
custom_fields = sa.Table(
    "custom_fields",
    metadata,
    sa.Column("of_table", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("connector", sa.Text, nullable=False),
)

#: What is due is a row: a tick claims it by compare-and-set on `next_run_at`.
schedules = sa.Table(
    "schedules",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("next_run_at", Instant, nullable=False),
)
runs = sa.Table(
    "runs",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    #: What makes a run unique: the instant, or the local date of a daily one.
    sa.Column("due", sa.Text, nullable=False),
    sa.Column("started_at", Instant, nullable=False),
    sa.Column("finished_at", Instant),
    sa.Column("outcome", Json),
    sa.UniqueConstraint("name", "due"),
)
