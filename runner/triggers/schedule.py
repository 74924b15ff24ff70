"""The calendar says so: every so many days, a different share of the audience each day."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, time
from typing import Any, ClassVar

import sqlalchemy as sa

from runner.duration import Days, Duration, SomeTime
from runner.settings import Hour, NotYet
from runner.store.tables import contacts
from runner.store.types import json_object
from runner.triggers.base import DueDay, Trigger, Window, back_to, day_table, due_days, lives_in, match_columns


class Schedule(Trigger):
    """Fires every so many days for each contact, staggered evenly: each has a day of the period by a stable draw."""

    name: ClassVar[str] = "schedule"
    silence: ClassVar[str] = "this contact's day of the period has not come"

    #: The period, in days or weeks.
    every: Days
    #: A cron expression instead of a period.
    cron: NotYet = None
    #: Whether the audience is spread over the period.
    stagger: NotYet = None
    #: The local hour.
    at: Hour = time(9)
    #: How late it may still begin after the machine was off.
    catch_up: SomeTime = Duration(3, "day")

    @property
    def lateness(self) -> Duration:
        return self.catch_up

    def matches(self, window: Window) -> sa.Select[Any]:
        period = self.every.days
        day = day_table(
            window, self._due, "scheduled {target}", numbers=lambda due: [due.target.toordinal() % period]
        ).c
        # Bounds of the draw and not a slot of it: so an index finds who has it.
        mine = sa.and_(contacts.c.draw >= _share(day.number, period), contacts.c.draw < _share(day.number + 1, period))
        return sa.select(
            *match_columns(
                occasion=day.occasion,
                occurred_at=day.due_at,
                anchor=day.target,
                facts=json_object("every", str(self.every)),
            )
        ).join_from(contacts, day.zone.table, sa.and_(lives_in(window, day), mine))

    def comes_due(self, window: Window) -> bool:
        return any(self._due(window))

    def _due(self, window: Window) -> Iterator[DueDay]:
        return due_days(window, self.at, offset=0, back_to=back_to(window, self.catch_up))

    def says(self) -> str:
        return f"every {self.every} at {self.at:%H:%M}"

    def why(self, facts: Mapping[str, Any], anchor: date | None) -> str:
        return f"every {facts['every']}"


def _share(slot: Any, period: int) -> Any:
    """Where a day's slot begins among the draws. The end of one is to the bit the beginning of the next."""
    return sa.cast(slot, sa.Float) / sa.literal(float(period))
