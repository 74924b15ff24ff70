"""Somebody told us that they are not happy."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, ClassVar, Literal

import sqlalchemy as sa
from pydantic import Field

from runner.settings import NotYet
from runner.store.tables import answers, contact_sources, contacts, surveys
from runner.store.types import Instant, json_object
from runner.triggers.base import Trigger, Window, match_columns


class LowScore(Trigger):
    """Fires on every answer at or below a score, whether given on our pages or told by a connector."""

    name: ClassVar[str] = "low_score"
    silence: ClassVar[str] = "no such answer since the last tick"

    #: Which survey: `nps` 0-10, `csat` 1-5, `ces` 1-7.
    kind: Literal["nps", "csat", "ces"] = "nps"
    #: The highest score that counts as low.
    at_most: float = Field(6, ge=0, le=10)
    #: By how much the score must have fallen since the last answer.
    fallen_by: NotYet = None

    def matches(self, window: Window) -> sa.Select[Any]:
        given = self._given(window)
        facts = json_object("score", given.c.score, "kind", self.kind, "comment", given.c.comment, "at", given.c.at)
        return sa.select(
            *match_columns(contact=given.c.contact_id, occasion=given.c.occasion, occurred_at=given.c.at, facts=facts)
        ).join_from(given, contacts, contacts.c.id == given.c.contact_id)

    def says(self) -> str:
        return f"{self.kind.upper()} answer of at most {self.at_most:g}"

    def why(self, facts: Mapping[str, Any], anchor: date | None) -> str:
        return f"answered {facts['score']:g} to {self.kind.upper()}, at most {self.at_most:g} counts as low"

    def _given(self, window: Window) -> Any:
        """Low answers given, or first seen, since the last tick; enroll refuses those older than `max_lateness`."""
        first, now = window.value(lambda w: w.first, Instant()), window.value(lambda w: w.now, Instant())
        seen_since = window.value(lambda w: w.since, Instant())
        since = window.value(lambda w: max(w.first, min(w.since, w.now - w.max_lateness.span)), Instant())
        owner = contacts.alias("owner")
        whose = sa.func.coalesce(owner.c.merged_into, owner.c.id).label("contact_id")

        def low(table: sa.Table, at: Any) -> Any:
            return sa.and_(
                table.c.kind == self.kind,
                table.c.score <= self.at_most,
                at > first,
                at <= now,
                sa.or_(at > since, table.c.seen_at > seen_since),
            )

        ours = (
            sa.select(
                whose,
                (sa.literal("answer ") + answers.c.send_id).label("occasion"),
                answers.c.answered_at.label("at"),
                answers.c.score,
                answers.c.comment,
            )
            .join_from(answers, owner, owner.c.id == answers.c.contact_id)
            .where(low(answers, answers.c.answered_at))
        )
        told = (
            sa.select(
                whose,
                (sa.literal("answer ") + surveys.c.connector + ":" + surveys.c.source_id).label("occasion"),
                surveys.c.responded_at.label("at"),
                surveys.c.score,
                surveys.c.comment,
            )
            .join_from(surveys, contact_sources, contact_sources.c.id == surveys.c.contact_source)
            .join(owner, owner.c.id == contact_sources.c.contact_id)
            .where(surveys.c.deleted_at.is_(None), low(surveys, surveys.c.responded_at))
        )
        return sa.union_all(ours, told).subquery("given")
