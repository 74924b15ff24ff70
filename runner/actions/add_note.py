"""Writes something down about the contact."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from runner.actions.base import Work


class AddNote(Work):
    """Keeps a note on the contact, here and in the CRM it comes from."""

    name: ClassVar[str] = "add_note"
    example: ClassVar[str] = 'add_note: {id: noted, body: "Unhappy: {{ contact.nps_score }}"}'
    kind: ClassVar[str] = "note"

    #: What is written down, with `{{ … }}` as in templates.
    body: str

    def wording(self) -> Mapping[str, Any]:
        return {"body": self.body}

    def says(self) -> str:
        return f"note: {self.body}"
