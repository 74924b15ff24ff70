"""What happened to somebody since they entered a playbook: orders, events, answers, clicks. One look a batch."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from runner.actions import Wait
from runner.actions.questions import told
from runner.actions.wait import HAPPENED
from runner.circumstances import OUT, Due, Passage
from runner.playbook import Playbook
from runner.steps import Step
from runner.store.activity import activity
from runner.store.functions import numbers_in
from runner.store.tables import answers, contacts, decisions, enrollments, sends


def passages(
    connection: sa.Connection, playbook: Playbook, step: Step, due: Sequence[Due], now: datetime
) -> dict[int, Passage]:
    """What became of each enrollment so far, by its id."""
    if not due:
        return {}
    goals = _goals(connection, playbook, due, now)
    came = _came(connection, step, due, now)
    asked = _asked(connection, due) if playbook.asks else {}
    rivals = _rivals(connection, playbook, due)
    waited = _waited(connection, due) if _tells_of_waits(step) else {}
    if not (goals or came or asked or rivals or waited) and all(
        one.asked_until is None and one.happened is None for one in due
    ):
        return dict.fromkeys((one.id for one in due), Passage())
    return {
        one.id: Passage(
            goal_at=goals.get(one.id),
            happened_at=came.get(one.id),
            happened=waited.get(one.id) if one.happened is None else one.happened,
            rival=rivals.get(one.id),
            **asked.get(one.id, {"asked_until": one.asked_until}),
        )
        for one in due
    }


def _rivals(connection: sa.Connection, playbook: Playbook, due: Sequence[Due]) -> dict[int, int]:
    """Whose occasion another contact has as well who was merged with them: who goes first, by the other's enrollment.

    That is who has been written to, else the survivor, else who entered first.
    """
    people = json.dumps(sorted({one.contact_id for one in due}))
    merged: dict[int, int] = dict(connection.execute(_MERGED, {"people": people}).all())
    if not merged:
        return {}
    merged |= {survivor: survivor for survivor in merged.values()}
    one = enrollments.c
    sent = sa.exists().where(sends.c.enrollment_id == one.id, sends.c.state.in_(OUT))
    rows = connection.execute(
        sa.select(one.id, one.contact_id, one.occasion, sent.label("sent")).where(
            one.playbook == playbook.id, one.contact_id.in_(sorted(merged))
        )
    )
    first: dict[tuple[int, str], tuple[bool, bool, int, int]] = {}
    for id, contact, occasion, was_sent in rows:
        place = (not was_sent, contact not in merged.values(), id, contact)
        at = (merged[contact], occasion)
        first[at] = min(place, first.get(at, place))
    found = {one.id: first.get((one.contact_id, one.occasion)) for one in due}
    return {id: place[3] for id, place in found.items() if place is not None and place[2] != id}


_MERGED = sa.select(contacts.c.id, contacts.c.merged_into).where(
    contacts.c.merged_into.in_(numbers_in(sa.bindparam("people", type_=sa.Text())))
)


def _goals(connection: sa.Connection, playbook: Playbook, due: Sequence[Due], now: datetime) -> dict[int, datetime]:
    """Who has done since entering, and within the goal's time, what the playbook is for; and when."""
    goal = playbook.keys.goal
    if goal is None:
        return {}
    firsts = _firsts(connection, goal.event, due, {one.id: one.entered_at for one in due}, now)
    entered = {one.id: one.entered_at for one in due}
    return {id: at for id, at in firsts.items() if at <= entered[id] + goal.within.span}


def _came(connection: sa.Connection, step: Step, due: Sequence[Due], now: datetime) -> dict[int, datetime]:
    """When what this step waits for came."""
    wait = step.action
    if not isinstance(wait, Wait) or wait.for_ is None:
        return {}
    since = {one.id: one.step_since for one in due}
    match wait.for_.partition(":"):
        case ["event", _, kind]:
            return _firsts(connection, kind, due, since, now)
        case ["click", *_]:
            return _clicks(connection, due, now)
    return {id: told["answer"]["at"] for id, told in _asked(connection, due).items() if told["answer"] is not None}


def _firsts(
    connection: sa.Connection, kind: str, due: Sequence[Due], since: Mapping[int, datetime], now: datetime
) -> dict[int, datetime]:
    """The first of a kind that each did after an instant of their own."""
    done = activity(kind).subquery("done")
    rows = connection.execute(
        sa.select(done.c.contact_id, done.c.at)
        .where(
            done.c.contact_id.in_({one.contact_id for one in due}),
            done.c.at > min(since.values()),
            done.c.at <= now,
        )
        .order_by(done.c.at.desc())
    ).all()
    moments: dict[int, list[datetime]] = {}
    for contact, at in rows:
        moments.setdefault(contact, []).append(at)
    firsts = {}
    for one in due:
        after = [at for at in moments.get(one.contact_id, ()) if at > since[one.id]]
        if after:
            firsts[one.id] = after[-1]
    return firsts


def _clicks(connection: sa.Connection, due: Sequence[Due], now: datetime) -> dict[int, datetime]:
    """A person's click in a mail of this passage; a machine's never counts."""
    rows = connection.execute(
        sa.select(sends.c.enrollment_id, sa.func.min(sends.c.clicked_at))
        .where(_theirs(due), sends.c.clicked == "human", sends.c.clicked_at <= now)
        .group_by(sends.c.enrollment_id)
    )
    return dict(rows.all())


def _asked(connection: sa.Connection, due: Sequence[Due]) -> dict[int, dict[str, Any]]:
    """The latest survey that went out in each passage: until when it may be answered, and the answer."""
    rows = connection.execute(
        sa.select(
            sends.c.enrollment_id,
            sends.c.id,
            sends.c.closes_at,
            answers.c.kind,
            answers.c.score,
            answers.c.reason,
            answers.c.comment,
            answers.c.details,
            answers.c.answered_at,
        )
        .outerjoin_from(sends, answers, answers.c.send_id == sends.c.id)
        .where(_theirs(due), sends.c.action == "survey", sends.c.state.in_(["accepted", "unsure"]))
        .order_by(sends.c.claimed_at, sends.c.attempt)
    )
    return {row.enrollment_id: {"asked": row.id, "asked_until": row.closes_at, "answer": _answer(row)} for row in rows}


def _answer(row: Any) -> dict[str, Any] | None:
    if row.answered_at is None:
        return None
    said = {name: told(value) for name, value in (row.details or {}).items()}
    said |= {"kind": row.kind, "score": row.score, "reason": row.reason}
    return said | {"comment": row.comment, "at": row.answered_at}


def _tells_of_waits(step: Step) -> bool:
    return any("enrollment.happened" in branch.when.used for branch in step.branches if branch.when)


def _waited(connection: sa.Connection, due: Sequence[Due]) -> dict[int, bool]:
    """Whether what each waited for last has come."""
    rows = connection.execute(
        sa.select(decisions.c.enrollment_id, decisions.c.branch)
        .where(
            decisions.c.enrollment_id.in_([one.id for one in due]),
            decisions.c.action == "wait",
            decisions.c.branch.is_not(None),
        )
        .order_by(decisions.c.at, decisions.c.id)
    )
    return {id: branch == HAPPENED for id, branch in rows}


def _theirs(due: Sequence[Due]) -> sa.ColumnElement[bool]:
    return sends.c.enrollment_id.in_([one.id for one in due])
