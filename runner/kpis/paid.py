"""Every paid subscription, read once a look: what each customer pays at both ends of a period, as arrays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import sqlalchemy as sa

from runner.kpis.asked import Asked
from runner.kpis.days import EPOCH
from runner.kpis.paying import MONTHS, Paying, subscriptions
from runner.kpis.rows import plain, there, with_accounts
from runner.kpis.sums import money_of, product_of
from runner.store.arrays import NOTHING, Floats, Ints, Yes, numbers

#: Later than any day.
_OPEN = 2**40


@dataclass(frozen=True, slots=True)
class Paid:
    """Amounts are in ten-thousandths, days are counted from 1970."""

    #: Contacts or companies, ascending.
    customers: Ints
    #: A month, when the period begins and when it ends.
    start: Ints
    end: Ints
    #: Whether they paid before it began.
    ever: Yes
    #: The first day they paid, `NOTHING` of those who never did; and the one on which it ends.
    since: Ints
    until: Ints

    def active(self, *, end: bool) -> Ints:
        """Who pays at an end of the period."""
        return self.customers[(self.end if end else self.start) > 0]

    def tenures(self, last: int) -> Iterator[tuple[int, bool, int]]:
        """How often each number of days of paying occurs up to a day, ended and not."""
        some = (self.since != NOTHING) & (self.since <= last)
        since, until = self.since[some], self.until[some]
        for ended, which in ((True, until <= last), (False, until > last)):
            days, many = np.unique(np.minimum(until, last)[which] - since[which], return_counts=True)
            yield from ((day, ended, n) for day, n in zip(days.tolist(), many.tolist(), strict=True))


def paid(asked: Asked) -> Paid:
    """As known at the as-of instant."""
    customer, quantity, price, discount, interval, started, trial, ended = _versions(asked)
    monthly = _monthly(quantity, price, discount, interval)
    ended = np.where(ended == NOTHING, _OPEN, ended)
    since = np.where(trial > started, trial, started)
    ever_paid = (monthly > 0) & (ended > since)
    first, last = (_number(day) for day in (asked.period.start, asked.last_instant))
    customers, place = np.unique(customer, return_inverse=True)

    def at(day: int) -> Ints:
        live = (started <= day) & (trial <= day) & (ended > day)
        # Rounded once a customer, so that what is added up afterwards adds up.
        summed = np.bincount(place, np.where(live, monthly, 0.0), len(customers))
        whole: Ints = np.floor(summed + 0.5).astype(np.int64)
        return whole

    ever = np.bincount(place[ever_paid & (since < first)], minlength=len(customers)) > 0
    begin, until = np.full(len(customers), _OPEN), np.full(len(customers), NOTHING)
    np.minimum.at(begin, place[ever_paid], since[ever_paid])
    np.maximum.at(until, place, ended)
    return Paid(customers, at(first), at(last), ever, np.where(begin == _OPEN, NOTHING, begin), until)


def _versions(asked: Asked) -> Sequence[Ints]:
    """The subscriptions that had begun by the period's end."""
    rows, customer = with_accounts(asked, subscriptions)
    s = subscriptions.c
    amounts: list[Any] = [
        sa.type_coerce(amount, sa.BigInteger) for amount in (s.quantity, s.unit_amount, s.discount_pct)
    ]
    interval = sa.case(dict(zip(MONTHS, range(len(MONTHS)), strict=True)), value=plain(s.interval, MONTHS))
    begun = s.started_on <= asked.last_instant
    columns: list[Any] = [customer, *amounts, interval, s.started_on, s.trial_end, s.ended_on]
    return numbers(asked.connection, sa.select(*columns).select_from(rows).where(there(asked, subscriptions), begun))


def _monthly(quantity: Ints, price: Ints, discount: Ints, interval: Ints) -> Floats:
    """Quantity × price × (1 − discount) ÷ months of the interval; 0 of an unknown interval."""
    months = np.append(np.array(list(MONTHS.values())), np.inf)[np.where(interval == NOTHING, len(MONTHS), interval)]
    off = np.where(discount == NOTHING, 0, discount)
    known = (quantity != NOTHING) & (price != NOTHING)
    monthly: Floats = np.where(known, quantity.astype(float) * price * 0.0001 * (1 - off * 0.000001) / months, 0.0)
    return monthly


def paying_of(asked: Asked) -> Paying:
    """All customers together."""
    told = asked.once(paid)
    x, y, ever = told.start, told.end, told.ever
    s, e, came = x > 0, y > 0, told.since >= _number(asked.period.start)
    z = np.minimum(x, y)
    counts: dict[str, Yes] = {
        "starting": s,
        "ending": e,
        "retained": s & e,
        "new": e & ~s & ~ever,
        "reactivated": e & ~s & ever,
        "new_and_lost": ~e & came,
        "lapsed": ever & ~s,
        "won_back": ever & ~s & e,
        "risen": s & (y > x),
    }
    amounts: dict[str, Ints] = {
        "start": x,
        "end": y,
        "new_amount": y[~s & ~ever],
        "reactivation": y[~s & ever],
        "expansion": (y - x)[s & (y > x)],
        "contraction": (x - y)[s & e & (y < x)],
        "churned": x[s & ~e],
    }
    squares: dict[str, tuple[Ints, Ints]] = {
        "xx": (x, x),
        "xy": (x, y),
        "yy": (y[s], y[s]),
        "xz": (x, z),
        "zz": (z, z),
        "end_squared": (y, y),
    }
    paid_ever = told.since[told.since != NOTHING]
    told_of: dict[str, Any] = {name: int(np.count_nonzero(which)) for name, which in counts.items()}
    told_of |= {name: money_of(amount) for name, amount in amounts.items()}
    told_of |= {name: product_of(*pair) for name, pair in squares.items()}
    return Paying(
        **told_of,
        since=EPOCH + timedelta(days=int(paid_ever.min())) if len(paid_ever) else None,
    )


def _number(day: date) -> int:
    return (day - EPOCH).days
