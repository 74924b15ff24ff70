"""One condition: parsed with Jinja's own parser, its names and types checked, ready for SQL and for one contact."""

from __future__ import annotations

import functools
import operator
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property, lru_cache
from typing import Any

import sqlalchemy as sa
from jinja2 import Environment, TemplateSyntaxError
from jinja2 import nodes as n
from jinja2.parser import Parser

from runner.conditions.evaluate import evaluate
from runner.conditions.faults import ConditionFault
from runner.conditions.fields import Fields, Kind
from runner.conditions.meaning import Meaning
from runner.conditions.passing import Atom, Passing, atoms_of, flips, may_turn
from runner.conditions.sql import compile_sql
from runner.conditions.today import Today
from runner.conditions.words import show, value_in_words
from runner.store.tables import contacts

_JINJA = Environment(autoescape=False)


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
            raise ConditionFault(TOO_DEEP, "write a list: contact.country in [...], or two playbooks")
        self._meaning = Meaning(self.tree, fields, source)

    @classmethod
    @lru_cache(maxsize=1024)
    def of(cls, source: str, fields: Fields) -> Condition:
        """The same, read once for these very fields."""
        return cls(source, fields)

    def sql(self, today: Today) -> Any:
        """The condition as a boolean SQL clause over `contacts` (and `companies`), never NULL; values are bound.

        One that names what a trigger brings (`fields.bringing("event")`) stands over that fact's rows as well.
        """
        return compile_sql(self._meaning, today)

    @property
    def used(self) -> set[str]:
        """The full names of the fields it reads."""
        return self._meaning.used

    @property
    def words(self) -> set[str]:
        """The words before the dot: `contact`, `company`, and what a trigger brings."""
        return {name.partition(".")[0] for name in self.used}

    @property
    def names_company(self) -> bool:
        return "company" in self.words

    @property
    def facts(self) -> frozenset[str]:
        """Of which facts it counts many: `events`, `orders`, `tickets`, `answers`."""
        return frozenset(aggregate.word for aggregate in self._meaning.aggregates.values())

    @property
    def doubts(self) -> Sequence[tuple[str, str]]:
        """What is sound, and yet hardly meant: each with advice."""
        return self._meaning.doubts

    def holds(self, values: Mapping[str, Any], today: Today) -> bool:
        """Whether it holds for one contact; `values` by full name, absent or None where missing, and `measured`."""
        return bool(evaluate(self.tree, self._typed(values), today))

    def clauses(self, values: Mapping[str, Any], today: Today) -> list[Clause]:
        """Each part of the outermost `and`, with the values that decided it."""
        typed = self._typed(values)
        return [
            Clause(show(part), _found(part, typed, today), bool(evaluate(part, typed, today)))
            for part in _parts(self.tree)
        ]

    def _typed(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values with dates and times as such: custom fields keep theirs as text, and may hold another kind's."""
        strange = [name for name in self.used if self.fields[name].is_strange(values.get(name))]
        values = {**values, **dict.fromkeys(strange)}
        read = {Kind.DATE: date.fromisoformat, Kind.TIME: datetime.fromisoformat}
        kinds = {name: self.fields[name].kind for name in self.used}
        written = {name: values[name] for name in kinds if isinstance(values.get(name), str)}
        return {**values, **{name: read[kinds[name]](text) for name, text in written.items() if kinds[name] in read}}

    # --- part by part

    def failing(self, today: Today) -> Any:
        """The parts of the outermost `and` that do not hold, as a text in SQL: `contact.country == "PL", …`."""
        parts = _parts(self.tree)
        if not parts[1:]:
            return sa.literal(self.source)
        said = [
            sa.case((sa.not_(compile_sql(self._meaning, today, part)), _APART + show(part)), else_="") for part in parts
        ]
        return sa.func.substr(sa.cast(functools.reduce(operator.add, said), sa.Text), len(_APART) + 1)

    def aggregated(self, today: Today) -> Iterator[tuple[str, Any]]:
        """What its counts, sums and lasts come to, by their text, as SQL."""
        columns = {each.text: each for each in self._meaning.aggregates.values()}
        yield from ((text, aggregate.sql(today)) for text, aggregate in columns.items())

    # --- what only the database knows

    def measures(self, today: Today) -> sa.Select[Any] | None:
        """The SELECT of what its counts, sums and lasts come to, for the contacts in `ids`; None where it has none.

        A row has the contact's id, then one column for each of `measured`'s names.
        """
        told = [value.label(f"measure_{place}") for place, (_, value) in enumerate(self.aggregated(today))]
        if not told:
            return None
        return sa.select(contacts.c.id, *told).where(contacts.c.id.in_(sa.bindparam("ids", expanding=True)))

    def measured(self, connection: sa.Connection, ids: Sequence[int], today: Today) -> dict[int, dict[str, Any]]:
        """By contact what its counts, sums and lasts come to: `{7: {"count(orders)": 3}}`; `holds` needs these too."""
        if (select := self.measures(today)) is None:
            return {id: {} for id in ids}
        names = list(dict.fromkeys(each.text for each in self._meaning.aggregates.values()))
        rows = connection.execute(select, {"ids": list(ids)})
        return {row[0]: dict(zip(names, row[1:], strict=True)) for row in rows}

    # --- time that passes

    @cached_property
    def atoms(self) -> tuple[Atom, ...]:
        """What can change its answer by the mere passing of time."""
        return atoms_of(self._meaning)

    def may_turn(self, passing: Passing) -> bool:
        """Whether anybody's answer may change by the time that passes in (since, now]; False saves a look."""
        return may_turn(self.atoms, passing)

    def flips(self, passing: Passing, who: Any = contacts.c.id) -> Any:
        """A clause over `contacts` and `companies`: whose answer may change by the time that passes in (since, now].

        It holds for everybody whose answer changes and for a few more; None: nobody can tell, evaluate in full. Facts
        and fields that change are not looked at. Facts are those of `who`, where another column has their number.
        """
        return flips(self.atoms, passing, who) if self.words <= {"contact", "company"} else None


#: Between the parts that are told of.
_APART = ", "
TOO_DEEP = "is nested too deeply"
#: Parts within parts that a condition may have; databases and Python end at some depth.
DEEPEST = 100


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
        told = re.sub("'?end of template'?", "end", str(error.message)).rstrip(".")
        advice = next((words for sign, words in _SIGN_ADVICE.items() if re.search(sign, source)), "")
        advice = advice or ("something is missing behind it" if "unexpected end" in told else "")
        raise ConditionFault(f"cannot be read: {told}", advice) from None
    except RecursionError:
        raise ConditionFault(TOO_DEEP, "write it with fewer parentheses") from None
    except ConditionFault:
        raise
    except ValueError as error:  # a number of thousands of digits
        raise ConditionFault(f"cannot be read: {error}") from None


def _depth(tree: n.Node) -> int:
    depth, level = 0, [tree]
    while level:
        depth, level = depth + 1, [child for node in level for child in node.iter_child_nodes()]
    return depth


#: What to write instead of a sign that conditions do not have.
_SIGN_ADVICE = {
    r"\{\{|\{%": "a condition stands alone: leave out the braces",
    "&&": "use and",
    r"\|\|": "use or",
    "(?<![=!<>])=(?!=)": "use == to compare",
    "!(?!=)": "use not",
}
#: … by Jinja's name for it, where it stands behind a whole expression.
_OPERATOR_ADVICE = {"=": "use == to compare", "assign": "use == to compare", "!": "use not", "&&": "use and"}


def _parts(tree: n.Node) -> Sequence[n.Node]:
    if isinstance(tree, n.And):
        return [*_parts(tree.left), *_parts(tree.right)]
    return [tree]


def _found(part: n.Node, values: Mapping[str, Any], today: Today) -> str:
    """What the fields and calls of a part come to: `contact.nps_score is 9, count(orders) is 3`."""
    named = sorted(set(_named(part)))
    calls = dict.fromkeys(show(call) for call in _calls(part))
    worth = {show(call): evaluate(call, values, today) for call in _calls(part)}
    told = [f"{name} is {value_in_words(values.get(name))}" for name in named]
    return ", ".join([*told, *(f"{call} is {_number_in_words(worth[call])}" for call in calls)])


def _named(node: n.Node) -> Iterator[str]:
    """The fields, those that stand for many facts left out."""
    match node:
        case n.Getattr(node=n.Name(name=owner), attr=attr):
            yield f"{owner}.{attr}"
        case n.Call(node=n.Name(name="count" | "sum" | "last")):
            return
        case _:
            for inner in node.iter_child_nodes():
                yield from _named(inner)


def _calls(node: n.Node) -> Iterator[n.Node]:
    """The calls, and `today` where nothing is asked of it."""
    match node:
        case n.Name(name="today" | "now"):
            yield node
        case n.Call(node=n.Name(name="today" | "now"), args=[]):
            yield node
        case n.Call(args=args):
            for argument in args:
                yield from _calls(argument)
            yield node
        case _:
            for inner in node.iter_child_nodes():
                yield from _calls(inner)


def _number_in_words(value: Any) -> str:
    return f"{value:g}" if isinstance(value, int | float) else value_in_words(value)
