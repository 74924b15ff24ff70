"""What people have earned by each rule, as SQL over facts: whose, for what, on which day, what it is worth today."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from runner import clock
from runner.reward.among import GIVEN, SPENT
from runner.settings import Settings
from runner.settings.rewards import Loyalty
from runner.store.functions import day_in_year, local_day, month_count, year_of
from runner.store.tables import contact_sources, contacts, events, friends, purchases
from runner.store.types import Exact

#: Points are kept in parts of this many.
UNIT = 10_000
#: The rules whose rows follow from facts; `by_hand` and `expired` do not.
DERIVED = ("orders", "years", "streak", "referral", "given", "spent")


def worth(settings: Settings, loyalty: Loyalty, living: sa.CTE, today: date) -> list[sa.Select[Any]]:
    """SELECTs of `contact_id`, `rule`, `key`, `day` and `worth`, the last in 1/10,000."""
    rules = loyalty.points
    start = clock.midnight(loyalty.since, settings.timezone)
    bought = (
        sa.select(living.c.contact_id, purchases.c.order_key, purchases.c.value, _day(purchases.c.at, settings))
        .join_from(purchases, living, living.c.once == purchases.c.contact_id)
        .where(purchases.c.at >= start)
    )
    found = [_told(living, settings, start, GIVEN, "given", 1), _told(living, settings, start, SPENT, "spent", -1)]
    if rules.per_order or rules.per_amount:
        found.append(_orders(bought.subquery("bought"), rules.per_order, rules.per_amount))
    if rules.streak:
        found.append(_streaks(bought.subquery("bought_on"), rules.streak))
    if rules.years:
        found.append(_years(living, rules.years, loyalty.since, today))
    if rules.referral:
        found.append(_referrals(living, settings, rules.referral, start))
    return found


def _day(at: Any, settings: Settings) -> Any:
    return local_day(at, sa.literal(settings.timezone)).label("day")


def _raw(points: Decimal) -> int:
    return int(points * UNIT)


def _row(contact: Any, rule: str, key: Any, day: Any, points: Any) -> sa.Select[Any]:
    named = ("contact_id", contact), ("rule", sa.literal(rule)), ("key", key), ("day", day), ("worth", points)
    return sa.select(*(column.label(name) for name, column in named))


def _orders(bought: Any, per_order: Decimal, per_amount: Decimal) -> sa.Select[Any]:
    whole = sa.func.coalesce(sa.type_coerce(bought.c.value, sa.BigInteger), 0) // UNIT
    points = sa.literal(_raw(per_order)) + whole * sa.literal(_raw(per_amount))
    return _row(bought.c.contact_id, "orders", sa.literal("order ") + bought.c.order_key, bought.c.day, points)


def _streaks(bought: Any, chain: Sequence[Decimal]) -> sa.Select[Any]:
    """The n-th month in a row is worth the n-th of the chain: months less their rank stay equal without a gap."""
    month = month_count(bought.c.day)
    months = (
        sa.select(bought.c.contact_id, month.label("month"), sa.func.min(bought.c.day, type_=sa.Date()).label("day"))
        .group_by(bought.c.contact_id, month)
        .subquery("months")
    )
    rank = sa.func.row_number().over(partition_by=months.c.contact_id, order_by=months.c.month)
    runs = sa.select(months, (months.c.month - rank).label("run")).subquery("runs")
    place = sa.func.row_number().over(partition_by=(runs.c.contact_id, runs.c.run), order_by=runs.c.month)
    placed = sa.select(runs, place.label("place")).subquery("placed")
    key = sa.literal("streak ") + _text(placed.c.contact_id) + " " + _text(placed.c.month)
    return _row(placed.c.contact_id, "streak", key, placed.c.day, _of_chain(placed.c.place, chain))


def _years(living: sa.CTE, chain: Sequence[Decimal], since: date, today: date) -> sa.Select[Any]:
    """Anniversaries between the programme's first day and today."""
    years = sa.union_all(*(sa.select(sa.literal(year).label("year")) for year in range(since.year, today.year + 1)))
    year, person = years.subquery("year").c.year, contacts.alias("person").c
    number, day = year - year_of(person.customer_since), day_in_year(person.customer_since, year)
    key = sa.literal("years ") + _text(person.id) + " " + _text(number)
    rows = _row(person.id, "years", key, day, _of_chain(number, chain))
    its = living.c.contact_id == person.id, living.c.once == person.id
    joined = rows.select_from(sa.join(living, person.id.table, sa.and_(*its)).join(year.table, sa.true()))
    return joined.where(number >= 1, day >= since, day <= today)


def _referrals(living: sa.CTE, settings: Settings, points: Decimal, start: Any) -> sa.Select[Any]:
    key = sa.literal("referral ") + _text(friends.c.contact_id)
    rows = _row(living.c.contact_id, "referral", key, _day(friends.c.due_at, settings), sa.literal(_raw(points)))
    earned = friends.c.state.in_(("due", "rewarded")), friends.c.due_at >= start
    return rows.join_from(friends, living, living.c.once == friends.c.referrer_id).where(*earned)


def _told(living: sa.CTE, settings: Settings, start: Any, kind: str, rule: str, sign: int) -> sa.Select[Any]:
    """What a shop gave or took, as its events say."""
    key = sa.literal("event ") + events.c.connector + ":" + events.c.source_id
    value = sa.type_coerce(events.c.value, sa.BigInteger) * sign
    rows = _row(living.c.contact_id, rule, key, _day(events.c.at, settings), value)
    counts = events.c.kind == kind, events.c.value > 0, events.c.deleted_at.is_(None), events.c.at >= start
    return (
        rows.join_from(events, contact_sources, contact_sources.c.id == events.c.contact_source)
        .join(living, living.c.once == contact_sources.c.contact_id)
        .where(*counts)
    )


def _text(number: Any) -> Any:
    return sa.cast(number, sa.Text)


def _of_chain(place: Any, chain: Sequence[Decimal]) -> Any:
    """The place's worth; the chain's last for all beyond its end."""
    whens = [(place == number, sa.literal(_raw(points))) for number, points in enumerate(chain[:-1], 1)]
    last = sa.literal(_raw(chain[-1]))
    return sa.case(*whens, else_=last) if whens else last


def exact(raw: Any) -> Any:
    """A whole number of 1/10,000 as the amount it stands for."""
    return sa.type_coerce(raw, Exact(4))


def sides(of: sa.Table) -> Iterator[tuple[str, Any]]:
    """A ledger row's points on either side: what was earned, and what is gone (as a positive number)."""
    amount = sa.type_coerce(of.c.points, sa.BigInteger)
    gone = sa.or_(of.c.rule.in_(("spent", "expired")), sa.and_(of.c.rule == "by_hand", amount < 0))
    yield "earned", sa.case((gone, 0), else_=amount)
    yield "gone", sa.case((gone, -amount), else_=0)
