"""Who is meant by what somebody types: an id, an address or its beginning, a name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from runner.explain import find_contact
from runner.store.tables import contacts

#: People that a search finds at the most.
MOST = 25


def people_called(connection: sa.Connection, typed: str, *, most: int = MOST) -> list[int]:
    """Our ids: of exactly one by an id or whole address, else of those whose address or name begins so."""
    typed = " ".join(typed.split())
    if not typed:
        return []
    if (exactly := find_contact(connection, typed)) is not None:
        return [exactly]
    c = contacts.c
    living = (c.deleted_at.is_(None), c.merged_into.is_(None))
    begins = sa.select(c.id).where(*living, *_begins(connection, typed.lower())).order_by(c.address).limit(most)
    return [*connection.scalars(begins)] or _named(connection, typed, living, most)


def _begins(connection: sa.Connection, typed: str) -> Sequence[sa.ColumnElement[bool]]:
    """By the index, which on PostgreSQL may be sorted as a language has it."""
    address = contacts.c.address
    if connection.dialect.name == "sqlite":
        return (address >= typed, address < typed + "\U0010ffff")
    return (address.startswith(typed, autoescape=True),)


def _named(connection: sa.Connection, typed: str, living: Any, most: int) -> list[int]:
    c = contacts.c
    *first, last = typed.split(" ")
    either = sa.or_(c.first_name.istartswith(typed, autoescape=True), c.last_name.istartswith(typed, autoescape=True))
    both = sa.and_(
        c.first_name.istartswith(" ".join(first), autoescape=True), c.last_name.istartswith(last, autoescape=True)
    )
    named = sa.select(c.id).where(*living, sa.or_(either, both) if first else either)
    return list(connection.scalars(named.limit(most)))
