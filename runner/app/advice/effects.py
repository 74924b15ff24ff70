"""Holdouts: what they can show at all, and that people who share one are held out alike."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from math import ceil, sqrt
from statistics import NormalDist

import sqlalchemy as sa

from runner.app.advice.ground import Ground
from runner.errors import Fault
from runner.playbook import Playbook
from runner.store.tables import enrollments

#: How many of those who are not written to reach the goal, where nothing is known yet, and by how much mail lifts it.
USUAL, LIFT = 0.20, 1.2
#: Fewer people than this are a trial of the playbook and not of its effect.
TRIAL = 100
#: Enrollments that must have ended before their own rate is taken.
FEWEST = 100
_BY_CHANCE = NormalDist().inv_cdf(0.975)
_POWER = NormalDist().inv_cdf(0.80)


def holdout_needed(base: float, lifted: float, share: float) -> int:
    """How many must be held out to tell two rates apart: 5 % two-sided, 80 % power, normal approximation with pooled
    variance (Fleiss, Levin and Paik, Statistical Methods for Rates and Proportions, 2003, 4.3), for arms of unequal
    size; `share` is that of the holdout. Of 0.20 and 0.24: 1,683 in each of two equal arms, 953 at 10 %.
    """
    ratio = (1 - share) / share
    pooled = (base + ratio * lifted) / (1 + ratio)
    chance = _BY_CHANCE * sqrt((1 + 1 / ratio) * pooled * (1 - pooled))
    power = _POWER * sqrt(base * (1 - base) + lifted * (1 - lifted) / ratio)
    return ceil(((chance + power) / (lifted - base)) ** 2)


def holdout_too_small(ground: Ground) -> Iterator[Fault]:
    """A holdout that a year of people cannot fill."""
    for playbook in ground.playbooks:
        share = playbook.keys.holdout.share
        if ground.connection is None or not 0 < share < 1 or (people := _people(ground, playbook)) < TRIAL:
            continue
        base = _rate(ground, playbook)
        lifted = min(base * LIFT, (1 + base) / 2)
        needed, held = holdout_needed(base, lifted, share), round(people * share)
        if held < needed:
            words = (
                f"holds out {held:,} of {people:,} people a year; to tell {lifted:.0%} from {base:.0%} takes {needed:,}"
            )
            yield playbook.file.fault(("holdout",), words, _instead(people, base, lifted))


def _instead(people: int, base: float, lifted: float) -> str:
    for percent in (20, 30, 40, 50):
        if people * percent / 100 >= holdout_needed(base, lifted, percent / 100):
            return f"hold out {percent}%"
    years = ceil(holdout_needed(base, lifted, 0.5) * 2 / people)
    return f"no share shows it within a year: leave it out, or judge after {years} years"


def _people(ground: Ground, playbook: Playbook) -> int:
    """Whom it may take in within a year: those who entered in the last one, or its audience where that is more."""
    assert ground.connection is not None
    entered = sa.select(sa.func.count(sa.distinct(enrollments.c.contact_id))).where(
        enrollments.c.playbook == playbook.id, enrollments.c.entered_at > ground.now - timedelta(days=365)
    )
    (audience,) = ground.of_people(playbook, sa.func.count())
    return max(int(ground.connection.scalar(entered) or 0), int(audience))


def _rate(ground: Ground, playbook: Playbook) -> float:
    """How many of those held out reached the goal; the usual where too few have ended."""
    assert ground.connection is not None
    ended = sa.select(
        sa.func.count(), sa.func.sum(sa.case((enrollments.c.reason == "goal reached", 1), else_=0))
    ).where(
        enrollments.c.playbook == playbook.id,
        enrollments.c.arm == "holdout",
        enrollments.c.state.in_(("done", "ended")),
    )
    count, reached = ground.connection.execute(ended).one()
    return float(reached) / count if count >= FEWEST and 0 < reached < count else USUAL


def shares_of_a_group(ground: Ground) -> Iterator[Fault]:
    """Playbooks of one holdout group with unequal shares: some are held out of one and written to by the other."""
    groups: defaultdict[str, list[Playbook]] = defaultdict(list)
    for playbook in ground.playbooks:
        if playbook.keys.holdout.group is not None:
            groups[playbook.keys.holdout.group].append(playbook)
    for name, members in groups.items():
        shares = {member.keys.holdout.share for member in members}
        for member in members[1:] if len(shares) > 1 else ():
            first = members[0]
            words = f"the group {name!r} holds out {_percent(member)} here and {_percent(first)} in {first.file.name}"
            yield member.file.fault(
                ("holdout", "share"), words, "give the group one share, so that nobody is in between"
            )


def _percent(playbook: Playbook) -> str:
    return f"{100 * playbook.keys.holdout.share:g}%"
