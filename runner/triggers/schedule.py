"""The calendar says so: every so many days, a share of the audience each day, or at the times of a crontab."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any, ClassVar, Self

import sqlalchemy as sa
from pydantic import model_validator

from runner import clock
from runner.duration import Days, Duration, SomeTime
from runner.store.functions import json_object, seconds_after
from runner.store.tables import contacts
from runner.triggers.base import Lateness, Trigger, match_columns
from runner.triggers.cron import Cron, times
from runner.triggers.day_table import DayTable, lives_in
from runner.triggers.due_days import back_to, local_span
from runner.triggers.window import Window
from runner.yaml_types import Hour


class Schedule(Trigger):
    """Fires every so many days for each contact, staggered evenly by a stable draw, or at the times of a crontab."""

    name: ClassVar[str] = "schedule"
    example: ClassVar[str] = 'schedule: {every: 90 days, at: "10:00"}'
    its_occasion: ClassVar[str] = "the due time: `scheduled 2026-11-23`"
    silence: ClassVar[str] = "this contact's time has not come"

    #: The period, in days or weeks.
    every: Days | None = None
    #: Times as crontab writes them, in the contact's zone: `0 9 * * mon`. Weekdays by name, or 0 and 7 for Sunday.
    cron: Cron | None = None
    #: How the audience is spread: over the whole period (`true`, the usual with `every`), over a time, or not.
    stagger: bool | SomeTime | None = None
    #: The local hour, with `every`.
    at: Hour = time(9)
    #: How late it may still begin after the machine was off.
    catch_up: SomeTime = Duration(3, "day")

    @model_validator(mode="after")
    def _one_calendar(self) -> Self:
        if (self.every is None) == (self.cron is None):
            raise ValueError("must have one of every: and cron:; write every: 90 days, or cron: '0 9 * * mon'")
        if self.cron is not None and self.stagger is True:
            raise ValueError("stagger needs a time with cron:, such as stagger: 3 days")
        if self.cron is not None and "at" in self.model_fields_set:
            raise ValueError("at goes with every:; with cron: the hour stands in it: '0 9 * * mon'")
        spread = self.spread
        if self.every is not None and spread is not None and spread.span > self.every.span:
            raise ValueError(f"stagger must not be longer than the period: {spread} of {self.every}")
        return self

    @property
    def spread(self) -> Duration | None:
        """Over what time the audience is spread."""
        if isinstance(self.stagger, Duration):
            return self.stagger
        return self.every if self.stagger is not False else None

    def lateness(self, window: Window) -> Lateness:
        return Lateness("catch_up", self.catch_up)

    def matches(self, window: Window) -> sa.Select[Any]:
        day = DayTable(window, self._rows).c
        # Bounds of the draw and not a slot of it: so an index finds who has it.
        mine = sa.and_(contacts.c.draw >= day.draw_from, contacts.c.draw < day.draw_to)
        due_at = day.due_at
        if (spread := self.spread) is not None and not _in_days(spread):
            due_at = seconds_after(due_at, contacts.c.draw * spread.span.total_seconds())
        return sa.select(
            *match_columns(
                occasion=day.occasion,
                occurred_at=due_at,
                anchor=day.target,
                facts=json_object("every", str(self.every or self.cron)),
            )
        ).join_from(contacts, day.zone.table, sa.and_(lives_in(window, day), mine))

    def comes_due(self, window: Window) -> bool:
        return bool(self._rows(window))

    def says(self) -> str:
        spread = f", spread over {self.stagger}" if isinstance(self.stagger, Duration) else ""
        return f"every {self.every} at {self.at:%H:%M}{spread}" if self.every else f"cron {self.cron}{spread}"

    def why(self, facts: Mapping[str, Any], anchor: date | None) -> str:
        every = facts["every"]
        return (
            f"every {every}" if self.every else f"{_day(anchor)}, as cron {every} says" if anchor else f"cron {every}"
        )

    # --- whose time has come

    def _rows(self, window: Window) -> list[tuple[Any, ...]]:
        rows: dict[tuple[str, str, float], tuple[Any, ...]] = {}
        for zone in window.zones:
            for due_at, target, occasion, low, high in self._shares(window, zone):
                span = local_span(target, zone)
                row = (zone, 0, target, target.isoformat(), *span, due_at, occasion, low, high)
                rows[zone, occasion, low] = row
        return list(rows.values())

    def _shares(self, window: Window, zone: str) -> Iterator[_Share]:
        """What came due in this zone: when, on which day, how it is called, and whose draws it is about."""
        if (spread := self.spread) is None:
            for due_at, day, occasion in self._last(window, zone):
                yield due_at, day, occasion, 0.0, 1.0
        elif _in_days(spread):
            yield from self._by_day(window, zone, spread.days)
        else:
            yield from self._by_moment(window, zone, spread.span)

    def _last(self, window: Window, zone: str) -> Iterator[_Begun]:
        """What was missed several times is made up for once."""
        begun = list(self._begun(window, zone, self._back_to(window)))
        yield from begun[-1:]

    def _by_day(self, window: Window, zone: str, days: int) -> Iterator[_Share]:
        """Each day of the spread has the next share of everybody, at the same local time."""
        since = self._back_to(window)
        first, last = clock.local(since, zone).date(), clock.local(window.now, zone).date()
        for begun, day, occasion in self._begun(window, zone, since - timedelta(days=days)):
            hour = clock.local(begun, zone).time() if self.cron else self.at
            for slot in range(max(0, (first - day).days), min(days, (last - day).days + 1)):
                own_day = day + timedelta(days=slot)
                due_at = clock.at_local(own_day, hour, zone)
                if since < due_at <= window.now:
                    name = f"scheduled {own_day}" if self.every else occasion
                    yield due_at, own_day, name, slot / days, (slot + 1) / days

    def _by_moment(self, window: Window, zone: str, spread: timedelta) -> Iterator[_Share]:
        """Of the spread the part that has passed since the last tick."""
        since = self._back_to(window)
        for begun, day, occasion in self._begun(window, zone, since - spread):
            low, high = max(0.0, (since - begun) / spread), min(1.0, (window.now - begun) / spread)
            if low < high:
                yield begun, day, occasion, low, high

    def _begun(self, window: Window, zone: str, since: datetime) -> Iterator[_Begun]:
        """The beginnings of periods, or the crontab's times, in (since, now], oldest first."""
        if self.cron is not None:
            wall = clock.local(since, zone).replace(tzinfo=None), clock.local(window.now, zone).replace(tzinfo=None)
            for at in times(self.cron, wall[0] - _AN_HOUR, wall[1]):
                due_at = clock.at_local(at.date(), at.time(), zone)
                if since < due_at <= window.now:
                    yield due_at, at.date(), f"scheduled {clock.local(due_at, zone):%Y-%m-%d %H:%M}"
            return
        assert self.every is not None
        day = clock.local(since, zone).date()
        day -= timedelta(days=day.toordinal() % self.every.days)
        while (due_at := clock.at_local(day, self.at, zone)) <= window.now:
            if due_at > since:
                yield due_at, day, f"scheduled {day}"
            day += self.every.span

    def _back_to(self, window: Window) -> datetime:
        """A crontab's times, and a period that nobody is spread over, are looked forward to from the first tick."""
        since = back_to(window, self.catch_up)
        looks_forward = self.cron is not None or self.spread is None
        return max(since, window.first - timedelta(microseconds=1)) if looks_forward else since


#: When something begins, on which local day, and the occasion it is.
_Begun = tuple[datetime, date, str]
#: … and from which draw to which it is whose.
_Share = tuple[datetime, date, str, float, float]
#: Clock changes move the wall by no more than this.
_AN_HOUR = timedelta(hours=1)


def _in_days(spread: Duration) -> bool:
    return spread.unit in ("day", "week")


def _day(day: date) -> str:
    return f"{day:%A} {day.isoformat()}"
