"""Calendar weeks, months and quarters that are over."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from runner.kpis import Period

_QUARTERS = ("First", "Second", "Third", "Fourth")


@dataclass(frozen=True, slots=True)
class Span:
    """A calendar week, month or quarter: `2026-W44`, `2026-10`, `2026-Q3`."""

    name: str
    period: Period

    @property
    def title(self) -> str:
        """`October 2026`, `Week 44 of 2026`, `Third quarter of 2026`"""
        year, _, part = self.name.partition("-")
        if part.startswith("W"):
            return f"Week {int(part[1:])} of {year}"
        if part.startswith("Q"):
            return f"{_QUARTERS[int(part[1:]) - 1]} quarter of {year}"
        return f"{self.period.start:%B %Y}"

    @property
    def short(self) -> str:
        """`Oct`, `W44`, `Q3`: under a bar."""
        part = self.name.partition("-")[2]
        return f"{self.period.start:%b}" if part.isdigit() else part

    @property
    def before(self) -> str:
        """`the month before`"""
        part = self.name.partition("-")[2]
        return f"the {'month' if part.isdigit() else 'week' if part.startswith('W') else 'quarter'} before"


def spans_before(day: date, per: str, number: int) -> list[Span]:
    """The last full weeks, months or quarters before a day, the latest first."""
    spans: list[Span] = []
    end = _begin_of(day, per)
    while len(spans) < number:
        begin = _begin_of(end - timedelta(days=1), per)
        spans.append(Span(_name(begin, per), Period(begin, end)))
        end = begin
    return spans


def _begin_of(day: date, per: str) -> date:
    if per == "week":
        return day - timedelta(days=day.weekday())
    month = day.month if per == "month" else day.month - (day.month - 1) % 3
    return day.replace(month=month, day=1)


def _name(begin: date, per: str) -> str:
    if per == "week":
        return f"{begin.isocalendar().year}-W{begin.isocalendar().week:02}"
    return f"{begin:%Y-%m}" if per == "month" else f"{begin.year}-Q{(begin.month + 2) // 3}"
