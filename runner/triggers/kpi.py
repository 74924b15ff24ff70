"""A figure has passed a mark: somebody is to be told, once, and no customer is written to."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Annotated, Any, ClassVar, Literal, Self

import sqlalchemy as sa
from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from runner.conditions.brought import kept
from runner.store.functions import json_object
from runner.store.tables import ACCOUNT, alarms, contacts
from runner.store.types import Instant
from runner.triggers.base import Trigger, match_columns
from runner.triggers.window import Window


def _mark(value: Any) -> Any:
    if isinstance(value, str) and re.fullmatch(r"-?\d+(\.\d+)? ?%", value.strip()):
        return float(value.strip().rstrip("% ")) / 100
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    raise ValueError(f"must be a number, or a share such as 7%, is {value!r}")


#: `7%`, `0.07` or `40`
Mark = Annotated[
    float, BeforeValidator(_mark), WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string", "pattern": "%$"}]})
]


class Kpi(Trigger):
    """Fires when a figure passes a mark and stays there, or surely has; for the account itself, not for a customer."""

    name: ClassVar[str] = "kpi"
    example: ClassVar[str] = "kpi: {key: churn_rate, above: 7%, per: month, periods: 2}"
    its_occasion: ClassVar[str] = "the period: `churn_rate 2026-10`"
    concerns_account: ClassVar[bool] = True
    silence: ClassVar[str] = "it is about the account, and no customer enters"

    #: The figure, as `regulars kpis --json` calls it.
    key: str
    #: It fires above this: `7%`, `0.07`, `40`.
    above: Mark | None = None
    #: Or below this.
    below: Mark | None = None
    #: The full periods it looks at, one after the other.
    per: Literal["week", "month", "quarter"] = "month"
    #: In so many of them in turn the figure must lie there; in one, where the whole interval does.
    periods: int = Field(2, ge=1, le=12)
    #: Whether it fires for a period that was over before the playbook first ran.
    existing: Literal["skip", "enter"] = "skip"

    @model_validator(mode="after")
    def _one_mark(self) -> Self:
        if (self.above is None) == (self.below is None):
            raise ValueError("must have one of above: and below:; write above: 7%")
        return self

    @property
    def brings(self) -> Sequence[str]:
        return ("kpi",)

    def matches(self, window: Window) -> sa.Select[Any]:
        since = window.value(lambda w: min(w.since, w.now - w.max_lateness.span), Instant())
        columns = match_columns(
            occasion=alarms.c.key + sa.literal(" ") + alarms.c.period,
            occurred_at=alarms.c.at,
            facts=json_object("kpi", kept("kpi", alarms.c)),
        )
        until = window.value(lambda w: w.now, Instant())
        raised = (alarms.c.playbook == window.playbook, alarms.c.at > since, alarms.c.at <= until)
        return sa.select(*columns).join_from(alarms, contacts, contacts.c.key == ACCOUNT).where(*raised)

    def passed(self, value: float) -> bool:
        """Whether a figure lies beyond the mark."""
        return value > self.above if self.above is not None else self.below is not None and value < self.below

    @property
    def mark(self) -> float:
        return self.above if self.above is not None else self.below or 0.0

    def says(self) -> str:
        side = "above" if self.above is not None else "below"
        return f"{self.key} lies {side} {self.mark:g} in {self.periods} {self.per}s in turn, or surely in one"

    def why(self, facts: Mapping[str, Any], anchor: date | None) -> str:
        told = facts["kpi"]
        side = "above" if self.above is not None else "below"
        return f"{told['name']} of {told['period']} is {told['told']}: {side} {told['mark_told']}"
