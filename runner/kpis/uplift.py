"""What the playbooks themselves brought: those treated against those held out at random."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from runner.kpis import intervals
from runner.kpis.asked import Asked
from runner.kpis.contrasts import Arm, Contrast, Together, together
from runner.kpis.customers import all_priced
from runner.kpis.intervals import Interval
from runner.kpis.measure import Direction, Figure, Part, Unit, kpi, nothing
from runner.kpis.repeat import unpriced
from runner.kpis.tried import HOLDOUT, aims, tried
from runner.store.functions import unindexed
from runner.store.tables import enrollments


@kpi(
    key="incremental_effect",
    name="Effect against the holdout",
    unit=Unit.RATIO,
    direction=Direction.HIGHER,
    formula="The share of those treated who did what their playbook's goal says in its time (without a goal: ordered "
    "within 60 days), less that of those held out at random; of several playbooks weighted by the people treated. "
    "Everybody assigned in the period counts whose days are over, also who got no mail: what `regulars effect` tells.",
    needs=("orders",),
    reads=(enrollments.c.entered_at,),
    nothing="no proof of effect: no holdout whose days are over",
    entry=52,
    version=2,
    parts={
        "customers": Part(
            "Customers won by it", Unit.NUMBER, "The effect × the people treated, with its interval.", Direction.HIGHER
        ),
        "revenue": Part(
            "Revenue won by it",
            Unit.MONEY,
            "What those treated spent more a person, those who spent nothing included, × the people treated.",
            Direction.HIGHER,
        ),
        "treated": Part("Rate of those treated", Unit.RATIO, "Of those treated, the share that did it."),
        "holdout": Part(
            "Rate of those held out",
            Unit.RATIO,
            "Of those held out, the share that did it; of several playbooks weighted by the people treated.",
        ),
    },
)
def incremental_effect(asked: Asked) -> Mapping[str, Figure]:
    contrasts = _contrasts(asked)
    told = Together.of(contrasts)
    if told.difference is None or told.interval is None:
        return dict.fromkeys(("", *incremental_effect.parts), nothing())
    n = sum(one.one.n + one.other.n for one in contrasts)
    return {
        "": Figure(told.difference, n, *told.interval),
        "customers": _of_all(told.treated, told.difference, told.interval),
        "revenue": _revenue(asked, told),
        "treated": _rate([(one.one.n, one.one) for one in contrasts]),
        "holdout": _rate([(one.one.n, one.other) for one in contrasts]),
    }


def _contrasts(asked: Asked) -> Sequence[Contrast]:
    """Of the playbooks that held somebody out."""
    e = enrollments.c
    # By an index SQLite would go from row to row all over the table: read as it lies, it takes an eighth of the time.
    held = sa.select(unindexed(e.playbook)).where(e.arm == HOLDOUT, unindexed(e.entered_at) <= asked.as_of).distinct()
    with_holdout = set(asked.connection.scalars(held))
    found = [tried(asked, aim, in_period=True) for id, aim in aims(asked).items() if id in with_holdout]
    return [one.contrast for one in found if one.proves]


def _revenue(asked: Asked, told: Together) -> Figure:
    if told.spent is None or told.spent_interval is None:
        return unpriced(asked, not asked.always(all_priced), told.treated) or nothing(n=told.treated)
    return _of_all(told.treated, told.spent, told.spent_interval)


def _of_all(people: int, each: float, interval: Interval) -> Figure:
    return Figure(people * each, people, people * interval.low, people * interval.high)


def _rate(arms: Sequence[tuple[int, Arm]]) -> Figure:
    """Of one kind of arm over all playbooks, weighted so that the two kinds differ by the effect."""
    parts = [(weight, arm.hits / arm.n, intervals.wilson(arm.hits, arm.n)) for weight, arm in arms]
    share, interval = together(parts)
    return Figure(share, sum(arm.n for _, arm in arms), *interval)
