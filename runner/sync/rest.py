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
from runner.sync.bulk import any_of
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
    for row in connection.execute(_TOLD, {"sources": sorted(of.of_source), "now": now}):
        if is_standard(row.kind, row.scale) and is_point(row.kind, row.score):
            yield of.of_source[row.contact_source], kind_of(row.kind), row.score, row.at
    for own in connection.execute(_OURS, {"contacts": sorted(of.of_contact), "now": now}):
        yield of.of_contact[own.contact_id], own.kind, own.score, own.changed_at


def _open_tickets(connection: sa.Connection, of: Whose, now: datetime) -> Iterator[int]:
    for source in connection.scalars(_TICKETS, {"sources": sorted(of.of_source), "now": now}):
        yield of.of_source[source]


def _subscriptions(
    connection: sa.Connection, of: Whose, settings: Settings, now: datetime
) -> Iterator[tuple[int, Decimal]]:
    """What each subscription brings a month today: nothing before its start, in its trial and after its end."""
    today = clock.local(now, settings.timezone).date()
    for row in connection.execute(_SUBSCRIPTIONS, {"sources": sorted(of.of_source), "today": today}):
        live = (row.ended_on is None or row.ended_on > today) and (row.trial_end is None or row.trial_end <= today)
        share = 1 - (row.discount_pct or Decimal(0)) / 100
        months = _MONTHS.get(row.interval)
        amount = row.quantity * row.unit_amount * share / months if live and months else Decimal(0)
        yield of.of_source[row.contact_source], amount


def _points(connection: sa.Connection, of: Whose, now: datetime) -> Iterator[tuple[int, Decimal]]:
    for row in connection.execute(_POINTS, {"sources": sorted(of.of_source), "now": now}):
        yield of.of_source[row.contact_source], row.points


# --- what is asked of each portion of people


def _living(table: sa.Table) -> sa.ColumnElement[bool]:
    """Their rows, of a table whose rows are a source's."""
    return sa.and_(table.c.contact_source.in_(any_of("sources")), table.c.deleted_at.is_(None))


def _told() -> sa.Select[Any]:
    s = surveys.c
    at = sa.func.coalesce(s.responded_at, s.seen_at, type_=s.seen_at.type)
    chosen = sa.select(s.contact_source, s.kind, s.scale, s.score, at.label("at"))
    return chosen.where(_living(surveys), s.score.is_not(None), at <= _NOW)


def _begun() -> sa.Select[Any]:
    s = facts["subscriptions"].c
    columns = s.contact_source, s.interval, s.quantity, s.unit_amount, s.discount_pct, s.trial_end, s.ended_on
    return sa.select(*columns).where(_living(facts["subscriptions"]), s.started_on <= sa.bindparam("today"))


def _members() -> sa.Select[Any]:
    m = facts["loyalty"].c
    stays = m.joined_at <= _NOW, sa.or_(m.left_at.is_(None), m.left_at > _NOW)
    return sa.select(m.contact_source, m.points).where(_living(facts["loyalty"]), *stays, m.points.is_not(None))


_NOW = sa.bindparam("now", type_=answers.c.changed_at.type)
_TOLD, _SUBSCRIPTIONS, _POINTS = _told(), _begun(), _members()
_OURS = sa.select(answers.c.contact_id, answers.c.kind, answers.c.score, answers.c.changed_at).where(
    answers.c.contact_id.in_(any_of("contacts")), answers.c.changed_at <= _NOW
)
_TICKETS = sa.select(tickets.c.contact_source).where(
    _living(tickets), tickets.c.created_at <= _NOW, sa.or_(tickets.c.solved_at.is_(None), tickets.c.solved_at > _NOW)
)
