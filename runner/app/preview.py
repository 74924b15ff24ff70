"""One letter as a send would make it, for somebody known or for a sample person; written nowhere."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from connectors.base import Address, Letter, Mailing, Outcome
from runner import clock
from runner.actions import MailAction, Reminder
from runner.app.app import App
from runner.app.called import contact_called
from runner.app.check import fields_of_store
from runner.app.clockwork import last_moment
from runner.app.soundness import sample_person, with_templates
from runner.circumstances import Circumstances, Due, as_due, look_at, people_of, zones_in_use
from runner.conditions import Fields
from runner.conditions.brought import read
from runner.errors import Fault, Faults, WrongUsage
from runner.passage import passages
from runner.playbook import Playbook, Reading, assemble, read_playbooks
from runner.render import Person, unsubscribe_headers
from runner.steps import Step
from runner.store.tables import enrollments, suppressions
from runner.sync.person import address as valid
from runner.yaml_file import YamlFile, closest

#: Whom the links of a letter that is no send are about: nobody.
NOBODY = 0


@dataclass(frozen=True, slots=True)
class Preview:
    """A letter's parts."""

    subject: str
    html: str
    text: str
    headers: Mapping[str, str]

    def document(self) -> dict[str, Any]:
        return asdict(self)


def preview(app: App, what: str, step: str | None, contact: str | None, *, to: str | None = None) -> Preview:
    """A step's letter, or a template's; its links are signed and lead to nobody.

    Raises WrongUsage for names that are not there, and Faults for a playbook or template that cannot be used.
    """
    fields = app.fields() if contact is not None else fields_of_store(app, app.settings)
    reading, chosen = _chosen(app, what, step, fields)
    person = _known(app, reading, chosen, contact, fields) if contact is not None else _sample(app, reading, fields)
    mail = chosen.action
    assert isinstance(mail, MailAction)
    try:
        subject, html, text = app.templates.preview(mail.template, mail.subject, person, preheader=mail.preheader)
    except Exception as error:  # a template may raise anything
        file, line = app.templates.place(error) or (reading.file, 1)
        raise Faults([Fault(file, line, 1, "", str(error))]) from error
    sender = mail.sender or app.settings.sender.email
    headers = {"From": f"{app.settings.sender.name} <{sender}>", "To": to or _written(person.to)}
    if mail.reply_to:
        headers["Reply-To"] = mail.reply_to
    headers |= unsubscribe_headers(app.links, person.send_id, NOBODY, app.settings.public_url)
    return Preview(subject, html, text, headers)


@dataclass(frozen=True, slots=True)
class Sample:
    """One mail of a playbook as somebody made up would get it."""

    #: `birthday: hello`.
    called: str
    html: str
    text: str


def letters(app: App) -> Iterator[Sample]:
    """Every mail of the playbooks that run; what cannot be rendered is told by `check`."""
    fields = app.fields()
    for reading in app.readings(fields):
        for step, mail in reading.playbook.mails() if reading.playbook and reading.enabled else ():
            if (parts := _made(app, mail, _sample(app, reading, fields))) is not None:
                yield Sample(f"{reading.id}: {step.id}", *parts)


def _made(app: App, mail: MailAction, person: Person) -> tuple[str, str] | None:
    with suppress(Exception):  # a template may raise anything
        return app.templates.preview(mail.template, mail.subject, person, preheader=mail.preheader)[1:]
    return None


def _written(address: Address) -> str:
    return f"{address.name} <{address.email}>" if address.name else address.email


# --- which letter


def _chosen(app: App, what: str, step: str | None, fields: Fields) -> tuple[Reading, Step]:
    """The playbook and the step that sends it."""
    readings = with_templates(read_playbooks(app.folder, fields), app.folder, app.settings, fields)
    reading = next((one for one in readings if one.id == what), None)
    if reading is None:
        return _of_template(app, what, readings, fields)
    if reading.draft is None or reading.playbook is None:
        raise Faults(reading.faults or reading.warnings)
    mails = [one for one, _ in reading.playbook.mails()]
    first = [one for one in mails if not isinstance(one.action, Reminder)]
    if step is None and len(first) == 1:
        return reading, first[0]
    found = next((one for one in mails if one.id == step), None)
    if found is None:
        words = f"{what} has no step {step!r} that writes a mail" if step else f"{what} writes several mails"
        raise WrongUsage(f"{words}; there are {', '.join(one.id for one in mails) or 'none'}")
    return reading, found


def _of_template(app: App, name: str, readings: Sequence[Reading], fields: Fields) -> tuple[Reading, Step]:
    """The first step that uses the template; where none does, one that is made up."""
    if not app.templates.files(name):
        known = [*(reading.id for reading in readings), *app.templates.names()]
        raise WrongUsage(f"there is no playbook or template {name!r}; {closest(name, known)}".rstrip("; "))
    for reading in readings:
        for one, mail in reading.playbook.mails() if reading.playbook else ():
            if mail.template == name:
                return reading, one
    step = {"send_email": {"id": "preview", "template": name, "subject": f"Preview of {name}"}}
    document = {"name": "preview", "trigger": {"onboarding": {}}, "actions": [step]}
    made_up = assemble(YamlFile("preview", document), "preview", fields)
    assert made_up.playbook is not None
    return made_up, made_up.playbook.steps[0]


# --- for whom


def _sample(app: App, reading: Reading, fields: Fields) -> Person:
    assert reading.draft is not None
    _, sample = sample_person(reading.draft, fields)
    now = clock.local(app.now(), app.settings.timezone)
    sample |= {"now": now, "today": now.date(), "currency": app.settings.currency}
    sample["contact"] |= {"id": NOBODY, "first_name": "Anna", "last_name": "Nowak", "email": "anna@example.com"}
    sample["contact"]["customer_since"] = now.date() - timedelta(days=800)
    return Person(_send_id(), Address("anna@example.com", "Anna Nowak"), None, sample)


def _known(app: App, reading: Reading, step: Step, called: str, fields: Fields) -> Person:
    """Somebody of the store, with what their last passage through the playbook brought."""
    playbook, now = reading.playbook, last_moment(app)
    assert playbook is not None
    with app.store.read() as connection:
        contact = contact_called(connection, called)
        people = people_of(connection, [contact])
        zones = zones_in_use(connection)
        facts = look_at(connection, playbook, people, topic=None, now=now, zones=zones)[contact]
        due = _due(connection, playbook, contact, now)
        passed = passages(connection, playbook, step, [due], now)[due.id]
        facts = facts._replace(passage=passed)
    context = app.office([playbook], fields).context(due, playbook, facts, now)
    context["contact"] = {**context["contact"], "id": NOBODY}
    context |= _imagined(reading, due, facts, fields)
    name = " ".join(part for part in (facts.contact["first_name"], facts.contact["last_name"]) if part)
    address = facts.address or facts.contact["email"] or "no address"
    return Person(_send_id(), Address(address, name or None), facts.contact["language"], context)


def _imagined(reading: Reading, due: Due, facts: Circumstances, fields: Fields) -> dict[str, Any]:
    """Of what the trigger or a survey brings a sample, where that passage brought nothing."""
    if reading.draft is None:
        return {}
    sample = sample_person(reading.draft, fields)[1]
    there = {*read(due.facts), *(["answer"] if facts.answer(due) is not None else [])}
    return {word: sample[word] for word in reading.draft.brings if word not in there}


def _due(connection: sa.Connection, playbook: Playbook, contact: int, now: datetime) -> Due:
    one = enrollments.c
    latest = sa.select(enrollments).where(one.playbook == playbook.id, one.contact_id == contact)
    row = connection.execute(latest.order_by(one.entered_at.desc(), one.id.desc()).limit(1)).mappings().one_or_none()
    if row is not None:
        return as_due(row)
    return Due(0, contact, "preview", None, {}, "treated", playbook.steps[0].id, 0, now, now, now)


def _send_id() -> str:
    """Of no send there is."""
    return f"preview-{secrets.token_hex(4)}"


# --- sent for a look


def send_test(app: App, address: str, what: str, step: str | None, contact: str | None) -> Outcome:
    """Sends the letter to one address through the account's mailer, marked as a test; no send and no row is made."""
    bound = address.strip().lower()
    _may_write(app, bound)
    letter = preview(app, what, step, contact, to=bound)
    headers = {name: value for name, value in letter.headers.items() if name.startswith("List-")}
    mailing = Mailing(
        sender=Address(letter.headers["From"].rpartition("<")[2].rstrip(">"), app.settings.sender.name),
        subject=f"[test] {letter.subject}",
        html=letter.html,
        text=letter.text,
        letters=[Letter(_send_id(), Address(bound), headers=headers)],
        reply_to=Address(letter.headers["Reply-To"]) if "Reply-To" in letter.headers else None,
        categories=["test"],
    )
    return app.mailer.send(mailing)[0]


def _may_write(app: App, address: str) -> None:
    """Raises WrongUsage for an address that nobody may write to, even for a test."""
    if valid(address) is None:
        raise WrongUsage(f"{address!r} is no address")
    only_to = app.settings.only_to()
    if only_to is not None and address not in only_to:
        raise WrongUsage(f"mail.only_to: {address} is not among them")
    no = sa.select(suppressions.c.reason).where(suppressions.c.address == address, suppressions.c.lifted_at.is_(None))
    with app.store.read() as connection:
        if (reason := connection.scalar(no.limit(1))) is not None:
            raise WrongUsage(f"{address} is suppressed: {reason}")
