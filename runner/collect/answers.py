"""A survey's answer is kept; a change of mind overwrites it, the first time stays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from connectors.base import Actor
from runner.collect import visits
from runner.collect.people import living
from runner.collect.text import storable
from runner.links import Ticket
from runner.store import Store
from runner.store.tables import answers, contact_changes, contacts, sends

#: Characters of a comment at the most.
LONGEST_COMMENT = 5000


@dataclass(frozen=True, slots=True)
class Scale:
    """A survey's scores, both ends included."""

    lowest: int
    highest: int

    def __contains__(self, score: object) -> bool:
        return isinstance(score, int) and not isinstance(score, bool) and self.lowest <= score <= self.highest

    @property
    def scores(self) -> range:
        return range(self.lowest, self.highest + 1)


#: The scale of each kind of survey; an `exit` survey asks for words alone.
SCALES: Mapping[str, Scale | None] = {
    "nps": Scale(0, 10),
    "csat": Scale(1, 5),
    "ces": Scale(1, 7),
    "exit": None,
}
#: The kinds whose last score a contact carries, with its columns.
_SUMMARY: Mapping[str, tuple[str, str]] = {"nps": ("nps_score", "nps_at"), "csat": ("csat_score", "csat_at")}


class BadAnswer(ValueError):
    """The answer cannot be kept as it is. `fault` is score, words or long; `numbers` are what the person must know."""

    def __init__(self, fault: str, **numbers: int) -> None:
        super().__init__(f"the answer cannot be kept: {fault} {numbers}")
        self.fault = fault
        self.numbers = numbers


class SurveyClosed(LookupError):
    """The time in which this survey could be answered is over."""


class UnknownSend(LookupError):
    """The letter this link stood in is not in the store, or was not a survey."""


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer as it is kept."""

    kind: str
    score: int | None
    comment: str | None
    answered_at: datetime | None
    #: Whether an earlier answer was overwritten.
    changed: bool = False


def given(store: Store, ticket: Ticket, now: datetime) -> Answered:
    """The survey's kind and what was answered so far, if anything. Raises UnknownSend, SurveyClosed."""
    with store.read() as connection:
        return _given(connection, ticket, now)


def answer(store: Store, ticket: Ticket, score: int | None, comment: str | None, now: datetime) -> Answered:
    """Keeps the answer and the contact's summary in one transaction. Raises BadAnswer, UnknownSend, SurveyClosed."""
    comment = storable(comment or "").strip() or None
    with store.write() as connection:
        before = _given(connection, ticket, now, lock=True)
        _refuse(before.kind, score, comment)
        person = living(connection, [ticket.contact_id]).get(ticket.contact_id, ticket.contact_id)
        _keep(connection, store, ticket, person, Answered(before.kind, score, comment, now))
        _summarise(connection, person, before.kind, score, now)
        visits.record_visit(connection, store, ticket, "", Actor.HUMAN, now)
        first = before.answered_at or now
        connection.execute(sa.update(sends).where(sends.c.id == ticket.send_id).values(answered_at=first))
    return Answered(before.kind, score, comment, first, changed=before.answered_at is not None)


def _given(connection: sa.Connection, ticket: Ticket, now: datetime, *, lock: bool = False) -> Answered:
    chosen = sa.select(sends.c.about, sends.c.closes_at).where(sends.c.id == ticket.send_id, sends.c.action == "survey")
    send = connection.execute(chosen.with_for_update(key_share=True) if lock else chosen).first()
    if send is None or send.about not in SCALES:
        raise UnknownSend(ticket.send_id)
    if send.closes_at is not None and send.closes_at < now:
        raise SurveyClosed(ticket.send_id)
    kind = send.about
    kept = connection.execute(sa.select(answers).where(answers.c.send_id == ticket.send_id)).first()
    if kept is None:
        return Answered(kind, None, None, None)
    return Answered(kind, None if kept.score is None else int(kept.score), kept.comment, kept.answered_at)


def _refuse(kind: str, score: int | None, comment: str | None) -> None:
    scale = SCALES[kind]
    if scale is not None and score not in scale:
        raise BadAnswer("score", lowest=scale.lowest, highest=scale.highest)
    if scale is None and comment is None:
        raise BadAnswer("words")
    if comment is not None and len(comment) > LONGEST_COMMENT:
        raise BadAnswer("long", longest=LONGEST_COMMENT, length=len(comment))


def _keep(connection: sa.Connection, store: Store, ticket: Ticket, person: int, said: Answered) -> None:
    new = {"contact_id": person, "kind": said.kind, "score": said.score, "comment": said.comment}
    row = {"send_id": ticket.send_id, "answered_at": said.answered_at, "seen_at": said.answered_at, **new}
    changed = {**new, "changed_at": said.answered_at}
    upsert = store.insert(answers).values(**row, changed_at=said.answered_at)
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
