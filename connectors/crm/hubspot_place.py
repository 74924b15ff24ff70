"""How far one table came: what a killed sync goes on from, and where the next one begins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Self

#: How far a search looks back behind the last one: clocks differ, and a write takes moments to be found.
OVERLAP = timedelta(minutes=2)
#: The search's index has been seen to lag by up to an hour: what is older is all there.
LAG = timedelta(hours=1)
#: So often what may have been indexed late is looked for a second time.
LOOK_AGAIN = timedelta(minutes=30)
#: An unfinished listing older than this starts anew.
STALE = timedelta(days=1)


class Stage(StrEnum):
    """Where a run of one table stands."""

    LISTING = "listing"
    ARCHIVED = "archived"
    CHANGES = "changes"


@dataclass(frozen=True, slots=True)
class Place:
    """How far one table came."""

    #: Everything up to here was asked for; None: nothing was.
    since: datetime | None = None
    #: Everything up to here has certainly come: it was asked for long after.
    certain: datetime | None = None
    #: The run in hand, and its window; it ends at the moment it began.
    stage: Stage | None = None
    begin: datetime | None = None
    until: datetime | None = None
    #: A listing's mark, or the last id of the changes.
    after: str | None = None
    #: Rows that the listing in hand has brought so far.
    listed: int = 0

    @classmethod
    def read(cls, told: Any) -> Self:
        try:
            times = {name: _time(told.get(name)) for name in ("since", "certain", "begin", "until")}
            stage = Stage(told["stage"]) if "stage" in told else None
            place = cls(**times, stage=stage, after=told.get("after"), listed=int(told.get("listed", 0)))
        except (AttributeError, TypeError, ValueError):
            return cls()  # not written by us: begin at the beginning
        return place if place._is_whole() else cls()

    def _is_whole(self) -> bool:
        asked = self.since is None or self.certain is not None
        return asked and (self.stage is None or self.until is not None)

    def written(self) -> Mapping[str, Any]:
        times = {name: getattr(self, name) for name in ("since", "certain", "begin", "until")}
        told = {name: at.isoformat() for name, at in times.items() if at is not None}
        more = {"stage": self.stage, "after": self.after, "listed": self.listed or None}
        return told | {key: value for key, value in more.items() if value is not None}

    def begun(self, *, full: bool, now: datetime) -> Place:
        """The run to go on with: an unfinished listing even where a full one is asked for, lest it never ends."""
        listing = self.stage in (Stage.LISTING, Stage.ARCHIVED)
        if listing and self.until is not None and now - self.until < STALE:
            return self
        if full or self.since is None or listing:
            return Place(self.since, self.certain, Stage.LISTING, None, now)
        return self if self.stage or self.since >= now else self.catching_up(now)

    def catching_up(self, now: datetime) -> Place:
        """A run over what changed since the last one, and at times over what may have been late then."""
        assert self.since is not None
        assert self.certain is not None
        again = now - self.certain >= LAG + LOOK_AGAIN
        begin = self.certain if again else max(self.certain, self.since - OVERLAP)
        return Place(self.since, self.certain, Stage.CHANGES, begin, now)

    def moved(self, after: str | None) -> Place:
        """The next page's place, or the end of a run."""
        if after is not None:
            return replace(self, after=after)
        return Place(self.until, self._certain())

    def _certain(self) -> datetime | None:
        """A listing misses nothing; a search that began where all was certain misses what is late still."""
        if self.stage is not Stage.CHANGES:
            return self.until
        if self.begin is None or self.certain is None or self.until is None or self.begin > self.certain:
            return self.certain
        return max(self.certain, self.until - LAG)


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).astimezone(UTC) if text else None
