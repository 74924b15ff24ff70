"""Spans of time as people write them: `3 days`, `4 hours`, `in 1 business hour`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, WithJsonSchema

_WRITTEN = re.compile(r"(?:every |in |after )?(\d+) ?(minute|hour|day|week)s?")
#: Days that the longest duration has.
LONGEST = 36500
_MINUTES = {"minute": 1, "hour": 60, "day": 60 * 24, "week": 60 * 24 * 7}


@dataclass(frozen=True, slots=True)
class Duration:
    """A number of minutes, hours, days or weeks. Days and weeks are calendar days: clock changes do not shift them."""

    amount: int
    unit: str

    @property
    def days(self) -> int:
        """Whole days, part days rounded up."""
        return -(-self.amount * _MINUTES[self.unit] // _MINUTES["day"])

    @property
    def span(self) -> timedelta:
        return timedelta(minutes=self.amount * _MINUTES[self.unit])

    def after(self, at: datetime, zone: str) -> datetime:
        """The instant this much later: the same wall-clock time for days and weeks, elapsed time otherwise."""
        if self.unit in ("minute", "hour"):
            return at + self.span
        wall = at.astimezone(ZoneInfo(zone)) + self.span
        return wall.astimezone(UTC)

    def __str__(self) -> str:
        return f"{self.amount} {self.unit}{'' if self.amount == 1 else 's'}"


def parse(text: str) -> Duration:
    """The span that was written. Raises ValueError with advice."""
    written = _WRITTEN.fullmatch(text.strip().lower())
    if written is None:
        raise ValueError(f"must be a duration such as '3 days' or '4 hours', is {text!r}{_instead(text)}")
    # A calendar ends, and so do the databases' times.
    if len(written[1]) > 9 or int(written[1]) * _MINUTES[written[2]] > LONGEST * _MINUTES["day"]:
        raise ValueError(f"must be at most {LONGEST} days, is {text!r}")
    return Duration(int(written[1]), written[2])


def _instead(text: str) -> str:
    """Months and years are no fixed time; what people mean by them is."""
    word = text.strip().lower().rstrip("s")
    if "business" in word:
        return "; business hours and days are not in this version yet"
    return "; write 30 days" if word.endswith("month") else "; write 365 days" if word.endswith("year") else ""


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


def _read(value: Any) -> Duration:
    if isinstance(value, Duration):
        return value
    if isinstance(value, str):
        return parse(value)
    raise ValueError(f"must be a duration such as '3 days' or '4 hours', is {value!r}")


#: A duration in a YAML model.
Span = Annotated[
    Duration,
    BeforeValidator(_read),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "pattern": r"^((every|in|after) )?\d+ ?(minute|hour|day|week)s?$"}),
]
#: Some time, not none.
SomeTime = Annotated[Span, AfterValidator(some_time)]
#: A number of days or weeks.
Days = Annotated[Span, AfterValidator(whole_days)]
