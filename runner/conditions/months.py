"""Whole calendar months. After the 31st a month is over on the last day of a shorter month: 31 January, 28 February."""

from __future__ import annotations

from calendar import monthrange
from datetime import date
from math import ceil, floor

#: Operator, → how many whole months an order against a number comes to, and whether it asks for at least as many.
_AT_LEAST = {"gteq": True, "gt": True, "lt": False, "lteq": False}


def months_between(start: date, end: date) -> int:
    """The most months that, counted from `start`, are over on `end`; negative where it comes later."""
    return month_number(end) - month_number(start) - int(start.day > last_covered(end))


def month_number(day: date) -> int:
    """The months since the year 0."""
    return day.year * 12 + day.month


def last_covered(day: date) -> int:
    """The highest day of any month whose monthly turn has come: on the last day of a month every one."""
    return 31 if day.day == monthrange(day.year, day.month)[1] else day.day


def latest_start(end: date, months: int) -> date:
    """The latest day from which on so many months are over on `end`; at the calendar's ends where it has none."""
    number = month_number(end) - months - 1
    if number < 12:
        return date.min
    if number >= 9999 * 12 + 12:
        return date.max
    year, month = divmod(number, 12)
    return date(year, month + 1, min(last_covered(end), monthrange(year, month + 1)[1]))


def whole_months(op: str, number: float) -> tuple[bool, int]:
    """An order against any number as one against a whole one: `> 2.5` is (True, 3), at least 3."""
    whole = ceil(number) if op in ("gteq", "lt") else floor(number) + 1
    return _AT_LEAST[op], whole
