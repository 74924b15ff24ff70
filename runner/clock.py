"""Time, passed in: the instant a tick works at, and the local days and hours of the zones people live in."""

from __future__ import annotations

from collections.abc import Container
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

#: What systems keep beside their zones: this machine's own, and placeholders.
_NO_PLACES = ("localtime", "posixrules", "Factory")
#: How people write the days of the week, Monday first.
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def machine_now() -> datetime:
    """The machine's own time: what leases and timeouts go by, never a business rule."""
    return datetime.now(UTC)


@lru_cache(maxsize=1024)
def rules(zone_name: str) -> ZoneInfo:
    """The rules of a zone that there is. (The library keeps eight of them and reads the others anew at each call.)"""
    return ZoneInfo(zone_name)


@lru_cache(maxsize=1024)
def zone(name: str) -> ZoneInfo | None:
    """The IANA time zone of that name; None where there is none.

    An offset (`+02:00`) is none, nor is an abbreviation (`CEST`) unless IANA has it as a name (`CET`).
    """
    if name in _NO_PLACES or name.startswith(("posix/", "right/")):
        return None
    try:
        return rules(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def local(at: datetime, zone_name: str) -> datetime:
    """The instant as the clock on that zone's wall shows it."""
    return at.astimezone(rules(zone_name))


@lru_cache(maxsize=65536)
def at_local(day: date, hour: time, zone_name: str, *, second: bool = False) -> datetime:
    """The instant at which that zone's wall clock shows this day and hour, in UTC.

    A time that does not exist (spring) is the instant at which the clock has moved on by as much: 02:30 is 03:30.
    A time that exists twice (autumn) is the first of the two, or the `second`.
    """
    return datetime.combine(day, hour.replace(fold=int(second)), tzinfo=rules(zone_name)).astimezone(UTC)


def midnight(day: date, zone_name: str) -> datetime:
    """The instant a local day begins, in UTC."""
    return at_local(day, time(), zone_name)


def next_day(at: datetime, zone_name: str) -> datetime:
    """The instant the next local day begins, in UTC."""
    return midnight(local(at, zone_name).date() + timedelta(days=1), zone_name)


def next_hour(at: datetime, hour: time, zone_name: str) -> datetime:
    """The first instant from this one on at which that zone's wall clock shows the hour, as `at_local` has it."""
    return _first_from(at, hour, zone_name, range(7))


def next_weekday(at: datetime, weekday: int, zone_name: str, hour: time | None = None) -> datetime:
    """The first instant from this one on that lies in such a weekday (Monday is 0), or that is its `hour`.

    Without an hour today counts: on a Monday the next Monday is now, on any other day it begins at midnight.
    """
    if hour is None and local(at, zone_name).weekday() == weekday:
        return at
    return _first_from(at, hour or time(), zone_name, (weekday,))


def _first_from(at: datetime, hour: time, zone_name: str, weekdays: Container[int]) -> datetime:
    # An hour that a clock going forward left out yesterday, late in the evening, comes today.
    yesterday = local(at, zone_name).date() - timedelta(days=1)
    days = (yesterday + timedelta(days=n) for n in range(10))
    instants = (at_local(day, hour, zone_name) for day in days if day.weekday() in weekdays)
    return next(instant for instant in instants if instant >= at)
