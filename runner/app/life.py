"""One contact's life with us, newest first: what they did, what was decided, what came back, what they said."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from runner import log
from runner.log import LogRow
from runner.store.tables import (
    answers,
    consents,
    contact_changes,
    contact_sources,
    contacts,
    events,
    mail_events,
    purchases,
    sends,
    suppressions,
    surveys,
    tickets,
)

#: Rows of each kind that are looked at, the newest.
EACH = 60


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened."""

    at: datetime
    #: `order`, `answer`, `mail`, `decision`, `consent`, `change`, `ticket`, `event`.
    kind: str
    words: str
    #: Of a decision.
    row: LogRow | None = None
    #: What somebody wrote.
    quote: str = ""


def life(connection: sa.Connection, contact: int, *, most: int = 150) -> list[Moment]:
    """The newest of it; of those merged into this one too."""
    me = log.selves(contact).scalar_subquery()
    told = [
        moment
        for kind in (_came_back, _bought, _answered, _did, _consented, _changed)
        for moment in kind(connection, me)
    ]
    told += _decisions(connection, contact)
    return sorted(told, key=lambda one: one.at, reverse=True)[:most]


def _decisions(connection: sa.Connection, contact: int) -> Iterator[Moment]:
    for row in log.rows(connection, contact=contact, limit=EACH):
        yield Moment(row.at, "decision", row.reason, row=row)


def _newest(connection: sa.Connection, chosen: sa.Select[Any], at: Any) -> Sequence[sa.RowMapping]:
    return connection.execute(chosen.order_by(at.desc()).limit(EACH)).mappings().all()


def _came_back(connection: sa.Connection, me: Any) -> Iterator[Moment]:
    """What came of mails, as far as it is told; opens and clicks by whom."""
    m = mail_events.c
    chosen = sa.select(m.at, m.kind, m.actor, m.reason, sends.c.playbook)
    chosen = chosen.join_from(mail_events, sends, sends.c.id == m.send_id).where(sends.c.contact_id.in_(me))
    for row in _newest(connection, chosen.where(m.kind.in_(_TOLD)), m.at):
        who = f" by {'a machine' if row['actor'] == 'machine' else 'whom, unknown'}" if row["actor"] in _OTHERS else ""
        yield Moment(row["at"], "mail", f"mail of {row['playbook']} {row['kind']}{who}", quote=row["reason"] or "")


#: Of a mail's way what concerns the person.
_TOLD = ("opened", "clicked", "bounced", "blocked", "dropped", "complained", "unsubscribed")
_OTHERS = ("machine", "unknown")


def _bought(connection: sa.Connection, me: Any) -> Iterator[Moment]:
    p = purchases.c
    for row in _newest(connection, sa.select(p.at, p.total, p.net, p.currency).where(p.contact_id.in_(me)), p.at):
        amount = f"{row['total']:,.2f} {row['currency'] or ''}".rstrip()
        back = f", {row['total'] - row['net']:,.2f} of it came back" if row["net"] != row["total"] else ""
        yield Moment(row["at"], "order", f"ordered for {amount}{back}")


def _answered(connection: sa.Connection, me: Any) -> Iterator[Moment]:
    a, s = answers.c, surveys.c
    ours = sa.select(a.answered_at.label("at"), a.kind, a.score, a.reason, a.comment).where(a.contact_id.in_(me))
    theirs = sa.select(
        s.responded_at.label("at"), s.kind, s.score, sa.cast(sa.null(), sa.Text).label("reason"), s.comment
    ).where(_mine(surveys, me), s.deleted_at.is_(None), s.responded_at.is_not(None))
    for chosen, at in ((ours, a.answered_at), (theirs, s.responded_at)):
        for row in _newest(connection, chosen, at):
            said = f"{row['score']:g}" if row["score"] is not None else row["reason"] or "in words"
            yield Moment(row["at"], "answer", f"answered {row['kind'].upper()}: {said}", quote=row["comment"] or "")


def _did(connection: sa.Connection, me: Any) -> Iterator[Moment]:
    e, t = events.c, tickets.c
    happened = sa.select(e.at, e.kind, e.value, e.currency).where(_mine(events, me), e.deleted_at.is_(None))
    for row in _newest(connection, happened, e.at):
        value = f" {row['value']:g} {row['currency'] or ''}".rstrip() if row["value"] is not None else ""
        yield Moment(row["at"], "event", row["kind"].replace("_", " ") + value)
    asked = sa.select(t.created_at.label("at"), t.subject).where(_mine(tickets, me), t.deleted_at.is_(None))
    for row in _newest(connection, asked, t.created_at):
        yield Moment(row["at"], "ticket", "opened a ticket", quote=row["subject"] or "")


def _consented(connection: sa.Connection, me: Any) -> Iterator[Moment]:
    c, s = consents.c, suppressions.c
    for row in _newest(connection, sa.select(c.at, c.topic, c.answer, c.source).where(c.contact_id.in_(me)), c.at):
        yield Moment(row["at"], "consent", f"{row['answer']} to {row['topic']} ({row['source']})")
    addresses = sa.select(contacts.c.address).where(contacts.c.id.in_(me), contacts.c.address.is_not(None))
    theirs = sa.or_(s.contact_id.in_(me), s.address.in_(addresses))
    noes = sa.select(s.at, s.reason, s.source, s.lifted_at).where(theirs)
    for row in _newest(connection, noes, s.at):
        lifted = f", lifted {row['lifted_at']:%Y-%m-%d}" if row["lifted_at"] else ""
        yield Moment(row["at"], "consent", f"not to be written to: {row['reason']} ({row['source']}){lifted}")


def _changed(connection: sa.Connection, me: Any) -> Iterator[Moment]:
    c = contact_changes.c
    chosen = sa.select(c.at, c.field, c.old, c.new).where(c.contact_id.in_(me), c.field.in_(_SHOWN))
    for row in _newest(connection, chosen, c.at):
        if row["old"] not in (None, ""):
            yield Moment(row["at"], "change", f"{row['field'].replace('_', ' ')}: {row['old']} → {row['new']}")


#: Fields of which a change says something about the person.
_SHOWN = ("lifecycle_stage", "owner", "email", "country", "language", "tier", "opted_out")


def _mine(table: sa.Table, me: Any) -> sa.ColumnElement[bool]:
    mine = sa.select(contact_sources.c.id).where(contact_sources.c.contact_id.in_(me))
    return table.c.contact_source.in_(mine)
