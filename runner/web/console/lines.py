"""A trend as a line that templates draw: its points in the units of a box, gaps where there is no value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from runner.kpis import Kpi, Status, Trend, Unit, name_of
from runner.kpis.words import number_words, value_words

#: The box, in its own units: the browser stretches it.
WIDE, HIGH = 240.0, 100.0
_ROOM = 8.0


@dataclass(frozen=True, slots=True)
class Point:
    """One period's value and interval; from the left and from the top."""

    x: float
    y: float
    low: float | None
    high: float | None
    is_vague: bool


@dataclass(frozen=True, slots=True)
class Line:
    """A figure over periods that follow one another."""

    #: What follows without a gap.
    runs: Sequence[Sequence[Point]]
    #: The ends of the scale, and where the target lies, if it does within it.
    lowest: str
    highest: str
    target: float | None
    words: str

    @property
    def points(self) -> list[Point]:
        return [point for run in self.runs for point in run]


def line_of(trend: Trend | None, *, intervals: bool = True) -> Line | None:
    """None where fewer than two periods have a value: that is no line."""
    told = [] if trend is None else [kpi for kpi in trend.figures if kpi.value is not None]
    if trend is None or len(told) < 2:
        return None
    aims = list(told[-1].target.document().values()) if told[-1].target else []
    low, high = _scale(told, aims, intervals=intervals)

    def down(value: float) -> float:
        return round(_ROOM + (HIGH - 2 * _ROOM) * (high - value) / (high - low), 2)

    runs: list[list[Point]] = [[]]
    for number, kpi in enumerate(trend.figures):
        if kpi.value is None:
            runs.append([])
            continue
        across = round(WIDE * (number + 0.5) / len(trend.figures), 2)
        low_end, high_end = (down(end) if end is not None and intervals else None for end in (kpi.low, kpi.high))
        runs[-1].append(Point(across, down(kpi.value), low_end, high_end, kpi.status is Status.TOO_FEW))
    unit = told[-1].unit
    return Line(
        [run for run in runs if run],
        number_words(low, unit),
        number_words(high, unit),
        down(aims[0]) if aims else None,
        _words(trend, told),
    )


def _scale(told: Sequence[Kpi], aims: Sequence[float], *, intervals: bool) -> tuple[float, float]:
    """From the lowest to the highest that is drawn; never of no height, and shares between none and all."""
    drawn = [kpi.value for kpi in told if kpi.value is not None] + list(aims)
    if intervals:
        drawn += [end for kpi in told for end in (kpi.low, kpi.high) if end is not None]
    low, high = min(drawn), max(drawn)
    if low == high:
        room = abs(low) / 10 or 1.0
        low, high = low - room, high + room
        return (max(0.0, low), high) if told[0].unit is not Unit.POINTS else (low, high)
    return low, high


def _words(trend: Trend, told: Sequence[Kpi]) -> str:
    """`12 months, from 81.2 % in Dec 2025 to 84.0 % in Nov 2026`: what the line shows to whoever cannot see it."""
    first, last = told[0], told[-1]
    ends = (f"{value_words(kpi)} in {name_of(kpi.period, trend.step)}" for kpi in (first, last))
    return f"{len(told)} {trend.step.value}, from " + " to ".join(ends)
