"""Where a contact's code came back to us: on an order, an event, a visit that led to an event, a sign-up form's field.

And whom a friend who left their address on a contact's page turned out to be.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from runner.conditions.fields import Kind, custom_value
from runner.settings.rewards import Referrals
from runner.store.tables import contact_sources, contacts, events, friends, orders, purchases, referral_visits
from runner.store.types import Instant

#: What events carry: a contact's code, or the number that went along from a contact's page to the shop.
CODE, VISIT = "referral_code", "referral_visit"


@dataclass(frozen=True, slots=True)
class Person:
    """One side of a referral, as far as it tells whether two are one household."""

    id: int
    address: str | None
    company_id: int | None
    is_test: bool
    #: When they first bought, if they have.
    first_order_at: datetime | None
    custom: dict[str, Any] = field(default_factory=dict)
    first_name: str | None = None


@dataclass(frozen=True, slots=True)
class Signal:
    """One sign that a contact has brought a friend."""

    #: `orders 12`, by which it is judged once.
    told_by: str
    came_by: str
    at: datetime
    referrer: Person
    friend: Person
    #: When the friend went on from the contact's page, where that is known.
    visited_at: datetime | None = None
    #: The order that the code stood on.
    order_key: str | None = None
    #: The row of a friend who left their address.
    row: int | None = None


_once, _friend_once = contacts.alias("once"), contacts.alias("friend_once")
_referrer, _friend = contacts.alias("referrer"), contacts.alias("friend")


def signals(
    connection: sa.Connection, programme: Referrals, since: datetime, news: datetime, limit: int
) -> list[Signal]:
    """Those not judged yet, oldest first: of what happened from `since` on; events and people told of since `news`."""
    asked = {"since": since, "news": news, "some": limit}
    return [_signal(row) for row in connection.execute(_signals(programme.code_field), asked).mappings()]


@lru_cache(maxsize=4)
def _signals(code_field: str) -> sa.Select[Any]:
    """Made once: every tick asks it, and making it costs more than a database without friends takes to answer."""
    since, news = sa.bindparam("since", type_=Instant()), sa.bindparam("news", type_=Instant())
    told = sa.union_all(*_told(code_field, since, news)).subquery("told")
    known = sa.exists().where(friends.c.told_by == told.c.told_by, told.c.row_id.is_(None))
    counted = sa.exists().where(
        friends.c.contact_id == _friend.c.id, friends.c.referrer_id == _referrer.c.id,
        friends.c.state.not_in(("refused", "lapsed")),
    )  # fmt: skip
    return (
        sa.select(told, *_person(_referrer, "referrer"), *_person(_friend, "friend"))
        .join_from(told, _referrer, _referrer.c.id == told.c.owner)
        .join(_friend, _friend.c.id == told.c.guest)
        .where(~known, ~counted, told.c.at >= since)
        .order_by(told.c.at, told.c.told_by)
        .limit(sa.bindparam("some", type_=sa.Integer()))
    )


def _told(code_field: str, since: Any, news: Any) -> Iterator[sa.Select[Any]]:
    code = custom_value(events.c.custom, CODE, Kind.TEXT)
    visit = custom_value(events.c.custom, VISIT, Kind.TEXT)
    field_code = custom_value(_friend_once.c.custom, code_field, Kind.TEXT)
    order_key = orders.c.connector + ":" + orders.c.order_id
    living = sa.func.coalesce(_friend_once.c.merged_into, _friend_once.c.id)
    owner = sa.func.coalesce(_once.c.merged_into, _once.c.id)

    def row(of: Any, came_by: str, at: Any, *, visited_at: Any = None, order: Any = None) -> sa.Select[Any]:
        told_by = sa.literal(f"{of.name} ") + sa.cast(of.c.id, sa.Text)
        return sa.select(
            told_by.label("told_by"), sa.literal(came_by).label("came_by"), at.label("at"),
            owner.label("owner"), living.label("guest"),
            _or_nothing(visited_at, at.type).label("visited_at"), _or_nothing(order, sa.Text()).label("order_key"),
            sa.cast(sa.null(), sa.Integer).label("row_id"),
        )  # fmt: skip

    def whose(chosen: sa.Select[Any], of: sa.Table) -> sa.Select[Any]:
        return chosen.join(contact_sources, contact_sources.c.id == of.c.contact_source).join(
            _friend_once, _friend_once.c.id == contact_sources.c.contact_id
        )

    on_order = row(orders, "order", orders.c.ordered_at, order=order_key)
    on_order = on_order.join_from(orders, _once, _once.c.referral_code == _typed(orders.c.referral_code))
    counts = sa.exists().where(purchases.c.order_key == order_key)
    there = orders.c.referral_code.is_not(None), orders.c.deleted_at.is_(None), counts
    yield whose(on_order, orders).where(*there)
    fresh = events.c.seen_at >= news, events.c.deleted_at.is_(None)
    on_event = row(events, "event", events.c.at).join_from(events, _once, _once.c.referral_code == _typed(code))
    yield whose(on_event, events).where(*fresh)
    seen = row(events, "visit", events.c.at, visited_at=referral_visits.c.at)
    seen = seen.join_from(events, referral_visits, referral_visits.c.id == visit)
    yield whose(seen.join(_once, _once.c.id == referral_visits.c.referrer_id), events).where(*fresh)
    signed_up = row(_friend_once, "field", _friend_once.c.created_at)
    yield signed_up.join_from(_friend_once, _once, _once.c.referral_code == _typed(field_code)).where(
        _friend_once.c.changed_at >= news, _friend_once.c.created_at >= since, _friend_once.c.merged_into.is_(None)
    )
    left = row(friends, "page", friends.c.at)
    left = left.with_only_columns(*(_rows_own(column) for column in left.selected_columns))
    yield (
        left.join_from(friends, _once, _once.c.id == friends.c.referrer_id)
        .join(_friend_once, _friend_once.c.address == friends.c.address)
        .where(friends.c.state == "invited", _friend_once.c.merged_into.is_(None))
    )


def _rows_own(column: Any) -> Any:
    return friends.c.id.label("row_id") if column.name == "row_id" else column


def _or_nothing(value: Any, kind: Any) -> Any:
    return sa.cast(sa.null(), kind) if value is None else value


def _typed(code: Any) -> Any:
    """A code as we write it, however it was typed in."""
    return sa.func.upper(sa.func.trim(code))


_ASKED = ("id", "address", "company_id", "is_test", "first_order_at", "custom", "first_name")


def _person(of: Any, side: str) -> Sequence[Any]:
    return [of.c[name].label(f"{side}_{name}") for name in _ASKED]


def _signal(row: Any) -> Signal:
    sides: dict[str, Any] = {
        side: Person(**{name: row[f"{side}_{name}"] for name in _ASKED} | {"is_test": bool(row[f"{side}_is_test"])})
        for side in ("referrer", "friend")
    }
    told: dict[str, Any] = {name: row[name] for name in ("told_by", "came_by", "at", "visited_at", "order_key")}
    return Signal(**told, **sides, row=row["row_id"])
