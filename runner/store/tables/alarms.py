"""What a figure gave rise to: alarms, each of one playbook and period."""

from __future__ import annotations

import sqlalchemy as sa

from runner.store.tables.schema import metadata
from runner.store.types import Instant

#: The key of the contact that stands for the account itself: what concerns no customer is told of it.
ACCOUNT = "regulars:account"

alarms = sa.Table(
    "alarms",
    metadata,
    sa.Column("playbook", sa.Text, primary_key=True),
    #: The KPI, and the period as people write it: `2026-10`, `2026-W44`, `2026-Q3`.
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("period", sa.Text, primary_key=True),
    sa.Column("at", Instant, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("value", sa.Float, nullable=False),
    sa.Column("low", sa.Float),
    sa.Column("high", sa.Float),
    sa.Column("n", sa.Integer, nullable=False),
    sa.Column("mark", sa.Float, nullable=False),
    #: Figure with interval, and mark, as people read them.
    sa.Column("told", sa.Text, nullable=False),
    sa.Column("mark_told", sa.Text, nullable=False),
)
