"""Figures that are kept: as they were told, with another edition where late rows changed the answer.

Whoever opens a page reads these in milliseconds; that they say what counting anew would say, a test holds.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from runner.kpis.asked import Asked, Period, Segment, default_period
from runner.kpis.measure import Figure, Measure, Reason
from runner.kpis.periods import Step, periods_before
from runner.kpis.set import KPIS, compute_each
from runner.kpis.told import Kpi, named_figure
from runner.settings import Settings
from runner.store import Store
from runner.store.tables import cursors, kpi_values

#: How many of each calendar period are kept behind one another.
BACK = {Step.MONTHS: 24, Step.QUARTERS: 8, Step.YEARS: 3}
#: Periods computed for the first time at once: the rest of a long history follows night by night.
AT_ONCE = 6
#: The latest periods may still change: returns, answers, late rows.
_STILL_OPEN = timedelta(days=62)


def keep(store: Store, figures: Sequence[Kpi], settings: Settings) -> int:
    """Writes down what differs from what was told last of the same question; how many figures did."""
    with store.read() as connection:
        watermark = connection.scalar(sa.select(sa.func.max(cursors.c.synced_at)))
    known = rules(settings)
    written = 0
    for first, behind, segment in sorted({(kpi.period.start, kpi.period.end, kpi.segment) for kpi in figures}):
        own = [kpi for kpi in figures if (kpi.period.start, kpi.period.end, kpi.segment) == (first, behind, segment)]
        with store.write() as connection:
            before = {(row.key, row.definition): row for row in _latest(connection, own[0].period, segment, known)}
            rows = [
                _row(kpi, before.get((kpi.key, kpi.version)), known, watermark)
                for kpi in own
                if not _same(kpi, before.get((kpi.key, kpi.version)))
            ]
            if rows:
                connection.execute(sa.insert(kpi_values), rows)
        written += len(rows)
    return written


def kept(
    connection: sa.Connection,
    *,
    period: Period,
    settings: Settings,
    keys: Iterable[str] | None = None,
    segment: str = "",
) -> list[Kpi]:
    """The figures of a period as they were told last, in their order; none where it was never computed."""
    wanted = None if keys is None else {key.partition(".")[0] for key in keys}
    rows: dict[str, list[Any]] = {}
    for row in _latest(connection, period, segment, rules(settings), wanted):
        rows.setdefault(row.key.partition(".")[0], []).append(row)
    people = Segment(segment, sa.select(sa.null())) if segment else None
    return [
        named_figure(
            measure,
            row.key.partition(".")[2],
            Figure(row.value, row.n, row.low, row.high, row.reason and Reason(row.reason), row.note),
            Asked(connection, period, row.as_of, settings, people),
        )
        for measure in KPIS
        if wanted is None or measure.key in wanted
        for row in _in_order(measure, rows.get(measure.key, ()))
        if row.definition == measure.version
    ]


def _in_order(measure: Measure, rows: Iterable[Any]) -> Sequence[Any]:
    """The KPI, its parts, and behind them those that bear a name out of the rows; another edition changes no order."""
    places = {key: place for place, key in enumerate(measure.keys)}
    return sorted(rows, key=lambda row: places.get(row.key, len(places)))


def standing_periods(as_of: datetime, zone: str) -> Sequence[Period]:
    """The periods that pages show, the newest first: the last 90 days, months, quarters, years."""
    calendar = [period for step, many in BACK.items() for period in periods_before(as_of, zone, step, many)]
    return [default_period(as_of, zone), *sorted(calendar, key=lambda period: period.end, reverse=True)]


def refresh(store: Store, settings: Settings, now: datetime) -> int:
    """Computes and keeps what pages show: the latest periods anew, of older ones a few that were never computed.

    A period of which a figure was told by another definition than today's has not been computed.
    """
    with store.read() as connection:
        there = _there(connection, settings)
    standing = list(dict.fromkeys(standing_periods(now, settings.timezone)))
    open_still = (now - _STILL_OPEN).date()
    missing = [one for one in standing if (one.start, one.end) not in there]
    again = [one for one in standing if one not in missing and one.end >= open_still]
    periods = [*again, *missing[:AT_ONCE]]
    with store.read() as connection:
        counted = compute_each(connection, periods=periods, as_of=now, settings=settings)
    return keep(store, [kpi for figures in counted for kpi in figures], settings)


def _there(connection: sa.Connection, settings: Settings) -> set[tuple[date, date]]:
    """The periods of which every KPI was told, as it is defined now."""
    v = kpi_values.c
    told = sa.select(v.first, v.behind, v.key, v.definition).where(v.rules == rules(settings), v.segment == "")
    found: dict[tuple[date, date], set[tuple[str, int]]] = {}
    for row in connection.execute(told.where(v.key.in_([measure.key for measure in KPIS])).distinct()):
        found.setdefault((row.first, row.behind), set()).add((row.key, row.definition))
    now = {(measure.key, measure.version) for measure in KPIS}
    return {period for period, figures in found.items() if now <= figures}


def rules(settings: Settings) -> str:
    """A digest of what the account decides about counting: figures under other rules are other figures."""
    told = settings.kpis.model_dump(mode="json", exclude={"show", "goals", "targets", "reviewed", "minimum_n"})
    # What adds nothing is as if there were no such key: with a new one all that was kept would be of other rules.
    decided = {key: value for key, value in told.items() if value != {}}
    said = json.dumps(
        [settings.timezone, settings.currency, settings.customers, settings.orders_from, decided], default=str
    )
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def _latest(
    connection: sa.Connection, period: Period, segment: str, known: str, wanted: Collection[str] | None = None
) -> Sequence[Any]:
    v = kpi_values.c
    of = [v.segment == segment, v.first == period.start, v.behind == period.end, v.rules == known]
    if wanted is not None:
        parts = (v.key.startswith(f"{key}.", autoescape=True) for key in wanted)
        of.append(sa.or_(v.key.in_(wanted), *parts))
    last = sa.select(v.key, v.definition, sa.func.max(v.edition).label("edition")).where(*of)
    newest = last.group_by(v.key, v.definition).subquery()
    same = sa.and_(v.key == newest.c.key, v.definition == newest.c.definition, v.edition == newest.c.edition)
    return connection.execute(sa.select(kpi_values).join(newest, same).where(*of).order_by(v.id)).all()


def _same(kpi: Kpi, row: Any) -> bool:
    if row is None:
        return False
    return (kpi.value, kpi.n, kpi.low, kpi.high, kpi.reason, kpi.note) == (
        row.value, row.n, row.low, row.high, row.reason and Reason(row.reason), row.note,
    )  # fmt: skip


def _row(kpi: Kpi, before: Any, known: str, watermark: datetime | None) -> dict[str, Any]:
    return {
        "key": kpi.key,
        "segment": kpi.segment,
        "first": kpi.period.start,
        "behind": kpi.period.end,
        "definition": kpi.version,
        "rules": known,
        "edition": 1 if before is None else before.edition + 1,
        "as_of": kpi.as_of,
        "watermark": watermark,
        "value": kpi.value,
        "n": kpi.n,
        "low": kpi.low,
        "high": kpi.high,
        "reason": kpi.reason and kpi.reason.value,
        "note": kpi.note,
    }
