"""Mail that a provider posts: SendGrid's Inbound Parse, of which the head alone is kept."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Literal

import structlog
from pydantic import Field, SecretStr, field_validator

from connectors.base import ConnectorSettings, Listener
from connectors.feeds.letters import Unanswered, records_of
from connectors.records import Record

log = structlog.get_logger(__name__)
#: Stands before a kept head: when it came.
_RECEIVED = b"X-Regulars-Received: "


class InboundSettings(ConnectorSettings):
    """`{type: inbound, password: …, addresses: [support@acme.example]}`; posted to `/webhooks/NAME`."""

    type: Literal["inbound"] = "inbound"
    #: Stands in the address that the provider posts to: `https://any:PASSWORD@hello.acme.example/webhooks/NAME`.
    password: SecretStr = Field(min_length=16)
    #: Our addresses: who writes to one of them asks, who writes from one of them answers.
    addresses: tuple[str, ...] = Field(min_length=1)

    @field_validator("addresses")
    @classmethod
    def _small(cls, addresses: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(address.lower() for address in addresses)


class Inbound(Listener):
    """Mail that a provider posts to `/webhooks/NAME`, of which the head alone is kept."""

    type = "inbound"
    settings_model = InboundSettings

    def __init__(self, settings: InboundSettings) -> None:
        self._settings = settings

    @classmethod
    def open(cls, settings: InboundSettings, **_: object) -> Inbound:
        return cls(settings)

    def verify(self, headers: Mapping[str, str]) -> bool:
        """Whether the caller knows the password; header names are lower case."""
        kind, _, told = headers.get("authorization", "").partition(" ")
        try:
            _, _, password = base64.b64decode(told, validate=True).partition(b":")
        except (binascii.Error, ValueError):
            return False
        return kind.lower() == "basic" and hmac.compare_digest(
            password, self._settings.password.get_secret_value().encode()
        )

    def body(self, form: Mapping[str, str], now: datetime) -> bytes | None:
        """What is kept of a post: the mail's head, with when it came; None where there is none in it."""
        head = form.get("headers") or form.get("email", "").replace("\r\n", "\n").partition("\n\n")[0]
        if not head.strip():
            return None
        return _RECEIVED + now.isoformat().encode() + b"\n" + head.strip().encode("utf-8", "replace") + b"\n\n"

    def records(self, body: bytes, *, customers: str) -> Iterator[Record]:
        first, _, head = body.partition(b"\n")
        if not first.startswith(_RECEIVED):
            raise ValueError("is no mail's head")
        received = datetime.fromisoformat(first.removeprefix(_RECEIVED).decode()).astimezone(UTC)
        told = records_of(head, self._settings.addresses, received)
        if isinstance(told, Unanswered):
            log.info("a mail asks nothing of anybody", action="inbound", reason=told.reason)
            return
        yield from told
