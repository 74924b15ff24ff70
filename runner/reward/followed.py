"""Friends are followed: signed up, bought, kept it, rewarded. Each step is a state, and an event for playbooks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from runner.reward.coupons import Pool, draw
from runner.reward.happenings import Happening, tell
from runner.reward.signals import Signal, signals
from runner.reward.verdict import began, refusal
from runner.settings import Settings
from runner.settings.rewards import Referrals, in_language
from runner.store import Store
from runner.store.ours import OURS
from runner.store.tables import contacts, decisions, enrollments, friends, purchases

#: Rows of one transaction.
SOME = 250
#: Actions that hand a reward over, or have it handed over.
HANDS_OVER = ("create_task", "webhook", "send_email", "notify")


@dataclass(slots=True)
class Followed:
    """What became of friends in one pass."""

    #: How many came into each state.
    moved: Counter[str] = field(default_factory=Counter)
    #: What waits for a person, in words.
    waiting: list[str] = field(default_factory=list)


def follow(
    store: Store, settings: Settings, pool: Pool | None, *, since: datetime, news: datetime, now: datetime
) -> Followed:
    """One pass over the programme's friends: what happened from `since` on, and we were told of from `news` on."""
    followed, programme = Followed(), settings.referrals
    if programme is None:
        return followed
    with store.read() as connection:
        told = signals(connection, programme, since, news, 1)
        under_way = connection.scalar(_UNDER_WAY)
    if told:
        _attribute(store, settings, programme, (since, news), now, followed)
    elif under_way is None:
        return followed  # A tick without friends writes nothing.
    _buy(store, programme, now, followed)
    _lapse(store, programme, now, followed)
    _fall_due(store, programme, settings, pool, now, followed)
    _reward(store, now, followed)
    return followed


_UNDER_WAY = sa.select(friends.c.id).where(sa.text("state IN ('invited', 'signed_up', 'bought', 'due')")).limit(1)


# --- who has come


def _attribute(
    store: Store,
    settings: Settings,
    programme: Referrals,
    since: tuple[datetime, datetime],
    now: datetime,
    followed: Followed,
) -> None:
    while True:
        with store.write() as connection:
            found = signals(connection, programme, *since, SOME)
            for signal in found:
                _judge(connection, store, settings, programme, signal, now, followed)
        if len(found) < SOME:
            return


def _judge(
    connection: sa.Connection,
    store: Store,
    settings: Settings,
    programme: Referrals,
    signal: Signal,
    now: datetime,
    followed: Followed,
) -> None:
    """Keeps what was decided of one signal; a friend who counts for somebody already is theirs."""
    why = refusal(signal, programme, colleagues_count=settings.customers == "contact")
    why = why or _brought_before(connection, signal)
    state = "refused" if why else "signed_up"
    values = {"contact_id": signal.friend.id, "state": state, "reason": why, "address": None, "seen_at": now}
    number: int | None = signal.row
    if number is not None:
        connection.execute(sa.update(friends).where(friends.c.id == number).values(**values))
    else:
        row = {**values, "referrer_id": signal.referrer.id, "came_by": signal.came_by, "told_by": signal.told_by}
        kept = store.insert(friends).values(**row, at=began(signal))
        number = connection.scalar(kept.on_conflict_do_nothing().returning(friends.c.id))
    if number is None:
        return
    followed.moved[state] += 1
    if why is None:
        joined = Happening(signal.referrer.id, "referral_joined", str(number), {"friend": signal.friend.first_name})
        sent = Happening(signal.friend.id, "referred", str(number), {"friend": signal.referrer.first_name})
        tell(connection, store, [joined, sent], now)


def _brought_before(connection: sa.Connection, signal: Signal) -> str | None:
    theirs = friends.c.contact_id == signal.friend.id, friends.c.state.not_in(("refused", "lapsed"))
    first = connection.execute(sa.select(friends.c.referrer_id, friends.c.at).where(*theirs)).first()
    return f"contact {first.referrer_id} brought them on {first.at:%Y-%m-%d}" if first else None


# --- who has bought, and kept it


def _lapse(store: Store, programme: Referrals, now: datetime, followed: Followed) -> None:
    """Who has not bought in time; the address of somebody who never came is forgotten."""
    over = friends.c.state.in_(("invited", "signed_up")), friends.c.at < now - timedelta(days=programme.window.days)
    values = {"state": "lapsed", "address": None, "reason": f"did not buy within {programme.window}", "seen_at": now}
    with store.write() as connection:
        gone = connection.execute(sa.update(friends).where(*over).values(**values))
    followed.moved["lapsed"] += gone.rowcount


def _first_purchase() -> Any:
    """Of each friend who has signed up the first purchase since."""
    place = sa.func.row_number().over(partition_by=friends.c.id, order_by=(purchases.c.at, purchases.c.id))
    bought = (
        sa.select(
            friends.c.id, friends.c.at.label("since"), purchases.c.order_key, purchases.c.at, place.label("place")
        )
        .join_from(friends, purchases, purchases.c.contact_id == friends.c.contact_id)
        .where(friends.c.state == "signed_up", purchases.c.at >= friends.c.at)
        .subquery("bought")
    )
    return sa.select(bought).where(bought.c.place == 1).subquery("first_purchase")


def _buy(store: Store, programme: Referrals, now: datetime, followed: Followed) -> None:
    first = _first_purchase()
    whose = sa.select(friends.c.referrer_id, first).join_from(first, friends, friends.c.id == first.c.id)
    with store.write() as connection:
        rows = connection.execute(whose).all()
        in_time = [row for row in rows if row.at - row.since <= timedelta(days=programme.window.days)]
        moves = [
            {
                "friend": row.id,
                "key": row.order_key,
                "bought": row.at,
                "due": row.at + timedelta(days=programme.return_window.days),
            }
            for row in in_time
        ]
        if moves:
            connection.execute(_BOUGHT, [move | {"now": now} for move in moves])
        told = [Happening(row.referrer_id, "referral_bought", str(row.id)) for row in in_time]
        tell(connection, store, told, now)
    followed.moved["bought"] += len(in_time)


_BOUGHT = (
    sa.update(friends)
    .where(friends.c.id == sa.bindparam("friend"), friends.c.state == "signed_up")
    .values(
        state="bought",
        order_key=sa.bindparam("key"),
        bought_at=sa.bindparam("bought"),
        due_at=sa.bindparam("due"),
        seen_at=sa.bindparam("now"),
    )
)


def _fall_due(
    store: Store, programme: Referrals, settings: Settings, pool: Pool | None, now: datetime, followed: Followed
) -> None:
    """Whose order can no longer come back: the reward is due, unless it did, was too small, or is one too many."""
    owner = contacts.alias("owner")
    ripe = (
        sa.select(
            friends.c.id, friends.c.due_at, purchases.c.value, contacts.c.first_name, owner.c.language,
            sa.func.coalesce(owner.c.merged_into, owner.c.id).label("referrer_id"),
        )
        .join_from(friends, owner, owner.c.id == friends.c.referrer_id)
        .join(contacts, contacts.c.id == friends.c.contact_id)
        .outerjoin(purchases, purchases.c.order_key == friends.c.order_key)
        .where(friends.c.state == "bought", friends.c.due_at <= now)
        .order_by(friends.c.due_at, friends.c.id)
    )  # fmt: skip
    with store.write() as connection:
        rows = connection.execute(ripe.with_for_update(of=friends)).all()
        rewarded = _rewards(connection, [row.referrer_id for row in rows], now)
        due = []
        for row in rows:
            why = _not_due(row, programme, settings, rewarded)
            if why is not None:
                _set(connection, row.id, state="refused", reason=why, seen_at=now)
                followed.moved["refused"] += 1
                continue
            rewarded[row.referrer_id] += 1
            due.append(row)
        _make_due(connection, store, programme, pool, due, now, followed)


def _rewards(connection: sa.Connection, referrers: Sequence[int], now: datetime) -> Counter[int]:
    """How many rewards each of them has had within a year."""
    f = friends.c
    of = f.referrer_id.in_(referrers), f.state.in_(("due", "rewarded")), f.due_at > now - timedelta(days=365)
    rows = connection.execute(sa.select(f.referrer_id, sa.func.count()).where(*of).group_by(f.referrer_id))
    return Counter(dict(rows.all()))


def _not_due(row: Any, programme: Referrals, settings: Settings, rewarded: Mapping[int, int]) -> str | None:
    if row.value is None:
        return "the order came back, was cancelled, or has no exchange rate"
    if row.value < programme.minimum_order:
        return f"the order came to less than {programme.minimum_order} {settings.currency}"
    if rewarded[row.referrer_id] >= programme.per_year:
        return f"cap: {programme.per_year} rewards a year"
    return None


def _make_due(
    connection: sa.Connection,
    store: Store,
    programme: Referrals,
    pool: Pool | None,
    due: Sequence[Any],
    now: datetime,
    followed: Followed,
) -> None:
    """Without a coupon where there should be one it goes on waiting, and somebody is told."""
    coupons = _coupons(connection, store, pool, [row.id for row in due], now, followed)
    told = []
    for row in due:
        if pool is not None and row.id not in coupons:
            continue
        _set(connection, row.id, state="due", coupon=coupons.get(row.id), seen_at=now)
        carries = {
            "friend": row.first_name,
            "coupon": coupons.get(row.id),
            "reward": in_language(programme.reward, [row.language]),
        }
        told.append(Happening(row.referrer_id, "referral_due", str(row.id), carries))
    tell(connection, store, told, now)
    followed.moved["due"] += len(told)


def _coupons(
    connection: sa.Connection,
    store: Store,
    pool: Pool | None,
    wanted: Sequence[int],
    now: datetime,
    followed: Followed,
) -> dict[int, str]:
    if pool is None or not wanted:
        return {}
    try:
        left = pool.left(connection)
    except (OSError, UnicodeDecodeError) as error:
        followed.waiting.append(f"referrals: the coupons cannot be read, {len(wanted)} rewards wait: {error}")
        return {}
    if len(left) < len(wanted):
        short = len(wanted) - len(left)
        wait = "1 reward waits" if short == 1 else f"{short} rewards wait"
        followed.waiting.append(f"referrals: {pool.file.name} has no coupon left, {wait} for one")
    return draw(connection, store, left, wanted, now)


def _set(connection: sa.Connection, friend: int, **values: Any) -> None:
    connection.execute(sa.update(friends).where(friends.c.id == friend).values(**values))


# --- who has been rewarded


def _reward(store: Store, now: datetime, followed: Followed) -> None:
    """A reward is given when a playbook that entered on it has written, told somebody, or made it somebody's task."""
    occasion = sa.literal(f"referral_due {OURS}:referral_due:") + sa.cast(friends.c.id, sa.Text)
    handed = (
        sa.select(friends.c.id, decisions.c.at, decisions.c.playbook, decisions.c.step)
        .join_from(friends, enrollments, enrollments.c.occasion == occasion)
        .join(decisions, decisions.c.enrollment_id == enrollments.c.id)
        .where(friends.c.state == "due", decisions.c.status == "done", decisions.c.action.in_(HANDS_OVER))
        .where(_of_referrer())
        .order_by(decisions.c.at.desc())
    )
    with store.write() as connection:
        rows = {row.id: row for row in connection.execute(handed)}
        for row in rows.values():
            _set(
                connection, row.id, state="rewarded", rewarded_at=row.at,
                rewarded_by=f"{row.playbook}: {row.step}", seen_at=now,
            )  # fmt: skip
    followed.moved["rewarded"] += len(rows)


def _of_referrer() -> Any:
    """By whose index the enrollments are found."""
    who = sa.func.coalesce(contacts.c.merged_into, contacts.c.id)
    of_due = sa.select(who).join_from(friends, contacts, contacts.c.id == friends.c.referrer_id)
    return enrollments.c.contact_id.in_(of_due.where(friends.c.state == "due").correlate(None))
