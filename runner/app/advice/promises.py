"""Answer times that a mail promises, held against how soon tickets were answered. A promise that is broken costs more
than none: people wait by it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from runner.app.advice.ground import Ground
from runner.app.advice.words import Text
from runner.duration import Duration
from runner.errors import Fault
from runner.settings import Settings
from runner.store.tables import tickets

#: The tickets looked at, the latest, and how many there must be.
LATEST, FEWEST = 200, 10
#: The share of promises missed that is too much.
BEARABLE = 0.2

_NUMBERS: Mapping[str, int] = {
    **dict.fromkeys(("a", "an", "one", "einem", "einer", "eines", "jednego", "une", "un", "una"), 1),
    **dict.fromkeys(("two", "zwei", "dwóch", "deux", "dos"), 2),
    **dict.fromkeys(("three", "drei", "trzech", "trois", "tres"), 3),
}
_UNITS = (
    (
        re.compile(r"(business|working) days?|werktag|arbeitstag|robocz|jours? ouvr|d[ií]as? (h[áa]bil|laborable)"),
        "business day",
    ),
    (re.compile(r"(business|working) hours?"), "business hour"),
    (re.compile(r"hour|\bh\b|stunde|godzin|heure|hora"), "hour"),
    (re.compile(r"day|tag|dni|dnia|jour|d[ií]a"), "day"),
)
_PROMISE = re.compile(
    r"\b(?:within|in less than|innerhalb(?: von)?|binnen|w ciągu|sous|dans les|d'ici|en menos de|dentro de"
    r"|en un plazo de)"
    r"\s+"
    rf"(?P<number>\d+|{'|'.join(_NUMBERS)})[\s-]*"
    r"(?P<unit>(?:business |working )?(?:hours?|days?)|h\b|stunden?|werktag\w*|arbeitstag\w*|tag\w*|godzin\w*"
    r"|dni(?: robocz\w+)?|dnia robocz\w+|heures?|jours?(?: ouvr\w+)?|horas?|d[ií]as?(?: h[áa]bil\w*| laborable\w*)?)",
    re.IGNORECASE,
)
#: Words of answering, near the promise: a parcel that comes within two days is none.
_ANSWER = re.compile(
    r"answer|repl(y|ies)|respon[ds]|get back|write back|hear from|call you|be in touch|antwort|melden"
    r"|odpow|odpis|oddzwon|répon|contest",
    re.IGNORECASE,
)
_NEAR = 80


def missed_promises(ground: Ground) -> Iterator[Fault]:
    """A promise that more than a fifth of the latest tickets did not keep."""
    promised = [
        (text, found, span)
        for playbook, step, mail in ground.mails()
        for text in ground.texts(playbook, step, mail)
        for found, span in _promises(text)
    ]
    answered = _answered(ground) if promised else []
    for text, found, span in promised:
        kept = [one for one in (_kept(*times, span, ground) for times in answered) if one is not None]
        if len(kept) >= FEWEST and (missed := 1 - sum(kept) / len(kept)) > BEARABLE:
            words = f"promises an answer {' '.join(found.split())!r}"
            told = f"{missed:.0%} of the last {len(kept)} tickets missed it"
            yield text.fault(text.words.find(found), f"{words}: {told}", "promise what is kept, or leave the time out")


def _promises(text: Text) -> Iterator[tuple[str, Duration]]:
    words = text.words
    for found in _PROMISE.finditer(words):
        if not _ANSWER.search(words[max(0, found.start() - _NEAR) : found.end() + _NEAR]):
            continue
        number = found["number"].lower()
        unit = next(unit for pattern, unit in _UNITS if pattern.search(found["unit"].lower()))
        yield found.group(), Duration(min(_NUMBERS.get(number) or int(number), 1000), unit)


def _answered(ground: Ground) -> list[tuple[datetime, datetime | None]]:
    """When the latest tickets came in, and when somebody answered."""
    if ground.connection is None:
        return []
    latest: sa.Select[Any] = (
        sa.select(tickets.c.created_at, tickets.c.first_reply_at)
        .where(tickets.c.deleted_at.is_(None), tickets.c.created_at <= ground.now)
        .order_by(tickets.c.created_at.desc())
        .limit(LATEST)
    )
    return [(came, replied) for came, replied in ground.connection.execute(latest)]


def _kept(came: datetime, replied: datetime | None, span: Duration, ground: Ground) -> bool | None:
    """None of a ticket whose time is not over."""
    settings: Settings = ground.settings
    until = span.after(came, settings.timezone, settings.calendar)
    if replied is None:
        return None if until > ground.now else False
    return replied <= until
