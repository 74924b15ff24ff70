"""The rest of a contact's summary: scores, open tickets, subscriptions, points."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from runner import clock
from runner.settings import Settings
from runner.store.tables import answers, facts, surveys, tickets
from runner.sync.money import Rates
from runner.sync.scales import is_point, is_standard, kind_of
from runner.sync.whose import Whose

_MONTHS = {"month": 1, "quarter": 3, "year": 12}


def rest_of(connection: sa.Connection, of: Whose, settings: Settings, now: datetime) -> dict[int, dict[str, Any]]:
    """The columns for each of the people."""
    own: dict[int, dict[str, Any]] = {
        person: {
            "nps_score": None,
            "nps_at": None,
            "csat_score": None,
            "csat_at": None,
            "last_answer_at": None,
            "open_tickets": 0,
            "mrr": None,
            "points": None,
        }
        for person in of.people
    }
    for person, kind, score, at in sorted(_answers(connection, of, now), key=lambda answer: answer[3]):
        own[person]["last_answer_at"] = at
        if kind in ("nps", "csat") and score is not None and is_point(kind, score):
            own[person] |= {f"{kind}_score": score, f"{kind}_at": at}
    for person in _open_tickets(connection, of, now):
        own[person]["open_tickets"] += 1
    if settings.customers == "contact":
        for person, amount in _subscriptions(connection, of, settings, now):
            own[person]["mrr"] = (own[person]["mrr"] or Decimal(0)) + amount
    for columns in own.values():
        columns["mrr"] = None if columns["mrr"] is None else Rates.rounded(columns["mrr"])
    for person, points in _points(connection, of, now):
        own[person]["points"] = (own[person]["points"] or Decimal(0)) + points
    return own


def _answers(connection: sa.Connection, of: Whose, now: datetime) -> Iterator[tuple[int, str, float | None, datetime]]:
    """Answers to others' surveys and to ours: person, kind, score, when."""
    s = surveys.c
    at = sa.func.coalesce(s.responded_at, s.seen_at, type_=s.seen_at.type)
    given = s.contact_source.in_(sorted(of.of_source)), s.score.is_not(None), s.deleted_at.is_(None), at <= now
    for row in connection.execute(sa.select(s.contact_source, s.kind, s.scale, s.score, at.label("at")).where(*given)):
        if is_standard(row.kind, row.scale) and is_point(row.kind, row.score):
            yield of.of_source[row.contact_source], kind_of(row.kind), row.score, row.at
    a = answers.c
    ours = sa.select(a.contact_id, a.kind, a.score, a.changed_at)
    for own in connection.execute(ours.where(a.contact_id.in_(sorted(of.of_contact)), a.changed_at <= now)):
        yield of.of_contact[own.contact_id], own.kind, own.score, own.changed_at


def _open_tickets(connection: sa.Connection, of: Whose, now: datetime) -> Iterator[int]:
    t = tickets.c
    unsolved = sa.or_(t.solved_at.is_(None), t.solved_at > now)
    living = t.contact_source.in_(sorted(of.of_source)), t.deleted_at.is_(None), t.created_at <= now, unsolved
    for source in connection.scalars(sa.select(t.contact_source).where(*living)):
        yield of.of_source[source]


def _subscriptions(
    connection: sa.Connection, of: Whose, settings: Settings, now: datetime
) -> Iterator[tuple[int, Decimal]]:
    """What each subscription brings a month today: nothing before its start, in its trial and after its end."""
    s = facts["subscriptions"].c
    today = clock.local(now, settings.timezone).date()
    columns = s.contact_source, s.interval, s.quantity, s.unit_amount, s.discount_pct, s.trial_end, s.ended_on
    begun = s.contact_source.in_(sorted(of.of_source)), s.deleted_at.is_(None), s.started_on <= today
    for row in connection.execute(sa.select(*columns).where(*begun)):
        live = (row.ended_on is None or row.ended_on > today) and (row.trial_end is None or row.trial_end <= today)
        share = 1 - (row.discount_pct or Decimal(0)) / 100
        months = _MONTHS.get(row.interval)
        amount = row.quantity * row.unit_amount * share / months if live and months else Decimal(0)
        yield of.of_source[row.contact_source], amount


def _points(connection: sa.Connection, of: Whose, now: datetime) -> Iterator[tuple[int, Decimal]]:
    m = facts["loyalty"].c
    left = sa.or_(m.left_at.is_(None), m.left_at > now)
    living = m.contact_source.in_(sorted(of.of_source)), m.deleted_at.is_(None), m.joined_at <= now, left
    for row in connection.execute(sa.select(m.contact_source, m.points).where(*living, m.points.is_not(None))):
        yield of.of_source[row.contact_source], row.points
