"""How a product is used: licences, active users, features."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from runner.duration import Duration
from runner.kpis.asked import Asked
from runner.kpis.customers import window_before
from runner.kpis.lifespan import named
from runner.kpis.measure import Direction, Figure, Part, Unit, count, kpi, nothing, quotient, rate
from runner.kpis.rows import there, total, with_accounts
from runner.store.tables import facts

if TYPE_CHECKING:
    from runner.kpis.used import Used

licences, usage = facts["licences"], facts["usage"]
#: The month that is always as long, and holds each weekday as often.
FOUR_WEEKS = Duration(28, "day")


@kpi(
    key="licence_utilisation",
    name="Licence utilisation",
    unit=Unit.RATIO,
    direction=Direction.HIGHER,
    formula="Of the seats bought, the share assigned to somebody. Sources tell of seats as they are today.",
    needs=("licences",),
    reads=(licences.c.seen_at,),
    nothing="no seats were bought",
    entry=43,
    parts={
        "active": Part(
            "Seats in use",
            Unit.RATIO,
            "Users with an event in the 30 days before the period's end, in parts of the seats bought.",
            Direction.HIGHER,
        ),
    },
)
def licence_utilisation(asked: Asked) -> Mapping[str, Figure]:
    rows, _ = with_accounts(asked, licences)
    bought, assigned = asked.connection.execute(
        sa.select(total(licences.c.purchased), total(licences.c.assigned))
        .select_from(rows)
        .where(there(asked, licences))
    ).one()
    since = asked.last_instant - timedelta(days=30)
    active = asked.once(used).users(since, asked.period.end)
    return {"": _share(int(assigned), int(bought)), "active": _share(active, int(bought))}


def used(asked: Asked) -> Used:
    """Who used the product in the period and in the 30 days before its end."""
    from runner.kpis.used import used_of

    return used_of(asked)


def _share(hits: int, n: int) -> Figure:
    """More may be assigned than were bought; then it is no share with an interval."""
    return rate(hits, n) if hits <= n else quotient(hits, n, n)


@kpi(
    key="active_users",
    name="Active users",
    unit=Unit.COUNT,
    direction=Direction.HIGHER,
    formula="Users with an event in the period.",
    needs=("usage",),
    reads=(usage.c.seen_at,),
    nothing="nobody used the product in the period",
    entry=44,
    parts={
        "dau": Part("Daily active users", Unit.NUMBER, "The mean over the period's days, those with nobody included."),
        "wau": Part("Weekly active users", Unit.NUMBER, "The mean over the calendar weeks that lie in the period."),
        "mau": Part("Monthly active users", Unit.NUMBER, "The mean over the calendar months that lie in the period."),
        "stickiness": Part(
            "Stickiness", Unit.RATIO, "Daily active users of those months ÷ monthly ones.", Direction.HIGHER
        ),
        "last_28_days": Part("Active users of 28 days", Unit.COUNT, "Users with an event in the last 28 days."),
        "stickiness_28": Part(
            "Stickiness over 28 days",
            Unit.RATIO,
            "Daily active users of the period ÷ those of 28 days.",
            Direction.HIGHER,
        ),
    },
)
def active_users(asked: Asked) -> Mapping[str, Figure]:
    seen = asked.once(used)
    n = seen.users(asked.period.start, asked.period.end)
    if not n:
        return dict.fromkeys(("", *active_users.parts), nothing())
    by_day = seen.by_day()
    days = list(_days(asked.period.start, asked.last_instant))
    months, weeks = (list(_spans(asked, step)) for step in (_next_month, _next_week))
    of_months = [day for first, behind in months for day in _days(first, behind)]
    dau = sum(by_day.get(day, 0) for day in of_months)
    mau = _mean_of(seen, months)
    mean_day = sum(by_day.get(day, 0) for day in days) / max(len(days), 1)
    lately = seen.users_since(window_before(asked, asked.end, FOUR_WEEKS))
    return {
        "": count(n),
        "dau": quotient(mean_day, 1, n),
        "wau": _mean_of(seen, weeks),
        "mau": mau,
        "stickiness": quotient(dau / len(of_months), mau.value, mau.n) if mau.value else nothing(),
        "last_28_days": count(lately),
        "stickiness_28": quotient(mean_day, lately, lately),
    }


@kpi(
    key="feature_usage_rate",
    name="Feature adoption",
    unit=Unit.RATIO,
    direction=Direction.HIGHER,
    formula="The share of the period's active users that used a feature, on average over the features.",
    needs=("usage",),
    reads=(usage.c.seen_at,),
    nothing="nobody used the product in the period",
    entry=45,
    each=Part("Adoption of {}", Unit.RATIO, "Of the period's active users, the share that used {}.", Direction.HIGHER),
)
def feature_usage_rate(asked: Asked) -> Mapping[str, Figure]:
    seen = asked.once(used)
    n = seen.users(asked.period.start, asked.period.end)
    by_feature = sorted(seen.by_feature(asked.period.start).items(), key=lambda each: (-each[1], each[0]))
    shares = {named(feature): rate(users, n) for feature, users in by_feature}
    if not shares:
        return {"": nothing()}
    return {"": Figure(sum(share.value or 0 for share in shares.values()) / len(shares), n), **shares}


def _mean_of(seen: Used, spans: list[tuple[date, date]]) -> Figure:
    """Users of each span, on average; no value where no whole one lies in the period."""
    if not spans:
        return nothing()
    users = [seen.users(first, behind) for first, behind in spans]
    return Figure(sum(users) / len(users), sum(users))


def _spans(asked: Asked, following: Any) -> Iterator[tuple[date, date]]:
    """The whole months or weeks of the period, as far as it has come."""
    first = following(asked.period.start - timedelta(days=1))
    while (behind := following(first)) <= asked.last_instant:
        yield first, behind
        first = behind


def _next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


def _next_week(day: date) -> date:
    return day + timedelta(days=7 - day.weekday())


def _days(first: date, behind: date) -> Iterator[date]:
    return (first + timedelta(days=after) for after in range((behind - first).days))
