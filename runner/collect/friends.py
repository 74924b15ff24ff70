"""Friends who come to a contact's page: sent on to the shop with a number, or kept with the address they left."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from runner.collect.people import living
from runner.collect.visits import referral_code
from runner.links import Ticket
from runner.store import Store
from runner.store.tables import contacts, friends, referral_visits

#: Friends of one contact who have left their address and not come yet: more than anybody has.
MOST_INVITED = 100


#: Who have brought friends, before anybody is told where they stand among them.
FEWEST = 10


class BadFriend(ValueError):
    """The address cannot be kept. `fault` is address or unticked."""

    def __init__(self, fault: str) -> None:
        super().__init__(f"the address cannot be kept: {fault}")
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Referrer:
    """Whose page it is, as far as a friend may know."""

    contact_id: int
    first_name: str | None
    code: str


@dataclass(frozen=True, slots=True)
class Brought:
    """How many friends a contact has brought who bought; with how many others have brought more, of how many."""

    friends: int
    rewarded: int
    place: int | None = None
    of: int | None = None


def referrer(store: Store, ticket: Ticket, now: datetime) -> Referrer | None:
    """None where the person is gone."""
    with store.read() as connection:
        person = living(connection, [ticket.contact_id]).get(ticket.contact_id)
        there = contacts.c.id == person, contacts.c.deleted_at.is_(None)
        row = connection.execute(sa.select(contacts.c.id, contacts.c.first_name).where(*there)).first()
    return None if row is None else Referrer(row.id, row.first_name, referral_code(store, row.id, now))


def send_on(store: Store, whose: Referrer, now: datetime) -> str:
    """A number for one who goes on to the shop, by which their order is known; nothing of them is kept with it."""
    number = secrets.token_urlsafe(9)
    with store.write() as connection:
        connection.execute(sa.insert(referral_visits).values(id=number, referrer_id=whose.contact_id, at=now))
    return number


def leave_address(
    store: Store, whose: Referrer, address: str, *, agreed: bool, consent_words: str, now: datetime
) -> None:
    """Keeps a friend's address until they buy or their time is over. Raises BadFriend."""
    from email_validator import EmailNotValidError, validate_email

    try:
        checked = validate_email(address.strip(), check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        raise BadFriend("address") from None
    if not agreed:
        raise BadFriend("unticked")
    invited = checked.normalized.lower()
    row = {"referrer_id": whose.contact_id, "address": invited, "came_by": "page", "at": now}
    row |= {"state": "invited", "consent_at": now, "consent_words": consent_words, "seen_at": now}
    with store.write() as connection:
        if _may_invite(connection, whose, invited):
            connection.execute(sa.insert(friends).values(**row, told_by=f"page {secrets.token_hex(8)}"))


def _may_invite(connection: sa.Connection, whose: Referrer, address: str) -> bool:
    """Not twice, and not as many as only a machine leaves. The page says the same all the same."""
    f = friends.c
    open_ = sa.select(f.address).where(f.referrer_id == whose.contact_id, f.state == "invited").limit(MOST_INVITED)
    invited = connection.scalars(open_).all()
    return address not in invited and len(invited) < MOST_INVITED


def brought(store: Store, contact_id: int, *, compare: bool) -> Brought:
    """What somebody's own page tells them; where they stand among the others only where it is asked for."""
    f = friends.c
    bought = f.state.in_(("bought", "due", "rewarded"))
    with store.read() as connection:
        counts = sa.select(sa.func.count(), sa.func.count().filter(f.state == "rewarded"))
        mine, rewarded = connection.execute(counts.where(f.referrer_id == contact_id, bought)).one()
        if not compare or not mine:
            return Brought(mine, rewarded)
        each = sa.select(sa.func.count().label("number")).where(bought).group_by(f.referrer_id).subquery("each")
        more = sa.func.count().filter(each.c.number > mine)
        ahead, everybody = connection.execute(sa.select(more, sa.func.count()).select_from(each)).one()
        return Brought(mine, rewarded, ahead + 1, everybody) if everybody >= FEWEST else Brought(mine, rewarded)
