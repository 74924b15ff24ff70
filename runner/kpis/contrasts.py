"""One arm against another: how many people did it, what they spent, and the intervals of the differences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import erfc, sqrt
from typing import NamedTuple

from runner.kpis import intervals
from runner.kpis.intervals import Interval, Z, student_t

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


@dataclass(frozen=True, slots=True)
class Contrast:
    """One arm against another one: of people whose days are over."""

    one: Arm
    other: Arm
    #: In the share that did it, with its 95 % interval; None where an arm is empty.
    difference: float | None = None
    interval: Interval | None = None
    #: What is spent more a person, and its interval; None also where an order has no exchange rate.
    spent: float | None = None
    spent_interval: Interval | None = None

    @property
    def relative(self) -> float | None:
        rate = self.other.rate
        return self.difference / rate if self.difference is not None and rate else None

    @classmethod
    def of(cls, one: Arm, other: Arm, *, priced: bool = True) -> Contrast:
        if not (one.n and other.n):
            return cls(one, other)
        money = means(one, other) if priced else None
        difference = one.hits / one.n - other.hits / other.n
        return cls(one, other, difference, newcombe(one, other), *(money or (None, None)))


class Together(NamedTuple):
    """Several contrasts as one: their differences, weighted by the people of the first arms."""

    treated: int
    difference: float | None
    interval: Interval | None
    spent: float | None
    spent_interval: Interval | None

    @classmethod
    def of(cls, contrasts: Iterable[Contrast]) -> Together:
        told = [one for one in contrasts if one.difference is not None]
        rates = [(one.one.n, one.difference, one.interval) for one in told]
        spent = [(one.one.n, one.spent, one.spent_interval) for one in told]
        return cls(sum(one.one.n for one in told), *_of_all(rates), *_of_all(spent))


def _of_all(parts: Sequence[tuple[int, float | None, Interval | None]]) -> tuple[float | None, Interval | None]:
    told = [(n, value, interval) for n, value, interval in parts if value is not None and interval is not None and n]
    return together(told) if told else (None, None)


def newcombe(one: Arm, other: Arm) -> Interval:
    """Of the difference of two shares: Newcombe (1998), method 10, from both Wilson intervals. Neither arm is empty."""
    first, second = intervals.wilson(one.hits, one.n), intervals.wilson(other.hits, other.n)
    p, q = one.hits / one.n, other.hits / other.n
    return Interval(
        p - q - sqrt((p - first.low) ** 2 + (second.high - q) ** 2),
        p - q + sqrt((first.high - p) ** 2 + (q - second.low) ** 2),
    )


def together(parts: Sequence[tuple[float, float, Interval]]) -> tuple[float, Interval]:
    """A weighted mean with its interval, from weight, value and interval of each: Zou and Donner's method of variance
    estimates recovery (2008)."""
    weights = sum(weight for weight, _, _ in parts)
    mean = sum(weight * value for weight, value, _ in parts) / weights
    low = sqrt(sum((weight * (value - interval.low)) ** 2 for weight, value, interval in parts)) / weights
    high = sqrt(sum((weight * (interval.high - value)) ** 2 for weight, value, interval in parts)) / weights
    return mean, Interval(mean - low, mean + high)


def means(one: Arm, other: Arm, *, z: float = Z) -> tuple[float, Interval] | None:
    """The difference of what is spent a person, those who spent nothing included; Welch's interval."""
    if min(one.n, other.n) < 2:
        return None
    difference = one.spent / one.n - other.spent / other.n
    v, w = (max(0.0, arm.squares - arm.spent**2 / arm.n) / (arm.n - 1) / arm.n for arm in (one, other))
    if v + w == 0:
        return difference, Interval(difference, difference)
    freedom = (v + w) ** 2 / (v**2 / (one.n - 1) + w**2 / (other.n - 1))
    reach = student_t(max(1, int(freedom)), z) * sqrt(v + w)
    return difference, Interval(difference - reach, difference + reach)


def is_broken(n: int, held_out: int, expected: float) -> bool:
    """Whether so many of `n` in the holdout are no chance where `expected` should be: chi-square, one degree."""
    spread = expected * (1 - expected / n) if n else 0.0
    return spread > 0 and erfc(abs(held_out - expected) / sqrt(2 * spread)) < BROKEN
