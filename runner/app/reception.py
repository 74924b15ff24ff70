"""How those stand who tell us something: tokens, what waits to be read, and what may be promised to who asks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import sqlalchemy as sa

from runner import collect
from runner.app.app import App
from runner.app.hearing import listener_called
from runner.circumstances.expected import BACK, expected
from runner.store.tables import inbox, tickets

#: A name, whether it is a warning, and the words.
Told = tuple[str, bool, str]


def reception(app: App, connection: sa.Connection, now: datetime) -> Iterator[Told]:
    yield from _tokens(app)
    yield from _waiting(app)
    asked = sa.exists().where(tickets.c.created_at > now - BACK, tickets.c.deleted_at.is_(None))
    if connection.scalar(sa.select(asked)):
        found = expected(connection, app.settings, now)
        promised = f"{found.values()['words']} may be promised, from {found.n:,} answers in 90 days"
        yield "first answers", False, promised if found.hours else f"nothing may be promised: {found.reason}"


def _tokens(app: App) -> Iterator[Told]:
    for token in collect.in_force(app.store):
        if listener_called(app, token.name) is None:
            words = (
                "what is told by it is never read: a connector or the mailer has this name; make one of another name"
            )
            yield f"token {token.name}", True, words
        else:
            yield f"token {token.name}", False, f"may tell of {token.scope}, since {token.created_at:%Y-%m-%d}"


def _waiting(app: App) -> Iterator[Told]:
    """What no sync has read yet."""
    i = inbox.c
    left = sa.select(i.connector, sa.func.count(), sa.func.min(i.received_at)).where(i.drained_at.is_(None))
    with app.store.inbox.begin() as connection:
        rows = connection.execute(left.group_by(i.connector).order_by(i.connector)).all()
    for name, count, since in rows:
        yield f"told by {name}", False, f"{count:,} wait for the next sync, the first since {since:%Y-%m-%d %H:%M} UTC"
