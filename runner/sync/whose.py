"""Whose facts are whose: a person has those of all their sources and of everybody merged into them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from runner.store.tables import contact_sources, contacts


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
    c = contacts.c
    asked = connection.execute(sa.select(c.id, c.merged_into).where(c.id.in_(contact_ids))).all()
    survivors = {row.merged_into or row.id for row in asked}
    merged = connection.execute(sa.select(c.id, c.merged_into).where(c.merged_into.in_(sorted(survivors)))).all()
    of_contact = {survivor: survivor for survivor in survivors} | {row.id: row.merged_into for row in merged}
    s = contact_sources.c
    sources = connection.execute(sa.select(s.id, s.contact_id).where(s.contact_id.in_(sorted(of_contact))))
    people = sorted({*of_contact, *(row.id for row in asked)})
    return Whose(people, {row.id: of_contact[row.contact_id] for row in sources}, of_contact)
