"""Who may tell us something over HTTP, and what was told before."""

from __future__ import annotations

import sqlalchemy as sa

from runner.store.tables.collecting import inbox_metadata
from runner.store.tables.schema import metadata, one_of
from runner.store.types import Id, Instant

#: Keys of outside systems; of each only a digest is kept.
tokens = sa.Table(
    "tokens",
    metadata,
    sa.Column("id", Id, primary_key=True),
    #: What tells by it; the connector that its rows are kept under.
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("scope", sa.Text, nullable=False),
    #: SHA-256: a token is 256 random bits, of which nobody guesses one.
    sa.Column("digest", sa.Text, nullable=False, unique=True),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("revoked_at", Instant),
    one_of("scope", "events"),
)

#: Idempotency keys beside the bodies they came with, kept for some days.
inbox_keys = sa.Table(
    "inbox_keys",
    inbox_metadata,
    sa.Column("connector", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    #: Of the body: the same key with another one is a mistake of the caller's.
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("at", Instant, nullable=False),
)
