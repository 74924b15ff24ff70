"""SendGrid's answer to a call becomes a verdict on each of its letters, and what may still be tried."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from connectors.base import Mailing, Outcome, Verdict
from connectors.errors import ConnectorError, SharedFault, Temporary
from connectors.mail.sendgrid_api import SYSTEM, Refused
from connectors.mail.sendgrid_calls import halves

#: A refusal that names one of these is about the mailing, not about one of its letters.
SHARED_FIELDS = frozenset(
    {"from", "reply_to", "subject", "content", "categories", "attachments", "asm", "tracking_settings", "mail_settings"}
)


def is_shared(refusal: Refused, call: Mailing, mailing: Mailing) -> bool:
    """Whether it is about what all letters have in common; a letter written out has words of its own."""
    fields = {(complaint.field or "").partition(".")[0] for complaint in refusal.complaints} & SHARED_FIELDS
    own = (call.subject, call.html, call.text) != (mailing.subject, mailing.html, mailing.text)
    return bool(fields - {"subject", "content"} if own else fields)


def shared(refusal: Refused) -> SharedFault:
    return SharedFault(refusal.words, system=SYSTEM, request=refusal.request, status=refusal.status)


def after_refusal(refusal: Refused, call: Mailing) -> tuple[list[Outcome], list[Mailing]]:
    """The letters that were refused for good, and the calls that may carry the others."""
    if len(call.letters) == 1:
        return all_of(call, Verdict.REFUSED, reason=str(refusal)), []
    named = _named(refusal, len(call.letters))
    if not named:
        return [], halves(call)
    refused = [
        Outcome(call.letters[number].send_id, Verdict.REFUSED, reason=f"{SYSTEM}: {refusal.status} {words}")
        for number, words in named.items()
    ]
    others = [letter for number, letter in enumerate(call.letters) if number not in named]
    return refused, [replace(call, letters=others)] if others else []


def _named(refusal: Refused, letters: int) -> dict[int, str]:
    """The letters that SendGrid's errors point at (`personalizations.3.to.0.email`), each with its words."""
    named: dict[int, str] = {}
    for complaint in refusal.complaints:
        found = re.match(r"personalizations[.\[](\d+)", complaint.field or "")
        if found and int(found[1]) < letters:
            named.setdefault(int(found[1]), complaint.words)
    return named


def all_of(
    call: Mailing,
    verdict: Verdict,
    *,
    message_id: str | None = None,
    reason: str | None = None,
    retry_after: float | None = None,
) -> list[Outcome]:
    """The same verdict on every letter of the call."""
    return [Outcome(letter.send_id, verdict, message_id, reason, retry_after) for letter in call.letters]


def untried(calls: Iterable[Mailing], error: ConnectorError) -> list[Outcome]:
    """The letters of calls that did not go out, or that were certainly not taken."""
    after = error.retry_after if isinstance(error, Temporary) else None
    return [
        outcome for call in calls for outcome in all_of(call, Verdict.UNTRIED, reason=str(error), retry_after=after)
    ]


def anything_went(outcomes: Sequence[Outcome]) -> bool:
    return any(outcome.verdict in (Verdict.ACCEPTED, Verdict.UNSURE) for outcome in outcomes)
