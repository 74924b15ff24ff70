"""Whether a playbook's mails can be made: its templates, subjects and what a step needs of the settings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from runner.actions import AutoReply, MailAction, Notify, RequestReview, UpdateContact, Webhook, Work
from runner.actions.base import texts
from runner.actions.notify import OWNER
from runner.actions.update_contact import fitting
from runner.app.figures import figure_faults
from runner.app.verdicts import Verdicts, verdicts
from runner.circumstances.expected import Expected
from runner.conditions import Fields
from runner.conditions.fields import Kind
from runner.duration import Duration
from runner.errors import Fault
from runner.links import Links
from runner.playbook import Draft, Reading
from runner.render import Templates
from runner.settings import Sender, Settings
from runner.settings.review_sites import OWN, why_off
from runner.steps import KeyPath, questions_of
from runner.yaml_file import closest

#: Who writes, and in what amounts are, while the settings cannot be read.
SAMPLE_CURRENCY = "EUR"
SAMPLE_SENDER = Sender(name="Acme", email="hello@acme.example", address="1 Main St")


def with_templates(
    readings: Sequence[Reading], folder: Path, settings: Settings | None, fields: Fields, *, disabled: bool = True
) -> list[Reading]:
    """The readings with the faults of their templates; a playbook whose mails cannot be made does not run.

    Those of disabled ones are looked at unless told otherwise: where playbooks are to run it would be for nothing.
    """
    templates = _templates(folder, settings)
    with verdicts(folder) as known:
        return [
            _with_templates(reading, templates, settings, fields, known, look=disabled or reading.enabled)
            for reading in readings
        ]


def _with_templates(
    reading: Reading, templates: Templates, settings: Settings | None, fields: Fields, known: Verdicts, *, look: bool
) -> Reading:
    if reading.draft is None:
        return reading
    found = []
    if look:
        found = [*_template_faults(templates, reading.draft, settings, fields, known), *figure_faults(reading)]
    # Custom fields are learned by the first sync; until then an unknown name may be one.
    learned = {fault for fault in found if not fields.complete and " has no " in fault.message}
    faults = (*reading.faults, *(fault for fault in found if fault not in learned))
    doubts = (*_untold_hours(reading.draft, settings), *_unchosen(reading.draft, settings))
    warnings = (*reading.warnings, *sorted(learned), *doubts)
    playbook = None if faults else reading.playbook
    if not reading.draft.enabled:
        # Nobody enters a disabled playbook: what is wrong with it does no harm yet.
        return replace(reading, playbook=playbook, faults=(), warnings=_briefly(reading.draft, (*faults, *warnings)))
    return replace(reading, playbook=playbook, faults=faults, warnings=warnings)


def _briefly(draft: Draft, told: Sequence[Fault]) -> tuple[Fault, ...]:
    """What is wrong with a disabled playbook, as one warning."""
    if not told:
        return ()
    first = min(told)
    where = f"{first.where}: " if first.where else ""
    others = f" (and {len(told) - 1} more)" if len(told) > 1 else ""
    return (draft.file.fault(("enabled",), f"is off; before it is on: {where}{first.message}{others}", first.advice),)


def template_faults(folder: Path, draft: Draft, settings: Settings | None, fields: Fields) -> list[Fault]:
    """Each mail's template and subject rendered for a sample person, and what a step needs of the settings."""
    with verdicts(folder) as known:
        return _template_faults(_templates(folder, settings), draft, settings, fields, known)


def _templates(folder: Path, settings: Settings | None) -> Templates:
    links = Links("https://acme.example", ["check"])
    if settings is None:
        return Templates(folder / "templates", links, _sender(None))
    return Templates(folder / "templates", links, settings.sender, settings.language)


def _sender(settings: Settings | None) -> Sender:
    return settings.sender if settings is not None else SAMPLE_SENDER


def _template_faults(
    templates: Templates, draft: Draft, settings: Settings | None, fields: Fields, known: Verdicts
) -> list[Fault]:
    found: list[Fault] = []
    for step in draft.steps:
        if isinstance(step.action, MailAction):
            found += _mail_faults(templates, draft, step.path, step.action, settings, fields, known)
        elif isinstance(step.action, Work):
            found += _work_faults(templates, draft, step.path, step.action, settings, fields)
    return found


def _untold_hours(draft: Draft, settings: Settings | None) -> list[Fault]:
    """Business time where nobody said when the company works."""
    if settings is None or settings.business_hours is not None:
        return []
    counted = [
        (*step.path, step.action.name, *(() if key == "time" else (key,)))
        for step in draft.steps
        for key, value in step.action
        if isinstance(value, Duration) and value.is_business
    ]
    words = "is counted from Monday to Friday, 9 to 17, without holidays"
    advice = 'say when you work in regulars.yaml: business_hours: {mon-fri: "09:00-17:00", holidays: PL}'
    return [draft.file.fault(path, words, advice) for path in counted]


def _unchosen(draft: Draft, settings: Settings | None) -> list[Fault]:
    """Marketing mails of a topic that people cannot choose, where they may choose others."""
    if settings is None or not settings.topics:
        return []
    mails = [(step.path, step.action) for step in draft.steps if isinstance(step.action, MailAction)]
    return [
        draft.file.fault(
            (*path, mail.name, *(("topic",) if "topic" in mail.model_fields_set else ())),
            f"topics: in regulars.yaml has no {mail.topic!r}: nobody can turn this mail off but with all others",
            closest(mail.topic, settings.topics) or f"add {mail.topic}: and what people read of it",
        )
        for path, mail in mails
        if mail.purpose == "marketing" and mail.topic not in settings.topics
    ]


def _mail_faults(
    templates: Templates,
    draft: Draft,
    at: KeyPath,
    mail: MailAction,
    settings: Settings | None,
    fields: Fields,
    known: Verdicts,
) -> list[Fault]:
    path = (*at, mail.name)
    names, sample = sample_person(draft, fields)
    words, by = (mail.template, mail.subject, mail.preheader), (settings and settings.language, _sender(settings))
    told = known.on(
        ("template", *words, *by, names, sample),
        lambda: templates.check(mail.template, mail.subject, names, sample, preheader=mail.preheader),
    )
    found = []
    if not templates.files(mail.template):
        advice = closest(mail.template, templates.names()) or f"write templates/{mail.template}.mjml"
        found = [draft.file.fault((*path, "template"), f"there is no template {mail.template!r}", advice)]
        told = [fault for fault in told if not fault.file]
    found += [_placed(draft, fault, path) for fault in told]
    if settings is not None and mail.mailer is not None:
        found += _mailer_faults(draft, path, mail.mailer, settings)
    if settings is not None and isinstance(mail, RequestReview):
        found += _site_faults(draft, path, mail, settings)
    return found


def _mailer_faults(draft: Draft, path: KeyPath, mailer: str, settings: Settings) -> list[Fault]:
    """While mail goes into the outbox, all names lead there."""
    if mailer in settings.mailers or settings.mail.get("type") == "outbox":
        return []
    advice = closest(mailer, settings.mailers) or "write it below mail: with its type and keys"
    return [draft.file.fault((*path, "mailer"), f"there is no mailer {mailer!r} in regulars.yaml", advice)]


def _site_faults(draft: Draft, path: KeyPath, mail: RequestReview, settings: Settings) -> Iterator[Fault]:
    """Sites that the settings do not have, and those on which nobody may be asked."""
    reviews = settings.reviews
    for index, site in enumerate(mail.in_turn):
        place = (*path, "sites", index) if mail.sites else (*path, "site")
        if (why := reviews.off.get(site) or why_off(site)) is not None:
            advice = "ask for another site; a link to it on your own pages is all that it allows"
            yield draft.file.fault(place, f"nobody is asked on {site}: {why}", advice)
        elif site not in reviews.sites and site != OWN:
            advice = closest(site, reviews.sites) or f"add its address to reviews: sites: {site}: https://…"
            yield draft.file.fault(place, f"there is no review site {site!r} in regulars.yaml", advice)


def _placed(draft: Draft, fault: Fault, path: tuple[str | int, ...]) -> Fault:
    """A fault of the subject or of the template's name stands in the playbook; one in the template names its file."""
    if fault.file:
        return fault
    return draft.file.fault((*path, *(fault.where or "template").split(".")), fault.message, fault.advice)


def _work_faults(
    templates: Templates, draft: Draft, at: KeyPath, work: Work, settings: Settings | None, fields: Fields
) -> list[Fault]:
    """The texts filled in for a sample person, the fields that are set, and whom the settings must name."""
    _, sample = sample_person(draft, fields)
    fill = templates.value if work.keeps_types else templates.plain
    path = (*at, work.name)
    found = []
    for below, text in texts(work.wording()):
        try:
            value = fill(text, sample)
        except Exception as error:  # whatever a template may raise is the author's to mend
            found.append(draft.file.fault((*path, *below), str(error)))
            continue
        found += _misfit(draft, (*path, *below), work, below, value, fields)
    match work:
        case UpdateContact():
            found += [draft.file.fault((*path, "set", *told[:1]), *told[1:]) for told in work.mistakes(fields)]
            found += [
                fault
                for name, value in work.fields.items()
                if not isinstance(value, str)
                for fault in _misfit(draft, (*path, "set", name), work, ("set", name), value, fields)
            ]
        case Webhook(url=name) if not work.is_address:
            found += _unnamed(draft, (*path, "url"), name, settings, (), "or write an https address")
        case Notify(to=name) if name != OWNER and "@" not in name:
            found += _unnamed(draft, (*path, "to"), name, settings, (OWNER,), "or write owner, or an address")
    return found


def _misfit(draft: Draft, path: KeyPath, work: Work, below: KeyPath, value: Any, fields: Fields) -> list[Fault]:
    """A value that the field it is meant for does not hold."""
    name = f"contact.{below[1]}" if isinstance(work, UpdateContact) else ""
    if name not in fields:
        return []
    try:
        fitting(fields[name].kind, value)
    except ValueError as error:
        return [draft.file.fault(path, str(error))]
    return []


def _unnamed(
    draft: Draft, path: KeyPath, name: str, settings: Settings | None, also: Sequence[str], otherwise: str
) -> list[Fault]:
    """A webhook that the settings do not name."""
    if settings is None or name in settings.webhooks:
        return []
    advice = (
        closest(name, [*settings.webhooks, *also]) or f"add its address to webhooks: {name}: https://…, {otherwise}"
    )
    return [draft.file.fault(path, f"there is no webhook {name!r} in regulars.yaml", advice)]


def sample_person(draft: Draft, fields: Fields) -> tuple[dict[str, Any], dict[str, Any]]:
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
        "enrollment": {"playbook": draft.id, "occasion": "sample", "entered_at": now},
        "now": now,
        "today": now.date(),
        "currency": "EUR",
    }
    if any(isinstance(step.action, AutoReply) for step in draft.steps):
        sample["expected"] = Expected(4, 120, now).values()
    brought = fields.bringing(*draft.brings)
    for word in draft.brings:
        names = [name for name in brought.names if name.startswith(f"{word}.")]
        sample[word] = {name.partition(".")[2]: _TOLD.get(name, values[brought[name].kind]) for name in names}
    if "answer" in sample:
        sample["answer"] |= {id: 3 if kind is Kind.NUMBER else "Anna" for id, kind in questions_of(draft.steps).items()}
    known: dict[str, Any] = {name: list(value) if isinstance(value, dict) else None for name, value in sample.items()}
    return known, sample


#: What a sample person brings along, where any text or number would not do.
_TOLD = {
    "answer.kind": "nps",
    "answer.score": 3.0,
    "answer.reason": "price",
    "answer.comment": "It came late",
    "cart.url": "https://acme.example/c",
    "invoice.invoice_id": "2026-118",
}
