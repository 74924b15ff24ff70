"""Somebody is likely to leave: a score has risen above a mark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, ClassVar, Self

import sqlalchemy as sa
from pydantic import model_validator

from runner.conditions import Kind
from runner.triggers.base import Named
from runner.triggers.states import StateTrigger
from runner.triggers.window import Window


class ChurnRisk(StateTrigger):
    """Fires when a number rises above a mark, and again only after it has fallen below a lower one."""

    name: ClassVar[str] = "churn_risk"
    example: ClassVar[str] = "churn_risk: {above: 0.7, rearm_below: 0.6}"
    its_occasion: ClassVar[str] = "the episode: `episode 1`"
    silence: ClassVar[str] = "it has not risen above the mark"

    #: The mark it must rise above.
    above: float = 0.7
    #: Below which it must fall before it may fire again: six sevenths of `above` unless given.
    rearm_below: float | None = None
    #: The number: `contact.churn_risk`, or any other of the contact.
    of: str = "contact.churn_risk"

    @model_validator(mode="after")
    def _below(self) -> Self:
        if self.rearm_below is not None and self.rearm_below > self.above:
            told = f"above is {self.above:g}, rearm_below is {self.rearm_below:g}"
            raise ValueError(f"rearm_below must not lie above the mark: {told}")
        return self

    @property
    def low(self) -> float:
        return round(self.above - abs(self.above) / 7, 9) if self.rearm_below is None else self.rearm_below

    def names(self) -> Sequence[Named]:
        return [Named("of", self.of, kinds=(Kind.NUMBER,))]

    @property
    def knows_the_unseen(self) -> bool:
        return False

    def seen(self, window: Window) -> Any:
        return self._score(window).is_not(None)

    def begins(self, window: Window) -> Any:
        return sa.and_(self.seen(window), self._score(window) > self.above)

    def ends(self, window: Window) -> Any:
        return sa.and_(self.seen(window), self._score(window) < self.low)

    def told(self, window: Window) -> Sequence[Any]:
        return ["risk", self._score(window)]

    def _score(self, window: Window) -> Any:
        field = window.fields[self.of]
        if not field.places:
            return sa.cast(field.column, sa.Float)
        return sa.type_coerce(field.column, sa.BigInteger) / sa.literal(float(10**field.places))

    def says(self) -> str:
        return f"{self.of} rises above {self.above:g}, again only after it was below {self.low:g}"

    def why(self, facts: Mapping[str, Any], anchor: date | None) -> str:
        return f"{self.of.split('.', 1)[1]} {facts['risk']:g} is above {self.above:g} since {facts['since'][:10]}"
