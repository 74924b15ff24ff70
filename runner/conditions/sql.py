"""A condition's tree as SQL, the same on SQLite and PostgreSQL; two-valued: no part is ever NULL."""

from __future__ import annotations

import operator
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from jinja2 import nodes as n
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from runner.conditions.fields import Field, Fields, Kind, Today
from runner.store.types import Instant

_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "lteq": operator.le,
    "gt": operator.gt,
    "gteq": operator.ge,
}
_MIRRORED = {"lt": "gt", "lteq": "gteq", "gt": "lt", "gteq": "lteq"}


class days_between(FunctionElement[float]):
    """Days from one time or date to another, as a number."""

    type = sa.Float()
    inherit_cache = True
    name = "days_between"


@compiles(days_between, "sqlite")
def _days_sqlite(element: days_between, compiler: SQLCompiler, **kw: Any) -> str:
    start, end = (compiler.process(part, **kw) for part in element.clauses)
    return f"(julianday({end}) - julianday({start}))"


@compiles(days_between, "postgresql")
def _days_postgresql(element: days_between, compiler: SQLCompiler, **kw: Any) -> str:
    start, end = (compiler.process(part, **kw) for part in element.clauses)
    return f"(extract(epoch from ({end})::timestamptz - ({start})::timestamptz) / 86400.0)"


class position(FunctionElement[int]):
    """Where a text stands in another, from 1; 0 where it does not."""

    type = sa.Integer()
    inherit_cache = True
    name = "position"


@compiles(position, "sqlite")
def _position_sqlite(element: position, compiler: SQLCompiler, **kw: Any) -> str:
    return f"instr({compiler.process(element.clauses, **kw)})"


@compiles(position, "postgresql")
def _position_postgresql(element: position, compiler: SQLCompiler, **kw: Any) -> str:
    return f"strpos({compiler.process(element.clauses, **kw)})"


def compile_sql(tree: n.Node, fields: Fields, today: Today) -> Any:
    """The tree's boolean clause. It has passed the type check, so every node is known."""
    return _Compiler(fields, today).truth(tree)


class _Compiler:
    def __init__(self, fields: Fields, today: Today) -> None:
        self.fields = fields
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
            case n.Test(name=name, node=inner):
                value = self.value(inner)
                return value.is_(None) if name == "none" else value.is_not(None)
            case n.Compare():
                return self._compare(node)
        raise AssertionError(node)

    def value(self, node: n.Node) -> Any:
        match node:
            case n.Const(value=value):
                return sa.null() if value is None else _literal(value)
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
            case n.Filter(node=n.Node() as inner):
                return sa.func.lower(self.value(inner))
            case n.Call(node=n.Name(name="today")):
                return self.today.sql()
            case n.Call(node=n.Name(name=name), args=[argument]):
                start, end = self.value(argument), self._now(argument)
                return days_between(start, end) if name == "days_since" else days_between(end, start)
        return self.truth(node)

    def _compare(self, node: n.Compare) -> Any:
        op, left, right = node.ops[0].op, node.expr, node.ops[0].expr
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
        return sa.and_(x.is_not(None), y.is_not(None), _OPERATORS[op](x, y))

    def _indexed(self, op: str, left: n.Node, right: n.Node) -> Any:
        """The forms that an index serves: a column against a value, a number of days against now."""
        if isinstance(left, n.Const) and not isinstance(right, n.Const) and op in (*_MIRRORED, "eq", "ne"):
            left, right, op = right, left, _MIRRORED.get(op, op)
        if not isinstance(right, n.Const) or right.value is None:
            return None
        if isinstance(left, n.Call) and op in _MIRRORED and left.args and isinstance(left.args[0], n.Getattr):
            return self._days_against_now(op, left, float(right.value))
        if not isinstance(left, n.Getattr):
            return None
        field = self._field(left)
        column, bound = field.column, _written(right.value, field)
        if field.places:
            column = sa.type_coerce(column, sa.BigInteger)
        if op == "eq":
            return sa.and_(column.is_not(None), column == bound)
        if op == "ne":
            return sa.or_(column.is_(None), column != bound)
        return sa.and_(column.is_not(None), _OPERATORS[op](column, bound))

    def _days_against_now(self, op: str, call: n.Call, days: float) -> Any:
        """`days_since(c) > 30` as `c < now - 30 days`; for dates by the local today of the contact."""
        argument = call.args[0]
        assert isinstance(argument, n.Getattr)
        assert isinstance(call.node, n.Name)
        field = self._field(argument)
        since = call.node.name == "days_since"
        if field.kind is Kind.DATE:
            return None
        limit = self.today.value(lambda today: _moved(today.now, -days if since else days), Instant())
        compared = _OPERATORS[_MIRRORED[op] if since else op]
        return sa.and_(field.column.is_not(None), compared(field.column, limit))

    def _membership(self, left: n.Node, right: n.Node) -> Any:
        x = self.value(left)
        if isinstance(right, n.List | n.Tuple):
            # Literals of their own type: bound as the column's, 2.5 would become a whole number.
            return sa.and_(
                x.is_not(None), x.in_([_literal(item.value) for item in right.items if isinstance(item, n.Const)])
            )
        text = self.value(right)
        return sa.and_(x.is_not(None), text.is_not(None), position(text, x) > 0)

    def _float(self, node: n.Node) -> Any:
        """A number to reckon with: PostgreSQL's whole numbers end where a product soon is."""
        return sa.cast(self.value(node), sa.Float())

    def _sides(self, left: n.Node, right: n.Node) -> tuple[Any, Any]:
        return self.value(left), self.value(right)

    def _now(self, argument: n.Node) -> Any:
        is_date = isinstance(argument, n.Getattr) and self._field(argument).kind is Kind.DATE
        if is_date or isinstance(argument, n.Call):
            return self.today.sql()
        return self.today.value(lambda today: today.now, Instant())

    def _field(self, node: n.Getattr) -> Field:
        assert isinstance(node.node, n.Name)
        return self.fields[f"{node.node.name}.{node.attr}"]


def _moved(at: datetime, days: float) -> datetime:
    """So many days later, at the calendar's ends where it has no such day."""
    try:
        return at + timedelta(days=days)
    except OverflowError:
        return datetime(9999, 12, 31, tzinfo=UTC) if days > 0 else datetime(1, 1, 1, tzinfo=UTC)


def _unit(field: Field) -> float:
    return float(10**field.places)


def _written(value: Any, field: Field) -> Any:
    """The constant as the column keeps such values."""
    if field.kind is Kind.DATE:
        return sa.literal(date.fromisoformat(value), sa.Date())
    if field.kind is Kind.TIME:
        at = datetime.fromisoformat(value)
        return sa.literal(at if at.tzinfo else at.replace(tzinfo=UTC), Instant())
    if field.places:
        units = Decimal(str(value)).scaleb(field.places)
        return _literal(int(units) if units == int(units) else float(units))
    return value if field.kind is Kind.TEXT or isinstance(value, bool) else _literal(value)


def _literal(value: Any) -> Any:
    """A constant of its own type: bound as a whole-number column's, 2.5 would be rounded and 10**14 not fit."""
    return sa.literal(value, sa.BigInteger()) if type(value) is int else sa.literal(value)
