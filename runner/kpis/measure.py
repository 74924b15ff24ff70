"""What a KPI is: a definition, the question it answers, and the figure with n, interval and status that comes out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Any, TypeVar

import sqlalchemy as sa

from runner import clock
from runner.errors import WrongUsage
from runner.kpis import intervals
from runner.settings import Settings

#: Full local days that are looked at unless a period is given.
DEFAULT_DAYS = 90

Told = TypeVar("Told")


class Unit(StrEnum):
    #: A share of 1.
    RATIO = "ratio"
    #: −100 to 100.
    POINTS = "points"
    COUNT = "count"
    #: The mean of scores, in the points of their scale.
    SCORE = "score"


class Direction(StrEnum):
    """Which way is better."""

    HIGHER = "higher"
    LOWER = "lower"
    #: Neither: it is read beside another figure.
    CONTEXT = "context"


class Reason(StrEnum):
    """Why there is no value."""

    #: Nothing of what the KPI counts has ever come in.
    NO_DATA = "no_data"
    #: It has, but there is nothing to divide by in this period.
    NO_DENOMINATOR = "no_denominator"
    #: The period had not begun at the as-of instant.
    NOT_REACHED = "not_reached"
    #: There are answers, none of them on the KPI's own scale.
    NON_STANDARD_SCALE = "non_standard_scale"


class Status(StrEnum):
    """How a value stands against its target."""

    MET = "met"
    MISSED = "missed"
    #: It falls short of the target, but the interval contains it: perhaps by chance.
    UNCLEAR = "unclear"
    #: Too few cases for any judgement; no alert may rest on it.
    TOO_FEW = "too_few"


@dataclass(frozen=True, slots=True)
class Period:
    """Local days of the account's zone, the last one not included. Raises WrongUsage when it ends before it begins."""

    start: date
    end: date

    def __post_init__(self) -> None:
        if self.start >= self.end:
            raise WrongUsage(
                f"the period ends before it begins: from {self.start} to {self.end}; "
                "the second day is the first one that no longer counts"
            )

    @property
    def days(self) -> int:
        return (self.end - self.start).days

    @property
    def last_day(self) -> date:
        return self.end - timedelta(days=1)


def default_period(as_of: datetime, zone: str) -> Period:
    """The last 90 full local days before the instant."""
    today = clock.local(as_of, zone).date()
    return Period(today - timedelta(days=DEFAULT_DAYS), today)


@dataclass(frozen=True)
class Asked:
    """One look at the store: which period, as known when, under which settings."""

    connection: sa.Connection
    period: Period
    as_of: datetime
    settings: Settings
    _told: dict[Callable[[Asked], Any], Any] = field(default_factory=dict, repr=False)

    @cached_property
    def start(self) -> datetime:
        return clock.midnight(self.period.start, self.settings.timezone)

    @cached_property
    def end(self) -> datetime:
        """The end of the period, or the as-of instant where that comes first."""
        return min(clock.midnight(self.period.end, self.settings.timezone), self.as_of)

    def before(self, column: sa.ColumnElement[datetime]) -> sa.ColumnElement[bool]:
        """Happened before the period's end, and was not in the future at the as-of instant."""
        over = clock.midnight(self.period.end, self.settings.timezone)
        return column < over if over <= self.as_of else column <= self.as_of

    def within(self, column: sa.ColumnElement[datetime]) -> sa.ColumnElement[bool]:
        return sa.and_(column >= self.start, self.before(column))

    def known(self, column: sa.ColumnElement[datetime]) -> sa.ColumnElement[bool]:
        """Was there at the as-of instant."""
        return column <= self.as_of

    def alive(self, deleted_at: sa.ColumnElement[datetime]) -> sa.ColumnElement[bool]:
        return sa.or_(deleted_at.is_(None), deleted_at > self.as_of)

    def once(self, query: Callable[[Asked], Told]) -> Told:
        """What the query tells; KPIs that read the same rows share it."""
        if query not in self._told:
            self._told[query] = query(self)
        told: Told = self._told[query]
        return told


@dataclass(frozen=True, slots=True)
class Figure:
    """What came out of one computation, before it is named and judged."""

    value: float | None
    #: The cases it rests on.
    n: int
    low: float | None = None
    high: float | None = None
    reason: Reason | None = None
    #: What this computation adds to the definition: a setting in force, how far back the history goes.
    note: str = ""


def rate(hits: int, n: int, *, note: str = "") -> Figure:
    """A share with Wilson's interval; none of nothing is no share at all."""
    if n == 0:
        return Figure(None, 0, reason=Reason.NO_DENOMINATOR, note=note)
    return Figure(hits / n, n, *intervals.wilson(hits, n), note=note)


def count(n: int) -> Figure:
    return Figure(n, n)


@dataclass(frozen=True, slots=True)
class Part:
    """A figure that stands beside a KPI, as `key.part`."""

    name: str
    unit: Unit
    formula: str
    direction: Direction = Direction.CONTEXT


@dataclass(frozen=True, slots=True)
class Measure:
    """A KPI: its definition and the function that computes it and its parts (the KPI itself under "")."""

    key: str
    name: str
    unit: Unit
    direction: Direction
    formula: str
    #: The tables a source must bring; what Regulars itself sends and asks counts without any.
    needs: tuple[str, ...]
    #: The columns that say since when each kind of row it reads is known.
    reads: tuple[sa.Column[Any], ...]
    #: Why there is no value when there is nothing to divide by, in words.
    nothing: str
    #: Its number in the KPI catalogue; None of one that the catalogue names only beside another.
    entry: int | None
    compute: Callable[[Asked], Mapping[str, Figure]]
    parts: Mapping[str, Part] = field(default_factory=dict)

    @property
    def keys(self) -> tuple[str, ...]:
        return (self.key, *(f"{self.key}.{part}" for part in self.parts))


def kpi(**definition: Any) -> Callable[[Callable[[Asked], Mapping[str, Figure]]], Measure]:
    """Makes a function a KPI by giving it its definition."""
    return lambda compute: Measure(compute=compute, **definition)


@dataclass(frozen=True, slots=True)
class Target:
    """What the account wants a figure to be."""

    at_least: float | None = None
    at_most: float | None = None

    def document(self) -> dict[str, float]:
        told = {"at_least": self.at_least, "at_most": self.at_most}
        return {name: bound for name, bound in told.items() if bound is not None}

    def judge(self, figure: Figure) -> Status:
        """Whether the value reaches the target; falling short within the interval is not called a miss."""
        assert figure.value is not None
        if self._reached(figure.value, figure.value):
            return Status.MET
        surely = figure.low is None or figure.high is None or not self._reached(figure.low, figure.high)
        return Status.MISSED if surely else Status.UNCLEAR

    def _reached(self, low: float, high: float) -> bool:
        """Whether some value between the two reaches the target."""
        return (self.at_least is None or high >= self.at_least) and (self.at_most is None or low <= self.at_most)


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
            "n": self.n,
            "low": self.low,
            "high": self.high,
            "reason": self.reason and self.reason.value,
            "needs": list(self.needs),
            "period": {"from": self.period.start.isoformat(), "to": self.period.end.isoformat()},
            "as_of": self.as_of.isoformat(),
            "definition": self.definition,
            "target": self.target and self.target.document(),
            "status": self.status and self.status.value,
        }
