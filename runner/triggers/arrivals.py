"""Facts that came: those that happened since the last tick, and those that were told of late."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from runner.duration import Duration, SomeTime
from runner.store.functions import unindexed
from runner.store.tables import contact_sources, contacts
from runner.store.types import Instant
from runner.triggers.base import Lateness, Trigger
from runner.triggers.window import Window


class Arrival(Trigger):
    """A trigger of facts. Each fires when it happened or was told, if it is not too old by then."""

    #: How old a fact may be that is told late; the playbook's or account's `max_lateness` unless given.
    max_lateness: SomeTime | None = None

    def lateness(self, window: Window) -> Lateness:
        return Lateness("max_lateness", self.allowed(window))

    def allowed(self, window: Window) -> Duration:
        return self.max_lateness or window.max_lateness

    def back_to(self, window: Window) -> datetime:
        """Since when facts are looked at again, so that who was kept out may still come in."""
        if window.newly:
            return max(window.first, window.since)
        return max(window.first, min(window.since, window.now - self.allowed(window).span))

    def told_of(self, window: Window, source: Any) -> Any:
        """Whether a fact's source row is of somebody among whom is looked: of some people, theirs alone are read."""
        if window.among is None:
            return sa.true()
        mine = sa.select(contact_sources.c.id).join(contacts, contacts.c.id == contact_sources.c.contact_id)
        both = (mine.where(window.concerns(contact)) for contact in (contacts.c.id, contacts.c.merged_into))
        return source.in_(sa.union_all(*both))

    def given_by(self, window: Window, contact: Any) -> Any:
        """The same of a fact that names a contact, who may have been merged."""
        if window.among is None:
            return sa.true()
        both = (sa.select(contacts.c.id).where(window.concerns(c)) for c in (contacts.c.id, contacts.c.merged_into))
        return contact.in_(sa.union_all(*both))

    def arrived(
        self, window: Window, facts: sa.Select[Any], at: Any, seen_at: Any, *, later: timedelta = timedelta()
    ) -> list[sa.Select[Any]]:
        """The facts of a SELECT that came due in the window, so much `later` than they happened.

        In two SELECTs, so that an index serves each: those that happened, and those that were told late. Whose they are
        is found from them (`unindexed`): SQLite takes an empty table for a long one, and would begin with everybody.
        """
        first = window.value(lambda w: w.first - later, Instant())
        now = window.value(lambda w: w.now - later, Instant())
        since = window.value(lambda w: self.back_to(w) - later, Instant())
        seen_since = window.value(lambda w: w.since, Instant())
        return [
            facts.where(at > since, at <= now),
            facts.where(seen_at > seen_since, unindexed(at) > first, unindexed(at) <= since),
        ]
