"""A mailer whose provider knows idempotency keys promises what every mailer does."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator

import pytest

from connectors.base import Mailer
from tests.connectors.test_mailer_contract import Delivered, MailerContract
from tests.loopback.keyed import KeyedMailer, provider


class TestKeyedMailer(MailerContract):
    @pytest.fixture
    def mailer(self) -> Iterator[Mailer]:
        with provider() as self._there:
            yield KeyedMailer(self._there.url)

    def delivered(self) -> list[Delivered]:
        return [
            Delivered(**letter | {"files": {name: b64decode(file) for name, file in letter["files"].items()}})
            for letter in self._there.sent.values()
        ]
