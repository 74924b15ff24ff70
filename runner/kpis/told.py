"""A figure that is ready to be shown: with its definition, what it is judged by, and why there is none."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from runner.kpis.asked import Asked, Period
from runner.kpis.measure import Direction, Figure, Measure, Reason, Unit
from runner.kpis.targets import Status, Target, Warned, status_of, target_of, warned_of


@dataclass(frozen=True, slots=True)
class Kpi:
    """One figure, ready to be shown."""

    key: str
    name: str
    unit: Unit
    direction: Direction
    value: float | None
    n: int
    #: The 95 % interval; None where a figure has none.
    low: float | None
    high: float | None
    reason: Reason | None
    #: `reason` as a sentence.
    why: str
    needs: tuple[str, ...]
    period: Period
    as_of: datetime
    definition: str
    #: The part of the definition that settings and the history decide; it stands beside the number.
    note: str
    target: Target | None
    status: Status | None
    version: int = 1
    warning: Warned | None = None
    #: The condition on the people counted; empty for all.
    segment: str = ""
    #: Of an amount of money.
    currency: str = ""
    benchmark: str = ""
    vanity: str = ""

    @property
    def part_of(self) -> str:
        """The key of the KPI beside which this figure stands; empty of a KPI itself."""
        return self.key.rpartition(".")[0]

    def document(self) -> dict[str, Any]:
        """The figure as `kpis --json` prints it; `to` is the first day that no longer counts."""
        return {
            "key": self.key,
            "name": self.name,
            "value": self.value,
            "unit": self.unit.value,
            "currency": self.currency or None,
            "direction": self.direction.value,
            "n": self.n,
            "low": self.low,
            "high": self.high,
            "reason": self.reason and self.reason.value,
            "needs": list(self.needs),
            "period": {"from": self.period.start.isoformat(), "to": self.period.end.isoformat()},
            "as_of": self.as_of.isoformat(),
            "segment": self.segment or None,
            "definition": self.definition,
            "definition_version": self.version,
            "benchmark": self.benchmark or None,
            "vanity": self.vanity or None,
            "target": self.target and self.target.document(),
            "warning": self.warning and self.warning.document(),
            "status": self.status and self.status.value,
        }


def named_figure(measure: Measure, part: str, figure: Figure, asked: Asked) -> Kpi:
    """A figure with its definition, judged against its target."""
    about = measure.about(part)
    key = f"{measure.key}.{part}" if part else measure.key
    target, minimum_n = target_of(asked.settings.kpis, key), asked.settings.kpis.minimum_n
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
        why=_why(measure, figure, asked),
        needs=measure.needs,
        period=asked.period,
        as_of=asked.as_of,
        definition=f"{about.formula} {figure.note}".strip(),
        note=figure.note,
        target=target if target is not None and target.aims else None,
        status=status_of(figure, about, target, minimum_n),
        version=measure.version,
        warning=None if target is None else warned_of(figure, about, target, minimum_n),
        segment=asked.segment.text if asked.segment else "",
        currency=asked.settings.currency if about.unit is Unit.MONEY else "",
        benchmark="" if part else measure.benchmark,
        vanity="" if part else measure.vanity,
    )


def _why(measure: Measure, figure: Figure, asked: Asked) -> str:
    match figure.reason:
        case None:
            return ""
        case Reason.NO_DATA:
            return f"needs {' and '.join(measure.needs)}: none have come in"
        case Reason.NO_DENOMINATOR:
            return measure.nothing
        case Reason.NOT_REACHED:
            return "the period has not begun" if asked.start >= asked.as_of else "not reached yet"
        case Reason.NON_STANDARD_SCALE:
            return "answers on other scales only"
        case Reason.MISSING_RATE:
            return "amounts without an exchange rate"
