"""What a source says about being written to: its no binds at once, its yes never overrules a no it did not say."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from runner.store.tables import consents, suppressions
from runner.sync.rows import Pull

#: The topic of a CRM's consent, which knows no finer one.
TOPIC = "marketing"
ANSWERS = ("yes", "no", "unknown")
#: Suppressions by which a person, and not only an address, may not be written to.
_PERSONAL = ("unsubscribed", "complained", "crm", "manual")


@dataclass(frozen=True, slots=True)
class Word:
    """What one source says of one person now, and its consent before."""

    contact_id: int
    opted_out: bool | None
    consent: str | None
    consent_before: str | None = None
    #: The topics it says no to, and did before.
    noes: frozenset[str] = frozenset()
    noes_before: frozenset[str] = frozenset()

    @property
    def answer(self) -> str:
        return self.consent or "unknown"


def keep_words(connection: sa.Connection, pull: Pull, words: Sequence[Word]) -> None:
    """Suppressions and consents for what changed; said twice it changes nothing."""
    _suppress(connection, pull, {word.contact_id for word in words if word.opted_out})
    _lift(connection, pull, {word.contact_id for word in words if word.opted_out is False})
    _consent(
        connection, pull, [word for word in words if (word.consent or "unknown") != (word.consent_before or "unknown")]
    )
    _topics(connection, pull, [word for word in words if word.noes != word.noes_before])


def said_no(connection: sa.Connection, contact_ids: Iterable[int]) -> set[int]:
    """Those of them who may not be written to by a no that is in force."""
    people = sorted(contact_ids)
    if not people:
        return set()
    bound = suppressions.c.contact_id.in_(people), suppressions.c.lifted_at.is_(None)
    return set(
        connection.scalars(sa.select(suppressions.c.contact_id).where(*bound, suppressions.c.reason.in_(_PERSONAL)))
    )


def inherit(connection: sa.Connection, contact_id: int, survivor: int) -> None:
    """The no of somebody merged binds the survivor: it is the same person."""
    open_ones = sa.select(suppressions).where(suppressions.c.lifted_at.is_(None))
    noes = connection.execute(open_ones.where(suppressions.c.contact_id == contact_id)).mappings().all()
    known = connection.execute(open_ones.where(suppressions.c.contact_id == survivor)).all()
    has = {(row.reason, row.source, row.address) for row in known}
    for no in noes:
        if (no["reason"], no["source"], no["address"]) not in has:
            copied = {name: value for name, value in no.items() if name != "id"}
            connection.execute(sa.insert(suppressions).values(**{**copied, "contact_id": survivor}))


def _suppress(connection: sa.Connection, pull: Pull, contact_ids: set[int]) -> None:
    if not contact_ids:
        return
    bound = set(connection.scalars(sa.select(suppressions.c.contact_id).where(_ours(pull, contact_ids))))
    new = [
        {"contact_id": contact_id, "reason": "crm", "source": pull.connector, "at": pull.now}
        for contact_id in sorted(contact_ids - bound)
    ]
    if new:
        connection.execute(sa.insert(suppressions), new)


def _lift(connection: sa.Connection, pull: Pull, contact_ids: set[int]) -> None:
    if contact_ids:
        lifted = sa.update(suppressions).values(lifted_at=pull.now, lifted_by=pull.connector)
        connection.execute(lifted.where(_ours(pull, contact_ids)))


def _ours(pull: Pull, contact_ids: set[int]) -> sa.ColumnElement[bool]:
    """Of these people's suppressions those in force that this source made."""
    return sa.and_(
        suppressions.c.contact_id.in_(sorted(contact_ids)),
        suppressions.c.reason == "crm",
        suppressions.c.source == pull.connector,
        suppressions.c.lifted_at.is_(None),
    )


def _consent(connection: sa.Connection, pull: Pull, words: Sequence[Word]) -> None:
    refused = _refused_elsewhere(connection, pull, [word.contact_id for word in words]) if words else set()
    new = [
        {
            "contact_id": word.contact_id,
            "topic": TOPIC,
            "answer": word.answer,
            "source": pull.connector,
            "at": pull.now,
        }
        for word in words
        if word.consent == "no" or word.contact_id not in refused
    ]
    if new:
        connection.execute(sa.insert(consents), new)


def _topics(connection: sa.Connection, pull: Pull, words: Sequence[Word]) -> None:
    """A no that the source takes back is no yes: it is as if nothing had been said, unless somebody else has since."""
    if not words:
        return
    last = _last_words(connection, [word.contact_id for word in words])
    told = [(word.contact_id, topic, "no") for word in words for topic in sorted(word.noes - word.noes_before)]
    told += [
        (word.contact_id, topic, "unknown")
        for word in words
        for topic in sorted(word.noes_before - word.noes)
        if last.get((word.contact_id, topic)) == pull.connector
    ]
    if told:
        rows = [dict(zip(("contact_id", "topic", "answer"), one, strict=True)) for one in told]
        connection.execute(sa.insert(consents), [row | {"source": pull.connector, "at": pull.now} for row in rows])


def _last_words(connection: sa.Connection, contact_ids: Sequence[int]) -> dict[tuple[int, str], str]:
    """Who spoke last of each person and topic."""
    c = consents.c
    said = sa.select(c.contact_id, c.topic, c.source).where(c.contact_id.in_(contact_ids)).order_by(c.at, c.id)
    return {(row.contact_id, row.topic): row.source for row in connection.execute(said)}


def _refused_elsewhere(connection: sa.Connection, pull: Pull, contact_ids: Sequence[int]) -> set[int]:
    """Who said no last to somebody else than this source: to us on a page, or to another connector."""
    others = sa.select(consents.c.contact_id, consents.c.answer).where(
        consents.c.contact_id.in_(contact_ids), consents.c.source != pull.connector
    )
    last = {row.contact_id: row.answer for row in connection.execute(others.order_by(consents.c.at, consents.c.id))}
    return {contact_id for contact_id, answer in last.items() if answer == "no"}
