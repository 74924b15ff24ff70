"""What figures came to: kept once, and never changed."""

from __future__ import annotations

import sqlalchemy as sa

from runner.store.tables.schema import metadata
from runner.store.types import Id, Instant

#: A figure as it was told. Late rows give another edition beside it.
kpi_values = sa.Table(
    "kpi_values",
    metadata,
    sa.Column("id", Id, primary_key=True),
    #: A KPI's or a part's, and the condition on the people counted, empty for all.
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("segment", sa.Text, nullable=False),
    #: The period: its first day, and the first one that no longer counts.
    sa.Column("first", sa.Date, nullable=False),
    sa.Column("behind", sa.Date, nullable=False),
    #: The definition's version, and a digest of the settings that decide how it counts.
    sa.Column("definition", sa.Integer, nullable=False),
    sa.Column("rules", sa.Text, nullable=False),
    #: 1, and one more each time the same question got another answer.
    sa.Column("edition", sa.Integer, nullable=False),
    sa.Column("as_of", Instant, nullable=False),
    #: Until when the sources had been read.
    sa.Column("watermark", Instant),
    sa.Column("value", sa.Float),
    sa.Column("n", sa.BigInteger, nullable=False),
    sa.Column("low", sa.Float),
    sa.Column("high", sa.Float),
    sa.Column("reason", sa.Text),
    sa.Column("note", sa.Text, nullable=False),
    sa.UniqueConstraint("segment", "first", "behind", "rules", "key", "definition", "edition"),
)
