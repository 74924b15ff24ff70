"""Two contacts that a source merged: the survivor is named, and no id is rewritten."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from connectors.base import SetAside
from runner.store import Store
from runner.store.tables import contact_sources, contacts
from runner.sync.consent import inherit
from runner.sync.pointers import mark_stale, pointers
from runner.sync.rows import Pull

#: In the row of somebody who has not arrived: the source ids of those who were merged into them.
WAITING = "waiting"


def keep_merges(connection: sa.Connection, store: Store, pull: Pull, told: Mapping[str, str]) -> list[SetAside]:
    """Notes who was merged into whom (source ids). A survivor who has not arrived is told who waits for it.

    `merged_into` always names the last survivor, so that one look is enough. Returns rings, which are left alone.
    """
    if not told:
        return []
    number = pointers(connection, store, pull, contact_sources, set(told.values()))
    person = _people(connection, pull, {*told, *told.values()})
    waiting: dict[int, list[str]] = defaultdict(list)
    rings = []
    for source_id, survivor in told.items():
        if survivor not in person:
            waiting[number[survivor]].append(source_id)
        elif not _merge(connection, store, person[source_id], person[survivor], pull):
            words = "was merged into this one, which was merged into it; correct it at the source"
            rings.append(SetAside(f"contacts/{source_id}", "merged_into", survivor, words))
    _let_wait(connection, waiting)
    return rings


def separate(connection: sa.Connection, store: Store, contact_ids: Sequence[int], pull: Pull) -> None:
    """The source does not call them merged any more."""
    merged = contacts.c.id.in_(contact_ids), contacts.c.merged_into.is_not(None)
    mark_stale(connection, store, sa.select(contacts.c.merged_into).where(*merged))
    connection.execute(sa.update(contacts).where(*merged).values(merged_into=None, changed_at=pull.now))
    mark_stale(connection, store, sa.select(contacts.c.id).where(contacts.c.id.in_(contact_ids)))


def _merge(connection: sa.Connection, store: Store, contact_id: int, survivor: int, pull: Pull) -> bool:
    last = connection.scalar(sa.select(contacts.c.merged_into).where(contacts.c.id == survivor)) or survivor
    if last == contact_id:
        return contact_id == survivor  # two sources of one person that were merged: nothing to do
    moved = sa.or_(contacts.c.id == contact_id, contacts.c.merged_into == contact_id)
    elsewhere = contacts.c.merged_into.is_distinct_from(last)
    connection.execute(sa.update(contacts).where(moved, elsewhere).values(merged_into=last, changed_at=pull.now))
    inherit(connection, contact_id, last)
    mark_stale(connection, store, sa.select(contacts.c.id).where(contacts.c.id == last))
    return True


def _let_wait(connection: sa.Connection, waiting: Mapping[int, Sequence[str]]) -> None:
    """Notes in a survivor's empty row who was merged into it."""
    s = contact_sources.c
    for number, source_ids in waiting.items():
        known = connection.scalar(sa.select(s.fields).where(s.id == number)) or {}
        together = sorted({*known.get(WAITING, ()), *source_ids})
        connection.execute(sa.update(contact_sources).where(s.id == number).values(fields={WAITING: together}))


def _people(connection: sa.Connection, pull: Pull, source_ids: set[str]) -> dict[str, int]:
    here = (
        contact_sources.c.connector == pull.connector,
        contact_sources.c.source_id.in_(sorted(source_ids)),
        contact_sources.c.contact_id.is_not(None),
    )
    found = sa.select(contact_sources.c.source_id, contact_sources.c.contact_id).where(*here)
    return {row.source_id: row.contact_id for row in connection.execute(found)}
