"""What a listing has shown so far is kept with the cursor, so that one that was killed still tells what is gone."""

from __future__ import annotations

import base64
import zlib
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa

from runner.store import Store
from runner.store.tables import meta
from runner.sync.gone import Numbers

#: The key in `meta` of a connector's listing that is not through.
LISTING = "listing:"


@dataclass(frozen=True, slots=True)
class Listing:
    """One table's listing, from its first page on."""

    table: str
    began: datetime
    seen: Numbers = field(default_factory=Numbers)


def unfinished(connection: sa.Connection, connector: str) -> Listing | None:
    """The listing that a sync before this one began and did not end."""
    told = connection.scalar(sa.select(meta.c.value).where(meta.c.key == LISTING + connector))
    if told is None:
        return None
    seen = Numbers(zlib.decompress(base64.b64decode(told["seen"])))
    return Listing(told["table"], datetime.fromisoformat(told["began"]), seen)


def keep(connection: sa.Connection, store: Store, connector: str, listing: Listing) -> None:
    # Rows are listed about in the order in which they came here: long runs of ones take next to nothing.
    seen = base64.b64encode(zlib.compress(bytes(listing.seen), 1)).decode()
    told = {"table": listing.table, "began": listing.began.isoformat(), "seen": seen}
    upsert = store.insert(meta).values(key=LISTING + connector, value=told)
    connection.execute(upsert.on_conflict_do_update(index_elements=["key"], set_={"value": told}))


def forget(connection: sa.Connection, connector: str) -> None:
    connection.execute(sa.delete(meta).where(meta.c.key == LISTING + connector))
