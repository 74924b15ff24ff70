"""When the company works, as people write it: `mon-fri: "09:00-17:00"`, `holidays: PL`."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, ConfigDict, WithJsonSchema, model_validator

from runner import business, clock
from runner.yaml_types import Part


def _days(key: str) -> str:
    business.days_of(key)
    return key


def _holiday(value: Any) -> Any:
    if isinstance(value, str) and not value[:1].isdigit():
        business.country(value)
        return value
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value):
        return date.fromisoformat(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    raise ValueError(f"must be a country such as PL, a part of one such as DE-BY, or a date, is {value!r}")


def _as_list(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else [value]


_DAY = f"({'|'.join(clock.WEEKDAYS)})"
_TEXTS = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
#: `mon-fri`, `sat`, `mon,wed`
Weekdays = Annotated[str, AfterValidator(_days)]
#: "09:00-17:00", or several spans of a day
OpenHours = Annotated[
    tuple[business.Hours, ...], BeforeValidator(business.hours_of), WithJsonSchema({"type": "string"})
]
#: `PL`, `DE-BY`, a date, or a list of these
DaysOff = Annotated[
    tuple[Annotated[date | str, BeforeValidator(_holiday)], ...], BeforeValidator(_as_list), WithJsonSchema(_TEXTS)
]


class BusinessHours(Part):
    """When the company works, in the account's zone: `mon-fri: "09:00-17:00"`, `sat: "09:00-12:00, 13:00-15:00"`."""

    model_config = ConfigDict(
        extra="allow", json_schema_extra={"propertyNames": {"pattern": rf"^(holidays|{_DAY}(( ?, ?|-){_DAY})*)$"}}
    )
    __pydantic_extra__: dict[Weekdays, OpenHours]

    #: When nobody works: a country (`PL`), a part of one (`DE-BY`), a date, or a list of these.
    holidays: DaysOff = ()

    @model_validator(mode="after")
    def _opens(self) -> Self:
        named = [day for key in self.__pydantic_extra__ for day in business.days_of(key)]
        twice = next((clock.WEEKDAYS[day] for day in named if named.count(day) > 1), None)
        if twice:
            raise ValueError(f"have {twice} twice; give each day its hours once, as mon-thu and fri")
        now = clock.machine_now()
        if not named or self.calendar("UTC").next_open(now) > now + timedelta(days=365):
            raise ValueError('have no open hour within a year; write mon-fri: "09:00-17:00"')
        return self

    def calendar(self, zone: str) -> business.Calendar:
        """These hours on the clock of a zone."""
        hours = {day: spans for key, spans in self.__pydantic_extra__.items() for day in business.days_of(key)}
        dates = frozenset(day for day in self.holidays if isinstance(day, date))
        countries = tuple(code for code in self.holidays if isinstance(code, str))
        week = tuple(hours.get(day, ()) for day in range(7))
        return business.Calendar(zone, week, business.Holidays(dates, countries))
