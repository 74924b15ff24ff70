"""One call to the mailer, and what it says of each letter in it and of those that are still to go."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.base import Mailing, Outcome, Verdict
from connectors.errors import AuthFailed, ConnectorError, Permanent, Temporary
from runner.deliver.office import Office


def hand_in(office: Office, mailing: Mailing) -> tuple[Sequence[Outcome], str | None]:
    """The mailer's verdicts, one a letter; and in words why nothing more should be tried now."""
    try:
        told = office.mailer.send(mailing)
    except Temporary as error:
        return _all(mailing, Verdict.RETURNED, error, error.retry_after), str(error)
    except Permanent as error:
        # An answer that names no letter is about the key or the address of the mailer: the letters are not to blame.
        if error.status is not None or isinstance(error, AuthFailed):
            return _all(mailing, Verdict.RETURNED, error), str(error)
        return _all(mailing, Verdict.REFUSED, error), None
    missing = {letter.send_id for letter in mailing.letters} - {outcome.send_id for outcome in told}
    unsaid = [Outcome(send_id, Verdict.UNSURE, reason="the mailer said nothing of it") for send_id in missing]
    # A call whose answer was lost stops the rest as well: better late than in doubt.
    trouble = next((o.reason for o in told if o.verdict in (Verdict.RETURNED, Verdict.UNSURE)), None)
    return [*told, *unsaid], f"{office.mailer_name}: {trouble}" if trouble else None


def _all(mailing: Mailing, verdict: Verdict, error: ConnectorError, retry_after: float | None = None) -> list[Outcome]:
    return [Outcome(letter.send_id, verdict, reason=error.words, retry_after=retry_after) for letter in mailing.letters]
