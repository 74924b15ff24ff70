"""Tenures, of which some have not ended, become a curve: who is still there after how long (Kaplan and Meier 1958)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import exp, log, sqrt

from runner.kpis.intervals import Interval, Z

#: Half, and what products of fractions miss it by.
HALF = 0.5 + 1e-9


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """Tenures in days: when half of the customers have gone, and how long they stay on average as far as is known."""

    n: int
    #: None where fewer than half have gone.
    median: float | None
    #: Its interval; None where its upper end has not been observed.
    around_median: Interval | None
    #: Up to the longest tenure observed; None without customers.
    restricted_mean: float | None
    #: Of those who have not left.
    current_mean: float | None
    longest: float


@dataclass(frozen=True, slots=True)
class _Step:
    tenure: float
    #: Still there after it, and within which bounds.
    share: float
    low: float
    high: float


def kaplan_meier(tenures: Iterable[tuple[float, bool, int]]) -> Lifetimes:
    """From tenures, whether each has ended, and how many there are of it."""
    ended: dict[float, int] = defaultdict(int)
    censored: dict[float, int] = defaultdict(int)
    for tenure, has_ended, many in tenures:
        (ended if has_ended else censored)[tenure] += many
    steps = _steps(ended, censored)
    n, still = sum(ended.values()) + sum(censored.values()), sum(censored.values())
    area = sum((after.tenure - before.tenure) * before.share for before, after in pairwise(steps))
    current = sum(tenure * many for tenure, many in censored.items()) / still if still else None
    half, low, high = (_first_below(steps, bound) for bound in ("share", "low", "high"))
    around = Interval(low, high) if low is not None and high is not None else None
    return Lifetimes(n, half, around, area if n else None, current, steps[-1].tenure)


def _steps(ended: dict[float, int], censored: dict[float, int]) -> Sequence[_Step]:
    """With Greenwood's variance, on the scale of log(−log S), which keeps the bounds between 0 and 1."""
    here, share, variance = sum(ended.values()) + sum(censored.values()), 1.0, 0.0
    steps = [_Step(0.0, 1.0, 1.0, 1.0)]
    for tenure in sorted({*ended, *censored}):
        gone = ended.get(tenure, 0)
        share *= 1 - gone / here
        if 0 < gone < here:
            variance += gone / (here * (here - gone))
        here -= gone + censored.get(tenure, 0)
        steps.append(_Step(tenure, share, *_bounds(share, variance)))
    return steps


def _bounds(share: float, variance: float) -> Interval:
    if not 0 < share < 1:
        return Interval(share, share)
    reach = Z * sqrt(variance) / -log(share)
    return Interval(share ** exp(reach), share ** exp(-reach))


def _first_below(steps: Sequence[_Step], bound: str) -> float | None:
    """The tenure at which half or fewer are still there, by the curve or a bound (Brookmeyer and Crowley 1982)."""
    return next((step.tenure for step in steps if getattr(step, bound) <= HALF), None)
