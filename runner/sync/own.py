"""What playbooks have set on a contact: our own word goes first until the sources say something new of the field.

A CRM that says again what it said then undoes nothing; one that says something else has been told it by a person, and
one that says what we say has taken it over. In both cases our word is over, and none can start a ring.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from runner.store.tables import own_words
from runner.sync.bulk import AnyRow
from runner.sync.person import Fields

#: Rows of `own_words`.
Words = Sequence[AnyRow]


def words_of(connection: sa.Connection, contact_ids: Collection[int]) -> Mapping[int, Words]:
    """Our own words on these people."""
    w = own_words.c
    chosen = sa.select(w.contact_id, w.field, w.value, w.over).where(w.contact_id.in_(sorted(contact_ids)))
    found: dict[int, list[AnyRow]] = defaultdict(list)
    for row in connection.execute(chosen):
        found[row.contact_id].append(row)
    return found


def standing(words: Words, sources: Sequence[Fields], columns: Collection[str]) -> tuple[Fields, list[str]]:
    """What our words say while they stand, as one more source, and the fields in which they are over."""
    said: dict[str, Any] = {"custom": {}}
    over: list[str] = []
    for word in words:
        if _told(sources, word.field, columns) != word.over:
            over.append(word.field)
        elif word.field in columns:
            said[word.field] = word.value
        else:
            said["custom"][word.field] = word.value
    return said, over


def forget(connection: sa.Connection, over: Mapping[int, Sequence[str]]) -> None:
    w = own_words.c
    gone = [{"person": person, "name": name} for person, names in over.items() for name in names]
    if gone:
        mine = w.contact_id == sa.bindparam("person"), w.field == sa.bindparam("name")
        connection.execute(sa.delete(own_words).where(*mine), gone)


def holders(connection: sa.Connection) -> list[int]:
    """Everybody on whom a playbook has set something that still stands."""
    return list(connection.scalars(sa.select(own_words.c.contact_id).distinct().order_by(own_words.c.contact_id)))


def _told(sources: Sequence[Fields], name: str, columns: Collection[str]) -> Any:
    """The first word of the sources on a field."""
    told = sources if name in columns else [source.get("custom", {}) for source in sources]
    return next((source[name] for source in told if name in source), None)
