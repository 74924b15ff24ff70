"""Somebody opened the page of a letter's link: kept as a click, with who it was as far as the evidence goes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from connectors.base import Actor, MailEvent, MailEventKind
from runner.collect import mail
from runner.collect.machines import KNOWN, Machines
from runner.collect.people import living
from runner.links import Kind, Ticket
from runner.store import Store
from runner.store.tables import contacts, sends

#: The events' mailer where it is our own pages that tell.
PAGES = "pages"
#: Signs that cannot be taken for one another when read out: no 0 O, 1 I L, 5 S, 2 Z, 8 B, U V.
CODE_SIGNS = "34679ACDEFGHJKMNPQRTWXY"
CODE_LENGTH = 8


@dataclass(frozen=True, slots=True)
class Visited:
    """What the page of a review or referral link is about."""

    contact_id: int
    #: The review site that the letter asked for.
    site: str | None


def visited(store: Store, ticket: Ticket) -> Visited | None:
    """None where the letter or its person is not in the store."""
    with store.read() as connection:
        site = sa.select(sends.c.contact_id, sends.c.about).where(sends.c.id == ticket.send_id)
        send = connection.execute(site).first()
        person = living(connection, [ticket.contact_id]).get(ticket.contact_id)
        return None if send is None or person is None else Visited(person, send.about)


def hit(
    store: Store,
    ticket: Ticket,
    actor: Actor,
    user_agent: str,
    now: datetime,
    *,
    of: str = "",
    ip: str | None = None,
    machines: Machines = KNOWN,
) -> None:
    """Records one visit. A GET is anybody's (`unknown`), to be judged by its evidence: only a POST is a person's.

    `of` is what the page leads to.
    """
    with store.write() as connection:
        record_visit(connection, store, ticket, user_agent, actor, now, of=of, ip=ip, machines=machines)


def record_visit(
    connection: sa.Connection,
    store: Store,
    ticket: Ticket,
    user_agent: str,
    actor: Actor,
    now: datetime,
    *,
    ip: str | None = None,
    machines: Machines = KNOWN,
    of: str = "",
) -> None:
    """The same within the caller's transaction. Repeated within the same second it counts once."""
    what = f"{ticket.kind}:{of}" if of else str(ticket.kind)
    event = MailEvent(
        event_id=f"{ticket.send_id}:{what}:{actor}:{int(now.timestamp())}:{_mark(ticket.target)}",
        send_id=ticket.send_id,
        kind=MailEventKind.OPENED if ticket.kind is Kind.OPEN else MailEventKind.CLICKED,
        at=now,
        actor=actor,
        url=ticket.target or what,
        user_agent=user_agent or None,
        ip=ip,
    )
    mail.record(connection, store, PAGES, [event], now, machines)


def _mark(target: str | None) -> str:
    return hashlib.blake2b(target.encode(), digest_size=6).hexdigest() if target else ""


def referral_code(store: Store, contact_id: int, now: datetime) -> str:
    """The person's own code, made when it is first asked for and the same ever after. Raises LookupError."""
    with store.read() as connection:
        if code := connection.scalar(sa.select(contacts.c.referral_code).where(contacts.c.id == contact_id)):
            return str(code)
    with store.write() as connection:
        person = sa.select(contacts.c.key, contacts.c.referral_code).where(contacts.c.id == contact_id)
        row = connection.execute(person.with_for_update()).one_or_none()
        if row is None:
            raise LookupError(f"there is no contact {contact_id}")
        code = str(row.referral_code or _free_code(connection, row.key))
        changes = {"referral_code": code, "changed_at": now}
        connection.execute(sa.update(contacts).where(contacts.c.id == contact_id).values(**changes))
        return code


def _free_code(connection: sa.Connection, key: str) -> str:
    """The first of the person's codes that nobody else has."""
    attempt = 0
    while (
        connection.scalar(sa.select(contacts.c.id).where(contacts.c.referral_code == _code(key, attempt))) is not None
    ):
        attempt += 1
    return _code(key, attempt)


def _code(key: str, attempt: int) -> str:
    number = int.from_bytes(hashlib.sha256(f"{key}#{attempt}".encode()).digest())
    signs = []
    for _ in range(CODE_LENGTH):
        number, place = divmod(number, len(CODE_SIGNS))
        signs.append(CODE_SIGNS[place])
    return "".join(signs)
