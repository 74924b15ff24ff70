"""Who is meant by what somebody types: an id, an address or its beginning, a name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from runner.app.called import find_contact
from runner.store import Store
from runner.store.tables import contacts

#: People that a search finds at the most.
MOST = 25
#: The column that each index serves, and how a database sorts it so that a beginning is a range whatever its case.
#: SQLite's own order knows the case of ASCII only, and no other program on the file could keep one of ours.
_INDEXES = {
    "sqlite": {
        "ix_search_first_name": "first_name COLLATE NOCASE",
        "ix_search_last_name": "last_name COLLATE NOCASE",
    },
    "postgresql": {
        "ix_search_address": "address text_pattern_ops",
        "ix_search_first_name": "lower(first_name) text_pattern_ops",
        "ix_search_last_name": "lower(last_name) text_pattern_ops",
    },
}

#: SQLAlchemy's own look at indexes warns of those by an expression, and passes them over.
_THERE = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'index'",
    "postgresql": "SELECT indexname FROM pg_indexes WHERE schemaname = current_schema()",
}


def make_findable(store: Store) -> None:
    """The indexes by which people are found without a look at everybody; only who has pages needs them."""
    with store.read() as connection:
        there = set(connection.scalars(sa.text(_THERE[store.writer.dialect.name])))
    for name, sorted_by in _INDEXES[store.writer.dialect.name].items():
        if name not in there:
            with store.write() as connection:
                connection.execute(sa.text(f"CREATE INDEX IF NOT EXISTS {name} ON contacts ({sorted_by})"))


def people_called(connection: sa.Connection, typed: str, *, most: int = MOST) -> list[int]:
    """Our ids: of exactly one by an id or whole address, else of those whose address or name begins so."""
    typed = " ".join(typed.split())
    if not typed:
        return []
    if (exactly := find_contact(connection, typed)) is not None:
        return [exactly]
    by_address = _living(_begins(connection, contacts.c.address, typed.lower())).order_by(contacts.c.address)
    if found := list(connection.scalars(by_address.limit(most))):
        return found
    asked = [connection.scalars(named.limit(most)) for named in _named(connection, typed)]
    return list(dict.fromkeys(person for people in asked for person in people))[:most]


def _living(*so: sa.ColumnElement[bool]) -> sa.Select[int]:
    return sa.select(contacts.c.id).where(contacts.c.deleted_at.is_(None), contacts.c.merged_into.is_(None), *so)


def _named(connection: sa.Connection, typed: str) -> Iterator[sa.Select[int]]:
    """One question an index: each ends as soon as it has enough."""
    first, last = contacts.c.first_name, contacts.c.last_name
    for words in _spellings(connection, typed):
        *before, after = words.split(" ")
        yield _living(_begins(connection, first, words))
        yield _living(_begins(connection, last, words))
        if before:
            yield _living(_begins(connection, first, " ".join(before)), _begins(connection, last, after))


def _spellings(connection: sa.Connection, typed: str) -> Sequence[str]:
    """As names may be written whose letters are not all ASCII: łukasz, Łukasz, ŁUKASZ."""
    if connection.dialect.name == "postgresql" or typed.isascii():
        return [typed.lower()]
    return list(dict.fromkeys([typed, typed.title(), typed.lower(), typed.upper()]))


def _begins(connection: sa.Connection, column: sa.Column[Any], typed: str) -> sa.ColumnElement[bool]:
    """Whether it begins so, in words that the column's index answers."""
    if connection.dialect.name == "postgresql":
        small = column if column is contacts.c.address else sa.func.lower(column)
        return small.startswith(typed, autoescape=True)
    sorted_as = column if column is contacts.c.address else column.collate("NOCASE")
    return sa.and_(sorted_as >= typed, sorted_as < typed + "\U0010ffff")
