"""Points are counted: what facts are worth today beside what the ledger has, and the difference is written as rows."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from runner import clock
from runner.reward.among import first_of_month, living, portions
from runner.reward.happenings import Happening, tell
from runner.reward.worth import DERIVED, exact, sides, worth
from runner.settings import Settings
from runner.settings.rewards import Loyalty
from runner.store import Store
from runner.store.tables import points, stale_contacts

#: Rows of one transaction.
_SOME = 500


def count_points(store: Store, settings: Settings, now: datetime, *, since: datetime | None) -> int:
    """Brings the ledger up to the facts, for whom something is new or for all; how many rows were written.

    Of nobody else anything can be new as long as `turns` says the same.
    """
    loyalty = settings.loyalty
    if loyalty is None:
        return 0
    today = clock.local(now, settings.timezone).date()
    written = 0
    for people in portions(store, since, _days(since, today, settings)):
        with store.read() as connection:
            rows = connection.execute(_missing(settings, loyalty, people, today)).mappings().all()
        written += _write(store, [dict(row) for row in rows], now)
        if loyalty.points.expire_after is not None:
            written += _expire(store, loyalty, people, today, now)
    return written


def turns(settings: Settings, now: datetime) -> list[str]:
    """When what is over is taken away, and told of: what it says changes some days a month."""
    if settings.loyalty is None or settings.loyalty.points.expire_after is None:
        return []
    today = clock.local(now, settings.timezone).date()
    ahead = today + settings.loyalty.points.remind_before.span
    return [first_of_month(day).isoformat() for day in (today, ahead)]


def _days(since: datetime | None, today: date, settings: Settings) -> list[date]:
    """The local days that have come since."""
    if since is None:
        return []
    last = clock.local(since, settings.timezone).date()
    return [today - timedelta(days=ago) for ago in range(min((today - last).days, 366))]


def grant(store: Store, contact_id: int, amount: Decimal, words: str, day: date, now: datetime) -> None:
    """Points given by hand, or taken where the amount is negative."""
    key = f"by hand {secrets.token_hex(8)}"
    row = {"contact_id": contact_id, "rule": "by_hand", "key": key, "part": 0, "points": amount, "day": day}
    _write(store, [row | {"words": words}], now)


def _missing(settings: Settings, loyalty: Loyalty, people: Sequence[int], today: date) -> sa.Select[Any]:
    """For each key by how much the ledger differs from what it is worth: earned and not written, or taken back."""
    who = living(people)
    kept = sa.select(
        who.c.contact_id, points.c.rule, points.c.key, points.c.day, -sa.type_coerce(points.c.points, sa.BigInteger)
    ).join_from(points, who, who.c.once == points.c.contact_id)
    both = sa.union_all(*worth(settings, loyalty, who, today), kept.where(points.c.rule.in_(DERIVED))).subquery("both")
    of = both.c.contact_id, both.c.rule, both.c.key
    differs = sa.func.sum(both.c.worth)
    part = sa.select(sa.func.count()).where(points.c.key == both.c.key).correlate(both).scalar_subquery()
    chosen = sa.select(*of, part.label("part"), exact(differs).label("points"), sa.func.max(both.c.day).label("day"))
    return chosen.group_by(*of).having(differs != 0)


def _write(store: Store, rows: Sequence[Mapping[str, Any]], now: datetime) -> int:
    """The rows, each once whoever else counts, and their people's summaries to be made again."""
    written = 0
    for start in range(0, len(rows), _SOME):
        some = [{"words": None, **row, "at": now} for row in rows[start : start + _SOME]]
        with store.write() as connection:
            insert = store.insert(points).on_conflict_do_nothing().returning(points.c.contact_id)
            people = connection.scalars(insert, some).all()
            _mark(connection, store, people)
        written += len(people)
    return written


def _mark(connection: sa.Connection, store: Store, people: Sequence[int]) -> None:
    if people:
        rows = [{"contact_id": person} for person in sorted(set(people))]
        connection.execute(store.insert(stale_contacts).on_conflict_do_nothing(), rows)


# --- expiry


def _expire(store: Store, loyalty: Loyalty, people: Sequence[int], today: date, now: datetime) -> int:
    """Takes away what is over, and tells of what soon will be; what was spent was the oldest."""
    over, next_over = first_of_month(today), first_of_month(today + loyalty.points.remind_before.span)
    with store.read() as connection:
        lost = connection.execute(_left_of(loyalty, people, over)).all()
    rows = [_lost(row.contact_id, row.left, over, today) for row in lost]
    written = _write(store, rows, now)
    if next_over > over:
        with store.read() as connection:
            soon = connection.execute(_left_of(loyalty, people, next_over)).all()
        _remind(store, [(row.contact_id, row.left) for row in soon], next_over, now)
    return written


def _left_of(loyalty: Loyalty, people: Sequence[int], over: date) -> sa.Select[Any]:
    """Of whom points are left that expire on the first of a month or before, and how many."""
    assert loyalty.points.expire_after is not None
    until = over - timedelta(days=loyalty.points.expire_after.days)
    who, amounts = living(people), dict(sides(points))
    earned = sa.func.sum(sa.case((points.c.day < until, amounts["earned"]), else_=0))
    left = earned - sa.func.sum(amounts["gone"])
    chosen = sa.select(who.c.contact_id, exact(left).label("left"))
    return chosen.join_from(points, who, who.c.once == points.c.contact_id).group_by(who.c.contact_id).having(left > 0)


def _lost(contact_id: int, left: Decimal, over: date, today: date) -> dict[str, Any]:
    key = f"expired {contact_id} {over.isoformat()}"
    return {"contact_id": contact_id, "rule": "expired", "key": key, "part": 0, "points": -left, "day": today}


def _remind(store: Store, soon: Sequence[tuple[int, Decimal]], over: date, now: datetime) -> None:
    told = [
        Happening(
            contact_id,
            "points_expiring",
            f"{contact_id}:{over.isoformat()}",
            {"points": float(left), "expires_on": over.isoformat()},
        )
        for contact_id, left in soon
        if left >= 1
    ]
    for start in range(0, len(told), _SOME):
        with store.write() as connection:
            tell(connection, store, told[start : start + _SOME], now)
