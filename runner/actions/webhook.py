"""Tells another system."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field, field_validator

from runner.actions.base import Work
from runner.yaml_types import web_address


class Webhook(Work):
    """Posts JSON to an address, signed as Standard Webhooks says and tried again until it is taken."""

    name: ClassVar[str] = "webhook"
    example: ClassVar[str] = 'webhook: {id: told, url: "https://crm.acme.example/in", body: {level: gold}}'
    kind: ClassVar[str] = "webhook"
    keeps_types: ClassVar[bool] = True

    #: A name from `webhooks:` in the settings, or an https address.
    url: str
    #: What it carries besides the contact: keys with values; texts with `{{ … }}` as in templates.
    body: Mapping[str, Any] = Field(default_factory=dict)

    @field_validator("url")
    @classmethod
    def _https(cls, url: str) -> str:
        if "/" not in url and ":" not in url:
            return url
        if not web_address(url).startswith("https://"):
            raise ValueError(f"must be https, is {url!r}; http is for webhooks: in the settings")
        return url

    @property
    def is_address(self) -> bool:
        return self.url.startswith("https://")

    def wording(self) -> Mapping[str, Any]:
        return {"body": self.body}

    def says(self) -> str:
        return f"webhook to {self.url}"
