"""The wall clocks of all 599 IANA zones of tzdata 2025.2 and the 8,544 changes they make from 2020 to 2040.

What is exhaustive takes every zone or every change; the rest is drawn, half of it within a day of a change.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from itertools import count, takewhile
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from runner import clock
from tests.core.zones import hours, moments

MINUTE = timedelta(minutes=1)


def shows(at: datetime, hour: time, zone: str) -> bool:
    """Whether the clock on that zone's wall shows this hour, and for the first time where it does so twice."""
    wall = at.astimezone(ZoneInfo(zone))
    return wall.time() == hour and not wall.fold


def minutes(begin: datetime, end: datetime) -> list[datetime]:
    return list(takewhile(lambda at: at < end, (begin + n * MINUTE for n in count())))


@given(moments, hours)
def test_the_next_hour_is_the_first_time_that_the_wall_clock_shows_it(moment: tuple[str, datetime], hour: time) -> None:
    zone, at = moment
    until = clock.next_hour(at, hour, zone)
    assert until >= at
    assert not any(shows(minute, hour, zone) for minute in minutes(at, until))
    day = clock.local(until, zone).date()
    assert until in (clock.at_local(day, hour, zone), clock.at_local(day - timedelta(days=1), hour, zone))


@given(moments)
def test_until_nine_at_nine_is_now(moment: tuple[str, datetime]) -> None:
    zone, at = moment
    nine = clock.next_hour(at, time(9), zone)
    assert clock.next_hour(nine, time(9), zone) == nine


@given(moments, st.integers(0, 6))
def test_the_next_weekday_is_now_on_that_day_else_its_first_instant(moment: tuple[str, datetime], weekday: int) -> None:
    zone, at = moment
    until = clock.next_weekday(at, weekday, zone)
    assert clock.local(until, zone).weekday() == weekday
    if clock.local(at, zone).weekday() == weekday:
        assert until == at
    else:
        before = clock.local(until - timedelta(seconds=1), zone)
        assert before.weekday() == (weekday - 1) % 7
        assert at < until <= at + timedelta(days=6, hours=3)


@given(moments, st.integers(0, 6), hours)
def test_the_next_weekday_s_hour_lies_in_the_week_ahead(moment: tuple[str, datetime], weekday: int, hour: time) -> None:
    zone, at = moment
    until = clock.next_weekday(at, weekday, zone, hour)
    assert at <= until <= at + timedelta(days=7, hours=3)
    assert clock.next_weekday(until, weekday, zone, hour) == until
    days = [clock.local(until, zone).date() - timedelta(days=n) for n in (0, 1)]
    assert any(day.weekday() == weekday and clock.at_local(day, hour, zone) == until for day in days)


def test_an_evening_hour_that_was_left_out_comes_after_midnight() -> None:
    # Nuuk puts its clock from 23:00 to 0:00.
    at = clock.at_local(date(2026, 3, 29), time(0, 10), "America/Nuuk")
    assert clock.local(clock.next_hour(at, time(23, 30), "America/Nuuk"), "America/Nuuk").time() == time(0, 30)
