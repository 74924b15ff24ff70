"""What each playbook is held against, as the store knows it: its goal, its holdout, and the two arms compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from runner.kpis.asked import Asked
from runner.kpis.contrasts import Contrast, is_broken
from runner.kpis.customers import all_priced
from runner.kpis.outcome import Outcome
from runner.playbook import Goal, Holdout
from runner.store.tables import enrollments, playbook_versions, playbooks

if TYPE_CHECKING:
    from runner.kpis.assigned import Assigned

#: What counts for a playbook without a goal.
USUAL = Outcome("order", timedelta(days=60))
TREATED, HOLDOUT = "treated", "holdout"


@dataclass(frozen=True, slots=True)
class Aim:
    """What a playbook is for and how many it holds out, by the version that was in force."""

    playbook: str
    outcome: Outcome = USUAL
    held_out: float = 0.0
    #: The share that each of its versions holds out.
    shares: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tried:
    """A playbook against its holdout: everybody assigned, and the two arms of whose days are over."""

    aim: Aim
    assigned: Assigned
    contrast: Contrast
    #: People in all, those held out, and how many of them should be.
    people: int
    held_out: int
    expected: float

    @property
    def compares(self) -> bool:
        return self.held_out > 0 or self.aim.held_out > 0

    @property
    def is_broken(self) -> bool:
        return is_broken(self.people, self.held_out, self.expected)

    @property
    def proves(self) -> bool:
        """Whether its difference counts among those of all playbooks."""
        return self.compares and not self.is_broken and self.contrast.difference is not None


def tried(asked: Asked, aim: Aim, *, in_period: bool = False) -> Tried:
    """Of all who were assigned up to the as-of instant, or of those assigned in the period alone."""
    from runner.kpis.assigned import of_playbook

    assigned = of_playbook(asked, aim.playbook, aim.outcome)
    over = (assigned.between(asked.start, asked.end) if in_period else assigned).finished
    return Tried(
        aim,
        assigned,
        Contrast.of(over.arm(TREATED), over.arm(HOLDOUT), priced=asked.always(all_priced)),
        people=len(assigned),
        held_out=assigned.arm(HOLDOUT).n,
        expected=sum(n * aim.shares.get(version, aim.held_out) for version, n in assigned.by_version().items()),
    )


def aims(asked: Asked) -> Mapping[str, Aim]:
    """Of every playbook that somebody entered or that has ticked, also where its file is gone."""
    versions = _versions(asked)
    entered = asked.connection.scalars(
        sa.select(enrollments.c.playbook).where(enrollments.c.entered_at <= asked.as_of).distinct()
    )
    return {id: _aim(id, versions.get(id, [])) for id in sorted({*versions, *entered})}


def _versions(asked: Asked) -> Mapping[str, Sequence[tuple[str, Mapping[str, Any]]]]:
    """Each playbook's versions with the one in force last; as of the past the latest that was known then."""
    p, v = playbooks.c, playbook_versions.c
    in_force = sa.and_(p.id == v.playbook, p.version == v.version)
    known = sa.select(v.playbook, v.version, v.body).outerjoin(playbooks, in_force).where(v.at <= asked.as_of)
    found: dict[str, list[tuple[str, Mapping[str, Any]]]] = {}
    for playbook, version, body in asked.connection.execute(known.order_by(p.id.is_not(None), v.at)):
        found.setdefault(playbook, []).append((version, body))
    return found


def _aim(playbook: str, versions: Sequence[tuple[str, Mapping[str, Any]]]) -> Aim:
    if not versions:
        return Aim(playbook)
    latest = versions[-1][1]
    shares = {version: _share(body) for version, body in versions}
    return Aim(playbook, outcome_of(latest), _share(latest), shares)


def outcome_of(body: Mapping[str, Any]) -> Outcome:
    """What the playbook is for, as its goal says."""
    if not (written := body.get("goal")):
        return USUAL
    goal = Goal.model_validate(written)
    return Outcome(goal.event, goal.within.span)


def _share(body: Mapping[str, Any]) -> float:
    written = body.get("holdout", 0)
    return Holdout.model_validate(written if isinstance(written, dict) else {"share": written}).share
