"""What the mailer said, written down: the send's state, where its enrollment goes, and the log."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from connectors.base import Outcome, Verdict
from runner.circumstances import Due
from runner.deliver import ledger
from runner.deliver.claim import Claim
from runner.deliver.lease import LASTS
from runner.deliver.office import Office
from runner.playbook import Playbook
from runner.render import Group
from runner.steps import Step
from runner.store.functions import texts_in
from runner.store.many import Many
from runner.store.tables import sends, skeletons, writes


@dataclass(frozen=True, slots=True)
class Delivered:
    """What a delivery did."""

    accepted: int = 0
    refused: int = 0
    returned: int = 0
    unsure: int = 0
    done: int = 0
    held: int = 0
    skipped: int = 0
    ended: int = 0
    #: Mailer errors in words, each once: nothing more is handed in for now.
    failures: tuple[str, ...] = ()
    #: Mailings that were refused as a whole, in words: nothing more of their step is handed in for now.
    refusals: tuple[str, ...] = ()
    #: Receivers of webhooks that failed, in words: they keep nobody else waiting.
    troubles: tuple[str, ...] = ()
    #: What waits for a person, in words.
    waiting: tuple[str, ...] = ()

    def __add__(self, other: Delivered) -> Delivered:
        told = {f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(self)}
        once = {name: tuple(dict.fromkeys(told[name])) for name in ("failures", "refusals", "troubles", "waiting")}
        return Delivered(**{**told, **once})


#: When a letter that came back is tried again where nobody said.
RETRY = timedelta(minutes=5)
#: What the log says of a send whose event came before the mailer's own word.
PROVED = "accepted: the provider told of it"
#: Past this tick, and before the next one.
SOON = timedelta(seconds=30)
#: And how long it waits at the most.
LONGEST = timedelta(hours=1)


def renew(
    office: Office,
    ids: Sequence[str],
    table: sa.Table = sends,
    *,
    look: Callable[[sa.Connection], object] = lambda _: None,
) -> set[str]:
    """Takes the lease anew right before the call; what somebody else has swept meanwhile is not ours any more.

    From here on nobody knows whether it goes out; whoever dies before has certainly sent nothing. `look` is the last
    chance to take some back.
    """
    if not ids:
        return set()
    at = office.machine_now()
    mine = {"ids": json.dumps(list(ids)), "owner": office.lease.owner}
    with office.store.write() as connection:
        look(connection)
        return set(connection.scalars(_RENEWING[table.name], {**mine, "at": at, "until": at + LASTS}))


def _renewing(table: sa.Table) -> Any:
    ours = (
        table.c.id.in_(texts_in(sa.bindparam("ids", type_=sa.Text()))),
        table.c.state == "claimed",
        table.c.lease_owner == sa.bindparam("owner"),
    )
    renewed: dict[str, Any] = {"handed_at": sa.bindparam("at"), "lease_until": sa.bindparam("until")}
    return table.update().where(*ours).values(renewed).returning(table.c.id)


_RENEWING = {table.name: _renewing(table) for table in (sends, writes)}


def write(
    office: Office,
    playbook: Playbook,
    step: Step,
    claims: Mapping[str, Claim],
    told: Sequence[Outcome],
    now: datetime,
    *,
    group: Group | None = None,
) -> Delivered:
    """Settles each letter by its verdict; a rejected one concerns that one only."""
    book = ledger.Book(playbook, step, now)
    settled: list[dict[str, Any]] = []
    back: dict[str, Outcome] = {}
    texts = dict(group.letters) if group else {}
    for outcome in told:
        claim = claims[outcome.send_id]
        match outcome.verdict:
            case Verdict.ACCEPTED:
                book.advance(claim.due, "done", claim.reason, send_id=claim.send_id)
            case Verdict.REFUSED:
                book.advance(claim.due, "failed", f"refused: {outcome.reason}", send_id=claim.send_id)
            case Verdict.UNSURE:
                book.unsure(claim.due, f"nobody knows whether it went out: {outcome.reason}", claim.send_id)
            case Verdict.RETURNED | Verdict.UNTRIED:
                back[claim.send_id] = outcome
                continue
        settled.append(_settled(outcome, now, group, texts))
    with office.store.write() as connection:
        skeleton = _keep_skeleton(office, connection, group, now) if group and settled else None
        if settled:
            _SETTLE(connection, [row | {"in_skeleton": skeleton} for row in settled])
        if back:
            taken = take_back(connection, office, list(back))
            for id in taken:
                due, outcome = claims[id].due, back[id]
                doubted_at = office.machine_now() if outcome.doubted else None
                again = now + _pause(outcome, due, now)
                book.hold(due, again, f"came back: {outcome.reason}", doubted_at=doubted_at)
            proved = accepted(connection, [id for id in back if id not in taken])
            for id in proved:
                book.advance(claims[id].due, "done", PROVED, send_id=id)
        book.write(connection, office.store)
    counts = {verdict: sum(o.verdict is verdict for o in told) for verdict in Verdict}
    return Delivered(
        accepted=counts[Verdict.ACCEPTED],
        refused=counts[Verdict.REFUSED],
        returned=counts[Verdict.RETURNED] + counts[Verdict.UNTRIED],
        unsure=counts[Verdict.UNSURE],
    )


def keep_back(
    office: Office,
    playbook: Playbook,
    step: Step,
    claims: Mapping[str, Claim],
    why: Mapping[str, str],
    now: datetime,
) -> None:
    """Letters that cannot be made yet wait for the next tick, each with its reason."""
    if not why:
        return
    book = ledger.Book(playbook, step, now)
    with office.store.write() as connection:
        for id in take_back(connection, office, list(why)):
            book.hold(claims[id].due, now + SOON, why[id])
        book.write(connection, office.store)


def take_back(connection: sa.Connection, office: Office, ids: Sequence[str]) -> set[str]:
    """Deletes claims of which certainly nothing went out; those that were still there to delete."""
    return set(connection.scalars(_TAKE_BACK, {"ids": json.dumps(list(ids)), "owner": office.lease.owner}))


def accepted(connection: sa.Connection, ids: Sequence[str]) -> set[str]:
    """Those that an event has proved meanwhile, whatever the mailer said."""
    return set(connection.scalars(_ACCEPTED, {"ids": json.dumps(list(ids))}))


def _pause(outcome: Outcome, due: Due, now: datetime) -> timedelta:
    """How long a letter waits until it is tried again. One that itself came back waits longer every time."""
    if outcome.retry_after:
        return timedelta(seconds=max(60, outcome.retry_after))
    if outcome.verdict is Verdict.UNTRIED:
        return RETRY
    return min(max(now - due.step_since, RETRY), LONGEST)


#: Claimed; or, where our call took longer than its lease, swept up by somebody else meanwhile.
_OPEN = ("claimed", "unsure")

_THESE = sends.c.id.in_(texts_in(sa.bindparam("ids", type_=sa.Text())))
#: Not what another process has swept and claimed again since.
_TAKE_BACK = (
    sends.delete()
    .where(
        _THESE,
        sa.or_(
            sends.c.state == "unsure",
            sa.and_(sends.c.state == "claimed", sends.c.lease_owner == sa.bindparam("owner")),
        ),
    )
    .returning(sends.c.id)
)
_ACCEPTED = sa.select(sends.c.id).where(_THESE, sends.c.state == "accepted")

_SETTLE = Many(
    sends.update()
    .where(sends.c.id == sa.bindparam("send"), sa.or_(*(sends.c.state == state for state in (*_OPEN, "accepted"))))
    .values(
        # An event may have proved it meanwhile.
        state=sa.case((sends.c.state == "accepted", sends.c.state), else_=sa.bindparam("to_state")),
        settled_at=sa.bindparam("at"),
        reason=sa.bindparam("why"),
        message_id=sa.bindparam("message"),
        skeleton=sa.bindparam("in_skeleton"),
        texts=sa.bindparam("own_texts"),
        template_hash=sa.bindparam("template"),
        lease_owner=None,
        lease_until=None,
    )
)


def _settled(
    outcome: Outcome, now: datetime, group: Group | None, texts: Mapping[str, Mapping[str, str]]
) -> dict[str, Any]:
    return {
        "send": outcome.send_id,
        "to_state": str(outcome.verdict),
        "at": None if outcome.verdict is Verdict.UNSURE else now,
        "why": outcome.reason,
        "message": outcome.message_id,
        "own_texts": dict(texts.get(outcome.send_id, {})),
        "template": group.template_hash if group else None,
    }


def _keep_skeleton(office: Office, connection: sa.Connection, group: Group, now: datetime) -> str:
    """The shared text, kept once; the hash by which a send names it."""
    digest = hashlib.sha256("\0".join((group.subject, group.html, group.text)).encode()).hexdigest()[:32]
    connection.execute(
        office.store.insert(skeletons)
        .values(hash=digest, subject=group.subject, html=group.html, text=group.text, at=now)
        .on_conflict_do_nothing()
    )
    return digest
