"""The 95 % interval beside each figure, by formulas that stay right for few and for extreme counts."""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist
from typing import NamedTuple

#: The quantile of the normal distribution that leaves 2.5 % on either side.
Z = NormalDist().inv_cdf(0.975)
#: The same of 1 % on one side.
ONE_SIDED = NormalDist().inv_cdf(0.99)
#: Student's t for 1, 2 and 3 degrees of freedom, where the series below is not close enough.
_T = (12.706205, 4.302653, 3.182446)


class Interval(NamedTuple):
    low: float
    high: float


def wilson(hits: int, n: int, *, z: float = Z) -> Interval:
    """Of a share. Wilson (1927); Wald's would say 0 to 0 for 0 of 20. `n` is at least 1."""
    share, spread = hits / n, z * z / n
    centre = (share + spread / 2) / (1 + spread)
    reach = z / (1 + spread) * sqrt(share * (1 - share) / n + spread / (4 * n))
    low = 0.0 if hits == 0 else max(0.0, centre - reach)
    high = 1.0 if hits == n else min(1.0, centre + reach)
    return Interval(low, high)


def at_least(hits: int, n: int) -> float:
    """How high a share surely is, with a one-sided certainty of 99 %: exact (Clopper and Pearson 1934).

    Wilson's limit is too sure of few hits: one of 44 would be called above one of a thousand, which chance does in one
    of 23 cases.
    """
    from scipy.special import betaincinv

    return float(betaincinv(hits, n - hits + 1, 0.01)) if hits else 0.0


def net_promoter(promoters: int, detractors: int, n: int) -> Interval:
    """Of a net promoter score in points, cut at ±100. Adjusted Wald: three answers more, ¾ of them on either end
    (Bonett and Price 2012; Rocks 2016 compares). `n` is at least 1."""
    more = n + 3
    up, down = (promoters + 0.75) / more, (detractors + 0.75) / more
    reach = Z * sqrt((up + down - (up - down) ** 2) / more)
    return Interval(max(-100.0, 100 * (up - down - reach)), min(100.0, 100 * (up - down + reach)))


def mean(average: float, deviation: float, n: int) -> Interval | None:
    """Of a mean, by Student's t; `deviation` is the sample's standard deviation. None of a single value."""
    if n < 2:
        return None
    reach = student_t(n - 1) * deviation / sqrt(n)
    return Interval(average - reach, average + reach)


def ratio(n: int, x: float, y: float, xx: float, xy: float, yy: float) -> Interval | None:
    """Of Σy / Σx over n people, from their sums, squares and products: the ratio estimator's (Cochran 1977, 2.11)."""
    if n < 2 or x <= 0:
        return None
    share = y / x
    rest = max(0.0, yy - 2 * share * xy + share * share * xx)
    reach = student_t(n - 1) * sqrt(n / (n - 1) * rest) / x
    return Interval(share - reach, share + reach)


def deviation(n: int, total: float, squares: float) -> float:
    """The sample's standard deviation from its sums."""
    return sqrt(max(0.0, squares - total * total / n) / (n - 1)) if n > 1 else 0.0


def student_t(freedom: int, z: float = Z) -> float:
    """The 97.5 % quantile of Student's t, or the one of another normal quantile (Abramowitz and Stegun 26.7.5, within
    0.3 %; with 3 degrees and fewer the 97.5 % one only)."""
    if freedom <= len(_T):
        return _T[freedom - 1]
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    fourth = (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160
    return z + first / freedom + second / freedom**2 + third / freedom**3 + fourth / freedom**4
