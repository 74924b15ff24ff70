"""Whose facts are whose: a person has those of all their sources and of everybody merged into them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from runner.store.tables import contact_sources, contacts
from runner.sync.bulk import any_of


@dataclass(frozen=True, slots=True)
class Whose:
    """Some people, with where their facts point to; among them those merged into others, who have none any more."""

    people: Sequence[int]
    #: Number in `contact_sources` → person, never a merged one.
    of_source: Mapping[int, int]
    #: Contact, also a merged one → person.
    of_contact: Mapping[int, int]


def whose(connection: sa.Connection, contact_ids: Sequence[int]) -> Whose:
    """These contacts, the survivors of those that were merged, and everybody merged into one of them."""
    if not contact_ids:
        return Whose((), {}, {})
    asked = connection.execute(_ASKED, {"people": contact_ids}).all()
    survivors = {row.merged_into or row.id for row in asked}
    merged = connection.execute(_MERGED, {"survivors": sorted(survivors)}).all()
    of_contact = {survivor: survivor for survivor in survivors} | {row.id: row.merged_into for row in merged}
    sources = connection.execute(_SOURCES, {"contacts": sorted(of_contact)})
    people = sorted({*of_contact, *(row.id for row in asked)})
    return Whose(people, {row.id: of_contact[row.contact_id] for row in sources}, of_contact)


_PEOPLE = sa.select(contacts.c.id, contacts.c.merged_into)
_ASKED = _PEOPLE.where(contacts.c.id.in_(any_of("people")))
_MERGED = _PEOPLE.where(contacts.c.merged_into.in_(any_of("survivors")))
_SOURCES = sa.select(contact_sources.c.id, contact_sources.c.contact_id).where(
    contact_sources.c.contact_id.in_(any_of("contacts"))
)
