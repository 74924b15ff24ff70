"""Lets time pass, until an hour or a weekday comes, or something happens."""

from __future__ import annotations

import re
from datetime import datetime, time
from typing import Annotated, Any, ClassVar, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from runner import clock
from runner.actions.base import Action
from runner.clock import WEEKDAYS
from runner.duration import BusinessTime, Delay, SomeDelay
from runner.yaml_types import Part

_MOMENT = re.compile(rf"(?:({'|'.join(WEEKDAYS)})[a-z]*)? ?(?:([01]?\d|2[0-3]):([0-5]\d))?", re.IGNORECASE)


class Moment(Part):
    """An hour, a weekday, or an hour on a weekday, in the contact's zone."""

    weekday: int | None = None
    hour: time | None = None

    def next(self, since: datetime, zone: str) -> datetime:
        """The first instant, not before `since`, that it is."""
        if self.weekday is None:
            return clock.next_hour(since, self.hour or time(), zone)
        return clock.next_weekday(since, self.weekday, zone, hour=self.hour)

    def __str__(self) -> str:
        day = WEEKDAYS[self.weekday] if self.weekday is not None else ""
        return f"{day} {self.hour:%H:%M}".strip() if self.hour else day


def _moment(value: Any) -> Any:
    written = _MOMENT.fullmatch(value.strip()) if isinstance(value, str) else None
    if isinstance(value, Moment):
        return value
    if written is None or not written[0]:
        raise ValueError(f'must be an hour "09:00", a weekday such as mon, or both "mon 09:00", is {value!r}')
    day, hour, minute = written.groups()
    return Moment(
        weekday=WEEKDAYS.index(day.lower()) if day else None, hour=time(int(hour), int(minute)) if hour else None
    )


#: What the log says of a wait for something: it came, or its time was over.
HAPPENED, TIMED_OUT = "happened", "timed out"
#: What `wait: {for: …}` may name beside an event's kind.
HAPPENINGS = ("answer", "click")


def _happening(value: Any) -> Any:
    if isinstance(value, str) and value in HAPPENINGS:
        return value
    if isinstance(value, dict) and list(value) == ["event"] and isinstance(value["event"], str) and value["event"]:
        return f"event:{value['event']}"
    if isinstance(value, str) and value.startswith("event:"):
        return value
    raise ValueError(f"must be {{event: order}} or another event's kind, answer or click, is {value!r}")


_AS_MOMENT = WithJsonSchema({"type": "string", "pattern": r"^((mon|tue|wed|thu|fri|sat|sun)[a-z]*)? ?(\d?\d:\d\d)?$"})
_AS_HAPPENING = WithJsonSchema(
    {
        "oneOf": [
            {"enum": list(HAPPENINGS)},
            {
                "type": "object",
                "required": ["event"],
                "additionalProperties": False,
                "properties": {"event": {"type": "string"}},
            },
        ]
    }
)


class Wait(Action):
    """Waits a time, until an hour or weekday, or for something to happen; in the contact's days, or business days."""

    name: ClassVar[str] = "wait"
    example: ClassVar[str] = "wait: {for: {event: order}, at_most: 7 days}"

    #: How long: `wait: 3 days`, `wait: 2 business days`.
    time: Delay | None = None
    #: Until an hour, a weekday, or both: `"09:00"`, `mon`, `"mon 09:00"`.
    until: Annotated[Moment, BeforeValidator(_moment), _AS_MOMENT] | None = None
    #: For what: `{event: order}` or another kind, `answer` (of the survey before) or `click` (in a mail before).
    for_: Annotated[str, BeforeValidator(_happening), _AS_HAPPENING] | None = Field(None, alias="for")
    #: How long at the most; then it goes on all the same.
    at_most: SomeDelay | None = None

    @classmethod
    def written(cls, schema: dict[str, Any]) -> dict[str, Any]:
        keys = schema["properties"]
        told = {name: keys[name] for name in ("until", "for", "at_most")}
        by_keys = {"type": "object", "additionalProperties": False, "properties": told}
        return {"oneOf": [keys["time"], by_keys]}

    @model_validator(mode="before")
    @classmethod
    def _plain(cls, value: Any) -> Any:
        if not value:
            raise ValueError('how long? write wait: 3 days, wait: {until: "09:00"} or wait: {for: …, at_most: …}')
        return value if isinstance(value, dict) else {"time": value}

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if sum(kind is not None for kind in (self.time, self.until, self.for_)) != 1:
            raise ValueError("must be a time, until: or for:, one of the three")
        if (self.for_ is None) != (self.at_most is None):
            raise ValueError("for: and at_most: go together: nobody waits for ever")
        return self

    def over_at(self, since: datetime, zone: str, business: BusinessTime) -> datetime:
        """When it is over, at the latest."""
        if self.until is not None:
            return self.until.next(since, zone)
        span = self.time or self.at_most
        assert span is not None
        return span.after(since, zone, business)

    @property
    def what(self) -> str:
        """What it waits for, in words: `an order`, `the answer`."""
        if self.for_ in HAPPENINGS:
            return {"answer": "the answer", "click": "a click"}[str(self.for_)]
        kind = str(self.for_).partition(":")[2].replace("_", " ")
        return f"{'an' if kind[:1] in 'aeiou' else 'a'} {kind}"

    def says(self) -> str:
        if self.until is not None:
            return f"wait until {self.until}"
        return f"wait for {self.what}, at most {self.at_most}" if self.for_ else f"wait {self.time}"
