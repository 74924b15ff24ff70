"""The scales on which scores count: the standard ones, and those of satisfaction that the account adds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from runner.kpis.rows import plain
from runner.settings import KpiSettings
from runner.store.tables import surveys


@dataclass(frozen=True, slots=True)
class Scale:
    kind: str
    lowest: int
    highest: int
    #: From this score on the answer is one of a promoter, or of somebody satisfied.
    top: int

    @property
    def words(self) -> str:
        """`1-5`"""
        return f"{self.lowest}-{self.highest}"


NPS, CSAT = Scale("nps", 0, 10, 9), Scale("csat", 1, 5, 4)


def scales_of(settings: KpiSettings) -> Sequence[Scale]:
    """The promoter score's first, then those of satisfaction, the standard one first."""
    added = (_of(words, top) for words, top in settings.csat_scales.items())
    return (NPS, CSAT, *(one for one in added if one != CSAT))


def _of(words: str, top: int) -> Scale:
    lowest, highest = map(int, words.split("-"))
    return Scale("csat", lowest, highest, top)


def kind_of_survey() -> sa.ColumnElement[str]:
    """What sort of survey a source's row is of, however it is spelled."""
    return plain(sa.func.trim(surveys.c.kind), ("nps", "csat", "ces", "exit"))


def scale_of_survey() -> sa.ColumnElement[str]:
    """The scale without blanks and with a plain hyphen, as `0-10`."""
    written: sa.ColumnElement[str] = surveys.c.scale
    for other, meant in ((" ", ""), ("–", "-"), ("..", "-")):
        written = sa.func.replace(written, other, meant)
    return written
