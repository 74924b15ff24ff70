"""Right before the call: whoever said no since the claim, or whose playbook was paused, gets no letter after all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa

from runner.actions import MailAction
from runner.circumstances import Circumstances, look_at, paused, people_of
from runner.decide import Decision, End, Hold, Skip, barred
from runner.deliver import ledger
from runner.deliver.claim import Batch, Claim
from runner.deliver.office import Office
from runner.deliver.outcomes import take_back
from runner.passage import passages
from runner.playbook import Playbook
from runner.steps import Step
from runner.store.tables import mailers


@dataclass
class LastLook:
    """Takes claims back, in the transaction that renews the lease of the others."""

    office: Office
    playbook: Playbook
    step: Step
    claims: Sequence[Claim]
    now: datetime
    #: What became of those that were taken back.
    batch: Batch = field(default_factory=Batch)

    def __call__(self, connection: sa.Connection) -> None:
        nos = self._paused(connection) or self._nos(connection)
        if not nos:
            return
        book = ledger.Book(self.playbook, self.step, self.now)
        taken = take_back(connection, self.office, list(nos))
        for claim in self.claims:
            if claim.send_id in taken:
                self._write(book, claim, nos[claim.send_id])
        book.write(connection, self.office.store)

    def _paused(self, connection: sa.Connection) -> dict[str, Decision]:
        """Everybody, where somebody has pulled the brake meanwhile: they go on when it is released."""
        mail = self.step.action
        assert isinstance(mail, MailAction)
        mailer = self.office.mailer_of(mail)
        found = connection.execute(_STILL, {"id": self.playbook.id, "mailer": mailer}).one()
        if not any(found):
            return {}
        words = "the playbook is paused" if found.paused else f"the mailer {mailer} is stopped"
        return {claim.send_id: Hold(claim.due.due_at, words) for claim in self.claims}

    def _nos(self, connection: sa.Connection) -> dict[str, Decision]:
        facts = self._look(connection)
        found: dict[str, Decision] = {}
        for claim in self.claims:
            decision = self._no(claim, facts[claim.due.id])
            if decision is not None:
                found[claim.send_id] = decision
        return found

    def _look(self, connection: sa.Connection) -> dict[int, Circumstances]:
        """Everybody's circumstances as they are now, by enrollment."""
        mail = self.step.action
        assert isinstance(mail, MailAction)
        due = [claim.due for claim in self.claims]
        people = people_of(connection, [one.contact_id for one in due], _BARRING)
        known = look_at(connection, self.playbook, people, topic=mail.topic, now=self.now, zones=self.office.zones)
        passed = passages(connection, self.playbook, self.step, due, self.now)
        return {one.id: known[one.contact_id]._replace(passage=passed[one.id]) for one in due}

    def _no(self, claim: Claim, facts: Circumstances) -> Decision | None:
        mail = self.step.action
        assert isinstance(mail, MailAction)
        if (no := barred(claim.due, self.playbook, mail, facts, self.office.settings)) is not None:
            return no
        if facts.address != claim.facts.address:
            return Hold(self.now, "has another address now")
        return None

    def _write(self, book: ledger.Book, claim: Claim, decision: Decision) -> None:
        match decision:
            case Hold(until=until, reason=reason):
                self.batch.held += 1
                book.hold(claim.due, until, reason)
            case Skip(reason=reason):
                self.batch.skipped += 1
                book.advance(claim.due, "skipped", reason)
            case End(reason=reason):
                self.batch.ended += 1
                book.end(claim.due, reason)


#: What of a contact may bar a letter.
_BARRING = ("id", "address", "email", "zone", "opted_out", "is_test", "deleted_at")

_STILL = sa.select(
    paused(sa.bindparam("id")).label("paused"),
    sa.exists().where(mailers.c.name == sa.bindparam("mailer"), mailers.c.stopped_at.is_not(None)).label("stopped"),
)
