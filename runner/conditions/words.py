"""A condition's tree back in the words a person wrote."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from jinja2 import nodes as n

SYMBOLS = {"eq": "==", "ne": "!=", "lt": "<", "lteq": "<=", "gt": ">", "gteq": ">=", "in": "in", "notin": "not in"}


def show(node: n.Node) -> str:
    match node:
        case n.Const(value=None):
            return "none"
        case n.Const(value=value):
            return (
                f'"{value}"'
                if isinstance(value, str)
                else str(value).lower()
                if isinstance(value, bool)
                else str(value)
            )
        case n.Name(name=name):
            return name
        case n.Getattr(node=inner, attr=attr):
            return f"{show(inner)}.{attr}"
        case n.And(left=left, right=right):
            return f"{show(left)} and {show(right)}"
        case n.Or(left=left, right=right):
            return f"({show(left)} or {show(right)})"
        case n.Not(node=inner):
            return f"not ({show(inner)})" if isinstance(inner, n.And | n.Or) else f"not {show(inner)}"
        case n.Neg(node=inner):
            return f"-{show(inner)}"
        case n.BinExpr(left=left, right=right):
            return f"({show(left)} {node.operator} {show(right)})"
        case n.Compare(expr=expr, ops=ops):
            return show(expr) + "".join(f" {SYMBOLS[op.op]} {show(op.expr)}" for op in ops)
        case n.CondExpr(test=test, expr1=then, expr2=otherwise):
            return f"({show(then)} if {show(test)}{'' if otherwise is None else f' else {show(otherwise)}'})"
        case n.Call(node=inner, args=args, kwargs=named):
            return f"{show(inner)}({', '.join(map(show, [*args, *named]))})"
        case n.Keyword(key=key, value=value):
            return f"{key}={show(value)}"
        case n.Getitem(node=inner, arg=n.Const() as arg):
            return f"{show(inner)}[{show(arg)}]"
        case n.Filter(node=n.Node() as inner, name=name):
            return f"{show(inner)}|{name}"
        case n.Test(node=inner, name=name):
            return f"{show(inner)} is {' '.join([name, *map(show, node.args or ())])}"
        case n.List(items=items) | n.Tuple(items=items):
            return f"[{', '.join(map(show, items))}]"
    return type(node).__name__.lower()


def value_in_words(value: Any) -> str:
    """A field's value for people: `missing`, `'customer'`, `2026-11-22 09:00 UTC`."""
    match value:
        case None:
            return "missing"
        case bool():
            return str(value).lower()
        case str():
            return repr(value)
        case datetime():
            return f"{value.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    return str(value)
