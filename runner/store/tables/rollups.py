"""What the log and the mail come to by playbook and day (UTC), kept as they change: pages read these, not the rows."""

from __future__ import annotations

import sqlalchemy as sa

from runner.store.tables.schema import metadata
from runner.store.types import Id

#: Decisions by what became of them and why; of what was done the reason is left empty.
log_days = sa.Table(
    "log_days",
    metadata,
    sa.Column("playbook", sa.Text, primary_key=True),
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("status", sa.Text, primary_key=True),
    sa.Column("reason", sa.Text, primary_key=True),
    sa.Column("count", sa.Integer, nullable=False),
)
#: Letters by the day they were claimed, each once under the best evidence there is.
mail_days = sa.Table(
    "mail_days",
    metadata,
    sa.Column("playbook", sa.Text, primary_key=True),
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("sent", sa.Integer, nullable=False),
    sa.Column("delivered", sa.Integer, nullable=False),
    sa.Column("bounced", sa.Integer, nullable=False),
    sa.Column("human_open", sa.Integer, nullable=False),
    sa.Column("machine_open", sa.Integer, nullable=False),
    sa.Column("unknown_open", sa.Integer, nullable=False),
    sa.Column("human_click", sa.Integer, nullable=False),
    sa.Column("machine_click", sa.Integer, nullable=False),
    sa.Column("unknown_click", sa.Integer, nullable=False),
    sa.Column("answered", sa.Integer, nullable=False),
    sa.Column("unsubscribed", sa.Integer, nullable=False),
    sa.Column("complained", sa.Integer, nullable=False),
    sa.Column("unsure", sa.Integer, nullable=False),
)
#: Days of which something changed since they were counted: written by the database itself (`rollups`).
stale_days = sa.Table(
    "stale_days",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("of_table", sa.Text, nullable=False),
    sa.Column("playbook", sa.Text, nullable=False),
    sa.Column("day", sa.Date, nullable=False),
    sqlite_autoincrement=True,
)
sa.Index("ix_stale_days_of_table", stale_days.c.of_table, stale_days.c.playbook, stale_days.c.day)
