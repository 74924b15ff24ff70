"""Who was archived at a source is remembered from one listing to the next: who stands in neither may be erased."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from connectors.records import Contact
from runner.store import Store
from runner.store.memory import remember
from runner.store.tables import contact_sources, meta
from runner.sync.bulk import chunks
from runner.sync.listing import Listing, packed, unpacked
from runner.sync.rows import Pull

#: The key in `meta` of those whom the last listing named: with the connector's name behind it.
KEPT = "kept:"
#: The source keeps them ten days at least. Where it was not asked for longer than this, their time may have run out.
BELIEVED = timedelta(days=7)


def vanished(connection: sa.Connection, pull: Pull, listing: Listing) -> list[int]:
    """The people, deleted here and not erased, whom the last listing named and this one does not."""
    if listing.table != Contact.table:
        return []
    told: Any = connection.scalar(sa.select(meta.c.value).where(meta.c.key == _key(pull)))
    if told is None or listing.began - datetime.fromisoformat(told["at"]) > BELIEVED:
        return []
    lost = [number for number in unpacked(told["rows"]) if number not in listing.seen]
    s = contact_sources.c
    deleted = s.deleted_at.is_not(None), s.row_hash.is_not(None)
    return [
        number
        for portion in chunks(lost)
        for number in connection.scalars(sa.select(s.id).where(s.id.in_(portion), *deleted))
    ]


def unasked(people: int) -> str:
    return (
        f"{people:,} people who had been deleted at the source are not even kept there any more. So many are not "
        "erased here unasked; if they are meant to be forgotten, run `regulars sync --full --yes-delete`"
    )


def keep_archived(connection: sa.Connection, store: Store, pull: Pull, listing: Listing) -> None:
    if listing.table != Contact.table:
        return
    told = {"at": listing.began.isoformat(), "rows": packed(listing.kept)}
    remember(connection, store, _key(pull), told)


def _key(pull: Pull) -> str:
    return f"{KEPT}{pull.connector}"
