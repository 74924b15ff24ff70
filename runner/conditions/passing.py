"""What in a condition the mere passing of time can change, and for whom it may have: what incremental ticks look at.

`days_since(contact.last_order_at) > 30` changes for somebody at one instant, 30 days after their last order. So between
two ticks only those need to be looked at whose last order lies between these two instants, 30 days earlier.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from math import ceil, floor
from typing import Any, Protocol

import sqlalchemy as sa
from jinja2 import nodes as n

from runner import clock
from runner.conditions.aggregates import Aggregate
from runner.conditions.fields import Kind
from runner.conditions.meaning import SPANS, Meaning, constant, pairs
from runner.conditions.months import latest_start
from runner.conditions.sql import is_today, moved, shifted
from runner.conditions.words import show
from runner.store.functions import texts_in
from runner.store.tables import contacts
from runner.store.types import Instant


class Flip(StrEnum):
    """When time changes an answer."""

    #: At an instant, so long after the field's or the latest fact's time.
    INSTANT = "instant"
    #: When the contact's local date comes to a day, so many days or months after the field's.
    DAY = "day"
    #: When a fact comes to count or leaves the span that is counted.
    WINDOW = "window"
    #: Whenever the contact's local date changes.
    MIDNIGHT = "midnight"
    #: For everybody at one instant.
    MOMENT = "moment"
    #: At any time: it cannot be told who.
    ALWAYS = "always"


@dataclass(frozen=True, slots=True)
class Atom:
    """One part of a condition that time changes: `instant contact.last_order_at 30 days`."""

    flip: Flip
    #: The field's full name, or the call or words that it is about.
    of: str
    #: How long after it; days of a date, the length of a window.
    after: timedelta = timedelta()
    #: Whole months after it, of a DAY.
    months: int | None = None
    #: The instant of a MOMENT.
    at: datetime | None = None
    #: The column or the aggregate that `of` names.
    source: Any = field(default=None, compare=False, repr=False)


class Passing(Protocol):
    """The span of time (since, now] between two ticks."""

    @property
    def since(self) -> datetime: ...
    @property
    def now(self) -> datetime: ...
    @property
    def zones(self) -> tuple[str, ...]: ...
    def value(self, of: Callable[[Any], Any], kind: sa.types.TypeEngine[Any]) -> Any:
        """Something about this span, for a statement; one that outlives it asks for it anew."""


def atoms_of(meaning: Meaning) -> tuple[Atom, ...]:
    """Every atom of the condition, once."""
    return tuple(dict.fromkeys(_Reader(meaning).atoms(meaning.tree)))


class _Reader:
    def __init__(self, meaning: Meaning) -> None:
        self.meaning = meaning

    def atoms(self, node: n.Node) -> Iterator[Atom]:
        match node:
            case n.Compare():
                for left, op, right in pairs(node):
                    yield from self._pair(left, op, right)
            case n.Call() if node in self.meaning.aggregates:
                yield self._window(self.meaning.aggregates[node])
            case n.Call(node=n.Name(name=name), args=[argument]) if name in SPANS:
                by_day = name == "months_since" or self.meaning.kind(argument) is Kind.DATE
                yield Atom(Flip.MIDNIGHT if by_day else Flip.ALWAYS, show(node))
                yield from self.atoms(argument)
            case n.Name(name="now") | n.Call(node=n.Name(name="now")):
                yield Atom(Flip.ALWAYS, show(node))
            case _ if is_today(node):
                yield Atom(Flip.MIDNIGHT, show(node))
            case _:
                for inner in node.iter_child_nodes():
                    yield from self.atoms(inner)

    def _pair(self, left: n.Node, op: str, right: n.Node) -> Iterator[Atom]:
        for one, other in ((left, right), (right, left)):
            if op not in ("in", "notin") and (found := self._reduced(one, other)) is not None:
                yield from found
                return
        yield from self.atoms(left)
        yield from self.atoms(right)

    def _reduced(self, left: n.Node, right: n.Node) -> list[Atom] | None:
        """The instants or days at which one comparison changes, where they can be told."""
        written = constant(right)
        match left, right:
            case n.Call(node=n.Name(name=name), args=[argument]), _ if name in SPANS and written is not None:
                if written.value is None or not self._known(argument):
                    return None
                return [*self._span(name, argument, float(written.value)), *self._windows(argument)]
            case _, _ if is_today(right) and self._known(left):
                return [self._after(Flip.DAY, left), *self._windows(left)]
            case _, n.Name(name="now") | n.Call(node=n.Name(name="now")):
                if written_left := constant(left):
                    return (
                        [Atom(Flip.MOMENT, show(right), at=_instant(written_left.value))] if written_left.value else []
                    )
                return [self._after(Flip.INSTANT, left), *self._windows(left)] if self._known(left) else None
        return None

    def _known(self, node: n.Node) -> bool:
        """Whether it is a field or what facts come to: something that stands in the database."""
        return self.meaning.field(node) is not None or node in self.meaning.aggregates

    def _span(self, name: str, argument: n.Node, number: float) -> Iterator[Atom]:
        if name == "months_since":
            for months in sorted({ceil(number), floor(number) + 1}):
                yield self._after(Flip.DAY, argument, months=months)
            return
        days = number if name == "days_since" else -number
        if self.meaning.kind(argument) is Kind.DATE:
            days = floor(days)  # and a day more is looked at on either side
        yield self._after(
            Flip.DAY if self.meaning.kind(argument) is Kind.DATE else Flip.INSTANT, argument, after=_span_of(days)
        )

    def _after(self, flip: Flip, node: n.Node, after: timedelta = timedelta(), months: int | None = None) -> Atom:
        aggregate = self.meaning.aggregates.get(node)
        known = self.meaning.field(node)
        source: Any = aggregate or (known.column if known else None)
        return Atom(flip, show(node), after, months, source=source)

    def _windows(self, node: n.Node) -> list[Atom]:
        aggregate = self.meaning.aggregates.get(node)
        return [] if aggregate is None else [self._window(aggregate)]

    @staticmethod
    def _window(aggregate: Aggregate) -> Atom:
        within = aggregate.within.span if aggregate.within else timedelta()
        return Atom(Flip.WINDOW, aggregate.text, within, source=aggregate)


def _span_of(days: float) -> timedelta:
    try:
        return timedelta(days=days)
    except OverflowError:
        return timedelta.max if days > 0 else timedelta.min


def _instant(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


# --- whom it concerns

#: Databases reckon with parts of days to the millisecond.
_SLACK = timedelta(seconds=1)


def may_turn(atoms: Sequence[Atom], passing: Passing) -> bool:
    """Whether any of them may change an answer; what goes by days does so where a local date has changed."""
    by_day = (Flip.DAY, Flip.MIDNIGHT)
    return any(atom.flip not in by_day for atom in atoms) or (bool(atoms) and bool(_rolled(passing)))


def flips(atoms: Sequence[Atom], passing: Passing, who: Any) -> Any:
    """Whose answer may have changed; None where an atom is ALWAYS. `who` is the column with the contact's number."""
    if any(atom.flip is Flip.ALWAYS for atom in atoms):
        return None
    return sa.or_(sa.false(), *(_people(atom, passing, who) for atom in atoms))


def _people(atom: Atom, passing: Passing, who: Any) -> Any:
    match atom.flip:
        case Flip.INSTANT:
            return _between(who, atom.source, *_instants(passing, atom.after))
        case Flip.WINDOW:
            arrived = _between(who, atom.source, *_instants(passing, timedelta()))
            return (
                sa.or_(arrived, _between(who, atom.source, *_instants(passing, atom.after))) if atom.after else arrived
            )
        case Flip.MOMENT:
            return passing.value(lambda p: p.since - _SLACK <= atom.at <= p.now + _SLACK, sa.Boolean()) == sa.true()
        case Flip.MIDNIGHT:
            return _rolled_over(passing)
    if isinstance(atom.source, Aggregate) or not isinstance(atom.source.type, sa.Date):
        return _between(who, atom.source, *_days_as_instants(passing, atom))
    first = passing.value(lambda p: _days(p, atom)[0], sa.Date())
    last = passing.value(lambda p: _days(p, atom)[1], sa.Date())
    return sa.and_(_rolled_over(passing), _between(who, atom.source, first, last))


def _between(who: Any, source: Any, first: Any, last: Any) -> Any:
    """Whose field, or one of whose facts, lies between."""
    if isinstance(source, Aggregate):
        return who.in_(source.people(first, last))
    return sa.and_(source.is_not(None), source >= first, source <= last)


def _instants(passing: Passing, after: timedelta) -> tuple[Any, Any]:
    days = -after / timedelta(days=1)
    first = passing.value(lambda p: moved(p.since - _SLACK, days), Instant())
    return first, passing.value(lambda p: moved(p.now + _SLACK, days), Instant())


def _rolled_over(passing: Passing) -> Any:
    """In whose zone the local date has changed."""
    names = passing.value(lambda p: json.dumps([zone for zone, _, _ in _rolled(p)]), sa.Text())
    return contacts.c.zone.in_(texts_in(names))


def _rolled(passing: Passing) -> Sequence[tuple[str, date, date]]:
    """The zones whose local date has changed, with both dates."""
    return _rolled_between(passing.since, passing.now, passing.zones)


@lru_cache(maxsize=16)
def _rolled_between(since: datetime, now: datetime, zones: tuple[str, ...]) -> Sequence[tuple[str, date, date]]:
    days = ((zone, clock.local(since, zone).date(), clock.local(now, zone).date()) for zone in zones)
    return [(zone, before, after) for zone, before, after in days if before != after]


def _days(passing: Passing, atom: Atom) -> tuple[date, date]:
    """The days between which a date lies that time has come to; of none where no local date has changed."""
    rolled = _rolled(passing)
    if not rolled:
        return date.max, date.min
    first = _earliest((before for _, before, _ in rolled), atom)
    last = max(_day_of(after, atom) for _, _, after in rolled)
    return shifted(first, -1), shifted(last, 1)


def _earliest(days: Iterable[date], atom: Atom) -> date:
    return min(_day_of(day, atom) for day in days)


def _day_of(day: date, atom: Atom) -> date:
    """The date that is so long before a day."""
    return latest_start(day, atom.months) if atom.months is not None else shifted(day, -atom.after.days)


def _days_as_instants(passing: Passing, atom: Atom) -> tuple[Any, Any]:
    """The same for times: the days as they lie in any zone."""

    def at(day: date, days: int) -> datetime:
        return datetime.combine(shifted(day, days), time(), UTC)

    first = passing.value(lambda p: at(_days(p, atom)[0], -1), Instant())
    return first, passing.value(lambda p: at(_days(p, atom)[1], 2), Instant())
