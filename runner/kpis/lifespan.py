"""How long customers stay, and how they go: lifespan, renewals, reasons for leaving."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from runner import clock
from runner.kpis import intervals, paying
from runner.kpis.asked import Asked
from runner.kpis.customers import window_before
from runner.kpis.days import EPOCH, local_days
from runner.kpis.measure import Direction, Figure, Part, Reason, Unit, count, kpi, nothing, rate
from runner.kpis.retention import by_subscription, movement
from runner.kpis.rows import delivered, one, there, total, with_accounts, with_people
from runner.kpis.survival import Lifetimes, kaplan_meier
from runner.store.functions import days_between
from runner.store.tables import answers, facts, purchases, sends

contracts, exits = facts["contracts"], facts["exits"]
#: What stands in the table where somebody gave no reason.
_NO_ANSWER = ("", "no answer", "none", "unknown", "n/a")


def lifetimes(asked: Asked) -> Lifetimes:
    """Of all customers up to the period's end."""
    return kaplan_meier(asked.once(tenures))


def tenures(asked: Asked) -> list[tuple[int, bool, int]]:
    """Days that customers were there, whether it ended, and of how many that is so."""
    told = _subscribed(asked) if by_subscription(asked) else _ordered(asked)
    return [(max(0, days), bool(ended), many) for days, ended, many in told]


@kpi(
    key="customer_lifespan",
    name="Average customer lifespan",
    unit=Unit.DAYS,
    direction=Direction.HIGHER,
    formula="How long it takes until half of the customers have left (Kaplan–Meier): from the first order to the last "
    "one plus the activity window, or from the start to the end of paying; who is still there counts as still there.",
    needs=("orders",),
    reads=(purchases.c.seen_at, paying.subscriptions.c.seen_at),
    nothing="there are no customers yet",
    entry=9,
    version=2,
    benchmark="70 % of the agencies on one reporting platform keep clients for more than 2 years on average",
    parts={
        "restricted_mean": Part(
            "Mean lifespan as far as observed",
            Unit.DAYS,
            "The mean time customers stay, cut at the longest time observed: the truth is longer.",
            Direction.HIGHER,
        ),
        "current_mean": Part(
            "Mean time of current customers", Unit.DAYS, "How long those who are still there have been there."
        ),
        "by_churn": Part(
            "Lifespan by churn",
            Unit.DAYS,
            "The period's length ÷ its churn rate: how long customers would stay if it never changed.",
            Direction.HIGHER,
        ),
    },
)
def customer_lifespan(asked: Asked) -> Mapping[str, Figure]:
    life = asked.once(lifetimes)
    moved = movement(asked)
    by_churn = nothing()
    if moved.lost:
        by_churn = Figure(asked.period.days * moved.starting / moved.lost, moved.starting)
    if not life.n:
        return {name: nothing() for name in ("", "restricted_mean", "current_mean", "by_churn")}
    longer = f"More than {life.longest:.0f} days: fewer than half have left."
    return {
        "": nothing(Reason.NOT_REACHED, n=life.n, note=longer)
        if life.median is None
        else Figure(life.median, life.n, *(life.around_median or (None, None))),
        "restricted_mean": Figure(life.restricted_mean, life.n),
        "current_mean": nothing() if life.current_mean is None else Figure(life.current_mean, life.n),
        "by_churn": by_churn,
    }


def _ordered(asked: Asked) -> Iterator[tuple[int, bool, int]]:
    """How often each tenure occurs, ended and not."""
    import numpy as np

    from runner.kpis.orders import instant, orders

    window, told = asked.settings.kpis.activity_window, asked.once(orders)
    gone = told.last < instant(window_before(asked, asked.end, window))
    end = (clock.local(asked.end, asked.zone).date() - EPOCH).days
    tenure = np.where(gone, local_days(asked, told.last) + window.days, end) - local_days(asked, told.first)
    for ended, which in ((True, gone), (False, ~gone)):
        counted = np.bincount(np.maximum(tenure[which], 0))
        yield from ((days, ended, int(many)) for days, many in enumerate(counted) if many)


def _subscribed(asked: Asked) -> Iterator[tuple[int, bool, int]]:
    from runner.kpis.paid import paid

    return asked.once(paid).tenures((asked.last_instant - EPOCH).days)


@kpi(
    key="renewal_rate",
    name="Renewal rate",
    unit=Unit.RATIO,
    direction=Direction.HIGHER,
    formula="Of the contracts that end in the period, the share renewed by then or within the days of grace. Those "
    "whose grace is not over are pending, not lost; an early renewal counts in the period of the old end.",
    needs=("contracts",),
    reads=(contracts.c.seen_at,),
    nothing="no contract ended in the period and is past its grace",
    entry=10,
    parts={
        "by_value": Part(
            "Renewal rate by value",
            Unit.RATIO,
            "The same of what the contracts' customers paid a month in subscriptions when they ended.",
            Direction.HIGHER,
        ),
        "pending": Part("Renewals pending", Unit.COUNT, "Contracts that ended and may still be renewed in time."),
    },
)
def renewal_rate(asked: Asked) -> Mapping[str, Figure]:
    grace = asked.settings.kpis.renewal_grace
    c, today = contracts.c, clock.local(asked.as_of, asked.zone).date()
    renewed = sa.and_(c.renewed_on <= today, days_between(c.ends_on, c.renewed_on) <= grace.days)
    pending = sa.and_(~sa.func.coalesce(renewed, False), c.ends_on >= today - timedelta(days=grace.days))
    due = sa.and_(c.ends_on >= asked.period.start, c.ends_on < asked.period.end)
    each = _with_worth(asked, due, one(renewed), one(pending)).subquery().c
    x = sa.case((each.pending == 0, each.worth), else_=0.0)
    y = x * each.renewed
    hits, waiting, n, *sums = asked.connection.execute(
        sa.select(
            total(each.renewed), total(each.pending), sa.func.count(),
            total(one(x > 0)), total(x), total(y), total(x * x), total(x * y), total(y * y),
        )
    ).one()  # fmt: skip
    note = f"Grace: {grace}."
    by_value = _by_value(*map(float, sums))
    return {"": rate(int(hits), n - int(waiting), note=note), "by_value": by_value, "pending": count(int(waiting))}


def _with_worth(asked: Asked, due: Any, renewed: sa.Case[int], pending: sa.Case[int]) -> sa.Select[Any]:
    """Each contract that is due, and what its customer paid a month up to its end."""
    rows, customer = with_accounts(asked, contracts)
    s = paying.subscriptions
    subscribed, payer = with_accounts(asked, s)
    pays = (
        sa.select(payer.label("customer"), s.c.started_on, s.c.trial_end, s.c.ended_on, paying.monthly().label("paid"))
        .select_from(subscribed)
        .where(there(asked, s))
        .subquery("pays")
    )
    p = pays.c
    paid = rows.outerjoin(pays, sa.and_(p.customer == customer, paying.paid_up_to(contracts.c.ends_on, p)))
    told = sa.select(
        sa.func.max(renewed).label("renewed"), sa.func.max(pending).label("pending"), total(p.paid).label("worth")
    )
    return told.select_from(paid).where(due, there(asked, contracts)).group_by(contracts.c.id)


def _by_value(n: float, x: float, y: float, xx: float, xy: float, yy: float) -> Figure:
    if not x:
        return nothing(note="By value: needs subscriptions of the customers whose contracts end.")
    around = intervals.ratio(int(n), x, y, xx, xy, yy)
    low, high = around or (None, None)
    return Figure(y / x, int(n), low, high, note="By value: what each customer paid a month.")


@kpi(
    key="exit_reasons",
    name="Leavers who gave a reason",
    unit=Unit.RATIO,
    direction=Direction.CONTEXT,
    formula="Of the customers who left in the period or were sent an exit survey in it, the share that said why.",
    needs=("exits",),
    reads=(exits.c.seen_at, answers.c.seen_at),
    nothing="nobody left in the period",
    entry=12,
    parts={"none": Part("Left without a reason", Unit.COUNT, "Customers who left and said nothing; in no share.")},
    each=Part("Left because of {}", Unit.RATIO, "Of those who said why, the share that named {}."),
)
def exit_reasons(asked: Asked) -> Mapping[str, Figure]:
    told: dict[str, int] = defaultdict(int)
    for said, many in [*_told_by_sources(asked), *_told_to_us(asked)]:
        told["none" if (said or "") in _NO_ANSWER else named(said)] += many
    silent = told.pop("none", 0)
    answered = sum(told.values())
    shares = {said: rate(many, answered) for said, many in sorted(told.items(), key=lambda each: (-each[1], each[0]))}
    return {"": rate(answered, answered + silent), "none": count(silent), **shares}


def _told_by_sources(asked: Asked) -> Sequence[Any]:
    rows, _ = with_accounts(asked, exits)
    reason = sa.func.lower(sa.func.trim(exits.c.reason))
    left = asked.on_a_day(exits.c.left_on), there(asked, exits)
    return asked.connection.execute(
        sa.select(reason, sa.func.count()).select_from(rows).where(*left).group_by(reason)
    ).all()


def _told_to_us(asked: Asked) -> Sequence[Any]:
    """Exit surveys delivered in the period, reminders aside, with the reason that was tapped."""
    given = sa.and_(answers.c.send_id == sends.c.id, asked.known(answers.c.answered_at))
    rows, _ = with_people(asked, sends.outerjoin(answers, given), sends.c.contact_id)
    asked_for = sends.c.action == "survey", sends.c.about == "exit", sends.c.reminds.is_(None)
    return asked.connection.execute(
        sa.select(answers.c.reason, sa.func.count())
        .select_from(rows)
        .where(*asked_for, asked.within(sends.c.claimed_at), delivered())
        .group_by(answers.c.reason)
    ).all()


def named(words: str) -> str:
    """Words out of a row as a part's name: `too_expensive`."""
    return "_".join("".join(letter if letter.isalnum() else " " for letter in words.lower()).split()) or "unnamed"
