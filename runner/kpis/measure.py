"""What a KPI is: a definition, and the function that computes its figures with n and interval."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from runner.kpis import intervals
from runner.kpis.asked import Asked


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
