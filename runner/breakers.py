"""The breakers: a playbook or a mailer whose mail comes back, or is called spam, stops until a person resumes it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from runner.settings import Breakers
from runner.store import Store
from runner.store.tables import BAD_SENDS, mailers, playbooks, sends


@dataclass(frozen=True, slots=True)
class Stopped:
    """What stands still until a person resumes it."""

    #: `playbook` or `mailer`.
    kind: str
    name: str
    why: str

    def __str__(self) -> str:
        verb = self.name if self.kind == "playbook" else f"--mailer {self.name}"
        return f"{self.kind} {self.name} was stopped: {self.why}; when it is mended, `regulars resume {verb}`"


@dataclass(frozen=True, slots=True)
class _Line:
    """What may not be passed, and how the words of it go."""

    column: str
    share: float
    #: Mails before a share is one.
    least: int
    did: str
    key: str

    def words(self, breakers: Breakers, bad: int, mails: int) -> str | None:
        """Why it trips, None where it does not. Spam reports trip on the line, bounces beyond it."""
        share = bad / mails if mails else 0.0
        over = share >= self.share if self.key == "complaints" else share > self.share
        if not bad or mails < self.least or not over:
            return None
        return (
            f"{bad:,} of {mails:,} mails of the last {breakers.within} {self.did}, {share:.2%}; "
            f"breakers.{self.key} is {self.share:.2%}"
        )


def trip(store: Store, breakers: Breakers, now: datetime, *, among: Sequence[str]) -> list[Stopped]:
    """Stops what is over its line by the mails of these mailers; those that were stopped now."""
    with store.read() as connection:
        found = list(_over(connection, breakers, now, among))
    if found:
        with store.write() as connection:
            for stopped in found:
                _stop(store, connection, stopped, now)
    return found


def stopped(connection: sa.Connection) -> list[Stopped]:
    """Everything that a breaker has stopped, playbooks first."""
    return [
        *(Stopped("playbook", *row) for row in connection.execute(_PLAYBOOKS)),
        *(Stopped("mailer", *row) for row in connection.execute(_MAILERS)),
    ]


_PLAYBOOKS = (
    sa.select(playbooks.c.id, playbooks.c.stopped_why)
    .where(playbooks.c.stopped_why.is_not(None), playbooks.c.paused_at.is_not(None))
    .order_by(playbooks.c.id)
)
_MAILERS = (
    sa.select(mailers.c.name, mailers.c.stopped_why).where(mailers.c.stopped_at.is_not(None)).order_by(mailers.c.name)
)


def resume_mailer(connection: sa.Connection, name: str, now: datetime) -> bool:
    """Lets a mailer send again; from now on its mails are counted anew. False where it was not stopped."""
    mine = (mailers.c.name == name, mailers.c.stopped_at.is_not(None))
    again = {"stopped_at": None, "stopped_why": None, "resumed_at": now}
    return connection.execute(mailers.update().where(*mine).values(**again)).rowcount == 1


def _over(connection: sa.Connection, breakers: Breakers, now: datetime, among: Sequence[str]) -> Iterator[Stopped]:
    since = now - breakers.within.span
    for kind, column, table in (("playbook", sends.c.playbook, playbooks), ("mailer", sends.c.mailer, mailers)):
        key = table.c.id if kind == "playbook" else table.c.name
        still = {row.name for row in stopped(connection) if row.kind == kind}
        begin = sa.func.coalesce(sa.func.max(table.c.resumed_at), sa.literal(since))
        counted = sa.and_(sends.c.claimed_at > since, sends.c.claimed_at > sa.func.coalesce(table.c.resumed_at, since))
        bad = (
            sa.select(column.label("name"), *(_sum(which) for which in _BAD), begin.label("since"))
            .outerjoin_from(sends, table, key == column)
            .where(BAD_SENDS, counted, sends.c.mailer.in_(among))
            .group_by(column)
        )
        for row in connection.execute(bad).all():
            if row.name not in still and (why := _why(connection, breakers, column, row, since, among)) is not None:
                yield Stopped(kind, row.name, why)


#: What is counted of mails that went wrong.
_BAD = {
    "bounces": sends.c.delivery == "bounced",
    "complaints": sends.c.complained_at.is_not(None),
}


def _sum(which: str) -> Any:
    return sa.func.sum(sa.case((_BAD[which], 1), else_=0)).label(which)


def _why(
    connection: sa.Connection, breakers: Breakers, column: Any, row: Any, since: datetime, among: Sequence[str]
) -> str | None:
    lines = (
        _Line("complaints", breakers.complaints, breakers.least("complaints"), "were marked as spam", "complaints"),
        _Line("bounces", breakers.bounces, breakers.least("bounces"), "bounced", "bounces"),
    )
    # With more mails than this no line is passed: they need not be counted to the end.
    most = max(line.least + math.ceil(getattr(row, line.column) / (line.share or 1e-9)) for line in lines) + 1
    # Every playbook by its index, whichever column is asked for.
    known = sends.c.playbook.in_(sa.select(playbooks.c.id))
    begin = max(since, row.since)
    theirs = (column == row.name, known, sends.c.claimed_at > begin, sends.c.mailer.in_(among))
    some = sa.select(sa.literal(1)).where(*theirs, sends.c.state == "accepted").limit(min(most, _MANY)).subquery()
    mails = connection.scalar(sa.select(sa.func.count()).select_from(some)) or 0
    return next((told for line in lines if (told := line.words(breakers, getattr(row, line.column), mails))), None)


_MANY = 2**31


def _stop(store: Store, connection: sa.Connection, found: Stopped, now: datetime) -> None:
    if found.kind == "playbook":
        paused = {"paused_at": sa.func.coalesce(playbooks.c.paused_at, sa.literal(now)), "stopped_why": found.why}
        connection.execute(playbooks.update().where(playbooks.c.id == found.name).values(**paused))
        return
    over: dict[str, Any] = {"stopped_at": now, "stopped_why": found.why}
    insert = store.insert(mailers).values(name=found.name, **over)
    connection.execute(insert.on_conflict_do_update(index_elements=["name"], set_=over))
