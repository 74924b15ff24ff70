"""How soon somebody who asks today may expect an answer: what four of five of our own first answers took.

In business time, and only where enough requests say so: a promise that more than a fifth of them would have missed is
not made.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from runner import clock
from runner.business import Calendar
from runner.settings import Settings
from runner.store.tables import tickets

#: How far requests are looked back at.
BACK = timedelta(days=90)
#: The share of requests that a promise may miss.
MISSES = 0.2
#: Working hours that are promised; beyond the last nothing is.
STEPS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 40)


@dataclass(frozen=True, slots=True)
class Expected:
    """What can be promised: nothing where `hours` is None, and then `reason` says why."""

    hours: int | None
    #: Requests that it is reckoned from.
    n: int
    by: datetime | None = None
    reason: str = ""

    def values(self) -> dict[str, Any]:
        """As a template sees it."""
        words = None if self.hours is None else f"{self.hours} working {'hour' if self.hours == 1 else 'hours'}"
        return {"hours": self.hours, "words": words, "by": self.by, "n": self.n}


def expected(connection: sa.Connection, settings: Settings, now: datetime) -> Expected:
    """What the requests of the last 90 days allow to promise to somebody who asks now."""
    t = tickets.c
    asked = sa.select(t.created_at, t.first_reply_at).where(
        t.created_at > now - BACK, t.created_at <= now, t.deleted_at.is_(None)
    )
    calendar = settings.calendar
    took: list[float] = []
    waiting: list[float] = []
    for created, replied in connection.execute(asked):
        answered = replied is not None and replied <= now
        spent = calendar.between(created, replied if answered else now) / 3600
        (took if answered else waiting).append(spent)
    least = settings.kpis.minimum_n
    if len(took) < least:
        return Expected(None, len(took), reason=f"{len(took)} requests were answered in 90 days, {least} are needed")
    hours = _promise(sorted(took), sorted(waiting))
    if hours is None:
        return Expected(
            None, len(took), reason=f"more than a fifth of requests wait longer than {STEPS[-1]} working hours"
        )
    return Expected(hours, len(took), _by(calendar, now, hours, settings.timezone))


def _promise(took: Sequence[float], waiting: Sequence[float]) -> int | None:
    """The least step that at most a fifth missed; who waits still has missed it once they have waited longer."""
    for hours in STEPS:
        late = len(took) - bisect_left(took, hours + 1e-9)
        overdue = len(waiting) - bisect_left(waiting, hours + 1e-9)
        if late + overdue <= MISSES * (len(took) + overdue):
            return hours
    return None


def _by(calendar: Calendar, now: datetime, hours: int, zone: str) -> datetime:
    return clock.local(calendar.add_hours(now, hours), zone)
