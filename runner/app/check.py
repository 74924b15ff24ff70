"""Every mistake in settings, playbooks and templates, all at once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from runner import kpis
from runner.actions import CreateTask, MailAction
from runner.app.app import App
from runner.app.connections import faults_of
from runner.conditions import Fields
from runner.conditions.fields import Kind, known_fields
from runner.errors import Fault, Faults
from runner.links import Links
from runner.playbook import Playbook, Reading, Step, read_playbooks
from runner.render import Templates
from runner.settings import Sender, Settings
from runner.store import Store
from runner.yaml_file import closest


@dataclass(frozen=True, slots=True)
class Checked:
    """What `check` found; sorted by file and line."""

    faults: tuple[Fault, ...]
    warnings: tuple[Fault, ...]
    readings: tuple[Reading, ...]

    def document(self) -> dict[str, Any]:
        return {"faults": [f.document() for f in self.faults], "warnings": [w.document() for w in self.warnings]}


def check(app: App) -> Checked:
    """Reads everything a marketer writes, runs nothing, creates nothing."""
    faults: list[Fault] = []
    warnings: list[Fault] = []
    settings: Settings | None = None
    try:
        settings = app.settings
        warnings += app.told.warnings
        more, notes = faults_of(app.told)
        faults += more
        warnings += notes
        faults += [
            app.told.file.fault(("kpis", *path), words, advice) for path, words, advice in kpis.mistakes(settings.kpis)
        ]
    except Faults as found:
        faults += found.faults
    fields = _fields(app, settings)
    readings = read_playbooks(app.folder, fields)
    for reading in readings:
        faults += reading.faults
        warnings += reading.warnings
        if reading.playbook is not None:
            for fault in template_faults(app.folder, reading.playbook, settings, fields):
                # Custom fields are learned by the first sync; until then an unknown name may be one.
                learned = not fields.complete and " has no " in fault.message
                (warnings if learned else faults).append(fault)
    return Checked(tuple(sorted(set(faults))), tuple(sorted(set(warnings))), tuple(readings))


def _fields(app: App, settings: Settings | None) -> Fields:
    """The fields of the store where there is one; a check makes none."""
    if settings is None:
        return known_fields(None)
    store = Store(settings.store, workspace=app.folder)
    try:
        if store.is_sqlite and not Path(store.url.database or "").exists():
            return known_fields(None)
        with store.read() as connection:
            if not sa.inspect(connection).has_table("custom_fields"):
                return known_fields(None)
            return known_fields(connection)
    finally:
        store.close()


def template_faults(folder: Path, playbook: Playbook, settings: Settings | None, fields: Fields) -> list[Fault]:
    """Each mail's template and subject rendered for a sample person, and what a step needs of the settings."""
    sender = settings.sender if settings else Sender(name="Acme", email="hello@acme.example", address="1 Main St")
    templates = Templates(folder / "templates", Links("https://acme.example", ["check"]), sender)
    found: list[Fault] = []
    for index, step in enumerate(playbook.steps):
        if isinstance(step.action, MailAction):
            found += _mail_faults(templates, playbook, index, step, step.action, settings, fields)
        elif isinstance(step.action, CreateTask):
            found += _line_faults(templates, playbook, index, step, step.action, fields)
    return found


def _mail_faults(
    templates: Templates,
    playbook: Playbook,
    index: int,
    step: Step,
    mail: MailAction,
    settings: Settings | None,
    fields: Fields,
) -> list[Fault]:
    path = ("actions", index, mail.name)
    if not templates.files(mail.template):
        advice = closest(mail.template, templates.names()) or f"write templates/{mail.template}.mjml"
        return [playbook.file.fault((*path, "template"), f"there is no template {mail.template!r}", advice)]
    known, sample = sample_person(playbook, fields)
    told = templates.check(mail.template, mail.subject, known, sample, preheader=mail.preheader)
    found = [_placed(playbook, fault, path) for fault in told]
    if settings is not None and mail.name == "request_review" and mail.about not in settings.reviews.sites:
        advice = (
            closest(str(mail.about), settings.reviews.sites)
            or f"add its address to reviews: sites: {mail.about}: https://…"
        )
        found.append(
            playbook.file.fault((*path, "site"), f"there is no review site {mail.about!r} in regulars.yaml", advice)
        )
    return found


def _placed(playbook: Playbook, fault: Fault, path: tuple[str | int, ...]) -> Fault:
    """A fault of the subject or of the template's name stands in the playbook; one in the template names its file."""
    if fault.file:
        return fault
    return playbook.file.fault((*path, fault.where or "template"), fault.message, fault.advice)


def _line_faults(
    templates: Templates, playbook: Playbook, index: int, step: Step, task: CreateTask, fields: Fields
) -> list[Fault]:
    _, sample = sample_person(playbook, fields)
    found = []
    for key, text in (("subject", task.subject), ("body", task.body)):
        if text is None:
            continue
        try:
            templates.plain(text, sample)
        except Exception as error:  # whatever a template may raise is the author's to mend
            found.append(playbook.file.fault(("actions", index, task.name, key), str(error)))
    return found


def sample_person(playbook: Playbook, fields: Fields) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a template may name, and somebody to render it for."""
    now = datetime(2026, 11, 22, 9, tzinfo=UTC)
    values: dict[Kind, Any] = {
        Kind.TEXT: "Anna",
        Kind.NUMBER: 9,
        Kind.BOOL: True,
        Kind.DATE: now.date(),
        Kind.TIME: now,
    }
    people: dict[str, dict[str, Any]] = {"contact": {"id": 1}, "company": {}}
    for name in fields.names:
        word, _, attr = name.partition(".")
        people[word][attr] = values[fields[name].kind]
    sample: dict[str, Any] = {
        **people,
        "enrollment": {"playbook": playbook.id, "occasion": "sample", "entered_at": now},
        "now": now,
        "today": now.date(),
        "currency": "EUR",
    }
    if playbook.trigger.name == "low_score":
        sample["answer"] = {"kind": "nps", "score": 3.0, "comment": "It came late"}
    known: dict[str, Any] = {name: list(value) if isinstance(value, dict) else None for name, value in sample.items()}
    return known, sample
