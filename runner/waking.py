"""Who waits for something that has come goes on: looked at where there is news, not among all who wait."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

import sqlalchemy as sa

from runner.circumstances import ENROLLED, Due, as_due, living, once_known_as
from runner.store import Store, changed
from runner.store.activity import activity
from runner.store.distinct import distinct_values
from runner.store.marks import Marks, read_by
from runner.store.tables import ANSWERED_SENDS, CLICKED_SENDS, LISTENS, enrollments, sends
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
        asked = {kind: _concerned(connection, kind, now, fresh) for kind in connection.scalars(_WAITED_FOR).all()}
        came = [
            (kind, among)
            for kind, among in asked.items()
            if among != [] and connection.execute(_to_wake(kind, among is None).anybody, _values(now, among)).first()
        ]
    if not came:
        return 0
    with store.write() as connection:
        return sum(
            changed(connection, _to_wake(kind, among is None).made_due, _values(now, among)) for kind, among in came
        )


def woken(connection: sa.Connection, now: datetime) -> list[tuple[str, str, Due]]:
    """Whom `wake` would make due: playbook, version and enrollment."""
    rows = [
        row
        for kind in connection.scalars(_WAITED_FOR).all()
        for row in connection.execute(ENROLLED.where(*_waits_for_what_came(kind)), {"now": now}).mappings()
    ]
    return [(row["playbook"], row["version"], as_due(row)._replace(due_at=now)) for row in rows]


def _concerned(connection: sa.Connection, kind: str, now: datetime, fresh: Fresh | None) -> list[int] | None:
    """Of whom there is news that may be what is waited for; None: of anybody."""
    if fresh is None:
        return None
    lately = connection.scalars(_lately(kind), {"since": fresh.since, "now": now})
    return sorted(fresh.marks.concerning(_read_for(kind)).union(lately))


def _values(now: datetime, among: list[int] | None) -> dict[str, Any]:
    return {"now": now} if among is None else {"now": now, "people": json.dumps(among)}


_NOW, _SINCE = (sa.bindparam(name, type_=Instant()) for name in ("now", "since"))
#: What anybody waits for: `event:order`, `click`, `answer`.
_WAITED_FOR = distinct_values(enrollments.c.waits_for, where=LISTENS)


# Built once: at every tick that would take longer than the answers.
@lru_cache(maxsize=256)
def _lately(kind: str) -> sa.Select[Any]:
    """Who did what is waited for at an instant that has come since the last tick, however long it is known."""
    what, _, event = kind.partition(":")
    if what == "event":
        done = activity(event).subquery("lately")
        return sa.select(done.c.contact_id).where(done.c.at >= _SINCE, done.c.at <= _NOW)
    at, came = _came_back(what)
    return sa.select(living(sends.c.contact_id)).where(came, at >= _SINCE, at <= _NOW)


@lru_cache(maxsize=256)
def _read_for(kind: str) -> frozenset[str]:
    return read_by(_what_came(kind))


class _ToWake(NamedTuple):
    """Whether there is anybody, and what is written of them."""

    anybody: sa.Select[Any]
    made_due: sa.Update


@lru_cache(maxsize=256)
def _to_wake(kind: str, everybody: bool) -> _ToWake:
    who = _waits_for_what_came(kind)
    if not everybody:
        who.append(enrollments.c.contact_id.in_(once_known_as(sa.bindparam("people", type_=sa.Text()))))
    anybody = sa.select(enrollments.c.id).where(*who).limit(1)
    return _ToWake(anybody, enrollments.update().where(*who).values(due_at=_NOW))


def _waits_for_what_came(kind: str) -> list[Any]:
    """Of an enrollment: it waits for this, and this has come."""
    waiting = [enrollments.c.state == "active", LISTENS, enrollments.c.due_at > _NOW]
    return [*waiting, enrollments.c.waits_for == kind, sa.exists(_what_came(kind))]


def _what_came(kind: str) -> sa.Select[Any]:
    what, _, event = kind.partition(":")
    if what == "event":
        done = activity(event).subquery("done")
        return sa.select(done.c.at).where(
            done.c.contact_id == living(enrollments.c.contact_id),
            done.c.at > enrollments.c.step_since,
            done.c.at <= _NOW,
        )
    at, came = _came_back(what)
    return sa.select(at).where(sends.c.enrollment_id == enrollments.c.id, came, at <= _NOW)


def _came_back(what: str) -> tuple[sa.Column[Any], Any]:
    """When a mail was answered or clicked by a person, and that it was."""
    if what == "click":
        return sends.c.clicked_at, sa.and_(CLICKED_SENDS, sends.c.clicked == "human")
    return sends.c.answered_at, ANSWERED_SENDS
