"""Who of us may open the pages behind a login, and the sessions that are open."""

from __future__ import annotations

import sqlalchemy as sa

from runner.store.tables.schema import metadata, one_of
from runner.store.types import Id, Instant

logins = sa.Table(
    "logins",
    metadata,
    sa.Column("id", Id, primary_key=True),
    #: In lower case.
    sa.Column("email", sa.Text, nullable=False, unique=True),
    sa.Column("role", sa.Text, nullable=False),
    #: Argon2id, with its salt and what it costs.
    sa.Column("password_hash", sa.Text, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    one_of("role", "admin", "reader"),
)

login_sessions = sa.Table(
    "login_sessions",
    metadata,
    #: SHA-256 of what the browser's cookie holds: 256 random bits, of which nobody guesses one.
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("login_id", Id, sa.ForeignKey("logins.id"), nullable=False),
    #: Machine time, not the simulated clock's.
    sa.Column("until", Instant, nullable=False),
)
sa.Index("ix_login_sessions_login_id", login_sessions.c.login_id)
