"""A survey's answer is kept; a change of mind overwrites it, the first time stays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from connectors.base import Actor
from runner.actions.questions import STANDARD, Questionnaire
from runner.collect import visits
from runner.collect.asked import Asked, asked
from runner.collect.people import living
from runner.collect.refusals import Said, refuse
from runner.links import Ticket
from runner.store import Store
from runner.store.tables import answers, contact_changes, contacts, sends

#: The kinds whose last score a contact carries, with its columns.
_SUMMARY: Mapping[str, tuple[str, str]] = {"nps": ("nps_score", "nps_at"), "csat": ("csat_score", "csat_at")}


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer as it is kept."""

    kind: str
    score: int | None
    comment: str | None
    answered_at: datetime | None
    #: Whether an earlier answer was overwritten.
    changed: bool = False
    #: Of an exit survey, by its key.
    reason: str | None = None
    #: To a playbook's own questions.
    details: Mapping[str, Any] = field(default_factory=dict)
    asks: Questionnaire = STANDARD["nps"]
    #: Until when it may be changed.
    closes_at: datetime | None = None

    @property
    def said(self) -> Said:
        return Said(self.score, self.comment, self.reason, self.details)


def given(store: Store, ticket: Ticket, now: datetime) -> Answered:
    """What is asked and what was answered so far, if anything. Raises UnknownSend, SurveyClosed."""
    with store.read() as connection:
        return _given(connection, asked(connection, ticket.send_id, now))


def answer(store: Store, ticket: Ticket, score: int | None, comment: str | None, now: datetime) -> Answered:
    """Keeps a score and words; see `record`."""
    return record(store, ticket, Said(score, comment), now)


def record(store: Store, ticket: Ticket, said: Said, now: datetime) -> Answered:
    """Keeps the answer and the contact's summary in one transaction. Raises BadAnswer, UnknownSend, SurveyClosed."""
    with store.write() as connection:
        survey = asked(connection, ticket.send_id, now, lock=True)
        before = _given(connection, survey)
        said = said.put_right(survey.asks)
        refuse(survey.asks, said)
        person = living(connection, [ticket.contact_id]).get(ticket.contact_id, ticket.contact_id)
        _keep(connection, store, survey, person, said, now)
        _summarise(connection, person, survey.kind, said.score, now)
        visits.record_visit(connection, store, ticket, "", Actor.HUMAN, now)
        first = before.answered_at or now
        connection.execute(sa.update(sends).where(sends.c.id == survey.send_id).values(answered_at=first))
        return _given(connection, survey, changed=before.answered_at is not None)


def _given(connection: sa.Connection, survey: Asked, *, changed: bool = False) -> Answered:
    kept = connection.execute(sa.select(answers).where(answers.c.send_id == survey.send_id)).first()
    if kept is None:
        return Answered(survey.kind, None, None, None, asks=survey.asks, closes_at=survey.closes_at)
    return Answered(
        survey.kind,
        None if kept.score is None else int(kept.score),
        kept.comment,
        kept.answered_at,
        changed,
        kept.reason,
        kept.details or {},
        survey.asks,
        survey.closes_at,
    )


def _keep(connection: sa.Connection, store: Store, survey: Asked, person: int, said: Said, now: datetime) -> None:
    new = {"contact_id": person, "kind": survey.kind, "score": said.score, "reason": said.reason}
    new |= {"comment": said.comment, "details": dict(said.details) or sa.null()}
    row = {"send_id": survey.send_id, "answered_at": now, "seen_at": now, **new}
    # Another score was said only now, however long ago the first one was.
    another = answers.c.score.is_distinct_from(said.score)
    seen_at = sa.case((another, sa.literal(now, answers.c.seen_at.type)), else_=answers.c.seen_at)
    upsert = store.insert(answers).values(**row, changed_at=now)
    changed = {**new, "changed_at": now, "seen_at": seen_at}
    connection.execute(upsert.on_conflict_do_update(index_elements=["send_id"], set_=changed))


def _summarise(connection: sa.Connection, person: int, kind: str, score: int | None, now: datetime) -> None:
    """The contact's last word on it, with the one before in the history."""
    values: dict[str, Any] = {"last_answer_at": now, "changed_at": now}
    if kind in _SUMMARY:
        score_column, at_column = _SUMMARY[kind]
        values |= {score_column: score, at_column: now}
        old = connection.scalar(sa.select(contacts.c[score_column]).where(contacts.c.id == person))
        if old != score:
            change = {"contact_id": person, "field": score_column, "old": old, "new": score, "at": now, "seen_at": now}
            connection.execute(sa.insert(contact_changes).values(**change))
    connection.execute(sa.update(contacts).where(contacts.c.id == person).values(**values))
