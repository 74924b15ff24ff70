"""Times as crontab writes them, `0 9 * * mon`, on the clock of a wall: whose wall, the caller says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Annotated, Any

from pydantic import AfterValidator

_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS = ("minute", "hour", "day", "month", "day_of_week")


def sound(text: str) -> str:
    """The expression, if it can be meant. Raises ValueError with advice."""
    parsed(text)
    return text


#: "0 9 * * mon"
Cron = Annotated[str, AfterValidator(sound)]


def times(text: str, after: datetime, until: datetime) -> Iterator[datetime]:
    """The wall times in (after, until] that the expression names, without zone, in their order."""
    day = after.date()
    while day <= until.date():
        yield from (at for at in _of_day(text, day) if after < at <= until)
        day += timedelta(days=1)


@lru_cache(maxsize=4096)
def _of_day(text: str, day: date) -> tuple[datetime, ...]:
    """Kept: every zone asks for the same days at every tick."""
    fires, found = parsed(text), []
    at = datetime(day.year, day.month, day.day, tzinfo=UTC)
    while (due := fires.get_next_fire_time(None, at)) is not None and due.date() == day:
        found.append(due.replace(tzinfo=None))
        at = due + timedelta(minutes=1)
    return tuple(found)


@lru_cache(maxsize=256)
def parsed(text: str) -> Any:
    """APScheduler's trigger for it, on a wall that knows no clock changes."""
    from apscheduler.triggers.cron import CronTrigger

    written = text.lower().split()
    if len(written) != len(_FIELDS):
        raise ValueError(f"must have five fields, minute hour day month weekday, is {text!r}; write '0 9 * * mon'")
    minute, _, day, _, weekday = written
    if not minute.isdigit():
        raise ValueError(f"must name one minute: at most once an hour, is {text!r}; write '0 9 * * mon'")
    if day != "*" and weekday != "*":
        raise ValueError(
            f"names a day of the month and a weekday, which crontab takes as either, is {text!r}; "
            "write two playbooks, or put one of the two into audience:"
        )
    told = dict(zip(_FIELDS, [*written[:4], _weekdays(weekday)], strict=True))
    try:
        return CronTrigger(timezone=UTC, **told)
    except ValueError as error:
        raise ValueError(f"is no time as crontab writes it: {error}, is {text!r}") from None


def _weekdays(written: str) -> str:
    """The days by their names: crontab counts from Sunday, 0 or 7, and APScheduler from Monday."""
    if written == "*":
        return written
    return ",".join(dict.fromkeys(day for part in written.split(",") for day in _of_part(part, written)))


def _of_part(part: str, whole: str) -> list[str]:
    found = re.fullmatch(r"(?:(\*)|([a-z]{3}|[0-7])(?:-([a-z]{3}|[0-7]))?)(?:/([1-7]))?", part)
    if found is None:
        raise ValueError(f"must be a weekday such as mon, mon-fri or 1-5, is {whole!r}")
    step = int(found[4] or 1)
    if found[1]:
        return list(_DAYS[::step])
    first = _number(found[2], whole)
    last = _number(found[3], whole) if found[3] else 6 if found[4] else first
    span = range(first, last + 1) if first <= last else range(first, last + 8)
    return [_DAYS[number % 7] for number in span[::step]]


def _number(day: str, whole: str) -> int:
    if day.isdigit():
        return int(day)
    if day not in _DAYS:
        raise ValueError(f"must be a weekday such as mon, mon-fri or 1-5, is {whole!r}")
    return _DAYS.index(day)
