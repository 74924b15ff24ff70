"""Who stayed and who left, counted as sets of customers and never as a difference of totals."""

from __future__ import annotations

from collections.abc import Mapping

from runner import clock
from runner.kpis.asked import Asked
from runner.kpis.customers import Bought, bought, has_orders
from runner.kpis.measure import Direction, Figure, Part, Unit, count, kpi, quotient, rate
from runner.kpis.paying import Paying, has_subscriptions, paying, subscriptions
from runner.store.tables import purchases

NOBODY = "no customer was active when the period began"


@kpi(
    key="crr",
    name="Customer retention rate",
    unit=Unit.RATIO,
    direction=Direction.HIGHER,
    formula="Of the customers active when the period began, the share that was active when it ended.",
    needs=("orders",),
    reads=(purchases.c.seen_at, subscriptions.c.seen_at),
    nothing=NOBODY,
    entry=1,
    parts={
        "start": Part("Customers at the start", Unit.COUNT, "Customers active when the period began."),
        "retained": Part("Customers retained", Unit.COUNT, "Active when the period began and when it ended."),
        "new": Part("New customers", Unit.COUNT, "First order in the period, active when it ended."),
        "reactivated": Part(
            "Customers reactivated",
            Unit.COUNT,
            "Active when the period ended, not when it began, and customers before.",
        ),
        "end": Part(
            "Customers at the end",
            Unit.COUNT,
            "Customers active when the period ended: those retained, new and reactivated.",
        ),
        "with_reactivated": Part(
            "Retained or reactivated",
            Unit.RATIO,
            "Those retained and those reactivated, in parts of the customers at the start: (end − new) ÷ start, which "
            "many print as retention. It may exceed 100 %.",
        ),
    },
)
def crr(asked: Asked) -> Mapping[str, Figure]:
    moved = movement(asked)
    return {
        "": rate(moved.retained, moved.starting, note=_note(asked, moved)),
        "start": count(moved.starting),
        "retained": count(moved.retained),
        "new": count(moved.new),
        "reactivated": count(moved.reactivated),
        "end": count(moved.ending),
        "with_reactivated": quotient(moved.retained + moved.reactivated, moved.starting, moved.starting),
    }


@kpi(
    key="churn_rate",
    name="Customer churn rate",
    unit=Unit.RATIO,
    direction=Direction.LOWER,
    formula="Of the customers active when the period began, the share that was no longer active when it ended.",
    needs=("orders",),
    reads=(purchases.c.seen_at, subscriptions.c.seen_at),
    nothing=NOBODY,
    entry=2,
    benchmark="above 7 % of a month's subscribers look into it soon: it is 58 % a year",
    parts={
        "lost": Part(
            "Customers lost",
            Unit.COUNT,
            "Active when the period began, no longer when it ended.",
            Direction.LOWER,
        ),
        "new_and_lost": Part(
            "Won and lost in the period",
            Unit.COUNT,
            "First order in the period, no longer active when it ended. Not part of the rate.",
            Direction.LOWER,
        ),
        "stripe": Part(
            "Churn as Stripe counts it",
            Unit.RATIO,
            "Lost in the period, those won in it included, of those active at the start and those won in it.",
            Direction.LOWER,
        ),
        "monthly": Part(
            "Churn a month", Unit.RATIO, "The same rate brought to a month by compounding.", Direction.LOWER
        ),
        "yearly": Part(
            "Churn a year",
            Unit.RATIO,
            "The same rate brought to a year by compounding: 7 % a month are 58 % a year, not 84 %.",
            Direction.LOWER,
        ),
    },
)
def churn_rate(asked: Asked) -> Mapping[str, Figure]:
    moved = movement(asked)
    lost = rate(moved.lost, moved.starting, note=_note(asked, moved))
    return {
        "": lost,
        "lost": count(moved.lost),
        "new_and_lost": count(moved.new_and_lost),
        "stripe": rate(moved.lost + moved.new_and_lost, moved.starting + moved.new + moved.new_and_lost),
        "monthly": _compounded(lost, 1 / _months(asked)),
        "yearly": _compounded(lost, 12 / _months(asked)),
    }


def _compounded(lost: Figure, times: float) -> Figure:
    """What a rate comes to over so many periods after one another, if it never changes."""
    value, low, high = (None if part is None else 1 - (1 - part) ** times for part in (lost.value, lost.low, lost.high))
    return Figure(value, lost.n, low, high, lost.reason)


def _months(asked: Asked) -> float:
    """Of the period as far as it has come; whole months are whole, however many days they have."""
    first, last = asked.period.start, asked.last_instant
    if first.day == last.day:
        return (last.year - first.year) * 12 + last.month - first.month or 1
    return max((last - first).days, 1) / (365.25 / 12)


@kpi(
    key="winback_rate",
    name="Win-back rate",
    unit=Unit.RATIO,
    direction=Direction.HIGHER,
    formula="Of the customers no longer active when the period began, the share that ordered in it. "
    "People also come back by themselves: only a holdout tells what brought them.",
    needs=("orders",),
    reads=(purchases.c.seen_at, subscriptions.c.seen_at),
    nothing="no customer had lapsed when the period began",
    entry=11,
    benchmark="7.3 and 7.6 % of the lapsed came back in two quarters by themselves (CDNOW 1997–98, published sample)",
)
def winback_rate(asked: Asked) -> Mapping[str, Figure]:
    moved = movement(asked)
    return {"": rate(moved.won_back, moved.lapsed, note=_note(asked, moved))}


def movement(asked: Asked) -> Bought | Paying:
    """Who came, stayed and left: by orders or by paid subscriptions, as the account says or has."""
    return asked.once(paying) if by_subscription(asked) else asked.once(bought)


def by_subscription(asked: Asked) -> bool:
    """Whether a paid subscription makes a customer active, not an order."""
    asked_for = asked.settings.kpis.active_by
    if asked_for is None:
        return not asked.once(has_orders) and asked.once(has_subscriptions)
    return asked_for == "subscriptions"


def _note(asked: Asked, moved: Bought | Paying) -> str:
    if isinstance(moved, Paying):
        return "Active: pays for a subscription."
    window = f"Active: an order that counts in the {asked.settings.kpis.activity_window} before."
    if moved.since is None:
        return window
    return f"{window} Orders known since {clock.local(moved.since, asked.zone).date()}."
