"""Somebody became a customer some days ago."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, time
from typing import Any, ClassVar

import sqlalchemy as sa
from pydantic import Field

from runner.duration import LONGEST, Duration, SomeTime
from runner.store.functions import json_object
from runner.store.tables import contacts
from runner.triggers.base import DATES, Lateness, Named, Trigger, match_columns
from runner.triggers.day_table import day_table, lives_in
from runner.triggers.due_days import DueDay, back_to, due_days
from runner.triggers.window import Window
from runner.yaml_types import Hour


class Onboarding(Trigger):
    """Fires a number of days after a contact became a customer, once in a lifetime."""

    name: ClassVar[str] = "onboarding"
    example: ClassVar[str] = 'onboarding: {day: 7, at: "09:30"}'
    its_occasion: ClassVar[str] = "`becoming a customer`"

    #: Days after `customer_since`.
    day: int = Field(7, ge=0, le=LONGEST)
    #: The local hour.
    at: Hour = time(9)
    #: How late it may still begin after the machine was off.
    catch_up: SomeTime = Duration(3, "day")

    def lateness(self, window: Window) -> Lateness:
        return Lateness("catch_up", self.catch_up)

    def names(self) -> Sequence[Named]:
        return [Named("day", "contact.customer_since", kinds=DATES)]

    def matches(self, window: Window) -> sa.Select[Any]:
        days = day_table(window, self._due, "becoming a customer").c
        field = window.fields["contact.customer_since"]
        since = field.column
        return sa.select(
            *match_columns(
                occasion=days.occasion, occurred_at=days.due_at, anchor=days.target, facts=json_object("since", since)
            )
        ).join_from(contacts, days.zone.table, sa.and_(lives_in(window, days, field), since == days.target))

    def comes_due(self, window: Window) -> bool:
        return any(self._due(window))

    def _due(self, window: Window) -> Iterator[DueDay]:
        return due_days(window, self.at, offset=self.day, back_to=back_to(window, self.catch_up))

    def says(self) -> str:
        return f"{self.day} day{'' if self.day == 1 else 's'} after contact.customer_since at {self.at:%H:%M}"

    def why(self, facts: Mapping[str, Any], anchor: date | None) -> str:
        return f"{self.day} day{'' if self.day == 1 else 's'} after becoming a customer on {facts['since'][:10]}"
