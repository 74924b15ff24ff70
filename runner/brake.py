"""The brake: more people at once than a playbook may take in wait until somebody approves them, or turns them away."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from runner.circumstances import living
from runner.decide import NOT_IN_THE_AUDIENCE
from runner.playbook import Playbook
from runner.settings import Brake
from runner.store import Store, changed
from runner.store.tables import companies, contacts, decisions, enrollments, playbooks
from runner.store.types import Instant
from runner.triggers import Window

#: What the log says of those whom the brake holds, and of those whom a person turned away.
BRAKED = "the brake: more people at once than it allows; waits for approval"
TURNED_AWAY = "turned away by hand, where the brake held them"


@dataclass(frozen=True, slots=True)
class Released:
    """What became of those whom the brake held."""

    let_in: int
    #: Whom the playbook as it is now does not let in any more: out of the audience, or too late.
    kept_out: int


def too_many(store: Store, playbook: Playbook, brake: Brake | None, people: int) -> bool:
    """Whether these are more than the brake allows, or the rest of those whom it was holding when a tick was killed."""
    if brake is None:
        return False
    p = playbooks.c
    killed = sa.and_(p.id == playbook.id, p.braked_at.is_not(None))
    unfinished = sa.or_(p.braked_at > p.last_tick_at, p.looked_by.is_(None))
    with store.read() as connection:
        if connection.scalar(sa.select(p.id).where(killed, unfinished)) is not None:
            return True
        # Counting people takes long where there are many.
        return people > min(brake.people, brake.at_least - 1) and people > allowed_by(connection, brake)


def allowed_by(connection: sa.Connection, brake: Brake) -> int:
    """How many people a playbook's tick may take in."""
    people = connection.scalar(sa.select(sa.func.count()).select_from(contacts).where(contacts.c.deleted_at.is_(None)))
    return min(brake.people, max(brake.at_least - 1, int(brake.share * (people or 0))))


def hold(store: Store, connection: sa.Connection, playbook: Playbook, window: Window) -> int:
    """Holds those whom this transaction let in."""
    e = enrollments.c
    let_in = (e.playbook == playbook.id, e.state == "active", e.entered_at == window.now)
    _tell(store, connection, let_in, window.now, "held", BRAKED)
    waiting = {"state": "braked", "reason": "waits for approval"}
    held = changed(connection, enrollments.update().where(*let_in).values(**waiting))
    connection.execute(playbooks.update().where(playbooks.c.id == playbook.id).values(braked_at=window.now))
    return held


def note_brake(connection: sa.Connection, playbook: Playbook, window: Window) -> None:
    """Writes down how many wait and who, for whoever approves it."""
    waiting, digest = braked_plan(connection, playbook.id)
    if waiting:
        noted = {"braked_at": window.now, "braked_people": waiting, "braked_hash": digest}
        connection.execute(playbooks.update().where(playbooks.c.id == playbook.id).values(**noted))


def braked_plan(connection: sa.Connection, playbook: str) -> tuple[int, str]:
    """How many people the brake holds, and the hash of exactly these: what an approval is bound to."""
    rows = connection.execute(
        sa.select(enrollments.c.contact_id, enrollments.c.occasion, enrollments.c.version)
        .where(*_held(playbook))
        .order_by(enrollments.c.contact_id, enrollments.c.occasion)
    )
    digest, people = hashlib.sha256(), 0
    for row in rows:
        digest.update(repr(tuple(row)).encode())
        people += 1
    return people, digest.hexdigest()[:12]


def braked(connection: sa.Connection, playbook: str) -> Sequence[sa.Row[Any]]:
    """The passages that the brake holds."""
    return connection.execute(sa.select(enrollments).where(*_held(playbook)).order_by(enrollments.c.id)).all()


def release(store: Store, connection: sa.Connection, playbook: Playbook, window: Window) -> Released:
    """Lets them in by the playbook as it is now; who does not fit any more ends with the reason."""
    kept_out = sum(
        _end(store, connection, playbook.id, window.now, words, condition)
        for condition, words in _fits_no_more(playbook, window)
    )
    begin = {"state": "active", "reason": None, "version": playbook.version, "step": playbook.steps[0].id}
    again = enrollments.update().where(*_held(playbook.id))
    let_in = changed(connection, again.values(**begin, due_at=window.now, step_since=window.now))
    told = (decisions.c.playbook == playbook.id, decisions.c.step == "", decisions.c.reason == BRAKED)
    connection.execute(decisions.delete().where(*told))
    _let_go(connection, playbook.id)
    return Released(let_in, kept_out)


def turn_away(store: Store, connection: sa.Connection, playbook: str, now: datetime) -> int:
    """Ends the passages that the brake holds; their occasions are used up."""
    people = _end(store, connection, playbook, now, TURNED_AWAY)
    _let_go(connection, playbook)
    return people


def _held(playbook: str) -> tuple[Any, ...]:
    return enrollments.c.playbook == playbook, enrollments.c.state == "braked"


def _fits_no_more(playbook: Playbook, window: Window) -> list[tuple[Any, Any]]:
    """Conditions on those whom the brake holds, each with why they do not enter."""
    reasons: list[tuple[Any, Any]] = []
    if (lateness := playbook.trigger.lateness(window)) is not None:
        latest = window.now - lateness.allowed.span
        reasons.append((enrollments.c.occurred_at <= latest, f"too late: {lateness.key} is {lateness.allowed}"))
    if playbook.audience is not None:
        people = contacts.outerjoin(companies, companies.c.id == contacts.c.company_id)
        who = living(enrollments.c.contact_id)
        inside = sa.select(contacts.c.id).select_from(people).where(playbook.audience.sql(window.today))
        failing = sa.literal(NOT_IN_THE_AUDIENCE) + playbook.audience.failing(window.today)
        words = sa.select(failing).select_from(people).where(contacts.c.id == who)
        reasons.append((who.not_in(inside), words.correlate(enrollments).scalar_subquery()))
    return reasons


def _end(store: Store, connection: sa.Connection, playbook: str, now: datetime, reason: Any, *where: Any) -> int:
    mine = (*_held(playbook), *where)
    _tell(store, connection, mine, now, "skipped", reason)
    over = {"state": "ended", "ended_at": now, "reason": reason}
    return changed(connection, enrollments.update().where(*mine).values(**over))


def _tell(
    store: Store, connection: sa.Connection, whom: Sequence[Any], now: datetime, status: str, reason: Any
) -> None:
    """One row of the log for each of these passages: what became of it at the door."""
    e = enrollments.c
    told = {
        "at": sa.literal(now, Instant()),
        **{name: e[name] for name in ("playbook", "version", "contact_id", "occasion", "arm")},
        **{name: sa.literal(text) for name, text in (("step", ""), ("action", "enter"), ("status", status))},
        "reason": sa.literal(reason) if isinstance(reason, str) else reason,
    }
    insert = store.insert(decisions).from_select(list(told), sa.select(*told.values()).where(*whom))
    kept = {name: insert.excluded[name] for name in ("at", "version", "status", "reason")}
    there = ["playbook", "contact_id", "occasion", "step"]
    connection.execute(insert.on_conflict_do_update(index_elements=there, set_=kept))


def _let_go(connection: sa.Connection, playbook: str) -> None:
    free = {"braked_at": None, "braked_people": None, "braked_hash": None}
    connection.execute(playbooks.update().where(playbooks.c.id == playbook).values(**free))
