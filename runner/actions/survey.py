"""Asks for a score, a reason, or what a playbook would like to know; and once more, where nobody answered."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import PrivateAttr, model_validator

from runner.actions.base import MailAction
from runner.actions.questions import STANDARD, Questionnaire
from runner.actions.wait import Wait
from runner.duration import Duration, SomeTime, Span
from runner.yaml_types import Wording


class Survey(MailAction):
    """Sends a mail whose links lead to a page that records a score or a reason, and words."""

    name: ClassVar[str] = "survey"
    example: ClassVar[str] = "survey: {id: nps, kind: nps, template: email/nps, subject: One question}"

    #: `nps` 0-10, `csat` 1-5, `ces` 1-7, or `exit` with its reasons.
    kind: Literal["nps", "csat", "ces", "exit"] = "nps"
    subject: Wording = "How are we doing?"
    #: Questions of one's own instead of a kind: a name below `surveys:`.
    questions: str | None = None
    #: When somebody who has not answered is asked once more; steps below wait until then, or for the answer.
    remind_after: SomeTime | None = None
    #: The reminder's subject, where not the same.
    remind_subject: Wording | None = None
    #: The reminder's template, where not the same.
    remind_template: str | None = None
    #: How long it may be answered.
    close_after: Span = Duration(30, "day")

    _asks: Questionnaire | None = PrivateAttr(None)

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.questions is not None and "kind" in self.model_fields_set:
            raise ValueError("has a kind and questions; the kind belongs below surveys:, to the questions")
        if self.remind_after is None and (self.remind_subject or self.remind_template):
            raise ValueError("says how to remind, not when: add remind_after")
        if self.remind_after is not None and self.remind_after.span >= self.close_after.span:
            raise ValueError(f"reminds after {self.remind_after} of what closes after {self.close_after}")
        return self

    def asking(self, questionnaire: Questionnaire) -> Survey:
        """The same with what its name below `surveys:` stands for."""
        asks = self.model_copy()
        asks._asks = questionnaire
        return asks

    @property
    def asks(self) -> Questionnaire:
        return self._asks or STANDARD[self.kind]

    @property
    def about(self) -> str:
        return self.asks.kind or self.questions or self.kind

    @property
    def reminder(self) -> Reminder:
        """The mail to who has not answered."""
        kept = self.model_dump(by_alias=True, include={"id", "preheader", "topic", "purpose", "sender", "reply_to"})
        words = {"subject": self.remind_subject or self.subject, "template": self.remind_template or self.template}
        mail = Reminder.model_validate({**kept, **words})
        mail._about, mail._asks = self.about, self.asks
        return mail

    @property
    def patience(self) -> AnswerOrReminder:
        """The wait between the mail and its reminder."""
        return AnswerOrReminder.model_validate({"for": "answer", "at_most": self.remind_after})

    def says(self) -> str:
        return f"{self.questions or self.kind.upper()} survey {self.template}: {self.headline}"


class Reminder(MailAction):
    """Asks once more; made of a survey's `remind_after`, never written."""

    name: ClassVar[str] = "reminder"
    example: ClassVar[str] = "survey: {id: nps, kind: nps, template: email/nps, remind_after: 5 days}"

    _about: str = PrivateAttr("nps")
    _asks: Questionnaire = PrivateAttr(STANDARD["nps"])

    @property
    def about(self) -> str:
        return self._about

    @property
    def asks(self) -> Questionnaire:
        return self._asks

    def says(self) -> str:
        return f"reminder {self.template}: {self.headline}"


class AnswerOrReminder(Wait):
    """Waits for the answer until it is time to remind; not at all where nobody was asked. Never written."""
