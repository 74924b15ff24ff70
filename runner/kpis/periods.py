"""Months, quarters and years: the periods of a trend."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from enum import StrEnum

from runner import clock
from runner.kpis.asked import Period


class Step(StrEnum):
    """How long each period of a trend is."""

    MONTHS = "months"
    QUARTERS = "quarters"
    YEARS = "years"


_MONTHS = {Step.MONTHS: 1, Step.QUARTERS: 3, Step.YEARS: 12}


def periods_before(as_of: datetime, zone: str, step: Step, many: int) -> Sequence[Period]:
    """The last `many` calendar periods that are over at the instant, the oldest first."""
    today = clock.local(as_of, zone).date()
    length = _MONTHS[step]
    number = today.year * 12 + today.month - 1
    running = number - number % length
    return [
        Period(_first(running - (back + 1) * length), _first(running - back * length)) for back in reversed(range(many))
    ]


def name_of(period: Period, step: Step) -> str:
    """`Jan 2026`, `2026 Q1`, `2026`"""
    first = period.start
    match step:
        case Step.MONTHS:
            return f"{first:%b %Y}"
        case Step.QUARTERS:
            return f"{first.year} Q{first.month // 3 + 1}"
        case Step.YEARS:
            return str(first.year)


def _first(month: int) -> date:
    return date(month // 12, month % 12 + 1, 1)
