"""The log a page at a time, newest first, narrowed by whatever a marketer asks for.

A page starts where the one before ended, so that the thousandth costs what the first does. What is rare is looked for
only on the days on which the counts say that it happened.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import sqlalchemy as sa

from runner.app.finding import people_called
from runner.log import LogRow, as_rows, selves
from runner.store.tables import NOT_DONE, decisions, log_days, stale_days

#: Rows of a page.
PAGE = 50


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows of the log; what is left empty narrows nothing."""

    playbook: str = ""
    contact: int | None = None
    status: str = ""
    #: Of what was not done.
    reason: str = ""
    since: datetime | None = None
    until: datetime | None = None
    #: Somebody's address, name or id; else words of a reason.
    q: str = ""


@dataclass(frozen=True, slots=True)
class Mark:
    """The last row of a page: the next one begins behind it."""

    at: datetime
    id: int

    def __str__(self) -> str:
        return f"{self.at.isoformat()}.{self.id}"

    @classmethod
    def read(cls, text: str) -> Mark | None:
        """None of what was never a mark."""
        at, _, id = text.rpartition(".")
        try:
            moment = datetime.fromisoformat(at)
            return cls(moment.astimezone(UTC), int(id)) if moment.tzinfo else None
        except (ValueError, OverflowError):
            return None


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows of the log, newest first, and where the older ones begin."""

    rows: Sequence[LogRow]
    older: Mark | None


def page(connection: sa.Connection, wanted: Wanted, before: Mark | None = None, *, most: int = PAGE) -> Page:
    d = decisions.c
    conditions = _conditions(connection, wanted)
    if conditions is None:
        return Page((), None)
    spans = _spans(connection, wanted, conditions.reasons, before, most) if conditions.rare else [(None, None)]
    ids: list[Any] = []
    for start, end in spans:
        chosen = sa.select(d.id, d.at).where(*conditions.where, *_between(start, end), *_behind(before))
        newest = chosen.order_by(d.at.desc(), d.id.desc()).limit(most + 1 - len(ids))
        ids += connection.execute(newest).all()
        if len(ids) > most:
            break
    shown = [row.id for row in ids[:most]]
    rows = list(as_rows(connection, sa.select(decisions).where(d.id.in_(shown))))
    older = Mark(ids[most - 1].at, ids[most - 1].id) if len(ids) > most else None
    return Page(tuple(reversed(rows)), older)


def reasons(connection: sa.Connection, wanted: Wanted, *, most: int = 60) -> Sequence[str]:
    """The commonest reasons of what was not done, to choose among."""
    counted = sa.func.sum(log_days.c.count)
    chosen = sa.select(log_days.c.reason).where(log_days.c.reason != "", *_counted(wanted, ()))
    ranked = chosen.group_by(log_days.c.reason).order_by(counted.desc(), log_days.c.reason).limit(most)
    return connection.scalars(ranked).all()


@dataclass(frozen=True, slots=True)
class _Conditions:
    where: list[sa.ColumnElement[bool]]
    #: What a reason must be; empty where any will do.
    reasons: Sequence[str]

    @property
    def rare(self) -> bool:
        """Whether rows of the kind may lie so far apart that their days are looked up first."""
        return bool(self.reasons) or len(self.where) > 1


def _conditions(connection: sa.Connection, wanted: Wanted) -> _Conditions | None:
    """What a row must be; None where none can be."""
    d = decisions.c
    where: list[sa.ColumnElement[bool]] = list(_between(wanted.since, wanted.until))
    told: Sequence[str] = (wanted.reason,) if wanted.reason else ()
    people: Any = selves(wanted.contact) if wanted.contact is not None else None
    if wanted.q:
        found = people_called(connection, wanted.q)
        told = told if found else _saying(connection, wanted.q)
        if not (found or told):
            return None
        people = people if people is not None else found or None
    if people is not None:
        return _Conditions([*where, d.contact_id.in_(people), *_of_kind(wanted, told)], ())
    return _Conditions([*where, *_of_kind(wanted, told)], told)


def _of_kind(wanted: Wanted, told: Sequence[str]) -> Iterator[sa.ColumnElement[bool]]:
    d = decisions.c
    if wanted.playbook:
        yield d.playbook == wanted.playbook
    if wanted.status:
        yield d.status == wanted.status
    if wanted.status not in ("", "done") or told:
        # SQLite takes the part's index only where the query has the part's own words.
        yield sa.and_(NOT_DONE)
    if told:
        yield d.reason.in_(told)


def _between(since: datetime | None, until: datetime | None) -> Iterator[sa.ColumnElement[bool]]:
    if since is not None:
        yield decisions.c.at >= since
    if until is not None:
        yield decisions.c.at < until


def _behind(mark: Mark | None) -> Iterator[sa.ColumnElement[bool]]:
    if mark is not None:
        d = decisions.c
        yield d.at <= mark.at
        yield sa.or_(d.at < mark.at, d.id < mark.id)


def _saying(connection: sa.Connection, words: str) -> Sequence[str]:
    """The reasons in which these words stand."""
    reason = log_days.c.reason
    like = reason.icontains(words, autoescape=True)
    return connection.scalars(sa.select(reason).distinct().where(reason != "", like).limit(200)).all()


# --- on which days it happened


def _spans(
    connection: sa.Connection, wanted: Wanted, told: Sequence[str], before: Mark | None, most: int
) -> list[tuple[datetime | None, datetime | None]]:
    """The newest days with enough of such rows, newest first; a day that is not counted yet may have any."""
    kept = sa.select(log_days.c.day, sa.func.sum(log_days.c.count).label("count")).where(*_counted(wanted, told))
    days: dict[date, int] = dict(connection.execute(kept.group_by(log_days.c.day)).all())
    s = stale_days.c
    stale = sa.select(s.day).distinct().where(s.of_table == "decisions")
    stale = stale.where(s.playbook == wanted.playbook) if wanted.playbook else stale
    uncounted = set(connection.scalars(stale))
    last = before.at.date() if before is not None else date.max
    chosen: list[tuple[datetime | None, datetime | None]] = []
    found = 0
    for day in sorted((day for day in days.keys() | uncounted if day <= last), reverse=True):
        chosen.append(_instants(day))
        # Of the day on which the last page ended nobody knows how many are left.
        found += 0 if day in uncounted or day == last else days[day]
        if found > most:
            break
    return chosen


def _counted(wanted: Wanted, told: Sequence[str]) -> Iterator[sa.ColumnElement[bool]]:
    c = log_days.c
    if wanted.playbook:
        yield c.playbook == wanted.playbook
    if wanted.status:
        yield c.status == wanted.status
    if told:
        yield c.reason.in_(told)
    if wanted.since is not None:
        yield c.day >= wanted.since.date()
    if wanted.until is not None:
        yield c.day <= wanted.until.date()


def _instants(day: date) -> tuple[datetime, datetime]:
    start = datetime.combine(day, time(), UTC)
    return start, start + timedelta(days=1)
