"""The question that every figure answers: of which period and people, as known when, under which settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any, TypeVar

import sqlalchemy as sa

from runner import clock
from runner.errors import WrongUsage
from runner.settings import Settings

#: Full local days that are looked at unless a period is given.
DEFAULT_DAYS = 90

Told = TypeVar("Told")


@dataclass(frozen=True, slots=True)
class Segment:
    """Some of the people: the condition as it was written, and their ids as a SELECT."""

    text: str
    people: sa.Select[Any]


@dataclass(frozen=True, slots=True)
class Period:
    """Local days of the account's zone, the last one not included. Raises WrongUsage when it ends before it begins."""

    start: date
    end: date

    def __post_init__(self) -> None:
        if self.start >= self.end:
            raise WrongUsage(
                f"the period ends before it begins: from {self.start} to {self.end}; "
                "the second day is the first one that no longer counts"
            )

    @property
    def days(self) -> int:
        return (self.end - self.start).days

    @property
    def last_day(self) -> date:
        return self.end - timedelta(days=1)


def default_period(as_of: datetime, zone: str) -> Period:
    """The last 90 full local days before the instant."""
    today = clock.local(as_of, zone).date()
    return Period(today - timedelta(days=DEFAULT_DAYS), today)


@dataclass(frozen=True)
class Asked:
    """One look at the store: which period, as known when, under which settings."""

    connection: sa.Connection
    period: Period
    as_of: datetime
    settings: Settings
    #: Only of these people; None: of all.
    segment: Segment | None = None
    _told: dict[Callable[[Asked], Any], Any] = field(default_factory=dict, repr=False)
    _always: dict[Callable[[Asked], Any], Any] = field(default_factory=dict, repr=False)
    _anybody: dict[Callable[[Asked], Any], Any] = field(default_factory=dict, repr=False)

    @cached_property
    def start(self) -> datetime:
        return clock.midnight(self.period.start, self.settings.timezone)

    @cached_property
    def end(self) -> datetime:
        """The end of the period, or the as-of instant where that comes first."""
        return min(clock.midnight(self.period.end, self.settings.timezone), self.as_of)

    @property
    def zone(self) -> str:
        return self.settings.timezone

    @cached_property
    def last_instant(self) -> date:
        """The local day whose beginning is the period's end, or the day of the as-of instant where that comes first."""
        return min(self.period.end, clock.local(self.as_of, self.zone).date())

    def midnight(self, day: date) -> datetime:
        return clock.midnight(day, self.zone)

    def on_a_day(self, column: sa.ColumnElement[date]) -> sa.ColumnElement[bool]:
        """A day of the period that was not in the future at the as-of instant."""
        today = clock.local(self.as_of, self.zone).date()
        return sa.and_(column >= self.period.start, column < self.period.end, column <= today)

    def before(self, column: sa.ColumnElement[datetime]) -> sa.ColumnElement[bool]:
        """Happened before the period's end, and was not in the future at the as-of instant."""
        over = clock.midnight(self.period.end, self.settings.timezone)
        return column < over if over <= self.as_of else column <= self.as_of

    def within(self, column: sa.ColumnElement[datetime]) -> sa.ColumnElement[bool]:
        return sa.and_(column >= self.start, self.before(column))

    def known(self, column: sa.ColumnElement[datetime]) -> sa.ColumnElement[bool]:
        """Was there at the as-of instant."""
        return column <= self.as_of

    def alive(self, deleted_at: sa.ColumnElement[datetime]) -> sa.ColumnElement[bool]:
        return sa.or_(deleted_at.is_(None), deleted_at > self.as_of)

    def once(self, query: Callable[[Asked], Told]) -> Told:
        """What the query tells; KPIs that read the same rows share it."""
        if query not in self._told:
            self._told[query] = query(self)
        told: Told = self._told[query]
        return told

    def always(self, query: Callable[[Asked], Told]) -> Told:
        """The same of what does not go by the period: all periods that are asked of one after another share it."""
        if query not in self._always:
            self._always[query] = query(self)
        told: Told = self._always[query]
        return told

    def of_anybody(self, query: Callable[[Asked], Told]) -> Told:
        """The same of what goes neither by the period nor by the people: segments side by side share it."""
        if query not in self._anybody:
            self._anybody[query] = query(self)
        told: Told = self._anybody[query]
        return told

    def of(self, period: Period) -> Asked:
        """Another period, at the same instant and of the same people."""
        return replace(self, period=period, _told={})

    def among(self, segment: Segment) -> Asked:
        """Other people, in the same period and at the same instant."""
        return replace(self, segment=segment, _told={}, _always={})
