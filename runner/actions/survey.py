"""Asks for a score."""

from __future__ import annotations

from typing import ClassVar, Literal

from runner.actions.base import MailAction
from runner.duration import Duration, Span
from runner.yaml_types import NotYet


class Survey(MailAction):
    """Sends a mail whose links lead to a page that records a score and words."""

    name: ClassVar[str] = "survey"
    example: ClassVar[str] = "survey: {id: nps, kind: nps, template: email/nps, subject: One question}"

    #: `nps` 0-10, `csat` 1-5, `ces` 1-7.
    kind: Literal["nps", "csat", "ces"] = "nps"
    subject: str = "How are we doing?"
    #: Own questions instead of a kind.
    questions: NotYet = None
    #: When somebody who has not answered is asked once more.
    remind_after: NotYet = None
    #: How long it may be answered.
    close_after: Span = Duration(30, "day")

    @property
    def about(self) -> str:
        return self.kind

    def says(self) -> str:
        return f"{self.kind.upper()} survey {self.template}: {self.subject}"
