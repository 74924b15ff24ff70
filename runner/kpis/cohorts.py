"""Customers by the month of their first order: how many of them order in each month after, and what they bring."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from runner.kpis import intervals
from runner.kpis.customers import counting, one_row_each
from runner.kpis.days import day_number
from runner.kpis.measure import Asked, Period, Segment
from runner.kpis.periods import Step, periods_before
from runner.kpis.rows import one, total, with_customers
from runner.settings import Settings
from runner.store.tables import purchases

#: Days within which a second order is asked for; of cohorts old enough.
WITHIN = (30, 60, 90, 365)


@dataclass(frozen=True, slots=True)
class Month:
    """A cohort in the so-manieth month after its first: 0 is that of the first orders."""

    number: int
    customers: int
    #: None where an order has no exchange rate.
    revenue: float | None


@dataclass(frozen=True, slots=True)
class Cohort:
    """Those whose first order lies in a month."""

    month: date
    size: int
    months: Sequence[Month]
    #: Days → the share with a second order by then, with n and interval; only where all have had that long.
    repeat_within: dict[int, tuple[float, float, float]]

    def document(self) -> dict[str, Any]:
        return {
            "month": f"{self.month:%Y-%m}",
            "customers": self.size,
            "months": [
                {
                    "number": month.number,
                    "customers": month.customers,
                    "retention": month.customers / self.size,
                    "low": intervals.wilson(month.customers, self.size).low,
                    "high": intervals.wilson(month.customers, self.size).high,
                    "revenue": month.revenue,
                }
                for month in self.months
            ],
            "repeat_within": {
                str(days): {"value": share, "low": low, "high": high, "n": self.size}
                for days, (share, low, high) in self.repeat_within.items()
            },
        }


def cohorts(
    connection: sa.Connection,
    *,
    as_of: datetime,
    settings: Settings,
    many: int = 12,
    segment: Segment | None = None,
) -> list[Cohort]:
    """The cohorts of the last `many` months that are over, the oldest first, each up to the last such month."""
    months = periods_before(as_of, settings.timezone, Step.MONTHS, many)
    asked = Asked(connection, Period(months[0].start, months[-1].end), as_of, settings, segment)
    told: dict[int, dict[int, tuple[int, float | None]]] = defaultdict(dict)
    for came, month, customers, revenue, unpriced in connection.execute(_by_month(asked, months)):
        told[came][month] = (customers, None if unpriced else float(Decimal(revenue)))
    second = {row[0]: [int(n) for n in row[1:]] for row in connection.execute(_second_orders(asked, months))}
    return list(_cohorts(months, told, second))


def _cohorts(
    months: Sequence[Period], told: dict[int, dict[int, tuple[int, float | None]]], second: dict[int, list[int]]
) -> Iterator[Cohort]:
    for place, period in enumerate(months):
        own = told.get(place, {})
        size = own.get(place, (0, None))[0]
        if not size:
            continue
        row = [Month(after - place, *own.get(after, (0, 0.0))) for after in range(place, len(months))]
        grown = (months[-1].end - period.end).days
        repeated = {
            days: (hits / size, *intervals.wilson(hits, size))
            for days, hits in zip(WITHIN, second.get(place, ()), strict=False)
            if grown >= days
        }
        yield Cohort(period.start, size, row, repeated)


def _by_month(asked: Asked, months: Sequence[Period]) -> sa.Select[Any]:
    """How many customers of each cohort ordered in each month, and for how much."""
    orders = _orders(asked)
    o = orders.c
    came, month = (_month(asked, at, months) for at in (o.first, o.at))
    each = (
        sa.select(
            came.label("came"),
            month.label("month"),
            o.customer,
            total(o.value).label("revenue"),
            total(one(o.value.is_(None))).label("unpriced"),
        )
        .where(o.first >= asked.start)
        .group_by("came", "month", o.customer)
        .subquery()
    )
    c = each.c
    return sa.select(c.came, c.month, sa.func.count(), total(c.revenue), total(c.unpriced)).group_by(c.came, c.month)


def _second_orders(asked: Asked, months: Sequence[Period]) -> sa.Select[Any]:
    """How many customers of each cohort ordered a second time within each of the days."""
    o = _orders(asked).c
    second = sa.func.min(sa.case((o.place == 2, o.at)))
    each = (
        sa.select(o.customer, sa.func.min(o.first).label("first"), second.label("second"))
        .where(o.first >= asked.start)
        .group_by(o.customer)
        .subquery()
    )
    c = each.c
    gaps = sa.select(
        _month(asked, c.first, months).label("came"),
        (day_number(asked, c.second) - day_number(asked, c.first)).label("gap"),
    ).subquery()
    within = (total(one(gaps.c.gap <= days)) for days in WITHIN)
    return sa.select(gaps.c.came, *within).group_by(gaps.c.came)


def _orders(asked: Asked) -> sa.Subquery:
    """Every order that counts with its customer, the customer's first, and its place among the customer's."""
    rows, customer = with_customers(asked, purchases, purchases.c.contact_id)
    lately = sa.select(purchases.c.contact_id).where(counting(asked), purchases.c.at >= asked.start)
    in_time = (purchases.c.contact_id.in_(lately),) if one_row_each(asked) else ()
    window: dict[str, Any] = {"partition_by": customer, "order_by": (purchases.c.at, purchases.c.order_key)}
    return (
        sa.select(
            customer.label("customer"),
            purchases.c.at,
            purchases.c.value,
            sa.func.first_value(purchases.c.at).over(**window).label("first"),
            sa.func.row_number().over(**window).label("place"),
        )
        .select_from(rows)
        .where(counting(asked), *in_time)
        .subquery()
    )


def _month(asked: Asked, at: sa.ColumnElement[datetime], months: Sequence[Period]) -> sa.ColumnElement[int]:
    """The place of an instant's month among the months."""
    begins = [(at >= asked.midnight(month.start), place) for place, month in enumerate(months)]
    return sa.case(*reversed(begins), else_=-1)
