"""Whether a provider still knows, by its key, what it may have got: then handing it in again does no harm."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from connectors.base import Outcome, Verdict
from runner.deliver.claim import Claim
from runner.deliver.lease import LASTS
from runner.deliver.office import Office

FORGOTTEN = "it may have gone out before, and the provider has forgotten the key by which it knew it"


def knows(office: Office, name: str, since: datetime) -> bool:
    """Whether this mailer's provider recognises what it may have got then."""
    mailer = office.mailers.get(name)
    if mailer is None or not mailer.idempotent:
        return False
    # Its clock began to run during a call, of which the lease is the longest.
    return mailer.keys_last is None or office.machine_now() + LASTS < since + mailer.keys_last


def forgotten(office: Office, name: str, claims: Iterable[Claim]) -> list[Outcome]:
    """Letters that came back in doubt, and too long ago: whether they went out is for a person to say."""
    return [
        Outcome(claim.send_id, Verdict.UNSURE, reason=FORGOTTEN)
        for claim in claims
        if claim.due.doubted_at is not None and not knows(office, name, claim.due.doubted_at)
    ]
