"""When a company works: its next opening, and so many business hours or days on, exact across clock changes."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache
from typing import Any

from runner import clock


@dataclass(frozen=True, slots=True)
class Hours:
    """A span of a day in which the company works; one that ends at midnight ends with the day."""

    begin: time
    end: time


@dataclass(frozen=True, slots=True)
class Holidays:
    """Days on which nobody works: single ones, and those of countries or parts of them, such as `PL` or `DE-BY`."""

    dates: frozenset[date] = frozenset()
    countries: tuple[str, ...] = ()

    def __contains__(self, day: object) -> bool:
        return day in self.dates or any(day in country(code) for code in self.countries)


@cache
def country(code: str) -> Container[object]:
    """The public holidays of a country or a part of it, year after year. Raises ValueError with advice."""
    import holidays

    name, _, part = code.partition("-")
    known = holidays.list_supported_countries()
    if name not in known:
        raise ValueError(f"there are no holidays of {code!r}; write a country such as PL, or a part of one as DE-BY")
    if part and part not in known[name]:
        advice = f"there are {', '.join(known[name])}" if known[name] else f"write {name}"
        raise ValueError(f"{name} has no part {part!r} with holidays of its own; {advice}")
    days: Container[object] = holidays.country_holidays(name, subdiv=part or None)
    return days


@dataclass(frozen=True, slots=True)
class Calendar:
    """A week of business hours, without holidays, on the clock of one zone.

    A time of opening or closing that a clock change leaves out or shows twice is what `clock.at_local` makes of it.
    """

    zone: str
    #: Monday first.
    week: tuple[tuple[Hours, ...], ...]
    holidays: Container[object] = Holidays()

    def next_open(self, at: datetime) -> datetime:
        """The first instant from this one on at which the company works."""
        opens, _ = next(self.open_spans(at))
        return opens

    def add_hours(self, at: datetime, hours: int) -> datetime:
        """The first instant at which so many hours of work have passed."""
        left = timedelta(hours=hours)
        for opens, closes in self.open_spans(at):
            if closes - opens >= left:
                return opens + left
            left -= closes - opens
        raise AssertionError("a calendar does not end")

    def add_days(self, at: datetime, days: int) -> datetime:
        """The same hour so many business days later, or the next opening where the company does not work then.

        What comes while nobody works counts as come at the next opening.
        """
        start = self.next_open(at)
        if not days:
            return start
        wall = clock.local(start, self.zone)
        day = wall.date()
        for _ in range(days):
            day = self._next_day(day)
        return self.next_open(clock.at_local(day, wall.time(), self.zone))

    def between(self, begin: datetime, end: datetime) -> float:
        """The seconds of work from one instant to another; 0 where the other is not later."""
        worked = timedelta()
        for opens, closes in self.open_spans(begin):
            if opens >= end:
                break
            worked += min(closes, end) - opens
        return worked.total_seconds()

    def is_business_day(self, day: date) -> bool:
        return bool(self.week[day.weekday()]) and day not in self.holidays

    def _next_day(self, day: date) -> date:
        day += timedelta(days=1)
        while not self.is_business_day(day):
            day += timedelta(days=1)
        return day

    def open_spans(self, at: datetime) -> Iterator[tuple[datetime, datetime]]:
        """From when to when the company works after this instant, in order, nothing twice."""
        # What a clock going forward left out yesterday, late in the evening, may come today.
        day, last = clock.local(at, self.zone).date() - timedelta(days=1), at
        while True:
            for hours in self.week[day.weekday()] if self.is_business_day(day) else ():
                opens, closes = self._span(day, hours)
                if max(opens, last) < closes:
                    yield max(opens, last), closes
                    last = closes
            day += timedelta(days=1)

    def _span(self, day: date, hours: Hours) -> tuple[datetime, datetime]:
        begin = clock.at_local(day, hours.begin, self.zone)
        if hours.end == time():
            return begin, clock.midnight(day + timedelta(days=1), self.zone)
        return begin, clock.at_local(day, hours.end, self.zone)


def days_of(key: str) -> list[int]:
    """The weekdays that are named, Monday is 0: `mon-fri`, `mon,wed`, `sun-thu`. Raises ValueError with advice."""
    found: list[int] = []
    for part in key.split(","):
        first, _, last = part.strip().partition("-")
        begin, end = _weekday(first), _weekday(last or first)
        found += [day % 7 for day in range(begin, (end if end >= begin else end + 7) + 1)]
    return found


def _weekday(word: str) -> int:
    if word not in clock.WEEKDAYS:
        raise ValueError(f"{word!r} is no day; there are {', '.join(clock.WEEKDAYS)}, and ranges such as mon-fri")
    return clock.WEEKDAYS.index(word)


def hours_of(text: Any) -> tuple[Hours, ...]:
    """The spans of a day that are written: `09:00-12:00, 13:00-24:00`. Raises ValueError with advice."""
    if not isinstance(text, str) or not all(_SPAN.fullmatch(part.strip()) for part in text.split(",")):
        raise ValueError(f'must be hours such as "09:00-17:00" or "09:00-12:00, 13:00-17:00", is {text!r}')
    minutes = [60 * int(hour) + int(minute) for hour, minute in re.findall(r"(\d+):(\d+)", text)]
    if sorted(set(minutes)) != minutes or minutes[-1] > 1440:
        raise ValueError(f"must be hours of one day in their order, is {text!r}; a day ends at 24:00")
    times = [time(minute // 60 % 24, minute % 60) for minute in minutes]
    return tuple(Hours(begin, end) for begin, end in zip(times[::2], times[1::2], strict=True))


_SPAN = re.compile(r"\d\d?:[0-5]\d ?[-–] ?\d\d?:[0-5]\d")


def office_hours(zone: str) -> Calendar:
    """Monday to Friday from 9 to 17, without holidays: what counts where the settings say nothing."""
    day = (Hours(time(9), time(17)),)
    return Calendar(zone, (day,) * 5 + ((), ()))
