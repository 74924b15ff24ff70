"""What customers are expected to bring in the year ahead, as it was reckoned and kept: one row each Monday.

So the figure of a past day is the one that was told then.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa

from runner import clock
from runner.kpis.asked import Asked
from runner.store.tables import meta

#: Days ahead.
YEAR_AHEAD = 365
#: The back-test may miss the sum by so much; and how often and how dear may go together so much.
OFF_BY, MOST_ALIKE = 0.25, 0.3
_KEY = "worth "


@dataclass(frozen=True, slots=True)
class WorthProof:
    """What was expected one morning against what came, of all who had ordered before it."""

    on: str
    days: int
    n: int
    #: In the account's currency.
    expected: float
    came: float
    #: How much of the differences between customers was told: 1 all, 0 what one mean for everybody would have.
    told_apart: float
    #: The share of what came that the tenth with the highest values brought.
    top_tenth: float

    @property
    def off_by(self) -> float:
        """By how much of what came the sum was missed; above 0: too much was expected."""
        return self.expected / self.came - 1 if self.came else float("inf")

    @property
    def holds(self) -> bool:
        return self.told_apart > 0 and abs(self.off_by) <= OFF_BY


@dataclass(frozen=True, slots=True)
class Worth:
    """Revenue of a customer in the year ahead, discounted, before any margin."""

    day: str
    customers: int
    #: None where the model is not in force.
    mean: float | None
    #: Why it is or is not, as a sentence.
    why: str
    orders: Mapping[str, float] | None = None
    values: Mapping[str, float] | None = None
    proof: WorthProof | None = None

    def document(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Worth:
        proof = document["proof"]
        return cls(**{**document, "proof": proof and WorthProof(**proof)})


def key_of(day: date) -> str:
    """Under which name `meta` keeps it."""
    return f"{_KEY}{day}"


def worth(asked: Asked) -> Worth | None:
    """The latest that was kept by the period's end; None where none was yet."""
    day = min(asked.last_instant, clock.local(asked.as_of, asked.zone).date())
    kept = sa.select(meta.c.value).where(meta.c.key > _KEY, meta.c.key <= key_of(day)).order_by(meta.c.key.desc())
    found = asked.connection.scalar(kept.limit(1))
    return Worth.read(found) if found else None
