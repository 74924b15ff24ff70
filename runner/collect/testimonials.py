"""Words or a video that somebody lets us show: kept with the sentence they agreed to, until they take it back."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from connectors.base import Actor
from runner.collect import visits
from runner.collect.asked import UnknownSend
from runner.collect.people import living
from runner.collect.text import storable
from runner.links import Ticket
from runner.settings.review_sites import OWN
from runner.store import Store
from runner.store.tables import sends, testimonials

#: Characters of the words and of a name at the most.
LONGEST, LONGEST_NAME = 5000, 100
_VIDEO = re.compile(r"https://[^\s/]+/\S+")


class BadTestimonial(ValueError):
    """It cannot be kept as it is. `fault` is nothing, long, video or unticked."""

    def __init__(self, fault: str) -> None:
        super().__init__(f"the testimonial cannot be kept: {fault}")
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Testimonial:
    """What somebody gives us to show."""

    words: str = ""
    video: str = ""
    #: The name to stand below it.
    shown_as: str = ""


def testimonial(store: Store, ticket: Ticket) -> Testimonial | None:
    """What the person gave for this letter and has not taken back. Raises UnknownSend."""
    with store.read() as connection:
        _asked(connection, ticket)
        t = testimonials.c
        chosen = sa.select(t.words, t.video, t.shown_as).where(t.send_id == ticket.send_id, t.withdrawn_at.is_(None))
        row = connection.execute(chosen).first()
        return None if row is None else Testimonial(row.words or "", row.video or "", row.shown_as or "")


def testify(
    store: Store, ticket: Ticket, given: Testimonial, *, agreed: bool, consent_words: str, now: datetime
) -> Testimonial:
    """Keeps it with the sentence that was agreed to. Raises BadTestimonial, UnknownSend."""
    clean = Testimonial(*(storable(text).strip() for text in (given.words, given.video, given.shown_as)))
    _refuse(clean, agreed)
    with store.write() as connection:
        _asked(connection, ticket)
        person = living(connection, [ticket.contact_id]).get(ticket.contact_id, ticket.contact_id)
        new: dict[str, Any] = {
            "words": clean.words or None,
            "video": clean.video or None,
            "shown_as": clean.shown_as or None,
        }
        new |= {"consent_at": now, "consent_words": consent_words, "withdrawn_at": None, "contact_id": person}
        upsert = store.insert(testimonials).values(send_id=ticket.send_id, **new)
        connection.execute(upsert.on_conflict_do_update(index_elements=["send_id"], set_=new))
        visits.record_visit(connection, store, ticket, "", Actor.HUMAN, now, of=OWN)
        first = sa.func.coalesce(sends.c.answered_at, now, type_=sends.c.answered_at.type)
        connection.execute(sa.update(sends).where(sends.c.id == ticket.send_id).values(answered_at=first))
    return clean


def withdraw(store: Store, ticket: Ticket, now: datetime) -> None:
    """Takes it back: what was written is forgotten, that and when it was is not. Raises UnknownSend."""
    nothing = {"words": None, "video": None, "shown_as": None, "withdrawn_at": now}
    t = testimonials.c
    with store.write() as connection:
        _asked(connection, ticket)
        its = t.send_id == ticket.send_id, t.withdrawn_at.is_(None)
        connection.execute(sa.update(testimonials).where(*its).values(**nothing))


def _asked(connection: sa.Connection, ticket: Ticket) -> None:
    asked = sa.select(sends.c.id).where(sends.c.id == ticket.send_id, sends.c.action == "request_review")
    if connection.scalar(asked) is None:
        raise UnknownSend(ticket.send_id)


def _refuse(given: Testimonial, agreed: bool) -> None:
    if not given.words and not given.video:
        raise BadTestimonial("nothing")
    if len(given.words) > LONGEST or len(given.shown_as) > LONGEST_NAME:
        raise BadTestimonial("long")
    if given.video and not (_VIDEO.fullmatch(given.video) and len(given.video) <= LONGEST):
        raise BadTestimonial("video")
    if not agreed:
        raise BadTestimonial("unticked")
