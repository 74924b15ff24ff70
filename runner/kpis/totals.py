"""All customers together, out of every order that counts: the sums that figures about orders are made of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import numpy as np
import sqlalchemy as sa

from runner.kpis.customers import HIGH_RISK, Bought, prior_start, window_before
from runner.kpis.measure import Asked
from runner.kpis.orders import Orders, instant, orders
from runner.kpis.scored import with_risk
from runner.store.arrays import Floats, Ints, Yes, arrays
from runner.store.tables import contacts

#: Amounts are kept in ten-thousandths.
_PARTS = 10_000


@dataclass(frozen=True, slots=True)
class _Span:
    """The orders of some time, by customer."""

    many: Ints
    net: Ints
    #: Orders without an exchange rate, of all.
    unpriced: int


def totals(asked: Asked) -> Bought:
    """Everything about everybody's orders up to the period's end, as known at the as-of instant."""
    told = asked.once(orders)
    window = asked.settings.kpis.activity_window
    start, prior = instant(asked.start), instant(prior_start(asked))
    ever = _span(told, np.ones(len(told.at), bool))
    inside, before = _span(told, told.at >= start), _span(told, (told.at >= prior) & (told.at < start))
    year = _span(told, told.at >= instant(window_before(asked, asked.end, asked.settings.kpis.repeat_window)))
    bought_before, buys = inside.many < ever.many, inside.many > 0
    last_before = np.where(bought_before, told.at[told.begins[1:] - 1 - inside.many], np.iinfo(np.int64).min)
    s = last_before >= instant(window_before(asked, asked.start, window))
    e, came = told.last >= instant(window_before(asked, asked.end, window)), told.first >= start
    then = last_before >= prior
    x, y = before.net[then], inside.net[then]
    counts: dict[str, Yes] = {
        "starting": s,
        "ending": e,
        "retained": s & e,
        "new": e & came,
        "reactivated": e & ~s & ~came,
        "new_and_lost": ~e & came,
        "lapsed": bought_before & ~s,
        "won_back": bought_before & ~s & buys,
        "buyers": buys,
        "returning_buyers": buys & (bought_before | (inside.many > 1)),
        "first_buyers": buys & ~bought_before,
        "year_buyers": year.many > 0,
        "year_repeaters": year.many > 1,
        "year_loyal": year.many >= asked.settings.kpis.loyal_orders,
        "prior_buyers": then,
        "risen": y > x,
    }
    numbers: dict[str, Any] = {name: int(np.count_nonzero(which)) for name, which in counts.items()}
    return Bought(
        **numbers,
        customers=len(told),
        orders=int(inside.many.sum()),
        orders_squared=int((inside.many * inside.many).sum()),
        net=_money(inside.net),
        net_squared_by_order=_product(value := told.value[told.at >= start], value),
        net_squared_by_customer=_product(inside.net, inside.net),
        net_ever=_money(ever.net),
        net_ever_squared=_product(ever.net, ever.net),
        net_year=_money(year.net),
        x=_money(x),
        y=_money(y),
        xx=_product(x, x),
        xy=_product(x, y),
        yy=_product(y, y),
        rise=_money((y - x)[y > x]),
        unpriced=inside.unpriced,
        unpriced_prior=before.unpriced,
        unpriced_ever=ever.unpriced,
        unpriced_year=year.unpriced,
        since=datetime.fromtimestamp(told.first.min() / 1e6, asked.start.tzinfo) if len(told) else None,
        **_at_risk(asked, told, e, year.net),
    )


def _span(told: Orders, which: Yes) -> _Span:
    unpriced = 0 if told.unpriced is None else int(np.count_nonzero(which & told.unpriced))
    return _Span(told.each(which), told.each(np.where(which, told.value, 0)), unpriced)


def _money(amounts: Ints) -> Decimal:
    return Decimal(int(amounts.sum())) / _PARTS


def _product(some: Ints, others: Ints) -> float:
    """The products added up: as floats, since those of whole numbers leave their range."""
    return float((some.astype(float) * others).sum()) / _PARTS**2


def _at_risk(asked: Asked, told: Orders, active: Yes, net_year: Ints) -> dict[str, Any]:
    """Of the customers active at the period's end that have a score: how many, at high risk, and what hangs on them."""
    risk = _risks(asked, told.customers[active])
    scored = ~np.isnan(risk)
    risk, brought = risk[scored], net_year[active][scored]
    return {
        "scored": len(risk),
        "at_high_risk": int(np.count_nonzero(risk >= HIGH_RISK)),
        "risks": Decimal(str(round(float(risk.sum()), 6))),
        "value_at_risk": Decimal(str(round(float((risk * brought).sum()), 4))) / _PARTS,
    }


def _risks(asked: Asked, people: Ints) -> Floats:
    """How likely each contact is not to order again, as scored then; not a number without a score."""
    risks = np.full(len(people), np.nan)
    if asked.settings.customers != "contact":
        return risks
    rows, risk_then = with_risk(asked, contacts, contacts.c.id)
    known = sa.select(contacts.c.id, sa.type_coerce(risk_then, sa.Float).label("risk")).select_from(rows)
    scored, risk = arrays(asked.connection, known.where(risk_then.is_not(None)), by=contacts.c.id)
    if len(scored):
        place = np.minimum(np.searchsorted(scored, people), len(scored) - 1)
        risks = np.where(scored[place] == people, risk[place], np.nan)
    return risks
