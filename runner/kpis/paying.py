"""What each customer pays a month at both ends of a period: one look at the subscriptions, which many figures read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from runner.kpis.measure import Asked
from runner.kpis.rows import money, one, plain, there, total, with_accounts
from runner.store.tables import facts

subscriptions = facts["subscriptions"]
_MONTHS = {"month": 1.0, "monthly": 1.0, "quarter": 3.0, "year": 12.0, "yearly": 12.0, "annual": 12.0, "week": 12 / 52}


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
    c = customers(asked).c
    m0, m1, ever = c.m0, c.m1, c.ever == 1
    s, e, came = m0 > 0, m1 > 0, c.paid_from >= asked.period.start
    x, y = (sa.cast(sa.type_coerce(amount, sa.BigInteger), sa.Float) for amount in (m0, m1))
    z = sa.case((y < x, y), else_=x)

    def of(condition: sa.ColumnElement[bool], amount: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        return total(sa.case((condition, amount), else_=0))

    told = asked.connection.execute(
        sa.select(
            *(
                total(one(condition)).label(name)
                for name, condition in {
                    "starting": s,
                    "ending": e,
                    "retained": sa.and_(s, e),
                    "new": sa.and_(e, ~s, ~ever),
                    "reactivated": sa.and_(e, ~s, ever),
                    "new_and_lost": sa.and_(~e, came),
                    "lapsed": sa.and_(ever, ~s),
                    "won_back": sa.and_(ever, ~s, e),
                    "risen": sa.and_(s, m1 > m0),
                }.items()
            ),
            of(s, m0).label("start"),
            of(e, m1).label("end"),
            of(sa.and_(~s, ~ever), m1).label("new_amount"),
            of(sa.and_(~s, ever), m1).label("reactivation"),
            of(sa.and_(s, m1 > m0), money(m1 - m0)).label("expansion"),
            of(sa.and_(s, e, m1 < m0), money(m0 - m1)).label("contraction"),
            of(sa.and_(s, ~e), m0).label("churned"),
            of(s, x * x).label("xx"),
            of(s, x * y).label("xy"),
            of(s, y * y).label("yy"),
            of(s, x * z).label("xz"),
            of(s, z * z).label("zz"),
            total(y * y).label("end_squared"),
            sa.func.min(c.paid_from).label("since"),
        )
    )
    return Paying(**{name: _plain(name, value) for name, value in told.mappings().one().items()})


def _plain(name: str, value: Any) -> Any:
    kind = Paying.__annotations__[name]
    # Amounts are kept in ten-thousandths: so are their squares, squared.
    return int(value) if kind == "int" else float(value) * 1e-8 if kind == "float" else value


def customers(asked: Asked) -> sa.Subquery:
    """One row a customer: paid a month at the start (m0) and end (m1), paid before the start (ever), since when."""
    rows, customer = with_accounts(asked, subscriptions)
    s = subscriptions.c
    # Reckoned once for each of them, however often it is asked for below.
    versions = (
        sa.select(customer.label("customer"), monthly().label("monthly"), s.started_on, s.trial_end, s.ended_on)
        .select_from(rows)
        .where(there(asked, subscriptions), s.started_on <= asked.last_instant)
        .cte("versions")
        .prefix_with("MATERIALIZED")
    )
    c = versions.c
    paid_from = sa.case((c.trial_end > c.started_on, c.trial_end), else_=c.started_on)
    paid = sa.and_(c.monthly > 0, sa.or_(c.ended_on.is_(None), c.ended_on > paid_from))
    start, end = (sa.case((live(day, c), c.monthly), else_=0.0) for day in (asked.period.start, asked.last_instant))
    return (
        sa.select(
            c.customer,
            _whole(sa.func.sum(start)).label("m0"),
            _whole(sa.func.sum(end)).label("m1"),
            sa.func.max(one(sa.and_(paid, paid_from < asked.period.start))).label("ever"),
            sa.func.min(sa.case((paid, paid_from))).label("paid_from"),
            sa.func.max(sa.func.coalesce(c.ended_on, date.max, type_=sa.Date())).label("paid_until"),
        )
        .group_by(c.customer)
        .subquery()
    )


def live(day: date, of: Any = None) -> sa.ColumnElement[bool]:
    """Paid for when the day begins: what ends that day has ended, what starts that day has started."""
    c = subscriptions.c if of is None else of
    begun = sa.and_(c.started_on <= day, sa.or_(c.trial_end.is_(None), c.trial_end <= day))
    pays = monthly() if of is None else of.monthly
    return sa.and_(begun, sa.or_(c.ended_on.is_(None), c.ended_on > day), pays > 0)


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
    months = sa.case(_MONTHS, value=plain(c.interval, _MONTHS))
    monthly = quantity * price * 0.0001 * (1 - sa.func.coalesce(discount, 0.0) * 0.000001) / months
    return sa.func.coalesce(monthly, 0.0, type_=sa.Float())


def _whole(amount: sa.ColumnElement[Any]) -> sa.ColumnElement[Decimal]:
    """Rounded once a customer, so that what is added up afterwards adds up."""
    return money(sa.cast(sa.func.round(amount), sa.BigInteger))


def has_subscriptions(asked: Asked) -> bool:
    return asked.connection.scalar(sa.select(subscriptions.c.id).limit(1)) is not None
