"""A condition's tree for one contact in Python; the same meaning as its SQL."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from jinja2 import nodes as n

from runner.conditions.fields import Today

_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "lteq": operator.le,
    "gt": operator.gt,
    "gteq": operator.ge,
}


def evaluate(node: n.Node, values: Mapping[str, Any], today: Today) -> Any:
    """The node's value; None where it is missing. `values` holds the fields by full name and the contact's zone."""

    def of(inner: n.Node) -> Any:
        return evaluate(inner, values, today)

    match node:
        case n.Const(value=value):
            return value
        case n.Getattr(node=n.Name(name=owner), attr=attr):
            value = values.get(f"{owner}.{attr}")
            return float(value) if isinstance(value, Decimal) else value
        case n.And(left=left, right=right):
            return bool(of(left)) and bool(of(right))
        case n.Or(left=left, right=right):
            return bool(of(left)) or bool(of(right))
        case n.Not(node=inner):
            return not of(inner)
        case n.Neg(node=inner):
            value = of(inner)
            return None if value is None else -value
        case n.Add() | n.Sub() | n.Mul():
            return _arithmetic(node, of(node.left), of(node.right))
        case n.Test(name=name, node=inner):
            return (of(inner) is None) == (name == "none")
        case n.Filter(node=n.Node() as inner):
            value = of(inner)
            return None if value is None else value.lower()
        case n.Call(node=n.Name(name="today")):
            return today.of(_zone(values))
        case n.Call(node=n.Name(name=name), args=[argument]):
            days = _days_since(of(argument), values, today)
            return None if days is None else days if name == "days_since" else -days
        case n.Compare():
            return _compare(node, of)
    raise AssertionError(node)


def _zone(values: Mapping[str, Any]) -> str:
    return str(values.get("contact.zone") or "UTC")


def _days_since(value: Any, values: Mapping[str, Any], today: Today) -> float | None:
    match value:
        case datetime():
            return (today.now - value).total_seconds() / 86400
        case date():
            return float((today.of(_zone(values)) - value).days)
    return None


def _arithmetic(node: n.Node, left: Any, right: Any) -> Any:
    if left is None or right is None:
        return None
    match node:
        case n.Add():
            return left + right
        case n.Sub():
            return left - right
    return left * right


def _compare(node: n.Compare, of: Callable[[n.Node], Any]) -> bool:
    op, right_node = node.ops[0].op, node.ops[0].expr
    left = of(node.expr)
    if op in ("in", "notin"):
        inside = _membership(left, right_node, of)
        return inside if op == "in" else not inside
    right = of(right_node)
    left, right = _alike(left, right)
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
