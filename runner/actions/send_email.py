"""Writes a mail."""

from __future__ import annotations

from typing import ClassVar

from runner.actions.base import MailAction


class SendEmail(MailAction):
    """Sends the template to the contact."""

    name: ClassVar[str] = "send_email"
    example: ClassVar[str] = "send_email: {id: thanks, template: email/anniversary, subject: Thank you}"
