"""Whether each mail can do what its step is for: its links, where to unsubscribe, and who writes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from connectors.base import Address
from connectors.scales import Scale
from runner.actions import MailAction, Reminder, Survey
from runner.actions.base import texts
from runner.actions.questions import Questionnaire
from runner.app.soundness import SAMPLE_SENDER, sample_person
from runner.app.verdicts import Verdicts, verdicts
from runner.conditions import Fields
from runner.errors import Fault
from runner.playbook import Draft, Reading
from runner.render import Person, Templates
from runner.render.editions import Edition
from runner.render.page_words import LANGUAGE
from runner.settings import Settings
from runner.steps import Step

#: Where sample links lead; what stands behind it is what they are for.
_HOST = "https://links.check.invalid"
#: The sender's address while it is looked for.
_ADDRESS = "Address of the sender"
_ANSWER = re.compile(rf"{re.escape(_HOST)}/answer/(\w+)")
#: The link without which an action is none.
_NEEDED = {"request_review": ("review", "the review link"), "request_referral": ("referral", "the personal code")}


class SampleLinks:
    """Links that say what they are for."""

    public_url = _HOST

    def survey(self, send_id: str, contact_id: int) -> str:
        return f"{_HOST}/survey"

    def answer(self, send_id: str, contact_id: int, score: int | str) -> str:
        return f"{_HOST}/answer/{score}"

    def unsubscribe(self, send_id: str, contact_id: int) -> str:
        return f"{_HOST}/unsubscribe"

    def preferences(self, send_id: str, contact_id: int) -> str:
        return f"{_HOST}/preferences"

    def review(self, send_id: str, contact_id: int) -> str:
        return f"{_HOST}/review"

    def referral(self, send_id: str, contact_id: int) -> str:
        return f"{_HOST}/referral"

    def friend(self, contact_id: int) -> str:
        return f"{_HOST}/friend"


def with_purpose(readings: Sequence[Reading], folder: Path, settings: Settings | None, fields: Fields) -> list[Reading]:
    """The readings with the faults of mails that can be made and are of no use, or against the law."""
    written = settings.sender if settings else SAMPLE_SENDER
    sender = written.model_copy(update={"address": _ADDRESS})
    templates = Templates(folder / "templates", SampleLinks(), sender, settings.language if settings else LANGUAGE)
    by = (sender, settings and settings.language)
    with verdicts(folder) as known:
        return [
            _with_purpose(reading, templates, (_ADDRESS, written.address), fields, by, known) for reading in readings
        ]


def _with_purpose(
    reading: Reading,
    templates: Templates,
    addresses: Sequence[str],
    fields: Fields,
    by: Sequence[object],
    known: Verdicts,
) -> Reading:
    draft = reading.draft
    if draft is None or not draft.enabled:
        return reading
    _, sample = sample_person(draft, fields)

    def find() -> list[Fault]:
        mails = [(step, step.action) for step in draft.steps if isinstance(step.action, MailAction)]
        return [fault for step, mail in mails for fault in _of_mail(templates, draft, step, mail, sample, addresses)]

    found = known.on(("purpose", draft.file.name, draft.file.text, *by, addresses, sample), find)
    if not found:
        return reading
    return replace(reading, playbook=None, faults=(*reading.faults, *found))


def _of_mail(
    templates: Templates,
    draft: Draft,
    step: Step,
    mail: MailAction,
    sample: Mapping[str, Any],
    addresses: Sequence[str],
) -> Iterator[Fault]:
    path = (*step.path, mail.name)
    for below, text in texts(mail.subject):
        if "\n" in text.strip():
            yield draft.file.fault((*path, "subject", *below), "has a line break", "a subject is one line")
    for file, language in templates.versions.each(mail.template):
        with suppress(Exception):  # what keeps it from being rendered has been told
            person = Person("sample", Address("sample@example.com"), language, sample)
            html = templates.page_of(Edition(file, language, "", ""), person)[1] + _unseen(templates, file)
            for words, advice in _of_links(mail, html):
                yield draft.file.fault((*path, "template"), f"{file} {words}", advice)
            for words, advice in _of_law(mail, html, addresses):
                yield Fault(templates.label(file), 1, 1, "", words, advice)


def _unseen(templates: Templates, file: str) -> str:
    """The links that the files name, since the sample person may not be among those who get them."""
    sources = "".join((templates.folder / name).read_text(encoding="utf-8") for name in templates.chain([file]))
    named = {"survey", "unsubscribe", "preferences", "review", "referral"}
    return "".join(f"\n{_HOST}/{function}" for function in sorted(named) if re.search(rf"\b{function}\(", sources))


def _of_links(mail: MailAction, html: str) -> Iterator[tuple[str, str]]:
    answers = {found[1] for found in _ANSWER.finditer(html)}
    page = f"{_HOST}/survey" in html
    if isinstance(mail, Survey | Reminder):
        yield from _of_answers(str(mail.about), mail.asks, answers, page=page)
    elif answers or page:
        words = f"has links to answer a survey, and {mail.name} asks none"
        yield words, "make the step a survey: with its kind, or leave them out"
    if mail.name in _NEEDED:
        function, what = _NEEDED[mail.name]
        if f"{_HOST}/{function}" not in html:
            yield f"has not {what}, which {mail.name} is for", f'write <a href="{{{{ {function}() }}}}">'


def _of_answers(kind: str, asks: Questionnaire, answers: set[str], *, page: bool) -> Iterator[tuple[str, str]]:
    """Every answer can be given, by a link of its own or on the page, and no link stands for what is none."""
    if not answers and not page:
        advice = "write {{ answer_link(score) }} for each score, or {{ survey() }}"
        yield f"has no link to answer the {kind} survey", advice
    if asks.scale is not None and answers:
        yield from _of_scale(kind, asks.scale, answers, page=page)
    elif beyond := sorted(answers - set(asks.reason_keys)):
        known = f"there are {', '.join(asks.reason_keys)}" if asks.reason_keys else "write {{ survey() }}"
        yield f"has answer links for {', '.join(beyond)}, which the {kind} survey does not know", known


def _of_scale(kind: str, scale: Scale, answers: set[str], *, page: bool) -> Iterator[tuple[str, str]]:
    scores = {int(answer) for answer in answers if answer.isdigit()}
    asked = f"a {kind} survey asks {scale.lowest} to {scale.highest}"
    if beyond := sorted(scores - set(scale.scores)):
        yield f"has answer links for {_listed(beyond)}, and {asked}", "write those, or name another kind: in the step"
    if words := sorted(answer for answer in answers if not answer.isdigit()):
        yield f"has answer links for {', '.join(words)}, and {asked}", "write {{ answer_link(score) }}"
    if not page and (lacking := sorted(set(scale.scores) - scores)):
        yield f"has no answer link for {_listed(lacking)}, and {asked}", "add them, or {{ survey() }}"


def _of_law(mail: MailAction, html: str, addresses: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Marketing mail says how to get no more of it, and by whose address it was sent."""
    if mail.purpose == "service":
        return
    if not any(f"{_HOST}/{function}" in html for function in ("unsubscribe", "preferences")):
        advice = 'write <a href="{{ unsubscribe() }}">, or purpose: service in the step where it is no marketing'
        yield "has no link to unsubscribe", advice
    if not any(address in html for address in addresses):
        yield "has no postal address", "write {{ sender.address }} at its foot"


def _listed(numbers: list[int]) -> str:
    """`4, 5`, `6 to 10`"""
    if len(numbers) > 2 and numbers == list(range(numbers[0], numbers[-1] + 1)):
        return f"{numbers[0]} to {numbers[-1]}"
    return ", ".join(map(str, numbers))
