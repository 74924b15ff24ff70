"""One condition: parsed with Jinja's own parser, its names and types checked, ready for SQL and for one contact."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from jinja2 import Environment, TemplateSyntaxError
from jinja2 import nodes as n
from jinja2.parser import Parser

from runner.conditions.evaluate import evaluate
from runner.conditions.fields import Field, Fields, Kind, Today
from runner.conditions.sql import compile_sql
from runner.conditions.words import SYMBOLS, show, value_in_words
from runner.yaml_file import closest

_JINJA = Environment(autoescape=False)


class ConditionFault(ValueError):
    """A condition that cannot be meant: what is wrong, and what to do."""

    def __init__(self, message: str, advice: str = "", *, unknown_field: bool = False) -> None:
        self.message = message
        self.advice = advice
        #: Whether it is only that the field is not known (yet).
        self.unknown_field = unknown_field
        super().__init__(f"{message}; {advice}" if advice else message)


@dataclass(frozen=True, slots=True)
class Clause:
    """One part that must hold, as written, with the value found."""

    text: str
    value: str
    holds: bool


class Condition:
    """A checked condition. Raises ConditionFault for a name or type that does not fit."""

    def __init__(self, source: str, fields: Fields) -> None:
        self.source = source
        self.fields = fields
        self.tree = _parse(source)
        if _depth(self.tree) > DEEPEST:
            raise ConditionFault("is nested too deeply", "write a list: contact.country in [...], or two playbooks")
        self.used: set[str] = set()
        if self._kind(self.tree) is not Kind.BOOL:
            raise ConditionFault(
                f"must be a yes-or-no question, is {source!r}", "compare with something: contact.orders_count > 1"
            )

    def sql(self, today: Today) -> Any:
        """The condition as a boolean SQL clause over `contacts` (and `companies`), never NULL; values are bound."""
        return compile_sql(self.tree, self.fields, today)

    @property
    def names_company(self) -> bool:
        return any(name.startswith("company.") for name in self.used)

    def holds(self, values: Mapping[str, Any], today: Today) -> bool:
        """Whether it holds for one contact; `values` by full name, absent or None where missing."""
        return bool(evaluate(self.tree, self._typed(values), today))

    def clauses(self, values: Mapping[str, Any], today: Today) -> list[Clause]:
        """Each part of the outermost `and`, with the values that decided it."""
        typed = self._typed(values)
        return [
            Clause(show(part), _found(part, typed, today), bool(evaluate(part, typed, today)))
            for part in _parts(self.tree)
        ]

    def _typed(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values with dates and times as such: custom fields keep theirs as text."""
        read = {Kind.DATE: date.fromisoformat, Kind.TIME: datetime.fromisoformat}
        kinds = {name: self.fields[name].kind for name in self.used}
        written = {name: values[name] for name in kinds if isinstance(values.get(name), str)}
        return {**values, **{name: read[kinds[name]](text) for name, text in written.items() if kinds[name] in read}}

    # --- types: the only place that says yes

    def _kind(self, node: n.Node) -> Kind:
        match node:
            case n.Const():
                return _const_kind(node)
            case n.Getattr(node=n.Name(name=owner), attr=attr):
                return self._field(f"{owner}.{attr}").kind
            case n.And(left=left, right=right) | n.Or(left=left, right=right):
                self._want(left, Kind.BOOL)
                self._want(right, Kind.BOOL)
                return Kind.BOOL
            case n.Not(node=inner):
                self._want(inner, Kind.BOOL)
                return Kind.BOOL
            case n.Neg(node=inner):
                self._want(inner, Kind.NUMBER)
                return Kind.NUMBER
            case n.Add(left=left, right=right) | n.Sub(left=left, right=right) | n.Mul(left=left, right=right):
                self._want(left, Kind.NUMBER)
                self._want(right, Kind.NUMBER)
                return Kind.NUMBER
            case n.Compare():
                return self._compare(node)
            case n.Test(name="none" | "defined", node=inner):
                self._kind(inner)
                return Kind.BOOL
            case n.Filter(name="lower", node=n.Expr() as inner, args=[]):
                self._want(inner, Kind.TEXT)
                return Kind.TEXT
            case n.Call(node=n.Name(name="today"), args=[]):
                return Kind.DATE
            case n.Call(node=n.Name(name="days_since" | "days_until"), args=[argument], kwargs=[]):
                if (kind := self._kind(argument)) not in (Kind.DATE, Kind.TIME):
                    raise ConditionFault(f"{show(node)} asks for a date or time, {show(argument)} is a {kind}")
                return Kind.NUMBER
            case n.Name(name=name):
                raise ConditionFault(f"{name!r} stands for nothing", f"write contact.{name}, or put text in quotes")
        raise ConditionFault(f"not allowed in a condition: {show(node)}")

    def _want(self, node: n.Node, wanted: Kind) -> None:
        if (kind := self._kind(node)) is not wanted:
            raise ConditionFault(f"{show(node)} is a {kind}, {wanted} is needed here")

    def _field(self, name: str) -> Field:
        if name not in self.fields:
            owner, attr = name.split(".", 1)
            attrs = [known.split(".", 1)[1] for known in self.fields.names if known.startswith(f"{owner}.")]
            if not attrs:
                raise ConditionFault(f"there is no {owner!r} in a condition", "use contact or company")
            raise ConditionFault(f"{owner} has no {attr!r}", closest(attr, attrs), unknown_field=True)
        self.used.add(name)
        return self.fields[name]

    def _compare(self, node: n.Compare) -> Kind:
        if len(node.ops) != 1:
            raise ConditionFault(f"a chain of comparisons: {show(node)}", "join two with 'and'")
        op, left, right = node.ops[0].op, node.expr, node.ops[0].expr
        kind = self._kind(left)
        if op in ("in", "notin"):
            self._membership(left, kind, right)
            return Kind.BOOL
        other = self._kind(right)
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
            raise ConditionFault(f"a {kind} has no order: {show(node)}", "compare with == or !=")
        return Kind.BOOL

    def _membership(self, left: n.Node, kind: Kind, right: n.Node) -> None:
        if isinstance(right, n.List | n.Tuple):
            for part in right.items:
                if not isinstance(part, n.Const) or _const_kind(part) is not kind:
                    raise ConditionFault(f"{show(part)} does not fit among {kind}s in {show(right)}")
        elif kind is not Kind.TEXT or self._kind(right) is not Kind.TEXT:
            raise ConditionFault(f"'in' needs a list, or text in text: {show(left)} in {show(right)}")


#: Parts within parts that a condition may have; databases and Python end at some depth.
DEEPEST = 100
#: The largest number that means the same everywhere.
LARGEST = 10**14


def _parse(source: str) -> n.Expr:
    if not source.strip():
        raise ConditionFault("is empty", "leave the key out, or ask something: contact.orders_count > 1")
    try:
        parser = Parser(_JINJA, source, state="variable")
        tree = parser.parse_expression()
        if not parser.stream.eos:
            token = str(parser.stream.current.value)
            raise ConditionFault(f"{token!r} is not understood after the expression", _OPERATOR_ADVICE.get(token, ""))
        return tree
    except TemplateSyntaxError as error:
        advice = next((words for sign, words in _OPERATOR_ADVICE.items() if sign in source), "")
        told = str(error.message).replace("'end of template'", "end")
        raise ConditionFault(f"cannot be read: {told}", advice) from None
    except RecursionError:
        raise ConditionFault("is nested too deeply", "write it with fewer parentheses") from None
    except ConditionFault:
        raise
    except ValueError as error:  # a number of thousands of digits
        raise ConditionFault(f"cannot be read: {error}") from None


def _depth(tree: n.Node) -> int:
    depth, level = 0, [tree]
    while level:
        depth, level = depth + 1, [child for node in level for child in node.iter_child_nodes()]
    return depth


_OPERATOR_ADVICE = {
    "&&": "use and",
    "||": "use or",
    "=": "use == to compare",
    "!": "use not",
    "assign": "use == to compare",
}


def _const_kind(node: n.Const) -> Kind:
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
    if Kind.TIME in (kind, other) and Kind.NUMBER in (kind, other):
        return "use days_since(…) to compare a time with a number of days"
    if {kind, other} == {Kind.TEXT, Kind.NUMBER}:
        return "put text in quotes, numbers without"
    return ""


def _parts(tree: n.Node) -> Sequence[n.Node]:
    if isinstance(tree, n.And):
        return [*_parts(tree.left), *_parts(tree.right)]
    return [tree]


def _found(part: n.Node, values: Mapping[str, Any], today: Today) -> str:
    """The values of the fields that a part names: `contact.nps_score is 9`."""
    names = {f"{node.node.name}.{node.attr}" for node in part.find_all(n.Getattr) if isinstance(node.node, n.Name)}
    if isinstance(part, n.Getattr) and isinstance(part.node, n.Name):
        names.add(f"{part.node.name}.{part.attr}")
    told = [f"{name} is {value_in_words(values.get(name))}" for name in sorted(names)]
    for call in part.find_all(n.Call):
        if isinstance(call.node, n.Name) and call.args:
            days = evaluate(call, values, today)
            told.append(f"{show(call)} is {'missing' if days is None else f'{days:g}'}")
    return ", ".join(told)
