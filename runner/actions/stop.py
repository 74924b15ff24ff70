"""Ends the playbook for this person."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import model_validator

from runner.actions.base import Action


class Stop(Action):
    """Ends the playbook here, with a reason for the log."""

    name: ClassVar[str] = "stop"
    example: ClassVar[str] = "stop: has left us for good"
    #: Has no id of its own: YAML gives the reason alone.
    id: None = None

    #: Why.
    reason: str

    @classmethod
    def written(cls, schema: dict[str, Any]) -> dict[str, Any]:
        return {"type": "string", "minLength": 1}

    @model_validator(mode="before")
    @classmethod
    def _plain(cls, value: Any) -> Any:
        if not value:
            raise ValueError("why? write stop: is a customer of the competition")
        return value if isinstance(value, dict) else {"reason": value}

    def says(self) -> str:
        return f"stop: {self.reason}"
