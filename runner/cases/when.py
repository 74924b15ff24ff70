"""Times as tests write them: `2027-02-28T09:00` on the person's own clock, `3 days ago`, `in 2 hours`, `today`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator, WithJsonSchema

from runner import clock
from runner.duration import Duration, parse

AnyDay = TypeVar("AnyDay", bound=date)
#: The years in which a test may play.
YEARS = range(1850, 2201)
#: Words for a day, counted from the day it is.
_DAYS = {"yesterday": -1, "today": 0, "tomorrow": 1}


@dataclass(frozen=True, slots=True)
class When:
    """A time that was written: itself, or so long before or after another."""

    #: A time without an offset is on the clock of whoever it is about; a bare date is a date.
    at: datetime | date | None = None
    span: Duration | None = None
    before: bool = False

    def instant(self, now: datetime, zone: str) -> datetime:
        """The instant that is meant where it is `now`, in UTC."""
        if self.span is not None:
            return earlier(now, self.span, zone) if self.before else self.span.after(now, zone)
        if isinstance(self.at, datetime):
            if self.at.tzinfo is not None:
                return self.at.astimezone(UTC)
            return clock.at_local(self.at.date(), self.at.time(), zone)
        return clock.midnight(self.at, zone) if self.at is not None else now

    def day(self, now: datetime, zone: str) -> date:
        """The local day that is meant."""
        if type(self.at) is date:
            return self.at
        return clock.local(self.instant(now, zone), zone).date()

    @property
    def is_day(self) -> bool:
        """Whether it names a day and no time of it."""
        return type(self.at) is date or (self.span is not None and self.span.unit in ("day", "week"))


def earlier(now: datetime, span: Duration, zone: str) -> datetime:
    """The instant this much before: at the same wall-clock time for days and weeks."""
    if span.unit in ("minute", "hour"):
        return now - span.span
    return (clock.local(now, zone) - span.span).astimezone(UTC)


def read(value: Any) -> When:
    """Raises ValueError with advice."""
    match value:
        case When():
            return value
        case datetime():
            return When(_told(datetime.combine(value.date(), value.time(), value.tzinfo)))
        case date():
            return When(_told(date(value.year, value.month, value.day)))
        case str() if (word := value.strip().lower()) in _DAYS:
            return When(span=Duration(abs(_DAYS[word]), "day"), before=_DAYS[word] < 0)
        case str() if value.strip().lower() == "now":
            return When()
        case str() if found := re.fullmatch(r"(.+?) (ago|before|later)", value.strip().lower()):
            return When(span=parse(found[1]), before=found[2] != "later")
        case str() if value.strip().lower().startswith("in "):
            return When(span=parse(value))
        case str():
            return When(_told(_written(value.strip())))
    raise ValueError(f"must be a time such as 2027-02-28T09:00 or '3 days ago', is {value!r}")


def _told(at: AnyDay) -> AnyDay:
    """Raises ValueError for what nobody's customers live to see: a calendar ends, and so do its sums."""
    if not YEARS.start <= at.year < YEARS.stop:
        raise ValueError(f"must be in the years {YEARS.start} to {YEARS.stop - 1}, is {at}")
    return at


def _written(text: str) -> datetime | date:
    try:
        return date.fromisoformat(text) if len(text) == len("2027-02-28") else datetime.fromisoformat(text)
    except ValueError:
        pass
    try:
        parse(text)
    except ValueError:
        raise ValueError(f"must be a time such as 2027-02-28T09:00 or '3 days ago', is {text!r}") from None
    raise ValueError(f"before or after? write '{text} ago' or 'in {text}'")


def _read_fixed(value: Any) -> When:
    when = read(value)
    if when.at is None:
        raise ValueError(f"must be a time itself, such as 2027-02-28T09:00, is {value!r}")
    return when


def _read_later(value: Any) -> When:
    """`3 days` is `in 3 days` where only what comes later can be meant."""
    if isinstance(value, str):
        try:
            return When(span=parse(value))
        except ValueError:
            pass
    when = read(value)
    if when.before:
        raise ValueError(f"must be later than now, is {value!r}")
    return when


_SCHEMA = WithJsonSchema({"type": "string"})
#: `2027-02-28T09:00`
Fixed = Annotated[When, BeforeValidator(_read_fixed), _SCHEMA]
#: `3 days`, or a time.
Later = Annotated[When, BeforeValidator(_read_later), _SCHEMA]
