"""How values lie: median, quantiles and mean of many values, from how often each occurs."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import replace
from itertools import accumulate
from math import ceil, floor, sqrt

from runner.kpis import intervals
from runner.kpis.intervals import Interval, Z
from runner.kpis.measure import Figure, Reason, average, nothing


class Spread:
    """Values with their counts, in order."""

    def __init__(self, counted: Iterable[tuple[float, int]]) -> None:
        ordered = sorted(counted)
        self._values = [value for value, _ in ordered]
        self._upto = list(accumulate(count for _, count in ordered))
        self.n = self._upto[-1] if ordered else 0
        self._total = sum(value * count for value, count in ordered)
        self._squares = sum(value * value * count for value, count in ordered)

    def median(self) -> Figure:
        """With the interval that holds for any distribution (Conover 1999, 3.2); none of fewer than six values."""
        return Figure(self.quantile(0.5), self.n, *self._around_median()) if self.n else nothing()

    def median_with(self, longer: int) -> Figure:
        """The median with so many more that are longer than all: it may lie among them, where nobody knows it yet."""
        n = self.n + longer
        place = (n - 1) / 2
        if not n:
            return nothing()
        if ceil(place) >= self.n:
            return nothing(Reason.NOT_REACHED, n=n)
        return Figure((self._nth(floor(place)) + self._nth(ceil(place))) / 2, n)

    def mean(self) -> Figure:
        if not self.n:
            return nothing()
        told = average(self._total / self.n, self.n, intervals.deviation(self.n, self._total, self._squares))
        # A mean of what is never below nothing is neither.
        return told if told.low is None or self._values[0] < 0 else replace(told, low=max(0.0, told.low))

    def at(self, share: float) -> Figure:
        """The value that so many lie below, as a figure."""
        return Figure(self.quantile(share), self.n) if self.n else nothing()

    def quantile(self, share: float) -> float:
        """Between two values in proportion (type 7 of Hyndman and Fan 1996)."""
        place = share * (self.n - 1)
        low, high = self._nth(floor(place)), self._nth(ceil(place))
        return low + (high - low) * (place - floor(place))

    def _nth(self, place: int) -> float:
        return self._values[bisect_right(self._upto, place)]

    def _around_median(self) -> Interval | tuple[None, None]:
        reach = Z * sqrt(self.n) / 2
        low, high = floor(self.n / 2 - reach), ceil(self.n / 2 + reach)
        if self.n < 6 or low < 0 or high > self.n - 1:
            return (None, None) if self.n < 6 else Interval(self._nth(0), self._nth(self.n - 1))
        return Interval(self._nth(low), self._nth(high))
