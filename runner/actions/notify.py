"""Tells a colleague."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import field_validator

from runner.actions.base import Work
from runner.yaml_types import mail_address

#: The contact's owner, else the playbook's.
OWNER = "owner"


class Notify(Work):
    """Writes to the contact's owner, to an address or to a webhook; never to the contact, and no cap counts it."""

    name: ClassVar[str] = "notify"
    example: ClassVar[str] = 'notify: {id: tell, to: owner, subject: "At risk: {{ contact.first_name }}", body: Call}'
    kind: ClassVar[str] = "notify"

    #: `owner` (the contact's, where that is an address, else the playbook's), an address, or a webhook's name.
    to: str = OWNER
    #: What it is about, with `{{ … }}` as in templates.
    subject: str
    #: What is to be told.
    body: str

    @field_validator("to")
    @classmethod
    def _address(cls, to: str) -> str:
        return str(mail_address(to)) if "@" in to else to

    def wording(self) -> Mapping[str, Any]:
        return {"subject": self.subject, "body": self.body}

    def recipient(self, owner: str | None, playbook_owner: str | None) -> str | None:
        """The address or the webhook's name; None where there is nobody."""
        if self.to != OWNER:
            return self.to
        return next((who for who in (owner, playbook_owner) if who and "@" in who), None)

    def says(self) -> str:
        return f"tell {'the owner' if self.to == OWNER else self.to}: {self.subject}"
