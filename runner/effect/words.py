"""Effects as people read them, in a terminal and on a page."""

from __future__ import annotations

from collections.abc import Iterator

from runner.effect.effect import Effect, Effects
from runner.kpis.intervals import Interval
from runner.kpis.targets import Status
from runner.kpis.tried import HOLDOUT
from runner.kpis.words import STATUS_WORDS


def points_words(share: float) -> str:
    """`+5.0` of 0.05."""
    return f"{100 * share:+.1f}".replace("-", "−")


def span_words(interval: Interval) -> str:
    """`+1.5 to +8.5`"""
    return f"{points_words(interval.low)} to {points_words(interval.high)}"


def sum_words(people: int, each: float, interval: Interval) -> str:
    """What a difference a person comes to for all of them: `+50 (+15 to +85)`."""
    return f"{_sum(people * each)} ({_sum(people * interval.low)} to {_sum(people * interval.high)})"


def more_words(effect: Effect, currency: str) -> Iterator[str]:
    """`+50 (+15 to +85) customers`, and the same of what they spent: for all who were let in."""
    told = effect.contrast
    if told.difference is not None and told.interval is not None:
        yield f"{sum_words(told.one.n, told.difference, told.interval)} customers"
    if told.spent is not None and told.spent_interval is not None:
        yield f"{sum_words(told.one.n, told.spent, told.spent_interval)} {currency}"
    if (cut := effect.winsorised) is not None:
        without = f"what anybody spent beyond {cut.cut:,.0f} {currency} left out"
        yield f"{sum_words(told.one.n, cut.spent, cut.interval)} {currency} with {without}"


def soon_words(effect: Effect) -> str:
    """How soon either arm did it, and whether chance alone makes that; nothing of few people."""
    if (told := effect.soon) is None:
        return ""
    others = "those held out" if effect.arms[1] == HOLDOUT else effect.arms[1]
    chance = f"log-rank p {told.p:.3f}" if told.p >= 0.001 else "log-rank p below 0.001"
    if told.one.median is not None and told.other.median is not None:
        return f"half did it by day {told.one.median:.0f}, of {others} by day {told.other.median:.0f} ({chance})"
    known = [day for day in told.one.by_day if day in told.other.by_day]
    if not known:
        return ""
    day = known[len(known) // 2]
    one, other = (f"{100 * curve.by_day[day]:.1f} %" for curve in (told.one, told.other))
    return f"by day {day} {one} did it, of {others} {other} ({chance})"


def plan_words(effect: Effect) -> str:
    """How many people it takes, and what these tell apart; nothing where nobody knows."""
    if (plan := effect.plan) is None:
        return ""
    return f"{plan.treated:,} and {plan.holdout:,} people tell {100 * plan.to:.1f} % from {100 * plan.base:.1f} %"


def few_words(told: Effects) -> str:
    """A doubt of all of them together, or nothing."""
    return STATUS_WORDS[Status.TOO_FEW] if told.too_few else ""


def doubt_words(effect: Effect) -> str:
    """What to think of a verdict that is one of many."""
    if effect.exploratory and str(effect.judged.verdict) in ("works", "harms"):
        return "exploratory: among so many comparisons chance makes one like it"
    return ""


def _sum(amount: float) -> str:
    return f"{amount:+,.0f}".replace("-", "−")
