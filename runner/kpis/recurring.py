"""What subscriptions bring: recurring revenue, how it moves, and how much of it stays."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from runner.kpis import intervals
from runner.kpis.asked import Asked
from runner.kpis.customers import bought
from runner.kpis.measure import Direction, Figure, Part, Reason, Unit, kpi, nothing, quotient
from runner.kpis.paying import Paying, has_subscriptions, paying, subscriptions
from runner.kpis.repeat import unpriced
from runner.store.tables import purchases

NOBODY_PAID = "no customer paid for a subscription when the period began"
_COMMON: Mapping[str, Any] = {"needs": ("subscriptions",), "reads": (subscriptions.c.seen_at,)}


@kpi(
    **_COMMON,
    key="mrr",
    certain=True,
    name="Monthly recurring revenue",
    unit=Unit.MONEY,
    direction=Direction.HIGHER,
    formula="What the paid subscriptions that run at the period's end bring a month: quantity × price × (1 − "
    "discount), a year's price ÷ 12. Trials and free ones bring nothing.",
    nothing="no subscription was paid for when the period ended",
    entry=18,
)
def mrr(asked: Asked) -> Mapping[str, Figure]:
    pays = asked.once(paying)
    return {"": _amount(pays, pays.end)}


@kpi(
    **_COMMON,
    key="arr",
    certain=True,
    name="Annual recurring revenue",
    unit=Unit.MONEY,
    direction=Direction.HIGHER,
    formula="12 × the monthly recurring revenue at the period's end; not what was billed in a year.",
    nothing="no subscription was paid for when the period ended",
    entry=19,
)
def arr(asked: Asked) -> Mapping[str, Figure]:
    pays = asked.once(paying)
    return {"": _amount(pays, 12 * pays.end)}


@kpi(
    **_COMMON,
    key="mrr_movements",
    certain=True,
    name="Change of monthly recurring revenue",
    unit=Unit.MONEY,
    direction=Direction.HIGHER,
    formula="Monthly recurring revenue at the period's end less that at its start, each customer's movements netted: "
    "who went down and up again did not move.",
    nothing="no subscription was ever paid for",
    entry=20,
    parts={
        "start": Part("At the start", Unit.MONEY, "Monthly recurring revenue when the period began.", certain=True),
        "new": Part(
            "New", Unit.MONEY, "Of customers who had never paid before the period.", Direction.HIGHER, certain=True
        ),
        "reactivation": Part(
            "Reactivation",
            Unit.MONEY,
            "Of customers who paid some time before, and not when it began.",
            Direction.HIGHER,
            certain=True,
        ),
        "expansion": Part(
            "Expansion", Unit.MONEY, "What customers pay more than at the start.", Direction.HIGHER, certain=True
        ),
        "contraction": Part(
            "Contraction",
            Unit.MONEY,
            "What customers pay less than at the start and go on paying something; one of two subscriptions cancelled.",
            Direction.LOWER,
            certain=True,
        ),
        "churned": Part(
            "Churned", Unit.MONEY, "What those paid who pay nothing any more.", Direction.LOWER, certain=True
        ),
        "fx": Part(
            "Exchange rates", Unit.MONEY, "What rates changed: 0, subscriptions have the account's.", certain=True
        ),
        "end": Part(
            "At the end",
            Unit.MONEY,
            "Start + new + reactivation + expansion − contraction − churned + exchange rates.",
            certain=True,
        ),
    },
)
def mrr_movements(asked: Asked) -> Mapping[str, Figure]:
    pays = asked.once(paying)
    if pays.since is None:
        return dict.fromkeys(("", *mrr_movements.parts), nothing())
    amounts = {
        "": pays.end - pays.start,
        "start": pays.start,
        "new": pays.new_amount,
        "reactivation": pays.reactivation,
        "expansion": pays.expansion,
        "contraction": pays.contraction,
        "churned": pays.churned,
        "fx": Decimal(0),
        "end": pays.end,
    }
    n = pays.starting + pays.new + pays.reactivated
    return {name: Figure(float(amount), n) for name, amount in amounts.items()}


@kpi(
    **_COMMON,
    key="nrr",
    name="Net revenue retention",
    unit=Unit.RATIO,
    direction=Direction.HIGHER,
    formula="What the customers who paid when the period began pay a month at its end, in parts of what they paid "
    "then. New and reactivated ones are left out; it may exceed 100 %.",
    nothing=NOBODY_PAID,
    entry=21,
)
def nrr(asked: Asked) -> Mapping[str, Figure]:
    return {"": _kept(asked.once(paying))}


@kpi(
    **_COMMON,
    key="grr",
    name="Gross revenue retention",
    unit=Unit.RATIO,
    direction=Direction.HIGHER,
    formula="The same, each customer's amount counted up to what it was when the period began: no gain makes up for a "
    "loss.",
    nothing=NOBODY_PAID,
    entry=22,
    benchmark="a year: median 91 %, the middle half from 82 to 95 % (KBCM and Sapphire, private SaaS companies, 2024)",
)
def grr(asked: Asked) -> Mapping[str, Figure]:
    return {"": _floor(asked.once(paying))}


@kpi(
    needs=("orders", "subscriptions"),
    reads=(subscriptions.c.seen_at, purchases.c.seen_at),
    key="revenue_churn_rate",
    name="Revenue churn rate",
    unit=Unit.RATIO,
    direction=Direction.LOWER,
    formula="Contraction and churned amounts, in parts of the monthly recurring revenue when the period began; of a "
    "shop without subscriptions, what customers bring less than in the period before, of the same length, in parts of "
    "what all of them brought then.",
    nothing="nothing was paid or bought before that could be lost",
    entry=23,
    version=2,
    parts={
        "net": Part(
            "Net revenue churn rate",
            Unit.RATIO,
            "The same less expansion. Below 0 those who stay bring more than those who go take away.",
            Direction.LOWER,
        ),
        "amount": Part(
            "Revenue lost",
            Unit.MONEY,
            "Contraction and churned amounts: a month, or of a shop the period.",
            Direction.LOWER,
            certain=True,
        ),
    },
)
def revenue_churn_rate(asked: Asked) -> Mapping[str, Figure]:
    if not asked.once(has_subscriptions):
        return _of_buyers(asked)
    pays = asked.once(paying)
    if not pays.start:
        return dict.fromkeys(("", "net", "amount"), nothing())
    amount = Figure(float(pays.contraction + pays.churned), pays.starting)
    return {"": _less_than_all(_floor(pays)), "net": _less_than_all(_kept(pays)), "amount": amount}


def _of_buyers(asked: Asked) -> Mapping[str, Figure]:
    told = asked.once(bought)
    n = told.prior_buyers
    if (missing := unpriced(asked, told.unpriced + told.unpriced_prior, n)) is not None or not told.x:
        return dict.fromkeys(("", "net", "amount"), missing or nothing())
    x, y, z = float(told.x), float(told.y), float(told.y - told.rise)
    gross = Figure(z / x, n, *_from_zero(intervals.ratio(n, x, z, told.xx, told.xz, told.zz)))
    net = Figure(y / x, n, *_from_zero(intervals.ratio(n, x, y, told.xx, told.xy, told.yy)))
    return {"": _less_than_all(gross), "net": _less_than_all(net), "amount": Figure(x - z, n)}


@kpi(
    **_COMMON,
    key="quick_ratio",
    name="Quick ratio",
    unit=Unit.NUMBER,
    direction=Direction.HIGHER,
    formula="New, reactivated and expanded monthly recurring revenue for each unit contracted or churned.",
    nothing="nothing was lost in the period",
    entry=29,
    benchmark="4 is a common rule of thumb for software subscriptions",
)
def quick_ratio(asked: Asked) -> Mapping[str, Figure]:
    pays = asked.once(paying)
    gained = pays.new_amount + pays.reactivation + pays.expansion
    return {"": quotient(gained, pays.contraction + pays.churned, pays.starting + pays.new + pays.reactivated)}


def _amount(pays: Paying, amount: Decimal) -> Figure:
    return Figure(float(amount), pays.ending) if pays.ending else nothing()


def _kept(pays: Paying) -> Figure:
    if not pays.start:
        return nothing()
    kept = pays.kept + pays.expansion
    around = intervals.ratio(pays.starting, float(pays.start), float(kept), pays.xx, pays.xy, pays.yy)
    return Figure(float(kept / pays.start), pays.starting, *_from_zero(around))


def _floor(pays: Paying) -> Figure:
    if not pays.start:
        return nothing()
    around = intervals.ratio(pays.starting, float(pays.start), float(pays.kept), pays.xx, pays.xz, pays.zz)
    low, high = _from_zero(around)
    return Figure(float(pays.kept / pays.start), pays.starting, low, None if high is None else min(1.0, high))


def _from_zero(around: intervals.Interval | None) -> tuple[float | None, float | None]:
    return (max(0.0, around.low), around.high) if around else (None, None)


def _less_than_all(kept: Figure) -> Figure:
    """What is not kept."""
    if kept.value is None:
        return nothing(kept.reason or Reason.NO_DENOMINATOR)
    low, high = (None if bound is None else 1 - bound for bound in (kept.high, kept.low))
    return Figure(1 - kept.value, kept.n, low, high)
