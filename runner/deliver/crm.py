"""What waits in the outbox for a CRM is told it, batch after batch; what became of each is written down.

What was handed over and whose outcome nobody knows (the answer was lost, the process was killed) is looked for in the
CRM before it is written again, and not before the CRM has had time to finish what it may still be doing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import sqlalchemy as sa
import structlog

from connectors.base import Outcome, Verdict
from connectors.writing import CrmWrite, CrmWriter, Note, OptOut, SetFields, Task
from runner.deliver.heartbeat import beating
from runner.deliver.lease import LASTS
from runner.deliver.office import Office
from runner.deliver.outcomes import Delivered
from runner.deliver.scores import queue_scores
from runner.outbox import CRM_KINDS, Told, crms_of, tell
from runner.store.memory import remember
from runner.store.tables import OPEN_WRITES, consents, contact_sources, contacts, meta, suppressions, writes

log = structlog.get_logger()
AnyRow: TypeAlias = "sa.Row[Any]"

#: A gateway gives up after 100 seconds at the latest: from then on what is not there will not come.
SETTLES = timedelta(minutes=2)
#: How long something that came back waits, time after time; then a day each.
PAUSES = (timedelta(0), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=3), timedelta(days=1))
#: After so long nobody expects it in the CRM any more.
TOO_LATE = timedelta(days=7)
#: How far what people said no to was looked through for each CRM: a number of `suppressions` or `consents`.
OPT_OUTS_TOLD = "opt_outs_told:"
#: On PostgreSQL a smaller number may be committed later.
LOOK_BACK = 1_000
GONE = "the contact is not in the CRM any more"


@dataclass(frozen=True, slots=True)
class Claimed:
    """One row of the outbox that is ours to tell."""

    id: str
    #: None where the contact is not there any more.
    write: CrmWrite | None
    tries: int
    decided_at: datetime
    #: Whether it was handed over before: then it is looked for.
    handed: bool


def tell_crms(office: Office, now: datetime, stop: Callable[[], bool] = lambda: False) -> Delivered:
    """Every CRM that may be written to, until nothing waits for it or it is in trouble."""
    total = Delivered()
    for name, writer in office.writers().items():
        _queue_opt_outs(office, name, writer, now)
        queue_scores(office, name, now)
        while _waits(office, name) and not stop() and not total.troubles:
            with office.lease.holding(), beating(office):
                batch = _claim(office, name, writer.write_batch, now)
                if not batch:
                    break
                total += _write_down(office, name, batch, _told(writer, batch), now)
    return total


def _told(writer: CrmWriter, batch: Sequence[Claimed]) -> dict[str, Outcome]:
    told = {one.id: Outcome(one.id, Verdict.REFUSED, reason=GONE) for one in batch if one.write is None}
    looked_for = [one.write for one in batch if one.write is not None and one.handed]
    told |= {outcome.send_id: outcome for outcome in (writer.find(looked_for) if looked_for else ())}
    new = [one.write for one in batch if one.write is not None and not one.handed]
    return told | {outcome.send_id: outcome for outcome in (writer.write(new) if new else ())}


# --- what is claimed


def _waits(office: Office, name: str) -> bool:
    """Whether there may be anything: most ticks have nothing to tell, and write nothing."""
    with office.store.read() as connection:
        return connection.scalar(_ANY, {"target": name, "kinds": CRM_KINDS}) is not None


_ANY = (
    sa.select(sa.literal(1))
    .select_from(writes)
    .where(OPEN_WRITES, writes.c.kind.in_(sa.bindparam("kinds", expanding=True)))
    .where(writes.c.target == sa.bindparam("target"))
    .limit(1)
)


def _claim(office: Office, name: str, most: int, now: datetime) -> list[Claimed]:
    """The oldest that wait, and those whose holder is gone. From here on nobody knows whether they are there."""
    at, w = office.machine_now(), writes.c
    ours = OPEN_WRITES, w.kind.in_(CRM_KINDS), w.target == name
    with office.store.write() as connection:
        waits = sa.and_(w.state == "waiting", sa.or_(w.next_at.is_(None), w.next_at <= now))
        due = sa.or_(waits, w.id.in_(_left(office, connection, ours)))
        chosen = sa.select(writes).where(*ours, due).order_by(w.claimed_at, w.id).limit(most)
        rows = connection.execute(chosen.with_for_update(skip_locked=True)).all()
        if not rows:
            return []
        theirs = _ids_there(connection, name, {row.contact_id for row in rows})
        held = {"state": "claimed", "lease_owner": office.lease.owner, "lease_until": at + LASTS, "handed_at": at}
        connection.execute(writes.update().where(w.id.in_([row.id for row in rows])).values(held))
    return [_claimed(row, theirs.get(row.contact_id)) for row in rows]


def _left(office: Office, connection: sa.Connection, ours: Sequence[Any]) -> list[str]:
    """What somebody who is gone had claimed, once the CRM has settled it."""
    w, at = writes.c, office.machine_now()
    settled = w.state == "claimed", w.handed_at <= at - SETTLES
    rows = connection.execute(sa.select(w.id, w.lease_owner, w.lease_until).where(*ours, *settled))
    return [row.id for row in rows if office.lease.is_over(row.lease_owner, row.lease_until, at)]


def _ids_there(connection: sa.Connection, name: str, people: set[int]) -> dict[int, str]:
    """What the CRM calls each contact, or whoever it was merged into."""
    s = contact_sources.c
    living = sa.func.coalesce(contacts.c.merged_into, contacts.c.id)
    chosen = sa.select(contacts.c.id, s.source_id).join_from(contacts, contact_sources, s.contact_id == living)
    theirs = s.connector == name, s.row_hash.is_not(None), s.deleted_at.is_(None), contacts.c.id.in_(sorted(people))
    # Of two that are one person here the later one is the survivor there.
    return {row.id: row.source_id for row in connection.execute(chosen.where(*theirs).order_by(s.id))}


def _claimed(row: AnyRow, contact_id: str | None) -> Claimed:
    write = worded(row.kind, row.id, contact_id, row.payload, row.claimed_at) if contact_id else None
    return Claimed(row.id, write, row.tries, row.claimed_at, row.handed_at is not None)


def worded(kind: str, id: str, contact_id: str, payload: Mapping[str, Any], at: datetime) -> CrmWrite:
    """A row of the outbox as a CRM takes it."""
    match kind:
        case "property":
            return SetFields(write_id=id, contact_id=contact_id, fields=payload["fields"])
        case "note":
            return Note(write_id=id, contact_id=contact_id, body=payload["body"], at=at)
        case "task":
            due = datetime.fromisoformat(payload["due_at"])
            return Task(
                write_id=id, contact_id=contact_id, due_at=due, subject=payload["subject"], body=payload.get("body"),
                priority=payload["priority"], owner=payload.get("owner"),
            )  # fmt: skip
        case "opt_out":
            return OptOut(write_id=id, contact_id=contact_id, **payload)
    raise ValueError(f"nothing that a CRM is told is called {kind!r}")


# --- what became of it


def _write_down(
    office: Office, name: str, batch: Sequence[Claimed], told: Mapping[str, Outcome], now: datetime
) -> Delivered:
    rows = [_settled(one, told[one.id], now) for one in batch]
    with office.store.write() as connection:
        connection.execute(_SETTLE, [row | {"owner": office.lease.owner} for row in rows])
    counts = {verdict: sum(outcome.verdict is verdict for outcome in told.values()) for verdict in Verdict}
    for outcome in told.values():
        if outcome.verdict is Verdict.REFUSED:
            # The reason stays out of the log: a CRM's words may quote an address.
            log.warning("a CRM refused something", action="crm", connector=name, write=outcome.send_id)
    trouble = next((o.reason for o in told.values() if o.verdict in (Verdict.UNTRIED, Verdict.UNSURE)), None)
    return Delivered(refused=counts[Verdict.REFUSED], troubles=(f"{name}: {trouble}",) if trouble else ())


def _settled(one: Claimed, outcome: Outcome, now: datetime) -> dict[str, Any]:
    match outcome.verdict:
        case Verdict.ACCEPTED:
            return _row(one, "accepted", at=now)
        case Verdict.REFUSED:
            return _row(one, "refused", at=now, reason=outcome.reason)
        case Verdict.UNSURE:
            return _row(one, "waiting", again=now + SETTLES, reason=f"nobody knows yet: {outcome.reason}", handed=True)
    if now - one.decided_at > TOO_LATE:
        return _row(one, "refused", at=now, reason=f"gave up after {one.tries + 1} tries: {outcome.reason}")
    # What was looked for and is not there may be written at once.
    pause = timedelta(0) if one.handed else PAUSES[min(one.tries + 1, len(PAUSES) - 1)]
    again = now + max(pause, timedelta(seconds=outcome.retry_after or 0))
    return _row(one, "waiting", again=again, reason=outcome.reason)


def _row(
    one: Claimed,
    state: str,
    *,
    at: datetime | None = None,
    again: datetime | None = None,
    reason: str | None = None,
    handed: bool = False,
) -> dict[str, Any]:
    """`handed`: it may be there, and is looked for the next time."""
    return {
        "write": one.id,
        "to_state": state,
        "at": at,
        "again": again,
        "why": reason,
        "may_be_there": handed,
        "tried": one.tries + (state == "waiting" and not one.handed),
    }


_SETTLE = (
    writes.update()
    .where(
        writes.c.id == sa.bindparam("write"),
        writes.c.state == "claimed",
        writes.c.lease_owner == sa.bindparam("owner"),
    )
    .values(
        state=sa.bindparam("to_state"),
        settled_at=sa.bindparam("at"),
        next_at=sa.bindparam("again"),
        reason=sa.bindparam("why"),
        tries=sa.bindparam("tried"),
        handed_at=sa.case((sa.bindparam("may_be_there", type_=sa.Boolean()), writes.c.handed_at)),
        lease_owner=None,
        lease_until=None,
    )
)


# --- opt-outs


def _queue_opt_outs(office: Office, name: str, writer: CrmWriter, now: datetime) -> None:
    """Who said no here since the last look: their CRM is to know it too. What it told us itself it knows."""
    s, c = suppressions.c, consents.c
    address = sa.func.coalesce(s.address, contacts.c.address)
    said = s.reason.in_(("unsubscribed", "complained")), s.lifted_at.is_(None)
    noes = sa.select(s.id, s.contact_id, address.label("address"), sa.null().label("topic"))
    noes = noes.join_from(suppressions, contacts, contacts.c.id == s.contact_id).where(*said)
    _queue(office, name, suppressions, noes, now)
    if writer.topics:
        topics = c.answer == "no", c.topic.in_(writer.topics), c.source != name
        some = sa.select(c.id, c.contact_id, contacts.c.address, c.topic)
        some = some.join_from(consents, contacts, contacts.c.id == c.contact_id).where(*topics)
        _queue(office, name, consents, some, now)


def _queue(office: Office, name: str, table: sa.Table, noes: sa.Select[Any], now: datetime) -> None:
    key = f"{OPT_OUTS_TOLD}{name}:{table.name}"
    with office.store.read() as connection:
        last = int(connection.scalar(sa.select(meta.c.value).where(meta.c.key == key)) or 0)
        newest = connection.scalar(sa.select(sa.func.max(table.c.id))) or 0
    if newest <= last:
        return
    with office.store.write() as connection:
        rows = connection.execute(noes.where(table.c.id > last - LOOK_BACK)).all()
        theirs = crms_of(connection, [name], [row.contact_id for row in rows])
        told = [
            Told(f"{table.name}-{row.id}-{_mark(name)}", row.contact_id, "opt_out", _no(row))
            for row in rows
            if row.address is not None and row.contact_id in theirs
        ]
        tell(connection, office.store, [name], told, now)
        remember(connection, office.store, key, newest)


def _mark(name: str) -> str:
    """What sets one CRM's word apart from another's: a name of any length and letters would not fit an id."""
    return hashlib.blake2b(name.encode(), digest_size=4).hexdigest()


def _no(row: Any) -> Mapping[str, Any]:
    return {"address": row.address, "topic": row.topic}
