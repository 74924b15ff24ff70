"""What people do with a letter: open, click, answer, leave, complain, all of it out of their hidden satisfaction."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import NamedTuple

from connectors.base import Actor, MailEvent, MailEventKind
from connectors.scales import SCALES
from runner.sample.people import Person

SHOP = "https://shop.example.com/"


@dataclass(frozen=True, slots=True)
class Received:
    """A letter that reached a person, as the action log has it."""

    send_id: str
    #: The contact's id in the CSV files.
    source_id: str
    playbook: str
    step: str
    at: datetime
    #: email, survey, review or referral.
    kind: str
    #: nps, csat, ces …; None where it is no survey.
    survey: str | None = None


class Answered(NamedTuple):
    """An answer on a survey's page."""

    send_id: str
    #: Of a leaver none.
    score: int | None
    comment: str | None
    at: datetime
    #: Of a leaver why.
    reason: str | None = None


class Unsubscribed(NamedTuple):
    """A no on the unsubscribe page."""

    send_id: str
    at: datetime


Reaction = MailEvent | Answered | Unsubscribed

_DELIGHTED = (
    "Always a pleasure, thank you!",
    "Świetny kontakt i szybka wysyłka.",
    "Schnell geliefert, liebevoll verpackt.",
    "I tell all my friends about you.",
    "Parfait, comme toujours.",
)
_CONTENT = ("Fine, but shipping could be quicker.", "W porządku.", "Gute Ware, etwas teuer.", "Good, no surprises.")
#: Why people leave who were content, and who were not.
_REASONS_OF = {True: ("price", "no_need", "no_need", "competitor"), False: ("service", "quality", "price", "missing")}
_ANNOYED = (
    "My parcel came late and nobody answered.",
    "Paczka przyszła uszkodzona.",
    "Seit zwei Wochen warte ich auf eine Antwort.",
    "The quality is not what it used to be.",
    "Trop cher, et le colis était ouvert.",
)


def reactions(seed: int, person: Person, letter: Received, begins: datetime, satisfaction: float) -> Iterator[Reaction]:
    """What the person does from `begins` on; the same letter on the same day always finds the same reaction."""
    about = f"{letter.source_id}:{letter.playbook}:{letter.step}:{letter.at.date()}"
    random = Random(f"{seed}:letter:{about}")
    delivered = begins + timedelta(seconds=random.uniform(1, 40))
    if person.dead_mailbox:
        yield _event(MailEventKind.BOUNCED, letter, person, delivered, reason="550 5.1.1 mailbox unavailable")
        return
    yield _event(MailEventKind.DELIVERED, letter, person, delivered)
    if person.company is not None and random.random() < 0.4:
        checked = delivered + timedelta(seconds=random.uniform(1, 15))
        yield _event(MailEventKind.CLICKED, letter, person, checked, actor=Actor.MACHINE, url=SHOP)
    if person.machine_opens:
        fetched = delivered + timedelta(seconds=random.uniform(5, 900))
        yield _event(MailEventKind.OPENED, letter, person, fetched, actor=Actor.MACHINE)
    yield from _human(random, person, letter, delivered, satisfaction)


def score(random: Random, kind: str | None, satisfaction: float) -> int:
    """What somebody so satisfied answers: 0-10 for nps, 1-7 for ces, else 1-5."""
    low, high = SCALES.get(kind or "", SCALES["csat"]).ends
    felt = min(max(satisfaction + random.gauss(0.06, 0.11), 0), 1)
    return round(low + (high - low) * felt)


def chance_to_answer(satisfaction: float) -> float:
    """Those who are delighted or angry answer most."""
    return 0.25 + 0.9 * abs(satisfaction - 0.55)


def comment(random: Random, satisfaction: float) -> str | None:
    """A few words from every third."""
    if random.random() > 0.35:
        return None
    words = _DELIGHTED if satisfaction > 0.75 else _ANNOYED if satisfaction < 0.45 else _CONTENT
    return random.choice(words)


def _human(
    random: Random, person: Person, letter: Received, delivered: datetime, satisfaction: float
) -> Iterator[Reaction]:
    opens, clicks, leaves, complains = (random.random() for _ in range(4))
    opened = delivered + timedelta(hours=min(random.lognormvariate(0.8, 1.3), 96))
    if opens > 0.2 + 0.5 * satisfaction:
        return
    if not person.machine_opens:
        yield _event(MailEventKind.OPENED, letter, person, opened, actor=Actor.HUMAN)
    acted = opened + timedelta(seconds=random.uniform(20, 400))
    answer = letter.kind == "survey" and random.random() < chance_to_answer(satisfaction)
    if answer or clicks < 0.05 + 0.25 * satisfaction:
        yield _event(MailEventKind.CLICKED, letter, person, acted, actor=Actor.HUMAN, url=SHOP)
    if answer:
        given = None if letter.survey == "exit" else score(random, letter.survey, satisfaction)
        words, at = comment(random, satisfaction), acted + timedelta(seconds=30)
        why = random.choice(_REASONS_OF[satisfaction > 0.5]) if given is None else None
        yield Answered(letter.send_id, given, words, at, why)
    if leaves < 0.004 + 0.04 * (1 - satisfaction) ** 2:
        yield Unsubscribed(letter.send_id, acted + timedelta(seconds=60))
    if complains < 0.03 * (1 - satisfaction) ** 3:
        yield _event(MailEventKind.COMPLAINED, letter, person, acted + timedelta(seconds=90))


def _event(
    kind: MailEventKind,
    letter: Received,
    person: Person,
    at: datetime,
    *,
    actor: Actor | None = None,
    url: str | None = None,
    reason: str | None = None,
) -> MailEvent:
    who = f"-{actor}" if actor else ""
    return MailEvent(
        event_id=f"sample-{letter.send_id}-{kind}{who}",
        send_id=letter.send_id,
        kind=kind,
        at=at,
        address=person.email,
        actor=actor,
        url=url,
        reason=reason,
    )
