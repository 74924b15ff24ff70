"""What the commands about rewards show: friends and their states, points, review requests, words to show."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from runner import clock
from runner.app.app import App
from runner.app.called import contact_called
from runner.circumstances.people import once_known_as
from runner.errors import NeedsPerson, WrongUsage
from runner.reward import grant
from runner.store.tables import (
    contacts,
    friends,
    mail_events,
    memberships,
    points,
    referral_visits,
    sends,
    testimonials,
)
from runner.sync import advance

#: The states of a referral, in the order in which they are passed.
STATES = ("invited", "signed_up", "bought", "due", "rewarded", "lapsed", "refused")


def referrals(app: App, called: str | None, state: str | None) -> list[dict[str, Any]]:
    """Every friend brought, the newest last; only by one contact, or only in one state."""
    if state is not None and state not in STATES:
        raise WrongUsage(f"there is no state {state!r}; there are {', '.join(STATES)}")
    one, friend = contacts.alias("one"), contacts.alias("friend")
    f = friends.c
    chosen = (
        sa.select(friends, one.c.email.label("by"), friend.c.email.label("email"))
        .join_from(friends, one, one.c.id == f.referrer_id)
        .outerjoin(friend, friend.c.id == f.contact_id)
        .order_by(f.at, f.id)
    )
    with app.store.read() as connection:
        if called is not None:
            whose = once_known_as(sa.literal(f"[{contact_called(connection, called)}]"))
            chosen = chosen.where(f.referrer_id.in_(whose))
        if state is not None:
            chosen = chosen.where(f.state == state)
        return [_friend(row) for row in connection.execute(chosen).mappings()]


def _friend(row: Any) -> dict[str, Any]:
    return {
        "id": row["id"],
        "contact": {"id": row["referrer_id"], "email": row["by"]},
        "friend": {"id": row["contact_id"], "email": row["email"] or row["address"]},
        "state": row["state"],
        "reason": row["reason"],
        **{
            name: row[name] for name in ("came_by", "at", "bought_at", "due_at", "coupon", "rewarded_at", "rewarded_by")
        },
    }


def reward_by_hand(app: App, number: int) -> None:
    """Says that a reward that was due has been given."""
    now = app.now()
    given = {"state": "rewarded", "rewarded_at": now, "rewarded_by": "by hand", "seen_at": now}
    with app.store.write() as connection:
        due = friends.c.id == number, friends.c.state == "due"
        if connection.execute(sa.update(friends).where(*due).values(**given)).rowcount:
            return
        state = connection.scalar(sa.select(friends.c.state).where(friends.c.id == number))
    raise WrongUsage(f"referral {number} is {state}, not due" if state else f"there is no referral {number}")


def visits(app: App) -> int:
    """How often somebody, or some machine, went on from a contact's page to the shop."""
    with app.store.read() as connection:
        return connection.scalar(sa.select(sa.func.count()).select_from(referral_visits)) or 0


def ledger(app: App, called: str) -> dict[str, Any]:
    """A contact's points row by row, what they come to, and the tier."""
    with app.store.read() as connection:
        who = contact_called(connection, called)
        p, whose = points.c, once_known_as(sa.literal(f"[{who}]"))
        columns = p.at, p.day, p.rule, p.key, p.points, p.words
        rows = connection.execute(sa.select(*columns).where(p.contact_id.in_(whose)).order_by(p.id)).mappings().all()
        person = connection.execute(sa.select(contacts).where(contacts.c.id == who)).one()
        placed = sa.select(memberships).where(memberships.c.contact_id == who)
        member = connection.execute(placed).mappings().first()
    tier = {name: member[name] for name in ("tier", "since", "falls_to", "falls_on")} if member else None
    return {
        "contact": {"id": who, "email": person.email},
        "points": None if person.points is None else float(person.points),
        "tier": tier,
        "ledger": [{**row, "points": float(row["points"])} for row in rows],
    }


def give_points(app: App, called: str, amount: Decimal, words: str) -> None:
    """Gives or, where the amount is negative, takes points by hand; more than there are cannot be taken."""
    if app.settings.loyalty is None:
        raise NeedsPerson("regulars.yaml has no loyalty: there are no points to give")
    now = app.now()
    with app.store.read() as connection:
        who = contact_called(connection, called)
        balance = connection.scalar(sa.select(contacts.c.points).where(contacts.c.id == who)) or Decimal(0)
    if balance + amount < 0:
        raise WrongUsage(f"there are {balance.normalize():f} points, {-amount.normalize():f} cannot be taken")
    grant(app.store, who, amount, words, clock.local(now, app.settings.timezone).date(), now)
    advance(app.store, None, now, app.settings)


def tiers(app: App) -> list[dict[str, Any]]:
    """How many people are on each tier, the highest first, and how many of them are about to leave it."""
    m = memberships.c
    counts = sa.select(m.tier, sa.func.count().label("people"), sa.func.count(m.falls_on).label("falling"))
    with app.store.read() as connection:
        rows = {row.tier: row for row in connection.execute(counts.group_by(m.tier))}
    names = [tier.name for tier in app.settings.loyalty.tiers] if app.settings.loyalty else []
    return [
        {"tier": name, "people": rows[name].people if name in rows else 0, "falling": _falling(rows.get(name))}
        for name in reversed(names)
    ]


def _falling(row: Any) -> int:
    return row.falling if row is not None else 0


def reviews(app: App) -> list[dict[str, Any]]:
    """Of each site how many were asked, how many opened the page, went on to the site, or wrote for us."""
    s, e = sends.c, mail_events.c
    to_site = sa.exists().where(e.send_id == s.id, e.url.like("review:%"))
    counts = (
        sa.select(
            s.about.label("site"),
            sa.func.count().label("asked"),
            sa.func.count().filter(s.clicked.is_not(None)).label("opened"),
            sa.func.count().filter(to_site).label("went_on"),
            sa.func.max(s.claimed_at, type_=s.claimed_at.type).label("last"),
        )
        .where(s.action == "request_review", s.state == "accepted")
        .group_by(s.about)
        .order_by(s.about)
    )
    with app.store.read() as connection:
        return [dict(row) for row in connection.execute(counts).mappings()]


def words_to_show(app: App) -> Sequence[dict[str, Any]]:
    """Testimonials that nobody has taken back, with the consent given for each."""
    t = testimonials.c
    columns = t.id, contacts.c.email, t.words, t.video, t.shown_as, t.consent_at, t.consent_words
    chosen = sa.select(*columns).join_from(testimonials, contacts, contacts.c.id == t.contact_id)
    with app.store.read() as connection:
        rows = connection.execute(chosen.where(t.withdrawn_at.is_(None)).order_by(t.consent_at)).mappings()
        return [dict(row) for row in rows]
