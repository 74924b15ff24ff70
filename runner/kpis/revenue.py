"""What customers bring: order values, what a customer is worth, and whether those of before spend more or less."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from runner.kpis import intervals
from runner.kpis.ahead import worth
from runner.kpis.asked import Asked
from runner.kpis.customers import Bought, bought, counting, firsts
from runner.kpis.lifespan import lifetimes
from runner.kpis.measure import Direction, Figure, Part, Reason, Unit, average, kpi, nothing, quotient, rate
from runner.kpis.paying import Paying, paying, subscriptions
from runner.kpis.repeat import NO_ORDER, unpriced
from runner.kpis.retention import by_subscription
from runner.kpis.rows import one, there, total, with_customers
from runner.kpis.tenure import of_subscribers
from runner.store.tables import facts, purchases

order_lines = facts["order_lines"]
_ORDERS: Mapping[str, Any] = {"needs": ("orders",), "reads": (purchases.c.seen_at,)}
_EITHER: Mapping[str, Any] = {"needs": ("orders",), "reads": (purchases.c.seen_at, subscriptions.c.seen_at)}


@kpi(
    **_ORDERS,
    key="aov",
    name="Average order value",
    unit=Unit.MONEY,
    direction=Direction.HIGHER,
    formula="Net revenue of the orders of the period for each of them. A refund lowers the order it belongs to.",
    nothing="no order in the period",
    entry=14,
)
def aov(asked: Asked) -> Mapping[str, Figure]:
    told = asked.once(bought)
    return {"": _average(asked, told, told.net, told.orders, told.net_squared_by_order)}


@kpi(
    **_ORDERS,
    key="arov",
    name="Average repeat order value",
    unit=Unit.MONEY,
    direction=Direction.HIGHER,
    formula="Net revenue of the orders of the period that are not their customer's first ever, for each of them.",
    nothing="no repeat order in the period",
    entry=15,
)
def arov(asked: Asked) -> Mapping[str, Figure]:
    told = asked.once(bought)
    repeats = told.orders - told.first_buyers
    if missing := unpriced(asked, told.unpriced, repeats):
        return {"": missing}
    first = asked.once(firsts)
    return {"": _mean(told.net - first.net, repeats, told.net_squared_by_order - first.squares)}


@kpi(
    **_EITHER,
    key="arpu",
    name="Average revenue per customer",
    unit=Unit.MONEY,
    direction=Direction.HIGHER,
    formula="Net revenue of the period for each customer who ordered in it; of subscriptions, what is paid a month at "
    "the period's end for each who pays.",
    nothing=NO_ORDER,
    entry=16,
    parts={
        "per_active": Part(
            "Average revenue per active customer",
            Unit.MONEY,
            "The same amount for each customer active on average at both ends of the period, who ordered in it or did "
            "not.",
            Direction.HIGHER,
        )
    },
)
def arpu(asked: Asked) -> Mapping[str, Figure]:
    if by_subscription(asked):
        pays = asked.once(paying)
        each = _mean(pays.end, pays.ending, pays.end_squared, note="A month, for each who pays.")
        return {"": each, "per_active": _per_active(pays.end, pays)}
    told = asked.once(bought)
    each = _average(asked, told, told.net, told.buyers, told.net_squared_by_customer)
    return {"": each, "per_active": unpriced(asked, told.unpriced, told.buyers) or _per_active(told.net, told)}


def _per_active(amount: Decimal, moved: Bought | Paying) -> Figure:
    return quotient(2 * amount, moved.starting + moved.ending, (moved.starting + moved.ending) // 2)


@kpi(
    **_EITHER,
    key="clv",
    name="Customer lifetime value",
    unit=Unit.MONEY,
    direction=Direction.HIGHER,
    formula="What a customer brings a year (average order value × orders a year) × years of an average customer's "
    "life × margin; of subscriptions, what each pays a month × margin ÷ monthly churn.",
    nothing="no customer ordered in the window",
    entry=17,
    parts={
        "historic": Part(
            "Value so far",
            Unit.MONEY,
            "Net revenue that a customer has brought on average up to the period's end, × margin.",
            Direction.HIGHER,
        ),
        "model": Part(
            "Value of the year ahead",
            Unit.MONEY,
            "What a customer is expected to bring in the next 12 months, × margin, less `kpis.discount` a year: orders "
            "by MBG/NBD × their value by gamma-gamma; of subscribers, what each pays by the chance to stay (sBG). "
            "Reckoned each Monday, and told only while a test on a past that is over holds.",
            Direction.HIGHER,
        ),
        "by_tenure": Part(
            "Value of a new subscriber",
            Unit.MONEY,
            "What each pays a month × margin × the months a new subscriber stays where churn falls with tenure (sBG), "
            "discounted: one churn rate for all says too little.",
            Direction.HIGHER,
        ),
    },
)
def clv(asked: Asked) -> Mapping[str, Figure]:
    margin = asked.settings.kpis.margin
    note = "" if margin else "A value of revenue: no margin is set."
    share = Decimal(str(margin or 1))
    if by_subscription(asked):
        ahead = of_subscribers(asked, share)
        return {"": _of_subscribers(asked, share, note), "historic": nothing(Reason.NO_DENOMINATOR), **ahead}
    told = asked.once(bought)
    so_far = unpriced(asked, told.unpriced_ever, told.customers)
    if so_far is None:
        squares = told.net_ever_squared * float(share) ** 2
        so_far = _mean(told.net_ever * share, told.customers, squares, note=note)
    model = _ahead(asked, share)
    if model.value is None:
        # The part without a value is passed over where figures are listed: why stands beside the KPI itself.
        note = f"{note} Not told of the year ahead: {model.note}".strip()
    return {"": _of_buyers(asked, told, share, note), "historic": so_far, "model": model, "by_tenure": nothing()}


def _ahead(asked: Asked, margin: Decimal) -> Figure:
    """By the model, where its test holds; else why not."""
    if asked.segment is not None:
        return nothing(note="The value of the year ahead is one of all customers.")
    found = asked.once(worth)
    if found is None:
        return nothing(note="No value of the year ahead was kept by then.")
    if found.mean is None:
        return nothing(n=found.customers, note=found.why)
    return Figure(found.mean * float(margin), found.customers, note=f"As of {found.day}. {found.why}")


def _of_buyers(asked: Asked, told: Bought, margin: Decimal, note: str) -> Figure:
    if missing := unpriced(asked, told.unpriced_year, told.year_buyers):
        return missing
    life = asked.once(lifetimes).restricted_mean
    if life is None:
        return nothing(note=note)
    years = Decimal(life / 365.25)
    a_year = told.net_year * Decimal("365.25") / asked.settings.kpis.repeat_window.days
    life_note = f"An average customer's life: {life / 365.25:.1f} years, as far as it has been observed. {note}"
    return quotient(a_year * years * margin, told.year_buyers, told.year_buyers, note=life_note.strip())


def _of_subscribers(asked: Asked, margin: Decimal, note: str) -> Figure:
    """Without churn there is no end to it, and no figure."""
    pays = asked.once(paying)
    if not pays.ending or not pays.starting:
        return nothing(note=note)
    if not pays.lost:
        return nothing(Reason.NOT_REACHED, n=pays.ending, note=f"Nobody left in the period. {note}".strip())
    months = asked.period.days / (365.25 / 12)
    kept_a_month = (pays.retained / pays.starting) ** (1 / months)
    return quotient(float(pays.end / pays.ending * margin), 1 - kept_a_month, pays.ending, note=note)


@kpi(
    **_ORDERS,
    key="existing_customer_revenue_growth",
    name="Existing-customer revenue growth",
    unit=Unit.RATIO,
    direction=Direction.HIGHER,
    formula="What the customers of the period before, of the same length, bring now, less what they brought then, in "
    "parts of it. Who buys nothing counts as 0; new customers are left out.",
    nothing="no customer ordered in the period before",
    entry=24,
    benchmark="rising is good, falling says that what you do does not pay, flat is a warning",
)
def existing_customer_revenue_growth(asked: Asked) -> Mapping[str, Figure]:
    told = asked.once(bought)
    if missing := unpriced(asked, told.unpriced + told.unpriced_prior, told.prior_buyers):
        return {"": missing}
    if not told.x:
        return {"": nothing()}
    around = intervals.ratio(told.prior_buyers, float(told.x), float(told.y), told.xx, told.xy, told.yy)
    low, high = (around.low - 1, around.high - 1) if around else (None, None)
    return {"": Figure(float((told.y - told.x) / told.x), told.prior_buyers, low, high)}


@kpi(
    **{**_EITHER, "needs": ("orders", "subscriptions")},
    key="upsell_rate",
    name="Upsell rate",
    unit=Unit.RATIO,
    direction=Direction.HIGHER,
    formula="Of the customers who paid a subscription when the period began, the share that paid more when it ended; "
    "where orders are what counts, of the customers of the period before, the share that spent more in this one.",
    nothing="no customer to sell more to when the period began",
    entry=26,
    parts={
        "growth": Part(
            "Account growth",
            Unit.RATIO,
            "What those who paid more pay more, in parts of what all of them paid before.",
            Direction.HIGHER,
        ),
    },
)
def upsell_rate(asked: Asked) -> Mapping[str, Figure]:
    if by_subscription(asked):
        pays = asked.once(paying)
        growth = quotient(pays.expansion, pays.start, pays.starting)
        return {"": rate(pays.risen, pays.starting), "growth": growth}
    told = asked.once(bought)
    missing = unpriced(asked, told.unpriced + told.unpriced_prior, told.prior_buyers)
    if missing is not None:
        return {"": missing, "growth": missing}
    return {"": rate(told.risen, told.prior_buyers), "growth": quotient(told.rise, told.x, told.prior_buyers)}


@kpi(
    key="cross_sell_rate",
    name="Cross-sell rate",
    unit=Unit.RATIO,
    direction=Direction.HIGHER,
    formula="Of the customers with earlier orders who ordered in the period, the share that bought of a category new "
    "to them. Orders refunded in full are left out.",
    needs=("orders", "order_lines"),
    reads=(order_lines.c.seen_at,),
    nothing="no customer with an earlier order bought of a known category in the period",
    entry=25,
)
def cross_sell_rate(asked: Asked) -> Mapping[str, Figure]:
    of_order = purchases.c.order_key == order_lines.c.connector + ":" + order_lines.c.order_id
    rows, customer = with_customers(asked, order_lines.join(purchases, of_order), purchases.c.contact_id)
    by_category = (
        sa.select(
            customer.label("customer"),
            sa.func.min(purchases.c.at).label("first"),
            sa.func.max(purchases.c.at).label("last"),
        )
        .select_from(rows)
        .where(counting(asked), there(asked, order_lines), order_lines.c.category.is_not(None))
        .group_by(customer, order_lines.c.category)
        .subquery()
    )
    c = by_category.c
    came, newest, last = sa.func.min(c.first), sa.func.max(c.first), sa.func.max(c.last)
    again = sa.select(newest.label("newest")).group_by(c.customer).having(came < asked.start, last >= asked.start)
    found = again.subquery()
    hits, n = asked.connection.execute(
        sa.select(total(one(found.c.newest >= asked.start)), sa.func.count()).select_from(found)
    ).one()
    return {"": rate(int(hits), n)}


def _average(asked: Asked, told: Bought, amount: Decimal, n: int, squares: float) -> Figure:
    return unpriced(asked, told.unpriced, n) or _mean(amount, n, squares)


def _mean(amount: Decimal, n: int, squares: float, *, note: str = "") -> Figure:
    if not n:
        return nothing(note=note)
    return average(float(amount / n), n, intervals.deviation(n, float(amount), squares), note=note)
