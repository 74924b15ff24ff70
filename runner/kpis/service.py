"""How customers are served: first replies, solutions, answers to messages, reports read, projects done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from runner import clock
from runner.kpis.asked import Asked
from runner.kpis.measure import Direction, Figure, Part, Unit, count, kpi, nothing, rate
from runner.kpis.rows import as_they_lie, one, there, total, with_accounts, with_facts
from runner.kpis.spread import Spread
from runner.store.functions import days_between
from runner.store.tables import facts, tickets

if TYPE_CHECKING:
    from runner.store.arrays import Floats, Ints

messages, reports, projects = facts["messages"], facts["reports"], facts["projects"]
#: In microseconds.
_SECOND = 1_000_000
NO_TICKET = "no ticket of the period has been answered"


def _times(of: str, still: str) -> dict[str, Part]:
    """The parts of a time: elapsed and in business hours, and what is still open."""
    less = Direction.LOWER
    return {
        "median": Part(f"Median {of}", Unit.MINUTES, f"The median {of}: the KPI itself.", less),
        "mean": Part(f"Mean {of}", Unit.MINUTES, "The mean: one that lay over a weekend spoils it.", less),
        "p90": Part(f"{of.capitalize()}, nine of ten", Unit.MINUTES, "Nine of ten took no longer.", less),
        "business_median": Part(
            f"Median {of} in business time", Unit.MINUTES, "The median of the time in business hours.", less
        ),
        "business_mean": Part(f"Mean {of} in business time", Unit.MINUTES, "The mean in business hours.", less),
        "business_p90": Part(
            f"{of.capitalize()} in business time, nine of ten",
            Unit.MINUTES,
            "The 90th percentile in business hours.",
            less,
        ),
        "median_with_open": Part(
            f"Median {of}, those open included",
            Unit.MINUTES,
            "The median with those still open counted as longer than all others: nobody looks better by not answering.",
            less,
        ),
        "open": Part(still, Unit.COUNT, f"{still}. In no average.", less),
        "oldest": Part(
            f"{still}: the oldest", Unit.MINUTES, "How long the oldest of them has waited.", less, certain=True
        ),
    }


@kpi(
    key="first_response_time",
    name="First response time",
    unit=Unit.MINUTES,
    direction=Direction.LOWER,
    formula="Median time from a ticket to the first reply, of the tickets of the period that have one. Automatic "
    "replies count only where a source takes them for replies.",
    needs=("tickets",),
    reads=(tickets.c.seen_at,),
    nothing=NO_TICKET,
    entry=47,
    benchmark="within a minute, people were 59 % likelier to buy (one source quoted; it promises nothing)",
    parts=_times("first response time", "Tickets not answered yet"),
)
def first_response_time(asked: Asked) -> Mapping[str, Figure]:
    created, replied, _ = asked.once(_tickets)
    return _told(asked, created, replied)


@kpi(
    key="resolution_time",
    name="Resolution time",
    unit=Unit.MINUTES,
    direction=Direction.LOWER,
    formula="Median time from a ticket to its solution, of the tickets of the period that are solved by now.",
    needs=("tickets",),
    reads=(tickets.c.seen_at,),
    nothing="no ticket of the period has been solved",
    entry=48,
    parts=_times("resolution time", "Tickets not solved yet"),
)
def resolution_time(asked: Asked) -> Mapping[str, Figure]:
    created, _, solved = asked.once(_tickets)
    return _told(asked, created, solved)


@kpi(
    key="client_response_time",
    name="Client response time",
    unit=Unit.MINUTES,
    direction=Direction.LOWER,
    formula="Median time from a client's message to our next one; several in a row are one wait, from the first.",
    needs=("messages",),
    reads=(messages.c.seen_at,),
    nothing="no message of the period has been answered",
    entry=49,
    benchmark="almost 37 % of agencies call effective communication the key to keeping clients",
    parts=_times("response time", "Messages not answered yet"),
)
def client_response_time(asked: Asked) -> Mapping[str, Figure]:
    rows, _ = with_accounts(asked, messages)
    m = messages.c
    of_period = sa.select(m.thread_id).where(asked.within(m.at), there(asked, messages))
    outward = sa.func.lower(m.direction) == "out"
    order: dict[str, Any] = {"partition_by": (m.connector, m.thread_id), "order_by": (m.at, m.id)}
    steps = (
        sa.select(
            m.at.label("at"),
            one(outward).label("out"),
            sa.func.coalesce(sa.func.lag(one(outward)).over(**order), 1).label("before"),
            sa.func.min(sa.case((outward, m.at))).over(**order, rows=(1, None)).label("answered"),
        )
        .select_from(rows)
        .where(there(asked, messages), asked.known(m.at), m.thread_id.in_(of_period))
        .subquery()
    )
    s = steps.c
    opens = sa.and_(s.out == 0, s.before == 1, asked.within(s.at))
    return _told(asked, *_instants(asked, sa.select(s.at, s.answered).where(opens)))


@kpi(
    key="report_open_rate",
    name="Report open rate",
    unit=Unit.RATIO,
    direction=Direction.HIGHER,
    formula="Of the reports sent in the period, the share that its client opened within 14 days.",
    needs=("reports",),
    reads=(reports.c.seen_at,),
    nothing="no report was sent in the period",
    entry=50,
    parts={
        "clients": Part(
            "Clients who read a report",
            Unit.RATIO,
            "Of the clients who got one, the share that opened any.",
            Direction.HIGHER,
        )
    },
)
def report_open_rate(asked: Asked) -> Mapping[str, Figure]:
    rows, client = with_accounts(asked, reports)
    r, today = reports.c, clock.local(asked.as_of, asked.zone).date()
    opened = sa.and_(r.first_opened_on.is_not(None), r.first_opened_on <= today)
    in_time = sa.and_(opened, days_between(r.sent_on, r.first_opened_on) <= 14)
    each = (
        sa.select(
            sa.func.count().label("sent"),
            total(one(in_time)).label("in_time"),
            sa.func.max(one(opened)).label("opened"),
        )
        .select_from(rows)
        .where(asked.on_a_day(r.sent_on), there(asked, reports))
        .group_by(client)
        .subquery()
    )
    c = each.c
    sent, hits, readers, clients = asked.connection.execute(
        sa.select(total(c.sent), total(c.in_time), total(c.opened), sa.func.count()).select_from(each)
    ).one()
    return {"": rate(int(hits), int(sent)), "clients": rate(int(readers), clients)}


@kpi(
    key="project_completion_rate",
    name="Project completion rate",
    unit=Unit.RATIO,
    direction=Direction.HIGHER,
    formula="Of the projects due in the period, the share finished in time and within budget. Cancelled ones are left "
    "out, late open ones have failed.",
    needs=("projects",),
    reads=(projects.c.seen_at,),
    nothing="no project was due in the period",
    entry=51,
    parts={
        "on_time": Part("Projects on time", Unit.RATIO, "Finished on or before the day due.", Direction.HIGHER),
        "in_budget": Part(
            "Projects within budget",
            Unit.RATIO,
            "Finished, at no more than the budget where both are known.",
            Direction.HIGHER,
        ),
    },
)
def project_completion_rate(asked: Asked) -> Mapping[str, Figure]:
    rows, _ = with_accounts(asked, projects)
    p, today = projects.c, clock.local(asked.as_of, asked.zone).date()
    finished = sa.and_(p.completed_on.is_not(None), p.completed_on <= today)
    on_time = sa.and_(finished, p.completed_on <= p.due_on)
    within = sa.and_(finished, sa.func.coalesce(p.actual_cost <= p.budget, True))
    off = sa.func.lower(p.status).in_(("cancelled", "canceled"))
    both, timely, cheap, n = asked.connection.execute(
        sa.select(total(one(sa.and_(on_time, within))), total(one(on_time)), total(one(within)), sa.func.count())
        .select_from(rows)
        .where(asked.on_a_day(p.due_on), ~off, there(asked, projects))
    ).one()
    return {"": rate(int(both), n), "on_time": rate(int(timely), n), "in_budget": rate(int(cheap), n)}


def _tickets(asked: Asked) -> Sequence[Ints]:
    """When each ticket of the period came, was first replied to and solved; what came later is not known yet."""
    t = tickets.c
    rows = as_they_lie(asked, with_facts(asked, tickets), tickets, asked.within(t.created_at))
    replied, solved = (sa.case((asked.known(at), at)).label(at.name) for at in (t.first_reply_at, t.solved_at))
    of_period = asked.within(t.created_at), there(asked, tickets)
    return _instants(asked, sa.select(t.created_at, replied, solved).select_from(rows).where(*of_period))


def _instants(asked: Asked, rows: sa.Select[*tuple[Any, ...]]) -> Sequence[Ints]:
    from runner.store.arrays import numbers

    return numbers(asked.connection, rows)


def _told(asked: Asked, begin: Ints, end: Ints) -> Mapping[str, Figure]:
    """From microseconds since 1970, in whole seconds."""
    from runner.kpis.worked import worked
    from runner.store.arrays import NOTHING

    open_since = begin[end == NOTHING]
    begin, end = begin // _SECOND, end // _SECOND
    answered = end >= begin
    elapsed = _spread(end[answered] - begin[answered])
    office = _spread(worked(asked.settings.calendar, begin[answered], end[answered]))
    now = asked.as_of.timestamp()
    oldest = Figure((now - int(open_since.min()) // _SECOND) / 60, 1) if len(open_since) else nothing()
    return {
        "": elapsed.median(),
        "median": elapsed.median(),
        "mean": elapsed.mean(),
        "p90": elapsed.at(0.9),
        "business_median": office.median(),
        "business_mean": office.mean(),
        "business_p90": office.at(0.9),
        "median_with_open": elapsed.median_with(len(open_since)),
        "open": count(len(open_since)),
        "oldest": oldest,
    }


def _spread(seconds: Floats | Ints) -> Spread:
    import numpy as np

    values, many = np.unique(seconds, return_counts=True)
    return Spread(zip((values / 60).tolist(), many.tolist(), strict=True))
