"""How many mails a mailer may send still: by the hour, and while a new sender warms up by the day."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from runner import clock
from runner.settings import MailLimits
from runner.store import Store
from runner.store.memory import recall, remember
from runner.store.tables import sends

#: What has gone out, or may have.
OUT = ("claimed", "accepted", "unsure")
HOUR = timedelta(hours=1)


class Pace:
    """One mailer's room for letters, and who waits for some; looked up anew in each transaction that claims."""

    def __init__(self, mailer: str, limits: MailLimits, zone: str) -> None:
        self.mailer = mailer
        self.limits = limits
        #: Whose midnight begins a day: the account's.
        self.zone = zone
        #: How many were put off already: the next one waits behind them.
        self.put_off = 0

    def look(self, connection: sa.Connection, now: datetime, *, lock: bool) -> None:
        """What has gone out, or may have, of late; a lock is ours until the transaction ends."""
        if lock and connection.dialect.name == "postgresql":
            connection.execute(_LOCK, {"key": f"pace {self.mailer}"})
        self._now, self._today = now, clock.local(now, self.zone).date()
        self._hour, self._first = self._sent(connection, now - HOUR)
        self._day, _ = self._sent(connection, clock.midnight(self._today, self.zone) - timedelta(microseconds=1))
        kept: dict[str, Any] = recall(connection, self._key) or {}
        self._number = int(kept.get("number", 0)) + (kept.get("day") != self._today.isoformat())

    def _sent(self, connection: sa.Connection, since: datetime) -> tuple[int, datetime | None]:
        sent, first = connection.execute(_SENT, {"of": self.mailer, "since": since}).one()
        return sent, first

    @property
    def _key(self) -> str:
        return f"warm_up {self.mailer}"

    def full(self) -> tuple[date | datetime, str] | None:
        """Until when, or until which day, the next letter waits, and why; None where there is room."""
        found = [wait for wait in (self._by_day(), self._by_hour()) if wait is not None]
        return found[0] if found else None

    def _by_hour(self) -> tuple[datetime, str] | None:
        most = self.limits.per_hour
        if most is None or self._hour < most:
            return None
        until = (self._first or self._now) + HOUR * (1 + self.put_off // most)
        return until, f"per_hour: {self.mailer} sends {most:,} an hour"

    def _by_day(self) -> tuple[date, str] | None:
        most = self.limits.on_day(self._number)
        if most is None or self._day < most:
            return None
        number, before = self._number + 1, self.put_off
        while (room := self.limits.on_day(number)) is not None and before >= room:
            number, before = number + 1, before - room
        days = timedelta(days=number - self._number)
        return self._today + days, f"warm_up: {self.mailer} sends {most:,} on day {self._number}"

    def take(self) -> None:
        """One more goes out."""
        self._hour += 1
        self._day += 1

    def keep(self, connection: sa.Connection, store: Store) -> None:
        """Writes down which day of the warm-up today is: only days with mail count."""
        if self.limits.warm_up:
            remember(connection, store, self._key, {"day": self._today.isoformat(), "number": self._number})


_SENT = sa.select(sa.func.count(), sa.func.min(sends.c.claimed_at)).where(
    sends.c.claimed_at > sa.bindparam("since", type_=sends.c.claimed_at.type),
    sends.c.mailer == sa.bindparam("of"),
    sends.c.state.in_(OUT),
)
_LOCK = sa.text("SELECT pg_advisory_xact_lock(hashtext(:key))")
