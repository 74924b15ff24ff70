"""The formulas: intervals of a difference, how many people it takes, and when one may look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, erfc, exp, lgamma, log, sqrt
from statistics import NormalDist

from runner.kpis import uplift
from runner.kpis.intervals import Interval, Z, student_t

#: O'Brien and Fleming (1979): |z| that a look must pass, of five at equal steps; together 5 % of false alarms.
BOUNDARIES = (4.562, 3.226, 2.634, 2.281, 2.040)
#: The power with which the difference that was planned for is found.
POWER = 0.8
#: A sample ratio less likely than this is no chance: the assignment is broken.
BROKEN = 0.001


@dataclass(frozen=True, slots=True)
class Arm:
    """People of one arm: how many, how many of them did it, what they spent and the squares of that."""

    n: int = 0
    hits: int = 0
    spent: float = 0.0
    squares: float = 0.0

    @property
    def rate(self) -> float | None:
        return self.hits / self.n if self.n else None

    def __add__(self, other: Arm) -> Arm:
        return Arm(self.n + other.n, self.hits + other.hits, self.spent + other.spent, self.squares + other.squares)


def newcombe(one: Arm, other: Arm) -> Interval:
    """Of the difference of two shares: Newcombe (1998), method 10, from both Wilson intervals. Neither arm is empty."""
    return uplift.newcombe(one.hits, one.n, other.hits, other.n)


def together(parts: Sequence[tuple[float, float, Interval]]) -> tuple[float, Interval]:
    """A weighted mean of differences with its interval, from weight, difference and interval of each: Zou and Donner's
    method of variance estimates recovery (2008)."""
    weights = sum(weight for weight, _, _ in parts)
    mean = sum(weight * value for weight, value, _ in parts) / weights
    low = sqrt(sum((weight * (value - interval.low)) ** 2 for weight, value, interval in parts)) / weights
    high = sqrt(sum((weight * (interval.high - value)) ** 2 for weight, value, interval in parts)) / weights
    return mean, Interval(mean - low, mean + high)


def z_of(one: Arm, other: Arm) -> float:
    """Pooled, as the boundaries want it; 0 where everybody or nobody did it."""
    share = (one.hits + other.hits) / (one.n + other.n)
    spread = sqrt(share * (1 - share) * (1 / one.n + 1 / other.n))
    return (one.hits / one.n - other.hits / other.n) / spread if spread else 0.0


def better(one: Arm, other: Arm) -> float:
    """The chance that the first rate is the higher one: exact, from uniform priors (Evan Miller's sum)."""
    a, b = one.hits + 1, one.n - one.hits + 1
    c, d = other.hits + 1, other.n - other.hits + 1
    total = sum(exp(_beta(c + i, d + b) - log(b + i) - _beta(1 + i, b) - _beta(c, d)) for i in range(a))
    return min(1.0, total)


def _beta(a: float, b: float) -> float:
    return lgamma(a) + lgamma(b) - lgamma(a + b)


def means(one: Arm, other: Arm) -> tuple[float, Interval] | None:
    """The difference of what is spent a person, those who spent nothing included; Welch's interval."""
    if min(one.n, other.n) < 2:
        return None
    difference = one.spent / one.n - other.spent / other.n
    v, w = (max(0.0, arm.squares - arm.spent**2 / arm.n) / (arm.n - 1) / arm.n for arm in (one, other))
    if v + w == 0:
        return difference, Interval(difference, difference)
    freedom = (v + w) ** 2 / (v**2 / (one.n - 1) + w**2 / (other.n - 1))
    reach = student_t(max(1, int(freedom))) * sqrt(v + w)
    return difference, Interval(difference - reach, difference + reach)


def people_needed(base: float, to: float, *, held_out: float) -> tuple[int, int]:
    """How many people let in and held out find a rise from `base` to `to`: 5 % two-sided, 80 % power, pooled."""
    ratio = held_out / (1 - held_out)
    mean = (to + ratio * base) / (1 + ratio)
    power = NormalDist().inv_cdf(POWER)
    spread = Z * sqrt(mean * (1 - mean) * (1 + 1 / ratio)) + power * sqrt(to * (1 - to) + base * (1 - base) / ratio)
    let_in = ceil(spread**2 / (to - base) ** 2)
    return let_in, ceil(let_in * ratio)


def is_broken(n: int, held_out: int, expected: float) -> bool:
    """Whether so many of `n` in the holdout are no chance where `expected` should be: chi-square, one degree."""
    spread = expected * (1 - expected / n) if n else 0.0
    return spread > 0 and erfc(abs(held_out - expected) / sqrt(2 * spread)) < BROKEN
