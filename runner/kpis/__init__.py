"""The figures that tell whether any of it worked, computed from the store as it was known at an instant.

A new KPI is a function with its definition in its family's file, and its name in `KPIS`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

import sqlalchemy as sa

from runner.kpis.mail import complaint_rate, email_click_rate, email_open_rate, unsubscribe_rate
from runner.kpis.measure import (
    Asked,
    Direction,
    Figure,
    Kpi,
    Measure,
    Period,
    Reason,
    Status,
    Target,
    Unit,
    default_period,
)
from runner.kpis.retention import churn_rate, crr
from runner.kpis.satisfaction import csat, nps, survey_response_rate
from runner.settings import KpiSettings, Settings
from runner.yaml_file import closest

__all__ = [
    "KEYS",
    "KPIS",
    "Direction",
    "Kpi",
    "Measure",
    "Period",
    "Reason",
    "Status",
    "Target",
    "Unit",
    "compute",
    "default_period",
    "mistakes",
]

#: Every KPI, in the order in which they are shown.
KPIS: tuple[Measure, ...] = (
    crr,
    churn_rate,
    nps,
    csat,
    survey_response_rate,
    email_open_rate,
    email_click_rate,
    unsubscribe_rate,
    complaint_rate,
)
#: The keys of all figures, parts included.
KEYS: tuple[str, ...] = tuple(key for measure in KPIS for key in measure.keys)


def compute(
    connection: sa.Connection,
    *,
    period: Period,
    as_of: datetime,
    settings: Settings,
    keys: Iterable[str] | None = None,
) -> list[Kpi]:
    """The KPIs of `keys` with their parts, all by default; nothing that came or happened after `as_of` is counted."""
    asked = Asked(connection, period, as_of, settings)
    wanted = None if keys is None else {key.partition(".")[0] for key in keys}
    return [
        figure for measure in KPIS if wanted is None or measure.key in wanted for figure in _figures(measure, asked)
    ]


def mistakes(settings: KpiSettings) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
    """What the settings under `kpis:` name and there is not: the path below `kpis`, what is wrong, advice."""
    named: list[tuple[tuple[str | int, ...], str]] = [(("show", place), key) for place, key in enumerate(settings.show)]
    for path, key in [*named, *((("targets", key), key) for key in settings.targets)]:
        if key not in KEYS:
            yield path, f"no KPI {key!r}", closest(key, KEYS) or f"there are {', '.join(kpi.key for kpi in KPIS)}"
    for key, target in settings.targets.items():
        for bound in target.keys() - {"at_least", "at_most"}:
            yield (
                ("targets", key, bound),
                f"must be at_least or at_most, is {bound!r}",
                closest(bound, ("at_least", "at_most")),
            )


def _figures(measure: Measure, asked: Asked) -> Iterator[Kpi]:
    computed = _nothing_yet(measure) if asked.start >= asked.as_of else measure.compute(asked)
    never = computed[""].reason is Reason.NO_DENOMINATOR and not _has_any(measure, asked)
    for name, figure in computed.items():
        if never and figure.value in (None, 0):
            figure = Figure(None, 0, reason=Reason.NO_DATA, note=figure.note)
        yield _kpi(measure, name, figure, asked)


def _nothing_yet(measure: Measure) -> Mapping[str, Figure]:
    return dict.fromkeys(("", *measure.parts), Figure(None, 0, reason=Reason.NOT_REACHED))


def _has_any(measure: Measure, asked: Asked) -> bool:
    """Whether any row of what the KPI reads was known at the as-of instant."""
    queries = (sa.select(sa.exists().where(asked.known(since))) for since in measure.reads)
    return any(asked.connection.scalar(query) for query in queries)


def _kpi(measure: Measure, part: str, figure: Figure, asked: Asked) -> Kpi:
    about = measure.parts[part] if part else measure
    key = f"{measure.key}.{part}" if part else measure.key
    bounds = asked.settings.kpis.targets.get(key)
    target = None if bounds is None else Target(bounds.get("at_least"), bounds.get("at_most"))
    return Kpi(
        key=key,
        name=about.name,
        unit=about.unit,
        direction=about.direction,
        value=figure.value,
        n=figure.n,
        low=figure.low,
        high=figure.high,
        reason=figure.reason,
        why=_why(measure, figure.reason),
        needs=measure.needs,
        period=asked.period,
        as_of=asked.as_of,
        definition=f"{about.formula} {figure.note}".strip(),
        note=figure.note,
        target=target,
        status=_status(figure, about.unit, target, asked.settings.kpis.minimum_n),
    )


def _status(figure: Figure, unit: Unit, target: Target | None, minimum_n: int) -> Status | None:
    if figure.value is None:
        return None
    if unit is not Unit.COUNT and figure.n < minimum_n:
        return Status.TOO_FEW
    return None if target is None else target.judge(figure)


def _why(measure: Measure, reason: Reason | None) -> str:
    match reason:
        case None:
            return ""
        case Reason.NO_DATA:
            return f"needs {' and '.join(measure.needs)}: none have come in"
        case Reason.NO_DENOMINATOR:
            return measure.nothing
        case Reason.NOT_REACHED:
            return "the period has not begun"
        case Reason.NON_STANDARD_SCALE:
            return "answers on other scales only"
