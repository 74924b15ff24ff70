"""Answers a request at once, in a machine's name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from runner.actions.base import MailAction

_ID = re.compile(r"<[^<>\s]{1,500}>")


class AutoReply(MailAction):
    """Says that a request has come, and when an answer may be expected; marked so that no machine answers it."""

    name: ClassVar[str] = "auto_reply"
    example: ClassVar[str] = "auto_reply: {id: received, template: email/received}"

    template: str = "email/received"
    #: The subject line, with `{{ … }}` as in templates.
    subject: str = "Re: {{ ticket.subject or 'your message' }}"
    #: It answers somebody: opt-out, caps and holdout are about other mail.
    purpose: Literal["marketing", "service"] = "service"

    def headers(self, facts: Mapping[str, Any]) -> Mapping[str, str]:
        """RFC 3834: what it is, and which mail it answers."""
        asked = str((facts.get("ticket") or {}).get("message_id") or "")
        marks = {"Auto-Submitted": "auto-replied", "X-Auto-Response-Suppress": "All"}
        return marks | ({"In-Reply-To": asked, "References": asked} if _ID.fullmatch(asked) else {})
