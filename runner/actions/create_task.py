"""Gives a person something to do."""

from __future__ import annotations

from typing import ClassVar, Literal

from runner.actions.base import Action
from runner.duration import Delay, Duration


class CreateTask(Action):
    """Puts a task on the list of the contact's owner."""

    name: ClassVar[str] = "create_task"

    #: What is to be done, with `{{ … }}` as in templates.
    subject: str
    #: What else must be known.
    body: str | None = None
    #: How soon: `in 1 business hour`, `2 days`.
    due: Delay = Duration(1, "day")
    #: How urgent it is.
    priority: Literal["low", "normal", "high"] = "normal"

    def says(self) -> str:
        return f"task in {self.due}: {self.subject}"
