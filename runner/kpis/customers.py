"""What each customer bought and when: one pass over the purchases, which every figure about orders reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from runner import clock
from runner.duration import Duration
from runner.kpis.measure import Asked
from runner.kpis.rows import money, one, total, with_customers, with_people
from runner.kpis.scored import with_risk
from runner.store.tables import contacts, purchases

#: From this probability on a risk is high.
HIGH_RISK = 0.66


@dataclass(frozen=True, slots=True)
class Bought:
    """All customers together. `ending` is always `retained` + `new` + `reactivated`; amounts are net of refunds."""

    #: Active when the period began, and when it ended.
    starting: int
    ending: int
    retained: int
    #: First order in the period, active at its end.
    new: int
    #: Active at the end, not at the start, customer before.
    reactivated: int
    #: First order in the period, no longer active at its end.
    new_and_lost: int
    #: Customers before the period, not active when it began; of these, who ordered in it.
    lapsed: int
    won_back: int
    #: Who ever ordered; who ordered in the period, and how often.
    customers: int
    buyers: int
    orders: int
    orders_squared: int
    #: Buyers of the period of whose orders in it one is not their first ever.
    returning_buyers: int
    #: Buyers of the period who had never bought before it.
    first_buyers: int
    #: With one, two and `loyal_orders` orders in the repeat window.
    year_buyers: int
    year_repeaters: int
    year_loyal: int
    #: Revenue of the period: all of it, and its squares by order and by customer.
    net: Decimal
    net_squared_by_order: float
    net_squared_by_customer: float
    #: Revenue ever, and in the repeat window.
    net_ever: Decimal
    net_ever_squared: float
    net_year: Decimal
    #: Customers of the prior period of the same length: their revenue then (x) and now (y).
    prior_buyers: int
    x: Decimal
    y: Decimal
    xx: float
    xy: float
    yy: float
    #: … of whom so many brought more than before, by so much.
    risen: int
    rise: Decimal
    #: Orders without an exchange rate: of this period, the prior one, ever, in the repeat window.
    unpriced: int
    unpriced_prior: int
    unpriced_ever: int
    unpriced_year: int
    #: Customers active at the period's end that have a score; of these, who is at high risk.
    scored: int
    at_high_risk: int
    #: Their probabilities added up, and those times what each brought in the repeat window.
    risks: Decimal
    value_at_risk: Decimal
    #: The first order known.
    since: datetime | None

    @property
    def lost(self) -> int:
        return self.starting - self.retained


def bought(asked: Asked) -> Bought:
    """Everything about everybody's orders up to the period's end, as known at the as-of instant."""
    told = asked.connection.execute(_totals(asked)).mappings().one()
    return Bought(**{name: _plain(name, value) for name, value in told.items()})


def _plain(name: str, value: Any) -> Any:
    kind = Bought.__annotations__[name]
    if kind == "int":
        return int(value)
    if name in ("risks", "value_at_risk"):
        return Decimal(str(value)) / (1 if name == "risks" else 10_000)
    # Amounts are kept in ten-thousandths: so are their squares, squared.
    return float(value) * 1e-8 if kind == "float" else value


def _totals(asked: Asked) -> sa.Select[Any]:
    c = customers(asked).c
    window = asked.settings.kpis.activity_window
    s, e = c.last_before >= window_before(asked, asked.start, window), c.last >= window_before(asked, asked.end, window)
    came, buys, buys_before = c.first >= asked.start, c.inside > 0, c.last_before.is_not(None)
    # A condition on nothing is neither true nor false: its opposite would hold for nobody.
    s = sa.func.coalesce(s, sa.false(), type_=sa.Boolean())
    prior = c.last_before >= prior_start(asked)
    x, y = _raw(c.net_prior), _raw(c.net)
    counts: Mapping[str, sa.ColumnElement[bool]] = {
        "starting": s,
        "ending": e,
        "retained": sa.and_(s, e),
        "new": sa.and_(e, came),
        "reactivated": sa.and_(e, ~s, ~came),
        "new_and_lost": sa.and_(~e, came),
        "lapsed": sa.and_(buys_before, ~s),
        "won_back": sa.and_(buys_before, ~s, buys),
        "customers": sa.true(),
        "buyers": buys,
        "returning_buyers": sa.and_(buys, sa.or_(buys_before, c.inside > 1)),
        "first_buyers": sa.and_(buys, ~buys_before),
        "year_buyers": c.year > 0,
        "year_repeaters": c.year > 1,
        "year_loyal": c.year >= asked.settings.kpis.loyal_orders,
        "prior_buyers": prior,
        "risen": sa.and_(prior, c.net > c.net_prior),
        "scored": sa.and_(e, c.risk.is_not(None)),
        "at_high_risk": sa.and_(e, c.risk >= HIGH_RISK),
    }
    sums: Mapping[str, sa.ColumnElement[Any]] = {
        "orders": c.inside,
        "orders_squared": c.inside * c.inside,
        "net": c.net,
        "net_squared_by_order": c.squares,
        "net_squared_by_customer": y * y,
        "net_ever": c.net_ever,
        "net_ever_squared": _raw(c.net_ever) * _raw(c.net_ever),
        "net_year": c.net_year,
        "x": sa.case((prior, c.net_prior), else_=0),
        "y": sa.case((prior, c.net), else_=0),
        "xx": sa.case((prior, x * x), else_=0.0),
        "xy": sa.case((prior, x * y), else_=0.0),
        "yy": sa.case((prior, y * y), else_=0.0),
        "rise": sa.case((sa.and_(prior, c.net > c.net_prior), money(c.net - c.net_prior)), else_=0),
        **{
            name: c.get(name, sa.literal(0))
            for name in ("unpriced", "unpriced_prior", "unpriced_ever", "unpriced_year")
        },
        "risks": sa.case((e, c.risk), else_=0.0),
        "value_at_risk": sa.case((e, c.risk * _raw(c.net_year)), else_=0.0),
    }
    counted = (total(one(condition)).label(name) for name, condition in counts.items())
    summed = (total(amount).label(name) for name, amount in sums.items())
    return sa.select(*counted, *summed, sa.func.min(c.first).label("since"))


def customers(asked: Asked) -> sa.Subquery:
    """One row a customer: first order, last one, last before the period, orders and amounts of several spans, risk."""
    of_contact = _of_contacts(asked).subquery("of_contact")
    c = of_contact.c
    if one_row_each(asked):
        rows, person = with_people(asked, of_contact, c.contact_id)
        rows, risk = with_risk(asked, rows, person)
        return sa.select(person.label("customer"), risk.label("risk"), *c).select_from(rows).subquery("customers")
    rows, customer = with_customers(asked, of_contact, c.contact_id)
    times = (
        sa.func.min(c.first).label("first"),
        sa.func.max(c.last).label("last"),
        sa.func.max(c.last_before).label("last_before"),
    )
    scored = asked.settings.customers == "contact"
    rows, risk = with_risk(asked, rows, customer) if scored else (rows, sa.cast(sa.null(), sa.Float))
    said = {"contact_id", *(each.name for each in times)}
    summed = (total(column).label(column.name) for column in c if column.name not in said)
    columns = customer.label("customer"), sa.func.max(risk).label("risk"), *times, *summed
    return sa.select(*columns).select_from(rows).group_by(customer).subquery("customers")


def _of_contacts(asked: Asked) -> sa.Select[Any]:
    """As little as can be for each order: there are millions of them."""
    at, value = purchases.c.at, purchases.c.value
    before, inside = at < asked.start, at >= asked.start
    year = at >= window_before(asked, asked.end, asked.settings.kpis.repeat_window)
    spans = {"": inside, "_prior": sa.and_(at >= prior_start(asked), before), "_year": year}
    nets = [total(sa.case((span, value), else_=0)).label(f"net{name}") for name, span in spans.items()]
    unpriced = [total(one(sa.and_(span, value.is_(None)))).label(f"unpriced{name}") for name, span in spans.items()]
    return (
        sa.select(
            purchases.c.contact_id,
            sa.func.min(at).label("first"),
            sa.func.max(at).label("last"),
            sa.func.max(sa.case((before, at))).label("last_before"),
            sa.func.sum(one(inside)).label("inside"),
            sa.func.sum(one(year)).label("year"),
            total(value).label("net_ever"),
            *nets,
            total(sa.case((inside, _raw(value) * _raw(value)), else_=0.0)).label("squares"),
            (sa.func.count() - sa.func.count(value)).label("unpriced_ever"),
            *(unpriced if asked.once(currencies_without_rate) else ()),
        )
        .where(counting(asked))
        .group_by(purchases.c.contact_id)
    )


def counting(asked: Asked, bought: sa.FromClause = purchases) -> sa.ColumnElement[bool]:
    """The orders that count: before the period's end, known at the as-of instant, not refunded in full."""
    return sa.and_(asked.before(bought.c.at), asked.known(bought.c.seen_at), bought.c.net > 0)


def window_before(asked: Asked, at: datetime, window: Duration) -> datetime:
    """Where the window that ends at the instant begins: the same wall-clock time so much earlier."""
    wall = clock.local(at, asked.zone) - window.span
    return wall.astimezone(at.tzinfo)


def prior_start(asked: Asked) -> datetime:
    """Where a period of the same length begins that ends where this one begins."""
    days = max((asked.last_instant - asked.period.start).days, 1)
    return asked.midnight(asked.period.start - timedelta(days=days))


def first_net(asked: Asked) -> Decimal:
    """Revenue of the orders of the period that are their customers' first ever."""
    rows, customer = with_customers(asked, purchases, purchases.c.contact_id)
    place = sa.func.row_number().over(partition_by=customer, order_by=(purchases.c.at, purchases.c.order_key))
    ranked = (
        sa.select(purchases.c.value, place.label("place"))
        .select_from(rows)
        .where(counting(asked), purchases.c.at >= asked.start, ~_bought_before(asked, customer))
        .subquery()
    )
    net = asked.connection.scalar(sa.select(total(ranked.c.value)).where(ranked.c.place == 1))
    return net or Decimal(0)


def _bought_before(asked: Asked, customer: sa.ColumnElement[int]) -> sa.ColumnElement[bool]:
    earlier = purchases.alias()
    before = sa.and_(counting(asked, earlier), earlier.c.at < asked.start)
    if one_row_each(asked):
        return sa.exists().where(earlier.c.contact_id == purchases.c.contact_id, before)
    rows, buyer = with_customers(asked, earlier, earlier.c.contact_id)
    return customer.in_(sa.select(buyer).select_from(rows).where(before))


def one_row_each(asked: Asked) -> bool:
    """Whether every customer's orders stand under one contact: customers are contacts and nobody was merged."""
    return asked.settings.customers == "contact" and not asked.once(_merged_buyers)


def currencies_without_rate(asked: Asked) -> list[str]:
    """The currencies of orders that no rate is known for."""
    some = sa.select(purchases.c.currency).where(purchases.c.value.is_(None)).distinct()
    return sorted(currency for currency in asked.connection.scalars(some) if currency)


def has_orders(asked: Asked) -> bool:
    return asked.connection.scalar(sa.select(purchases.c.id).limit(1)) is not None


def _merged_buyers(asked: Asked) -> bool:
    """Whether orders stand under a record that was merged into another one."""
    of = contacts.join(purchases, purchases.c.contact_id == contacts.c.id)
    merged = sa.select(contacts.c.id).select_from(of).where(contacts.c.merged_into.is_not(None)).limit(1)
    return asked.connection.scalar(merged) is not None


def _raw(amount: sa.ColumnElement[Any]) -> sa.ColumnElement[float]:
    """An amount in ten-thousandths as a float: squares of whole numbers leave their range."""
    return sa.cast(sa.type_coerce(amount, sa.BigInteger), sa.Float)
