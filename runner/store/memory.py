"""What a store remembers about itself: a value in JSON for each key."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from runner.store.engine import Store
from runner.store.tables import meta


def remember(connection: sa.Connection, store: Store, key: str, value: Any) -> None:
    """Keeps it in place of what was there, in the transaction of whoever tells it."""
    upsert = store.insert(meta).values(key=key, value=value)
    connection.execute(upsert.on_conflict_do_update(index_elements=["key"], set_={"value": value}))
