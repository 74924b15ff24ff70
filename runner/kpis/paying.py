"""What each customer pays a month at both ends of a period: one look at the subscriptions, which many figures read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from runner.kpis.asked import Asked
from runner.kpis.rows import plain
from runner.store.tables import facts

subscriptions = facts["subscriptions"]
#: How many months each interval has.
MONTHS = {"month": 1.0, "monthly": 1.0, "quarter": 3.0, "year": 12.0, "yearly": 12.0, "annual": 12.0, "week": 12 / 52}


@dataclass(frozen=True, slots=True)
class Paying:
    """All customers together. `end` = `start` + new + reactivation + expansion − contraction − churned, to the cent."""

    starting: int
    ending: int
    retained: int
    new: int
    reactivated: int
    #: Began to pay in the period and pays no more at its end.
    new_and_lost: int
    #: Had paid before the period and not when it began; of these, who pays at its end.
    lapsed: int
    won_back: int
    #: Who paid more at the end than at the start.
    risen: int
    start: Decimal
    end: Decimal
    new_amount: Decimal
    reactivation: Decimal
    expansion: Decimal
    contraction: Decimal
    churned: Decimal
    #: Of those who paid at the start: squares and products of then (x), now (y), and the lower of the two (z).
    xx: float
    xy: float
    yy: float
    xz: float
    zz: float
    #: Squares of what is paid at the end.
    end_squared: float
    #: The first day anybody paid.
    since: date | None

    @property
    def lost(self) -> int:
        return self.starting - self.retained

    @property
    def kept(self) -> Decimal:
        """What those of the start pay now, gains of one not making up for losses of another."""
        return self.start - self.contraction - self.churned


def paying(asked: Asked) -> Paying:
    """Everything about everybody's subscriptions at the period's ends, as known at the as-of instant."""
    from runner.kpis.paid import paying_of

    return paying_of(asked)


def live(day: date) -> sa.ColumnElement[bool]:
    """Paid for when the day begins: what ends that day has ended, what starts that day has started."""
    c = subscriptions.c
    begun = sa.and_(c.started_on <= day, sa.or_(c.trial_end.is_(None), c.trial_end <= day))
    return sa.and_(begun, sa.or_(c.ended_on.is_(None), c.ended_on > day), monthly() > 0)


def paid_up_to(day: sa.ColumnElement[date], c: Any) -> sa.ColumnElement[bool]:
    """Of subscriptions with the columns `c`: paid for in the night before the day, on which it may end."""
    begun = sa.and_(c.started_on < day, sa.or_(c.trial_end.is_(None), c.trial_end < day))
    return sa.and_(begun, sa.or_(c.ended_on.is_(None), c.ended_on >= day))


def monthly() -> sa.ColumnElement[float]:
    """Quantity × price × (1 − discount) ÷ months of the interval, in ten-thousandths; 0 of an unknown interval."""
    c = subscriptions.c
    quantity, price, discount = (
        sa.cast(sa.type_coerce(amount, sa.BigInteger), sa.Float)
        for amount in (c.quantity, c.unit_amount, c.discount_pct)
    )
    months = sa.case(MONTHS, value=plain(c.interval, MONTHS))
    monthly = quantity * price * 0.0001 * (1 - sa.func.coalesce(discount, 0.0) * 0.000001) / months
    return sa.func.coalesce(monthly, 0.0, type_=sa.Float())


def has_subscriptions(asked: Asked) -> bool:
    return asked.connection.scalar(sa.select(subscriptions.c.id).limit(1)) is not None
