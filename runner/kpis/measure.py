"""What a KPI is: a definition, the question it answers, and the figure with n, interval and status that comes out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
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


@dataclass(frozen=True, slots=True)
class Segment:
    """Some of the people: the condition as it was written, and their ids as a SELECT."""

    text: str
    people: sa.Select[Any]


class Unit(StrEnum):
    #: A share of 1.
    RATIO = "ratio"
    #: −100 to 100.
    POINTS = "points"
    COUNT = "count"
    #: The mean of scores, in the points of their scale.
    SCORE = "score"
    #: Of the account's currency.
    MONEY = "money"
    DAYS = "days"
    MINUTES = "minutes"
    #: So many of one for each of another: orders a customer, gains for each loss.
    NUMBER = "number"


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
    #: There are amounts in a currency of which no rate is known on that day or before.
    MISSING_RATE = "missing_rate"


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
    #: Only of these people; None: of all.
    segment: Segment | None = None
    _told: dict[Callable[[Asked], Any], Any] = field(default_factory=dict, repr=False)
    _always: dict[Callable[[Asked], Any], Any] = field(default_factory=dict, repr=False)

    @cached_property
    def start(self) -> datetime:
        return clock.midnight(self.period.start, self.settings.timezone)

    @cached_property
    def end(self) -> datetime:
        """The end of the period, or the as-of instant where that comes first."""
        return min(clock.midnight(self.period.end, self.settings.timezone), self.as_of)

    @property
    def zone(self) -> str:
        return self.settings.timezone

    @cached_property
    def last_instant(self) -> date:
        """The local day whose beginning is the period's end, or the day of the as-of instant where that comes first."""
        return min(self.period.end, clock.local(self.as_of, self.zone).date())

    def midnight(self, day: date) -> datetime:
        return clock.midnight(day, self.zone)

    def on_a_day(self, column: sa.ColumnElement[date]) -> sa.ColumnElement[bool]:
        """A day of the period that was not in the future at the as-of instant."""
        today = clock.local(self.as_of, self.zone).date()
        return sa.and_(column >= self.period.start, column < self.period.end, column <= today)

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

    def always(self, query: Callable[[Asked], Told]) -> Told:
        """The same of what does not go by the period: all periods that are asked of one after another share it."""
        if query not in self._always:
            self._always[query] = query(self)
        told: Told = self._always[query]
        return told

    def of(self, period: Period) -> Asked:
        """Another period, at the same instant and of the same people."""
        return replace(self, period=period, _told={})


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


def average(value: float, n: int, deviation: float, *, note: str = "") -> Figure:
    """A mean with Student's interval; none of a single case."""
    low, high = intervals.mean(value, deviation, n) or (None, None)
    return Figure(value, n, low, high, note=note)


def count(n: int) -> Figure:
    return Figure(n, n)


def nothing(reason: Reason = Reason.NO_DENOMINATOR, *, n: int = 0, note: str = "") -> Figure:
    """No value, and why."""
    return Figure(None, n, reason=reason, note=note)


def quotient(over: float | Decimal, under: float | Decimal, n: int, *, note: str = "") -> Figure:
    """One amount for each of another, without an interval; none of nothing is no quotient."""
    return Figure(float(over / under), n, note=note) if under else nothing(n=0, note=note)  # type: ignore[operator]


@dataclass(frozen=True, slots=True)
class Part:
    """A figure that stands beside a KPI, as `key.part`."""

    name: str
    unit: Unit
    formula: str
    direction: Direction = Direction.CONTEXT
    #: A total and no estimate: few cases make it no less sure.
    certain: bool = False


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
    #: What the parts are that bear a name out of the rows: a reason, a site, a feature. `{}` is that name.
    each: Part | None = None
    #: A total and no estimate: few cases make it no less sure.
    certain: bool = False
    #: Counted up whenever the same rows would give another value.
    version: int = 1
    #: What others reach, and who says so; empty where nobody worth citing does.
    benchmark: str = ""
    #: Why the figure flatters rather than leads to anything; empty of one that does lead to something.
    vanity: str = ""

    @property
    def keys(self) -> tuple[str, ...]:
        return (self.key, *(f"{self.key}.{part}" for part in self.parts))

    def about(self, part: str) -> Part:
        """The definition of a part, or of the KPI itself under ""."""
        if not part:
            return Part(self.name, self.unit, self.formula, self.direction, self.certain)
        if part in self.parts:
            return self.parts[part]
        assert self.each is not None, f"{self.key} has no part {part!r}"
        name = part.replace("_", " ")
        return replace(self.each, name=self.each.name.format(name), formula=self.each.formula.format(name))


def kpi(**definition: Any) -> Callable[[Callable[[Asked], Mapping[str, Figure]]], Measure]:
    """Makes a function a KPI by giving it its definition."""
    return lambda compute: Measure(compute=compute, **definition)


@dataclass(frozen=True, slots=True)
class Target:
    """What the account wants a figure to be."""

    at_least: float | None = None
    at_most: float | None = None
    #: Beyond this it is time to act: below it where a lot is wanted, above it where little is.
    warn_at: float | None = None

    def document(self) -> dict[str, float]:
        told = {"at_least": self.at_least, "at_most": self.at_most}
        return {name: bound for name, bound in told.items() if bound is not None}

    @property
    def aims(self) -> bool:
        """Whether it says what to reach, not only when to act."""
        return self.at_least is not None or self.at_most is not None

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


class Alarm(StrEnum):
    """How a value stands against its warning threshold."""

    CLEAR = "clear"
    #: Beyond it, and the interval contains it: perhaps by chance. It alarms nobody before it is so twice.
    PERHAPS = "perhaps"
    #: Beyond it with its whole interval.
    CROSSED = "crossed"
    #: Too few cases: nobody is alarmed.
    TOO_FEW = "too_few"


@dataclass(frozen=True, slots=True)
class Warned:
    """The threshold beyond which it is time to act, and whether the value is there."""

    at: float
    #: None without a value.
    state: Alarm | None

    def document(self) -> dict[str, Any]:
        return {"at": self.at, "state": self.state and self.state.value}


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
