"""A yearly day comes round: a birthday, a year as a customer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, time
from typing import Annotated, Any, ClassVar, Literal

import sqlalchemy as sa
from pydantic import Field

from runner.conditions import Fields
from runner.duration import Duration, SomeTime
from runner.store.functions import json_object
from runner.store.tables import contacts
from runner.triggers.anchors import Anchor, yearly_anchor
from runner.triggers.base import DATES, Lateness, Named, Trigger, match_columns
from runner.triggers.day_table import lives_in
from runner.triggers.due_days import DueDay, back_to, due_days
from runner.triggers.window import Window
from runner.triggers.yearly import yearly_table
from runner.yaml_types import Hour


class Anniversary(Trigger):
    """Fires on the yearly day of a date, in the contact's own zone."""

    name: ClassVar[str] = "anniversary"
    example: ClassVar[str] = 'anniversary: {of: contact.birthday, at: "08:30", catch_up: 1 day}'
    its_occasion: ClassVar[str] = "`birthday 2027`"

    #: The date whose yearly day it is.
    of: str = "contact.customer_since"
    #: The local hour.
    at: Hour = time(9)
    #: Where somebody born on 29 February has the day in a common year: `feb28`, `mar1`, or `skip` the year.
    leap_day: Literal["feb28", "mar1", "skip"] = "feb28"
    #: How late the day may still be kept after the machine was off.
    catch_up: SomeTime = Duration(3, "day")
    #: Only these years: the first, the fifth.
    years: tuple[Annotated[int, Field(ge=1, le=200)], ...] | None = None

    def lateness(self, window: Window) -> Lateness:
        return Lateness("catch_up", self.catch_up)

    def names(self) -> Sequence[Named]:
        return [Named("of", self.of, kinds=DATES)]

    def anchors(self, fields: Fields) -> Sequence[Anchor]:
        return [yearly_anchor(fields[self.of])]

    def matches(self, window: Window) -> sa.Select[Any]:
        word = self.of.split(".", 1)[1]
        comes = yearly_table(window, window.fields[self.of], self._due, f"{word} {{year}}", leap_day=self.leap_day)
        days = comes.days
        facts = json_object("of", comes.began)
        return (
            sa.select(*match_columns(occasion=days.occasion, occurred_at=days.due_at, anchor=days.target, facts=facts))
            .join_from(contacts, days.zone.table, sa.and_(lives_in(window, days), comes.on_day))
            .where(comes.years.in_(self.years) if self.years else comes.years >= 1)
        )

    def comes_due(self, window: Window) -> bool:
        return any(self._due(window))

    def _due(self, window: Window) -> Iterator[DueDay]:
        return due_days(window, self.at, offset=0, back_to=back_to(window, self.catch_up))

    def says(self) -> str:
        return f"anniversary of {self.of} at {self.at:%H:%M}"

    def why(self, facts: Mapping[str, Any], anchor: date | None) -> str:
        began = date.fromisoformat(facts["of"][:10])
        years = anchor.year - began.year if anchor else 0
        return f"{years} year{'' if years == 1 else 's'} since {self.of.split('.', 1)[1]} {began.isoformat()}"
