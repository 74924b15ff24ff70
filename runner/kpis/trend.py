"""How figures went: month by month, quarter by quarter, year by year."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from runner.kpis.asked import Period, Segment
from runner.kpis.kept import kept
from runner.kpis.periods import Step, name_of, periods_before
from runner.kpis.set import compute_each
from runner.kpis.told import Kpi
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
    as_told: bool = False,
    counts: bool = True,
) -> list[Trend]:
    """The figures of `keys`, without their parts, over the last `many` periods that are over.

    `as_told` takes those that were told last; without `counts` a period of which none were told is left out: a page
    does not wait for counting.
    """
    wanted = tuple(dict.fromkeys(keys))
    periods = periods_before(as_of, settings.timezone, step, many)
    told: dict[Period, list[Kpi]] = {}
    if as_told:
        text = segment.text if segment else ""
        told = {one: kept(connection, period=one, settings=settings, keys=wanted, segment=text) for one in periods}
    missing = [period for period in periods if not told.get(period)] if counts else []
    counted = compute_each(connection, periods=missing, as_of=as_of, settings=settings, keys=wanted, segment=segment)
    told |= dict(zip(missing, counted, strict=True))
    by_key: dict[str, list[Kpi]] = {key: [] for key in wanted}
    for kpi in (kpi for period in periods for kpi in told[period]):
        if kpi.key in by_key:
            by_key[kpi.key].append(kpi)
    return [Trend(step, figures) for figures in by_key.values() if figures]
