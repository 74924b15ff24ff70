"""Asks for a review."""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import Field, model_validator

from runner.actions.base import MailAction
from runner.yaml_types import Wording


class RequestReview(MailAction):
    """Asks for a review on one of the company's sites (`reviews.sites` in the settings), or on our own page (`own`).

    One address is asked once in `reviews.ask_every`, whatever the site.
    """

    name: ClassVar[str] = "request_review"
    example: ClassVar[str] = "request_review: {id: review, template: email/review, site: google}"

    #: The site's name in the settings; `own` is a page of ours for words or a video to show.
    site: str = "google"
    #: Several sites in turn, `[google, trustpilot, own]`: each person begins with another one.
    sites: tuple[str, ...] = Field((), min_length=2)
    subject: Wording = "Would you tell others?"

    @model_validator(mode="after")
    def _one_way_of_saying(self) -> Self:
        if self.sites and "site" in self.model_fields_set:
            raise ValueError("has both site and sites; write one of them")
        if twice := next((name for name in self.sites if self.sites.count(name) > 1), None):
            raise ValueError(f"has the site {twice!r} twice")
        return self

    @property
    def in_turn(self) -> tuple[str, ...]:
        """Every site that it may ask for."""
        return self.sites or (self.site,)

    @property
    def about(self) -> str | None:
        """The site where there is only one; of several it is known once somebody's turn is."""
        return None if self.sites else self.site

    def turn(self, draw: float, asked: int) -> str:
        """The site for somebody with this draw in [0, 1) who was asked so often before."""
        return self.in_turn[(int(draw * len(self.in_turn)) + asked) % len(self.in_turn)]

    def says(self) -> str:
        where = f"{', '.join(self.in_turn)} in turn" if self.sites else self.site
        return f"review request ({where}) {self.template}: {self.headline}"
