"""Sends whose outcome nobody wrote down: found, marked unsure, and settled by proof, by a rule or by a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from runner.circumstances import as_due
from runner.deliver import ledger
from runner.deliver.office import Office
from runner.store.tables import IN_HAND, OPEN_SENDS, enrollments, sends

LOST = "the process ended while it was handed over; nobody knows whether it went out"


def sweep(office: Office, now: datetime) -> int:
    """Claims whose holder is gone become unsure, or are tried again where that does no harm. The number found."""
    if office.settings.on_unsure == "resend":
        _resend_by_rule(office, now)
    with office.store.read() as connection:
        rows = connection.execute(
            sa.select(sends.c.id, sends.c.lease_owner, sends.c.lease_until).where(
                sends.c.state == "claimed", OPEN_SENDS
            )
        ).all()
    gone = [row for row in rows if office.lease.is_over(row.lease_owner, row.lease_until, office.machine_now())]
    if not gone:
        return 0
    with office.store.write() as connection:
        # Looked at once more: a slow holder may have renewed its lease since.
        found = [
            row
            for row in _unsettled(connection, [row.id for row in gone], "claimed")
            if office.lease.is_over(row["lease_owner"], row["lease_until"], office.machine_now())
        ]
        again = [row for row in found if row["handed_at"] is None or _recognised(office, row["mailer"])]
        _again(connection, again, now, same=True)
        _mark(office, connection, [row for row in found if row not in again], "unsure", LOST, now)
    for owner in {row.lease_owner for row in gone if row.lease_owner}:
        office.lease.forget(owner)
    return len(found)


def _resend_by_rule(office: Office, now: datetime) -> None:
    """`on_unsure: resend`: once more, as another attempt; what is unsure again waits for a person."""
    with office.store.write() as connection:
        first = _joined().where(
            OPEN_SENDS, sends.c.state == "unsure", enrollments.c.state == "unsure", sends.c.attempt == 0
        )
        rows = connection.execute(first.with_for_update(of=sends)).mappings()
        _again(connection, [dict(row) for row in rows], now, same=False)


def _recognised(office: Office, mailer: str) -> bool:
    """Whether the mailer sends once what it gets twice."""
    return mailer == office.mailer_name and office.mailer.idempotent


def take_up(office: Office, now: datetime) -> int:
    """Enrollments whose send was proved accepted by an event go on."""
    proved = _joined().where(IN_HAND, sends.c.state == "accepted")
    with office.store.read() as connection:
        if connection.execute(proved.limit(1)).first() is None:
            return 0
    with office.store.write() as connection:
        found = [dict(row) for row in connection.execute(proved).mappings()]
        _advance(office, connection, found, "done", "accepted: the provider told of it", now)
    return len(found)


def sent(office: Office, ids: Sequence[str], now: datetime) -> int:
    """A person says that these unsure sends went out."""
    return _settle(office, ids, "accepted", "done", "settled by hand: sent", now)


def drop(office: Office, ids: Sequence[str], now: datetime) -> int:
    """A person says to leave these unsure sends be; the next step follows."""
    return _settle(office, ids, "refused", "skipped", "settled by hand: dropped", now)


def resend(office: Office, ids: Sequence[str], now: datetime) -> int:
    """A person says to send these again, at the risk that somebody gets them twice."""
    with office.store.write() as connection:
        found = _unsettled(connection, ids, "unsure")
        _again(connection, found, now, same=False)
        # Who asks for it days later means it: it is not too late then.
        mine = enrollments.c.id.in_([row["id"] for row in found])
        connection.execute(enrollments.update().where(mine).values(step_since=now))
    return len(found)


def _settle(office: Office, ids: Sequence[str], state: str, status: str, reason: str, now: datetime) -> int:
    with office.store.write() as connection:
        found = _unsettled(connection, ids, "unsure")
        mine = [row["send_id"] for row in found]
        connection.execute(
            sends.update().where(sends.c.id.in_(mine)).values(state=state, settled_at=now, reason=reason)
        )
        _advance(office, connection, found, status, reason, now)
    return len(found)


def _joined() -> sa.Select[Any]:
    """Sends with the enrollment that waits for them: the latest attempt of the step it stands at."""
    return (
        sa.select(
            enrollments,
            sends.c.id.label("send_id"),
            sends.c.mailer,
            sends.c.lease_owner,
            sends.c.lease_until,
            sends.c.handed_at,
        )
        .join_from(sends, enrollments, enrollments.c.id == sends.c.enrollment_id)
        .where(sends.c.step == enrollments.c.step, sends.c.attempt == enrollments.c.attempt)
    )


def _unsettled(connection: sa.Connection, ids: Sequence[str], state: str) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    for start in range(0, len(ids), 1000):
        part = ids[start : start + 1000]
        mine = _joined().where(sends.c.id.in_(part), sends.c.state == state).with_for_update(of=sends)
        found += [dict(row) for row in connection.execute(mine).mappings()]
    return found


def _again(connection: sa.Connection, rows: Sequence[Mapping[str, Any]], now: datetime, *, same: bool) -> None:
    """Back to due: with the same send id, which the mailer recognises, or as another attempt."""
    if not rows:
        return
    ids = [row["send_id"] for row in rows]
    if same:
        connection.execute(sends.delete().where(sends.c.id.in_(ids)))
    else:
        connection.execute(
            sends.update()
            .where(sends.c.id.in_(ids))
            .values(state="refused", settled_at=now, reason="sent again: " + LOST)
        )
    connection.execute(
        enrollments.update()
        .where(enrollments.c.id.in_([row["id"] for row in rows]))
        .values(state="active", due_at=now, attempt=enrollments.c.attempt + (0 if same else 1))
    )


def _mark(
    office: Office, connection: sa.Connection, rows: Sequence[Mapping[str, Any]], state: str, reason: str, now: datetime
) -> None:
    ids = [row["send_id"] for row in rows]
    connection.execute(sends.update().where(sends.c.id.in_(ids)).values(state=state, reason=reason, lease_owner=None))
    for book, row in _books(office, rows, now):
        book.unsure(as_due(row), reason, row["send_id"])
        book.write(connection, office.store)


def _advance(
    office: Office,
    connection: sa.Connection,
    rows: Sequence[Mapping[str, Any]],
    status: str,
    reason: str,
    now: datetime,
) -> None:
    books = _books(office, rows, now)
    for book, row in books:
        book.advance(as_due(row), status, reason, send_id=row["send_id"])
        book.write(connection, office.store)
    gone = {row["id"] for row in rows} - {row["id"] for _, row in books}
    if gone:
        ended = enrollments.update().where(enrollments.c.id.in_(gone))
        connection.execute(ended.values(state="ended", ended_at=now, reason="the playbook is not there any more"))


def _books(
    office: Office, rows: Sequence[Mapping[str, Any]], now: datetime
) -> list[tuple[ledger.Book, Mapping[str, Any]]]:
    found = []
    for row in rows:
        playbook = office.versions.entered_with(row["playbook"], row["version"])
        step = playbook.step(row["step"]) if playbook else None
        if playbook is not None and step is not None:
            found.append((ledger.Book(playbook, step, now), row))
    return found
