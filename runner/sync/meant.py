"""Whom a source means that names people by id, by address, or both, and tells only a part of them each time.

An address alone is the id of whoever has it at this source. What is left out of a person stays as it was told before.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from functools import cache
from itertools import groupby
from typing import Any

import sqlalchemy as sa

from connectors.base import Cursor, Page
from connectors.records import BY_TABLE, TABLES, Contact, Record, columns
from runner.store import Store
from runner.store.facts import REFERENCES
from runner.store.tables import contact_sources, contacts
from runner.sync.bulk import AnyRow
from runner.sync.person import Fields, address
from runner.sync.threads import with_threads


def with_known(store: Store, connector: str, records: Iterable[Record]) -> list[Record]:
    """The records with each person under one id, and with what this source told of them before."""
    told = list(records)
    people = [record for record in told if isinstance(record, Contact)]
    with store.read() as connection:
        called = _called(connection, connector, people, {key for record in told for key in _names_of(record)})
    if called.to_rename:
        _rename(store, connector, called.to_rename)
    settled = [_under(record, called.now) for record in told]
    with store.read() as connection:
        known = _known(connection, connector, {one.contact_id for one in settled if isinstance(one, Contact)})
        return with_threads(connection, connector, _completed(settled, known))


def pages_with_known(store: Store, connector: str, page: Page, before: Cursor) -> Iterator[Page]:
    """A page as whole rows, its own table last; what its rows say of others (a reply of its ticket) goes before."""
    told = dict(by_table(with_known(store, connector, page.records)))
    own = told.pop(page.table, [])
    for table, records in told.items():
        yield Page(table, records, before)
    yield replace(page, records=own)


class _Calling:
    """By what people are called from now on."""

    def __init__(self) -> None:
        #: Id as it was told → the one that counts.
        self.now: dict[str, str] = {}
        #: Address as an id → the id that was told beside it for the first time.
        self.to_rename: dict[str, str] = {}


def _called(connection: sa.Connection, connector: str, people: Sequence[Contact], names: Collection[str]) -> _Calling:
    calling = _Calling()
    of_address = {one.contact_id: one for one in people if address(one.email) == one.contact_id}
    with_id = {address(one.email): one.contact_id for one in people if address(one.email) not in (None, one.contact_id)}
    here = _here(connection, connector, {*names, *of_address, *filter(None, with_id), *with_id.values()})
    by_address = _by_address(connection, connector, {*of_address, *(name for name in names if "@" in name)})
    for mail, id in with_id.items():
        if mail in here and id not in here:
            calling.to_rename[str(mail)] = id
        if mail is not None and (mail not in here or id not in here):
            calling.now[mail] = id
    for mail in {*of_address, *names} - calling.now.keys() - here:
        if mail in by_address:
            calling.now[mail] = by_address[mail]
    return calling


def _here(connection: sa.Connection, connector: str, ids: Collection[str]) -> set[str]:
    """Those of these ids that the source has used before."""
    s = contact_sources.c
    return set(connection.scalars(sa.select(s.source_id).where(s.connector == connector, s.source_id.in_(sorted(ids)))))


def _by_address(connection: sa.Connection, connector: str, addresses: Collection[str]) -> dict[str, str]:
    """The id under which the source knows the one person with this address."""
    if not addresses:
        return {}
    s, c = contact_sources.c, contacts.c
    whose = sa.select(c.address, s.source_id).join_from(contact_sources, contacts, c.id == s.contact_id)
    mine = s.connector == connector, s.deleted_at.is_(None), c.address.in_(sorted(addresses))
    found: dict[str, list[str]] = {}
    for row in connection.execute(whose.where(*mine)):
        found.setdefault(row.address, []).append(row.source_id)
    return {mail: ids[0] for mail, ids in found.items() if len(ids) == 1}


def _rename(store: Store, connector: str, ids: Mapping[str, str]) -> None:
    """Who was known by an address alone has an id now; facts point to the row and stay with it."""
    s = contact_sources
    mine = s.c.connector == connector, s.c.source_id == sa.bindparam("before")
    rows = [{"before": before, "after": after} for before, after in ids.items()]
    with store.write() as connection:
        connection.execute(sa.update(s).where(*mine).values(source_id=sa.bindparam("after")), rows)


def _under(record: Record, called: Mapping[str, str]) -> Any:
    """The record with the ids that count."""
    changed = {name: called[value] for name in _naming(record.table) if (value := getattr(record, name)) in called}
    return replace(record, **changed) if changed else record


@cache
def _naming(table: str) -> tuple[str, ...]:
    """The record's fields that name a person."""
    names = {column.name for column in columns(BY_TABLE[table])}
    own = ("contact_id",) if table == Contact.table else ()
    return (*own, *(n for n, to in REFERENCES.items() if n in names and "contact_source" in to and n not in own))


def _names_of(record: Record) -> list[str]:
    return [value for name in _naming(record.table) if (value := getattr(record, name)) is not None]


def _known(connection: sa.Connection, connector: str, ids: Collection[str]) -> dict[str, AnyRow]:
    s = contact_sources.c
    mine = s.connector == connector, s.source_id.in_(sorted(ids)), s.row_hash.is_not(None)
    rows = connection.execute(sa.select(s.source_id, s.fields, s.deleted_at).where(*mine))
    return {row.source_id: row for row in rows}


def _completed(records: Sequence[Any], known: Mapping[str, AnyRow]) -> list[Record]:
    """Each person once, with all that was told of them, before what they did."""
    people = {source_id: _contact(source_id, row.fields) for source_id, row in known.items()}
    told: dict[str, Contact] = {}
    rest: list[Record] = []
    for record in records:
        if not isinstance(record, Contact):
            rest.append(record)
            continue
        before = told.get(record.contact_id) or people.get(record.contact_id)
        told[record.contact_id] = _over(before, record) if before else record
    return [*told.values(), *rest]


def _over(before: Contact, now: Contact) -> Contact:
    """What is told now goes over what was told before."""
    names = [column.name for column in columns(Contact) if column.name not in ("contact_id", "created_at")]
    told = {name: value for name in names if (value := getattr(now, name)) is not None}
    custom = {**before.custom, **now.custom}
    return replace(before, **told, created_at=min(before.created_at, now.created_at), custom=custom)


def _contact(source_id: str, fields: Fields) -> Contact:
    """The contact as the source told it last."""
    kinds = {column.name: column.type for column in columns(Contact)}
    told = {name: _value(kinds[name], value) for name, value in fields.items() if name in kinds}
    return Contact(contact_id=source_id, custom=fields.get("custom", {}), **told)


def _value(kind: type, value: Any) -> Any:
    if kind is datetime:
        return datetime.fromisoformat(value)
    return date.fromisoformat(value) if kind is date else value


def by_table(records: Iterable[Record]) -> Iterator[tuple[str, list[Record]]]:
    """Who, then what happened, as sources bring it."""
    place = {kind.table: number for number, kind in enumerate(TABLES)}
    ordered = sorted(records, key=lambda record: place[record.table])
    for table, of_table in groupby(ordered, key=lambda record: record.table):
        yield table, list(of_table)
