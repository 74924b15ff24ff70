"""Gives a person something to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from runner.actions.base import Work
from runner.duration import Delay, Duration


class CreateTask(Work):
    """Puts a task on the list of the contact's owner, here and in the CRM that the contact comes from."""

    name: ClassVar[str] = "create_task"
    example: ClassVar[str] = 'create_task: {id: call, subject: "Call {{ contact.first_name }}", due: 1 business hour}'
    kind: ClassVar[str] = "task"

    #: What is to be done, with `{{ … }}` as in templates.
    subject: str
    #: What else must be known.
    body: str | None = None
    #: How soon: `in 1 business hour`, `2 days`.
    due: Delay = Duration(1, "day")
    #: How urgent it is.
    priority: Literal["low", "normal", "high"] = "normal"

    def wording(self) -> Mapping[str, Any]:
        return {"subject": self.subject} | ({"body": self.body} if self.body else {})

    def says(self) -> str:
        return f"task in {self.due}: {self.subject}"
