"""Enrollments whose next step may be looked at, and whether their playbook is paused."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from operator import itemgetter
from typing import Any, NamedTuple

import sqlalchemy as sa

from runner.circumstances.people import living
from runner.playbook import Playbook
from runner.store.tables import enrollments, meta, playbook_versions, playbooks
from runner.store.types import Instant


class Due(NamedTuple):
    """An enrollment whose next step may be looked at: one that is stored, or one that `plan` imagines."""

    #: Of one that is not stored a number beyond all that are.
    id: int
    #: Who it is about today: of somebody merged the survivor.
    contact_id: int
    occasion: str
    anchor: date | None
    facts: Mapping[str, Any]
    arm: str
    step: str
    attempt: int
    #: Since when this step has been next.
    step_since: datetime
    entered_at: datetime
    #: When it was to be looked at: whose time came first goes first.
    due_at: datetime
    #: Since when this step's letter may be with a provider that knows it by its key.
    doubted_at: datetime | None = None
    #: Until when a survey may be answered that `plan` imagines to have gone out.
    asked_until: datetime | None = None
    #: Whether what the last `wait` was for has come, where `plan` imagines that wait to be over.
    happened: bool | None = None
    #: Who entered, where that is somebody who has been merged since.
    entered_as: int | None = None


#: Enrollments, with whom each is about today.
ENROLLED = sa.select(enrollments, living(enrollments.c.contact_id).label("living"))


def as_due(row: Mapping[Any, Any]) -> Due:
    """A row of enrollments, or one that has its columns, as what may be looked at."""
    told = {name: row[name] for name in _FIELDS if name in row}
    if "living" in row:
        told |= {"contact_id": row["living"], "entered_as": row["contact_id"]}
    return Due(**told)


_FIELDS = Due._fields
#: Those that an enrollment has, which are the first.
_STORED = tuple(name for name in _FIELDS if name in enrollments.c)


#: The key in `meta` under which stands since when everything is paused.
ALL_PAUSED = "paused_at"


def paused(playbook: Any) -> sa.ColumnElement[bool]:
    """Whether a playbook is paused, or everything: asked at the door, at the claim and right before a call."""
    itself = sa.exists().where(playbooks.c.id == playbook, playbooks.c.paused_at.is_not(None))
    return sa.or_(itself, sa.exists().where(meta.c.key == ALL_PAUSED).correlate(None))


def due_enrollments(
    connection: sa.Connection, playbook: Playbook, step: str, now: datetime, limit: int | None = None, *, lock: bool
) -> list[Due]:
    """The oldest enrollments whose step is due; locked ones are ours until the transaction ends."""
    asked = {"of": playbook.id, "in": playbook.version, "at": step, "now": now, "most": limit or _MANY}
    rows = connection.execute(_DUE_LOCKED if lock else _DUE, asked)
    names = list(rows.keys())
    # As `as_due` makes them: it is done for everybody who is written to.
    places = {**{name: names.index(name) for name in _STORED}, "contact_id": names.index("living")}
    stored, entered_as = itemgetter(*(places[name] for name in _STORED)), names.index("contact_id")
    return [Due._make((*stored(row), None, None, row[entered_as])) for row in rows.all()]


#: More than there are.
_MANY = 2**62
_DUE = (
    ENROLLED.where(
        enrollments.c.state == "active",
        enrollments.c.playbook == sa.bindparam("of"),
        enrollments.c.version == sa.bindparam("in"),
        enrollments.c.step == sa.bindparam("at"),
        enrollments.c.due_at <= sa.bindparam("now", type_=Instant()),
        sa.not_(paused(sa.bindparam("of"))),
    )
    .order_by(enrollments.c.due_at, enrollments.c.id)
    .limit(sa.bindparam("most", type_=sa.BigInteger()))
)
_DUE_LOCKED = _DUE.with_for_update(skip_locked=True, of=enrollments)


def due_steps(connection: sa.Connection, now: datetime) -> list[tuple[str, str, str]]:
    """Playbook, version and step of everything that is due, paused playbooks left out; in a stable order."""
    return [tuple(row) for row in connection.execute(_STEPS, {"now": now})]


def _steps() -> sa.Select[Any]:
    """Asked of each step with people in it, by jumps in their index, not of all who wait there."""
    one, version = enrollments.c, playbook_versions.c
    # In words, as in the index: SQLite does not look into parameters.
    active = sa.text("enrollments.state = 'active'")

    def next_step(of: Any, *beyond: Any) -> Any:
        mine = (one.playbook == of.playbook, one.version == of.version)
        return sa.select(sa.func.min(one.step)).where(active, *mine, *beyond).scalar_subquery()

    first = sa.select(version.playbook, version.version, next_step(version).label("step"))
    steps = first.cte("steps", recursive=True)
    following = next_step(steps.c, one.step > steps.c.step)
    steps = steps.union_all(sa.select(steps.c.playbook, steps.c.version, following).where(steps.c.step.is_not(None)))
    there = steps.c
    theirs = (one.playbook == there.playbook, one.version == there.version, one.step == there.step)
    due = sa.exists().where(active, *theirs, one.due_at <= sa.bindparam("now", type_=Instant()))
    chosen = sa.select(*there).where(there.step.is_not(None), due, sa.not_(paused(there.playbook)))
    return chosen.order_by(there.playbook, there.version, there.step)


_STEPS = _steps()
