"""What went out and nobody wrote down how: found, marked unsure, and settled by proof, by a rule or by a person.

Mails (`sends`) and messages (`writes`) alike: each table's rows have an id of ours, a state and a lease.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from runner.circumstances import as_due
from runner.deliver import ledger
from runner.deliver.keys import knows
from runner.deliver.office import Office
from runner.deliver.outcomes import PROVED
from runner.outbox import CRM_KINDS
from runner.store.tables import IN_HAND, OPEN_SENDS, OPEN_WRITES, enrollments, sends, writes

LOST = "the process ended while it was handed over; nobody knows whether it went out"
#: What is claimed before it goes out.
CLAIMED = (sends, writes)
#: In words, as in their indexes.
OPEN: dict[sa.Table, Any] = {sends: OPEN_SENDS, writes: sa.and_(OPEN_WRITES, writes.c.kind.not_in(CRM_KINDS))}


def is_clear(office: Office) -> bool:
    """Whether nothing went out of which anything is left to settle, as it is at most ticks: one look for all."""
    with office.store.read() as connection:
        return not connection.scalar(_ANYTHING)


_ANYTHING = sa.select(
    sa.or_(
        *(sa.exists().select_from(table).where(OPEN[table]) for table in CLAIMED),
        sa.exists().select_from(enrollments).where(IN_HAND),
    )
)


def sweep(office: Office, now: datetime) -> int:
    """Claims whose holder is gone become unsure, or are tried again where that does no harm. The number found."""
    gone: set[str] = set()
    found = sum(_sweep(office, table, now, gone) for table in CLAIMED)
    if not gone:
        return found
    # Only of whom nothing is left, since by its mark alone it is known to be gone before its time has run out; and it
    # may have ended after the look at the one table and before that at the other.
    for owner in gone - _holders(office):
        office.lease.forget(owner)
    return found


def _holders(office: Office) -> set[str]:
    with office.store.read() as connection:
        claimed = (sa.select(table.c.lease_owner).where(table.c.state == "claimed", OPEN[table]) for table in CLAIMED)
        return {owner for owners in claimed for owner in connection.scalars(owners)}


def _sweep(office: Office, table: sa.Table, now: datetime, owners: set[str]) -> int:
    """`owners` gets those whose claims were found."""
    if office.settings.on_unsure == "resend":
        _resend_by_rule(office, table, now)
    with office.store.read() as connection:
        rows = connection.execute(
            sa.select(table.c.id, table.c.lease_owner, table.c.lease_until).where(
                table.c.state == "claimed", OPEN[table]
            )
        ).all()
    gone = [row for row in rows if office.lease.is_over(row.lease_owner, row.lease_until, office.machine_now())]
    if not gone:
        return 0
    with office.store.write() as connection:
        # Looked at once more: a slow holder may have renewed its lease since.
        found = [
            row
            for row in _unsettled(connection, table, [row.id for row in gone], "claimed")
            if office.lease.is_over(row["lease_owner"], row["lease_until"], office.machine_now())
        ]
        again = [row for row in found if row["handed_at"] is None or _recognised(office, row)]
        _again(connection, table, again, now, same=True)
        _mark(office, connection, table, [row for row in found if row not in again], LOST, now)
    owners |= {row.lease_owner for row in gone if row.lease_owner}
    return len(found)


def _resend_by_rule(office: Office, table: sa.Table, now: datetime) -> None:
    """`on_unsure: resend`: once more, as another attempt; what is unsure again waits for a person."""
    with office.store.write() as connection:
        unsure = (OPEN[table], table.c.state == "unsure", table.c.settled_at.is_(None))
        first = _joined(table).where(*unsure, enrollments.c.state == "unsure", table.c.attempt == 0)
        rows = connection.execute(first.with_for_update(of=table)).mappings()
        _again(connection, table, [dict(row) for row in rows], now, same=False)


def _recognised(office: Office, row: Mapping[str, Any]) -> bool:
    """Whether the receiver takes once what it gets twice: a mailer by its name, or what a message's row says."""
    receiver = row["receiver"]
    return receiver is True or knows(office, str(receiver), row["doubted_at"] or row["handed_at"])


def take_up(office: Office, now: datetime) -> int:
    """Enrollments whose mail or message was proved accepted by an event go on."""
    return sum(_take_up(office, table, now) for table in CLAIMED)


def _take_up(office: Office, table: sa.Table, now: datetime) -> int:
    proved = _joined(table).where(IN_HAND, table.c.state == "accepted")
    with office.store.read() as connection:
        if connection.execute(proved.limit(1)).first() is None:
            return 0
    with office.store.write() as connection:
        found = [dict(row) for row in connection.execute(proved).mappings()]
        _advance(office, connection, found, "done", PROVED, now)
    return len(found)


def let_go(office: Office, now: datetime) -> int:
    """Messages that came back and whose enrollment has gone on or ended meanwhile are not tried again."""
    with office.store.read() as connection:
        ids = list(connection.scalars(_LEFT_BEHIND))
    if ids:
        over = {"state": "refused", "settled_at": now, "reason": "its step was over before it was taken"}
        with office.store.write() as connection:
            connection.execute(writes.update().where(writes.c.id.in_(ids), writes.c.state == "waiting").values(over))
    return len(ids)


_LEFT_BEHIND = sa.select(writes.c.id).where(
    OPEN_WRITES,
    writes.c.state == "waiting",
    writes.c.kind.in_(["webhook", "notify"]),
    ~sa.exists().where(
        enrollments.c.id == writes.c.enrollment_id,
        enrollments.c.step == writes.c.step,
        enrollments.c.attempt == writes.c.attempt,
        enrollments.c.state.in_(["active", "sending"]),
    ),
)


def sent(office: Office, ids: Sequence[str], now: datetime) -> int:
    """A person says that these unsure sends went out."""
    return _settle(office, ids, "accepted", "done", "settled by hand: sent", now)


def drop(office: Office, ids: Sequence[str], now: datetime) -> int:
    """A person says to leave these unsure sends be; the next step follows."""
    return _settle(office, ids, "refused", "skipped", "settled by hand: dropped", now)


def resend(office: Office, ids: Sequence[str], now: datetime) -> int:
    """A person says to send these again, at the risk that somebody gets them twice."""
    count = 0
    with office.store.write() as connection:
        for table in CLAIMED:
            found = _unsettled(connection, table, ids, "unsure")
            _again(connection, table, found, now, same=False)
            count += len(found)
    return count


def _settle(office: Office, ids: Sequence[str], state: str, status: str, reason: str, now: datetime) -> int:
    count = 0
    with office.store.write() as connection:
        for table in CLAIMED:
            found = _unsettled(connection, table, ids, "unsure")
            mine = [row["send_id"] for row in found]
            connection.execute(
                table.update().where(table.c.id.in_(mine)).values(state=state, settled_at=now, reason=reason)
            )
            _advance(office, connection, found, status, reason, now)
            count += len(found)
    return count


def _joined(table: sa.Table) -> sa.Select[Any]:
    """Claims with the enrollment that waits for them: the latest attempt of the step it stands at."""
    return (
        sa.select(
            enrollments,
            table.c.id.label("send_id"),
            (sends.c.mailer if table is sends else writes.c.recognised).label("receiver"),
            table.c.lease_owner,
            table.c.lease_until,
            table.c.handed_at,
        )
        .join_from(table, enrollments, enrollments.c.id == table.c.enrollment_id)
        .where(table.c.step == enrollments.c.step, table.c.attempt == enrollments.c.attempt)
    )


def _unsettled(connection: sa.Connection, table: sa.Table, ids: Sequence[str], state: str) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    for start in range(0, len(ids), 1000):
        part = ids[start : start + 1000]
        waiting = (table.c.state == state, table.c.settled_at.is_(None))
        mine = _joined(table).where(table.c.id.in_(part), *waiting).with_for_update(of=table)
        found += [dict(row) for row in connection.execute(mine).mappings()]
    return found


def _again(
    connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]], now: datetime, *, same: bool
) -> None:
    """Back to due: with the same id, which the receiver recognises, or as another attempt.

    What was tried before stays unsure and counts for the caps, but waits for nobody any more. For the other attempt it
    is not too late, however long it took to decide on it.
    """
    if not rows:
        return
    ids = [row["send_id"] for row in rows]
    mine = table.c.id.in_(ids)
    if same and table is sends:
        connection.execute(sends.delete().where(mine))
    elif same:
        connection.execute(writes.update().where(mine).values(state="waiting", lease_owner=None, lease_until=None))
    else:
        connection.execute(table.update().where(mine).values(settled_at=now, reason="sent again: " + LOST))
    anew = {} if same else {"attempt": enrollments.c.attempt + 1, "step_since": now, "doubted_at": None}
    theirs = enrollments.update().where(enrollments.c.id.in_([row["id"] for row in rows]))
    connection.execute(theirs.values(state="active", due_at=now, **anew))
    if same and (handed := [row for row in rows if row["handed_at"] is not None]):
        since = sa.func.coalesce(enrollments.c.doubted_at, min(row["handed_at"] for row in handed))
        those = enrollments.c.id.in_([row["id"] for row in handed])
        connection.execute(enrollments.update().where(those).values(doubted_at=since))


def _mark(
    office: Office,
    connection: sa.Connection,
    table: sa.Table,
    rows: Sequence[Mapping[str, Any]],
    reason: str,
    now: datetime,
) -> None:
    ids = [row["send_id"] for row in rows]
    unsure = {"state": "unsure", "reason": reason, "lease_owner": None}
    connection.execute(table.update().where(table.c.id.in_(ids)).values(unsure))
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
