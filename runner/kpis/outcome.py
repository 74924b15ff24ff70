"""What people who were assigned to an arm are to do, and in which time it counts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Outcome:
    """Fixed ahead, counted from the assignment."""

    event: str
    within: timedelta

    def __str__(self) -> str:
        return f"{self.event.replace('_', ' ')} within {self.within.days} days"
