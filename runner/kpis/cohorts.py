"""Customers by the month of their first order: how many of them order in each month after, and what they bring."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from runner.kpis import intervals
from runner.kpis.asked import Asked, Period, Segment
from runner.kpis.periods import Step, periods_before
from runner.settings import Settings
from runner.store.engine import mapped

#: Days within which a second order is asked for; of cohorts old enough.
WITHIN = (30, 60, 90, 365)


@dataclass(frozen=True, slots=True)
class Month:
    """A cohort in the so-manieth month after its first: 0 is that of the first orders."""

    number: int
    customers: int
    #: None where an order has no exchange rate.
    revenue: float | None


@dataclass(frozen=True, slots=True)
class Cohort:
    """Those whose first order lies in a month."""

    month: date
    size: int
    months: Sequence[Month]
    #: Days → the share with a second order by then, with n and interval; only where all have had that long.
    repeat_within: dict[int, tuple[float, float, float]]

    def document(self) -> dict[str, Any]:
        return {
            "month": f"{self.month:%Y-%m}",
            "customers": self.size,
            "months": [
                {
                    "number": month.number,
                    "customers": month.customers,
                    "retention": month.customers / self.size,
                    "low": intervals.wilson(month.customers, self.size).low,
                    "high": intervals.wilson(month.customers, self.size).high,
                    "revenue": month.revenue,
                }
                for month in self.months
            ],
            "repeat_within": {
                str(days): {"value": share, "low": low, "high": high, "n": self.size}
                for days, (share, low, high) in self.repeat_within.items()
            },
        }


def cohorts(
    connection: sa.Connection,
    *,
    as_of: datetime,
    settings: Settings,
    many: int = 12,
    segment: Segment | None = None,
) -> list[Cohort]:
    """The cohorts of the last `many` months that are over, the oldest first, each up to the last such month."""
    from runner.kpis.newcomers import newcomers

    months = periods_before(as_of, settings.timezone, Step.MONTHS, many)
    asked = Asked(connection, Period(months[0].start, months[-1].end), as_of, settings, segment)
    with mapped(connection):
        told, second = newcomers(asked, months, WITHIN)
    return list(_cohorts(months, told, second))


def _cohorts(
    months: Sequence[Period],
    told: Mapping[int, Mapping[int, tuple[int, float | None]]],
    second: Mapping[int, Sequence[int]],
) -> Iterator[Cohort]:
    for place, period in enumerate(months):
        own = told.get(place, {})
        size = own.get(place, (0, None))[0]
        if not size:
            continue
        row = [Month(after - place, *own.get(after, (0, 0.0))) for after in range(place, len(months))]
        grown = (months[-1].end - period.end).days
        repeated = {
            days: (hits / size, *intervals.wilson(hits, size))
            for days, hits in zip(WITHIN, second.get(place, ()), strict=False)
            if grown >= days
        }
        yield Cohort(period.start, size, row, repeated)
