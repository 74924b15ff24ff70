"""What happened, as a source told it: each record a row of its table, pointing to the people it names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import sqlalchemy as sa

from connectors.records import BY_TABLE, Deal, FxRate, Link, columns
from runner.store import Store
from runner.store.facts import REFERENCES
from runner.store.tables import (
    company_sources,
    contact_sources,
    deal_changes,
    deal_contacts,
    facts,
    orders,
    purchases,
    refunds,
)
from runner.sync.bulk import AnyRow, update_rows
from runner.sync.counts import Stored
from runner.sync.pointers import mark_sources_stale, mark_stale, pointers
from runner.sync.rows import Pull, Row
from runner.sync.scales import as_meant

#: Tables that a contact's summary is made of.
SUMMARISED = ("orders", "refunds", "deals", "surveys", "tickets", "subscriptions", "loyalty")
#: Columns whose changes are kept.
_CHANGES: Mapping[str, Sequence[str]] = {"deals": ("pipeline", "stage")}
#: Columns without which the row is a beginning only: when one is filled, what it is about becomes known.
_HAPPENED: Mapping[str, Sequence[str]] = {"surveys": ("score", "responded_at"), "deals": ("closed_at",)}


def store_facts(connection: sa.Connection, store: Store, pull: Pull, table_name: str, rows: Sequence[Row]) -> Stored:
    """Keeps a chunk of one table's rows. `seen_at` stays when a row changes, unless only now it happened."""
    table = facts[table_name]
    known = _known(connection, pull, table, rows)
    news = [row for row in rows if not _says_the_same(row, known.get(row.source_id))]
    if not news:
        return Stored([row.id for row in known.values()], 0, 0)
    values = _values(connection, store, pull, table, news)
    changed = [new for new in values if new["source_id"] in known]
    added = [new for new in values if new["source_id"] not in known]
    update_rows(connection, table, [_update(known[new["source_id"]], new, table_name) for new in changed])
    numbers = _insert(connection, table, added)
    by_source = {row.source_id: row.id for row in known.values()} | numbers
    if table_name == "deals":
        _keep_deal_contacts(connection, store, pull, news, by_source)
        _keep_deal_changes(connection, pull, values, known, by_source)
    if table_name == "orders":
        _find_their_refunds(connection, pull, values)
    _mark_stale(connection, store, table_name, values, [known[new["source_id"]] for new in changed])
    return Stored(list(by_source.values()), len(added), len(changed), news=frozenset(row.source_id for row in news))


def _known(connection: sa.Connection, pull: Pull, table: sa.Table, rows: Sequence[Row]) -> dict[str, AnyRow]:
    wanted = ["id", "source_id", "row_hash", "deleted_at", "seen_at", *_pointers(table)]
    wanted += [*_HAPPENED.get(table.name, ()), *_CHANGES.get(table.name, ())]
    here = table.c.connector == pull.connector, table.c.source_id.in_([row.source_id for row in rows])
    found = connection.execute(sa.select(*(table.c[name] for name in wanted)).where(*here))
    return {row.source_id: row for row in found}


def _says_the_same(row: Row, known: AnyRow | None) -> bool:
    return known is not None and known.row_hash == row.hash and known.deleted_at is None


def _update(before: AnyRow, now: Mapping[str, Any], table: str) -> dict[str, Any]:
    happened = any(getattr(before, name) is None and now[name] is not None for name in _HAPPENED.get(table, ()))
    return {"number": before.id, **now, "seen_at": now["seen_at"] if happened else before.seen_at}


@cache
def _pointers(table: sa.Table) -> tuple[str, ...]:
    return tuple(name for name in ("contact_source", "company_source") if name in table.c)


# --- the rows


def _values(
    connection: sa.Connection, store: Store, pull: Pull, table: sa.Table, rows: Sequence[Row]
) -> list[dict[str, Any]]:
    """One dict a row, for INSERT."""
    references = [_references(pull, row.record) for row in rows]
    number = {
        pointer: pointers(connection, store, pull, sources, {each[pointer] for each in references if pointer in each})
        for pointer, sources in (("contact_source", contact_sources), ("company_source", company_sources))
    }
    names = [column.name for column in columns(BY_TABLE[table.name])]
    values = []
    for row, named in zip(rows, references, strict=True):
        told = {name: getattr(row.record, name) for name in names} | as_meant(row.record)
        if "custom" in table.c:
            told["custom"] = dict(row.record.custom)
        pointing = {pointer: number[pointer].get(named.get(pointer, "")) for pointer in _pointers(table)}
        ours = {"connector": pull.connector, "source_id": row.source_id, "row_hash": row.hash, "seen_at": pull.now}
        values.append({**told, **pointing, **ours, "deleted_at": None})
    if table is refunds:
        _point_to_the_buyer(connection, pull, values)
    return values


def _references(pull: Pull, record: Any) -> dict[str, str]:
    """Pointer → the source id it is for."""
    customers = f"{pull.settings.customers}_source"
    named: dict[str, str] = {}
    for column, pointing in REFERENCES.items():
        source_id = getattr(record, column, None)
        # A customer that is the contact is no company, whatever customers are.
        if source_id and not (column == "customer_id" and source_id == getattr(record, "contact_id", None)):
            named[customers if column == "customer_id" else pointing[0]] = source_id
    if isinstance(record, Deal) and "contact_source" not in named and record.contacts:
        named["contact_source"] = _primary(record.contacts)
    return named


def _primary(links: Sequence[Link]) -> str:
    return next((link.id for link in links if link.is_primary), links[0].id)


def _insert(connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    if not rows:
        return {}
    made = connection.execute(sa.insert(table).returning(table.c.source_id, table.c.id), rows)
    return {row.source_id: row.id for row in made}


def _keep_deal_contacts(
    connection: sa.Connection, store: Store, pull: Pull, rows: Sequence[Row], deal: Mapping[str, int]
) -> None:
    links = {row.source_id: _deal_links(row.record) for row in rows}
    contact = pointers(connection, store, pull, contact_sources, {link.id for each in links.values() for link in each})
    connection.execute(
        sa.delete(deal_contacts).where(deal_contacts.c.deal_id.in_([deal[row.source_id] for row in rows]))
    )
    made = {
        (deal[source_id], contact[link.id], link.label or ""): link.is_primary
        for source_id, each in links.items()
        for link in each
    }
    if made:
        names = ("deal_id", "contact_source", "label", "is_primary")
        told = [dict(zip(names, (*key, is_primary), strict=True)) for key, is_primary in made.items()]
        connection.execute(sa.insert(deal_contacts), told)


def _keep_deal_changes(
    connection: sa.Connection,
    pull: Pull,
    values: Sequence[Mapping[str, Any]],
    before: Mapping[str, AnyRow],
    deal: Mapping[str, int],
) -> None:
    """The stages that deals have come to, each with when."""
    moved = [
        {
            "deal_id": deal[new["source_id"]],
            **{name: new[name] for name in _CHANGES["deals"]},
            "at": _came_at(new, before.get(new["source_id"]), pull.now),
            "seen_at": pull.now,
        }
        for new in values
        if not _stays(new, before.get(new["source_id"]))
    ]
    if moved:
        connection.execute(sa.insert(deal_changes), moved)


def _stays(new: Mapping[str, Any], before: AnyRow | None) -> bool:
    return before is not None and all(new[name] == getattr(before, name) for name in _CHANGES["deals"])


def _came_at(new: Mapping[str, Any], before: AnyRow | None, now: datetime) -> datetime:
    """When it was closed, if that is what happened; else when we were told, of a deal that is new when it was made.

    An open deal may say when it is expected to be closed.
    """
    closed: datetime | None = new["closed_at"]
    happened = closed is not None and (new["is_won"] or closed <= now)
    if closed is not None and happened and (before is None or before.closed_at != closed):
        return closed
    made: datetime = new["created_at"]
    return now if before is not None else made


def _deal_links(deal: Deal) -> tuple[Link, ...]:
    primary = deal.contact_id or (_primary(deal.contacts) if deal.contacts else None)
    links = deal.contacts
    if primary is not None and primary not in {link.id for link in links}:
        links = (*links, Link(primary))
    return tuple(Link(link.id, link.label, link.id == primary) for link in links)


# --- refunds belong to whoever bought


def _point_to_the_buyer(connection: sa.Connection, pull: Pull, values: Iterable[dict[str, Any]]) -> None:
    named = [row for row in values if row["order_id"] is not None]
    if named:
        bought = orders.c.connector == pull.connector, orders.c.source_id.in_({row["order_id"] for row in named})
        found = connection.execute(sa.select(orders.c.source_id, orders.c.contact_source).where(*bought))
        buyer = {row.source_id: row.contact_source for row in found}
        for row in named:
            row["contact_source"] = buyer.get(row["order_id"], row["contact_source"])


def _find_their_refunds(connection: sa.Connection, pull: Pull, values: Sequence[Mapping[str, Any]]) -> None:
    """A refund that names no contact waited for its order."""
    buyer = {row["source_id"]: row["contact_source"] for row in values}
    r = refunds.c
    waiting = r.connector == pull.connector, r.contact_source.is_(None), r.order_id.in_(list(buyer))
    named = sa.select(r.id, r.order_id).where(*waiting)
    found = [{"number": row.id, "contact_source": buyer[row.order_id]} for row in connection.execute(named)]
    update_rows(connection, refunds, found)


# --- whose summary they touch


def _mark_stale(
    connection: sa.Connection,
    store: Store,
    table: str,
    values: Sequence[Mapping[str, Any]],
    before: Sequence[AnyRow],
) -> None:
    if table == FxRate.table:
        for currency, day in _first_days(values):
            priced = purchases.c.currency == currency, purchases.c.at >= day
            mark_stale(connection, store, sa.select(purchases.c.contact_id).where(*priced))
    elif table in SUMMARISED:
        named = {row["contact_source"] for row in values} | {row.contact_source for row in before}
        mark_sources_stale(connection, store, named - {None})


def _first_days(values: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, datetime]]:
    """Currency and the first instant that a new rate may concern, in any zone."""
    for currency in sorted({row["currency"] for row in values}):
        day = min(row["date"] for row in values if row["currency"] == currency)
        yield currency, datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(days=1)
