"""Messages that were claimed are given to their receivers, and what these said is written down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from connectors.base import Outcome, Verdict
from runner.deliver import ledger, outcomes
from runner.deliver.messages import as_body, as_mailing, is_mail
from runner.deliver.office import Office
from runner.deliver.outcomes import Delivered
from runner.deliver.post import hand_in
from runner.deliver.works import Handing
from runner.playbook import Playbook
from runner.steps import Step
from runner.store.tables import writes

#: Messages under way before their outcomes are written, and at one time; all of them well within a lease.
SOME, AT_ONCE = 24, 8
#: How long a message that came back waits, time after time; then a day each, until it is too late.
PAUSES = (
    timedelta(seconds=5), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2), timedelta(hours=5),
    timedelta(hours=10), timedelta(hours=14), timedelta(hours=20), timedelta(days=1),
)  # fmt: skip


class Round:
    """One delivery's messages. A receiver that failed is left alone until the next one."""

    def __init__(self, office: Office) -> None:
        self._office = office
        #: Receivers that failed, and how.
        self._away: dict[str, str] = {}

    def hand_over(self, playbook: Playbook, step: Step, handings: Sequence[Handing], now: datetime) -> Delivered:
        total = Delivered()
        for start in range(0, len(handings), SOME):
            part = handings[start : start + SOME]
            ours = outcomes.renew(self._office, [handing.write_id for handing in part], writes)
            mine = [handing for handing in part if handing.write_id in ours]
            told, trouble = self._given(playbook, mine, stopped=bool(total.failures or total.refusals))
            total += write(self._office, playbook, step, mine, told, now)
            total += trouble + Delivered(troubles=tuple(self._troubles(told)))
        return total

    def _given(
        self, playbook: Playbook, mine: Sequence[Handing], *, stopped: bool
    ) -> tuple[dict[str, Outcome], Delivered]:
        """The outcomes by id, and why no mail should be tried any more."""
        told: dict[str, Outcome] = {}
        trouble = Delivered()
        for handing in (handing for handing in mine if is_mail(handing.target)):
            if stopped or trouble.failures or trouble.refusals:
                told[handing.write_id] = Outcome(handing.write_id, Verdict.RETURNED, reason=_NOT_TRIED)
                continue
            mailing = as_mailing(self._office, playbook.id, handing.write_id, handing.target, handing.payload)
            (told[handing.write_id],), failed = hand_in(self._office, mailing)
            trouble += failed
        posted = [handing for handing in mine if not is_mail(handing.target)]
        if posted:
            with ThreadPoolExecutor(min(AT_ONCE, len(posted))) as pool:
                told |= {outcome.send_id: outcome for outcome in pool.map(self._post, posted)}
        return told, trouble

    def _post(self, handing: Handing) -> Outcome:
        target = handing.target
        if target in self._away:
            return Outcome(handing.write_id, Verdict.RETURNED, reason=_NOT_TRIED)
        hook = self._office.hook(target)
        if hook is None:
            words = f"there is no webhook {target!r} in the settings any more"
            return Outcome(handing.write_id, Verdict.RETURNED, reason=words)
        body, at = as_body(handing.payload), self._office.machine_now()
        outcome = self._office.hooks.post(hook, handing.write_id, body, at=at)
        if outcome.verdict in (Verdict.RETURNED, Verdict.UNTRIED, Verdict.UNSURE):
            self._away[target] = f"webhook {target}: {outcome.reason}"
        return outcome

    def _troubles(self, told: Mapping[str, Outcome]) -> list[str]:
        return list(self._away.values()) if told else []


_NOT_TRIED = "not tried: its receiver failed a moment ago"


def write(
    office: Office,
    playbook: Playbook,
    step: Step,
    handings: Sequence[Handing],
    told: Mapping[str, Outcome],
    now: datetime,
) -> Delivered:
    """Settles each message by its verdict; what came back waits, and its enrollment with it, until it is too late."""
    if not handings:
        return Delivered()
    book = ledger.Book(playbook, step, now)
    lateness = (playbook.keys.max_lateness or office.settings.max_lateness).span
    with office.store.write() as connection:
        still_open = set(connection.scalars(_STILL_OPEN, {"ids": [handing.write_id for handing in handings]}))
        mine = [handing for handing in handings if handing.write_id in still_open]
        rows = [_settled(book, handing, told[handing.write_id], lateness) for handing in mine]
        if rows:
            connection.execute(_SETTLE, rows)
        book.write(connection, office.store)
    counts = {verdict: sum(row["verdict"] == verdict for row in rows) for verdict in Verdict}
    return Delivered(
        accepted=counts[Verdict.ACCEPTED],
        refused=counts[Verdict.REFUSED],
        returned=counts[Verdict.RETURNED] + counts[Verdict.UNTRIED],
        unsure=counts[Verdict.UNSURE],
    )


def _settled(book: ledger.Book, handing: Handing, outcome: Outcome, lateness: timedelta) -> dict[str, Any]:
    """What its row says from now on; the enrollment's way is noted in the book."""
    match outcome.verdict:
        case Verdict.ACCEPTED:
            book.advance(handing.due, "done", handing.reason, send_id=handing.write_id)
        case Verdict.REFUSED:
            book.advance(handing.due, "failed", f"refused: {outcome.reason}", send_id=handing.write_id)
        case Verdict.UNSURE:
            book.unsure(handing.due, f"nobody knows whether it arrived: {outcome.reason}", handing.write_id)
        case Verdict.RETURNED | Verdict.UNTRIED:
            return _came_back(book, handing, outcome, lateness)
    # Who is unsure waits for a person: settled it is when that one has spoken.
    return _row(outcome, str(outcome.verdict), at=None if outcome.verdict is Verdict.UNSURE else book.now)


def _came_back(book: ledger.Book, handing: Handing, outcome: Outcome, lateness: timedelta) -> dict[str, Any]:
    tries = handing.tries + (outcome.reason != _NOT_TRIED)
    pause = PAUSES[min(max(tries - 1, 0), len(PAUSES) - 1)]
    again = book.now + max(pause, timedelta(seconds=outcome.retry_after or 0))
    if again - handing.due.step_since > lateness:
        words = f"gave up after {tries} tries: {outcome.reason}"
        book.advance(handing.due, "failed", words, send_id=handing.write_id)
        given_up = Outcome(outcome.send_id, Verdict.REFUSED, reason=words)
        return _row(given_up, "refused", at=book.now, tries=tries)
    book.hold(handing.due, again, f"came back: {outcome.reason}")
    return _row(outcome, "waiting", tries=tries, next_at=again)


def _row(
    outcome: Outcome,
    state: str,
    *,
    at: datetime | None = None,
    tries: int | None = None,
    next_at: datetime | None = None,
) -> dict[str, Any]:
    return {
        "write": outcome.send_id,
        "to_state": state,
        "at": at,
        "tried": tries,
        "again": next_at,
        "why": outcome.reason,
        "verdict": outcome.verdict,
    }


#: Claimed; or, where our call took longer than its lease, swept up by somebody else meanwhile.
_OPEN = ("claimed", "unsure", "waiting")
_STILL_OPEN = (
    sa.select(writes.c.id)
    .where(writes.c.id.in_(sa.bindparam("ids", expanding=True)), writes.c.state.in_(_OPEN))
    .with_for_update()
)
_SETTLE = (
    writes.update()
    .where(writes.c.id == sa.bindparam("write"))
    .values(
        state=sa.bindparam("to_state"),
        settled_at=sa.bindparam("at"),
        tries=sa.func.coalesce(sa.bindparam("tried", type_=sa.Integer()), writes.c.tries),
        next_at=sa.bindparam("again"),
        reason=sa.bindparam("why"),
        lease_owner=None,
        lease_until=None,
    )
)
