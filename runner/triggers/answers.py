"""Answers given, on our pages or told by a connector: what a score's triggers look at."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, Self

import sqlalchemy as sa
from pydantic import Field, model_validator

from connectors.scales import FACES, SCALES
from runner.store.functions import json_object, unindexed
from runner.store.tables import answers, contact_sources, contacts, surveys
from runner.triggers.arrivals import Arrival
from runner.triggers.base import match_columns
from runner.triggers.window import Window


class AnswerGiven(Arrival):
    """Fires on every answer whose score says something, once an answer."""

    silence: ClassVar[str] = "no such answer since the last tick"

    #: Which survey: `nps` 0-10, `csat` 1-5, `ces` 1-7. A CSAT of HubSpot's three faces counts as 1, 3 or 5.
    kind: Literal["nps", "csat", "ces"] = "nps"
    #: By how much the score has fallen since the person's own last answer of this kind.
    fallen_by: float | None = Field(None, gt=0)

    @model_validator(mode="after")
    def _can_fall(self) -> Self:
        lowest, highest = SCALES[self.kind].ends
        if self.fallen_by is not None and self.fallen_by > highest - lowest:
            told = f"{self.kind} goes from {lowest} to {highest}"
            raise ValueError(f"fallen_by is more than a score can fall: {told}, fallen_by is {self.fallen_by:g}")
        return self

    @property
    def brings(self) -> Sequence[str]:
        return ("answer",)

    @abstractmethod
    def speaks(self, score: Any, fallen: Any) -> Any:
        """Whether the score, which has `fallen` by so much (NULL for a first answer), makes it fire."""

    def matches(self, window: Window) -> sa.Select[Any]:
        given = sa.union_all(*self._ours(window), *self._told(window)).subquery("given")
        before = self._before(given) if self.fallen_by is not None else sa.cast(sa.null(), sa.Float)
        asked = sa.select(given, before.label("before")).subquery("asked")
        words = json_object("kind", self.kind, "score", asked.c.score, "comment", asked.c.comment, "at", asked.c.at)
        return (
            sa.select(
                *match_columns(
                    contact=asked.c.contact_id,
                    occasion=asked.c.occasion,
                    occurred_at=asked.c.said_at,
                    facts=json_object("answer", words, "before", asked.c.before),
                )
            )
            .join_from(asked, contacts, contacts.c.id == asked.c.contact_id)
            .where(self.speaks(asked.c.score, asked.c.before - asked.c.score))
        )

    def fell(self, facts: Mapping[str, Any]) -> str:
        """From where the score fell, in words."""
        before = facts.get("before")
        return "" if before is None else f" after {before:g}"

    def _ours(self, window: Window) -> list[sa.Select[Any]]:
        owner = contacts.alias("owner")
        given = (
            sa.select(
                sa.func.coalesce(owner.c.merged_into, owner.c.id).label("contact_id"),
                (sa.literal("answer ") + answers.c.send_id).label("occasion"),
                answers.c.answered_at.label("at"),
                answers.c.seen_at.label("said_at"),
                answers.c.score,
                answers.c.comment,
            )
            .join_from(answers, owner, owner.c.id == unindexed(answers.c.contact_id))
            .where(*self._scored(answers), self.given_by(window, answers.c.contact_id))
        )
        # Seen when this score was said: a mind may change weeks after the first answer, and that is no old news.
        return self.arrived(window, given, answers.c.seen_at, answers.c.seen_at)

    def _told(self, window: Window) -> list[sa.Select[Any]]:
        owner = contacts.alias("owner")
        given = (
            sa.select(
                sa.func.coalesce(owner.c.merged_into, owner.c.id).label("contact_id"),
                (sa.literal("answer ") + surveys.c.connector + ":" + surveys.c.source_id).label("occasion"),
                surveys.c.responded_at.label("at"),
                surveys.c.responded_at.label("said_at"),
                self._of_scale(surveys).label("score"),
                surveys.c.comment,
            )
            .join_from(surveys, contact_sources, contact_sources.c.id == unindexed(surveys.c.contact_source))
            .join(owner, owner.c.id == contact_sources.c.contact_id)
            .where(*self._scored(surveys), self.told_of(window, surveys.c.contact_source))
        )
        return self.arrived(window, given, surveys.c.responded_at, surveys.c.seen_at)

    def _scored(self, table: sa.Table) -> list[Any]:
        lowest, highest = SCALES[self.kind].ends
        score = self._of_scale(table)
        scored = [table.c.kind == self.kind, score >= lowest, score <= highest]
        if table is surveys:
            # What was asked on another scale cannot be compared.
            known = [str(SCALES[self.kind]), *([str(FACES)] if self.kind == "csat" else [])]
            scored += [table.c.deleted_at.is_(None), table.c.scale.in_(known)]
        return scored

    def _of_scale(self, table: sa.Table) -> Any:
        """The score on the kind's own scale: of three faces the first is 1 of 5, and the last one 5."""
        if table is answers or self.kind != "csat":
            return table.c.score
        return sa.case((table.c.scale == str(FACES), 2 * table.c.score + 1), else_=table.c.score)

    def _before(self, given: Any) -> Any:
        """The score of the person's answer before this one."""
        alike = contacts.alias("alike")
        same = sa.or_(alike.c.id == given.c.contact_id, alike.c.merged_into == given.c.contact_id)
        people = sa.select(alike.c.id).where(same).correlate(given)
        ours = sa.select(answers.c.answered_at.label("at"), answers.c.score).where(
            *self._scored(answers), answers.c.contact_id.in_(people), answers.c.answered_at < given.c.at
        )
        told = (
            sa.select(surveys.c.responded_at.label("at"), self._of_scale(surveys).label("score"))
            .join_from(surveys, contact_sources, contact_sources.c.id == surveys.c.contact_source)
            .where(*self._scored(surveys), contact_sources.c.contact_id.in_(people))
            .where(surveys.c.responded_at < given.c.at)
        )
        earlier = sa.union_all(ours.correlate(given), told.correlate(given)).subquery("earlier")
        return sa.select(earlier.c.score).order_by(earlier.c.at.desc()).limit(1).correlate(given).scalar_subquery()


def told(facts: Mapping[str, Any]) -> Mapping[str, Any]:
    """The answer among an enrollment's facts; the oldest enrollments have its words at the top."""
    found: Mapping[str, Any] = facts.get("answer") or facts
    return found
