"""A batch is decided and claimed in one transaction: guards are applied here, in the moment of sending."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from runner.actions import MailAction, Reminder, RequestReview, Survey, Work
from runner.circumstances import (
    Circumstances,
    Due,
    Mailed,
    Pace,
    caps_since,
    due_enrollments,
    local_day,
    look_at,
    people_of,
)
from runner.decide import Decision, Do, End, Hold, Skip, decide, next_since
from runner.deliver import ledger, works
from runner.deliver.lease import LASTS
from runner.deliver.office import Office
from runner.deliver.works import Handing, Works
from runner.passage import passages
from runner.playbook import Playbook
from runner.steps import Step
from runner.store.functions import numbers_in
from runner.store.many import Many
from runner.store.tables import recipients, sends


class Claim(NamedTuple):
    """A letter that is ours to hand over."""

    send_id: str
    due: Due
    facts: Circumstances
    reason: str


@dataclass(slots=True)
class Batch:
    """What one transaction decided."""

    looked_at: int = 0
    claims: list[Claim] = field(default_factory=list)
    messages: list[Handing] = field(default_factory=list)
    done: int = 0
    held: int = 0
    skipped: int = 0
    ended: int = 0


def claim(office: Office, playbook: Playbook, step: Step, now: datetime, limit: int) -> Batch:
    """Decides for the oldest due enrollments of a step; what is to be mailed is claimed, all else is done."""
    with office.store.write() as connection:
        due = due_enrollments(connection, playbook, step.id, now, limit, lock=True)
        batch = Batch(looked_at=len(due))
        if not due:
            return batch
        judged = judge(office, connection, playbook, step, due, Mailed(office.paces(now)), now, lock=True)
        book = ledger.Book(playbook, step, now)
        written = Works(office, book)
        for one, facts, decision in judged:
            _write(office, book, written, batch, one, facts, decision)
        batch.messages = written.keep(connection)
        batch.done += written.done
        batch.claims = _claim_sends(office, connection, book, batch.claims)
        if batch.claims and isinstance(step.action, MailAction):
            _keep_pace(office, connection, step.action, now)
        book.write(connection, office.store)
    return batch


def judge(
    office: Office,
    connection: sa.Connection,
    playbook: Playbook,
    step: Step,
    due: Sequence[Due],
    mailed: Mailed,
    now: datetime,
    *,
    lock: bool = False,
) -> list[tuple[Due, Circumstances, Decision]]:
    """The decisions for a batch; writes nothing but the locks of a run. `plan` walks the same way."""
    people = people_of(connection, [one.contact_id for one in due])
    topic = step.action.topic if isinstance(step.action, MailAction) else None
    pace: Pace | None = None
    if isinstance(step.action, MailAction):
        pace = mailed.pace(connection, office.mailer_of(step.action), office.settings, now, lock=lock)
    if topic is not None:
        addresses = sorted({person["address"] for person in people.values() if person["address"]})
        if lock:
            _lock(office, connection, addresses)
        mailed.load(connection, addresses, caps_since(office.settings, now))
        if isinstance(step.action, RequestReview):
            mailed.load_reviews(connection, addresses)
        mailed.recall(connection, playbook.id, step.id, addresses, now)
    asking = [branch.when for branch in step.branches if branch.when is not None]
    known = look_at(connection, playbook, people, topic=topic, now=now, zones=office.zones, asking=asking)
    passed = passages(connection, playbook, step, due, now)
    judged = []
    for one in due:
        facts = known[one.contact_id]._replace(passage=passed[one.id])
        if isinstance(step.action, RequestReview):
            facts = facts._replace(site=_turn(step.action, facts, mailed))
        full = pace.full() if pace else None
        decision = decide(one, playbook, step, facts, mailed.for_(one), now, office.settings, full)
        if pace is not None and isinstance(decision, Do):
            pace.take()
        elif pace is not None and full is not None and decision.reason == full[1]:
            pace.put_off += 1
        if isinstance(decision, Do) and topic is not None and facts.address:
            day = local_day(now, facts.zone)
            mailed.note(facts.address, day, playbook.id, step.id, one.occasion, one.contact_id)
            if isinstance(step.action, RequestReview):
                mailed.reviews.setdefault(facts.address, []).append(day)
                decision = replace(decision, reason=f"{decision.reason}; asks for {facts.site}")
            if _counts(step):
                mailed.add(facts.address, day, survey=step.action.name == "survey")
        judged.append((one, facts, decision))
    if isinstance(step.action, Work):
        return works.judged(office, connection, playbook, step.action, judged)
    return judged


def _keep_pace(office: Office, connection: sa.Connection, mail: MailAction, now: datetime) -> None:
    pace = office.paces(now).get(office.mailer_of(mail))
    if pace is not None:
        pace.keep(connection, office.store)


def _turn(review: RequestReview, facts: Circumstances, mailed: Mailed) -> str:
    """The site that this person has not been asked for the longest."""
    return review.turn(facts.contact["draw"], len(mailed.reviews.get(facts.address or "", ())))


def _counts(step: Step) -> bool:
    """Whether a mail of this step counts for the caps."""
    return isinstance(step.action, MailAction) and step.action.purpose == "marketing"


def _lock(office: Office, connection: sa.Connection, addresses: Sequence[str]) -> None:
    """Whoever else would count these addresses' mail waits; SQLite has one writer anyway."""
    if not addresses or office.store.is_sqlite:
        return
    rows = [{"address": address} for address in addresses]
    connection.execute(office.store.insert(recipients).on_conflict_do_nothing(), rows)
    mine = recipients.select().where(recipients.c.address.in_(addresses)).order_by(recipients.c.address)
    connection.execute(mine.with_for_update()).all()


def _write(
    office: Office,
    book: ledger.Book,
    written: Works,
    batch: Batch,
    one: Due,
    facts: Circumstances,
    decision: Decision,
) -> None:
    match decision:
        case Hold(until=until, reason=reason, waits_for=waits_for):
            batch.held += 1
            book.hold(one, until, reason, waits_for=waits_for)
        case Skip(reason=reason):
            batch.skipped += 1
            book.advance(one, "skipped", reason)
        case End(reason=reason):
            batch.ended += 1
            book.end(one, reason)
        case Do(reason=reason) if isinstance(book.step.action, MailAction):
            send_id = office.send_id(one.id, book.step.id, one.attempt)
            batch.claims.append(Claim(send_id, one, facts, reason))
            book.sending(one)
        case Do(reason=reason) if isinstance(book.step.action, Work):
            written.take(one, facts, reason)
        case Do(reason=reason, branch=branch):
            batch.done += 1
            since = next_since(one, book.step, facts, book.now, office.settings)
            book.advance(one, "done", reason, since=since, branch=branch)


def _claim_sends(office: Office, connection: sa.Connection, book: ledger.Book, claims: Sequence[Claim]) -> list[Claim]:
    """The claims that are ours now; where a step has its send already, that one decides how it goes on."""
    if not claims:
        return []
    mail = book.step.action
    assert isinstance(mail, MailAction)
    alike = _alike(office, book, mail)
    rows = [_row(alike, mail, claim, book.now) for claim in claims]
    ours = _inserted(connection, rows)
    if len(ours) < len(claims):
        _take_up(connection, book, [claim for claim in claims if claim.send_id not in ours])
    return [claim for claim in claims if claim.send_id in ours]


def _inserted(connection: sa.Connection, rows: Sequence[dict[str, Any]]) -> set[str]:
    """The ids of those sends that were not there yet. SQLite has one writer, who may look first."""
    if connection.dialect.name != "sqlite":
        return set(connection.scalars(_INSERT.returning(sends.c.id), rows))
    theirs = {"enrollments": json.dumps([row["enrollment_id"] for row in rows]), "step": rows[0]["step"]}
    there = {tuple(row) for row in connection.execute(_THERE, theirs)}
    new = [row for row in rows if (row["enrollment_id"], row["attempt"]) not in there]
    _MANY(connection, new)
    return {row["id"] for row in new}


_INSERT = postgresql.insert(sends).on_conflict_do_nothing()
_MANY = Many(sqlite.insert(sends).on_conflict_do_nothing())
_THERE = sa.select(sends.c.enrollment_id, sends.c.attempt).where(
    sends.c.enrollment_id.in_(numbers_in(sa.bindparam("enrollments", type_=sa.Text()))),
    sends.c.step == sa.bindparam("step"),
)


def _take_up(connection: sa.Connection, book: ledger.Book, claims: Sequence[Claim]) -> None:
    """What was claimed before is not sent again; one that is claimed still is its holder's, or the sweep's."""
    due = {(claim.due.id, claim.due.attempt): claim.due for claim in claims}
    there = sa.select(sends).where(
        sends.c.enrollment_id.in_([claim.due.id for claim in claims]), sends.c.step == book.step.id
    )
    for send in connection.execute(there):
        one = due.get((send.enrollment_id, send.attempt))
        if one is None:
            continue
        match send.state:
            case "accepted":
                book.advance(one, "done", "accepted before", send_id=send.id)
            case "refused":
                book.advance(one, "failed", f"refused: {send.reason}", send_id=send.id)
            case "unsure":
                book.unsure(one, send.reason or "nobody knows whether it went out", send.id)


def _alike(office: Office, book: ledger.Book, mail: MailAction) -> dict[str, Any]:
    """What all sends of a step have in common."""
    return {
        "playbook": book.playbook.id,
        "step": book.step.id,
        "part": 0,
        "action": mail.name,
        "mailer": office.mailer_of(mail),
        "topic": mail.topic,
        "purpose": mail.purpose,
        "state": "claimed",
        "lease_owner": office.lease.owner,
        "lease_until": office.machine_now() + LASTS,
        "claimed_at": book.now,
    }


def _row(alike: dict[str, Any], mail: MailAction, claim: Claim, now: datetime) -> dict[str, Any]:
    return {
        **alike,
        "id": claim.send_id,
        "enrollment_id": claim.due.id,
        "attempt": claim.due.attempt,
        "about": claim.facts.site or mail.about,
        "contact_id": claim.due.contact_id,
        "address": claim.facts.address,
        "closes_at": _closes_at(mail, claim, now),
        "reminds": claim.facts.passage.asked if isinstance(mail, Reminder) else None,
        "local_day": local_day(now, claim.facts.zone),
    }


def _closes_at(mail: MailAction, claim: Claim, now: datetime) -> datetime | None:
    """Until when a survey may be answered; a reminder leaves that as it was."""
    if isinstance(mail, Survey):
        return mail.close_after.after(now, claim.facts.zone)
    return claim.facts.passage.asked_until if isinstance(mail, Reminder) else None
