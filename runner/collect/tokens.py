"""Tokens by which outside systems tell us something: given out once, kept as a digest, taken back by name."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa

from runner.store import Store
from runner.store.tables import tokens

#: How a token begins, so that a secret scanner knows one.
PREFIX = "rgl_"


class Scope(StrEnum):
    """What may be done by a token."""

    #: Tell of what happened, at `/api/events`.
    EVENTS = "events"


@dataclass(frozen=True, slots=True)
class Token:
    """One token as far as it is kept."""

    name: str
    scope: Scope
    created_at: datetime


def issue(store: Store, name: str, scope: Scope, now: datetime) -> str:
    """A new token of that name; several may be in force, so that one can take another's place."""
    token = PREFIX + secrets.token_urlsafe(32)
    row = {"name": name, "scope": scope, "digest": _digest(token), "created_at": now}
    with store.write() as connection:
        connection.execute(sa.insert(tokens).values(**row))
    return token


def revoke(store: Store, name: str, now: datetime) -> int:
    """Takes back every token of that name; how many there were."""
    with store.write() as connection:
        mine = tokens.c.name == name, tokens.c.revoked_at.is_(None)
        return connection.execute(sa.update(tokens).where(*mine).values(revoked_at=now)).rowcount


def in_force(store: Store) -> Sequence[Token]:
    """The tokens that open something today, the oldest first."""
    t = tokens.c
    chosen = sa.select(t.name, t.scope, t.created_at).where(t.revoked_at.is_(None)).order_by(t.id)
    with store.read() as connection:
        return [Token(row.name, Scope(row.scope), row.created_at) for row in connection.execute(chosen)]


def holder(store: Store, token: str, scope: Scope) -> str | None:
    """The name of who holds this token; None where it opens nothing."""
    mine = tokens.c.digest == _digest(token), tokens.c.scope == scope, tokens.c.revoked_at.is_(None)
    with store.read() as connection:
        return connection.scalar(sa.select(tokens.c.name).where(*mine))


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
