"""Who said no, who came back: suppressions and consents, both append-only, and what a page tells of them.

A no binds at once and stays until the person says yes on our own page; the CRM's older value never overrules it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa

from runner.circumstances import MARKETING
from runner.collect.people import living
from runner.links import Ticket
from runner.store import Store
from runner.store.personal import ERASED
from runner.store.tables import consents, contact_changes, contacts, sends, suppressions

#: The consent's source when somebody comes back by their own word.
PAGE = "preferences page"


class Reason(StrEnum):
    """Why an address or a person may not be written to, as far as collect hears of it."""

    UNSUBSCRIBED = "unsubscribed"
    BOUNCED = "bounced"
    COMPLAINED = "complained"


class Standing(StrEnum):
    """Whether somebody gets our mail."""

    SUBSCRIBED = "subscribed"
    #: By their own no, which they may take back.
    UNSUBSCRIBED = "unsubscribed"
    #: By a complaint, a dead address or our own list: no page lifts that.
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True)
class No:
    """One reason not to write, with whom it binds: the address, the person, or both."""

    reason: Reason
    address: str | None
    contact_id: int | None
    send_id: str | None
    source: str
    at: datetime
    proof: str | None = None


def unsubscribe(store: Store, ticket: Ticket, source: str, now: datetime) -> None:
    """From this commit on neither the person nor the address gets marketing mail. Saying it twice changes nothing."""
    with store.write() as connection:
        send = _send(connection, ticket, for_writing=True)
        address = send.address if send else _address(connection, ticket.contact_id)
        bind(connection, No(Reason.UNSUBSCRIBED, address, ticket.contact_id, ticket.send_id, source, now), now)
        if send:
            first = sa.update(sends).where(sends.c.id == send.id, sends.c.unsubscribed_at.is_(None))
            connection.execute(first.values(unsubscribed_at=now))
            settle(connection, send.id, now)


def resubscribe(store: Store, ticket: Ticket, now: datetime) -> Standing:
    """Takes back the person's own no, and nobody else's, on their explicit yes. Returns how they stand afterwards."""
    with store.write() as connection:
        send = _send(connection, ticket, for_writing=True)
        person = living(connection, [ticket.contact_id]).get(ticket.contact_id)
        if person is None:
            return Standing.UNSUBSCRIBED
        addresses = {send.address if send else None, _address(connection, person)} - {None}
        _lift(connection, person, addresses, now)
        say(connection, person, MARKETING, "yes", PAGE, now, f"link of send {ticket.send_id}")
        after = _standing(connection, person, addresses)
        if after is Standing.UNSUBSCRIBED:
            _mark(connection, person, opted_out=False, now=now)
            after = _standing(connection, person, addresses)
        return after


def standing(store: Store, ticket: Ticket) -> Standing:
    """How the person of this link stands now."""
    with store.read() as connection:
        person = living(connection, [ticket.contact_id]).get(ticket.contact_id, ticket.contact_id)
        send = _send(connection, ticket)
        return _standing(connection, person, {send.address if send else None, _address(connection, person)} - {None})


def bind(connection: sa.Connection, no: No, now: datetime) -> None:
    """Writes the suppression, and for a person's no the consent, unless in force already or taken back since."""
    person = living(connection, [no.contact_id]).get(no.contact_id) if no.contact_id is not None else None
    if no.address == ERASED:
        no = replace(no, address=None)
    if no.address is None and person is None:
        return
    if no.reason is Reason.UNSUBSCRIBED and person is not None and _came_back(connection, person, no):
        return
    if person is None and no.contact_id is None and _is_old_news(connection, no):
        return
    if not _in_force(connection, no, person):
        connection.execute(
            sa.insert(suppressions).values(
                address=no.address, contact_id=person, reason=no.reason, source=no.source, send_id=no.send_id, at=no.at
            )
        )
    if no.reason is not Reason.BOUNCED and person is not None:
        if _last_word(connection, person) != "no":
            proof = no.proof or (f"link of send {no.send_id}" if no.send_id else None)
            say(connection, person, MARKETING, "no", no.source, no.at, proof)
        _mark(connection, person, opted_out=True, now=now)


def came_back(
    connection: sa.Connection, source: str, address: str, contact_id: int | None, at: datetime, now: datetime
) -> None:
    """A yes said where a no was said before takes back that no, and no other."""
    person = living(connection, [contact_id]).get(contact_id) if contact_id is not None else None
    theirs = suppressions.c.address == address
    if person is not None:
        theirs |= suppressions.c.contact_id == person
        say(connection, person, MARKETING, "yes", source, at, None)
    its_own = (suppressions.c.reason == Reason.UNSUBSCRIBED, suppressions.c.source == source, suppressions.c.at <= at)
    lifted = sa.update(suppressions).where(theirs, *its_own, suppressions.c.lifted_at.is_(None))
    connection.execute(lifted.values(lifted_at=now, lifted_by=source))
    if person is not None and _standing(connection, person, {address}, but_for_mark=True) is Standing.SUBSCRIBED:
        _mark(connection, person, opted_out=False, now=now)


def settle(connection: sa.Connection, send_id: str, now: datetime) -> None:
    """Who followed a letter's link has the letter: an unsure send is known to have been accepted."""
    unsettled = sa.update(sends).where(sends.c.id == send_id, sends.c.state.in_(("claimed", "unsure")))
    connection.execute(unsettled.values(state="accepted", settled_at=now))


def _send(connection: sa.Connection, ticket: Ticket, *, for_writing: bool = False) -> sa.Row[str, str] | None:
    chosen = sa.select(sends.c.id, sends.c.address).where(sends.c.id == ticket.send_id)
    return connection.execute(chosen.with_for_update(key_share=True) if for_writing else chosen).first()


def _address(connection: sa.Connection, contact_id: int) -> str | None:
    person = living(connection, [contact_id]).get(contact_id)
    return connection.scalar(sa.select(contacts.c.address).where(contacts.c.id == person))


def _in_force(connection: sa.Connection, no: No, person: int | None) -> bool:
    same = sa.select(suppressions.c.id).where(
        suppressions.c.reason == no.reason,
        suppressions.c.lifted_at.is_(None),
        suppressions.c.address.is_not_distinct_from(no.address),
        suppressions.c.contact_id.is_not_distinct_from(person),
    )
    return connection.execute(same.limit(1)).first() is not None


def _is_old_news(connection: sa.Connection, no: No) -> bool:
    """Whether the address is bound by such a no, or was set free after it: a provider's list forgets nothing."""
    same = sa.select(suppressions.c.id).where(
        suppressions.c.address == no.address,
        suppressions.c.reason == no.reason,
        suppressions.c.lifted_at.is_(None) | (suppressions.c.lifted_at >= no.at),
    )
    return connection.execute(same.limit(1)).first() is not None


def _came_back(connection: sa.Connection, person: int, no: No) -> bool:
    """Whether a yes on our page, or where the no was said, is younger than this no, which was only told late."""
    yes = sa.select(consents.c.id).where(
        consents.c.contact_id == person,
        consents.c.answer == "yes",
        consents.c.topic == MARKETING,
        consents.c.source.in_([PAGE, no.source]),
        consents.c.at > no.at,
    )
    return connection.execute(yes.limit(1)).first() is not None


def _last_word(connection: sa.Connection, person: int) -> str | None:
    said = sa.select(consents.c.answer).where(consents.c.contact_id == person, consents.c.topic == MARKETING)
    return connection.scalar(said.order_by(consents.c.at.desc(), consents.c.id.desc()).limit(1))


def say(
    connection: sa.Connection, person: int, topic: str, word: str, source: str, at: datetime, proof: str | None
) -> None:
    """Adds a word to the ledger, which nothing is ever taken out of."""
    said = {"contact_id": person, "topic": topic, "answer": word, "source": source, "at": at, "proof": proof}
    connection.execute(sa.insert(consents).values(**said))


def _lift(connection: sa.Connection, person: int, addresses: set[str | None], now: datetime) -> None:
    own = (suppressions.c.contact_id == person) | suppressions.c.address.in_(sorted(filter(None, addresses)))
    open_ones = sa.and_(suppressions.c.reason == Reason.UNSUBSCRIBED, suppressions.c.lifted_at.is_(None), own)
    others = connection.execute(
        sa.select(suppressions).where(
            open_ones, suppressions.c.contact_id.is_not(None), suppressions.c.contact_id != person
        )
    ).all()
    connection.execute(sa.update(suppressions).where(open_ones).values(lifted_at=now, lifted_by=PAGE))
    for row in others:
        # Two people share an address: one's yes frees the address, the other's no keeps binding that person.
        kept = {
            "contact_id": row.contact_id,
            "reason": row.reason,
            "source": row.source,
            "send_id": row.send_id,
            "at": row.at,
        }
        connection.execute(sa.insert(suppressions).values(**kept))


def _standing(
    connection: sa.Connection, person: int, addresses: set[str | None], *, but_for_mark: bool = False
) -> Standing:
    binding = (suppressions.c.contact_id == person) | suppressions.c.address.in_(sorted(filter(None, addresses)))
    in_force = sa.select(suppressions.c.reason).where(binding, suppressions.c.lifted_at.is_(None))
    reasons = set(connection.scalars(in_force))
    if reasons - {Reason.UNSUBSCRIBED}:
        return Standing.BLOCKED
    mark = sa.select(contacts.c.opted_out).where(contacts.c.id == person)
    opted_out = not but_for_mark and connection.scalar(mark)
    return Standing.UNSUBSCRIBED if reasons or opted_out else Standing.SUBSCRIBED


def _mark(connection: sa.Connection, person: int, *, opted_out: bool, now: datetime) -> None:
    """What conditions read as `contact.opted_out`, with its history."""
    before = connection.execute(sa.select(contacts.c.opted_out).where(contacts.c.id == person)).scalar_one()
    if before is opted_out:
        return
    changed = sa.update(contacts).where(contacts.c.id == person)
    connection.execute(changed.values(opted_out=opted_out, changed_at=now))
    change = {"field": "opted_out", "old": before, "new": opted_out, "at": now, "seen_at": now}
    connection.execute(sa.insert(contact_changes).values(contact_id=person, **change))
