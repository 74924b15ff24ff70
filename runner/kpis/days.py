"""Local days and elapsed time in SQL: whole numbers that count and compare the same on both databases."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

import sqlalchemy as sa

from runner import clock
from runner.kpis.measure import Asked
from runner.store.functions import epoch_seconds

if TYPE_CHECKING:
    from runner.store.arrays import Ints

#: The day that has number 0.
EPOCH = date(1970, 1, 1)
#: No shop's history in a database goes back further.
_FIRST = datetime(1990, 1, 1, tzinfo=UTC)
_DAY = 86400


def day_number(asked: Asked, at: sa.ColumnElement[datetime]) -> sa.ColumnElement[int]:
    """The local day of an instant, counted from 1970: neighbours differ by one, also across a clock change."""
    changes = _offsets(asked.zone, asked.end.year + 1)
    offset = sa.case(*((at >= since, seconds) for since, seconds in reversed(changes[1:])), else_=changes[0][1])
    return (epoch_seconds(at) + (offset if len(changes) > 1 else changes[0][1])) // _DAY


def local_days(asked: Asked, at: Ints) -> Ints:
    """The same of many instants, given in microseconds since 1970."""
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
