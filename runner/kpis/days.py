"""Local days of many instants at once: whole numbers, of which neighbours differ by one also across a clock change."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

from runner import clock
from runner.kpis.asked import Asked

if TYPE_CHECKING:
    from runner.store.arrays import Ints

#: The day that has number 0.
EPOCH = date(1970, 1, 1)
#: No shop's history in a database goes back further.
_FIRST = datetime(1990, 1, 1, tzinfo=UTC)
_DAY = 86400


def local_days(asked: Asked, at: Ints) -> Ints:
    """The local day of each instant, counted from 1970; the instants in microseconds since then."""
    import numpy as np

    changes = _offsets(asked.zone, asked.end.year + 1)
    since = np.array([int(change.timestamp()) for change, _ in changes[1:]], np.int64)
    ahead = np.array([seconds for _, seconds in changes], np.int64)
    seconds = at // 1_000_000
    days: Ints = (seconds + ahead[np.searchsorted(since, seconds, "right")]) // _DAY
    return days


@lru_cache(maxsize=64)
def _offsets(zone: str, until: int) -> Sequence[tuple[datetime, int]]:
    """Since when the zone's clocks are how many seconds ahead of UTC."""

    def ahead(at: datetime) -> int:
        offset = clock.local(at, zone).utcoffset()
        assert offset is not None
        return int(offset.total_seconds())

    weeks = [_FIRST + timedelta(weeks=n) for n in range((until - _FIRST.year + 1) * 53)]
    changes = [(_FIRST, ahead(_FIRST))]
    for before, after in pairwise(weeks):
        if ahead(before) != ahead(after):
            while after - before > timedelta(seconds=1):
                middle = before + (after - before) // 2
                before, after = (middle, after) if ahead(middle) == ahead(before) else (before, middle)
            since = after.replace(microsecond=0)
            changes.append((since, ahead(since)))
    return changes
