"""A batch is decided and claimed in one transaction: guards are applied here, in the moment of sending."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from runner.actions import CreateTask, MailAction, Survey
from runner.circumstances import (
    Circumstances,
    Due,
    Mailed,
    caps_since,
    due_enrollments,
    local_day,
    look_at,
    people_of,
)
from runner.decide import Decision, Do, End, Hold, Skip, decide, next_since
from runner.deliver import ledger
from runner.deliver.lease import LASTS
from runner.deliver.office import Office
from runner.passage import passages
from runner.playbook import Playbook
from runner.render.letters import words
from runner.steps import Step
from runner.store.tables import recipients, sends, tasks


@dataclass(frozen=True, slots=True)
class Claim:
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
        judged = judge(office, connection, playbook, step, due, Mailed(), now, lock=True)
        book = ledger.Book(playbook, step, now)
        for one, facts, decision in judged:
            _write(office, connection, book, batch, one, facts, decision)
        book.write(connection, office.store)
        _claim_sends(office, connection, playbook, step, batch.claims, now)
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
    if topic is not None:
        addresses = sorted({person["address"] for person in people.values() if person["address"]})
        if lock:
            _lock(office, connection, addresses)
        mailed.load(connection, addresses, caps_since(office.settings, now))
        mailed.recall(connection, playbook.id, step.id, addresses, now)
    asking = [branch.when for branch in step.branches if branch.when is not None]
    known = look_at(connection, playbook, people, topic=topic, now=now, zones=office.zones, asking=asking)
    passed = passages(connection, playbook, step, due, now)
    judged = []
    for one in due:
        facts = replace(known[one.contact_id], passage=passed[one.id])
        decision = decide(one, playbook, step, facts, mailed, now, office.settings)
        if isinstance(decision, Do) and topic is not None and facts.address:
            day = local_day(now, facts.zone)
            mailed.note(facts.address, day, playbook.id, step.id, one.occasion, one.contact_id)
            if _counts(step):
                mailed.add(facts.address, day, survey=step.action.name == "survey")
        judged.append((one, facts, decision))
    return judged


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
    connection: sa.Connection,
    book: ledger.Book,
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
        case Do(reason=reason) if isinstance(book.step.action, CreateTask):
            batch.done += 1
            _create_task(office, connection, book, one, facts, book.step.action, reason)
        case Do(reason=reason, branch=branch):
            batch.done += 1
            since = next_since(one, book.step, facts, book.now, office.settings)
            book.advance(one, "done", reason, since=since, branch=branch)


def _create_task(
    office: Office,
    connection: sa.Connection,
    book: ledger.Book,
    one: Due,
    facts: Circumstances,
    task: CreateTask,
    reason: str,
) -> None:
    context = office.context(one, book.playbook, facts, book.now)
    try:
        subject = office.line(task.subject, context)
        body = office.line(task.body, context) if task.body else None
    except Exception as error:  # a template may raise anything; it concerns this one person
        return book.advance(one, "failed", f"template: {words(error)}")
    connection.execute(
        office.store.insert(tasks)
        .values(
            enrollment_id=one.id,
            step=book.step.id,
            contact_id=one.contact_id,
            subject=subject,
            body=body,
            owner=facts.contact["owner"] or book.playbook.keys.owner,
            priority=task.priority,
            due_at=task.due.after(book.now, office.settings.timezone, office.settings.calendar),
            created_at=book.now,
        )
        .on_conflict_do_nothing()
    )
    return book.advance(one, "done", reason)


def _claim_sends(
    office: Office, connection: sa.Connection, playbook: Playbook, step: Step, claims: Sequence[Claim], now: datetime
) -> None:
    if not claims:
        return
    assert isinstance(step.action, MailAction)
    until = office.machine_now() + LASTS
    connection.execute(sends.insert(), [_row(office, playbook, step, claim, now, until) for claim in claims])


def _row(
    office: Office, playbook: Playbook, step: Step, claim: Claim, now: datetime, until: datetime
) -> dict[str, Any]:
    mail = step.action
    assert isinstance(mail, MailAction)
    return {
        "id": claim.send_id,
        "enrollment_id": claim.due.id,
        "playbook": playbook.id,
        "step": step.id,
        "part": 0,
        "attempt": claim.due.attempt,
        "action": mail.name,
        "about": mail.about,
        "contact_id": claim.due.contact_id,
        "address": claim.facts.address,
        "mailer": office.mailer_name,
        "topic": mail.topic,
        "purpose": mail.purpose,
        "state": "claimed",
        "lease_owner": office.lease.owner,
        "lease_until": until,
        "claimed_at": now,
        "closes_at": mail.close_after.after(now, claim.facts.zone) if isinstance(mail, Survey) else None,
        "local_day": local_day(now, claim.facts.zone),
    }
