"""What may be said of a difference, and when: five looks at numbers of people that were fixed ahead, and no others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from runner.effect.statistics import BOUNDARIES, z_of
from runner.kpis.contrasts import Arm, newcombe

#: Fewer people, or fewer of them who did it, carry no verdict.
PEOPLE, HITS = 30, 5


class Verdict(StrEnum):
    #: Nobody is held out: there is nothing to compare with.
    NO_HOLDOUT = "no holdout"
    #: The arms are not as large as chance can make them.
    BROKEN = "assignment broken"
    #: Before the number of people that was fixed ahead.
    TOO_EARLY = "too early"
    #: At that number, and the interval contains 0.
    NO_PROOF = "no proof of effect"
    WORKS = "works"
    HARMS = "harms"


@dataclass(frozen=True, slots=True)
class Plan:
    """How many people it takes, fixed by what customers did before the playbook began."""

    treated: int
    holdout: int
    #: The rate before, and the one that so many people would tell from it.
    base: float
    to: float

    @property
    def people(self) -> int:
        return self.treated + self.holdout


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict and how it came about."""

    verdict: Verdict
    why: str
    #: Looks so far, of five; and the |z| that the last of them had to pass.
    looks: int = 0
    boundary: float | None = None


def judged(plan: Plan | None, arrived: Sequence[tuple[datetime, Arm, Arm]]) -> Judged:
    """`arrived`: who of either arm came when, those whose days are over, oldest first."""
    if plan is None:
        return Judged(Verdict.TOO_EARLY, "too little is known from before to plan by")
    one, other, looks = Arm(), Arm(), 0
    for _, treated, held_out in arrived:
        one, other = one + treated, other + held_out
        reached = min(len(BOUNDARIES), len(BOUNDARIES) * (one.n + other.n) // plan.people)
        if reached == looks:
            continue
        looks = reached
        if (found := _look(one, other, looks)) is not None:
            return found
        if looks == len(BOUNDARIES):
            return _last(one, other)
    so_far = one.n + other.n
    why = f"{so_far:,} of {plan.people:,} people that were planned, {looks} of {len(BOUNDARIES)} looks"
    return Judged(Verdict.TOO_EARLY, why, looks, BOUNDARIES[looks - 1] if looks else None)


def _look(one: Arm, other: Arm, looks: int) -> Judged | None:
    """Whether this look ends it."""
    if _too_few(one, other):
        return None
    z, boundary = z_of(one, other), BOUNDARIES[looks - 1]
    low, high = newcombe(one, other)
    if z > boundary and low > 0:
        return Judged(Verdict.WORKS, f"|z| {z:.2f} passed {boundary} at look {looks}", looks, boundary)
    if z < -boundary and high < 0:
        return Judged(Verdict.HARMS, f"|z| {-z:.2f} passed {boundary} at look {looks}", looks, boundary)
    return None


def _last(one: Arm, other: Arm) -> Judged:
    boundary = BOUNDARIES[-1]
    if _too_few(one, other):
        why = f"fewer than {PEOPLE} people, or than {HITS} who did it, in one arm"
        return Judged(Verdict.NO_PROOF, why, len(BOUNDARIES), boundary)
    why = f"|z| {abs(z_of(one, other)):.2f} did not pass {boundary} at the number that was planned"
    return Judged(Verdict.NO_PROOF, why, len(BOUNDARIES), boundary)


def _too_few(one: Arm, other: Arm) -> bool:
    return min(one.n, other.n) < PEOPLE or min(one.hits, other.hits) < HITS
