"""Lets time pass."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from pydantic import model_validator

from runner.actions.base import Action
from runner.duration import Span


class Wait(Action):
    """Waits a time; days are calendar days in the contact's zone."""

    name: ClassVar[str] = "wait"

    time: Span

    @model_validator(mode="before")
    @classmethod
    def _plain(cls, value: Any) -> Any:
        if isinstance(value, dict) and ({"until", "for"} & set(value)):
            raise ValueError(
                "waiting until an hour or for an event is not in this version yet; wait for a time: wait: 3 days"
            )
        if not value:
            raise ValueError("how long? write wait: 3 days")
        return value if isinstance(value, dict) else {"time": value}

    def until(self, since: datetime, zone: str) -> datetime:
        return self.time.after(since, zone)

    def says(self) -> str:
        return f"wait {self.time}"
