"""The effect of each playbook and of each way of its splits, and of all playbooks together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from runner.actions import Split
from runner.effect.rails import Rail, rails
from runner.effect.soon import Soon, how_soon
from runner.effect.statistics import better, p_of, people_needed, standing, z_of
from runner.effect.verdict import Judged, Plan, Verdict, judged
from runner.kpis.asked import Asked, default_period
from runner.kpis.contrasts import Arm, Contrast, Together
from runner.kpis.customers import all_priced
from runner.kpis.intervals import Interval
from runner.kpis.outcome import Outcome
from runner.kpis.tried import HOLDOUT, TREATED, Aim, aims, tried
from runner.kpis.winsorised import Winsorised, winsorised
from runner.playbook import Playbook
from runner.settings import Settings
from runner.store.tables import playbooks

if TYPE_CHECKING:
    from runner.kpis.assigned import Assigned


@dataclass(frozen=True, slots=True)
class Effect:
    """A playbook against its holdout, or one way of a split against the first."""

    playbook: str
    outcome: Outcome
    #: A split's step and its two ways; empty of the playbook itself.
    step: str
    arms: tuple[str, str]
    contrast: Contrast
    #: People whose days are not over yet.
    unfinished: int
    plan: Plan | None
    judged: Judged
    #: The money once more with the highest amounts cut; None where nothing would be cut.
    winsorised: Winsorised | None = None
    #: How soon they did it; None of few people.
    soon: Soon | None = None
    #: Whether it harms, of a playbook itself.
    rails: Sequence[Rail] = ()
    #: One of several comparisons, and not among those that stand for all of them together.
    exploratory: bool = False

    @property
    def harms(self) -> Sequence[Rail]:
        """What speaks for stopping it at once."""
        return [rail for rail in self.rails if rail.crossed]

    def document(self) -> dict[str, Any]:
        told = {"playbook": self.playbook} | ({"step": self.step} if self.step else {})
        plan = self.plan and asdict(self.plan) | {"people": self.plan.people}
        return told | {
            "outcome": {"event": self.outcome.event, "within_days": self.outcome.within.days},
            self.arms[0]: _arm(self.contrast.one),
            self.arms[1]: _arm(self.contrast.other),
            **_contrast(self.contrast),
            "incremental_revenue_winsorised": _winsorised(self.contrast.one.n, self.winsorised),
            "unfinished": self.unfinished,
            "how_soon": self.soon and self.soon.document(),
            "planned": plan,
            "looks": self.judged.looks,
            "boundary": self.judged.boundary,
            "verdict": str(self.judged.verdict),
            "why": self.judged.why,
            "exploratory": self.exploratory,
            "guard_rails": [rail.document() for rail in self.rails],
        }


@dataclass(frozen=True, slots=True)
class Effects:
    """All of it at an instant."""

    as_of: datetime
    currency: str
    playbooks: Sequence[Effect]
    splits: Sequence[Effect]
    #: People let in by all playbooks that compare.
    treated: int
    #: The playbooks' differences together, weighted by the people let in; None where there is none.
    difference: float | None
    interval: Interval | None
    spent: float | None
    spent_interval: Interval | None
    #: As few people as no figure is judged by, `kpis: {minimum_n: …}`.
    minimum_n: int

    @property
    def too_few(self) -> bool:
        """Whether all of them together are too few people, let in and held out, to judge by."""
        compared = [one.contrast for one in self.playbooks if one.contrast.difference is not None]
        return sum(contrast.one.n + contrast.other.n for contrast in compared) < self.minimum_n

    def document(self) -> dict[str, Any]:
        return {
            "as_of": self.as_of.isoformat(),
            "currency": self.currency,
            "all": {
                "treated": self.treated,
                "too_few": self.too_few,
                "difference": self.difference,
                "low": self.interval and self.interval.low,
                "high": self.interval and self.interval.high,
                "incremental": _incremental(self.treated, self.difference, self.interval),
                "incremental_revenue": _incremental(self.treated, self.spent, self.spent_interval),
            },
            "playbooks": [one.document() for one in self.playbooks],
            "splits": [one.document() for one in self.splits],
        }


def effects(
    connection: sa.Connection,
    running: Iterable[Playbook],
    settings: Settings,
    *,
    as_of: datetime,
    only: str | None = None,
) -> Effects:
    """As it was known at an instant, of every playbook that ran: a file that is gone leaves its effect. `only` one."""
    asked = Asked(connection, default_period(as_of, settings.timezone), as_of, settings)
    begun = dict(connection.execute(sa.select(playbooks.c.id, playbooks.c.first_tick_at)).all())
    known = {id: aim for id, aim in aims(asked).items() if id in begun and only in (None, id)}
    files = [one for one in running if one.id in known]
    found = {id: _of_playbook(asked, aim, begun[id]) for id, aim in known.items()}
    here = [found[one.id] for one in files]
    gone = [one for id, one in found.items() if id not in {file.id for file in files} and one.contrast.other.n]
    splits = [effect for one in files for effect in _of_splits(asked, one, known[one.id].outcome, begun[one.id])]
    told = _among_all([*here, *gone, *splits])
    splits, told = told[len(here) + len(gone) :], told[: len(here) + len(gone)]
    together = Together.of(one.contrast for one in told)
    return Effects(as_of, settings.currency, told, splits, *together, settings.kpis.minimum_n)


def _among_all(effects: Sequence[Effect]) -> list[Effect]:
    """Who looks at twenty differences finds one that chance has made: those that would not stand are marked."""
    compared = [one for one in effects if one.contrast.difference is not None]
    stand = dict(
        zip(map(id, compared), standing([p_of(c.contrast.one, c.contrast.other) for c in compared]), strict=True)
    )
    return [replace(one, exploratory=len(compared) > 1 and not stand.get(id(one), True)) for one in effects]


def _of_playbook(asked: Asked, aim: Aim, begun: datetime) -> Effect:
    found = tried(asked, aim)
    plan = _plan(asked, aim.outcome, begun, aim.held_out)
    told = _effect(aim.playbook, aim.outcome, "", (TREATED, HOLDOUT), found.assigned, plan, found.contrast)
    told = replace(told, rails=rails(asked, aim.playbook, found.contrast))
    if not found.compares:
        return _said(told, Verdict.NO_HOLDOUT, "nobody is held out: what would have happened anyway is unknown")
    if found.is_broken:
        why = f"{found.held_out:,} of {found.people:,} are held out where {found.expected:,.0f} should be"
        return _said(told, Verdict.BROKEN, f"{why}: no chance makes that")
    return told


def _of_splits(asked: Asked, playbook: Playbook, outcome: Outcome, begun: datetime) -> Iterator[Effect]:
    """Each way against the first one, which is the yardstick."""
    from runner.kpis.assigned import of_split

    for step in playbook.steps:
        if not isinstance(step.action, Split):
            continue
        assigned = of_split(asked, playbook.id, step.id, outcome)
        first, *others = step.action.arms
        for arm in others:
            share = first.share / (first.share + arm.share) if first.share + arm.share else 0.0
            plan = _plan(asked, outcome, begun, share)
            ways = (arm.name, first.name)
            contrast = Contrast.of(*assigned.finished.arms(ways), priced=asked.always(all_priced))
            yield _effect(playbook.id, outcome, step.id, ways, assigned, plan, contrast)


def _effect(
    playbook: str,
    outcome: Outcome,
    step: str,
    ways: tuple[str, str],
    assigned: Assigned,
    plan: Plan | None,
    contrast: Contrast,
) -> Effect:
    unfinished = sum(arm.n for arm in assigned.unfinished.arms(ways))
    arrived = list(assigned.finished.arrived(ways))
    cut = winsorised(assigned, ways) if contrast.spent is not None else None
    soon = how_soon(assigned, ways, outcome.within.days)
    return Effect(playbook, outcome, step, ways, contrast, unfinished, plan, judged(plan, arrived), cut, soon)


def _plan(asked: Asked, outcome: Outcome, begun: datetime, held_out: float) -> Plan | None:
    """By what customers did before the playbook's first tick, which later numbers do not move."""
    from runner.kpis.assigned import base_rate

    if not 0 < held_out < 1:
        return None
    n, did = base_rate(asked, outcome, begun)
    base = did / n if n else 0.0
    to = base * (1 + asked.settings.effect.lift)
    if not 0 < base < to < 1:
        return None
    return Plan(*people_needed(base, to, held_out=held_out), base=base, to=to)


def _said(effect: Effect, verdict: Verdict, why: str) -> Effect:
    nothing = Contrast(effect.contrast.one, effect.contrast.other)
    return replace(effect, contrast=nothing, winsorised=None, soon=None, judged=Judged(verdict, why))


def _contrast(told: Contrast) -> dict[str, Any]:
    there = told.difference is not None
    return {
        "difference": told.difference,
        "low": told.interval and told.interval.low,
        "high": told.interval and told.interval.high,
        "relative": told.relative,
        "z": z_of(told.one, told.other) if there else None,
        "p_better": better(told.one, told.other) if there else None,
        "incremental": _incremental(told.one.n, told.difference, told.interval),
        "incremental_revenue": _incremental(told.one.n, told.spent, told.spent_interval),
    }


def _incremental(people: int, each: float | None, interval: Interval | None) -> dict[str, float] | None:
    """What it comes to for all who were let in."""
    if each is None or interval is None:
        return None
    return {"value": people * each, "low": people * interval.low, "high": people * interval.high}


def _winsorised(people: int, told: Winsorised | None) -> dict[str, float] | None:
    if told is None or (found := _incremental(people, told.spent, told.interval)) is None:
        return None
    return found | {"cut": told.cut}


def _arm(arm: Arm) -> dict[str, Any]:
    return {"n": arm.n, "did": arm.hits, "rate": arm.rate, "spent": round(arm.spent, 2)}
