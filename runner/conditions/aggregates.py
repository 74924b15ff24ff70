"""What many facts of a contact come to: `count(orders, within="90 days")`, `last(events.login)`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import sqlalchemy as sa
from jinja2 import nodes as n

from runner.conditions.faults import ConditionFault
from runner.conditions.fields import Fields, Kind, custom_value
from runner.conditions.today import Today
from runner.conditions.words import show
from runner.duration import Duration, parse, some_time
from runner.store.tables import answers, contact_sources, contacts, events, facts, purchases, surveys, tickets
from runner.store.types import Instant
from runner.yaml_file import closest

#: What is done with the facts.
FUNCTIONS = ("count", "sum", "last")


@dataclass(frozen=True, slots=True)
class Rows:
    """Where facts of one word stand: whose they are, when they happened, and what may be summed."""

    table: Any
    at: Any
    #: Whether they name a contact, else the source row of one.
    by_contact: bool = False
    living: tuple[Any, ...] = ()
    kind: Any = None
    numbers: Mapping[str, Any] | None = None


def _orders(fields: Fields) -> list[Rows]:
    p = purchases.alias("bought")
    return [Rows(p, p.c.at, by_contact=True, numbers={"total": _money(p.c.value)})]


def _tickets(fields: Fields) -> list[Rows]:
    t = tickets.alias("asked")
    return [Rows(t, t.c.created_at, living=(t.c.deleted_at.is_(None),))]


def _events(fields: Fields) -> list[Rows]:
    e = events.alias("happened")
    numbers = {
        name: custom_value(e.c.custom, name, kind) for name, kind in fields.event_fields.items() if kind is Kind.NUMBER
    }
    worth = _money(e.c.value) * _rate(e, fields.currency)
    return [Rows(e, e.c.at, living=(e.c.deleted_at.is_(None),), kind=e.c.kind, numbers=numbers | {"value": worth})]


def _answers(fields: Fields) -> list[Rows]:
    """Those given on our pages, those that connectors told, and of these the ones without a time."""
    a, told, timeless = answers.alias("given"), surveys.alias("told"), surveys.alias("timeless")
    return [
        Rows(a, a.c.answered_at, by_contact=True, kind=a.c.kind, numbers={"score": a.c.score}),
        _told(told, told.c.responded_at, told.c.responded_at.is_not(None)),
        _told(timeless, timeless.c.seen_at, timeless.c.responded_at.is_(None)),
    ]


def _told(s: Any, at: Any, timed: Any) -> Rows:
    living = (s.c.deleted_at.is_(None), s.c.score.is_not(None), timed)
    return Rows(s, at, living=living, kind=sa.func.lower(s.c.kind), numbers={"score": s.c.score})


def _money(column: Any) -> Any:
    return sa.cast(sa.type_coerce(column, sa.BigInteger), sa.Float()) / float(10**column.type.places)


def _rate(event: Any, account: str) -> Any:
    """What the event's currency is worth in the account's at the day's rate (in UTC), else the last earlier one."""
    fx = facts["fx"].alias("rate_of")
    earlier = fx.c.currency == event.c.currency, fx.c.deleted_at.is_(None), fx.c.date <= _utc_day(event.c.at)
    rate = sa.select(_money(fx.c.rate)).where(*earlier).order_by(fx.c.date.desc(), fx.c.id.desc()).limit(1)
    ours = sa.or_(event.c.currency.is_(None), event.c.currency == account)
    return sa.case((ours, 1.0), else_=rate.correlate(event).scalar_subquery())


def _utc_day(at: Any) -> Any:
    return sa.func.date(at, type_=sa.Date())


#: The words for facts, each with its rows.
FACT_WORDS: Mapping[str, Callable[[Fields], list[Rows]]] = {
    "answers": _answers,
    "events": _events,
    "orders": _orders,
    "tickets": _tickets,
}


@dataclass(frozen=True, slots=True)
class Aggregate:
    """One such call, checked."""

    #: As it is written.
    text: str
    function: Literal["count", "sum", "last"]
    #: `orders`, `tickets`, `answers` or `events`.
    word: str
    #: Of which kind of event or answer; None for any.
    kind: str | None
    #: What is summed.
    number: str | None
    within: Duration | None
    fields: Fields

    @property
    def yields(self) -> Kind:
        return Kind.TIME if self.function == "last" else Kind.NUMBER

    def sql(self, today: Today) -> Any:
        """Its value for each of `contacts`: a number, or a time that is NULL where there is no such fact."""
        arms = [arm for rows in self._rows() for arm in self._of_contact(rows, today)]
        part = sa.union_all(*arms).subquery("parts").c[0]
        value: Any = sa.func.max(part, type_=Instant())
        if self.function != "last":
            kind = sa.Float() if self.function == "sum" else sa.BigInteger()
            value = sa.cast(sa.func.coalesce(sa.func.sum(part), 0), kind)
        return sa.select(value).correlate(contacts).scalar_subquery()

    def people(self, first: Any, last: Any) -> sa.Select[Any]:
        """Whose facts of these lie between two instants."""
        owner = contacts.alias("owner")
        whose = sa.func.coalesce(owner.c.merged_into, owner.c.id)
        arms = []
        for rows in self._rows():
            if rows.by_contact:
                joined = sa.select(whose).join_from(rows.table, owner, owner.c.id == rows.table.c.contact_id)
            else:
                source = contact_sources.alias("source")
                joined = (
                    sa.select(whose)
                    .join_from(rows.table, source, source.c.id == rows.table.c.contact_source)
                    .join(owner, owner.c.id == source.c.contact_id)
                )
            arms.append(joined.where(*self._meant(rows), rows.at >= first, rows.at <= last))
        return arms[0] if len(arms) == 1 else sa.select(sa.union_all(*arms).subquery("people").c[0])

    def _of_contact(self, rows: Rows, today: Today) -> list[sa.Select[Any]]:
        """What the contact's own facts come to, and those of each who was merged into them, source by source.

        Each by a subquery of its own, so that both databases look by whose they are, whatever else they could go by.
        """
        merged, source, theirs = (
            contacts.alias("merged"),
            contact_sources.alias("source"),
            contact_sources.alias("theirs"),
        )
        into = merged.c.merged_into == contacts.c.id
        if rows.by_contact:
            own = self._part(rows, today).where(rows.table.c.contact_id == contacts.c.id)
            of_merged = self._part(rows, today).where(rows.table.c.contact_id == merged.c.id).correlate(merged)
            return [own.correlate(contacts), sa.select(of_merged.scalar_subquery()).where(into).correlate(contacts)]
        own = self._part(rows, today).where(rows.table.c.contact_source == source.c.id).correlate(source)
        of_merged = self._part(rows, today).where(rows.table.c.contact_source == theirs.c.id).correlate(theirs)
        joined = sa.select(of_merged.scalar_subquery()).join_from(merged, theirs, theirs.c.contact_id == merged.c.id)
        return [
            sa.select(own.scalar_subquery()).where(source.c.contact_id == contacts.c.id).correlate(contacts),
            joined.where(into).correlate(contacts),
        ]

    def _part(self, rows: Rows, today: Today) -> sa.Select[Any]:
        value: Any = sa.func.count()
        if self.function == "sum":
            value = sa.func.sum(sa.cast((rows.numbers or {})[self.number or ""], sa.Float()))
        elif self.function == "last":
            value = sa.func.max(rows.at, type_=Instant())
        now = today.value(lambda today: today.now, Instant())
        chosen = sa.select(value).select_from(rows.table).where(*self._meant(rows), rows.at <= now)
        if (within := self.within) is None:
            return chosen
        return chosen.where(rows.at > today.value(lambda today: before(today.now, within.span), Instant()))

    def _meant(self, rows: Rows) -> tuple[Any, ...]:
        return rows.living if self.kind is None else (*rows.living, rows.kind == self.kind)

    def _rows(self) -> list[Rows]:
        return FACT_WORDS[self.word](self.fields)


def before(at: datetime, span: timedelta) -> datetime:
    """So much earlier, at the calendar's beginning where there is no such time."""
    try:
        return at - span
    except OverflowError:
        return datetime.min.replace(tzinfo=at.tzinfo)


# --- reading one


def read_aggregate(call: n.Call, function: Any, fields: Fields) -> Aggregate:
    """The call as it is meant. Raises ConditionFault."""
    text = show(call)
    if len(call.args) != 1 or call.dyn_args is not None or call.dyn_kwargs is not None:
        raise ConditionFault(f"{text} asks for one kind of facts", _EXAMPLES[function])
    path = list(_path(call.args[0]))
    if not path or path[0] not in FACT_WORDS:
        near = closest(path[0], FACT_WORDS) if path else ""
        raise ConditionFault(f"{function}(…) is about orders, events, tickets or answers: {text}", near)
    word, *rest = path
    number = _number(rest, function, word, text, fields)
    if len(rest) > 1 or (rest and word not in _WITH_KINDS):
        advice = f"only events and answers have kinds; write {function}({word})" if word not in _WITH_KINDS else ""
        raise ConditionFault(f"{'.'.join(path)} stands for nothing in {text}", advice)
    kind = rest[0].lower() if rest and word == "answers" else rest[0] if rest else None
    if word == "answers" and kind is not None and kind not in _SURVEYS:
        raise ConditionFault(f"there is no survey {kind!r} in {text}", "there are nps, csat, ces and exit")
    return Aggregate(text, function, word, kind, number, _within(call), fields)


_EXAMPLES = {
    "count": 'write count(events.login, within="30 days")',
    "sum": 'write sum(orders.total, within="90 days")',
    "last": "write last(events.login)",
}
_WITH_KINDS = ("events", "answers")
_SURVEYS = ("nps", "csat", "ces", "exit")


def _path(node: n.Node) -> Iterator[str]:
    """`events.login.value` and `events["login"].value` as their words; nothing for anything else."""
    match node:
        case n.Name(name=name):
            yield name
        case n.Getattr(node=inner, attr=attr) | n.Getitem(node=inner, arg=n.Const(value=str() as attr)):
            if before := list(_path(inner)):
                yield from (*before, attr)


def _number(rest: list[str], function: str, word: str, text: str, fields: Fields) -> str | None:
    """What is summed, taken from the end of the path."""
    if function != "sum":
        return None
    known = sorted(FACT_WORDS[word](fields)[0].numbers or ())
    if not known:
        raise ConditionFault(f"{word} have nothing to sum: {text}", f"write count({word})")
    if not rest or rest[-1] not in known:
        near = closest(rest[-1], known) if rest else ""
        usual = "value" if "value" in known else known[0]
        example = ".".join([word, *(rest[:1] if word in _WITH_KINDS else []), usual])
        raise ConditionFault(f"{text} names no number to sum", near or f"write sum({example})")
    return rest.pop()


def _within(call: n.Call) -> Duration | None:
    for keyword in call.kwargs:
        if keyword.key != "within":
            advice = closest(keyword.key, ["within"]) or 'there is within="30 days"'
            raise ConditionFault(f"{show(call)} has no {keyword.key!r}", advice)
        if not isinstance(keyword.value, n.Const) or not isinstance(keyword.value.value, str):
            raise ConditionFault(f"within is a span of time in quotes: {show(call)}", 'write within="30 days"')
        try:
            return some_time(parse(keyword.value.value))
        except ValueError as error:
            raise ConditionFault(f"within {error}") from None
    return None
