"""What becomes of mail: ours from the action log, other people's from the `emails` that the sources bring."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass
from typing import Any

import sqlalchemy as sa

from runner.kpis.asked import Asked
from runner.kpis.measure import Direction, Figure, Part, Unit, kpi, rate
from runner.kpis.rows import delivered, one, there, total, with_facts, with_people
from runner.store.tables import facts, sends

emails = facts["emails"]

_COMMON: Mapping[str, Any] = {
    "unit": Unit.RATIO,
    "needs": ("emails",),
    "reads": (sends.c.claimed_at, emails.c.seen_at),
    "nothing": "no mail was delivered in the period",
}


@dataclass(frozen=True, slots=True)
class MailCounts:
    """Mails delivered in the period and what came back. Each mail counts once, under the best evidence there is."""

    delivered: int
    human_open: int
    #: Opened or clicked by machines alone.
    machine_open: int
    #: Opened or clicked, and nobody can say by whom.
    unknown_open: int
    human_click: int
    machine_click: int
    unknown_click: int
    unsubscribed: int
    complained: int

    def __add__(self, other: MailCounts) -> MailCounts:
        return MailCounts(*map(sum, zip(astuple(self), astuple(other), strict=True)))


@kpi(
    **_COMMON,
    key="email_open_rate",
    name="E-mail open rate",
    direction=Direction.HIGHER,
    formula="Of the mails delivered in the period, the share that a person opened or clicked. "
    "Opens by machines, such as Apple's privacy proxy and security scanners, are not counted.",
    entry=36,
    parts={
        "machine": Part(
            "Opened by machines only", Unit.RATIO, "Of the mails delivered, opened or clicked by machines alone."
        ),
        "unknown": Part(
            "Opened by whom, unknown",
            Unit.RATIO,
            "Of the mails delivered, opened or clicked by somebody or something that could not be told apart.",
        ),
    },
)
def email_open_rate(asked: Asked) -> Mapping[str, Figure]:
    mail = asked.once(_mail)
    return {
        "": rate(mail.human_open, mail.delivered),
        "machine": rate(mail.machine_open, mail.delivered),
        "unknown": rate(mail.unknown_open, mail.delivered),
    }


@kpi(
    **_COMMON,
    key="email_click_rate",
    name="E-mail click rate",
    direction=Direction.HIGHER,
    formula="Of the mails delivered in the period, the share in which a person clicked a link. "
    "Clicks by scanners and on the unsubscribe link are not counted.",
    entry=37,
    parts={
        "to_open": Part(
            "Clicks to opens", Unit.RATIO, "Of the mails that a person opened, the share clicked.", Direction.HIGHER
        ),
        "machine": Part("Clicked by machines only", Unit.RATIO, "Of the mails delivered, clicked by machines alone."),
        "unknown": Part(
            "Clicked by whom, unknown",
            Unit.RATIO,
            "Of the mails delivered, clicked by somebody or something that could not be told apart.",
        ),
    },
)
def email_click_rate(asked: Asked) -> Mapping[str, Figure]:
    mail = asked.once(_mail)
    return {
        "": rate(mail.human_click, mail.delivered),
        "to_open": rate(mail.human_click, mail.human_open),
        "machine": rate(mail.machine_click, mail.delivered),
        "unknown": rate(mail.unknown_click, mail.delivered),
    }


@kpi(
    **_COMMON,
    key="unsubscribe_rate",
    name="Unsubscribe rate",
    direction=Direction.LOWER,
    formula="Of the mails delivered in the period, the share whose recipient unsubscribed by it.",
    entry=None,
)
def unsubscribe_rate(asked: Asked) -> Mapping[str, Figure]:
    mail = asked.once(_mail)
    return {"": rate(mail.unsubscribed, mail.delivered)}


@kpi(
    **_COMMON,
    key="complaint_rate",
    name="Complaint rate",
    direction=Direction.LOWER,
    formula="Of the mails delivered in the period, the share whose recipient called it spam.",
    entry=None,
)
def complaint_rate(asked: Asked) -> Mapping[str, Figure]:
    mail = asked.once(_mail)
    return {"": rate(mail.complained, mail.delivered)}


def _mail(asked: Asked) -> MailCounts:
    return _ours(asked) + _others(asked)


def _ours(asked: Asked) -> MailCounts:
    rows, _ = with_people(asked, sends, sends.c.contact_id)

    def by(actor: str, who: sa.Column[str], at: sa.Column[Any]) -> sa.ColumnElement[bool]:
        return sa.and_(sa.func.coalesce(who, "") == actor, sa.or_(at.is_(None), asked.known(at)))

    def opened(actor: str) -> sa.ColumnElement[bool]:
        return by(actor, sends.c.opened, sends.c.opened_at)

    def clicked(actor: str) -> sa.ColumnElement[bool]:
        return by(actor, sends.c.clicked, sends.c.clicked_at)

    def hit(actor: str) -> sa.ColumnElement[bool]:
        return sa.or_(opened(actor), clicked(actor))

    return _counts(
        asked,
        rows,
        sa.and_(delivered(), sends.c.action != "notify", asked.within(sends.c.claimed_at)),
        hit("human"),
        sa.and_(hit("machine"), ~hit("unknown"), ~hit("human")),
        sa.and_(hit("unknown"), ~hit("human")),
        clicked("human"),
        clicked("machine"),
        clicked("unknown"),
        sa.and_(sends.c.unsubscribed_at.is_not(None), asked.known(sends.c.unsubscribed_at)),
        sa.and_(sends.c.complained_at.is_not(None), asked.known(sends.c.complained_at)),
    )


def _others(asked: Asked) -> MailCounts:
    rows = with_facts(asked, emails)
    read = sa.or_(emails.c.human_open, emails.c.clicked)
    return _counts(
        asked,
        rows,
        sa.and_(~emails.c.bounced, asked.within(emails.c.sent_at), there(asked, emails)),
        read,
        sa.and_(emails.c.machine_open, ~read),
        sa.false(),
        emails.c.clicked,
        sa.false(),
        sa.false(),
        emails.c.unsubscribed,
        emails.c.complained,
    )


def _counts(
    asked: Asked, rows: sa.FromClause, which: sa.ColumnElement[bool], *conditions: sa.ColumnElement[bool]
) -> MailCounts:
    sums = sa.select(sa.func.count(), *(total(one(condition)) for condition in conditions))
    return MailCounts(*map(int, asked.connection.execute(sums.select_from(rows).where(which)).one()))
