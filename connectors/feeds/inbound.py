"""Mail that a provider posts: SendGrid's Inbound Parse, of which the head alone is kept."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Literal, Self

import structlog
from pydantic import Field, SecretStr, field_validator, model_validator

from connectors.base import ConnectorSettings, Listener
from connectors.feeds.letters import Unanswered, records_of
from connectors.records import Record
from connectors.signatures import MAIL, is_signed, public_key

log = structlog.get_logger(__name__)
#: Stands before a kept head: when it came.
_RECEIVED = b"X-Regulars-Received: "


class InboundSettings(ConnectorSettings):
    """`{type: inbound, webhook_key: …, addresses: [support@acme.example]}`; posted to `/webhooks/NAME`."""

    type: Literal["inbound"] = "inbound"
    #: The public key of the webhook's security policy at SendGrid, which signs what it posts.
    webhook_key: str | None = None
    #: Stands in the address that the provider posts to: `https://any:PASSWORD@hello.acme.example/webhooks/NAME`.
    password: SecretStr | None = Field(None, min_length=16)
    #: Our addresses: who writes to one of them asks, who writes from one of them answers.
    addresses: tuple[str, ...] = Field(min_length=1)

    @field_validator("addresses")
    @classmethod
    def _small(cls, addresses: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(address.lower() for address in addresses)

    @field_validator("webhook_key")
    @classmethod
    def _readable(cls, key: str | None) -> str | None:
        if key:
            public_key(key)
        return key or None

    @model_validator(mode="after")
    def _knows_the_caller(self) -> Self:
        if self.webhook_key is None and self.password is None:
            raise ValueError("needs a webhook_key or a password: anybody could post mail in a customer's name")
        return self


class Inbound(Listener):
    """Mail that a provider posts to `/webhooks/NAME`, of which the head alone is kept."""

    type = "inbound"
    settings_model = InboundSettings

    def __init__(self, settings: InboundSettings) -> None:
        self._settings = settings
        self._key = public_key(settings.webhook_key) if settings.webhook_key else None

    @classmethod
    def open(cls, settings: InboundSettings, **_: object) -> Inbound:
        return cls(settings)

    def verify(self, headers: Mapping[str, str], body: bytes, *, now: datetime) -> bool:
        """Whether these bytes are signed and the password is right, whichever is set; header names are lower case."""
        if self._key is not None and not is_signed(self._key, headers, body, now=now, tries=MAIL):
            return False
        return self._settings.password is None or _knows(self._settings.password, headers)

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


def _knows(password: SecretStr, headers: Mapping[str, str]) -> bool:
    kind, _, told = headers.get("authorization", "").partition(" ")
    try:
        _, _, given = base64.b64decode(told, validate=True).partition(b":")
    except (binascii.Error, ValueError):
        return False
    return kind.lower() == "basic" and hmac.compare_digest(given, password.get_secret_value().encode())
