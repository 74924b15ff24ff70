"""Every answer of the period that has a score, ours and the sources', read once for all figures about scores."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import sqlalchemy as sa

from runner.kpis.asked import Asked
from runner.kpis.rows import there, with_people, with_sources
from runner.kpis.scales import Scale, kind_of_survey, scale_of_survey, scales_of
from runner.store.arrays import Floats, Ints, Yes, numbers
from runner.store.tables import answers, contact_sources, surveys


@dataclass(frozen=True, slots=True)
class Scores:
    """One place an answer."""

    person: Ints
    #: Microseconds since 1970.
    at: Ints
    score: Floats
    #: The place of its scale among those that count; below 0 of another scale: −1 of a promoter score, −2 of
    #: satisfaction.
    scale: Ints
    #: 0 of our own pages, 1 of a source; and the number of its row there.
    origin: Ints
    row: Ints

    def __len__(self) -> int:
        return len(self.person)

    def of(self, which: Yes | Ints) -> Scores:
        return Scores(*(getattr(self, one.name)[which] for one in fields(self)))

    def on(self, place: int) -> Scores:
        """Those on one of the scales."""
        return self.of(self.scale == place)

    def valid(self, scale: Scale) -> Scores:
        """Those whose score is a point of the scale."""
        inside = (self.score >= scale.lowest) & (self.score <= scale.highest)
        return self.of(inside & (np.floor(self.score) == self.score))

    def latest(self) -> Scores:
        """The last one of each person; of one instant ours comes first, then the one that was written last."""
        order = np.lexsort((-self.row, self.origin, -self.at, self.person))
        return self.of(order[np.flatnonzero(np.diff(self.person[order], prepend=-1))])

    def from_(self, score: float) -> int:
        """How many are so high, or higher."""
        return int(np.count_nonzero(self.score >= score))

    def upto(self, score: float) -> int:
        return int(np.count_nonzero(self.score <= score))


def scores_of(asked: Asked) -> Scores:
    """As known at the as-of instant."""
    return Scores(*numbers(asked.connection, sa.union_all(_ours(asked), _theirs(asked)).subquery().select()))


def _ours(asked: Asked) -> sa.Select[Any]:
    a = answers.c
    rows, person = with_people(asked, answers, a.contact_id)
    return (
        sa.select(
            person.label("person"),
            a.answered_at.label("at"),
            a.score.label("score"),
            sa.case((a.kind == "nps", 0), else_=1).label("scale"),
            sa.literal(0).label("origin"),
            a.id.label("row"),
        )
        .select_from(rows)
        .where(a.kind.in_(("nps", "csat")), a.score.is_not(None), asked.within(a.answered_at), asked.known(a.seen_at))
    )


def _theirs(asked: Asked) -> sa.Select[Any]:
    s, kind, scale = surveys.c, kind_of_survey(), scale_of_survey()
    rows, person = with_people(asked, with_sources(surveys), contact_sources.c.contact_id)
    places = [
        (sa.and_(kind == one.kind, scale == one.words), place)
        for place, one in enumerate(scales_of(asked.settings.kpis))
    ]
    of_kind = kind.in_(("nps", "csat"))
    return (
        sa.select(
            person,
            s.responded_at,
            s.score,
            sa.case(*places, (kind == "nps", -1), else_=-2),
            sa.literal(1),
            s.id,
        )
        .select_from(rows)
        .where(of_kind, s.score.is_not(None), asked.within(s.responded_at), there(asked, surveys))
    )
