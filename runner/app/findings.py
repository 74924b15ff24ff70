"""What `doctor` says of one thing it has looked at."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Health(StrEnum):
    OK = "ok"
    WARNING = "warning"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at."""

    name: str
    status: Health
    message: str
    #: One of findings of a kind that may be thousands: a terminal shows the first of them.
    one_of_many: bool = False
