"""The formulas of a verdict: how many people it takes, when one may look, and what is no chance any more."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, erfc, exp, lgamma, log, sqrt
from statistics import NormalDist

from runner.kpis.contrasts import Arm
from runner.kpis.intervals import Z

#: O'Brien and Fleming (1979): |z| that a look must pass, of five at equal steps; together 5 % of false alarms.
BOUNDARIES = (4.562, 3.226, 2.634, 2.281, 2.040)
#: The power with which the difference that was planned for is found.
POWER = 0.8
#: Of the findings that are shown among many, so many may be false.
FALSE = 0.1


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


def p_of(one: Arm, other: Arm) -> float:
    """How often chance alone makes a difference as large, either way."""
    return erfc(abs(z_of(one, other)) / sqrt(2))


def standing(p_values: Sequence[float], *, false: float = FALSE) -> list[bool]:
    """Which of several findings stand where so large a share of those that do may be false (Benjamini and Hochberg
    1995)."""
    ranked = sorted(p_values)
    bars = [p for rank, p in enumerate(ranked, 1) if p <= false * rank / len(ranked)]
    return [p <= max(bars, default=-1.0) for p in p_values]


def people_needed(base: float, to: float, *, held_out: float) -> tuple[int, int]:
    """How many people let in and held out find a rise from `base` to `to`: 5 % two-sided, 80 % power, pooled."""
    ratio = held_out / (1 - held_out)
    mean = (to + ratio * base) / (1 + ratio)
    power = NormalDist().inv_cdf(POWER)
    spread = Z * sqrt(mean * (1 - mean) * (1 + 1 / ratio)) + power * sqrt(to * (1 - to) + base * (1 - base) / ratio)
    let_in = ceil(spread**2 / (to - base) ** 2)
    return let_in, ceil(let_in * ratio)
