"""Our contact, made again from what its sources say today; what changed goes into the history."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from typing import Any

import sqlalchemy as sa

from runner.store import Store
from runner.store.tables import (
    companies,
    company_sources,
    contact_changes,
    contact_companies,
    contact_sources,
    contacts,
)
from runner.sync.bulk import AnyRow, update_rows
from runner.sync.changes import changes
from runner.sync.consent import said_no
from runner.sync.mapped import fills
from runner.sync.own import forget, standing, words_of
from runner.sync.person import Fields, Home, merged
from runner.sync.pointers import mark_stale
from runner.sync.rows import Pull

#: The columns of `contacts` that come from its sources.
_DERIVED = (
    "email", "address", "first_name", "last_name", "country", "language", "timezone", "zone", "bad_timezone",
    "created_at", "birthday", "lifecycle_stage", "owner", "opted_out", "consent", "is_test", "company_id", "custom",
    "customer_since", "deleted_at",
)  # fmt: skip


def derive(
    connection: sa.Connection, store: Store, pull: Pull, contact_ids: Collection[int], *, joined: Collection[int] = ()
) -> None:
    """Merges these contacts' sources anew. Of `joined` people a source told for the first time."""
    if not contact_ids:
        return
    # Locked: an unsubscribe that commits meanwhile must not be overwritten with what was read before it.
    chosen = sa.select(contacts).where(contacts.c.id.in_(sorted(contact_ids))).order_by(contacts.c.id)
    people = connection.execute(chosen.with_for_update(key_share=True)).mappings().all()
    sources = _sources(connection, pull, contact_ids)
    homes = _homes(connection, [source.id for told in sources.values() for source in told])
    updates: list[dict[str, Any]] = []
    history: list[dict[str, Any]] = []
    stale: list[int] = []
    before = [dict(person) for person in people if person["id"] in sources]
    words, over = words_of(connection, [person["id"] for person in before]), dict[int, list[str]]()
    noes = said_no(connection, [person["id"] for person in before if person["opted_out"]])
    for person in before:
        told = _speaking(sources[person["id"]])
        own, over[person["id"]] = standing(words.get(person["id"], ()), [s.fields for s in told], _DERIVED)
        after = _after(person, sources[person["id"]], homes, pull, own, refused=person["id"] in noes)
        differing = {name for name, value in after.items() if value != person[name]}
        if not differing:
            continue
        updates.append({"number": person["id"], **after, "changed_at": pull.now})
        known = pull.known_fields if person["id"] not in joined else None
        history += changes(person["id"], person, after, known_fields=known, now=pull.now)
        if differing & {"zone", "customer_since", "deleted_at"} or fills(person["custom"], after["custom"]):
            stale.append(person["id"])
    forget(connection, over)
    update_rows(connection, contacts, updates)
    if history:
        connection.execute(sa.insert(contact_changes), history)
    if stale:
        mark_stale(connection, store, sa.select(contacts.c.id).where(contacts.c.id.in_(stale)))


def _after(
    person: dict[str, Any], sources: list[AnyRow], homes: dict[int, Home], pull: Pull, own: Fields, *, refused: bool
) -> dict[str, Any]:
    speaking = _speaking(sources)
    home = next((homes[source.id] for source in speaking if source.id in homes), None)
    after = merged([own, *(source.fields for source in speaking)], home, pull.settings)
    gone = all(source.deleted_at is not None for source in sources)
    after["deleted_at"] = max(source.deleted_at for source in sources) if gone else None
    if not after["opted_out"] and refused:
        after["opted_out"] = True  # A no that was said to us; no source takes it back.
    elif after["opted_out"] is None and person["opted_out"] is False:
        after["opted_out"] = False
    if after["customer_since"] is None and not any("customer_since" in s.fields for s in speaking):
        after["customer_since"] = person["customer_since"]  # Not mapped: the summary's word, from the first order.
    return {name: after[name] for name in _DERIVED}


def _speaking(sources: list[AnyRow]) -> list[AnyRow]:
    """Those in which the person is alive, where there are any."""
    return [source for source in sources if source.deleted_at is None] or sources


def _sources(connection: sa.Connection, pull: Pull, contact_ids: Collection[int]) -> dict[int, list[AnyRow]]:
    """What the sources say, the one whose word goes first at the head."""
    s = contact_sources.c
    told = s.contact_id.in_(sorted(contact_ids)), s.row_hash.is_not(None)
    rows = connection.execute(sa.select(s.id, s.contact_id, s.connector, s.fields, s.deleted_at).where(*told)).all()
    place = {name: index for index, name in enumerate(pull.rank)}
    by_person: dict[int, list[AnyRow]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: (place.get(row.connector, len(place)), row.id)):
        by_person[row.contact_id].append(row)
    return by_person


def _homes(connection: sa.Connection, sources: Collection[int]) -> dict[int, Home]:
    """The primary company of each row of `contact_sources`."""
    link, source = contact_companies.c, company_sources.c
    found = (
        sa.select(link.contact_source, companies.c.id, companies.c.timezone)
        .join_from(contact_companies, company_sources, link.company_source == source.id)
        .join(companies, source.company_id == companies.c.id)
        .where(link.contact_source.in_(sorted(sources)), link.is_primary)
    )
    return {row.contact_source: Home(row.id, row.timezone) for row in connection.execute(found)}
