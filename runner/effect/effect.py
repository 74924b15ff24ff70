"""The effect of each playbook and of each way of its splits, and of all playbooks together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

import sqlalchemy as sa

from runner.actions import Split
from runner.effect import counting
from runner.effect.counting import Assigned, Outcome
from runner.effect.statistics import Arm, better, is_broken, means, newcombe, people_needed, together, z_of
from runner.effect.verdict import Judged, Plan, Verdict, judged
from runner.kpis.intervals import Interval
from runner.kpis.measure import Asked, default_period
from runner.playbook import Holdout, Playbook
from runner.settings import Settings
from runner.store.tables import playbook_versions, playbooks

#: What counts for a playbook without a goal.
USUAL = Outcome("order", timedelta(days=60))
TREATED, HOLDOUT = "treated", "holdout"


@dataclass(frozen=True, slots=True)
class Contrast:
    """One arm against another one: of people whose days are over."""

    one: Arm
    other: Arm
    #: In the share that did it, with its 95 % interval; None where an arm is empty.
    difference: float | None
    interval: Interval | None
    #: What is spent more a person, and its interval.
    spent: float | None
    spent_interval: Interval | None

    @property
    def relative(self) -> float | None:
        rate = self.other.rate
        return self.difference / rate if self.difference is not None and rate else None

    @classmethod
    def of(cls, one: Arm, other: Arm) -> Contrast:
        if not (one.n and other.n):
            return cls(one, other, None, None, None, None)
        money = means(one, other)
        difference = one.hits / one.n - other.hits / other.n
        return cls(one, other, difference, newcombe(one, other), *(money or (None, None)))

    def document(self) -> dict[str, Any]:
        there = self.difference is not None
        return {
            "difference": self.difference,
            "low": self.interval and self.interval.low,
            "high": self.interval and self.interval.high,
            "relative": self.relative,
            "z": z_of(self.one, self.other) if there else None,
            "p_better": better(self.one, self.other) if there else None,
            "incremental": _incremental(self.one.n, self.difference, self.interval),
            "incremental_revenue": _incremental(self.one.n, self.spent, self.spent_interval),
        }


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

    def document(self) -> dict[str, Any]:
        told = {"playbook": self.playbook} | ({"step": self.step} if self.step else {})
        plan = self.plan and asdict(self.plan) | {"people": self.plan.people}
        return told | {
            "outcome": {"event": self.outcome.event, "within_days": self.outcome.within.days},
            self.arms[0]: _arm(self.contrast.one),
            self.arms[1]: _arm(self.contrast.other),
            **self.contrast.document(),
            "unfinished": self.unfinished,
            "planned": plan,
            "looks": self.judged.looks,
            "boundary": self.judged.boundary,
            "verdict": str(self.judged.verdict),
            "why": self.judged.why,
        }


@dataclass(frozen=True, slots=True)
class Effects:
    """All of it at an instant."""

    as_of: datetime
    currency: str
    playbooks: Sequence[Effect]
    splits: Sequence[Effect]
    #: The playbooks' differences together, weighted by the people let in; None where there is none.
    difference: float | None
    interval: Interval | None
    spent: float | None
    spent_interval: Interval | None

    @property
    def treated(self) -> int:
        return sum(one.contrast.one.n for one in self.playbooks if one.contrast.difference is not None)

    def document(self) -> dict[str, Any]:
        return {
            "as_of": self.as_of.isoformat(),
            "currency": self.currency,
            "all": {
                "treated": self.treated,
                "difference": self.difference,
                "low": self.interval and self.interval.low,
                "high": self.interval and self.interval.high,
                "incremental": _incremental(self.treated, self.difference, self.interval),
                "incremental_revenue": _incremental(self.treated, self.spent, self.spent_interval),
            },
            "playbooks": [one.document() for one in self.playbooks],
            "splits": [one.document() for one in self.splits],
        }


def effects(connection: sa.Connection, running: Iterable[Playbook], settings: Settings, *, as_of: datetime) -> Effects:
    """Of these playbooks, as it was known at an instant."""
    asked = Asked(connection, default_period(as_of, settings.timezone), as_of, settings)
    begun = dict(connection.execute(sa.select(playbooks.c.id, playbooks.c.first_tick_at)).all())
    known = [one for one in running if one.id in begun]
    found = [_of_playbook(asked, one, begun[one.id]) for one in known]
    splits = [effect for one in known for effect in _of_splits(asked, one, begun[one.id])]
    contrasts = [one.contrast for one in found]
    rates = [(c.one.n, c.difference, c.interval) for c in contrasts]
    spent = [(c.one.n, c.spent, c.spent_interval) for c in contrasts]
    all_rates, all_spent = _together(rates), _together(spent)
    return Effects(as_of, settings.currency, found, splits, *all_rates, *all_spent)


def outcome_of(playbook: Playbook) -> Outcome:
    """What the playbook is for, as its goal says."""
    goal = playbook.keys.goal
    return USUAL if goal is None else Outcome(goal.event, goal.within.span)


def _of_playbook(asked: Asked, playbook: Playbook, begun: datetime) -> Effect:
    outcome = outcome_of(playbook)
    rows = counting.of_playbook(asked, playbook.id, outcome)
    share = playbook.keys.holdout.share
    plan = _plan(asked, outcome, begun, share)
    told = _effect(playbook, outcome, "", (TREATED, HOLDOUT), rows, plan)
    if not any(row.arm == HOLDOUT for row in rows) and not share:
        return _said(told, Verdict.NO_HOLDOUT, "nobody is held out: what would have happened anyway is unknown")
    everybody = sum(row.people.n for row in rows)
    held_out = sum(row.people.n for row in rows if row.arm == HOLDOUT)
    expected = _expected(asked.connection, playbook, rows)
    if is_broken(everybody, held_out, expected):
        why = f"{held_out:,} of {everybody:,} are held out where {expected:,.0f} should be: no chance makes that"
        return _said(told, Verdict.BROKEN, why)
    return told


def _of_splits(asked: Asked, playbook: Playbook, begun: datetime) -> Iterator[Effect]:
    """Each way against the first one, which is the yardstick."""
    for step in playbook.steps:
        if not isinstance(step.action, Split):
            continue
        outcome = outcome_of(playbook)
        rows = counting.of_split(asked, playbook.id, step.id, outcome)
        first, *others = step.action.arms
        for arm in others:
            share = first.share / (first.share + arm.share) if first.share + arm.share else 0.0
            plan = _plan(asked, outcome, begun, share)
            pair = [row for row in rows if row.arm in (arm.name, first.name)]
            yield _effect(playbook, outcome, step.id, (arm.name, first.name), pair, plan)


def _effect(
    playbook: Playbook, outcome: Outcome, step: str, arms: tuple[str, str], rows: Sequence[Assigned], plan: Plan | None
) -> Effect:
    over = [row for row in rows if row.over]
    arrived = [(at, *_arms(list(there), arms)) for at, there in groupby(over, key=lambda row: row.at)]
    one, other = _arms(over, arms)
    unfinished = sum(row.people.n for row in rows if not row.over)
    contrast = Contrast.of(one, other)
    return Effect(playbook.id, outcome, step, arms, contrast, unfinished, plan, judged(plan, arrived))


def _arms(rows: Sequence[Assigned], arms: tuple[str, str]) -> tuple[Arm, Arm]:
    first, second = (sum((row.people for row in rows if row.arm == arm), Arm()) for arm in arms)
    return first, second


def _plan(asked: Asked, outcome: Outcome, begun: datetime, held_out: float) -> Plan | None:
    """By what customers did before the playbook's first tick, which later numbers do not move."""
    if not 0 < held_out < 1:
        return None
    n, did = counting.base_rate(asked, outcome, begun)
    base = did / n if n else 0.0
    to = base * (1 + asked.settings.effect.lift)
    if not 0 < base < to < 1:
        return None
    return Plan(*people_needed(base, to, held_out=held_out), base=base, to=to)


def _expected(connection: sa.Connection, playbook: Playbook, rows: Sequence[Assigned]) -> float:
    """How many should be held out, by the share that each version of the playbook names."""
    shares = _shares(connection, playbook)
    return sum(row.people.n * shares.get(row.version, playbook.keys.holdout.share) for row in rows)


def _shares(connection: sa.Connection, playbook: Playbook) -> Mapping[str, float]:
    v = playbook_versions.c
    bodies = connection.execute(sa.select(v.version, v.body).where(v.playbook == playbook.id))
    return {version: _share(body.get("holdout", 0)) for version, body in bodies}


def _share(written: Any) -> float:
    keys = written if isinstance(written, dict) else {"share": written}
    return Holdout.model_validate(keys).share


def _said(effect: Effect, verdict: Verdict, why: str) -> Effect:
    nothing = Contrast(effect.contrast.one, effect.contrast.other, None, None, None, None)
    return replace(effect, contrast=nothing, judged=Judged(verdict, why))


def _together(parts: Sequence[tuple[int, float | None, Interval | None]]) -> tuple[float | None, Interval | None]:
    told = [(n, value, interval) for n, value, interval in parts if value is not None and interval is not None and n]
    return together(told) if told else (None, None)


def _incremental(people: int, each: float | None, interval: Interval | None) -> dict[str, float] | None:
    """What it comes to for all who were let in."""
    if each is None or interval is None:
        return None
    return {"value": people * each, "low": people * interval.low, "high": people * interval.high}


def _arm(arm: Arm) -> dict[str, Any]:
    return {"n": arm.n, "did": arm.hits, "rate": arm.rate, "spent": round(arm.spent, 2)}
