"""What comes round every year: on which due days, leap days too, and how many years after it began."""

from __future__ import annotations

from calendar import isleap
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa

from runner.conditions import Field, Kind
from runner.store.functions import month_day, month_day_of_text
from runner.triggers.day_table import DayTable, day_table, on_target
from runner.triggers.due_days import DueDay, local_span
from runner.triggers.window import Window

#: 29 February, as a yearly day is written.
LEAP_DAY = 229


@dataclass(frozen=True, slots=True)
class Yearly:
    """The due days for a yearly date, as SQL."""

    days: Any
    #: Whether a contact's field lies on one of them.
    on_day: Any
    #: The local day it all began, and how many years ago that is.
    began: Any
    years: Any


def yearly_table(
    window: Window, field: Field, due: Callable[[Window], Iterable[DueDay]], occasion: str, *, leap_day: str
) -> Yearly:
    """The due days on which a field comes round; not before the field's own year."""
    if field.kind is Kind.TIME:
        # Which local day an instant lies on no index knows: it is looked for in each year's span.
        spans = DayTable(window, lambda current: yearly_spans(due(current), occasion, leap_day=leap_day)).c
        years = sa.extract("year", spans.target) - sa.cast(sa.func.substr(spans.day_text, 1, 4), sa.Integer)
        return Yearly(spans, on_target(field, spans), spans.day_text, years)
    rows = day_table(window, due, occasion, numbers=lambda day: month_days(day.target, leap_day)).c
    years = sa.extract("year", rows.target) - sa.extract("year", field.column)
    # Of some people each is looked at, not everybody of a day.
    number = month_day_of(field) if window.among is None else month_day_of(field) + 0
    return Yearly(rows, sa.and_(number == rows.number, years >= 0), field.column, years)


def month_day_of(field: Field) -> Any:
    """The field's month and day as the due days have it."""
    return month_day_of_text(field.written) if field.is_custom else month_day(field.column)


def month_days(target: date, leap_day: str) -> list[int]:
    """The yearly days that fall on this date: its own, and 29 February where the year has none."""
    found = [_number(target)]
    stands_in = {"feb28": (2, 28), "mar1": (3, 1)}.get(leap_day)
    if not isleap(target.year) and (target.month, target.day) == stands_in:
        found.append(LEAP_DAY)
    return found


def _number(day: date) -> int:
    """A day of the year as its month and day: 504 is 4 May."""
    return day.month * 100 + day.day


#: The first year in which an instant may lie that has anniversaries.
FIRST_YEAR = 1990


def yearly_spans(days: Iterable[DueDay], occasion: str, *, leap_day: str) -> list[tuple[Any, ...]]:
    """The due days as rows, one for each earlier year: the local day in it that an instant must lie on."""
    rows: list[tuple[Any, ...]] = []
    for due in days:
        name = occasion.format(target=due.target.isoformat(), year=due.target.year)
        for day in _in_earlier_years(due.target, leap_day):
            span = local_span(day, due.zone)
            rows.append((due.zone, _number(day), due.target, day.isoformat(), *span, due.due_at, name))
    return rows


def _in_earlier_years(target: date, leap_day: str) -> Iterator[date]:
    """The days that come round on this one; of 29 February only those that there were."""
    for year in range(FIRST_YEAR, target.year + 1):
        for number in month_days(target, leap_day):
            if number != LEAP_DAY or isleap(year):
                yield date(year, number // 100, number % 100)
