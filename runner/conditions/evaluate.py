"""A condition's tree for one contact in Python; the same meaning as its SQL."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from jinja2 import nodes as n

from runner import clock
from runner.conditions.aggregates import FUNCTIONS
from runner.conditions.meaning import pairs
from runner.conditions.months import months_between
from runner.conditions.today import Today
from runner.conditions.words import show

_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "lteq": operator.le,
    "gt": operator.gt,
    "gteq": operator.ge,
}
_TEXT_TESTS: dict[str, Callable[[str, str], bool]] = {
    "startingwith": str.startswith,
    "endingwith": str.endswith,
    "containing": str.__contains__,
}


def evaluate(node: n.Node, values: Mapping[str, Any], today: Today) -> Any:
    """The node's value; None where it is missing.

    `values` holds the fields by full name, the contact's zone, and what counts, sums and lasts come to by their text.
    """

    def of(inner: n.Node) -> Any:
        return evaluate(inner, values, today)

    match node:
        case n.Const(value=value):
            return value
        case n.Name(name=name) | n.Call(node=n.Name(name=name), args=[]):
            return today.now if name == "now" else today.of(_zone(values))
        case n.Getattr(node=n.Name(name=owner), attr=attr):
            return _plain(values.get(f"{owner}.{attr}"))
        case n.And(left=left, right=right):
            return bool(of(left)) and bool(of(right))
        case n.Or(left=left, right=right):
            return bool(of(left)) or bool(of(right))
        case n.Not(node=inner):
            return not of(inner)
        case n.Neg(node=inner):
            value = of(inner)
            return None if value is None else -value
        case n.Add() | n.Sub() | n.Mul() | n.Div():
            return _arithmetic(node, of(node.left), of(node.right))
        case n.CondExpr(test=test, expr1=then, expr2=otherwise):
            return of(then) if of(test) else None if otherwise is None else of(otherwise)
        case n.Test(name=name, node=inner, args=[part]):
            text, sought = of(inner), of(part)
            return text is not None and sought is not None and _TEXT_TESTS[name](text, sought)
        case n.Test(name=name, node=inner):
            return (of(inner) is None) == (name == "none")
        case n.Filter(node=n.Node() as inner):
            value = of(inner)
            return None if value is None else value.lower()
        case n.Call(node=n.Name(name=name)) if name in FUNCTIONS:
            return _plain(values[show(node)])
        case n.Call(node=n.Name(name=name), args=[argument]):
            return _span(name, of(argument), _zone(values), today)
        case n.Compare():
            return all(_compare(left, op, right, of) for left, op, right in pairs(node))
    raise AssertionError(node)


def _zone(values: Mapping[str, Any]) -> str:
    return str(values.get("contact.zone") or "UTC")


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else value


def _span(name: str, value: Any, zone: str, today: Today) -> float | None:
    if value is None:
        return None
    if name == "months_since":
        start = clock.local(value, zone).date() if isinstance(value, datetime) else value
        return months_between(start, today.of(zone))
    days = _days_since(value, zone, today)
    return days if name == "days_since" else -days


def _days_since(value: date, zone: str, today: Today) -> float:
    """Of a time so many times 24 hours, parts too; of a date whole local days."""
    if isinstance(value, datetime):
        return (today.now - value).total_seconds() / 86400
    return float((today.of(zone) - value).days)


def _arithmetic(node: n.Node, left: Any, right: Any) -> Any:
    if left is None or right is None:
        return None
    match node:
        case n.Add():
            return left + right
        case n.Sub():
            return left - right
        case n.Mul():
            return left * right
    return left / right if right else None


def _compare(left_node: n.Node, op: str, right_node: n.Node, of: Callable[[n.Node], Any]) -> bool:
    left = of(left_node)
    if op in ("in", "notin"):
        inside = _membership(left, right_node, of)
        return inside if op == "in" else not inside
    left, right = _alike(left, of(right_node))
    if op in ("eq", "ne"):
        return bool(_OPERATORS[op](left, right))
    return left is not None and right is not None and bool(_OPERATORS[op](left, right))


def _membership(left: Any, right: n.Node, of: Callable[[n.Node], Any]) -> bool:
    if isinstance(right, n.List | n.Tuple):
        return left is not None and left in [of(part) for part in right.items]
    text = of(right)
    return left is not None and text is not None and left in text


def _alike(left: Any, right: Any) -> tuple[Any, Any]:
    """A date or time beside a written one."""
    if isinstance(left, str) and isinstance(right, date):
        return _written(left, right), right
    if isinstance(right, str) and isinstance(left, date):
        return left, _written(right, left)
    return left, right


def _written(text: str, like: date) -> date:
    if isinstance(like, datetime):
        at = datetime.fromisoformat(text)
        return at if at.tzinfo else at.replace(tzinfo=UTC)
    return date.fromisoformat(text)
