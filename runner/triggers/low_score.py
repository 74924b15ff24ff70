"""Somebody told us that they are not happy."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, ClassVar, Self

import sqlalchemy as sa
from pydantic import model_validator

from connectors.scales import SCALES
from runner.triggers.answers import AnswerGiven, told

#: The highest score that counts as low unless a playbook says another.
USUAL = {"nps": 6, "csat": 2, "ces": 3}


class LowScore(AnswerGiven):
    """Fires on every answer at or below a score, or so much lower than the person's last one."""

    name: ClassVar[str] = "low_score"
    example: ClassVar[str] = "low_score: {kind: nps, at_most: 6}"
    its_occasion: ClassVar[str] = "the answer"

    #: The highest score that counts as low: 6 of an NPS, 2 of a CSAT, 3 of a CES. With `fallen_by` only where given.
    at_most: float | None = None

    @model_validator(mode="after")
    def _below_the_top(self) -> Self:
        lowest, highest = SCALES[self.kind].ends
        if self.at_most is not None and not lowest <= self.at_most < highest:
            told = f"{self.kind} goes from {lowest} to {highest}"
            raise ValueError(f"at_most must leave somebody out: {told}, at_most is {self.at_most:g}")
        return self

    @property
    def threshold(self) -> float | None:
        return self.at_most if self.at_most is not None or self.fallen_by is not None else USUAL[self.kind]

    def speaks(self, score: Any, fallen: Any) -> Any:
        low = score <= self.threshold if self.threshold is not None else sa.false()
        return low if self.fallen_by is None else sa.or_(low, fallen >= self.fallen_by)

    def says(self) -> str:
        low = f"of at most {self.threshold:g}" if self.threshold is not None else ""
        fall = f"fallen by {self.fallen_by:g} or more" if self.fallen_by is not None else ""
        return f"{self.kind.upper()} answer {' or '.join(filter(None, (low, fall)))}"

    def why(self, facts: Mapping[str, Any], anchor: date | None) -> str:
        score = told(facts)["score"]
        if self.threshold is not None and score <= self.threshold:
            counts = f"at most {self.threshold:g} counts as low"
        else:
            counts = f"a fall of {self.fallen_by:g} counts"
        return f"answered {score:g} to {self.kind.upper()}{self.fell(facts)}, {counts}"
