"""A small world to try playbooks in: people, orders and answers, playbooks as YAML, a clock that is moved by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from textwrap import dedent
from typing import Any, ClassVar

import sqlalchemy as sa

from connectors.base import ConnectorSettings, Mailer, Mailing, Outcome, Verdict
from connectors.records import Company, Contact, FieldType, Order, Record, Survey
from runner.app import App
from runner.app.check import Checked, check
from runner.app.looking import explained, planned
from runner.app.tick import Ticked, tick
from runner.explain import Explained
from runner.log import LogRow, rows
from runner.store import Store
from runner.store.tables import contacts, enrollments, sends
from tests.sync.saying import hear

SETTINGS = """\
store: {store}
timezone: UTC
public_url: https://hello.acme.example
secret: a secret of some length
sender: {{name: Acme, email: hello@acme.example, address: "1 Main St"}}
mail: {{type: outbox}}
"""
TEMPLATE = "<p>Dear {{ contact.first_name or 'you' }}</p>{{ unsubscribe() }} {{ sender.address }}"
#: A step for playbooks whose step does not matter.
HELLO = "  - send_email: {id: hello, template: email/hello, subject: Hello}\n"


def utc(text: str) -> datetime:
    """`2026-03-01 09:00` in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Got:
    """A letter that the mailer took: to whom, from which step of which playbook, when."""

    who: str
    playbook: str
    step: str
    at: datetime


class Postbox(Mailer):
    """Takes every letter, or does with a mailing what `answers` says."""

    type: ClassVar[str] = "outbox"
    settings_model = ConnectorSettings
    batch_size = 1000
    real = False

    def __init__(self, answers: Callable[[Mailing], Sequence[Outcome]] | None = None, *, idempotent: bool = False):
        self.answers = answers
        self.idempotent = idempotent  # type: ignore[misc]
        self.mailings: list[Mailing] = []

    def send(self, mailing: Mailing) -> Sequence[Outcome]:
        self.mailings.append(mailing)
        if self.answers is not None:
            return self.answers(mailing)
        return all_of(mailing, Verdict.ACCEPTED)

    @property
    def addresses(self) -> list[str]:
        """Whom letters were handed in for, in turn; somebody twice is there twice."""
        return [letter.to.email for mailing in self.mailings for letter in mailing.letters]


def all_of(mailing: Mailing, verdict: Verdict, reason: str | None = None) -> list[Outcome]:
    return [Outcome(letter.send_id, verdict, reason=reason) for letter in mailing.letters]


class World:
    """A workspace whose store, clock and mailer are at hand."""

    def __init__(self, folder: Path, url: str, settings: str = "") -> None:
        self.folder = folder / "workspace"
        self.now = utc("2026-01-01 00:00")
        self.write("regulars.yaml", SETTINGS.format(store=url) + dedent(settings))
        self.write("templates/email/hello.html", TEMPLATE)
        self.write("templates/email/ask.html", f"{TEMPLATE} {{{{ survey() }}}}")
        (self.folder / "playbooks").mkdir(exist_ok=True)
        self.app = self._open()
        self.mailer = Postbox()

    def _open(self) -> App:
        return App(self.folder, environment={}, now=lambda: self.now)

    def close(self) -> None:
        self.app.close()

    def reopen(self) -> None:
        """As when the process ends and another one starts."""
        mailer = self._mailer
        self.app.close()
        self.app = self._open()
        self.mailer = mailer

    @property
    def mailer(self) -> Postbox:
        return self._mailer

    @mailer.setter
    def mailer(self, mailer: Postbox) -> None:
        self._mailer = self.app.__dict__["mailer"] = mailer

    @property
    def store(self) -> Store:
        return self.app.store

    # --- what people write

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def playbook(self, id: str, text: str) -> None:
        """A playbook; without `actions:` it says hello."""
        text = dedent(text)
        more = "" if "actions:" in text else f"actions:\n{HELLO}"
        self.write(f"playbooks/{id}.yaml", f"name: {id}\n{text}\n{more}")

    def delete(self, id: str) -> None:
        (self.folder / f"playbooks/{id}.yaml").unlink()

    def check(self) -> Checked:
        return check(self.app)

    # --- what connectors tell

    def person(self, id: str, **told: Any) -> str:
        """Somebody who wants to be written to at `ID@x.example`, unless told otherwise."""
        told = {"email": f"{id}@x.example", "timezone": "UTC", "created_at": utc("2020-01-01"), **told}
        self.hear(Contact(contact_id=id, **told))
        return id

    def people(self, *ids: str, **told: Any) -> None:
        told = {"timezone": "UTC", "created_at": utc("2020-01-01"), **told}
        self.hear(*(Contact(contact_id=id, email=f"{id}@x.example", **told) for id in ids))

    def company(self, id: str) -> None:
        self.hear(Company(company_id=id, name=id))

    def order(self, who: str, at: datetime, id: str | None = None, total: str = "10") -> None:
        self.hear(Order(order_id=id or f"{who}-{at:%Y%m%d%H%M}", contact_id=who, total=Decimal(total), ordered_at=at))

    def answer(self, who: str, score: float, at: datetime, id: str = "", kind: str = "nps") -> None:
        scale = {"nps": "0-10", "csat": "1-5", "ces": "1-7"}[kind]
        answer_id = id or f"{who}-{at:%Y%m%d%H%M}"
        self.hear(Survey(response_id=answer_id, contact_id=who, kind=kind, scale=scale, score=score, responded_at=at))

    def hear(self, *records: Record, fields: Mapping[str, FieldType] | None = None) -> None:
        hear(self.store, *records, now=self.now, settings=self.app.settings, fields=fields)

    # --- what happens

    def tick(self, at: datetime | str | None = None) -> Ticked:
        if at is not None:
            self.now = utc(at) if isinstance(at, str) else at
        return tick(self.app, self.now)

    def ticks(self, *times: str) -> list[Got]:
        """Ticks at these times; the letters of all of them."""
        before = len(self.got())
        for time in times:
            self.tick(time)
        return self.got()[before:]

    def plan(self, at: datetime | str | None = None) -> list[LogRow]:
        if at is not None:
            self.now = utc(at) if isinstance(at, str) else at
        with planned(self.app, self.now, None) as (told, _):
            return list(told)

    def explain(self, who: str, playbook: str) -> Explained:
        _, (told,) = explained(self.app, who, playbook, self.now)
        return told

    def log(self, who: str | None = None) -> list[LogRow]:
        with self.store.read() as connection:
            return [row for row in rows(connection) if who in (None, row.contact.source_id)]

    def why(self, who: str) -> list[str]:
        """The log of one person as people read it: `hello: skipped, no address`."""
        return [f"{row.step or row.action}: {row.status}, {row.reason}" for row in self.log(who)]

    def got(self) -> list[Got]:
        """Every letter that was taken, oldest first."""
        chosen = (
            sa.select(contacts.c.key, sends.c.playbook, sends.c.step, sends.c.claimed_at)
            .join_from(sends, contacts, contacts.c.id == sends.c.contact_id)
            .where(sends.c.state == "accepted")
            .order_by(sends.c.claimed_at, sends.c.playbook, contacts.c.key, sends.c.step)
        )
        return [Got(key.partition(":")[2], book, step, at) for key, book, step, at in self.rows(chosen)]

    def who_got(self) -> list[str]:
        return [letter.who for letter in self.got()]

    def inside(self) -> dict[str, str]:
        """Who is or was in a playbook, by source id and occasion: the enrollment's state."""
        chosen = sa.select(contacts.c.key, enrollments.c.occasion, enrollments.c.state, enrollments.c.arm).join_from(
            enrollments, contacts, contacts.c.id == enrollments.c.contact_id
        )
        return {
            f"{key.partition(':')[2]} {occasion}": "holdout" if arm == "holdout" else state
            for key, occasion, state, arm in self.rows(chosen)
        }

    def rows(self, chosen: sa.Select[Any]) -> Sequence[Any]:
        with self.store.read() as connection:
            return connection.execute(chosen).all()

    def do(self, statement: sa.Executable) -> None:
        with self.store.write() as connection:
            connection.execute(statement)


def days(*written: str) -> list[date]:
    return [date.fromisoformat(day) for day in written]
