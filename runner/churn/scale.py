"""What scores are measured by: how much the data carry, what was learnt from them, and whether it held."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np

from runner.churn.alike import Cells, cells
from runner.churn.histories import Histories, Snapshot, day_of
from runner.churn.models import Model
from runner.churn.proof import Proof, proof
from runner.churn.recalibration import Coefficients, Past, learnt, recalibrated
from runner.store.arrays import Floats

#: Below these a rule says as much as the data do.
CUSTOMERS, HISTORY, REPEAT_BUYERS = 200, 180, 50
#: A shop without an order for so long sells no more, or its orders do not come in.
QUIET = 30
#: Gaps between orders by which the rule is measured, and its days where there are fewer.
GAPS, USUAL = 30, 90
#: Past mornings that are learnt from at the most.
MORNINGS = 4
#: The same weekday a year ago.
YEAR = 364


class Tier(StrEnum):
    """How much the data carry."""

    #: "The last order is more than so many days ago": yes or no, and no probability.
    RULE = "rule"
    #: The model's own chance.
    MODEL = "model"
    #: That chance, set right by what became of past mornings.
    CALIBRATED = "calibrated"


@dataclass(frozen=True, slots=True)
class Scale:
    """Learnt on one morning, in force for a week."""

    day: int
    horizon: int
    model: str
    tier: Tier
    #: Why it is this tier, as a sentence.
    why: str
    customers: int
    repeat_buyers: int
    #: Days of orders.
    history: int
    #: The rule: silent for more days than this.
    rule_days: int
    #: The gaps it is measured by; 0 where there were too few.
    gaps: int
    parameters: Mapping[str, Any] | None = None
    coefficients: Coefficients | None = None
    #: Whether it is learnt from the same season a year ago.
    seasonal: bool = False
    #: The test of what is in force; and of every tier that was tried.
    proof: Proof | None = None
    tried: Mapping[str, Proof] | None = None
    cells: Cells | None = None

    def document(self) -> dict[str, Any]:
        """As the store keeps it."""
        told = {name: getattr(self, name) for name in self.__dataclass_fields__}
        tried = {tier: one.document() for tier, one in (self.tried or {}).items()}
        return told | {"proof": self.proof and self.proof.document(), "tried": tried}

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Scale:
        told = dict(document)
        told["tier"] = Tier(told["tier"])
        told["proof"] = told["proof"] and Proof.read(told["proof"])
        told["tried"] = {tier: Proof.read(one) for tier, one in told["tried"].items()}
        told["coefficients"] = told["coefficients"] and tuple(told["coefficients"])
        if told["cells"]:
            told["cells"] = tuple(tuple((n, silent) for n, silent in row) for row in told["cells"])
        return cls(**told)


def scale(before: Histories, day: int, *, horizon: int, name: str, model: Model) -> Scale:
    """What the data carry on a morning, by orders before it alone."""
    known = before.on(day)
    gaps = before.gaps(day)
    measured = len(gaps) >= GAPS
    rule = Scale(
        day=day,
        horizon=horizon,
        model=name,
        tier=Tier.RULE,
        why="",
        customers=len(known),
        repeat_buyers=int((known.repeats > 0).sum()),
        history=day - int(known.first.min()) if len(known) else 0,
        rule_days=int(np.ceil(np.quantile(gaps, 0.9))) if measured else USUAL,
        gaps=len(gaps) if measured else 0,
    )
    if why := _too_little(rule, known):
        return replace(rule, why=why)
    parameters = model.fit(before, day, horizon)
    if parameters is None:
        return replace(rule, why=f"the model {name} found no parameters that fit")
    return _judged(replace(rule, parameters=parameters), _Mornings(before, model, horizon, day - rule.history))


def scores(by: Scale, known: Snapshot, model: Model) -> Floats:
    """The score of each customer: a chance, or for a rule 1 where it is so and 0 where not."""
    if by.tier is Tier.RULE or by.parameters is None:
        ruled: Floats = (known.silent > by.rule_days).astype(float)
        return ruled
    said = model.silent(by.parameters, known, by.horizon)
    if by.tier is Tier.CALIBRATED and by.coefficients is not None:
        said = recalibrated(known, said, by.coefficients)
    # Whole percents: more would be made up. Certain is nobody.
    shown: Floats = np.clip(np.round(said, 2), 0.01, 0.99)
    return shown


def _too_little(found: Scale, known: Snapshot) -> str:
    if found.customers < CUSTOMERS:
        return f"{found.customers} customers; a model needs {CUSTOMERS}"
    if found.history < HISTORY:
        return f"orders of {found.history} days; a model needs {HISTORY}"
    if found.repeat_buyers < REPEAT_BUYERS:
        return f"{found.repeat_buyers} customers ordered on more than one day; a model needs {REPEAT_BUYERS}"
    if (quiet := int(known.silent.min())) > QUIET:
        return f"no order for {quiet} days: orders do not come in, or the shop is closed"
    return ""


class _Mornings:
    """Past mornings whose days to come were over on another one; each is looked at once."""

    def __init__(self, before: Histories, model: Model, horizon: int, first: int) -> None:
        self._before, self._model, self._horizon, self._first = before, model, horizon, first
        self._seen: dict[int, Past | None] = {}

    def at(self, day: int) -> Past | None:
        """None where there is not enough to learn from."""
        if day not in self._seen:
            self._seen[day] = self._look(day) if day - self._first >= self._horizon else None
        return self._seen[day]

    def recent(self, day: int) -> list[Past]:
        return self._some(day - self._horizon * number for number in range(1, MORNINGS + 1))

    def of_the_season(self, day: int) -> list[Past]:
        """A year ago and two, where half a year of orders was known then: seasons are what scores err by most."""
        over = (day - YEAR * years for years in (1, 2) if YEAR * years >= self._horizon)
        return self._some(morning for morning in over if morning - self._first >= HISTORY)

    def _some(self, days: Any) -> list[Past]:
        return [past for day in days if (past := self.at(day)) is not None]

    def _look(self, day: int) -> Past | None:
        known = self._before.on(day)
        parameters = self._model.fit(self._before, day, self._horizon) if len(known) else None
        if parameters is None:
            return None
        said = self._model.silent(parameters, known, self._horizon)
        past = Past(known, said, self._before.silent_after(known, self._horizon))
        return past if past.tells else None


def _judged(rule: Scale, mornings: _Mornings) -> Scale:
    """The highest tier that holds."""
    season, recent = mornings.of_the_season(rule.day), mornings.recent(rule.day)
    told = replace(
        rule,
        coefficients=learnt(season or recent),
        seasonal=bool(season),
        cells=cells([(past.known, past.silent) for past in {id(p): p for p in (*recent, *season)}.values()]),
    )
    last = mornings.at(rule.day - rule.horizon)
    tried = _tried(last, mornings, rule) if last is not None else {}
    told = replace(told, tried=tried)
    if not tried:
        why = f"no past morning is old enough to tell what became of it: {rule.horizon} days, {_NEEDS}"
        return replace(told, tier=Tier.MODEL, why=why, coefficients=None)
    for tier in (Tier.CALIBRATED, Tier.MODEL):
        if (one := tried.get(tier)) is not None and one.holds and (tier is Tier.MODEL or told.coefficients):
            return replace(told, tier=tier, proof=one, why=_held(one))
    failed = next(iter(tried.values()))
    why = f"on {failed.on} the model was no better than one figure for everybody would have been"
    return replace(told, proof=failed, why=why)


_NEEDS = "300 customers, 50 who ordered and 50 who did not"


def _held(one: Proof) -> str:
    return f"on {one.on} it told {one.n:,} customers apart better than one figure for everybody would have"


def _tried(last: Past, mornings: _Mornings, rule: Scale) -> dict[str, Proof]:
    """Each tier at the last morning whose days are over, by what had been learnt before it."""
    on, earlier = day_of(last.known.day).isoformat(), last.known.day
    found = {}
    lessons = learnt(mornings.of_the_season(earlier) or mornings.recent(earlier))
    said = _across(last) if lessons is None else recalibrated(last.known, last.said, lessons)
    if said is not None:
        found[str(Tier.CALIBRATED)] = proof(
            said, last.silent, on=on, horizon=rule.horizon, across_customers=lessons is None
        )
    found[str(Tier.MODEL)] = proof(last.said, last.silent, on=on, horizon=rule.horizon)
    return found


def _across(past: Past) -> Floats | None:
    """With one morning only: half the customers are judged by what was learnt from the other half."""
    half = np.arange(len(past.said)) % 2 == 0
    said = past.said.copy()
    for which in (half, ~half):
        lessons = learnt([past.of(~which)])
        if lessons is None:
            return None
        said[which] = recalibrated(past.known.of(which), past.said[which], lessons)
    return said


def summary_of(known: Snapshot, said: Sequence[float] | Floats, high: float) -> dict[str, int]:
    """How many customers lie in each band: low below 0.33, high from the mark on."""
    each = np.asarray(said)
    low, top = int((each < 0.33).sum()), int((each >= high).sum())
    return {"low": low, "medium": len(known) - low - top, "high": top}
