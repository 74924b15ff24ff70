"""Invites to recommend."""

from __future__ import annotations

from typing import ClassVar

from runner.actions.base import MailAction
from runner.yaml_types import Wording


class RequestReferral(MailAction):
    """Sends the contact a personal code to pass on."""

    name: ClassVar[str] = "request_referral"
    example: ClassVar[str] = "request_referral: {id: invite, template: email/referral}"

    subject: Wording = "Know somebody who would like us?"

    def says(self) -> str:
        return f"referral invitation {self.template}: {self.headline}"
