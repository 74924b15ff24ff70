"""Who buys again: repeat and loyal customers, how often and how soon."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from runner import clock
from runner.kpis import intervals
from runner.kpis.asked import Asked
from runner.kpis.customers import Bought, bought, currencies_without_rate, firsts
from runner.kpis.days import EPOCH
from runner.kpis.measure import Direction, Figure, Part, Reason, Unit, average, kpi, nothing, quotient, rate
from runner.kpis.spread import Spread
from runner.store.tables import purchases

_COMMON: Mapping[str, Any] = {"needs": ("orders",), "reads": (purchases.c.seen_at,)}
NO_ORDER = "no customer ordered in the period"
NO_ORDER_IN_WINDOW = "no customer ordered in the window"


@kpi(
    **_COMMON,
    key="repeat_purchase_rate",
    name="Repeat purchase rate",
    unit=Unit.RATIO,
    direction=Direction.HIGHER,
    formula="Of the customers with an order in the window that ends with the period, the share with two or more in it. "
    "Who came lately has had less time: `regulars cohorts` compares like with like.",
    nothing=NO_ORDER_IN_WINDOW,
    entry=3,
    benchmark="20 to 40 % is ideal for a shop (TapRm, quoted); a music shop's sample of 1997 had 44.8 % (CDNOW)",
)
def repeat_purchase_rate(asked: Asked) -> Mapping[str, Figure]:
    told = asked.once(bought)
    return {"": rate(told.year_repeaters, told.year_buyers, note=_window(asked))}


@kpi(
    **_COMMON,
    key="returning_customer_rate",
    name="Returning customer rate",
    unit=Unit.RATIO,
    direction=Direction.CONTEXT,
    formula="Of the customers who ordered in the period, the share with an order in it that is not their first ever. "
    "It falls when many new ones come.",
    nothing=NO_ORDER,
    entry=4,
)
def returning_customer_rate(asked: Asked) -> Mapping[str, Figure]:
    told = asked.once(bought)
    return {"": rate(told.returning_buyers, told.buyers, note=_since(asked, told))}


@kpi(
    **_COMMON,
    key="returning_order_share",
    name="Share of orders from returning customers",
    unit=Unit.RATIO,
    direction=Direction.CONTEXT,
    formula="Of the orders of the period, the share that is not its customer's first ever.",
    nothing="no order in the period",
    entry=5,
    parts={
        "revenue": Part("Share of revenue from returning customers", Unit.RATIO, "The same by net revenue."),
    },
)
def returning_order_share(asked: Asked) -> Mapping[str, Figure]:
    told = asked.once(bought)
    by_revenue = unpriced(asked, told.unpriced, told.orders)
    if by_revenue is None:
        by_revenue = quotient(told.net - asked.once(firsts).net, told.net, told.orders)
    return {"": rate(told.orders - told.first_buyers, told.orders, note=_since(asked, told)), "revenue": by_revenue}


@kpi(
    **_COMMON,
    key="purchase_frequency",
    name="Purchase frequency",
    unit=Unit.NUMBER,
    direction=Direction.HIGHER,
    formula="Orders of the period for each customer who ordered in it. Who stayed away does not lower it: "
    "read it beside retention.",
    nothing=NO_ORDER,
    entry=6,
)
def purchase_frequency(asked: Asked) -> Mapping[str, Figure]:
    told = asked.once(bought)
    if not told.buyers:
        return {"": nothing()}
    deviation = intervals.deviation(told.buyers, told.orders, told.orders_squared)
    return {"": average(told.orders / told.buyers, told.buyers, deviation)}


@kpi(
    **_COMMON,
    key="time_between_purchases",
    name="Time between purchases",
    unit=Unit.DAYS,
    direction=Direction.LOWER,
    formula="Median of the days from one day with an order to the customer's next, over those whose later day lies in "
    "the period. Who never came back has none: read it beside the repeat purchase rate.",
    nothing="no customer ordered again in the period",
    entry=7,
    parts={
        "mean": Part("Mean time between purchases", Unit.DAYS, "The mean of the same days.", Direction.LOWER),
        "p90": Part(
            "Time within which nine of ten came again",
            Unit.DAYS,
            "The 90th percentile of the same days; rounded up to 30 it suggests an activity window.",
        ),
    },
)
def time_between_purchases(asked: Asked) -> Mapping[str, Figure]:
    gaps = Spread(_gaps(asked))
    return {"": gaps.median(), "mean": gaps.mean(), "p90": gaps.at(0.9)}


@kpi(
    **_COMMON,
    key="loyal_customer_rate",
    name="Loyal customer rate",
    unit=Unit.RATIO,
    direction=Direction.HIGHER,
    formula="Of the customers with an order in the window that ends with the period, the share with so many "
    "orders in it that they are called loyal.",
    nothing=NO_ORDER_IN_WINDOW,
    entry=8,
)
def loyal_customer_rate(asked: Asked) -> Mapping[str, Figure]:
    told = asked.once(bought)
    note = f"Loyal: {asked.settings.kpis.loyal_orders} orders or more. {_window(asked)}"
    return {"": rate(told.year_loyal, told.year_buyers, note=note)}


def unpriced(asked: Asked, orders: int, n: int) -> Figure | None:
    """No amount at all where some orders have no exchange rate: none is dropped, none taken as 1 to 1."""
    if not orders:
        return None
    listed = ", ".join(asked.always(currencies_without_rate))
    return nothing(Reason.MISSING_RATE, n=n, note=f"No exchange rate for {listed}.")


def _window(asked: Asked) -> str:
    return f"Window: {asked.settings.kpis.repeat_window}."


def _since(asked: Asked, told: Bought) -> str:
    """What a first order is depends on how far back orders are known."""
    return f"Orders known since {clock.local(told.since, asked.zone).date()}." if told.since else ""


def _gaps(asked: Asked) -> Iterator[tuple[float, int]]:
    """How many gaps there are of each number of days."""
    import numpy as np

    from runner.kpis.orders import orders

    place, day = asked.once(orders).days(asked)
    again = (np.diff(place) == 0) & (day[1:] >= (asked.period.start - EPOCH).days)
    return ((days, int(many)) for days, many in enumerate(np.bincount(np.diff(day)[again])) if many)
