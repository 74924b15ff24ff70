"""Something happened: an order, a ticket that was solved, or whatever else a connector tells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any, ClassVar

import sqlalchemy as sa

from runner.conditions import Condition, Fields
from runner.conditions.brought import kept, plain, standing_for
from runner.store.activity import KEPT, Kept
from runner.store.functions import json_object, unindexed
from runner.store.tables import companies, contact_sources, contacts, events, orders, purchases
from runner.triggers.arrivals import Arrival
from runner.triggers.base import Named, match_columns
from runner.triggers.window import Window

#: The key by which each event is an occasion of its own.
EACH = "event.event_id"


class Event(Arrival):
    """Fires on everything of a kind that happened, once an event, or once a value of another field of it."""

    name: ClassVar[str] = "event"
    example: ClassVar[str] = "event: {kind: order, where: event.value > 100}"
    its_occasion: ClassVar[str] = "the key, by default each event"

    #: What happened: `order`, `ticket`, `ticket_solved`, `message`, `mention`, or an event's own kind.
    kind: str = "order"
    #: Which of them: a condition over `event` and, for an order, ticket …, its own word: `order.units > 1`.
    where: str | None = None
    #: The field that makes one occasion: each event, or each value of `event.sku`, say.
    key: str = EACH

    @property
    def brings(self) -> Sequence[str]:
        own = "order" if self.kind == "order" else KEPT[self.kind].word if self.kind in KEPT else None
        return ("event", own) if own else ("event",)

    def names(self) -> Sequence[Named]:
        return [Named("key", self.key, owners=("event",))]

    def looks_at(self, fields: Fields) -> Sequence[str]:
        return ()

    def turns(self, fields: Fields) -> bool:
        return self.where is not None and bool(Condition.of(self.where, fields.bringing(*self.brings)).atoms)

    def asks(self, fields: Fields) -> Mapping[str, tuple[str, Fields]]:
        return {} if self.where is None else {"where": (self.where, fields.bringing(*self.brings))}

    def matches(self, window: Window) -> sa.Select[Any]:
        happened = sa.union_all(*self._happened(window)).subquery("happened")
        rows = {word: _row(happened, word) for word in self.brings}
        known = window.fields
        for word, row in rows.items():
            # What is asked of it is no way to find it: SQLite would take any index for `ticket.solved_at is none`.
            asked = {name: unindexed(column) for name, column in row.items()}
            known = standing_for(word, asked, known)
        facts = json_object(*(part for word, row in rows.items() for part in (word, kept(word, row))))
        chosen = sa.select(
            *match_columns(
                contact=happened.c.contact_id,
                occasion=sa.literal(f"{self.kind} ") + self._key(happened, known),
                occurred_at=happened.c.at,
                facts=facts,
            )
        ).join_from(happened, contacts, contacts.c.id == happened.c.contact_id)
        if self.where is not None:
            own_company = companies.c.id == contacts.c.company_id
            chosen = chosen.outerjoin(companies, own_company).where(Condition(self.where, known).sql(window.today))
        return chosen if self.key == EACH else _first_of_each(chosen)

    def says(self) -> str:
        return f"{self.kind}{f' where {self.where}' if self.where else ''}{self._once()}"

    def why(self, facts: Mapping[str, Any], anchor: date | None) -> str:
        event = facts["event"]
        money = f" of {event['value']:,.2f}".removesuffix(".00") if event.get("value") is not None else ""
        currency = f" {event['currency']}" if money and event.get("currency") else ""
        return f"{self.kind.replace('_', ' ')}{money}{currency} on {event['at'][:10]}"

    def _once(self) -> str:
        return "" if self.key == EACH else f", once for each {self.key}"

    def _key(self, happened: Any, known: Fields) -> Any:
        """What names the occasion; an event without the field is one of its own."""
        if self.key == EACH:
            return happened.c.key
        field = known[self.key]
        value = sa.type_coerce(field.column, sa.BigInteger) / float(10**field.places) if field.places else field.column
        return sa.func.coalesce(sa.cast(value, sa.Text), happened.c.key)

    def _happened(self, window: Window) -> Iterator[sa.Select[Any]]:
        if self.kind == "order":
            mine = self._orders().where(window.concerns(purchases.c.contact_id))
            yield from self.arrived(window, mine, purchases.c.at, purchases.c.seen_at)
            return
        if (own := KEPT.get(self.kind)) is not None:
            theirs = self._kept(own).where(self.told_of(window, own.table.c.contact_source))
            yield from self.arrived(window, theirs, own.table.c[own.at], own.table.c.seen_at)
        theirs = self._events().where(self.told_of(window, events.c.contact_source))
        yield from self.arrived(window, theirs, events.c.at, events.c.seen_at)

    def _orders(self) -> sa.Select[Any]:
        """Orders that count, as `purchases` has them, and what else is known of each."""
        p, o = purchases.c, orders.c
        same = sa.and_(o.ordered_at == p.at, o.connector + ":" + o.order_id == p.order_key)
        number = sa.func.coalesce(o.order_id, p.order_key)
        told = {"event_id": number, "at": p.at, "value": p.total, "currency": p.currency}
        order = {"order_id": number, "ordered_at": p.at, "status": o.status, "currency": p.currency}
        order |= {"total": p.total, "units": o.units, "referral_code": o.referral_code}
        return self._columns(p.contact_id, p.order_key, p.at, told, order).join_from(
            purchases, orders, same, isouter=True
        )

    def _kept(self, own: Kept) -> sa.Select[Any]:
        told = {"event_id": own.table.c.source_id, "at": own.table.c[own.at]}
        chosen = self._of_somebody(own.table, own.table.c[own.at], told, dict(plain(own.word)))
        return chosen.where(own.where(own.table))

    def _events(self) -> sa.Select[Any]:
        told = {name: events.c[name] for name in ("event_id", "at", "value", "currency", "custom")}
        return self._of_somebody(events, events.c.at, told, {}).where(events.c.kind == self.kind)

    def _of_somebody(
        self, table: sa.Table, at: Any, event: Mapping[str, Any], own: Mapping[str, Any]
    ) -> sa.Select[Any]:
        owner = contacts.alias("owner")
        whose = sa.func.coalesce(owner.c.merged_into, owner.c.id)
        return (
            self._columns(whose, table.c.connector + ":" + table.c.source_id, at, event, own)
            .join_from(table, contact_sources, contact_sources.c.id == unindexed(table.c.contact_source))
            .join(owner, owner.c.id == contact_sources.c.contact_id)
            .where(table.c.deleted_at.is_(None))
        )

    def _columns(
        self, contact: Any, key: Any, at: Any, event: Mapping[str, Any], own: Mapping[str, Any]
    ) -> sa.Select[Any]:
        """The same columns whatever it is: whose, key, time, and what `event` and its own word are made of."""
        columns = [contact.label("contact_id"), key.label("key"), at.label("at")]
        for word, told in zip(self.brings, ({**event, "kind": sa.literal(self.kind)}, own), strict=False):
            named = {**plain(word), **({"custom": events.c.custom} if word == "event" else {})}
            columns += [_filled(told.get(name), column).label(f"{word}_{name}") for name, column in named.items()]
        return sa.select(*columns)


def _filled(value: Any, like: sa.Column[Any]) -> Any:
    return sa.cast(sa.null(), like.type) if value is None else sa.type_coerce(value, like.type)


def _row(happened: Any, word: str) -> dict[str, Any]:
    """The columns of one word, by name."""
    prefix = f"{word}_"
    return {name.removeprefix(prefix): column for name, column in happened.c.items() if name.startswith(prefix)}


def _first_of_each(chosen: sa.Select[Any]) -> sa.Select[Any]:
    """Of several events at once that are one occasion the first."""
    one = chosen.subquery("one")
    place = sa.func.row_number().over(partition_by=(one.c.contact_id, one.c.occasion), order_by=one.c.occurred_at)
    placed = sa.select(one, place.label("place")).subquery("placed")
    return sa.select(*(column for column in placed.c if column.name != "place")).where(placed.c.place == 1)
