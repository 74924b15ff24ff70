"""The wall clocks of every IANA zone, from 2020 to 2040: 599 zones, 8,544 changes of a clock with tzdata 2025.

What says "each change" takes every one of them; the rest is drawn, half of it within a day of a change.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from itertools import pairwise

import pytest
import sqlalchemy as sa
from hypothesis import assume, given
from hypothesis import strategies as st

from runner import clock
from runner.conditions.fields import known_fields
from runner.decide import quiet_until
from runner.duration import Duration
from runner.settings import QuietHours
from runner.store.tables import enrollments
from runner.triggers.due_days import DueDay, due_days
from runner.triggers.window import Window
from runner.triggers.yearly import month_days, yearly_spans
from tests.core.world import World
from tests.core.zones import BEGIN, changes, hours, moments, zones

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
Moment = tuple[str, datetime]
LEAP_DAYS = ("feb28", "mar1", "skip")


def wall(at: datetime, zone: str) -> datetime:
    """What the clock on the wall shows, and nothing else."""
    return clock.local(at, zone).replace(tzinfo=None, fold=0)


def instant(shown: datetime, zone: str, *, second: bool = False) -> datetime:
    return clock.at_local(shown.date(), shown.time(), zone, second=second)


def every(step: timedelta, begin: datetime, end: datetime) -> Iterator[datetime]:
    return (begin + n * step for n in range(-((begin - end) // step)))


def test_every_zone_is_looked_at_and_clocks_are_changed() -> None:
    assert (len(zones()) > 590, len(changes()) > 8_000) == (True, True)
    assert {"Europe/Warsaw", "Africa/Cairo", "America/Nuuk", "Australia/Lord_Howe"} < {c.zone for c in changes()}


# --- a time of day


def test_a_time_left_out_is_moved_on_by_as_much_as_the_clock_at_each_change() -> None:
    for change in (change for change in changes() if change.forward):
        begin, end = change.odd
        for shown in every(15 * MINUTE, begin, end):
            assert wall(instant(shown, change.zone), change.zone) == shown + (end - begin)
        assert instant(begin, change.zone) == instant(end, change.zone) == change.at


def test_a_time_shown_twice_is_the_first_of_the_two_at_each_change() -> None:
    for change in (change for change in changes() if not change.forward):
        begin, end = change.odd
        for shown in every(15 * MINUTE, begin, end):
            first, second = instant(shown, change.zone), instant(shown, change.zone, second=True)
            assert wall(first, change.zone) == wall(second, change.zone) == shown
            assert first < change.at <= second == first + (end - begin)


def test_all_other_times_are_what_the_wall_clock_shows_at_each_change() -> None:
    for change in changes():
        begin, end = change.odd
        for shown in (begin - DAY, begin - MINUTE, end, end + MINUTE, end + DAY):
            assert wall(instant(shown, change.zone), change.zone) == shown


@given(moments)
def test_every_moment_is_found_again_by_its_time_on_the_wall(moment: Moment) -> None:
    zone, at = moment
    local = clock.local(at, zone)
    assert clock.at_local(local.date(), local.time(), zone, second=bool(local.fold)) == at


# --- a day


def test_midnight_is_the_first_instant_of_the_day_also_where_there_is_none_at_each_change() -> None:
    for change in changes():
        today = wall(change.at, change.zone).date()
        for day in (today - DAY, today, today + DAY):
            begins = clock.midnight(day, change.zone)
            assert wall(begins, change.zone).date() == day
            assert wall(begins - timedelta(seconds=1), change.zone).date() == day - DAY


@given(moments)
def test_the_next_day_begins_after_now_and_within_a_long_day(moment: Moment) -> None:
    zone, at = moment
    begins = clock.next_day(at, zone)
    assert at < begins <= at + DAY + 3 * HOUR
    assert wall(begins, zone).date() == wall(at, zone).date() + DAY


# --- durations


@given(moments, st.integers(0, 400), st.sampled_from(["day", "week"]))
def test_days_keep_the_time_on_the_wall(moment: Moment, amount: int, unit: str) -> None:
    zone, at = moment
    duration = Duration(amount, unit)
    later = duration.after(at, zone)
    shown = wall(at, zone) + amount * (DAY if unit == "day" else 7 * DAY)
    assert later >= at
    assert later == (instant(shown, zone) if amount else at)


def test_a_day_over_each_change_is_a_day_on_the_wall() -> None:
    for change in changes():
        for before in (DAY, 5 * HOUR, MINUTE):
            at = change.at - before
            later = Duration(1, "day").after(at, change.zone)
            assert later == instant(wall(at, change.zone) + DAY, change.zone)
            assert at + DAY - 3 * HOUR <= later <= at + DAY + 3 * HOUR


@given(moments, st.integers(0, 5000), st.sampled_from(["minute", "hour"]))
def test_hours_and_minutes_elapse(moment: Moment, amount: int, unit: str) -> None:
    zone, at = moment
    assert Duration(amount, unit).after(at, zone) == at + amount * (MINUTE if unit == "minute" else HOUR)


# --- waits for an hour or a weekday


def first_shown(at: datetime, hour: time, zone: str) -> bool:
    """Whether the clock on that zone's wall shows this hour, and for the first time where it does so twice."""
    local = clock.local(at, zone)
    return local.time() == hour and not local.fold


@given(moments, hours)
def test_the_next_hour_is_the_first_time_that_the_wall_clock_shows_it(moment: Moment, hour: time) -> None:
    zone, at = moment
    until = clock.next_hour(at, hour, zone)
    assert until >= at
    assert not any(first_shown(minute, hour, zone) for minute in every(MINUTE, at, until))
    day = wall(until, zone).date()
    assert until in (clock.at_local(day, hour, zone), clock.at_local(day - DAY, hour, zone))


@given(moments)
def test_until_nine_at_nine_is_now(moment: Moment) -> None:
    zone, at = moment
    nine = clock.next_hour(at, time(9), zone)
    assert clock.next_hour(nine, time(9), zone) == nine


@given(moments, st.integers(0, 6))
def test_the_next_weekday_is_now_on_that_day_else_its_first_instant(moment: Moment, weekday: int) -> None:
    zone, at = moment
    until = clock.next_weekday(at, weekday, zone)
    assert wall(until, zone).weekday() == weekday
    if wall(at, zone).weekday() == weekday:
        assert until == at
    else:
        assert wall(until - timedelta(seconds=1), zone).weekday() == (weekday - 1) % 7
        assert at < until <= at + 6 * DAY + 3 * HOUR


@given(moments, st.integers(0, 6), hours)
def test_the_hour_of_the_next_weekday_lies_in_the_week_ahead(moment: Moment, weekday: int, hour: time) -> None:
    zone, at = moment
    until = clock.next_weekday(at, weekday, zone, hour)
    assert at <= until <= at + 7 * DAY + 3 * HOUR
    assert clock.next_weekday(until, weekday, zone, hour) == until
    days = [wall(until, zone).date() - n * DAY for n in (0, 1)]
    assert any(day.weekday() == weekday and clock.at_local(day, hour, zone) == until for day in days)


def test_an_evening_hour_that_was_left_out_comes_after_midnight() -> None:
    # Nuuk puts its clock from 23:00 to 0:00.
    at = clock.at_local(date(2026, 3, 29), time(0, 10), "America/Nuuk")
    assert wall(clock.next_hour(at, time(23, 30), "America/Nuuk"), "America/Nuuk").time() == time(0, 30)


# --- quiet hours


def quiet_hours(begin: time, end: time, weekends: str) -> QuietHours:
    return QuietHours.model_validate({"from": begin, "to": end, "weekends": weekends})


@given(moments, hours, hours, st.sampled_from(["quiet", "same"]))
def test_quiet_hours_end_later_outside_of_them_and_within_four_days(
    moment: Moment, begin: time, end: time, weekends: str
) -> None:
    assume(begin != end)
    zone, at = moment
    quiet = quiet_hours(begin, end, weekends)
    if (until := quiet_until(at, zone, quiet)) is None:
        return
    assert at < until <= at + (4 * DAY if weekends == "quiet" else DAY + 6 * HOUR)
    assert quiet_until(until, zone, quiet) is None
    assert all(quiet_until(moment, zone, quiet) == until for moment in every(30 * MINUTE, at, until))


def test_nobody_is_written_to_in_quiet_hours_around_each_change() -> None:
    night, odd = quiet_hours(time(20), time(8), "quiet"), quiet_hours(time(22), time(2, 30), "same")
    for change in changes():
        for at in (change.at - 3 * HOUR, change.at - MINUTE, change.at, change.at + 90 * MINUTE):
            for quiet in (night, odd):
                until = quiet_until(at, change.zone, quiet)
                assert until is None or (until > at and quiet_until(until, change.zone, quiet) is None)


# --- the days on which something is due


_FIELDS = known_fields(None)


def days_due(zone: str, since: datetime, now: datetime, hour: time) -> list[date]:
    window = Window(BEGIN, since, now, Duration(3, "day"), (zone,), _FIELDS)
    return sorted(due.day for due in due_days(window, hour, offset=0, back_to=since))


@given(moments, st.lists(st.integers(1, 4000), min_size=1, max_size=12), hours)
def test_however_ticks_are_cut_each_local_day_comes_once(moment: Moment, minutes: Sequence[int], hour: time) -> None:
    zone, begin = moment
    ticks = [begin]
    for passed in minutes:
        ticks.append(ticks[-1] + passed * MINUTE)
    end = ticks[-1]
    told = [day for since, now in pairwise(ticks) for day in days_due(zone, since, now, hour)]
    around = (wall(begin, zone).date() + n * DAY for n in range(-2, (end - begin).days + 3))
    assert told == [day for day in around if begin < clock.at_local(day, hour, zone) <= end]
    assert told == days_due(zone, begin, end, hour)


def test_each_change_neither_skips_nor_doubles_a_day() -> None:
    for change in changes():
        first, hour = wall(change.at, change.zone).date() - 4 * DAY, change.odd[0].time()
        ticks = [change.at + n * 30 * MINUTE for n in (-100, -50, -2, -1, 0, 1, 2, 50, 100)]
        told = [day for since, now in pairwise(ticks) for day in days_due(change.zone, since, now, hour)]
        due = [clock.at_local(first + n * DAY, hour, change.zone) for n in range(9)]
        assert told == [first + n * DAY for n in range(9) if ticks[0] < due[n] <= ticks[-1]]
        assert len(told) >= 4


# --- yearly days

_EVERY_DAY = [date(2020, 1, 1) + n * DAY for n in range(21 * 365 + 6)]


@pytest.mark.parametrize("leap_day", LEAP_DAYS)
def test_each_day_of_birth_comes_once_a_year_from_2020_to_2040(leap_day: str) -> None:
    assert _EVERY_DAY[-1] == date(2040, 12, 31)
    comes = Counter((day.year, number) for day in _EVERY_DAY for number in month_days(day, leap_day))
    born = {day.month * 100 + day.day for day in _EVERY_DAY}
    left_out = {(year, 229) for year in range(2020, 2041) if leap_day == "skip" and year % 4}
    assert comes == Counter({(year, number) for year in range(2020, 2041) for number in born} - left_out)


@given(moments, st.sampled_from(LEAP_DAYS), st.integers(0, 19))
def test_an_instant_has_one_yearly_day_in_the_zone_it_is_looked_at(moment: Moment, leap_day: str, years: int) -> None:
    zone, at = moment
    born = wall(at, zone).date()
    assume(born.year + years <= 2040)
    around = [date(born.year + years, born.month, min(born.day, 28)) + n * DAY for n in range(-4, 5)]
    due = [DueDay(zone, day, day, clock.at_local(day, time(9), zone)) for day in around]
    rows = [row for row in yearly_spans(due, "{year}", leap_day=leap_day) if row[4] <= at < row[5]]
    is_left_out = leap_day == "skip" and (born.month, born.day) == (2, 29) and (born.year + years) % 4
    assert [row[2].year for row in rows if row[2].year == born.year + years] == [born.year + years] * (not is_left_out)


def test_a_leap_day_is_kept_in_each_year_from_2020_to_2040(each_world: World) -> None:
    each_world.person("leap", birthday=date(1996, 2, 29))
    for leap_day in LEAP_DAYS:
        each_world.playbook(leap_day, f"trigger: {{anniversary: {{of: contact.birthday, leap_day: {leap_day}}}}}")
    each_world.tick("2020-02-27 12:00")
    for year in range(2020, 2041):
        each_world.tick(f"{year}-03-01 09:00")  # looks back by catch_up
    kept = each_world.rows(sa.select(enrollments.c.playbook, enrollments.c.anchor))
    leap_days = {date(year, 2, 29) for year in range(2020, 2041, 4)}
    common = [year for year in range(2020, 2041) if year % 4]
    assert {day for rule, day in kept if rule == "skip"} == leap_days
    assert {day for rule, day in kept if rule == "feb28"} == leap_days | {date(year, 2, 28) for year in common}
    assert {day for rule, day in kept if rule == "mar1"} == leap_days | {date(year, 3, 1) for year in common}
    assert len(each_world.got()) == len(kept) == 6 + 21 + 21
