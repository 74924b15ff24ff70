"""How a workspace stands at a glance: whether it ticks, what waits for a person, and what comes next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from runner import breakers
from runner.actions import Wait
from runner.app.app import App
from runner.app.clockwork import SIMULATED, last_moment
from runner.app.decisions import paused_since
from runner.app.stuck import stuck
from runner.app.tick import SYNC_FAILED
from runner.deliver import Versions
from runner.playbook import Playbook, Reading
from runner.steps import Step
from runner.store.distinct import distinct_values
from runner.store.tables import (
    OPEN_SENDS,
    OPEN_WRITES,
    contacts,
    cursors,
    enrollments,
    inbox,
    playbook_versions,
    playbooks,
    schedules,
    sends,
    tasks,
    writes,
)


@dataclass(frozen=True, slots=True)
class Pulse:
    """Whether it ticks, by which clock, and what the connectors told last."""

    last_tick_at: datetime | None
    next_tick_at: datetime | None
    #: No tick came for much longer than the schedule has it.
    is_late: bool
    is_simulated: bool
    #: Whether real people get mail.
    is_live: bool
    mailers: tuple[str, ...]
    paused_since: datetime | None
    #: By connector; None of one that was never read.
    synced: Mapping[str, datetime | None]


def pulse(app: App) -> Pulse:
    last = app.remembered("last_tick_at")
    at = datetime.fromisoformat(last) if last else None
    simulated = app.remembered("clock") == SIMULATED
    patience = max(timedelta(hours=1), 3 * app.settings.schedule.tick.span)
    with app.store.read() as connection:
        told = dict(connection.execute(sa.select(cursors.c.connector, cursors.c.synced_at)).all())
        following = connection.scalar(sa.select(schedules.c.next_run_at).where(schedules.c.name == "tick"))
    return Pulse(
        last_tick_at=at,
        next_tick_at=following,
        is_late=at is not None and not simulated and app.now() - at > patience,
        is_simulated=simulated,
        is_live=app.mails_for_real,
        mailers=tuple(app.settings.mailers),
        paused_since=paused_since(app),
        synced={name: told.get(name) for name in app.settings.connectors},
    )


class Matter(StrEnum):
    """What kind of thing waits for somebody."""

    #: The brake holds people at a playbook's door.
    BRAKE = "brake"
    #: Nobody knows whether something went out.
    UNSURE = "unsure"
    #: A breaker stopped a playbook, or a mailer.
    PLAYBOOK_STOPPED = "playbook stopped"
    MAILER_STOPPED = "mailer stopped"
    #: A playbook's file has faults.
    FAULT = "fault"
    #: People wait inside a playbook that does not run.
    STUCK = "stuck"
    #: A connector could not be read.
    SYNC = "sync"
    #: A webhook's body could not be read.
    WEBHOOK = "webhook"
    #: Playbooks gave people something to do.
    TASK = "task"


@dataclass(frozen=True, slots=True)
class Waiting:
    """One thing that a person should look at."""

    matter: Matter
    #: The playbook, mailer or connector it is about; empty where it is about all.
    name: str
    words: str


def waiting(app: App, readings: Sequence[Reading]) -> list[Waiting]:
    """Everything that waits for a person, what keeps mail back first."""
    with app.store.read() as connection:
        found = [*_braked(connection), *_unsure(connection), *_stopped(connection)]
        found += [Waiting(Matter.FAULT, one.id, str(one.faults[0])) for one in readings if one.enabled and one.faults]
        found += _tasks(connection, last_moment(app))
    found += _stuck(app, readings)
    found += _unread(app)
    return sorted(found, key=lambda one: list(Matter).index(one.matter))


def _braked(connection: sa.Connection) -> Iterator[Waiting]:
    p = playbooks.c
    for row in connection.execute(sa.select(p.id, p.braked_people).where(p.braked_at.is_not(None)).order_by(p.id)):
        yield Waiting(Matter.BRAKE, row.id, f"{row.braked_people or 0:,} people at once, more than its brake allows")


def _unsure(connection: sa.Connection) -> Iterator[Waiting]:
    count = sum(
        connection.scalar(
            sa.select(sa.func.count())
            .select_from(table)
            .where(is_open, table.c.state == "unsure", table.c.settled_at.is_(None))
        )
        or 0
        for table, is_open in ((sends, OPEN_SENDS), (writes, OPEN_WRITES))
    )
    if count:
        yield Waiting(Matter.UNSURE, "", f"{count:,} of which nobody knows whether they went out")


def _stopped(connection: sa.Connection) -> Iterator[Waiting]:
    for one in breakers.stopped(connection):
        matter = Matter.PLAYBOOK_STOPPED if one.kind == "playbook" else Matter.MAILER_STOPPED
        yield Waiting(matter, one.name, one.why)


def _stuck(app: App, readings: Sequence[Reading]) -> Iterator[Waiting]:
    running = [one.playbook for one in readings if one.playbook and one.playbook.keys.enabled]
    for one in stuck(app.store, readings, Versions(app.store, running, app.fields())):
        if one.needs_person:
            yield Waiting(Matter.STUCK, one.playbook, f"{one.people:,} people wait inside; {one.why}")


def _unread(app: App) -> Iterator[Waiting]:
    """What came from outside and could not be read."""
    for name in app.settings.connectors:
        if (failed := app.remembered(f"{SYNC_FAILED}{name}")) is not None:
            at = datetime.fromisoformat(failed["at"])
            yield Waiting(Matter.SYNC, name, f"the sync at {at:%Y-%m-%d %H:%M} UTC failed: {failed['words']}")
    with app.store.inbox.begin() as connection:
        faulty = sa.select(inbox.c.connector, sa.func.count().label("many")).where(inbox.c.fault.is_not(None))
        for row in connection.execute(faulty.group_by(inbox.c.connector)):
            yield Waiting(Matter.WEBHOOK, row.connector, f"{row.many:,} bodies could not be read")


def _tasks(connection: sa.Connection, now: datetime) -> Iterator[Waiting]:
    t = tasks.c
    late = sa.func.sum(sa.case((t.due_at < now, 1), else_=0))
    counted = sa.select(sa.func.count().label("open"), late.label("late")).where(t.done_at.is_(None))
    row = connection.execute(counted).one()
    if row.open:
        yield Waiting(Matter.TASK, "", f"{row.open:,} open, {row.late or 0:,} past their time")


# --- what comes next


@dataclass(frozen=True, slots=True)
class Coming:
    """The next step of somebody inside a playbook."""

    due_at: datetime
    playbook: str
    step: str
    #: What is done then, in words; empty where its version is not the one that is there now.
    does: str
    contact_id: int
    email: str | None


def coming(app: App, readings: Sequence[Reading], *, most: int, playbook: str | None = None) -> list[Coming]:
    """The steps that are due next, soonest first: by the index, without a look at everybody inside."""
    does = {(one.id, step): words for one in readings if one.playbook for step, words in _onward(one.playbook)}
    with app.store.read() as connection:
        places = list(_places(connection, does, playbook))
        soonest = [row for place in places for row in connection.execute(_due(most), place)]
        first = sorted(soonest, key=lambda row: (row.due_at, row.id))[:most]
        emails = _emails(connection, [row.contact_id for row in first])
    return [
        Coming(
            due_at=row.due_at,
            playbook=row.playbook,
            step=row.step,
            does=does.get((row.playbook, row.step), ""),
            contact_id=row.contact_id,
            email=emails[row.contact_id],
        )
        for row in first
    ]


def _onward(playbook: Playbook) -> Iterator[tuple[str, str]]:
    """What happens when each step is due: of a wait that is what follows it."""
    steps = {step.id: step for step in playbook.steps}
    for step in (*playbook.steps, replace(playbook.steps[0], id="")):
        following: Step | None = step
        while following is not None and isinstance(following.action, Wait):
            following = steps.get(following.next or "")
        yield step.id, following.action.says() if following else "the end"


def _places(connection: sa.Connection, does: Mapping[Any, str], playbook: str | None) -> Iterator[Mapping[str, str]]:
    """Every playbook, version and step at which somebody may stand."""
    v = playbook_versions.c
    known: dict[str, list[str]] = {}
    for row in connection.execute(sa.select(v.playbook, v.version).order_by(v.at.desc())):
        known.setdefault(row.playbook, []).append(row.version)
    inside = connection.scalars(distinct_values(enrollments.c.playbook, _ACTIVE)).all()
    for of in inside if playbook is None else [playbook]:
        steps = {step for id, step in does if id == of} | {""}
        for version in known.get(of, [])[:_VERSIONS]:
            yield from ({"of": of, "in": version, "at": step} for step in steps)


#: Versions of a playbook in which somebody may still be, the newest of them.
_VERSIONS = 5
_ACTIVE = sa.text("enrollments.state = 'active'")


def _due(most: int) -> sa.Select[Any]:
    e = enrollments.c
    return (
        sa.select(e.id, e.due_at, e.playbook, e.step, e.contact_id)
        .where(e.playbook == sa.bindparam("of"), e.version == sa.bindparam("in"), e.step == sa.bindparam("at"), _ACTIVE)
        .order_by(e.due_at)
        .limit(most)
    )


def _emails(connection: sa.Connection, ids: Sequence[int]) -> Mapping[int, str | None]:
    return dict(connection.execute(sa.select(contacts.c.id, contacts.c.email).where(contacts.c.id.in_(ids))).all())
