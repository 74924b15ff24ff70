"""What `regulars.yaml` says of SendGrid."""

from __future__ import annotations

import re
from typing import Literal
from urllib.parse import urlsplit

from pydantic import ConfigDict, SecretStr, field_validator

from connectors.base import ConnectorSettings
from connectors.loopback import is_loopback
from connectors.signatures import public_key


class SendGridSettings(ConnectorSettings):
    """`webhook_key`: the verification key of the event webhook; `base_url`: another for EU subusers."""

    # A fault's message shows no input: it may be the key.
    model_config = ConfigDict(hide_input_in_errors=True)

    type: Literal["sendgrid"] = "sendgrid"
    api_key: SecretStr
    base_url: str = "https://api.sendgrid.com"
    webhook_key: str | None = None
    #: SendGrid checks the mails and sends none.
    sandbox: bool = False
    #: The suppression group whose unsubscribes SendGrid respects.
    unsubscribe_group: int | None = None
    #: Whether SendGrid counts opens and clicks.
    tracking: bool = True

    @field_validator("api_key")
    @classmethod
    def _key_that_a_header_can_carry(cls, key: SecretStr) -> SecretStr:
        plain = key.get_secret_value().strip()
        if not re.fullmatch(r"[!-~]+", plain):
            raise ValueError("must be SendGrid's API key, which has no spaces and only plain characters")
        return SecretStr(plain)

    @field_validator("base_url")
    @classmethod
    def _safe_for_the_key(cls, url: str) -> str:
        if (parts := urlsplit(url)).scheme != "https" and not is_loopback(parts.hostname):
            raise ValueError("must begin with https://, since the API key travels with every call")
        return url.rstrip("/")

    @field_validator("webhook_key")
    @classmethod
    def _readable(cls, key: str | None) -> str | None:
        if not key:
            return None
        public_key(key)
        return key
