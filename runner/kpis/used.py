"""Who used what of a product on which day: read once a look, as arrays by user."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np

from runner.kpis.asked import Asked
from runner.kpis.days import EPOCH, local_days
from runner.kpis.orders import instant
from runner.kpis.rows import as_they_lie, there, with_accounts, with_facts
from runner.store.arrays import Ints, Yes, texts
from runner.store.tables import facts

usage = facts["usage"]
#: Days before the period's end that are read in any case: seats in use are counted by them.
_LATELY = 30


@dataclass(frozen=True, slots=True)
class Used:
    """One place an event."""

    #: Users, numbered from 0; ascending.
    user: Ints
    #: Microseconds since 1970, and local days.
    at: Ints
    day: Ints
    #: The feature's place in `features`.
    feature: Ints
    features: tuple[str, ...]

    def users(self, first: date, behind: date) -> int:
        """How many there were from a day on, before another one."""
        return self._different((self.day >= _number(first)) & (self.day < _number(behind)))

    def users_since(self, at: datetime) -> int:
        return self._different(self.at >= instant(at))

    def _different(self, which: Yes) -> int:
        return int(np.count_nonzero(np.diff(self.user[which], prepend=-1)))

    def by_day(self) -> Mapping[date, int]:
        """How many there were on each day with any."""
        each = np.unique(self.day * len(self.day) + self.user)
        days, users = np.unique(each // len(self.day), return_counts=True)
        return {EPOCH + timedelta(days=int(day)): int(many) for day, many in zip(days, users, strict=True)}

    def by_feature(self, first: date) -> Mapping[str, int]:
        """How many used each feature, from a day on."""
        since = self.day >= _number(first)
        each = np.unique(self.feature[since] * len(self.day) + self.user[since])
        features, users = np.unique(each // len(self.day), return_counts=True)
        return {self.features[feature]: int(many) for feature, many in zip(features, users, strict=True)}


def used_of(asked: Asked) -> Used:
    """Of the period, and of the 30 days before its end."""
    u = usage.c
    rows = with_facts(asked, usage) if asked.settings.customers == "contact" else with_accounts(asked, usage)[0]
    since = min(asked.start, asked.midnight(asked.last_instant - timedelta(days=_LATELY)))
    span = u.at >= since, asked.before(u.at)
    wanted, rows = (*span, there(asked, usage)), as_they_lie(asked, rows, usage, *span)
    at, ((user, _), (feature, features)) = texts(asked.connection, rows, u.at, u.user_id, u.feature, where=wanted)
    order = np.argsort(user, kind="stable")
    at = at[order]
    return Used(user[order], at, local_days(asked, at), feature[order], tuple(features))


def _number(day: date) -> int:
    return (day - EPOCH).days
