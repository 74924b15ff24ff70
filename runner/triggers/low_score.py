"""Somebody told us that they are not happy."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, ClassVar, Literal, Self

import sqlalchemy as sa
from pydantic import model_validator

from runner.settings import NotYet
from runner.store.tables import answers, contact_sources, contacts, surveys
from runner.store.types import Instant, json_object
from runner.triggers.base import Trigger, Window, match_columns

#: Each survey's lowest and highest score, and the highest that counts as low unless a playbook says another.
SCALES = {"nps": (0, 10, 6), "csat": (1, 5, 2), "ces": (1, 7, 3)}


class LowScore(Trigger):
    """Fires on every answer at or below a score, whether given on our pages or told by a connector."""

    name: ClassVar[str] = "low_score"
    silence: ClassVar[str] = "no such answer since the last tick"

    #: Which survey: `nps` 0-10, `csat` 1-5, `ces` 1-7.
    kind: Literal["nps", "csat", "ces"] = "nps"
    #: The highest score that counts as low: 6 of an NPS, 2 of a CSAT, 3 of a CES unless given.
    at_most: float | None = None
    #: By how much the score must have fallen since the last answer.
    fallen_by: NotYet = None
    #: How old an answer may be that is told late.
    max_lateness: NotYet = None

    @model_validator(mode="after")
    def _below_the_top(self) -> Self:
        lowest, highest, _ = SCALES[self.kind]
        if self.at_most is not None and not lowest <= self.at_most < highest:
            told = f"{self.kind} goes from {lowest} to {highest}"
            raise ValueError(f"at_most must leave somebody out: {told}, at_most is {self.at_most:g}")
        return self

    @property
    def threshold(self) -> float:
        return SCALES[self.kind][2] if self.at_most is None else self.at_most

    def matches(self, window: Window) -> sa.Select[Any]:
        given = self._given(window)
        facts = json_object("score", given.c.score, "kind", self.kind, "comment", given.c.comment, "at", given.c.at)
        return sa.select(
            *match_columns(contact=given.c.contact_id, occasion=given.c.occasion, occurred_at=given.c.at, facts=facts)
        ).join_from(given, contacts, contacts.c.id == given.c.contact_id)

    def says(self) -> str:
        return f"{self.kind.upper()} answer of at most {self.threshold:g}"

    def why(self, facts: Mapping[str, Any], anchor: date | None) -> str:
        return f"answered {facts['score']:g} to {self.kind.upper()}, at most {self.threshold:g} counts as low"

    def _given(self, window: Window) -> Any:
        """Low answers given, or first seen, since the last tick; enroll refuses those older than `max_lateness`."""
        first, now = window.value(lambda w: w.first, Instant()), window.value(lambda w: w.now, Instant())
        seen_since = window.value(lambda w: w.since, Instant())
        since = window.value(lambda w: max(w.first, min(w.since, w.now - w.max_lateness.span)), Instant())
        # What was asked on another scale cannot be compared.
        scale = "{}-{}".format(*SCALES[self.kind])
        owner = contacts.alias("owner")
        whose = sa.func.coalesce(owner.c.merged_into, owner.c.id).label("contact_id")

        def low(table: sa.Table, at: Any) -> Any:
            return sa.and_(
                table.c.kind == self.kind,
                table.c.score >= SCALES[self.kind][0],
                table.c.score <= self.threshold,
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
            .where(surveys.c.deleted_at.is_(None), surveys.c.scale == scale, low(surveys, surveys.c.responded_at))
        )
        return sa.union_all(ours, told).subquery("given")
