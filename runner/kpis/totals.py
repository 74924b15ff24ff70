"""All customers together, out of every order that counts: the sums that figures about orders are made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from runner.kpis.asked import Asked
from runner.kpis.customers import Bought, prior_start, window_before
from runner.kpis.orders import Orders, instant, instant_of, orders
from runner.kpis.sums import money_of, product_of
from runner.store.arrays import Ints, Yes


@dataclass(frozen=True, slots=True)
class _Span:
    """The orders from an instant on, by customer: the last so many of each."""

    many: Ints
    net: Ints
    #: Orders without an exchange rate, of all.
    unpriced: int


@dataclass(frozen=True, slots=True)
class _Customers:
    """Where each customer stands at both ends of a period."""

    #: Active when it began, and when it ended.
    s: Yes
    e: Yes
    #: First ordered in it; had ordered before it; orders in it.
    came: Yes
    before: Yes
    buys: Yes


def totals(asked: Asked) -> Bought:
    """Everything about everybody's orders up to the period's end, as known at the as-of instant."""
    told = asked.once(orders)
    since = _spans(told)
    start, prior = instant(asked.start), instant(prior_start(asked))
    inside, before = since(start), since(prior)
    year = since(instant(window_before(asked, asked.end, asked.settings.kpis.repeat_window)))
    last_before = np.where(
        inside.many < np.diff(told.begins), told.at[told.begins[1:] - 1 - inside.many], np.iinfo(np.int64).min
    )
    stand = _standing(asked, told, inside, last_before)
    then = last_before >= prior
    return Bought(
        **_counts(asked, told, stand, inside, year),
        **_of_period(told, inside, start),
        **_ever(told, since(np.iinfo(np.int64).min), year),
        **_against(inside.net[then], (before.net - inside.net)[then]),
        unpriced_prior=before.unpriced - inside.unpriced,
    )


def _spans(told: Orders) -> Callable[[int], _Span]:
    """Sums from any instant on: orders are in order of time, so that each customer's latest ones lie side by side."""
    behind = told.begins[1:]
    upto = np.concatenate(([0], np.cumsum(told.value)))

    def since(at: int) -> _Span:
        late = told.at >= at
        many = told.each(late)
        unpriced = 0 if told.unpriced is None else int(np.count_nonzero(late & told.unpriced))
        return _Span(many, upto[behind] - upto[behind - many], unpriced)

    return since


def _standing(asked: Asked, told: Orders, inside: _Span, last_before: Ints) -> _Customers:
    window = asked.settings.kpis.activity_window
    return _Customers(
        s=last_before >= instant(window_before(asked, asked.start, window)),
        e=told.last >= instant(window_before(asked, asked.end, window)),
        came=told.first >= instant(asked.start),
        before=inside.many < np.diff(told.begins),
        buys=inside.many > 0,
    )


def _counts(asked: Asked, told: Orders, stand: _Customers, inside: _Span, year: _Span) -> dict[str, Any]:
    """How many customers there are of each kind."""
    s, e, came, before, buys = stand.s, stand.e, stand.came, stand.before, stand.buys
    each: dict[str, Yes] = {
        "starting": s,
        "ending": e,
        "retained": s & e,
        "new": e & came,
        "reactivated": e & ~s & ~came,
        "new_and_lost": ~e & came,
        "lapsed": before & ~s,
        "won_back": before & ~s & buys,
        "buyers": buys,
        "returning_buyers": buys & (before | (inside.many > 1)),
        "first_buyers": buys & ~before,
        "year_buyers": year.many > 0,
        "year_repeaters": year.many > 1,
        "year_loyal": year.many >= asked.settings.kpis.loyal_orders,
    }
    return {name: int(np.count_nonzero(which)) for name, which in each.items()} | {"customers": len(told)}


def _of_period(told: Orders, inside: _Span, start: int) -> dict[str, Any]:
    """Orders of the period and what they brought."""
    value = told.value[told.at >= start]
    return {
        "orders": int(inside.many.sum()),
        "orders_squared": int((inside.many * inside.many).sum()),
        "net": money_of(inside.net),
        "net_squared_by_order": product_of(value, value),
        "net_squared_by_customer": product_of(inside.net, inside.net),
        "unpriced": inside.unpriced,
    }


def _ever(told: Orders, ever: _Span, year: _Span) -> dict[str, Any]:
    """What they brought up to the period's end: ever, and in the repeat window."""
    return {
        "net_ever": money_of(ever.net),
        "net_ever_squared": product_of(ever.net, ever.net),
        "net_year": money_of(year.net),
        "unpriced_ever": ever.unpriced,
        "unpriced_year": year.unpriced,
        "since": instant_of(int(told.first.min())) if len(told) else None,
    }


def _against(y: Ints, x: Ints) -> dict[str, Any]:
    """What the customers of the prior period bring now (y) and brought then (x), and the lower of the two (z)."""
    z = np.minimum(x, y)
    return {
        "prior_buyers": len(x),
        "risen": int(np.count_nonzero(y > x)),
        "x": money_of(x),
        "y": money_of(y),
        "xx": product_of(x, x),
        "xy": product_of(x, y),
        "yy": product_of(y, y),
        "xz": product_of(x, z),
        "zz": product_of(z, z),
        "rise": money_of((y - x)[y > x]),
    }
