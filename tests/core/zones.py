"""Every IANA zone, and each change of its clock from 2020 to 2040."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from hypothesis import strategies as st

BEGIN, END = datetime(2020, 1, 1, tzinfo=UTC), datetime(2041, 1, 1, tzinfo=UTC)
#: No two changes of one clock lie nearer to each other: Morocco's, around Ramadan, are a month apart.
_STEP = timedelta(days=20)


@dataclass(frozen=True, slots=True)
class Change:
    """A clock is put from one offset to another; forward leaves times out, back shows them twice."""

    zone: str
    at: datetime
    before: timedelta
    after: timedelta

    @property
    def odd(self) -> tuple[datetime, datetime]:
        """From and to which time on the wall none exists, or each exists twice."""
        wall = self.at.replace(tzinfo=None)
        return min(wall + self.before, wall + self.after), max(wall + self.before, wall + self.after)

    @property
    def forward(self) -> bool:
        return self.after > self.before


@cache
def zones() -> Sequence[str]:
    return sorted(available_timezones())


@cache
def changes() -> Sequence[Change]:
    """All of all zones, by halving the days between which the offset differs."""
    return [change for zone in zones() for change in _changes(zone)]


def _changes(zone: str) -> list[Change]:
    key, found = ZoneInfo(zone), []
    days = [BEGIN + n * _STEP for n in range((END - BEGIN) // _STEP + 1)]
    offsets = [_offset(day, key) for day in days]
    for day, before, after in zip(days, offsets, offsets[1:], strict=False):
        if before != after:
            found.append(Change(zone, _when(day, day + _STEP, key), before, after))
    return found


def _when(low: datetime, high: datetime, key: ZoneInfo) -> datetime:
    """The first second of the new offset."""
    before = _offset(low, key)
    while high - low > timedelta(seconds=1):
        middle = (low + (high - low) / 2).replace(microsecond=0)
        low, high = (middle, high) if _offset(middle, key) == before else (low, middle)
    return high


def _offset(at: datetime, key: ZoneInfo) -> timedelta:
    offset = at.astimezone(key).utcoffset()
    assert offset is not None
    return offset


#: Any zone, any minute of these years; half of them within a day of a change of that zone's clock.
moments = st.one_of(
    st.tuples(
        st.deferred(lambda: st.sampled_from(zones())),
        st.integers(0, (END - BEGIN) // timedelta(minutes=1)).map(lambda n: BEGIN + timedelta(minutes=n)),
    ),
    st.tuples(st.deferred(lambda: st.sampled_from(changes())), st.integers(-1500, 1500)).map(
        lambda chosen: (chosen[0].zone, chosen[0].at + timedelta(minutes=chosen[1]))
    ),
)
hours = st.times().map(lambda hour: hour.replace(second=0, microsecond=0))
