"""What a listing has shown so far is kept with the cursor, so that one that was killed still tells what is gone."""

from __future__ import annotations

import base64
import zlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from runner.store import Store
from runner.store.memory import remember
from runner.store.tables import meta
from runner.sync.gone import Numbers

#: The key in `meta` of a listing that is not through: with the connector's name and the table's behind it.
LISTING = "listing:"


@dataclass(frozen=True, slots=True)
class Listing:
    """One table's listing, from its first page on."""

    table: str
    began: datetime
    #: Those listed, be it among what is gone.
    seen: Numbers = field(default_factory=Numbers)
    #: Those gone that the source keeps for long enough yet, see `Page.kept`.
    kept: Numbers = field(default_factory=Numbers)


def unfinished(connection: sa.Connection, connector: str) -> dict[str, Listing]:
    """The listings that syncs before this one began and did not end, by table."""
    ours = meta.c.key.startswith(_key(connector, ""), autoescape=True)
    return {one["table"]: _read(one) for one in connection.scalars(sa.select(meta.c.value).where(ours))}


def _read(told: Any) -> Listing:
    began = datetime.fromisoformat(told["began"])
    return Listing(told["table"], began, unpacked(told["seen"]), unpacked(told.get("kept")))


def keep(connection: sa.Connection, store: Store, connector: str, listing: Listing) -> None:
    told = {
        "table": listing.table,
        "began": listing.began.isoformat(),
        "seen": packed(listing.seen),
        "kept": packed(listing.kept),
    }
    remember(connection, store, _key(connector, listing.table), told)


def forget(connection: sa.Connection, connector: str, table: str) -> None:
    connection.execute(sa.delete(meta).where(meta.c.key == _key(connector, table)))


def packed(numbers: Numbers) -> str:
    # Rows are listed about in the order in which they came here: long runs of ones take next to nothing.
    return base64.b64encode(zlib.compress(bytes(numbers), 1)).decode()


def unpacked(text: str | None) -> Numbers:
    return Numbers(zlib.decompress(base64.b64decode(text))) if text else Numbers()


def _key(connector: str, table: str) -> str:
    return f"{LISTING}{connector}:{table}"
