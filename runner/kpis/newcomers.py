"""Customers by the month in which they came: who orders in which month after it, and how soon again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from runner.kpis.asked import Asked, Period
from runner.kpis.days import local_days
from runner.kpis.orders import Orders, instant, orders
from runner.store.arrays import Ints, Yes


def newcomers(
    asked: Asked, months: Sequence[Period], within: Sequence[int]
) -> tuple[Mapping[int, Mapping[int, tuple[int, float | None]]], Mapping[int, Sequence[int]]]:
    """By the place of the month in which they came: customers and revenue of each month, second orders within days.

    Revenue is None where an order has no exchange rate.
    """
    told = asked.once(orders)
    begins = np.array([instant(asked.midnight(month.start)) for month in months], np.int64)
    came = np.searchsorted(begins, told.first, "right") - 1
    return _by_month(told, came, begins), _again(asked, told, came, within)


def _by_month(told: Orders, came: Ints, begins: Ints) -> Mapping[int, Mapping[int, tuple[int, float | None]]]:
    """How many customers of each cohort ordered in each month, and for how much."""
    place = np.repeat(np.arange(len(told)), np.diff(told.begins))
    month, many = np.searchsorted(begins, told.at, "right") - 1, len(begins)
    another = np.ones(len(place), bool)
    another[1:] = (np.diff(place) != 0) | (np.diff(month) != 0)
    cohort = came[place]
    new = cohort >= 0
    pair = (cohort * many + month)[new]

    def sums(of_orders: Ints | Yes) -> Iterator[int]:
        return map(int, np.bincount(pair, of_orders[new], many * many))

    unpriced = np.zeros(len(place), bool) if told.unpriced is None else told.unpriced
    found: dict[int, dict[int, tuple[int, float | None]]] = defaultdict(dict)
    for number, row in enumerate(zip(sums(another), sums(told.value), sums(unpriced), strict=True)):
        customers, revenue, without_rate = row
        if customers:
            found[number // many][number % many] = (customers, None if without_rate else revenue / 10_000)
    return found


def _again(asked: Asked, told: Orders, came: Ints, within: Sequence[int]) -> Mapping[int, Sequence[int]]:
    """How many customers of each cohort ordered a second time within each of the days."""
    again = np.diff(told.begins) > 1
    second = told.at[told.begins[:-1][again] + 1]
    gap = local_days(asked, second) - local_days(asked, told.first[again])
    return {
        of: [int(np.count_nonzero((came[again] == of) & (gap <= days))) for days in within]
        for of in range(int(came.max(initial=-1)) + 1)
    }
