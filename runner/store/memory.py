"""What a store remembers about itself: a value in JSON for each key."""

from __future__ import annotations

from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from runner.store.engine import Store
from runner.store.tables import meta


def recall(connection: sa.Connection, key: str) -> Any:
    """What it was told last; None where it never was."""
    return connection.scalar(_TOLD, {"key": key})


_TOLD = sa.select(meta.c.value).where(meta.c.key == sa.bindparam("key"))


def remember(connection: sa.Connection, store: Store, key: str, value: Any) -> None:
    """Keeps it in place of what was there, in the transaction of whoever tells it."""
    connection.execute(_upsert(store.is_sqlite), {"key": key, "value": value})


@cache
def _upsert(on_sqlite: bool) -> Any:
    insert = sqlite.insert(meta) if on_sqlite else postgresql.insert(meta)
    return insert.on_conflict_do_update(index_elements=["key"], set_={"value": insert.excluded.value})
