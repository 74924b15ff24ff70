"""Which kinds of mail a person wants, topic by topic, as they say on their own page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from runner.circumstances import words_of
from runner.collect.consent import PAGE, say
from runner.collect.people import living, lock
from runner.links import Ticket
from runner.store import Store


def wanted(store: Store, ticket: Ticket, topics: Sequence[str], *, unless_said: bool) -> dict[str, bool]:
    """Whether the person of this link gets each topic; of which nothing was said, `unless_said`."""
    with store.read() as connection:
        person = living(connection, [ticket.contact_id]).get(ticket.contact_id, ticket.contact_id)
        words = words_of(connection, person, topics)
    return {topic: unless_said if word in (None, "unknown") else word == "yes" for topic, word in words.items()}


def choose(
    store: Store, ticket: Ticket, topics: Iterable[str], chosen: Iterable[str], now: datetime
) -> Mapping[str, str]:
    """From this commit on the person gets the chosen ones of these topics. What was said already is not said again."""
    choices = set(chosen)
    with store.write() as connection:
        person = living(connection, [ticket.contact_id]).get(ticket.contact_id)
        if person is None:
            return {}
        lock(connection, [person])
        before = words_of(connection, person, list(topics))
        said = {topic: "yes" if topic in choices else "no" for topic in before}
        changed = {topic: word for topic, word in said.items() if before[topic] != word}
        for topic, word in changed.items():
            say(connection, person, topic, word, PAGE, now, f"link of send {ticket.send_id}")
    return changed
