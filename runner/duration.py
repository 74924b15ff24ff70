"""Spans of time as people write them: `3 days`, `4 hours`, `in 1 business hour`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Protocol

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, WithJsonSchema

from runner import clock

_WRITTEN = re.compile(r"(?:every |in |after )?(\d+) ?(minute|hour|day|week|business hour|business day)s?")
#: Days that the longest duration has.
LONGEST = 36500
#: Business hours or days that the longest one has: a company may open for few of them a week.
LONGEST_BUSINESS = 1000
_MINUTES = {"minute": 1, "hour": 60, "day": 60 * 24, "week": 60 * 24 * 7}


class BusinessTime(Protocol):
    """Knows when the company works."""

    def add_hours(self, at: datetime, hours: int) -> datetime: ...

    def add_days(self, at: datetime, days: int) -> datetime: ...


@dataclass(frozen=True, slots=True)
class Duration:
    """A number of minutes, hours, days or weeks. Days and weeks are calendar days: clock changes do not shift them.

    Business hours and days have no length of their own: how long they last the company's calendar says.
    """

    amount: int
    unit: str

    @property
    def days(self) -> int:
        """Whole days, part days rounded up."""
        return -(-self.amount * _MINUTES[self.unit] // _MINUTES["day"])

    @property
    def span(self) -> timedelta:
        return timedelta(minutes=self.amount * _MINUTES[self.unit])

    @property
    def is_business(self) -> bool:
        return self.unit.startswith("business")

    def after(self, at: datetime, zone: str, business: BusinessTime | None = None) -> datetime:
        """The instant this much later: the same wall-clock time for days and weeks, elapsed time otherwise.

        Business time needs the company's calendar, which has a zone of its own.
        """
        if self.is_business:
            assert business is not None
            add = business.add_hours if self.unit == "business hour" else business.add_days
            return add(at, self.amount)
        # No time at all is now, also where the wall shows this hour for the second time.
        if self.unit in ("minute", "hour") or not self.amount:
            return at + self.span
        wall = clock.local(at, zone) + self.span
        return wall.astimezone(UTC)

    def __str__(self) -> str:
        return f"{self.amount} {self.unit}{'' if self.amount == 1 else 's'}"


def parse(text: str, *, business: bool = False) -> Duration:
    """The span that was written; in business time only where that is understood. Raises ValueError with advice."""
    written = _WRITTEN.fullmatch(text.strip().lower())
    if written is None:
        raise ValueError(f"must be a duration such as '3 days' or '4 hours', is {text!r}{_instead(text, business)}")
    amount, unit = written.groups()
    if unit in _MINUTES:
        # A calendar ends, and so do the databases' times.
        if len(amount) > 9 or int(amount) * _MINUTES[unit] > LONGEST * _MINUTES["day"]:
            raise ValueError(f"must be at most {LONGEST} days, is {text!r}")
    elif not business:
        raise ValueError(f"is not counted in business time, is {text!r}; only 'wait' and 'due' are")
    elif len(amount) > 9 or int(amount) > LONGEST_BUSINESS:
        raise ValueError(f"must be at most {LONGEST_BUSINESS} {unit}s, is {text!r}")
    return Duration(int(amount), unit)


def _instead(text: str, business: bool) -> str:
    """Months and years are no fixed time; what people mean by them is."""
    word = text.strip().lower().rstrip("s")
    if "business" in word or "work" in word:
        return "; write 2 business days, or business hours" if business else "; write 2 days"
    count = re.search(r"\d+", word)
    many = int(count.group()[:4]) if count else 1
    days = next((days for unit, days in (("month", 30), ("year", 365)) if word.endswith(unit)), None)
    return "" if days is None else f"; write {days * many} days"


def whole_days(duration: Duration) -> Duration:
    """For what is counted in local days. Raises ValueError for hours, and for no time at all."""
    if duration.unit in ("minute", "hour"):
        raise ValueError(f"is counted in days: must be a number of days or weeks, is '{duration}'")
    return some_time(duration)


def some_time(duration: Duration) -> Duration:
    """Raises ValueError for no time at all."""
    if not duration.amount:
        raise ValueError(f"must be longer than nothing, is '{duration}'")
    return duration


def _read(value: Any, *, business: bool = False) -> Duration:
    if isinstance(value, Duration):
        return value
    if isinstance(value, str):
        return parse(value, business=business)
    raise ValueError(f"must be a duration such as '3 days' or '4 hours', is {value!r}")


def _read_any(value: Any) -> Duration:
    return _read(value, business=True)


def _schema(units: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": rf"^((every|in|after) )?\d+ ?({units})s?$"})


#: A duration in a YAML model.
Span = Annotated[Duration, BeforeValidator(_read), PlainSerializer(str), _schema("minute|hour|day|week")]
#: A duration that may be counted in business hours or days.
Delay = Annotated[
    Duration,
    BeforeValidator(_read_any),
    PlainSerializer(str),
    _schema("minute|hour|day|week|business hour|business day"),
]
#: Some time, not none.
SomeTime = Annotated[Span, AfterValidator(some_time)]
SomeDelay = Annotated[Delay, AfterValidator(some_time)]
#: A number of days or weeks.
Days = Annotated[Span, AfterValidator(whole_days)]
