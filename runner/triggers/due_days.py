"""The local days on which something is due, zone by zone, in the span that a window asks for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from runner import clock
from runner.duration import Duration
from runner.triggers.window import Window


@dataclass(frozen=True, slots=True)
class DueDay:
    """A local day on which something is due in one zone, and the day it is about."""

    zone: str
    #: The day the occasion is about: the due day, or one before or after it.
    target: date
    day: date
    due_at: datetime


def due_days(window: Window, at: time, *, offset: int, back_to: datetime) -> Iterator[DueDay]:
    """The local days whose hour `at` came in (back_to, now]; the target lies `offset` days before the due day."""
    for zone in window.zones:
        day = clock.local(window.now, zone).date()
        while (due_at := clock.at_local(day, at, zone)) > back_to:
            if due_at <= window.now:
                yield DueDay(zone, day - timedelta(days=offset), day, due_at)
            day -= timedelta(days=1)


def back_to(window: Window, catch_up: Duration) -> datetime:
    """How far a date trigger looks: to the last tick, at least by `catch_up`, no further than that before the first."""
    if window.newly:
        return max(window.since, window.first - catch_up.span)
    return max(min(window.since, window.now - catch_up.span), window.first - catch_up.span)


def local_span(day: date, zone: str) -> tuple[datetime, datetime]:
    """The instants between which a local day lies."""
    return clock.midnight(day, zone), clock.midnight(day + timedelta(days=1), zone)
