"""One call to the mailer: what it says of each letter in it, and why nothing more should be tried now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from connectors.base import Mailing, Outcome, Verdict
from connectors.errors import AuthFailed, ConnectorError, Permanent, SharedFault, Temporary
from runner.deliver.office import Office
from runner.deliver.outcomes import Delivered

#: So many letters of which all come back are no coincidence.
MANY = 10


def hand_in(office: Office, mailing: Mailing, mailer: str | None = None) -> tuple[Sequence[Outcome], Delivered]:
    """The mailer's verdicts, one a letter; and what failed: the mailer, or what the letters of this mailing share.

    `mailer` is another than the account's own.
    """
    name = mailer or office.mailer_name
    try:
        told = office.mailers[name].send(mailing)
    except SharedFault as error:
        return _all(mailing, Verdict.RETURNED, error), Delivered(refusals=(str(error),))
    except Temporary as error:
        return _all(mailing, Verdict.UNTRIED, error, error.retry_after), Delivered(failures=(str(error),))
    except Permanent as error:
        # An answer that names no letter is about the key or the address of the mailer: the letters are not to blame.
        if error.status is not None or isinstance(error, AuthFailed):
            return _all(mailing, Verdict.UNTRIED, error), Delivered(failures=(str(error),))
        return _all(mailing, Verdict.REFUSED, error), Delivered()
    missing = {letter.send_id for letter in mailing.letters} - {outcome.send_id for outcome in told}
    told = [*told, *(Outcome(send_id, Verdict.UNSURE, reason="the mailer said nothing of it") for send_id in missing)]
    if office.mailers[name].idempotent:
        told = [_again(outcome) for outcome in told]
    trouble = _trouble(told)
    return told, Delivered(failures=(f"{name}: {trouble}",) if trouble else ())


def _again(outcome: Outcome) -> Outcome:
    """Where the provider takes once what it gets twice, a lost answer leaves nothing in doubt: it is asked again."""
    if outcome.verdict is not Verdict.UNSURE:
        return outcome
    reason = f"{outcome.reason}; it is handed in again under the same id, by which the provider knows it"
    return replace(outcome, verdict=Verdict.UNTRIED, reason=reason, doubted=True)


def _trouble(told: Sequence[Outcome]) -> str | None:
    """Why nothing more should be tried now; a letter that comes back is no trouble of the mailer's, very many are."""
    # A call whose answer was lost stops the rest as well: better late than in doubt.
    for outcome in told:
        if outcome.verdict in (Verdict.UNTRIED, Verdict.UNSURE):
            return outcome.reason
    came_back = len(told) >= MANY and all(outcome.verdict is Verdict.RETURNED for outcome in told)
    return f"all {len(told)} letters came back: {told[0].reason}" if came_back else None


def _all(mailing: Mailing, verdict: Verdict, error: ConnectorError, retry_after: float | None = None) -> list[Outcome]:
    return [Outcome(letter.send_id, verdict, reason=error.words, retry_after=retry_after) for letter in mailing.letters]
