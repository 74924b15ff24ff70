"""Asks for a review."""

from __future__ import annotations

from typing import ClassVar

from runner.actions.base import MailAction
from runner.yaml_types import NotYet


class RequestReview(MailAction):
    """Asks for a review on one of the company's sites (`reviews.sites` in the settings)."""

    name: ClassVar[str] = "request_review"
    example: ClassVar[str] = "request_review: {id: review, template: email/review, site: google}"

    #: The site's name in the settings.
    site: str = "google"
    #: Several sites in turn.
    sites: NotYet = None
    subject: str = "Would you tell others?"

    @property
    def about(self) -> str:
        return self.site

    def says(self) -> str:
        return f"review request ({self.site}) {self.template}: {self.subject}"
