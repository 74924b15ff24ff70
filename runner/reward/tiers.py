"""Who is on which tier: up at once, down only after a time of grace; every change is an event."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from runner import clock
from runner.reward.among import living, portions
from runner.reward.happenings import Happening, tell
from runner.reward.worth import sides
from runner.settings import Settings
from runner.settings.rewards import Loyalty, Tier
from runner.store import Store
from runner.store.functions import month_day, year_of
from runner.store.tables import contacts, memberships, points, purchases, stale_contacts

#: Rows of one transaction.
_SOME = 150
#: The height of those who reach no tier.
NONE = -1


@dataclass(frozen=True, slots=True)
class Standing:
    """How somebody stands: the tier they have, the height of the one they reach, and what is said of its end."""

    contact_id: int
    has: str | None
    reaches: int
    falls_to: str | None
    falls_on: date | None
    change: int


@dataclass(frozen=True, slots=True)
class Move:
    """What becomes of a membership, and the kind of event that tells of it."""

    tier: str | None
    falls_to: str | None = None
    falls_on: date | None = None
    tells: str | None = None


def place(store: Store, settings: Settings, now: datetime, *, since: datetime | None, quietly: bool = False) -> int:
    """Moves whoever's tier is another one now; how many moved. `quietly`: what was so before anybody looked."""
    loyalty = settings.loyalty
    if loyalty is None:
        return 0
    today, moved = clock.local(now, settings.timezone).date(), 0
    for people in portions(store, since):
        with store.read() as connection:
            rows = connection.execute(_standings(settings, loyalty, people, today)).mappings().all()
        standings = [Standing(**row) for row in rows]
        moves = [(one, move) for one in standings if (move := moved_to(one, loyalty, today)) is not None]
        for start in range(0, len(moves), _SOME):
            _write(store, moves[start : start + _SOME], now, quietly=quietly)
        moved += len(moves)
    return moved


def moved_to(one: Standing, loyalty: Loyalty, today: date) -> Move | None:
    """What becomes of somebody who stands like this; None where nothing does."""
    names = [tier.name for tier in loyalty.tiers]
    reached = names[one.reaches] if one.reaches > NONE else None
    if one.has is not None and one.has not in names:  # the settings have no such tier any more
        return Move(reached)
    height = names.index(one.has) if one.has is not None else NONE
    if one.reaches > height:
        return Move(reached, tells="tier_up")
    if one.reaches == height:
        return Move(one.has) if one.falls_on is not None else None
    if one.falls_on is None:
        return Move(one.has, reached, today + timedelta(days=loyalty.grace.days), tells="tier_falling")
    if one.falls_on <= today:
        return Move(reached, tells="tier_down")
    return Move(one.has, reached, one.falls_on) if one.falls_to != reached else None


# --- how everybody stands


def _standings(settings: Settings, loyalty: Loyalty, people: Sequence[int], today: date) -> sa.Select[Any]:
    who = living(people)
    bought, earned = _bought(settings, loyalty, who, today), _earned(loyalty, who, today)
    c = contacts.c
    years = year_of(sa.literal(today, sa.Date())) - year_of(c.customer_since)
    years -= sa.case((month_day(c.customer_since) > today.month * 100 + today.day, 1), else_=0)
    bars = {
        "orders": sa.func.coalesce(bought.c.orders, 0),
        "revenue": sa.func.coalesce(bought.c.revenue, 0),
        "points": sa.func.coalesce(earned.c.points, 0),
        "years": sa.func.coalesce(years, NONE),
    }
    whens = [(_reaches(tier, bars), height) for height, tier in reversed(list(enumerate(loyalty.tiers)))]
    reaches = sa.case(*whens, else_=NONE) if whens else sa.literal(NONE)
    m = memberships.c
    return (
        sa.select(
            c.id.label("contact_id"), m.tier.label("has"), reaches.label("reaches"), m.falls_to, m.falls_on,
            sa.func.coalesce(m.change, 0).label("change"),
        )
        .outerjoin_from(contacts, memberships, m.contact_id == c.id)
        .outerjoin(bought, bought.c.contact_id == c.id)
        .outerjoin(earned, earned.c.contact_id == c.id)
        .where(c.id.in_(sa.select(who.c.contact_id)), sa.or_(m.contact_id.is_not(None), reaches > NONE))
    )  # fmt: skip


def _bought(settings: Settings, loyalty: Loyalty, who: sa.CTE, today: date) -> Any:
    start = clock.midnight(today - timedelta(days=loyalty.within.days), settings.timezone)
    revenue = sa.func.sum(sa.type_coerce(purchases.c.value, sa.BigInteger))
    return (
        sa.select(who.c.contact_id, sa.func.count().label("orders"), revenue.label("revenue"))
        .join_from(purchases, who, who.c.once == purchases.c.contact_id)
        .where(purchases.c.at >= start)
        .group_by(who.c.contact_id)
        .subquery("bought")
    )


def _earned(loyalty: Loyalty, who: sa.CTE, today: date) -> Any:
    amount = dict(sides(points))["earned"]
    return (
        sa.select(who.c.contact_id, sa.func.sum(amount).label("points"))
        .join_from(points, who, who.c.once == points.c.contact_id)
        .where(points.c.day >= today - timedelta(days=loyalty.within.days))
        .group_by(who.c.contact_id)
        .subquery("earned")
    )


def _reaches(tier: Tier, bars: dict[str, Any]) -> Any:
    """All that the tier takes; amounts are kept in 1/10,000."""
    exact = ("revenue", "points")
    asked = {name: getattr(tier, name) for name in bars if getattr(tier, name) is not None}
    return sa.and_(*(bars[name] >= (int(bar * 10_000) if name in exact else bar) for name, bar in asked.items()))


# --- what is written of it


def _write(store: Store, moves: Sequence[tuple[Standing, Move]], now: datetime, *, quietly: bool) -> None:
    with store.write() as connection:
        ours = set(connection.scalars(_kept(store), [_membership(one, move, now) for one, move in moves]))
        told = [(one, move) for one, move in moves if one.contact_id in ours and move.tells and not quietly]
        tell(connection, store, [_happening(one, move) for one, move in told], now)
        changed = [{"contact_id": one.contact_id} for one, move in moves if move.tier != one.has]
        if changed:
            connection.execute(store.insert(stale_contacts).on_conflict_do_nothing(), changed)


def _kept(store: Store) -> Any:
    """Memberships, and whose it was ours to write: nobody else has moved them since they were looked at."""
    m, row = memberships.c, store.insert(memberships)
    said = row.excluded
    new = {name: said[name] for name in ("tier", "falls_to", "falls_on", "change")}
    new["since"] = sa.case((m.tier.is_distinct_from(said.tier), said.since), else_=m.since)
    unmoved = m.change == said.change - 1
    return row.on_conflict_do_update(index_elements=["contact_id"], set_=new, where=unmoved).returning(m.contact_id)


def _membership(one: Standing, move: Move, now: datetime) -> dict[str, Any]:
    new = {"tier": move.tier, "falls_to": move.falls_to, "falls_on": move.falls_on, "since": now}
    return {"contact_id": one.contact_id, "change": one.change + 1, **new}


def _happening(one: Standing, move: Move) -> Happening:
    carries: dict[str, Any] = {"tier": move.tier, "tier_before": one.has}
    if move.falls_on is not None:
        carries = {"tier": move.falls_to, "tier_before": one.has, "falls_on": move.falls_on.isoformat()}
    assert move.tells is not None
    return Happening(one.contact_id, move.tells, f"{one.contact_id}:{one.change + 1}", carries)
