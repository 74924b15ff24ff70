"""What each part of a condition means: its names and types are checked here, the only place that says yes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime
from itertools import pairwise

from jinja2 import nodes as n

from runner.conditions.aggregates import FUNCTIONS, Aggregate, read_aggregate
from runner.conditions.faults import ConditionFault
from runner.conditions.fields import FACTS, Field, Fields, Kind
from runner.conditions.words import SYMBOLS, show
from runner.yaml_file import closest

#: The largest number that means the same everywhere.
LARGEST = 10**14
#: Questions about a text, asked with `is`.
TEXT_TESTS = ("startingwith", "endingwith", "containing")
#: What asks for a date or time and tells a number.
SPANS = ("days_since", "days_until", "months_since")
_ORDERS = ("lt", "lteq", "gt", "gteq")


class Meaning:
    """A tree whose names and types fit. Raises ConditionFault for what does not."""

    def __init__(self, tree: n.Expr, fields: Fields, source: str) -> None:
        self.tree = tree
        self.fields = fields
        #: The full names of the fields it reads.
        self.used: set[str] = set()
        #: The calls that come to something over many facts.
        self.aggregates: dict[n.Node, Aggregate] = {}
        #: What is sound, and yet hardly what is meant: each with advice.
        self.doubts: list[tuple[str, str]] = []
        self._kinds: dict[n.Node, Kind] = {}
        if self.kind(tree) is not Kind.BOOL:
            raise ConditionFault(
                f"must be a yes-or-no question, is {source!r}", "compare with something: contact.orders_count > 1"
            )

    def kind(self, node: n.Node) -> Kind:
        """What the part yields."""
        if node not in self._kinds:
            self._kinds[node] = self._read(node)
        return self._kinds[node]

    def field(self, node: n.Node) -> Field | None:
        """The field that the part names, where it is nothing but that."""
        match node:
            case n.Getattr(node=n.Name(name=owner), attr=attr):
                return self.fields[f"{owner}.{attr}"]
        return None

    def _read(self, node: n.Node) -> Kind:
        match node:
            case n.Const():
                return const_kind(node)
            case n.Name(name="today") | n.Call(node=n.Name(name="today"), args=[], kwargs=[]):
                return Kind.DATE
            case n.Name(name="now") | n.Call(node=n.Name(name="now"), args=[], kwargs=[]):
                return Kind.TIME
            case n.Getattr(node=n.Name(name=owner), attr=attr):
                return self._field(f"{owner}.{attr}").kind
            case n.And(left=left, right=right) | n.Or(left=left, right=right):
                return self._all(Kind.BOOL, left, right)
            case n.Not(node=inner):
                return self._all(Kind.BOOL, inner)
            case n.Neg(node=inner):
                return self._all(Kind.NUMBER, inner)
            case n.Add(left=left, right=right) | n.Sub(left=left, right=right):
                return self._all(Kind.NUMBER, left, right)
            case n.Mul(left=left, right=right) | n.Div(left=left, right=right):
                return self._all(Kind.NUMBER, left, right)
            case n.CondExpr():
                return self._either(node)
            case n.Compare():
                return self._compare(node)
            case n.Test():
                return self._test(node)
            case n.Filter(name="lower", node=n.Expr() as inner, args=[]):
                return self._all(Kind.TEXT, inner)
            case n.Call(node=n.Name(name=name)):
                return self._call(node, name)
            case n.Name(name=name):
                raise ConditionFault(f"{name!r} stands for nothing", f"write contact.{name}, or put text in quotes")
        raise ConditionFault(f"not allowed in a condition: {show(node)}", _INSTEAD.get(type(node), ""))

    def _all(self, wanted: Kind, *nodes: n.Node) -> Kind:
        for node in nodes:
            if (kind := self.kind(node)) is not wanted:
                raise ConditionFault(f"{show(node)} is a {kind}, {wanted} is needed here")
        return wanted

    def _field(self, name: str) -> Field:
        if name not in self.fields:
            owner, attr = name.split(".", 1)
            attrs = [known.split(".", 1)[1] for known in self.fields.names if known.startswith(f"{owner}.")]
            if not attrs:
                raise ConditionFault(*self._no_such_word(owner, attr))
            raise ConditionFault(f"{owner} has no {attr!r}", closest(attr, attrs), unknown_field=True)
        self.used.add(name)
        return self.fields[name]

    def _no_such_word(self, owner: str, attr: str) -> tuple[str, str]:
        known = list(dict.fromkeys(name.split(".", 1)[0] for name in self.fields.names))
        if owner in FACTS:
            return f"there is no {owner!r} here", f"the trigger brings none; use {_listed(known)}"
        if owner in ("orders", "events", "tickets", "answers"):
            return f"{owner}.{attr} is about many", f'write count({owner}), say, or count({owner}, within="30 days")'
        return f"there is no {owner!r} in a condition", f"use {_listed(known)}"

    # --- calls and tests

    def _call(self, node: n.Call, name: str) -> Kind:
        if name in FUNCTIONS:
            aggregate = self.aggregates[node] = read_aggregate(node, name, self.fields)
            self._doubt_event(aggregate)
            return aggregate.yields
        if name not in SPANS or len(node.args) != 1 or node.kwargs or node.dyn_args or node.dyn_kwargs:
            raise ConditionFault(f"not allowed in a condition: {show(node)}", closest(name, [*SPANS, *FUNCTIONS]))
        if (kind := self.kind(node.args[0])) not in (Kind.DATE, Kind.TIME):
            raise ConditionFault(f"{show(node)} asks for a date or time, {show(node.args[0])} is a {kind}")
        return Kind.NUMBER

    def _doubt_event(self, aggregate: Aggregate) -> None:
        kinds = self.fields.event_kinds
        if aggregate.word == "events" and aggregate.kind is not None and kinds and aggregate.kind not in kinds:
            advice = closest(aggregate.kind, kinds) or f"there are {', '.join(sorted(kinds)[:8])}"
            self.doubts.append((f"no event of the kind {aggregate.kind!r} has come yet", advice))

    def _test(self, node: n.Test) -> Kind:
        if node.name in ("none", "defined") and not node.args:
            self.kind(node.node)
            return Kind.BOOL
        if node.name in TEXT_TESTS and len(node.args) == 1:
            self._all(Kind.TEXT, node.node, node.args[0])
            return Kind.BOOL
        known = ("none", "defined", *TEXT_TESTS)
        advice = closest(node.name, known) or f"there are {_listed(known, 'and')}"
        raise ConditionFault(f"not allowed in a condition: {show(node)}", advice)

    def _either(self, node: n.CondExpr) -> Kind:
        self._all(Kind.BOOL, node.test)
        kind = self.kind(node.expr1)
        other = Kind.NONE if node.expr2 is None else self.kind(node.expr2)
        if kind is not other and Kind.NONE not in (kind, other):
            raise ConditionFault(f"{show(node)} is either a {kind} or a {other}", "let both be of one kind")
        return other if kind is Kind.NONE else kind

    # --- comparisons

    def _compare(self, node: n.Compare) -> Kind:
        if len(node.ops) > 1 and any(op.op not in (*_ORDERS, "eq") for op in node.ops):
            raise ConditionFault(f"a chain of comparisons: {show(node)}", "join two with 'and'")
        for left, op, right in pairs(node):
            self._pair(left, op, right)
        return Kind.BOOL

    def _pair(self, left: n.Node, op: str, right: n.Node) -> None:
        kind = self.kind(left)
        if op in ("in", "notin"):
            self._membership(left, kind, right)
            return
        other = self.kind(right)
        shown = f"{show(left)} {SYMBOLS[op]} {show(right)}"
        if Kind.NONE in (kind, other):
            if op not in ("eq", "ne"):
                raise ConditionFault(f"none can only be compared with == or !=, not {SYMBOLS[op]}")
        elif _date_text(kind, right) or _date_text(other, left):
            pass
        elif kind is not other:
            raise ConditionFault(
                f"cannot compare the {kind} {show(left)} with the {other} {show(right)}", _kind_advice(kind, other)
            )
        elif op not in ("eq", "ne") and kind in (Kind.BOOL, Kind.TEXT):
            raise ConditionFault(f"a {kind} has no order: {shown}", "compare with == or !=")
        elif op == "eq":
            self._doubt_instant(left, right)

    def _doubt_instant(self, *sides: n.Node) -> None:
        for side in sides:
            match side:
                case n.Call(node=n.Name(name="days_since" | "days_until"), args=[argument]):
                    if self.kind(argument) is Kind.TIME:
                        told = f"{show(side)} counts parts of days: it equals a number for an instant only"
                        self.doubts.append((told, f"write 3 <= {show(side)} < 4, say"))

    def _membership(self, left: n.Node, kind: Kind, right: n.Node) -> None:
        if isinstance(right, n.List | n.Tuple):
            for part in right.items:
                if constant(part) is None or self.kind(part) is not kind:
                    raise ConditionFault(f"{show(part)} does not fit among {kind}s in {show(right)}")
        elif kind is not Kind.TEXT or self.kind(right) is not Kind.TEXT:
            raise ConditionFault(f"'in' needs a list, or text in text: {show(left)} in {show(right)}")


def pairs(node: n.Compare) -> Iterator[tuple[n.Node, str, n.Node]]:
    """The comparisons of a chain: `0 < x <= 3` is `0 < x` and `x <= 3`."""
    for (left, _), (right, op) in pairwise([(node.expr, ""), *((op.expr, op.op) for op in node.ops)]):
        yield left, op, right


def constant(node: n.Node) -> n.Const | None:
    """What is written out: `5`, `-5`, `"PL"`."""
    match node:
        case n.Const():
            return node
        case n.Neg(node=n.Const(value=int() | float() as number)) if not isinstance(number, bool):
            return n.Const(-number)
    return None


def const_kind(node: n.Const) -> Kind:
    match node.value:
        case None:
            return Kind.NONE
        case bool():
            return Kind.BOOL
        case int() | float() as number:
            if not abs(number) <= LARGEST:
                raise ConditionFault(f"{number} is too large a number", f"the largest is {LARGEST}")
            return Kind.NUMBER
    if "\0" in node.value:
        raise ConditionFault(f"{node.value!r} has a character that no text can hold", "leave out \\x00")
    return Kind.TEXT


_INSTEAD: dict[type[n.Node], str] = {
    n.Concat: "compare the parts one by one",
    n.FloorDiv: "divide with /",
    n.Mod: "there are + - * /",
    n.Pow: "there are + - * /",
    n.Getitem: "write contact.first_name",
}


def _listed(words: list[str] | tuple[str, ...], joint: str = "or") -> str:
    return f"{', '.join(words[:-1])} {joint} {words[-1]}" if len(words) > 1 else words[0]


def _date_text(kind: Kind, other: n.Node) -> bool:
    """A date or time may be compared with one written out: `contact.birthday > "1990-01-01"`."""
    if kind not in (Kind.DATE, Kind.TIME) or not (isinstance(other, n.Const) and isinstance(other.value, str)):
        return False
    read: Callable[[str], object] = date.fromisoformat if kind is Kind.DATE else datetime.fromisoformat
    try:
        read(other.value)
    except ValueError:
        raise ConditionFault(f"{other.value!r} is no {kind}", 'write it as "2026-11-22"') from None
    return True


def _kind_advice(kind: Kind, other: Kind) -> str:
    if Kind.NUMBER in (kind, other) and {Kind.TIME, Kind.DATE} & {kind, other}:
        return "use days_since(…) to compare a time with a number of days"
    if {kind, other} == {Kind.TEXT, Kind.NUMBER}:
        return "put text in quotes, numbers without"
    if {kind, other} == {Kind.DATE, Kind.TIME}:
        return "compare how long ago: days_since(…) of both"
    return ""
