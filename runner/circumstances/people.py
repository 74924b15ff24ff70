"""Who somebody is: their own row, whom they were merged into, how their sources call them; and where people live."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa

from runner.store.distinct import distinct_values
from runner.store.functions import numbers_in
from runner.store.tables import contact_sources, contacts


def living(contact_id: Any) -> sa.ScalarSelect[int]:
    """Who a contact is today: itself, or whom it was merged into."""
    one = contacts.alias("living")
    today = sa.select(sa.func.coalesce(one.c.merged_into, one.c.id)).where(one.c.id == contact_id)
    return today.correlate_except(one).scalar_subquery()


def once_known_as(people: Any) -> sa.CompoundSelect[Any]:
    """The numbers of a JSON array of contacts, and those of everybody who was merged into them."""
    were = sa.select(contacts.c.id).where(contacts.c.merged_into.in_(numbers_in(people)))
    return sa.union_all(numbers_in(people), were)


# Written once: building a statement takes longer than answering it.
_THESE = contacts.c.id.in_(numbers_in(sa.bindparam("ids", type_=sa.Text())))


@cache
def _people(columns: tuple[str, ...]) -> sa.Select[Any]:
    return sa.select(*(contacts.c[name] for name in columns)).where(_THESE)


def people_of(
    connection: sa.Connection, ids: Sequence[int], columns: tuple[str, ...] = tuple(contacts.c.keys())
) -> dict[int, Mapping[str, Any]]:
    """The contacts' own rows, or these columns of them, `id` among them."""
    rows = connection.execute(_people(columns), {"ids": json.dumps(list(ids))})
    names = list(rows.keys())
    people = (dict(zip(names, row, strict=True)) for row in rows.all())
    return {person["id"]: person for person in people}


def source_ids(connection: sa.Connection, ids: Sequence[int]) -> dict[int, str]:
    """How the first source that told of each person calls them."""
    first = sa.func.min(contact_sources.c.source_id)
    of = contact_sources.c.contact_id
    rows = connection.execute(sa.select(of, first).where(of.in_(ids)).group_by(of))
    return {row[0]: row[1] for row in rows}


_ZONES = distinct_values(contacts.c.zone)


def zones_in_use(connection: sa.Connection) -> tuple[str, ...]:
    """The time zones people live in."""
    return tuple(connection.scalars(_ZONES))
