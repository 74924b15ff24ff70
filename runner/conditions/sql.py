"""A condition's tree as SQL, the same on SQLite and PostgreSQL; two-valued: no part is ever NULL."""

from __future__ import annotations

import operator
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from math import ceil, floor
from typing import Any

import sqlalchemy as sa
from jinja2 import nodes as n

from runner import clock
from runner.conditions.fields import Field, Kind
from runner.conditions.meaning import Meaning, constant, pairs
from runner.conditions.months import last_covered, latest_start, month_number, whole_months
from runner.conditions.today import Today
from runner.store.functions import days_between, local_day, position
from runner.store.tables import contacts
from runner.store.types import Instant

__all__ = ["compile_sql", "days_between"]

_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "lteq": operator.le,
    "gt": operator.gt,
    "gteq": operator.ge,
}
_MIRRORED = {"lt": "gt", "lteq": "gteq", "gt": "lt", "gteq": "lteq"}


def compile_sql(meaning: Meaning, today: Today, part: n.Node | None = None) -> Any:
    """The tree's boolean clause, or that of a part of it. It has passed the type check, so every node is known."""
    return _Compiler(meaning, today).truth(meaning.tree if part is None else part)


class _Compiler:
    def __init__(self, meaning: Meaning, today: Today) -> None:
        self.meaning = meaning
        self.today = today

    def truth(self, node: n.Node) -> Any:
        match node:
            case n.Const(value=value):
                return sa.true() if value else sa.false()
            case n.Getattr():
                column = self._field(node).column
                return sa.and_(column.is_not(None), column == sa.true())
            case n.And(left=left, right=right):
                return sa.and_(self.truth(left), self.truth(right))
            case n.Or(left=left, right=right):
                return sa.or_(self.truth(left), self.truth(right))
            case n.Not(node=inner):
                return sa.not_(self.truth(inner))
            case n.CondExpr(test=test, expr1=then, expr2=otherwise):
                asked, other = self.truth(test), sa.false() if otherwise is None else self.truth(otherwise)
                return sa.or_(sa.and_(asked, self.truth(then)), sa.and_(sa.not_(asked), other))
            case n.Test(name=name, node=inner, args=[part]):
                return self._text_test(name, self.value(inner), self.value(part))
            case n.Test(name=name, node=inner):
                value = self.value(inner)
                return value.is_(None) if name == "none" else value.is_not(None)
            case n.Compare():
                return sa.and_(*(self._compare(left, op, right) for left, op, right in pairs(node)))
        raise AssertionError(node)

    def value(self, node: n.Node) -> Any:
        match node:
            case n.Const(value=value):
                return sa.null() if value is None else _literal(value)
            case n.Name(name=name) | n.Call(node=n.Name(name=name), args=[]):
                return self._now() if name == "now" else self.today.sql()
            case n.Getattr():
                field = self._field(node)
                return sa.type_coerce(field.column, sa.BigInteger) / _unit(field) if field.places else field.column
            case n.Neg(node=inner):
                return -self.value(inner)
            case n.Add(left=left, right=right):
                return self._float(left) + self._float(right)
            case n.Sub(left=left, right=right):
                return self._float(left) - self._float(right)
            case n.Mul(left=left, right=right):
                return self._float(left) * self._float(right)
            case n.Div(left=left, right=right):
                return self._float(left) / sa.func.nullif(self._float(right), 0.0, type_=sa.Float())
            case n.CondExpr():
                return self._either(node)
            case n.Filter(node=n.Node() as inner):
                return sa.func.lower(self.value(inner))
            case n.Call() if node in self.meaning.aggregates:
                return self.meaning.aggregates[node].sql(self.today)
            case n.Call(node=n.Name(name="months_since"), args=[argument]):
                return self._months_since(argument)
            case n.Call(node=n.Name(name=name), args=[argument]):
                start, end = self.value(argument), self._now(argument)
                return days_between(start, end) if name == "days_since" else days_between(end, start)
        return self.truth(node)

    # --- comparisons

    def _compare(self, left: n.Node, op: str, right: n.Node) -> Any:
        if op in ("in", "notin"):
            inside = self._membership(left, right)
            return sa.not_(inside) if op == "notin" else inside
        if (quick := self._indexed(op, left, right)) is not None:
            return quick
        x, y = self._sides(left, right)
        if op == "eq":
            return x.is_not_distinct_from(y)
        if op == "ne":
            return x.is_distinct_from(y)
        return _sure(_OPERATORS[op](x, y))

    def _indexed(self, op: str, left: n.Node, right: n.Node) -> Any:
        """The forms that an index serves: a column against a value, a number of days against now."""
        if constant(left) is not None or is_today(left):
            left, right, op = right, left, _MIRRORED.get(op, op)
        if is_today(right) and (field := self.meaning.field(left)) is not None and field.kind is Kind.DATE:
            return self._against_day(op, field.column, lambda day: day)
        written = constant(right)
        if written is None or written.value is None:
            return None
        if isinstance(left, n.Call) and left.args and left not in self.meaning.aggregates:
            return self._span_against(op, left, float(written.value))
        return None if (field := self.meaning.field(left)) is None else self._column_against(op, field, written.value)

    def _column_against(self, op: str, field: Field, value: Any) -> Any:
        column, bound = field.column, _written(value, field)
        if field.places:
            column = sa.type_coerce(column, sa.BigInteger)
        if op == "eq":
            return sa.and_(column.is_not(None), column == bound)
        if op == "ne":
            return sa.or_(column.is_(None), column != bound)
        return sa.and_(column.is_not(None), _OPERATORS[op](column, bound))

    def _span_against(self, op: str, call: n.Call, number: float) -> Any:
        """`days_since(c) > 30` as `c < now - 30 days`; for dates and months by the local today of the contact."""
        assert isinstance(call.node, n.Name)
        argument, name = call.args[0], call.node.name
        is_date = self.meaning.kind(argument) is Kind.DATE
        if is_date and self.meaning.field(argument) is None:
            return None
        if name == "months_since":
            return self._months_against(op, argument, number, is_date=is_date) if op in _MIRRORED else None
        if is_date:
            return self._days_against(op, self.value(argument), number, since=name == "days_since")
        if op not in _MIRRORED:
            return None
        since, at = name == "days_since", self.value(argument)
        limit = self.today.value(lambda today: moved(today.now, -number if since else number), Instant())
        compared = _OPERATORS[_MIRRORED[op] if since else op](at, limit)
        return _sure(compared) if argument in self.meaning.aggregates else sa.and_(at.is_not(None), compared)

    def _days_against(self, op: str, column: Any, number: float, *, since: bool) -> Any:
        """A date so many whole local days away."""
        if op not in _MIRRORED and (op == "ne" or number != int(number)):
            return None
        # Days are whole: more than 2.5 is more than 2, at least 2.5 is at least 3.
        days = floor(number) if op in ("gt", "lteq", "eq") else ceil(number)
        return self._against_day(
            _MIRRORED.get(op, op) if since else op, column, lambda day: shifted(day, -days if since else days)
        )

    def _months_against(self, op: str, argument: n.Node, number: float, *, is_date: bool) -> Any:
        at_least, months = whole_months(op, number)
        if is_date:
            cut = lambda day: latest_start(day, months)  # noqa: E731
            return self._against_day("lteq" if at_least else "gt", self.value(argument), cut)
        cut_in = lambda zone, day: _day_after(latest_start(day, months), zone)  # noqa: E731
        at, limit = self.value(argument), self.today.by_zone(cut_in)
        compared = at < limit if at_least else at >= limit
        if argument in self.meaning.aggregates:
            return _sure(compared)
        bound = self.today.outermost_by_zone(cut_in, max if at_least else min)
        return sa.and_(at.is_not(None), at < bound if at_least else at >= bound, compared)

    def _against_day(self, op: str, column: Any, cut: Callable[[date], date]) -> Any:
        """A date against one that depends on the contact's zone; before that against the outermost, by index."""
        day = self.today.by_day(cut, sa.Date())
        if op == "ne":
            return sa.or_(column.is_(None), column != day)
        bounds = []
        if op in ("lt", "lteq", "eq"):
            bounds.append(column <= self.today.outermost(cut, max))
        if op in ("gt", "gteq", "eq"):
            bounds.append(column >= self.today.outermost(cut, min))
        return sa.and_(column.is_not(None), *bounds, _OPERATORS[op](column, day))

    def _membership(self, left: n.Node, right: n.Node) -> Any:
        x = self.value(left)
        if isinstance(right, n.List | n.Tuple):
            # Literals of their own type: bound as the column's, 2.5 would become a whole number.
            listed = [_literal(part.value) for item in right.items if (part := constant(item)) is not None]
            return sa.and_(x.is_not(None), x.in_(listed)) if isinstance(left, n.Getattr) else _sure(x.in_(listed))
        return _sure(position(self.value(right), x) > 0)

    def _text_test(self, name: str, text: Any, part: Any) -> Any:
        if name == "endingwith":
            rest = sa.func.length(text) - sa.func.length(part)
            return _sure(sa.and_(rest >= 0, sa.func.substr(text, rest + 1) == part))
        place = position(text, part)
        return _sure(place == 1 if name == "startingwith" else place > 0)

    # --- values

    def _either(self, node: n.CondExpr) -> Any:
        number = self.meaning.kind(node) is Kind.NUMBER
        read = self._float if number else self.value
        then, other = read(node.expr1), sa.null() if node.expr2 is None else read(node.expr2)
        return sa.case((self.truth(node.test), then), else_=other)

    def _months_since(self, argument: n.Node) -> Any:
        day = self.value(argument)
        if self.meaning.kind(argument) is Kind.TIME:
            day = local_day(day, contacts.c.zone)
        year, month, number = (sa.cast(sa.extract(part, day), sa.Integer) for part in ("year", "month", "day"))
        now, covered = (self.today.by_day(of, sa.Integer()) for of in (month_number, last_covered))
        return now - (year * 12 + month) - sa.case((number > covered, 1), else_=0)

    def _float(self, node: n.Node) -> Any:
        """A number to reckon with: PostgreSQL's whole numbers end where a product soon is."""
        return sa.cast(self.value(node), sa.Float())

    def _sides(self, left: n.Node, right: n.Node) -> tuple[Any, Any]:
        """Both values; a date or time written out is bound as such."""
        kinds = self.meaning.kind(left), self.meaning.kind(right)
        sides = [self.value(left), self.value(right)]
        for place, (node, other) in enumerate(((left, kinds[1]), (right, kinds[0]))):
            if other in (Kind.DATE, Kind.TIME) and isinstance(node, n.Const) and node.value is not None:
                sides[place] = _written_time(node.value, other)
        return sides[0], sides[1]

    def _now(self, argument: n.Node | None = None) -> Any:
        if argument is not None and self.meaning.kind(argument) is Kind.DATE:
            return self.today.sql()
        return self.today.value(lambda today: today.now, Instant())

    def _field(self, node: n.Getattr) -> Field:
        field = self.meaning.field(node)
        assert field is not None
        return field


def _sure(clause: Any) -> Any:
    """False where it is NULL; what it compares is looked up once, unlike with IS NOT NULL."""
    return sa.func.coalesce(clause, sa.false(), type_=sa.Boolean())


def is_today(node: n.Node) -> bool:
    match node:
        case n.Name(name="today") | n.Call(node=n.Name(name="today")):
            return True
    return False


def moved(at: datetime, days: float) -> datetime:
    """So many days later, at the calendar's ends where it has no such day."""
    try:
        return at + timedelta(days=days)
    except OverflowError:
        return datetime(9999, 12, 31, tzinfo=UTC) if days > 0 else datetime(1, 1, 1, tzinfo=UTC)


def shifted(day: date, days: int) -> date:
    """So many days later, at the calendar's ends where it has no such day."""
    try:
        return day + timedelta(days=days)
    except OverflowError:
        return date.max if days > 0 else date.min


def _day_after(day: date, zone: str) -> datetime:
    """When the day ends there, in UTC."""
    if not 1 < day.year < 9999:
        return datetime(day.year, day.month, day.day, tzinfo=UTC)
    return clock.midnight(shifted(day, 1), zone)


def _unit(field: Field) -> float:
    return float(10**field.places)


def _written(value: Any, field: Field) -> Any:
    """The constant as the column keeps such values."""
    if field.kind in (Kind.DATE, Kind.TIME):
        return _written_time(value, field.kind)
    if field.places:
        units = Decimal(str(value)).scaleb(field.places)
        return _literal(int(units) if units == int(units) else float(units))
    return value if field.kind is Kind.TEXT or isinstance(value, bool) else _literal(value)


def _written_time(value: str, kind: Kind) -> Any:
    if kind is Kind.DATE:
        return sa.literal(date.fromisoformat(value), sa.Date())
    at = datetime.fromisoformat(value)
    return sa.literal(at if at.tzinfo else at.replace(tzinfo=UTC), Instant())


def _literal(value: Any) -> Any:
    """A constant of its own type: bound as a whole-number column's, 2.5 would be rounded and 10**14 not fit."""
    return sa.literal(value, sa.BigInteger()) if type(value) is int else sa.literal(value)
