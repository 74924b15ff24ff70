"""What steps do that is no mail to the contact: worded for each person of a batch, and kept with a few statements.

Tasks, notes and fields are written in the transaction that decides; messages are claimed in it and handed over after.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from connectors.hooks.addresses import is_loopback
from runner.actions import AddNote, CreateTask, Notify, UpdateContact, Webhook, Work
from runner.circumstances import MARKETING_NOES, Circumstances, Due, source_ids
from runner.decide import NOES, Decision, Do, Skip
from runner.deliver.lease import LASTS
from runner.deliver.ledger import Book
from runner.deliver.messages import is_mail, payload_of
from runner.deliver.office import Office
from runner.deliver.properties import set_fields
from runner.outbox import Told, tell
from runner.playbook import Playbook
from runner.render.failures import words
from runner.store.tables import suppressions, tasks, writes

Judged = tuple[Due, Circumstances, Decision]


@dataclass(frozen=True, slots=True)
class Handing:
    """A message that is ours to hand over."""

    write_id: str
    due: Due
    reason: str
    target: str
    payload: Mapping[str, Any]
    #: How often it has come back.
    tries: int = 0


def judged(
    office: Office, connection: sa.Connection, playbook: Playbook, work: Work, told: Sequence[Judged]
) -> list[Judged]:
    """The decisions, with what the step would do in their reasons, and without those whom nobody may or can tell."""
    bounced = _suppressed(connection, _addresses(playbook, work, told))
    found: list[Judged] = []
    for one, facts, decision in told:
        if isinstance(decision, Do):
            no = _may_not(office, playbook, work, facts, bounced)
            decision = Skip(no) if no else replace(decision, reason=_with_what(decision.reason, work))
        found.append((one, facts, decision))
    return found


def _with_what(reason: str, work: Work) -> str:
    """Why, and what is done; a task says that itself where people look for tasks."""
    return reason if isinstance(work, CreateTask) else f"{reason}; {work.says()}"


def _addresses(playbook: Playbook, work: Work, told: Sequence[Judged]) -> set[str]:
    if not isinstance(work, Notify):
        return set()
    found = (work.recipient(facts.contact["owner"], playbook.keys.owner) for _, facts, _ in told)
    return {to.lower() for to in found if to and "@" in to}


def _suppressed(connection: sa.Connection, addresses: Iterable[str]) -> dict[str, str]:
    """Addresses that no mail may go to, and why; who merely wants no marketing is told what concerns the work."""
    bound = sorted(addresses)
    if not bound:
        return {}
    s = suppressions.c
    in_force = s.address.in_(bound), s.lifted_at.is_(None), s.reason.not_in(MARKETING_NOES)
    rows = connection.execute(sa.select(s.address, s.reason, s.at).where(*in_force).order_by(s.at.desc(), s.id.desc()))
    return {row.address: f"{row.address}: {NOES[row.reason]} on {row.at:%Y-%m-%d}" for row in rows}


def _may_not(
    office: Office, playbook: Playbook, work: Work, facts: Circumstances, bounced: Mapping[str, str]
) -> str | None:
    """Why this is left out, where it is."""
    match work:
        case Webhook(url=url):
            return _rehearsed(office, url)
        case Notify():
            to = work.recipient(facts.contact["owner"], playbook.keys.owner)
            if to is None:
                return "nobody to tell: neither the contact nor the playbook has an owner with an address"
            return _no_mail(office, to.lower(), facts, bounced) if "@" in to else _rehearsed(office, to)
    return None


def _no_mail(office: Office, to: str, facts: Circumstances, bounced: Mapping[str, str]) -> str | None:
    if to == facts.address:
        return "the address to tell is the contact's own"
    only_to = office.settings.only_to()
    if only_to is not None and to not in only_to:
        return "mail.only_to: the address to tell is not among them"
    return bounced.get(to)


def _rehearsed(office: Office, target: str) -> str | None:
    hook = office.hook(target)
    if not office.hooks.loopback_only or hook is None or hook.host == "localhost" or is_loopback(hook.host):
        return None
    return "a rehearsal: no message leaves this machine"


class Works:
    """Collects what a batch of one step writes."""

    def __init__(self, office: Office, book: Book) -> None:
        self._office = office
        self._book = book
        self._wanted: list[tuple[Due, Circumstances, str, dict[str, Any]]] = []
        #: People for whom it is done with the batch's transaction.
        self.done = 0

    def take(self, one: Due, facts: Circumstances, reason: str) -> None:
        """Words it for one person; whom it cannot be worded for, the step has failed for."""
        book = self._book
        assert isinstance(book.step.action, Work)
        try:
            said = self._office.worded(book.step.action, self._office.context(one, book.playbook, facts, book.now))
        except Exception as error:  # a template may raise anything; it concerns this one person
            return book.advance(one, "failed", f"template: {words(error)}")
        self._wanted.append((one, facts, reason, said))
        return None

    def keep(self, connection: sa.Connection) -> list[Handing]:
        """Writes it all; the messages that are claimed now."""
        if not self._wanted:
            return []
        match self._book.step.action:
            case Webhook() | Notify() as message:
                return self._claim(connection, message)
            case UpdateContact():
                self._update(connection)
            case AddNote() | CreateTask() as work:
                self._write_down(connection, work)
        self.done = len(self._wanted)
        return []

    # --- messages

    def _claim(self, connection: sa.Connection, message: Webhook | Notify) -> list[Handing]:
        people = source_ids(connection, [one.contact_id for one, *_ in self._wanted])
        made = [self._handing(message, *wanted, people) for wanted in self._wanted]
        before = self._before(connection, [handing.write_id for handing in made])
        until = self._office.machine_now() + LASTS
        held = {"lease_owner": self._office.lease.owner, "lease_until": until}
        # Whatever came back goes again as it was: a receiver that has it must find nothing else under its id.
        again = [
            replace(handing, payload=row.payload, tries=row.tries)
            for handing in made
            if (row := before.get(handing.write_id)) is not None
        ]
        if again:
            connection.execute(_CLAIM_AGAIN, [{"write": handing.write_id, **held} for handing in again])
        new = [handing for handing in made if handing.write_id not in before]
        if new:
            rows = [self._row(handing.due, handing.target, handing.payload, state="claimed") for handing in new]
            connection.execute(writes.insert(), [row | held | self._known(row["target"]) for row in rows])
        for handing in (*again, *new):
            self._book.sending(handing.due)
        return [*again, *new]

    def _handing(
        self,
        message: Webhook | Notify,
        one: Due,
        facts: Circumstances,
        reason: str,
        said: dict[str, Any],
        people: Mapping[int, str],
    ) -> Handing:
        book = self._book
        target = message.url if isinstance(message, Webhook) else None
        if isinstance(message, Notify):
            target = message.recipient(facts.contact["owner"], book.playbook.keys.owner)
        assert target is not None  # `judged` has left out who cannot be told
        payload = payload_of(self._office, book, one, facts, target, said, people.get(one.contact_id, ""))
        write_id = self._office.write_id(one.id, book.step.id, message.kind, one.attempt)
        return Handing(write_id, one, reason, target, payload)

    def _before(self, connection: sa.Connection, ids: Sequence[str]) -> dict[str, Any]:
        rows = connection.execute(sa.select(writes.c.id, writes.c.payload, writes.c.tries).where(writes.c.id.in_(ids)))
        return {row.id: row for row in rows}

    def _known(self, target: str) -> dict[str, Any]:
        if is_mail(target):
            mailer = self._office.mailer
            return {"recognised": mailer.idempotent and mailer.keys_last is None}
        hook = self._office.hook(target)
        return {"recognised": hook is not None and hook.knows_ids}

    # --- what is written down

    def _update(self, connection: sa.Connection) -> None:
        """Whose values do not fit or are there already has nothing to be told to a CRM."""
        book, wanted = self._book, {one.contact_id: said["set"] for one, _, _, said in self._wanted}
        done = set_fields(connection, self._office, book, wanted)
        for one, _, reason, _ in self._wanted:
            if (fault := done.faults.get(one.contact_id)) is not None:
                book.advance(one, "failed", fault)
            else:
                book.advance(one, "done", reason, send_id=self._id(one) if one.contact_id in done.new else None)
        told = [(one, {"fields": done.new[one.contact_id]}) for one, *_ in self._wanted if one.contact_id in done.new]
        self._queue(connection, told)

    def _write_down(self, connection: sa.Connection, work: AddNote | CreateTask) -> None:
        told = [(one, said) for one, _, _, said in self._wanted]
        if isinstance(work, CreateTask):
            rows = [self._task(work, one, facts, said) for one, facts, _, said in self._wanted]
            connection.execute(self._office.store.insert(tasks).on_conflict_do_nothing(), rows)
            told = [(one, _to_do(row)) for (one, _), row in zip(told, rows, strict=True)]
        self._queue(connection, told)
        for one, _, reason, _ in self._wanted:
            self._book.advance(one, "done", reason, send_id=self._id(one))

    def _task(self, task: CreateTask, one: Due, facts: Circumstances, said: Mapping[str, Any]) -> dict[str, Any]:
        book, settings = self._book, self._office.settings
        return {
            "enrollment_id": one.id,
            "step": book.step.id,
            "contact_id": one.contact_id,
            "subject": said["subject"],
            "body": said.get("body"),
            "owner": facts.contact["owner"] or book.playbook.keys.owner,
            "priority": task.priority,
            "due_at": task.due.after(book.now, settings.timezone, settings.calendar),
            "created_at": book.now,
        }

    def _queue(self, connection: sa.Connection, told: Sequence[tuple[Due, Mapping[str, Any]]]) -> None:
        """For the CRM of each contact, which is told once this is in."""
        book = self._book
        assert isinstance(book.step.action, Work)
        kind: Any = book.step.action.kind  # one of the four that a CRM takes
        rows = [
            Told(self._id(one), one.contact_id, kind, said, one.id, book.playbook.id, book.step.id, one.attempt)
            for one, said in told
        ]
        tell(connection, self._office.store, self._office.crms, rows, book.now)

    def _id(self, one: Due) -> str:
        work = self._book.step.action
        assert isinstance(work, Work)
        return self._office.write_id(one.id, self._book.step.id, work.kind, one.attempt)

    def _row(self, one: Due, target: str | None, payload: Mapping[str, Any], *, state: str) -> dict[str, Any]:
        book = self._book
        assert isinstance(book.step.action, Work)
        return {
            "id": self._id(one),
            "enrollment_id": one.id,
            "playbook": book.playbook.id,
            "step": book.step.id,
            "attempt": one.attempt,
            "kind": book.step.action.kind,
            "target": target,
            "contact_id": one.contact_id,
            "payload": payload,
            "state": state,
            "claimed_at": book.now,
        }


def _to_do(task: Mapping[str, Any]) -> dict[str, Any]:
    """A task as a CRM is told it."""
    told = {name: task[name] for name in ("subject", "body", "owner", "priority")}
    return told | {"due_at": task["due_at"].isoformat()}


_CLAIM_AGAIN = (
    writes.update()
    .where(writes.c.id == sa.bindparam("write"))
    .values(
        state="claimed",
        lease_owner=sa.bindparam("lease_owner"),
        lease_until=sa.bindparam("lease_until"),
        handed_at=None,
        next_at=None,
    )
)
