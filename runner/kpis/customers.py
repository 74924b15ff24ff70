"""What all customers bought, and which orders count."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import sqlalchemy as sa

from runner import clock
from runner.duration import Duration
from runner.kpis.asked import Asked
from runner.store.tables import purchases

if TYPE_CHECKING:
    from runner.kpis.firsts import Firsts


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
    #: With the lower of the two (z), which no gain of one customer makes up for another's loss in.
    xz: float
    zz: float
    #: … of whom so many brought more than before, by so much.
    risen: int
    rise: Decimal
    #: Orders without an exchange rate: of this period, the prior one, ever, in the repeat window.
    unpriced: int
    unpriced_prior: int
    unpriced_ever: int
    unpriced_year: int
    #: The first order known.
    since: datetime | None

    @property
    def lost(self) -> int:
        return self.starting - self.retained


def bought(asked: Asked) -> Bought:
    """Everything about everybody's orders up to the period's end, as known at the as-of instant."""
    from runner.kpis.totals import totals

    return totals(asked)


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


def firsts(asked: Asked) -> Firsts:
    """Of the orders of the period that are their customers' first ever: what they brought."""
    from runner.kpis.firsts import firsts_of

    return firsts_of(asked)


def all_priced(asked: Asked) -> bool:
    """Whether every order that counts has an exchange rate."""
    from runner.kpis.orders import every_order

    return asked.always(every_order).unpriced is None


def currencies_without_rate(asked: Asked) -> list[str]:
    """The currencies of orders that no rate is known for."""
    some = sa.select(purchases.c.currency).where(purchases.c.value.is_(None)).distinct()
    return sorted(currency for currency in asked.connection.scalars(some) if currency)


def has_orders(asked: Asked) -> bool:
    return asked.connection.scalar(sa.select(purchases.c.id).limit(1)) is not None
