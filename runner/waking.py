"""Who waits for something that has come goes on: looked at where there is news, not among all who wait."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from runner.circumstances import ENROLLED, Due, as_due, living
from runner.store import Store, changed
from runner.store.activity import activity
from runner.store.distinct import distinct_values
from runner.store.functions import numbers_in
from runner.store.marks import Marks, read_by
from runner.store.tables import LISTENS, contacts, enrollments, sends
from runner.store.types import Instant


@dataclass(frozen=True, slots=True)
class Fresh:
    """What is new since the last tick, for those who wait."""

    marks: Marks
    #: Since when what was known before may have come to its time.
    since: datetime


def wake(store: Store, now: datetime, fresh: Fresh | None = None) -> int:
    """Who waits for something that has come is due now; without `fresh` everybody is asked. The number of people."""
    with store.read() as connection:
        waited_for = list(connection.scalars(_WAITED_FOR))
        asked = [(kind, _values(kind, now, fresh)) for kind in waited_for]
        came = [
            (kind, values)
            for kind, values in asked
            if connection.execute(_those_of(kind, anew=fresh is not None), values).first()
        ]
    if not came:
        return 0
    with store.write() as connection:
        return sum(changed(connection, _made_due(kind, anew=fresh is not None), values) for kind, values in came)


def woken(connection: sa.Connection, now: datetime) -> list[tuple[str, str, Due]]:
    """Whom `wake` would make due: playbook, version and enrollment."""
    rows = [
        row
        for kind in connection.scalars(_WAITED_FOR).all()
        for row in connection.execute(ENROLLED.where(*_waits_for_what_came(kind, anew=False)), {"now": now}).mappings()
    ]
    return [(row["playbook"], row["version"], replace(as_due(row), due_at=now)) for row in rows]


def _values(kind: str, now: datetime, fresh: Fresh | None) -> dict[str, Any]:
    if fresh is None:
        return {"now": now}
    people = sorted(fresh.marks.concerning(_read_for(kind)))
    return {"now": now, "since": fresh.since, "people": json.dumps(people)}


@lru_cache(maxsize=256)
def _read_for(kind: str) -> frozenset[str]:
    return read_by(_what_came(kind))


_NOW, _SINCE = sa.bindparam("now", type_=Instant()), sa.bindparam("since", type_=Instant())
_WAITING = (enrollments.c.state == "active", enrollments.c.waits_for.is_not(None), enrollments.c.due_at > _NOW)
#: What anybody waits for: `event:order`, `click`, `answer`.
_WAITED_FOR = distinct_values(enrollments.c.waits_for, LISTENS)


# Built once: at every tick that would take longer than the answers.
@lru_cache(maxsize=256)
def _those_of(kind: str, *, anew: bool) -> sa.Select[Any]:
    return sa.select(enrollments.c.id).where(*_waits_for_what_came(kind, anew=anew)).limit(1)


@lru_cache(maxsize=256)
def _made_due(kind: str, *, anew: bool) -> sa.Update:
    return enrollments.update().where(*_waits_for_what_came(kind, anew=anew)).values(due_at=_NOW)


def _waits_for_what_came(kind: str, *, anew: bool) -> list[Any]:
    """Of an enrollment: it waits for this, and this has come; `anew`: to somebody of whom there is news."""
    came = [*_WAITING, enrollments.c.waits_for == kind, sa.exists(_what_came(kind))]
    what, _, event = kind.partition(":")
    if anew and what == "event":
        done = activity(event).subquery("lately")
        told = sa.union_all(
            numbers_in(sa.bindparam("people", type_=sa.Text())),
            sa.select(done.c.contact_id).where(done.c.at >= _SINCE, done.c.at <= _NOW),
        )
        # They themselves, and who they were before they were merged.
        theirs = (sa.select(contacts.c.id).where(one.in_(told)) for one in (contacts.c.id, contacts.c.merged_into))
        came.append(enrollments.c.contact_id.in_(sa.union_all(*theirs)))
    return came


def _what_came(kind: str) -> sa.Select[Any]:
    what, _, event = kind.partition(":")
    if what == "event":
        done = activity(event).subquery("done")
        return sa.select(done.c.at).where(
            done.c.contact_id == living(enrollments.c.contact_id),
            done.c.at > enrollments.c.step_since,
            done.c.at <= _NOW,
        )
    mine = sa.select(sends.c.id).where(sends.c.enrollment_id == enrollments.c.id)
    if what == "click":
        return mine.where(sends.c.clicked == "human", sends.c.clicked_at <= _NOW)
    return mine.where(sends.c.answered_at <= _NOW)
