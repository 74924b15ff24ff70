"""What people answered: each answer with its words, the score before it, and where it was given; beside the figures."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from runner import clock, kpis
from runner.actions import Survey
from runner.app.app import App
from runner.app.called import contact_called
from runner.app.clockwork import last_moment
from runner.app.keywords import Keyword, Text, keywords
from runner.circumstances.people import source_ids
from runner.kpis import Kpi, Period
from runner.store.tables import answers, contact_sources, contacts, sends, surveys

#: Kinds of which there is a figure, by its key.
FIGURES = ("nps", "csat", "ces")


@dataclass(frozen=True, slots=True)
class Voice:
    """One answer."""

    at: datetime
    contact: Mapping[str, Any]
    #: The kind, or what a playbook calls its own survey.
    survey: str
    score: float | None
    #: Of an exit survey, by its key.
    reason: str | None
    comment: str | None
    #: To a playbook's own questions.
    details: Mapping[str, Any]
    #: The score of the person's answer to the same survey before this one.
    before: float | None
    #: The playbook that asked; None where a connector told of it.
    playbook: str | None
    #: The connector, or `page`.
    source: str
    #: When it was last changed, where that was after it was given.
    changed_at: datetime | None
    #: All that was written freely: the comment, and what questions of words were answered.
    text: str = ""

    def document(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if name != "text"}


@dataclass(frozen=True, slots=True)
class Heard:
    """The answers of a period, oldest first, and the figures of the same period."""

    period: Period | None
    voices: Sequence[Voice]
    figures: Sequence[Kpi]
    #: What comes up in more than one of them; `among` are places among the voices.
    keywords: Sequence[Keyword] = ()

    @property
    def worded(self) -> int:
        """How many have words."""
        return sum(bool(voice.text) for voice in self.voices)

    def having(self, words: str) -> Heard:
        """Those alone in which a keyword comes up; nobody's where it is none."""
        found = next((keyword for keyword in self.keywords if keyword.words == words.casefold()), None)
        return replace(self, voices=[self.voices[place] for place in found.among] if found else [], keywords=())

    def document(self) -> dict[str, Any]:
        return {
            "figures": [kpi.document() for kpi in self.figures],
            "answers": [voice.document() for voice in self.voices],
            "worded": self.worded,
            "keywords": [{"words": one.words, "n": one.n, "answers": list(one.among)} for one in self.keywords],
        }


def heard(
    app: App,
    *,
    contact: str | None = None,
    survey: str | None = None,
    first: date | None = None,
    last: date | None = None,
    limit: int | None = None,
) -> Heard:
    """One contact's answers of all times, or everybody's of a period: the last 90 days unless told otherwise.

    `limit` keeps the newest of them; the figures are of everybody's answers in the period.
    """
    now = last_moment(app)
    usual = kpis.default_period(now, app.settings.timezone)
    period = None if contact and not (first or last) else Period(first or usual.start, last or usual.end)
    with app.store.read() as connection:
        who = contact_called(connection, contact) if contact else None
        voices = _voices(connection, _chosen(app, period, who, survey, now, limit))
        figures = _figures(app, connection, period, now, survey) if not contact else []
    voices = _with_words(app, voices)
    texts = [Text(voice.text, voice.contact["language"]) for voice in voices]
    return Heard(period, voices, figures, keywords(texts, app.settings.language) if not contact else ())


def _with_words(app: App, voices: Sequence[Voice]) -> list[Voice]:
    """The same with what was written freely; what was chosen from a list is nobody's wording."""
    free = _free_questions(app) if any(voice.details for voice in voices) else {}
    return [replace(voice, text="\n".join(_written(voice, free.get(voice.playbook or "", ())))) for voice in voices]


def _free_questions(app: App) -> dict[str, set[str]]:
    """By playbook the questions that are answered in words."""
    return {
        reading.id: {
            one.id
            for step, _ in reading.playbook.mails()
            if isinstance(step.action, Survey)
            for one in step.action.asks.questions
            if one.type == "text"
        }
        for reading in app.readings(app.fields())
        if reading.playbook is not None
    }


def _written(voice: Voice, free: Collection[str]) -> Iterator[str]:
    if voice.comment:
        yield voice.comment
    yield from (value for name, value in voice.details.items() if name in free and isinstance(value, str))


def _figures(
    app: App, connection: sa.Connection, period: Period | None, now: datetime, survey: str | None
) -> Sequence[Kpi]:
    """Of the surveys that were answered in the period."""
    keys = [measure.key for measure in kpis.KPIS if measure.key in FIGURES and survey in (None, measure.key)]
    if period is None or not keys:
        return []
    found = kpis.compute(connection, period=period, as_of=now, settings=app.settings, keys=keys)
    return [kpi for kpi in found if not kpi.part_of and kpi.n]


def _chosen(
    app: App, period: Period | None, who: int | None, survey: str | None, now: datetime, limit: int | None
) -> sa.Select[Any]:
    told = everything().subquery("everything")
    of = told.c
    before = sa.func.lag(of.score).over(partition_by=(of.contact_id, of.survey), order_by=(of.at, of.row))
    ranked = sa.select(told, before.label("before")).subquery("voices")
    one = ranked.c
    chosen = sa.select(ranked).where(one.at <= now)
    if who is not None:
        chosen = chosen.where(one.contact_id == who)
    if survey is not None:
        chosen = chosen.where(one.survey == survey)
    if period is not None:
        start, end = (clock.midnight(day, app.settings.timezone) for day in (period.start, period.end))
        chosen = chosen.where(one.at >= start, one.at < end)
    return chosen.order_by(one.at.desc(), one.row.desc()).limit(limit)


def everything() -> sa.CompoundSelect[Any]:
    """Every answer, on our pages or told by a connector, of whoever the person is today."""
    owner = contacts.alias("owner")
    living = sa.func.coalesce(owner.c.merged_into, owner.c.id).label("contact_id")
    nothing = sa.cast(sa.null(), sa.Text)
    ours = (
        sa.select(
            living,
            answers.c.id.label("row"),
            answers.c.kind.label("survey"),
            answers.c.score,
            answers.c.reason,
            answers.c.comment,
            answers.c.details,
            answers.c.answered_at.label("at"),
            answers.c.changed_at,
            sends.c.playbook,
            sa.literal("page").label("source"),
        )
        .join_from(answers, owner, owner.c.id == answers.c.contact_id)
        .join(sends, sends.c.id == answers.c.send_id)
    )
    told = (
        sa.select(
            living,
            surveys.c.id,
            surveys.c.kind,
            surveys.c.score,
            nothing,
            surveys.c.comment,
            sa.cast(sa.null(), answers.c.details.type),
            surveys.c.responded_at,
            surveys.c.responded_at,
            nothing,
            surveys.c.connector,
        )
        .join_from(surveys, contact_sources, contact_sources.c.id == surveys.c.contact_source)
        .join(owner, owner.c.id == contact_sources.c.contact_id)
        .where(surveys.c.deleted_at.is_(None), surveys.c.responded_at.is_not(None))
    )
    return sa.union_all(ours, told)


def _voices(connection: sa.Connection, chosen: sa.Select[Any]) -> list[Voice]:
    rows = connection.execute(chosen).mappings().all()
    people = sorted({row["contact_id"] for row in rows})
    sources, known = source_ids(connection, people), _known(connection, people)
    return [
        Voice(
            at=row["at"],
            contact={
                "id": row["contact_id"],
                "source_id": sources.get(row["contact_id"], ""),
                **known[row["contact_id"]],
            },
            survey=row["survey"],
            score=row["score"],
            reason=row["reason"],
            comment=row["comment"],
            details=row["details"] or {},
            before=row["before"],
            playbook=row["playbook"],
            source=row["source"],
            changed_at=row["changed_at"] if row["changed_at"] > row["at"] else None,
        )
        for row in reversed(rows)
    ]


def _known(connection: sa.Connection, people: Sequence[int]) -> dict[int, Mapping[str, str | None]]:
    asked = sa.select(contacts.c.id, contacts.c.email, contacts.c.language).where(contacts.c.id.in_(people))
    return {id: {"email": email, "language": language} for id, email, language in connection.execute(asked)}
