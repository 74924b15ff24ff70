"""A date draws near, comes or has passed: a renewal, the days after an order."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal, Self

import sqlalchemy as sa
from pydantic import model_validator

from runner.conditions import Fields
from runner.duration import Days, Duration, SomeTime
from runner.settings import Hour
from runner.store.tables import contacts
from runner.store.types import json_object
from runner.triggers.base import (
    Anchor,
    DueDay,
    Trigger,
    Window,
    back_to,
    dated_anchor,
    day_table,
    due_days,
    lives_in,
    match_columns,
    on_target,
    yearly_anchor,
    yearly_table,
)


class Date(Trigger):
    """Fires some days before or after a date of the contact, or on it; once, or every year."""

    name: ClassVar[str] = "date"

    #: The date or time: `contact.renewal_date`, `contact.last_order_at`.
    of: str
    #: How long before it.
    before: Days | None = None
    #: How long after it.
    after: Days | None = None
    #: Whether it comes round every year.
    yearly: bool = False
    #: The local hour.
    at: Hour = dt.time(9)
    #: Where 29 February lies in a common year, for a yearly date.
    leap_day: Literal["feb28", "mar1", "skip"] = "feb28"
    #: How late it may still begin after the machine was off.
    catch_up: SomeTime = Duration(3, "day")
    #: A date that moves by less than this is the same one.
    rearm: Days = Duration(14, "day")

    @model_validator(mode="after")
    def _one_side(self) -> Self:
        if self.before and self.after:
            raise ValueError("has both before: and after:; keep one")
        return self

    @property
    def lateness(self) -> Duration:
        return self.catch_up

    @property
    def offset(self) -> int:
        """Days from the date to the day it fires."""
        return self.after.days if self.after else -self.before.days if self.before else 0

    def names(self) -> Sequence[str]:
        return [self.of]

    def anchors(self, fields: Fields) -> Sequence[Anchor]:
        field = fields[self.of]
        return [yearly_anchor(field) if self.yearly else dated_anchor(field)]

    def matches(self, window: Window) -> sa.Select[Any]:
        field = window.fields[self.of]
        word = self.of.split(".", 1)[1]
        if self.yearly:
            comes = yearly_table(window, field, self._due, f"{word} {{year}}", leap_day=self.leap_day)
            days, on_day, at_home = comes.days, comes.on_day, lives_in(window, comes.days)
        else:
            days = day_table(window, self._due, f"{word} {{target}}").c
            on_day, at_home = on_target(field, days), lives_in(window, days, field)
        return sa.select(
            *match_columns(
                occasion=days.occasion,
                occurred_at=days.due_at,
                anchor=days.target,
                facts=json_object("of", field.column),
            )
        ).join_from(contacts, days.zone.table, sa.and_(at_home, on_day))

    def comes_due(self, window: Window) -> bool:
        return any(self._due(window))

    def _due(self, window: Window) -> Iterator[DueDay]:
        return due_days(window, self.at, offset=self.offset, back_to=back_to(window, self.catch_up))

    def says(self) -> str:
        side = f"{self.before} before " if self.before else f"{self.after} after " if self.after else ""
        return f"{side}{self.of}{', every year' if self.yearly else ''} at {self.at:%H:%M}"

    def why(self, facts: Mapping[str, Any], anchor: dt.date | None) -> str:
        word = self.of.split(".", 1)[1]
        on = anchor.isoformat() if anchor else facts["of"][:10]
        if self.before:
            return f"{self.before} before {word} {on}"
        return f"{self.after} after {word} {on}" if self.after else f"{word} {on}"
