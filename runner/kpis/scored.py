"""The churn risk as it stood at an instant: today's, with every score that was written since taken back."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from runner import clock
from runner.kpis.asked import Asked
from runner.store.functions import json_text
from runner.store.tables import contact_changes

_c = contact_changes.c
_A_MOMENT = timedelta(microseconds=1)


def scored_at(asked: Asked) -> datetime:
    """Up to when scores count: those of the night in which the period ended are written in the day that follows."""
    night_after = asked.midnight(asked.last_instant + timedelta(days=1)) - _A_MOMENT
    return min(asked.as_of, night_after)


def with_risk(
    asked: Asked, rows: sa.FromClause, person: sa.ColumnElement[int]
) -> tuple[sa.FromClause, sa.ColumnElement[Any]]:
    """The rows with each person's score as it stood; NULL of those who had none, or whom nobody knew."""
    today, known = person.table.c.churn_risk, person.table.c.seen_at <= scored_at(asked)
    if not asked.once(_moved_on):
        return rows, sa.case((known, today))
    before = _before(scored_at(asked))
    moved = before.c.contact_id.is_not(None)
    was = sa.cast(sa.func.nullif(json_text(before.c.old), "null"), sa.Float)
    risk = sa.case((moved, was), (known, today))
    return rows.outerjoin(before, before.c.contact_id == person), risk


def known_since(asked: Asked) -> str:
    """Why nobody has a score of that day, where scores are kept of later ones only."""
    first = asked.connection.scalar(sa.select(sa.func.min(_c.seen_at)).where(_c.field == "churn_risk"))
    if first is None or first <= scored_at(asked):
        return ""
    return f"Scores are kept since {clock.local(first, asked.zone).date()}; nobody knows what they were before."


def _moved_on(asked: Asked) -> bool:
    """Whether any score was written since. The newest change of all comes first: mostly it is older."""
    at = scored_at(asked)
    newest = asked.connection.scalar(sa.select(_c.seen_at).order_by(_c.id.desc()).limit(1))
    if newest is None or newest <= at:
        return False
    since = sa.select(sa.exists().where(_c.field == "churn_risk", _c.seen_at > at))
    return bool(asked.connection.scalar(since))


def _before(at: datetime) -> Any:
    """Whose score was written since, and what it was before the first time."""
    place = sa.func.row_number().over(partition_by=_c.contact_id, order_by=(_c.seen_at, _c.id)).label("place")
    since = sa.select(_c.contact_id, _c.old, place).where(_c.field == "churn_risk", _c.seen_at > at).subquery()
    return sa.select(since.c.contact_id, since.c.old).where(since.c.place == 1).subquery("score_before")
