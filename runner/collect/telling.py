"""What an outside system tells of itself is kept as it came, once an idempotency key; a sync reads it later."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from enum import Enum, auto

import sqlalchemy as sa

from runner.store import Store
from runner.store.tables import inbox, inbox_keys

#: How long a key is remembered.
REMEMBERED = timedelta(days=7)


class Told(Enum):
    """What became of a body."""

    #: It is on disk.
    KEPT = auto()
    #: It was told before under this key; nothing more happened.
    REPEATED = auto()
    #: Another body came under this key.
    OTHERWISE = auto()


def tell(store: Store, connector: str, body: bytes, now: datetime, *, key: str | None = None) -> Told:
    """Keeps a body that was understood; once this returns, it is on disk, and its key with it."""
    digest = hashlib.sha256(body).hexdigest()
    with store.inbox.begin() as connection:
        if key is not None and (known := _known(connection, store, connector, key, digest, now)) is not None:
            return Told.REPEATED if known == digest else Told.OTHERWISE
        connection.execute(sa.insert(inbox).values(connector=connector, body=body, received_at=now))
    return Told.KEPT


def _known(connection: sa.Connection, store: Store, connector: str, key: str, digest: str, now: datetime) -> str | None:
    """The digest of what came under this key before; from now on the key is known."""
    old = inbox_keys.c.connector == connector, inbox_keys.c.at < now - REMEMBERED
    connection.execute(sa.delete(inbox_keys).where(*old))
    new = store.insert(inbox_keys).values(connector=connector, key=key, digest=digest, at=now)
    if connection.execute(new.on_conflict_do_nothing().returning(inbox_keys.c.key)).first() is not None:
        return None
    mine = inbox_keys.c.connector == connector, inbox_keys.c.key == key
    return connection.scalar(sa.select(inbox_keys.c.digest).where(*mine))
