"""What a tick would do at a moment, and to whom not and why: the same decisions as a run, written nowhere."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from runner.actions import Survey, Wait
from runner.actions.wait import HAPPENED
from runner.brake import BRAKED, allowed_by, braked
from runner.circumstances import (
    ENROLLED,
    Circumstances,
    Due,
    Mailed,
    as_due,
    due_enrollments,
    due_steps,
    once_known_as,
    people_of,
    source_ids,
)
from runner.decide import HELD_OUT, Decision, Do, End, Hold, Skip, next_since
from runner.deliver import Office
from runner.deliver.claim import judge
from runner.enroll import BEGAN_ANEW, candidates
from runner.log import LoggedContact, LogRow
from runner.playbook import Playbook
from runner.settings import Brake
from runner.steps import Step
from runner.store.tables import AT_THE_DOOR, decisions, enrollments
from runner.triggers import Window
from runner.waking import woken

#: People looked at in one go.
CHUNK = 1000
#: The numbers of enrollments that are not stored begin here.
IMAGINED = 10**15

#: Playbook, version and step that people stand at.
_Place = tuple[str, str, str]


def plan(
    office: Office,
    connection: sa.Connection,
    windows: Sequence[tuple[Playbook, Window]],
    now: datetime,
    *,
    brakes: Mapping[str, Brake | None],
) -> Iterator[LogRow]:
    """Every decision of a tick at `now`, playbook by playbook, step by step as far as each person would get."""
    queue = _Queue(office, connection, {playbook.id for playbook, _ in windows}, now)
    for playbook, window in windows:
        yield from _braked_before(connection, playbook, now)
        fired = candidates(playbook, window, office.settings)
        brake = brakes.get(playbook.id)
        too_many = brake is not None and _treated(connection, fired) > allowed_by(connection, brake)
        by_contact = fired.order_by("contact_id", "occasion").execution_options(yield_per=CHUNK)
        for rows in connection.execute(by_contact).partitions():
            yield from _kept_out(connection, playbook, rows, now, braked=too_many)
            welcome = [row for row in rows if row.refusal is None]
            if playbook.keys.mode == "restart":
                people = {row.contact_id for row in welcome}
                yield from _begun_anew(connection, playbook, people, now)
                queue.leave(playbook.id, people)
            if not too_many:
                queue.enter(playbook, welcome, now)
    yield from _walk(office, connection, queue, now)


def _braked_before(connection: sa.Connection, playbook: Playbook, now: datetime) -> Iterator[LogRow]:
    """Whom the brake holds since an earlier tick: they wait for approval."""
    held = braked(connection, playbook.id)
    for start in range(0, len(held), CHUNK):
        part = held[start : start + CHUNK]
        ids = [row.contact_id for row in part]
        sources, people = source_ids(connection, ids), people_of(connection, ids)
        for row in part:
            who = LoggedContact(row.contact_id, sources.get(row.contact_id, ""), people[row.contact_id]["email"])
            yield _at_the_door(playbook, row, who, "hold", BRAKED, now)


def _begun_anew(connection: sa.Connection, playbook: Playbook, people: set[int], now: datetime) -> Iterator[LogRow]:
    """The passages that end because their people begin another one."""
    inside = (enrollments.c.playbook == playbook.id, enrollments.c.state.in_(["active", "braked"]))
    mine = enrollments.c.contact_id.in_(once_known_as(sa.literal(json.dumps(sorted(people)), sa.Text())))
    # An occasion has one row at the door, and of who is held out it says that.
    told = sa.exists().where(
        decisions.c.playbook == playbook.id,
        decisions.c.contact_id == enrollments.c.contact_id,
        decisions.c.occasion == enrollments.c.occasion,
        AT_THE_DOOR,
    )
    ended = [as_due(row) for row in connection.execute(ENROLLED.where(*inside, mine, ~told)).mappings()]
    sources, known = source_ids(connection, list(people)), people_of(connection, list(people))
    for one in ended:
        who = LoggedContact(one.contact_id, sources.get(one.contact_id, ""), known[one.contact_id]["email"])
        yield _at_the_door(playbook, one, who, "end", BEGAN_ANEW, now)


def _treated(connection: sa.Connection, fired: sa.Select[Any]) -> int:
    """How many would begin and be written to, which the brake has to know before the first of them."""
    one = fired.subquery("fired")
    welcome = one.c.refusal.is_(None), one.c.arm == "treated"
    return connection.scalar(sa.select(sa.func.count()).select_from(one).where(*welcome)) or 0


class _Queue:
    """Who stands where, in the order in which deliver would take them."""

    def __init__(self, office: Office, connection: sa.Connection, running: set[str], now: datetime) -> None:
        self._places: dict[_Place, tuple[Playbook, Step, list[Due]]] = {}
        self._unsorted: set[_Place] = set()
        for id, version, step_id in due_steps(connection, now):
            playbook = office.versions.of(id, version)
            step = playbook.step(step_id) if playbook and id in running else None
            if playbook is not None and step is not None:
                self.add(playbook, step, due_enrollments(connection, playbook, step_id, now, lock=False))
        for id, version, one in woken(connection, now):
            playbook = office.versions.of(id, version)
            step = playbook.step(one.step) if playbook and id in running else None
            if playbook is not None and step is not None:
                self.add(playbook, step, [one])

    def enter(self, playbook: Playbook, rows: Sequence[sa.Row[Any]], now: datetime) -> None:
        """Those who would begin now."""
        inside = rows if playbook.serves else [row for row in rows if row.arm == "treated"]
        self.add(playbook, playbook.steps[0], [_imagined(row, playbook, now) for row in inside])

    def leave(self, id: str, people: set[int]) -> None:
        """Takes people out of a playbook, wherever they stand in it."""
        for (playbook, *_), (*_, standing) in self._places.items():
            if playbook == id:
                standing[:] = [one for one in standing if one.contact_id not in people]

    def add(self, playbook: Playbook, step: Step, due: Sequence[Due]) -> None:
        place = (playbook.id, playbook.version, step.id)
        self._places.setdefault(place, (playbook, step, []))[2].extend(due)
        self._unsorted.add(place)

    def rounds(self) -> Iterator[tuple[Playbook, Step]]:
        """The places where somebody stands, by priority; again while there are any."""
        while standing := [place for place in sorted(self._places) if self._places[place][2]]:
            yield from sorted((self._places[place][:2] for place in standing), key=lambda at: at[0].rank)

    def take(self, playbook: Playbook, step: Step) -> list[Due]:
        """Those whose time came first leave the queue."""
        place = (playbook.id, playbook.version, step.id)
        due = self._places[place][2]
        if place in self._unsorted:
            due.sort(key=lambda one: (one.due_at, one.id))
            self._unsorted.remove(place)
        taken = due[:CHUNK]
        del due[:CHUNK]
        return taken


def _walk(office: Office, connection: sa.Connection, queue: _Queue, now: datetime) -> Iterator[LogRow]:
    """Round after round, as deliver does, until everybody waits or is through."""
    mailed = Mailed()
    for playbook, step in queue.rounds():
        while part := queue.take(playbook, step):
            sources = source_ids(connection, [one.contact_id for one in part])
            for one, facts, decision in judge(office, connection, playbook, step, part, mailed, now):
                yield _row(playbook, step, one, facts, sources.get(one.contact_id, ""), decision, now)
                after = playbook.step(_onward(step, decision) or "")
                if after is not None:
                    queue.add(playbook, after, [_moved(office, one, step, after, facts, decision, now)])


def _onward(step: Step, decision: Decision) -> str | None:
    match decision:
        case Do(branch=branch):
            return step.onward(branch)
        case Skip():
            return step.next
    return None


def _moved(
    office: Office, one: Due, step: Step, to: Step, facts: Circumstances, decision: Decision, now: datetime
) -> Due:
    """The enrollment as it would stand at the following step."""
    since = next_since(one, step, facts, now, office.settings) if isinstance(decision, Do) else now
    asked_until = one.asked_until
    if isinstance(decision, Do) and isinstance(step.action, Survey):
        asked_until = step.action.close_after.after(now, facts.zone)
    happened = one.happened
    if isinstance(decision, Do) and isinstance(step.action, Wait) and step.action.for_ is not None:
        happened = decision.branch == HAPPENED
    moved = one._replace(step=to.id, step_since=since, attempt=0, due_at=now)
    return moved._replace(asked_until=asked_until, happened=happened)


def _imagined(row: sa.Row[Any], playbook: Playbook, now: datetime) -> Due:
    return Due(
        id=IMAGINED + row.contact_id,
        contact_id=row.contact_id,
        occasion=row.occasion,
        anchor=row.anchor,
        facts=row.facts,
        arm=row.arm,
        step=playbook.steps[0].id,
        attempt=0,
        step_since=now,
        entered_at=now,
        due_at=now,
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
        branch=decision.branch if isinstance(decision, Do) else None,
    )


def _kept_out(
    connection: sa.Connection, playbook: Playbook, rows: Sequence[sa.Row[Any]], now: datetime, *, braked: bool
) -> Iterator[LogRow]:
    """Who fired and does not begin now, and why."""
    out = [row for row in rows if braked or row.refusal is not None or row.arm == "holdout"]
    for start in range(0, len(out), CHUNK):
        part = out[start : start + CHUNK]
        ids = [row.contact_id for row in part]
        sources, people = source_ids(connection, ids), people_of(connection, ids)
        for row in part:
            held = row.refusal is None and row.arm == "treated"
            who = LoggedContact(row.contact_id, sources.get(row.contact_id, ""), people[row.contact_id]["email"])
            words = row.refusal or (BRAKED if held else HELD_OUT)
            yield _at_the_door(playbook, row, who, "hold" if held else "skip", words, now)


def _at_the_door(
    playbook: Playbook, row: sa.Row[Any] | Due, who: LoggedContact, status: str, reason: str, now: datetime
) -> LogRow:
    return LogRow(
        at=now,
        playbook=playbook.id,
        version=playbook.version,
        occasion=row.occasion,
        contact=who,
        step="",
        action="enter",
        arm=row.arm,
        status=status,
        reason=reason,
        until=None,
        send=None,
    )
