"""Who ordered on which days: read once out of the store, and looked at as it stood on any morning."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np
import sqlalchemy as sa

from runner import clock
from runner.settings import Settings
from runner.store.arrays import Ints, Yes, arrays, numbers
from runner.store.functions import unindexed
from runner.store.tables import contacts, purchases

#: Days are counted from this one.
EPOCH = date(1970, 1, 1)
#: A customer's number and a day since 1970 stand in one whole number.
_ROOM = 2**24
#: Of an hour, in microseconds.
_QUARTER = 900_000_000
_QUARTERS_A_DAY = 96


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What was known of everybody who had ordered before a morning; one place in each array a customer."""

    day: int
    #: Contacts, or companies where those are the customers.
    customers: Ints
    #: Days with an order after the first such day.
    repeats: Ints
    first: Ints
    last: Ints

    @property
    def silent(self) -> Ints:
        """Days since the last order."""
        return self.day - self.last

    @property
    def known(self) -> Ints:
        """Days since the first order."""
        return self.day - self.first

    def __len__(self) -> int:
        return len(self.customers)

    def of(self, which: Yes | Ints) -> Snapshot:
        """Some of them."""
        kept = (self.customers, self.repeats, self.first, self.last)
        return Snapshot(self.day, *(column[which] for column in kept))


@dataclass(frozen=True, slots=True)
class Histories:
    """The days on which each customer ordered; several orders of one day are one occasion (C14)."""

    customers: Ints
    #: Where in `days` each customer's begin; one more than there are customers.
    begins: Ints
    #: Days since 1970, ascending within a customer.
    days: Ints

    def on(self, day: int) -> Snapshot:
        """As it stood when that day began."""
        earlier = self._before(day)
        there = earlier > 0
        at = self.begins[:-1][there]
        return Snapshot(
            day, self.customers[there], earlier[there] - 1, self.days[at], self.days[at + earlier[there] - 1]
        )

    def silent_after(self, snapshot: Snapshot, horizon: int) -> Yes:
        """Who of a snapshot did not order in the days that followed it."""
        earlier, later = self._before(snapshot.day), self._before(snapshot.day + horizon)
        silent: Yes = (later == earlier)[earlier > 0]
        return silent

    def gaps(self, before: int) -> Ints:
        """The days between one occasion and the next of the same customer, up to a day."""
        same = np.repeat(np.arange(len(self.customers)), np.diff(self.begins))
        within = (np.diff(same) == 0) & (self.days[1:] < before)
        gaps: Ints = np.diff(self.days)[within]
        return gaps

    @property
    def first_day(self) -> int | None:
        """Since when orders are known."""
        return int(self.days.min()) if len(self.days) else None

    def _before(self, day: int) -> Ints:
        """How many occasions each customer had had."""
        so_far = np.concatenate(([0], np.cumsum(self.days < day)))
        counts: Ints = so_far[self.begins[1:]] - so_far[self.begins[:-1]]
        return counts


def number_of(day: date) -> int:
    return (day - EPOCH).days


def day_of(number: int) -> date:
    return EPOCH + timedelta(days=number)


def histories(connection: sa.Connection, settings: Settings, day: date, known: datetime) -> Histories:
    """Everybody's orders before that local day, as known at an instant, without tests and those who are gone."""
    p = purchases.c
    # Nearly all rows are wanted: by an index they would be fetched one by one.
    early = unindexed(p.at) < clock.midnight(day, settings.timezone)
    counting = early, unindexed(p.seen_at) <= known, p.net > 0
    people, at = arrays(connection, sa.select(p.contact_id, p.at).where(*counting), by=p.contact_id)
    customers = _customers_of(connection, settings, known, people)
    return _sorted((customers * _ROOM + _local_days(at // _QUARTER, settings.timezone))[customers > 0])


def _customers_of(connection: sa.Connection, settings: Settings, known: datetime, people: Ints) -> Ints:
    """Whose each purchase is: a contact's, or a company's where those are the customers; 0 where it counts for none."""
    c = contacts.c
    gone = sa.or_(
        c.merged_into.is_not(None), sa.func.coalesce(c.is_test, False), sa.func.coalesce(c.deleted_at <= known, False)
    )
    if settings.customers == "contact":
        left_out = numbers(connection, sa.select(c.id).where(gone))[0]
        return np.where(np.isin(people, left_out), 0, people)
    firms = sa.select(c.id, c.company_id).where(c.company_id.is_not(None), sa.not_(gone)).order_by(c.id)
    employed, firm = arrays(connection, firms, by=c.id)
    if not len(employed):
        return np.zeros_like(people)
    place = np.minimum(np.searchsorted(employed, people), len(employed) - 1)
    return np.where(employed[place] == people, firm[place], 0)


def of_rows(customers: Ints, days: Ints) -> Histories:
    """The same of any orders: a customer and a day since 1970 each."""
    return _sorted(customers * _ROOM + days)


def _sorted(packed: Ints) -> Histories:
    if (np.diff(packed) < 0).any():
        packed = np.sort(packed)
    customers, days = np.divmod(packed[np.diff(packed, prepend=-1) != 0], _ROOM)
    begins = np.flatnonzero(np.diff(customers, prepend=-1, append=-1))
    return Histories(customers[begins[:-1]], begins, days)


def _local_days(quarters: Ints, zone: str) -> Ints:
    """The local date of each quarter of an hour, in days since 1970; every zone's offset is a number of quarters."""
    if not len(quarters):
        return quarters
    starts, offsets = _offsets(int(quarters.min()), int(quarters.max()), zone)
    shifted: Ints = quarters + offsets[np.searchsorted(starts, quarters, "right") - 1]
    return shifted // _QUARTERS_A_DAY


def _offsets(first: int, last: int, zone: str) -> tuple[Ints, Ints]:
    """From which quarter of an hour on the zone's clock is how many quarters ahead of UTC."""
    starts, offsets = [first], [_offset(first, zone)]
    for begin in range(first, last + 1, _QUARTERS_A_DAY):
        if _offset(begin + _QUARTERS_A_DAY, zone) != offsets[-1]:
            change = next(q for q in range(begin + 1, begin + _QUARTERS_A_DAY + 1) if _offset(q, zone) != offsets[-1])
            starts.append(change)
            offsets.append(_offset(change, zone))
    return np.array(starts, np.int64), np.array(offsets, np.int64)


def _offset(quarter: int, zone: str) -> int:
    offset = clock.local(datetime.fromtimestamp(quarter * _QUARTER / 1e6, UTC), zone).utcoffset()
    return round(offset.total_seconds() / _QUARTER) if offset else 0
