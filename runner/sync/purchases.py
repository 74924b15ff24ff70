"""The table `purchases`: every order or won deal that counts, net of refunds, with the person it belongs to today."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from runner import clock
from runner.settings import Settings
from runner.store import Store
from runner.store.tables import deals, orders, purchases, refunds
from runner.sync.basis import Basis
from runner.sync.bulk import any_of
from runner.sync.money import Rates
from runner.sync.netting import BOUGHT, Purchase, Repayment, netted
from runner.sync.whose import Whose

_COLUMNS = ("contact_id", "at", "total", "net", "currency", "value", "seen_at")
_NAMES = ("order_key", *_COLUMNS)


def purchases_of(
    connection: sa.Connection, of: Whose, basis: Basis, settings: Settings, rates: Rates, now: datetime
) -> dict[int, list[Purchase]]:
    """Each person's purchases up to now, oldest first, with what they are worth in the account's currency."""
    bought = (
        _orders(connection, of, basis, settings, now)
        if basis.orders_of
        else _deals(connection, of, basis, settings, now)
    )
    repaid = _refunds(connection, of, now) if basis.orders_of else {}
    return {
        person: [_valued(connection, rates, each, settings) for each in netted(own, repaid.get(person, ()))]
        for person, own in bought.items()
    }


def _valued(connection: sa.Connection, rates: Rates, bought: Purchase, settings: Settings) -> Purchase:
    day = clock.local(bought.at, settings.timezone).date()
    amount = rates.convert(connection, bought.net, bought.currency, day)
    return bought if amount is None else replace(bought, value=rates.rounded(amount))


def keep_purchases(
    connection: sa.Connection, store: Store, of: Whose, bought: Mapping[int, Sequence[Purchase]]
) -> None:
    """Writes what differs from what is there."""
    people = {"people": sorted({*of.people, *of.of_contact})}
    before = {row[0]: row for row in connection.execute(_BEFORE, people).all()}
    now = {each.order_key: _row(person, each) for person, own in bought.items() for each in own}
    differing = [dict(zip(_NAMES, row, strict=True)) for key, row in now.items() if before.get(key) != row]
    gone = [key for key in before if key not in now]
    if gone:
        connection.execute(sa.delete(purchases).where(purchases.c.order_key.in_(gone)))
    if differing:
        upsert = store.insert(purchases)
        set_ = {name: upsert.excluded[name] for name in _COLUMNS}
        connection.execute(upsert.on_conflict_do_update(index_elements=["order_key"], set_=set_), differing)


def _row(person: int, p: Purchase) -> tuple[str | int | datetime | Decimal | None, ...]:
    return p.order_key, person, p.at, p.total, p.net, p.currency, p.value, p.seen_at


def _orders(
    connection: sa.Connection, of: Whose, basis: Basis, settings: Settings, now: datetime
) -> dict[int, list[Purchase]]:
    asked = {"sources": sorted(of.of_source), "connectors": list(basis.orders_of or ()), "now": now}
    own = defaultdict(list)
    for row in connection.execute(_ORDERS, asked).all():
        key = f"{row.connector}:{row.order_id}"
        currency = row.currency or settings.currency
        purchase = Purchase(
            key, row.connector, row.order_id, row.ordered_at, row.total, row.total, currency, row.seen_at
        )
        own[of.of_source[row.contact_source]].append(purchase)
    return own


def _deals(
    connection: sa.Connection, of: Whose, basis: Basis, settings: Settings, now: datetime
) -> dict[int, list[Purchase]]:
    d = deals.c
    at = sa.func.coalesce(d.closed_at, d.created_at, type_=d.closed_at.type)
    counting = [d.deleted_at.is_(None), at <= now, d.is_won, d.amount > 0]
    if basis.deals_of is not None:
        counting.append(d.connector.in_(basis.deals_of))
    columns = d.contact_source, d.connector, d.deal_id, at.label("at"), d.amount, d.currency, d.seen_at
    own = defaultdict(list)
    for row in connection.execute(
        sa.select(*columns).where(d.contact_source.in_(sorted(of.of_source)), *counting)
    ).all():
        key = f"{row.connector}:deal:{row.deal_id}"
        currency = row.currency or settings.currency
        own[of.of_source[row.contact_source]].append(
            Purchase(key, row.connector, "", row.at, row.amount, row.amount, currency, row.seen_at)
        )
    return own


def _refunds(connection: sa.Connection, of: Whose, now: datetime) -> dict[int, list[Repayment]]:
    own = defaultdict(list)
    for row in connection.execute(_REFUNDS, {"sources": sorted(of.of_source), "now": now}).all():
        repaid = Repayment(row.connector, row.order_id, row.refunded_at, row.amount)
        own[of.of_source[row.contact_source]].append(repaid)
    return own


# --- what is asked of each portion of people


def _asked_for_orders() -> sa.Select[Any]:
    o = orders.c
    bought = sa.or_(o.status.is_(None), sa.func.lower(o.status).in_(BOUGHT))
    mine = o.contact_source.in_(any_of("sources")), o.connector.in_(any_of("connectors"))
    counting = o.deleted_at.is_(None), o.ordered_at <= sa.bindparam("now"), o.total > 0, bought
    columns = o.contact_source, o.connector, o.order_id, o.ordered_at, o.total, o.currency, o.seen_at
    return sa.select(*columns).where(*mine, *counting)


def _asked_for_refunds() -> sa.Select[Any]:
    r = refunds.c
    counting = r.deleted_at.is_(None), r.refunded_at <= sa.bindparam("now"), r.amount > 0
    columns = r.contact_source, r.connector, r.order_id, r.refunded_at, r.amount
    return sa.select(*columns).where(r.contact_source.in_(any_of("sources")), *counting).order_by(r.refunded_at, r.id)


_ORDERS, _REFUNDS = _asked_for_orders(), _asked_for_refunds()
_BEFORE = sa.select(purchases.c.order_key, *(purchases.c[name] for name in _COLUMNS)).where(
    purchases.c.contact_id.in_(any_of("people"))
)
