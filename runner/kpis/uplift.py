"""What the playbooks themselves brought: those treated against those held out at random."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from math import sqrt

import sqlalchemy as sa

from runner.kpis import intervals
from runner.kpis.measure import Asked, Direction, Figure, Part, Unit, kpi, nothing
from runner.kpis.rows import one, total, with_people
from runner.store.functions import seconds_after
from runner.store.tables import enrollments, purchases

#: Days from entering a playbook within which an order counts.
WITHIN = 60


@kpi(
    key="incremental_effect",
    name="Effect against the holdout",
    unit=Unit.RATIO,
    direction=Direction.HIGHER,
    formula="The share of those treated who ordered within 60 days, less that of those held out at random: everybody "
    "assigned counts, also who got no mail. Of each person the first passage of the period through a playbook that "
    "holds people out.",
    needs=("orders",),
    reads=(enrollments.c.entered_at,),
    nothing="no holdout whose 60 days are over",
    entry=52,
    parts={
        "customers": Part(
            "Customers won by it", Unit.NUMBER, "The effect × the people treated, with its interval.", Direction.HIGHER
        ),
        "treated": Part("Rate of those treated", Unit.RATIO, "Of those treated, the share that ordered."),
        "holdout": Part("Rate of those held out", Unit.RATIO, "Of those held out, the share that ordered."),
    },
)
def incremental_effect(asked: Asked) -> Mapping[str, Figure]:
    arms = _arms(asked)
    (treated, n1), (held, n2) = arms.get("treated", (0, 0)), arms.get("holdout", (0, 0))
    if not n1 or not n2:
        return dict.fromkeys(("", *incremental_effect.parts), nothing())
    difference = treated / n1 - held / n2
    low, high = newcombe(treated, n1, held, n2)
    return {
        "": Figure(difference, n1 + n2, low, high),
        "customers": Figure(difference * n1, n1, low * n1, high * n1),
        "treated": Figure(treated / n1, n1, *intervals.wilson(treated, n1)),
        "holdout": Figure(held / n2, n2, *intervals.wilson(held, n2)),
    }


def newcombe(a: int, n1: int, b: int, n2: int) -> intervals.Interval:
    """Of a difference of two shares (Newcombe 1998, method 10)."""
    first, second = intervals.wilson(a, n1), intervals.wilson(b, n2)
    p, q = a / n1, b / n2
    return intervals.Interval(
        p - q - sqrt((p - first.low) ** 2 + (second.high - q) ** 2),
        p - q + sqrt((first.high - p) ** 2 + (q - second.low) ** 2),
    )


def _arms(asked: Asked) -> dict[str, tuple[int, int]]:
    """Of each arm who ordered in time, and how many people there are."""
    rows, person = with_people(asked, enrollments, enrollments.c.contact_id)
    e = enrollments.c
    held = sa.select(e.playbook).where(e.arm == "holdout").distinct()
    place = sa.func.row_number().over(partition_by=person, order_by=(e.entered_at, e.id))
    over = e.entered_at <= asked.as_of - timedelta(days=WITHIN)
    first = (
        sa.select(person.label("person"), e.arm, e.entered_at.label("at"), place.label("place"))
        .select_from(rows)
        .where(asked.within(e.entered_at), over, e.playbook.in_(held))
        .subquery()
    )
    c, p = first.c, purchases.c
    ordered = sa.exists().where(
        p.contact_id == c.person,
        p.at >= c.at,
        p.at < seconds_after(c.at, WITHIN * 86400),
        p.net > 0,
        asked.known(p.seen_at),
    )
    counted = sa.select(c.arm, total(one(ordered)), sa.func.count()).where(c.place == 1).group_by(c.arm)
    return {arm: (int(hits), n) for arm, hits, n in asked.connection.execute(counted)}
