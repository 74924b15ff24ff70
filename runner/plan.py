"""What a tick would do at a moment, and to whom not and why: the same decisions as a run, written nowhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa

from runner.circumstances import Circumstances, Due, Mailed, due_enrollments, due_steps, source_ids
from runner.decide import Decision, Do, End, Hold, Skip
from runner.deliver import Office
from runner.deliver.claim import judge
from runner.enroll import candidates
from runner.log import LoggedContact, LogRow
from runner.playbook import Playbook, Step
from runner.store.tables import contact_sources, contacts
from runner.triggers import Window

#: People looked at in one go.
CHUNK = 1000


def plan(
    office: Office, connection: sa.Connection, windows: Sequence[tuple[Playbook, Window]], now: datetime
) -> Iterator[LogRow]:
    """Every decision of a tick at `now`, playbook by playbook, step by step as far as each person would get."""
    pending: list[tuple[Playbook, Step, list[Due]]] = []
    for playbook, window in windows:
        welcome: list[Due] = []
        for row in connection.execute(candidates(playbook, window, office.settings)):
            if row.refusal is None and row.arm == "treated":
                welcome.append(_imagined(row, playbook, now))
            else:
                yield _refused(connection, playbook, row, now)
        pending.append((playbook, playbook.steps[0], welcome))
    for id, version, step_id in due_steps(connection, now):
        playbook_inside = office.versions.of(id, version)
        step = playbook_inside.step(step_id) if playbook_inside else None
        if playbook_inside is not None and step is not None and any(p.id == id for p, _ in windows):
            pending.append(
                (playbook_inside, step, due_enrollments(connection, playbook_inside, step_id, now, lock=False))
            )
    yield from _walk(office, connection, sorted(pending, key=lambda part: part[0].rank), now)


def _walk(
    office: Office, connection: sa.Connection, pending: list[tuple[Playbook, Step, list[Due]]], now: datetime
) -> Iterator[LogRow]:
    """Round after round, as deliver does, until everybody waits or is through."""
    mailed = Mailed()
    while pending:
        following: list[tuple[Playbook, Step, list[Due]]] = []
        for playbook, step, due in pending:
            onward: list[Due] = []
            after = playbook.after(step.id)
            for start in range(0, len(due), CHUNK):
                part = due[start : start + CHUNK]
                sources = source_ids(connection, [one.contact_id for one in part])
                for one, facts, decision in judge(office, connection, playbook, step, part, mailed, now):
                    yield _row(playbook, step, one, facts, sources.get(one.contact_id, ""), decision, now)
                    if after is not None and isinstance(decision, Do | Skip):
                        onward.append(replace(one, step=after.id, step_since=now, attempt=0))
            if after is not None and onward:
                following.append((playbook, after, onward))
        pending = following


def _imagined(row: sa.Row[object], playbook: Playbook, now: datetime) -> Due:
    return Due(
        id=None,
        contact_id=row.contact_id,
        occasion=row.occasion,
        anchor=row.anchor,
        facts=row.facts,
        arm=row.arm,
        step=playbook.steps[0].id,
        attempt=0,
        step_since=now,
        entered_at=now,
    )


def _row(
    playbook: Playbook, step: Step, due: Due, facts: Circumstances, source_id: str, decision: Decision, now: datetime
) -> LogRow:
    status = {Do: "do", Hold: "hold", Skip: "skip", End: "end"}[type(decision)]
    return LogRow(
        at=now,
        playbook=playbook.id,
        version=playbook.version,
        occasion=due.occasion,
        contact=LoggedContact(due.contact_id, source_id, facts.contact["email"]),
        step=step.id,
        action=step.action.name,
        arm=due.arm,
        status=status,
        reason=decision.reason,
        until=decision.until if isinstance(decision, Hold) else None,
        send=None,
    )


def _refused(connection: sa.Connection, playbook: Playbook, row: sa.Row[object], now: datetime) -> LogRow:
    source = sa.select(sa.func.min(contact_sources.c.source_id)).where(contact_sources.c.contact_id == contacts.c.id)
    person = connection.execute(
        sa.select(contacts.c.email, source.scalar_subquery().label("source_id")).where(contacts.c.id == row.contact_id)
    ).one()
    return LogRow(
        at=now,
        playbook=playbook.id,
        version=playbook.version,
        occasion=row.occasion,
        contact=LoggedContact(row.contact_id, person.source_id or "", person.email),
        step="",
        action="enter",
        arm=row.arm,
        status="skip",
        reason=row.refusal or "in the holdout: not written to, so that the effect can be told",
        until=None,
        send=None,
    )
