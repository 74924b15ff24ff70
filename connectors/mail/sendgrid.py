"""Letters go to SendGrid, up to a thousand a call, and its webhook tells what became of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from connectors.base import Mailer, MailEvent, Mailing, Outcome, Verdict
from connectors.errors import Permanent, Temporary
from connectors.limits import Caller
from connectors.loopback import is_loopback
from connectors.mail.message import check, utc_now
from connectors.mail.sendgrid_api import SYSTEM, Lost, Refused, SendGridApi
from connectors.mail.sendgrid_body import body_of
from connectors.mail.sendgrid_calls import (
    MAX_KEYS,
    MAX_LETTERS,
    MAX_SUBSTITUTION_BYTES,
    calls_of,
    check_limits,
    without_address,
)
from connectors.mail.sendgrid_events import events_in
from connectors.mail.sendgrid_lists import entries
from connectors.mail.sendgrid_settings import SendGridSettings
from connectors.mail.sendgrid_verdicts import after_refusal, all_of, anything_went, is_shared, shared, untried
from connectors.signatures import EVENTS, is_signed, public_key

#: Seconds for one call; SendGrid answers a call of a thousand letters in a few.
TIMEOUT = 60.0


class SendGridMailer(Mailer):
    """One call carries as many letters as SendGrid's limits allow; the verdict is each letter's own."""

    type = "sendgrid"
    settings_model = SendGridSettings
    batch_size = MAX_LETTERS
    calls_at_once = 4
    max_keys = MAX_KEYS
    max_substitution_bytes = MAX_SUBSTITUTION_BYTES

    def __init__(
        self,
        settings: SendGridSettings,
        *,
        workspace: Path,
        clock: Callable[[], datetime] = utc_now,
        caller: Caller | None = None,
        timeout: float = TIMEOUT,
    ) -> None:
        self._settings = settings
        self.loopback = is_loopback(urlsplit(settings.base_url).hostname)
        self.counts = "provider" if settings.tracking else None
        self._webhook_key = public_key(settings.webhook_key) if settings.webhook_key else None
        self._caller = caller or Caller(tries=4, seconds=60.0)
        self._api = SendGridApi(
            settings.api_key.get_secret_value(),
            base_url=settings.base_url,
            timeout=timeout,
            taken=200 if settings.sandbox else 202,
            direct=self.loopback,
        )

    def send(self, mailing: Mailing) -> Sequence[Outcome]:
        check(mailing, system=SYSTEM)
        check_limits(mailing)
        outcomes = without_address(mailing.letters)
        calls = deque(calls_of(mailing))
        while calls:
            call = calls.popleft()
            try:
                outcomes += self._post(call)
            except Refused as refusal:
                if is_shared(refusal, call, mailing):
                    if not anything_went(outcomes):
                        raise shared(refusal) from refusal
                    return outcomes + untried([call, *calls], refusal)
                refused, rest = after_refusal(refusal, call)
                outcomes += refused
                calls.extendleft(reversed(rest))
            except Lost as lost:
                outcomes += all_of(call, Verdict.UNSURE, reason=str(lost))
                # The next call might be lost as well: better late than in doubt.
                return outcomes + untried(calls, lost)
            except (Temporary, Permanent) as error:
                if isinstance(error, Permanent) and not anything_went(outcomes):
                    raise
                return outcomes + untried([call, *calls], error)
        return outcomes

    def verify(self, headers: Mapping[str, str], body: bytes, *, now: datetime) -> bool:
        return self._webhook_key is not None and is_signed(self._webhook_key, headers, body, now=now, tries=EVENTS)

    def events(self, body: bytes) -> Iterator[MailEvent]:
        return events_in(body)

    def suppressed(self, since: datetime | None, until: datetime) -> Iterator[MailEvent]:
        def ask(path: Sequence[str], query: Mapping[str, int]) -> Any:
            return self._caller.call(lambda: self._api.get(path, query))

        return entries(ask, since, until, self._settings.unsubscribe_group)

    def _post(self, call: Mailing) -> list[Outcome]:
        """Only what certainly was not taken is tried again: SendGrid knows no idempotency key."""
        body = body_of(call, self._settings)
        message_id = self._caller.call(lambda: self._api.post(body))
        checked = "the sandbox checked it and sent nothing" if self._settings.sandbox else None
        return all_of(call, Verdict.ACCEPTED, message_id=message_id, reason=checked)
