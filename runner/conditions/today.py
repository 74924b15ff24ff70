"""One instant as each contact's clock and calendar show it, for SQL and for one contact."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from runner import clock
from runner.store.functions import texts_in, zone_instant
from runner.store.tables import contacts
from runner.store.types import Instant


@lru_cache(maxsize=16)
def today_in(now: datetime, zones: tuple[str, ...]) -> Today:
    """The same for whoever asks at one moment: in each of very many zones the date is looked up once."""
    return Today(now, zones)


class Today:
    """The local date in each contact's zone at one instant, for SQL and for one contact."""

    def __init__(
        self,
        now: datetime,
        zones: Iterable[str],
        *,
        value: Callable[[Callable[[Today], Any], sa.types.TypeEngine[Any]], Any] | None = None,
    ) -> None:
        self.now = now
        self.zones = tuple(zones)
        #: Something about this moment for a statement; a statement that outlives it asks for it anew.
        self.value = value or (lambda of, kind: sa.literal(of(self), kind))
        days: dict[date, list[str]] = {}
        for name in self.zones:
            days.setdefault(clock.local(now, name).date(), []).append(name)
        #: At any instant the world knows at most three dates; the commonest needs no list.
        ordered = sorted(days.items(), key=lambda day: -len(day[1]))
        self.days = [*(day for day, _ in ordered), *[ordered[0][0] if ordered else now.date()] * 3][:3]
        self.places = [*(names for _, names in ordered), *([], [], [])][:3]

    def sql(self, zone: Any = None) -> Any:
        return self.by_day(lambda day: day, sa.Date(), zone)

    def by_day(self, of: Callable[[date], Any], kind: sa.types.TypeEngine[Any], zone: Any = None) -> Any:
        """Something about the local date of the contact."""
        zone = contacts.c.zone if zone is None else zone

        def told(place: int) -> Any:
            return self.value(lambda today: of(today.days[place]), kind)

        return sa.case((self._lies_in(zone, 1), told(1)), (self._lies_in(zone, 2), told(2)), else_=told(0))

    def outermost(self, of: Callable[[date], date], choose: Callable[[list[date]], date]) -> Any:
        """The earliest or latest that `of` comes to anywhere: a bound that an index serves."""
        return self.value(lambda today: choose([of(day) for day in today.days]), sa.Date())

    def by_zone(self, of: Callable[[str, date], datetime]) -> Any:
        """An instant that differs from zone to zone, the contact's."""

        def written(today: Today) -> str:
            return json.dumps({zone: _written(of(zone, today.of(zone))) for zone in {*today.zones, "UTC"}})

        table = self.value(written, sa.Text())
        return sa.func.coalesce(zone_instant(table, contacts.c.zone), zone_instant(table, "UTC"), type_=Instant())

    def outermost_by_zone(
        self, of: Callable[[str, date], datetime], choose: Callable[[list[datetime]], datetime]
    ) -> Any:
        """The earliest or latest of these instants in any zone."""
        return self.value(lambda today: choose([of(zone, today.of(zone)) for zone in {*today.zones, "UTC"}]), Instant())

    def _lies_in(self, zone: Any, place: int) -> Any:
        names = self.value(lambda today: json.dumps(today.places[place]), sa.Text())
        return zone.in_(texts_in(names))

    def of(self, zone: str) -> date:
        return clock.local(self.now, zone).date()


def _written(at: datetime) -> str:
    """As SQLite keeps it, which PostgreSQL reads as well: its sessions are in UTC."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")
