"""Source ids become numbers of source rows, with an empty row for whoever has not arrived yet."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa

from runner.store import Store
from runner.store.tables import contact_sources, contacts, stale_contacts
from runner.sync.rows import Pull


def pointers(
    connection: sa.Connection, store: Store, pull: Pull, sources: sa.Table, source_ids: Collection[str]
) -> dict[str, int]:
    """source id → number in `sources`, for each of the ids."""
    found = _found(connection, pull, sources, source_ids)
    missing = sorted(source_id for source_id in source_ids if source_id not in found)
    if not missing:
        return found
    empty = [{"connector": pull.connector, "source_id": source_id, "seen_at": pull.now} for source_id in missing]
    connection.execute(store.insert(sources).on_conflict_do_nothing(), empty)
    return found | _found(connection, pull, sources, missing)


def _found(connection: sa.Connection, pull: Pull, sources: sa.Table, source_ids: Collection[str]) -> dict[str, int]:
    if not source_ids:
        return {}
    named = sources.c.connector == pull.connector, sources.c.source_id.in_(source_ids)
    return {
        row.source_id: row.id for row in connection.execute(sa.select(sources.c.id, sources.c.source_id).where(*named))
    }


def mark_stale(connection: sa.Connection, store: Store, chosen: sa.Select[int]) -> None:
    """The summaries of these contacts must be computed again; of somebody merged, the survivor's."""
    of = chosen.subquery()
    living = sa.func.coalesce(contacts.c.merged_into, contacts.c.id)
    people = sa.select(living).where(contacts.c.id.in_(sa.select(of.c[0]))).distinct()
    connection.execute(store.insert(stale_contacts).from_select(["contact_id"], people).on_conflict_do_nothing())


def mark_sources_stale(connection: sa.Connection, store: Store, source_numbers: Collection[int]) -> None:
    """The same for the people behind these rows of `contact_sources`."""
    if source_numbers:
        known = contact_sources.c.id.in_(source_numbers), contact_sources.c.contact_id.is_not(None)
        mark_stale(connection, store, sa.select(contact_sources.c.contact_id).where(*known))
