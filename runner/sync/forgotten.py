"""Whom a source has erased for good is to be erased here too: noted with the deletion, so that no kill loses it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from connectors.base import Source
from connectors.records import Contact
from runner.store import Store
from runner.store.memory import recall, remember
from runner.store.tables import contact_sources
from runner.sync.bulk import chunks
from runner.sync.listing import Listing
from runner.sync.rows import Pull

#: The key in `meta` of the contacts that are to be erased, each with the connector that says so.
TO_ERASE = "to_erase"


def forgotten(
    store: Store,
    pull: Pull,
    source: Source,
    listing: Listing,
    lacking: Sequence[int],
    vanished: Sequence[int],
) -> frozenset[int]:
    """Those whom the source has erased for good, of whom a listing lacked or who vanished from what was deleted."""
    numbers = [*lacking, *vanished]
    if listing.table != Contact.table or not numbers:
        return frozenset()
    s, ids = contact_sources.c, dict[str, int]()
    with store.read() as connection:
        for portion in chunks(numbers):
            ids |= dict(connection.execute(sa.select(s.source_id, s.id).where(s.id.in_(portion))).all())
        here = s.connector == pull.connector, s.deleted_at.is_(None), s.row_hash.is_not(None), s.seen_at < listing.began
        before = connection.scalar(sa.select(sa.func.count()).where(*here)) or 0
    # Where nobody is left of those who were here it is another account: they are not asked for.
    asked = list(ids) if before > len(lacking) else []
    return frozenset(ids[id] for id in source.forgotten(listing.table, asked))


def note(connection: sa.Connection, store: Store, pull: Pull, numbers: Sequence[int]) -> int:
    """How many people go with these deleted rows: those whom the source knows under no other id."""
    s, other = contact_sources.c, contact_sources.alias().c
    known = sa.exists().where(
        other.contact_id == s.contact_id, other.connector == pull.connector, other.deleted_at.is_(None)
    )
    whose = sa.select(s.contact_id).where(s.id.in_(numbers), s.contact_id.is_not(None), ~known).distinct()
    people = list(connection.scalars(whose))
    if people:
        _tell(connection, store, [*to_erase(connection), *((person, pull.connector) for person in people)])
    return len(people)


def to_erase(connection: sa.Connection) -> list[tuple[int, str]]:
    told = recall(connection, TO_ERASE) or []
    return [(contact, connector) for contact, connector in told]


def erased(connection: sa.Connection, store: Store, contact: int) -> None:
    _tell(connection, store, [one for one in to_erase(connection) if one[0] != contact])


def _tell(connection: sa.Connection, store: Store, waiting: Sequence[tuple[int, str]]) -> None:
    value: Any = [list(one) for one in waiting]
    remember(connection, store, TO_ERASE, value)
