"""Somebody told us that they are happy."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, ClassVar, Self

import sqlalchemy as sa
from pydantic import model_validator

from connectors.scales import SCALES
from runner.triggers.answers import AnswerGiven, told

#: The lowest score that counts as high unless a playbook says another.
USUAL = {"nps": 9, "csat": 5, "ces": 6}


class HighScore(AnswerGiven):
    """Fires on every answer at or above a score; with `fallen_by`, on a fall, or on a high score that has fallen."""

    name: ClassVar[str] = "high_score"
    example: ClassVar[str] = "high_score: {kind: nps, at_least: 9}"
    its_occasion: ClassVar[str] = "the answer"

    #: The lowest score that counts as high: 9 of an NPS, 5 of a CSAT, 6 of a CES. With `fallen_by` only where given.
    at_least: float | None = None

    @model_validator(mode="after")
    def _above_the_bottom(self) -> Self:
        lowest, highest = SCALES[self.kind].ends
        if self.at_least is not None and not lowest < self.at_least <= highest:
            told = f"{self.kind} goes from {lowest} to {highest}"
            raise ValueError(f"at_least must leave somebody out: {told}, at_least is {self.at_least:g}")
        return self

    @property
    def threshold(self) -> float | None:
        return self.at_least if self.at_least is not None or self.fallen_by is not None else USUAL[self.kind]

    def speaks(self, score: Any, fallen: Any) -> Any:
        high = score >= self.threshold if self.threshold is not None else sa.true()
        return high if self.fallen_by is None else sa.and_(high, fallen >= self.fallen_by)

    def says(self) -> str:
        high = f"of at least {self.threshold:g}" if self.threshold is not None else ""
        fall = f"fallen by {self.fallen_by:g} or more" if self.fallen_by is not None else ""
        return f"{self.kind.upper()} answer {' and '.join(filter(None, (high, fall)))}"

    def why(self, facts: Mapping[str, Any], anchor: date | None) -> str:
        counts = f"at least {self.threshold:g} counts as high" if self.threshold is not None else ""
        fall = f"a fall of {self.fallen_by:g} counts" if self.fallen_by is not None else ""
        return (
            f"answered {told(facts)['score']:g} to {self.kind.upper()}{self.fell(facts)}, "
            f"{' and '.join(filter(None, (counts, fall)))}"
        )
