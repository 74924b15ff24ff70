"""A small company whose whole day of mail happens at one instant, and what its people must have got in the end."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from tests.kill.process import HooksProcess, Nursery, SendGridProcess

#: When everybody has their birthday, and became a customer the day before.
AT = "2026-05-04T12:00"

_SETTINGS = """\
store: {store}
timezone: UTC
public_url: http://127.0.0.1:9
secret: a secret of some length
sender: {{name: Acme, email: hello@acme.example, address: "1 Main St, Springfield"}}
connectors:
  crm: {{type: csv, path: crm}}
mail: {{type: sendgrid, api_key: SG.loopback, base_url: "{sendgrid}"}}
reviews: {{sites: {{google: "https://example.org/write"}}}}
webhooks: {{crm: {{url: "{hooks}", allow_private: true}}}}
"""
_BIRTHDAY = """\
name: Birthday
trigger: {anniversary: {of: contact.birthday, at: "00:00"}}
brake: {people: 100000, share: 100%}
actions:
  - send_email: {id: wishes, template: email/note, subject: wishes}
  - webhook: {id: tell, url: crm}
  - create_task: {id: call, subject: "Call {{ contact.first_name }}", due: 1 day}
  - send_email: {id: gift, template: email/note, subject: gift}
"""
_WELCOME = """\
name: Welcome
trigger: {onboarding: {day: 1, at: "00:00"}}
brake: {people: 100000, share: 100%}
actions:
  - send_email: {id: hello, template: email/note, subject: hello}
  - survey: {id: nps, kind: nps, template: email/ask, subject: nps}
  - wait: 3 days
"""
_NOTE = """\
<mjml><mj-body><mj-section><mj-column>
  <mj-text>HELLO {{ contact.first_name }} {{ sender.address }} <a href="{{ unsubscribe() }}">No more</a></mj-text>
</mj-column></mj-section></mj-body></mjml>
"""
_ASK = _NOTE.replace("</mj-text>", ' <a href="{{ survey() }}">Tell us</a></mj-text>')

#: An address, a playbook and a step.
Mail = tuple[str, str, str]
#: A message's id, whom it is about, and all that it says.
Message = tuple[str, str, str]
#: The step of the birthday that posts one about each person.
TELL = ("birthday", "tell")
#: What each person gets, by playbook and step; the subject of each mail is its step.
MAILS = (("birthday", "wishes"), ("birthday", "gift"), ("welcome", "hello"), ("welcome", "nps"))
#: All that goes out, in its order.
STEPS = (MAILS[0], TELL, *MAILS[1:])


@dataclass(frozen=True)
class Company:
    """A workspace whose addresses are nobody else's, so that one receiver can serve many."""

    folder: Path
    domain: str
    nursery: Nursery
    sendgrid: SendGridProcess
    hooks: HooksProcess
    people: int

    def run(self, *, at: str = AT, die: dict[str, float] | None = None) -> int:
        """`regulars run`; the exit code, -9 when it died."""
        return self.regulars("run", "--at", at, "--yes", die=die)

    def rehearse(self) -> None:
        """A run and a look at its log, in the nursery itself."""
        for args in (("run", "--at", AT, "--yes"), ("log", "--json")):
            assert self.nursery.rehearse([args[0], "-C", str(self.folder), *args[1:]]) == 0

    def regulars(self, *args: str, die: dict[str, float] | None = None) -> int:
        return self.nursery.wait(self.begin(*args, die=die))

    def begin(self, *args: str, die: dict[str, float] | None = None, out: str = "out") -> int:
        """Starts a command; its process id."""
        return self.nursery.start([args[0], "-C", str(self.folder), *args[1:]], self.folder / out, die)

    @property
    def said(self) -> str:
        return (self.folder / "out").read_text(encoding="utf-8")

    @property
    def counts(self) -> dict[str, int]:
        """How often each thing that can be died at happened in the last command."""
        counts: dict[str, int] = json.loads((self.folder / "out.counts").read_text(encoding="utf-8"))
        return counts

    def log(self) -> list[dict[str, Any]]:
        assert self.regulars("log", "--json") == 0, self.said
        return [json.loads(line) for line in self.said.splitlines()]

    def unsure(self) -> list[dict[str, Any]]:
        assert self.regulars("settle", "--json") == 0, self.said
        return list(json.loads(self.said))

    def received(self) -> Counter[Mail]:
        """How many mails arrived, by address, playbook and step."""
        mails = self.sendgrid.mails(self.domain)
        return Counter((mail["to"], mail["categories"][0], mail["subject"]) for mail in mails)

    def messages(self) -> list[Message]:
        """Every message that arrived, as often as it did."""
        return [
            (told["id"], told["body"]["data"]["contact"]["email"], json.dumps(told["body"], sort_keys=True))
            for told in self.hooks.messages(self.domain)
        ]

    @property
    def due(self) -> set[Mail]:
        """Every mail that somebody is to get."""
        return {(address, *mail) for address in self.addresses for mail in MAILS}

    @property
    def addresses(self) -> list[str]:
        return [f"p{number}@{self.domain}" for number in range(self.people)]

    @contextmanager
    def daemon(self) -> Iterator[int]:
        pid = self.begin("start", "--port", "0", out="daemon")
        try:
            yield pid
        finally:
            self.nursery.kill(pid)


def found(
    folder: Path,
    store: str,
    *,
    nursery: Nursery,
    sendgrid: SendGridProcess,
    hooks: HooksProcess,
    people: int = 6,
    day: date = date(2026, 5, 4),
) -> Company:
    """Writes the workspace; `day` is everybody's birthday."""
    for name in ("playbooks", "templates/email", "crm"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    settings = _SETTINGS.format(store=json.dumps(store), sendgrid=sendgrid.url, hooks=hooks.url)
    (folder / "regulars.yaml").write_text(settings)
    (folder / "playbooks/birthday.yaml").write_text(_BIRTHDAY)
    (folder / "playbooks/welcome.yaml").write_text(_WELCOME)
    for name, text in (("note", _NOTE), ("ask", _ASK)):
        (folder / f"templates/email/{name}.mjml").write_text(text.replace("HELLO", "Hello"))
        (folder / f"templates/email/{name}.de.mjml").write_text(text.replace("HELLO", "Hallo"))
    company = Company(folder, sendgrid.new_domain(), nursery, sendgrid, hooks, people)
    rows = ["contact_id,email,first_name,language,created_at,customer_since,birthday"]
    for number, address in enumerate(company.addresses):
        language = "de" if number % 3 == 0 else "en"
        rows.append(f"c{number},{address},P{number},{language},2026-01-01,{day - timedelta(days=1)},1992-{day:%m-%d}")
    (folder / "crm/contacts.csv").write_text("\n".join(rows) + "\n")
    return company


def faults(due: set[Mail], received: Counter[Mail], log: list[dict[str, Any]]) -> list[str]:
    """What is wrong after all has settled: mails got twice, lost ones, words of the log that the receiver denies.

    A mail that did not arrive is lost, whatever the log says, unless it is in doubt or comes after one that is.
    """
    told = {(row["contact"]["email"], row["playbook"], row["step"]): row for row in log}
    wrong = [f"{mail} arrived {times} times" for mail, times in received.items() if times > 1]
    wrong += [f"{mail} was nobody's business" for mail in received.keys() - due]
    for mail in sorted(due):
        row = told.get(mail)
        status = row["status"] if row else None
        if mail in received and status not in ("done", "unsure"):
            wrong.append(f"{mail} arrived; the log says {status}")
        if mail not in received and status != "unsure" and not (status is None and _waits(mail, told)):
            wrong.append(f"{mail} is lost; the log says {status or 'nothing'}")
    return wrong


def _waits(mail: Mail, told: dict[Mail, dict[str, Any]]) -> bool:
    """Whether an earlier step of the same playbook is in doubt, so that this one was not reached."""
    address, playbook, step = mail
    steps = [other for of, other in STEPS if of == playbook]
    return any(
        (row := told.get((address, playbook, earlier))) is not None and row["status"] == "unsure"
        for earlier in steps[: steps.index(step)]
    )


def message_faults(people: Sequence[str], messages: Sequence[Message], log: list[dict[str, Any]]) -> list[str]:
    """What is wrong with the messages: lost ones, and any that a receiver which knows their ids would take twice."""
    told = {(row["contact"]["email"], row["playbook"], row["step"]): row for row in log}
    wrong = []
    for who in people:
        mine = {(id, says) for id, about, says in messages if about == who}
        row = told.get((who, *TELL))
        if len(mine) > 1:
            wrong.append(f"{who} is told of {len(mine)} times: {sorted(mine)}")
        if not mine and not (row is None and _waits((who, *TELL), told)):
            wrong.append(f"the message about {who} is lost; the log says {row['status'] if row else 'nothing'}")
        if mine and (row is None or row["status"] != "done"):
            wrong.append(f"{who} is told of; the log says {row['status'] if row else 'nothing'}")
    return wrong
