"""How figures went: month by month, quarter by quarter, year by year."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from runner.kpis.kept import kept
from runner.kpis.measure import Kpi, Period, Segment
from runner.kpis.periods import Step, name_of, periods_before
from runner.kpis.set import compute
from runner.settings import Settings


@dataclass(frozen=True, slots=True)
class Trend:
    """One figure over the periods, the oldest first."""

    step: Step
    figures: Sequence[Kpi]

    def document(self) -> dict[str, Any]:
        """For `kpis --trend --json`: the figures' documents, each period with its name."""
        told = [kpi.document() | {"period_name": name_of(kpi.period, self.step)} for kpi in self.figures]
        return {"key": self.figures[0].key, "name": self.figures[0].name, "step": self.step.value, "figures": told}


def trend(
    connection: sa.Connection,
    *,
    step: Step,
    many: int,
    as_of: datetime,
    settings: Settings,
    keys: Iterable[str],
    segment: Segment | None = None,
    fresh: bool = True,
) -> list[Trend]:
    """The figures of `keys`, without their parts, over the last `many` periods that are over.

    Not `fresh`, a period's figures are those told last where there are any: a page does not wait for counting.
    """
    wanted = tuple(dict.fromkeys(keys))
    by_key: dict[str, list[Kpi]] = {key: [] for key in wanted}
    for period in periods_before(as_of, settings.timezone, step, many):
        for kpi in _figures(connection, period, as_of, settings, wanted, segment, fresh=fresh):
            if kpi.key in by_key:
                by_key[kpi.key].append(kpi)
    return [Trend(step, figures) for figures in by_key.values() if figures]


def _figures(
    connection: sa.Connection,
    period: Period,
    as_of: datetime,
    settings: Settings,
    keys: Sequence[str],
    segment: Segment | None,
    *,
    fresh: bool,
) -> list[Kpi]:
    told_before = None
    if not fresh:
        text = segment.text if segment else ""
        told_before = kept(connection, period=period, settings=settings, keys=keys, segment=text)
    return told_before or compute(connection, period=period, as_of=as_of, settings=settings, keys=keys, segment=segment)
