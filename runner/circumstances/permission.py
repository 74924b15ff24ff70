"""Whether somebody may be written to: who said no, and the latest word on a topic."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from runner.circumstances.people import living
from runner.store.functions import numbers_in, texts_in
from runner.store.tables import consents, contacts, suppressions

#: The topic of a word about everything that is not service mail.
MARKETING = "marketing"
#: Suppressions that a service mail does not heed; any other binds every mail.
MARKETING_NOES = ("unsubscribed", "crm")
# What every batch asks is written once: building a statement takes longer than answering it.
_SOME = numbers_in(sa.bindparam("ids", type_=sa.Text()))


def suppressed(connection: sa.Connection, people: Mapping[int, Mapping[str, Any]]) -> dict[int, tuple[str, datetime]]:
    """A no binds the person or the address; told is the first one that binds every mail, else the first of all."""
    by_address: dict[str, list[int]] = {}
    for id, person in people.items():
        if person["address"]:
            by_address.setdefault(person["address"], []).append(id)
    rows = connection.execute(_NOES, {"ids": json.dumps(list(people)), "addresses": json.dumps(list(by_address))})
    found: dict[int, tuple[str, datetime]] = {}
    for contact_id, address, reason, at in rows:
        for id in {contact_id} & people.keys() | set(by_address.get(address, ())):
            found[id] = (reason, at)
    return found


_NOES = (
    sa.select(suppressions.c.contact_id, suppressions.c.address, suppressions.c.reason, suppressions.c.at)
    .where(
        suppressions.c.lifted_at.is_(None),
        sa.or_(
            suppressions.c.contact_id.in_(_SOME),
            suppressions.c.address.in_(texts_in(sa.bindparam("addresses", type_=sa.Text()))),
        ),
    )
    .order_by(suppressions.c.reason.not_in(MARKETING_NOES).asc(), suppressions.c.at.desc(), suppressions.c.id.desc())
)


def latest_words(connection: sa.Connection, ids: Sequence[int], topic: str) -> dict[int, str]:
    """The word of each person that counts for the topic, whoever they were when they said it."""
    return words_on(_said(connection, ids, [topic]), topic)


def _said(connection: sa.Connection, ids: Sequence[int], topics: Sequence[str]) -> Sequence[Any]:
    """What these people said of the topics, and of all marketing, oldest first."""
    return connection.execute(_WORDS, {"ids": json.dumps(list(ids)), "topics": [*topics, MARKETING]}).all()


def words_on(said: Iterable[Any], topic: str) -> dict[int, str]:
    """Of (person, topic, word), oldest first: what was said of the topic itself goes before a yes to all.

    A no to all ends everything that was said before it.
    """
    found: dict[int, str] = {}
    own: set[int] = set()
    for person, about, word in said:
        if about == topic:
            own.add(person)
        elif about != MARKETING or (word != "no" and person in own):
            continue
        else:
            own.discard(person)
        found[person] = word
    return found


_WORDS = (
    sa.select(living(consents.c.contact_id), consents.c.topic, consents.c.answer)
    .where(
        sa.or_(
            consents.c.contact_id.in_(_SOME),
            consents.c.contact_id.in_(sa.select(contacts.c.id).where(contacts.c.merged_into.in_(_SOME))),
        ),
        consents.c.topic.in_(sa.bindparam("topics", expanding=True)),
    )
    .order_by(consents.c.at, consents.c.id)
)


def words_of(connection: sa.Connection, person: int, topics: Sequence[str]) -> dict[str, str | None]:
    """The word of one person that counts for each of these topics."""
    said = _said(connection, [person], topics)
    return {topic: words_on(said, topic).get(person) for topic in topics}
