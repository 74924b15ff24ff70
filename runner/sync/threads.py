"""A request by mail is answered when one of us writes back, and open while the last word is the customer's."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import sqlalchemy as sa

from connectors.records import Mention, Message, Record, Ticket
from runner.store.tables import contact_sources, facts, tickets

IN, OUT = "in", "out"


@dataclass(slots=True)
class _Thread:
    """When who wrote in it, as far as it is known."""

    asked: list[datetime] = field(default_factory=list)
    answered: list[datetime] = field(default_factory=list)

    def told(self, ticket: Ticket) -> Ticket:
        """The ticket as the thread has it."""
        replies = [at for at in self.answered if at >= ticket.created_at]
        first = min(replies, default=ticket.first_reply_at)
        last_asked, last_answered = max(self.asked, default=None), max(replies, default=None)
        settled = last_answered is not None and (last_asked is None or last_answered > last_asked)
        return replace(ticket, first_reply_at=first, solved_at=last_answered if settled else None)


def with_threads(connection: sa.Connection, connector: str, records: Sequence[Record]) -> list[Record]:
    """The records with each ticket as all that was told of it makes it, and each mention at the time it had first."""
    told = [record for record in records if isinstance(record, Ticket)]
    messages = [record for record in records if isinstance(record, Message)]
    threads = _threads(connection, connector, messages, {one.ticket_id for one in told})
    known = _known(connection, connector, {*(one.ticket_id for one in told), *threads})
    made = {one.ticket_id: one for one in _made(told, known)}
    for id in threads.keys() & known.keys() - made.keys():
        made[id] = known[id]
    made = {id: threads[id].told(one) if id in threads else one for id, one in made.items()}
    rest = [record for record in records if not isinstance(record, Ticket)]
    return [*made.values(), *_at_first(connection, connector, rest)]


def _made(told: Sequence[Ticket], known: Mapping[str, Ticket]) -> Iterator[Ticket]:
    """Each ticket once: as it was told last, with what it had from the first."""
    latest: dict[str, Ticket] = {}
    for one in told:
        before = latest.get(one.ticket_id) or known.get(one.ticket_id)
        latest[one.ticket_id] = one if before is None else _over(before, one)
    yield from latest.values()


def _over(before: Ticket, now: Ticket) -> Ticket:
    """A request begins once, and is answered for the first time once."""
    return replace(
        now,
        contact_id=before.contact_id,
        created_at=min(before.created_at, now.created_at),
        first_reply_at=before.first_reply_at or now.first_reply_at,
        subject=before.subject or now.subject,
        message_id=before.message_id or now.message_id,
    )


def _threads(
    connection: sa.Connection, connector: str, messages: Sequence[Message], tickets_told: Collection[str]
) -> dict[str, _Thread]:
    """The threads of these messages and tickets; of tickets that no message belongs to, none."""
    m = facts["messages"].c
    ids = {*(one.thread_id for one in messages), *tickets_told}
    threads: dict[str, _Thread] = {}
    here = m.connector == connector, m.thread_id.in_(sorted(ids)), m.deleted_at.is_(None)
    rows = connection.execute(sa.select(m.thread_id, m.direction, m.at).where(*here)) if ids else ()
    for thread, direction, at in (*rows, *((one.thread_id, one.direction, one.at) for one in messages)):
        known = threads.setdefault(thread, _Thread())
        (known.answered if direction == OUT else known.asked).append(at)
    return threads


def _known(connection: sa.Connection, connector: str, ids: Collection[str]) -> dict[str, Ticket]:
    if not ids:
        return {}
    t, s = tickets.c, contact_sources.c
    columns = t.ticket_id, t.created_at, t.first_reply_at, t.solved_at, t.subject, t.message_id
    asked = sa.select(s.source_id.label("contact_id"), *columns).join_from(
        tickets, contact_sources, s.id == t.contact_source
    )
    here = t.connector == connector, t.ticket_id.in_(sorted(ids)), t.deleted_at.is_(None)
    return {row.ticket_id: Ticket(**row._mapping) for row in connection.execute(asked.where(*here))}


def _at_first(connection: sa.Connection, connector: str, records: Sequence[Record]) -> Iterator[Record]:
    """A mention whose feed gives no time was made when it was seen first."""
    named = {one.mention_id for one in records if isinstance(one, Mention)}
    m = facts["mentions"].c
    here = m.connector == connector, m.source_id.in_(sorted(named))
    first = dict(connection.execute(sa.select(m.source_id, m.at).where(*here)).all()) if named else {}
    for one in records:
        yield replace(one, at=min(one.at, first.get(one.mention_id, one.at))) if isinstance(one, Mention) else one
