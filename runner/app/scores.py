"""How the answers of a period are spread: how many gave which score or reason, and the newest words beside them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from connectors.scales import SCALES, Scale
from runner.actions.questions import BANDS
from runner.app.keywords import Keyword, Text, keywords
from runner.app.voices import everything
from runner.store.tables import contacts


@dataclass(frozen=True, slots=True)
class Bar:
    """How many gave one score or reason."""

    name: str
    count: int
    #: `low`, `middle` or `high` on a scale that is read so; empty of a reason.
    mood: str = ""


@dataclass(frozen=True, slots=True)
class Spread:
    """One survey's answers of a period."""

    survey: str
    bars: Sequence[Bar]
    #: Answers that carry a score or a reason.
    n: int
    #: Of them, or beside them, with words.
    with_words: int


@dataclass(frozen=True, slots=True)
class Words:
    """What somebody wrote."""

    at: datetime
    contact_id: int
    email: str | None
    survey: str
    score: float | None
    reason: str | None
    comment: str
    #: In which they read, as far as it is known.
    language: str | None


def spreads(connection: sa.Connection, since: datetime, until: datetime) -> list[Spread]:
    """One a survey that was answered, the ones with a scale of their own first."""
    of = everything().subquery("answered").c
    wordy = sa.func.sum(sa.case((sa.func.coalesce(of.comment, "") != "", 1), else_=0)).label("wordy")
    counted = (
        sa.select(of.survey, of.score, of.reason, sa.func.count().label("count"), wordy)
        .where(of.at >= since, of.at < until)
        .group_by(of.survey, of.score, of.reason)
    )
    by_survey: dict[str, list[Any]] = {}
    for row in connection.execute(counted):
        by_survey.setdefault(row.survey, []).append(row)
    return sorted((_spread(*one) for one in by_survey.items()), key=lambda one: (one.survey not in SCALES, one.survey))


def _spread(survey: str, rows: Sequence[Any]) -> Spread:
    said = [row for row in rows if row.score is not None or row.reason]
    scale = SCALES.get(survey)
    bars = _on_scale(survey, scale, said) if scale is not None else _by_reason(said)
    return Spread(survey, bars, sum(bar.count for bar in bars), sum(row.wordy for row in rows))


def _on_scale(survey: str, scale: Scale, rows: Sequence[Any]) -> list[Bar]:
    """Every point of the scale, also those that nobody gave."""
    counts: Counter[float] = Counter()
    for row in rows:
        if row.score is not None:
            counts[row.score] += row.count
    moods = {point: mood for mood, band in BANDS.get(survey, {}).items() for point in band.scores}
    return [Bar(str(point), counts[point], moods.get(point, "")) for point in scale.scores]


def _by_reason(rows: Sequence[Any]) -> list[Bar]:
    counts: Counter[str] = Counter()
    for row in rows:
        counts[(row.reason or f"{row.score:g}").replace("_", " ")] += row.count
    return [Bar(name, count) for name, count in counts.most_common()]


def words(
    connection: sa.Connection, since: datetime, until: datetime, *, survey: str = "", most: int = 500
) -> list[Words]:
    """The newest answers with words in them."""
    said = everything().subquery("answered")
    of = said.c
    chosen = (
        sa.select(
            of.at, of.contact_id, contacts.c.email, of.survey, of.score, of.reason, of.comment, contacts.c.language
        )
        .join_from(said, contacts, contacts.c.id == of.contact_id)
        .where(of.at >= since, of.at < until, of.comment.is_not(None), of.comment != "")
    )
    if survey:
        chosen = chosen.where(of.survey == survey)
    return [Words(*row) for row in connection.execute(chosen.order_by(of.at.desc()).limit(most))]


def returning(said: Sequence[Words], usual: str) -> list[Keyword]:
    """The words that come up in two of these or more; `usual` is the language where none is known."""
    return keywords([Text(one.comment, one.language) for one in said], usual)
