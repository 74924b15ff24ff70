"""How the mail does: what arrived, who opened it and how sure that is, who wants none, what a breaker stopped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime

import sqlalchemy as sa

from runner import breakers, log
from runner.app.app import App
from runner.breakers import Stopped
from runner.log import MailCounts, PlaybookSummary
from runner.store.tables import BAD_SENDS, sends, suppressions

#: What came back badly, the newest rows.
NEWEST = 20


@dataclass(frozen=True, slots=True)
class Bad:
    """A mail that came back, or was called spam."""

    at: datetime
    contact_id: int
    address: str
    playbook: str
    what: str


@dataclass(frozen=True, slots=True)
class Mailing:
    """The mail since an instant."""

    playbooks: Sequence[PlaybookSummary]
    all: MailCounts
    #: Suppressions in force, by reason.
    noes: Mapping[str, int]
    stopped: Sequence[Stopped]
    bad: Sequence[Bad]


def mailing(app: App, since: datetime | None) -> Mailing:
    with app.store.read() as connection:
        told = [one for one in log.summary(connection, since, count_people=False) if one.mail.sent or one.mail.unsure]
        return Mailing(told, _added(told), _noes(connection), breakers.stopped(connection), _bad(connection, since))


def _added(told: Sequence[PlaybookSummary]) -> MailCounts:
    names = [field.name for field in fields(MailCounts)]
    return MailCounts(**{name: sum(getattr(one.mail, name) for one in told) for name in names})


def _noes(connection: sa.Connection) -> Mapping[str, int]:
    s = suppressions.c
    counted = sa.select(s.reason, sa.func.count()).where(s.lifted_at.is_(None)).group_by(s.reason)
    return dict(sorted(connection.execute(counted).all(), key=lambda one: -one[1]))


def _bad(connection: sa.Connection, since: datetime | None) -> list[Bad]:
    s = sends.c
    chosen = sa.select(s.claimed_at, s.contact_id, s.address, s.playbook, s.complained_at).where(BAD_SENDS)
    chosen = chosen.where(s.claimed_at >= since) if since is not None else chosen
    rows = connection.execute(chosen.order_by(s.claimed_at.desc()).limit(NEWEST))
    return [
        Bad(
            row.claimed_at, row.contact_id, row.address, row.playbook, "called spam" if row.complained_at else "bounced"
        )
        for row in rows
    ]
