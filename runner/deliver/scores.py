"""The score that somebody gave, whichever way it came, waits in the outbox for every CRM with a field for it.

A CRM's first look tells it nothing: answers of years before are not poured over it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from runner.deliver.office import Office
from runner.outbox import Told, tell
from runner.store.functions import unindexed
from runner.store.memory import remember
from runner.store.tables import answers, contact_sources, contacts, meta, surveys, writes

#: The key in `meta` of since when each CRM is told of answers.
SCORES_SINCE = "scores_told_since:"
#: Another process commits an answer some time after the moment at which it saw it.
OVERLAP = timedelta(hours=1)
#: The kinds whose last score a contact carries.
KINDS = ("nps", "csat")
#: People of one transaction.
CHUNK = 250


def queue_scores(office: Office, name: str, now: datetime) -> None:
    """What came of late, once; nothing is read where the CRM keeps no score."""
    mapped = office.settings.connectors[name].get("fields") or {}
    kept = {str(ours).removeprefix("contact.") for ours in mapped}
    if not kept.intersection(f"{kind}_score" for kind in KINDS):
        return
    key = f"{SCORES_SINCE}{name}"
    with office.store.read() as connection:
        before = connection.scalar(sa.select(meta.c.value).where(meta.c.key == key))
        since = datetime.fromisoformat(before) if before else None
        told = _told(connection, name, kept, since) if since else []
    for start in range(0, len(told), CHUNK):
        _queue(office, name, told[start : start + CHUNK], now)
    if since is None:
        _look_from(office, key, now)
    elif now - since >= 2 * OVERLAP:
        _look_from(office, key, now - OVERLAP)


def _queue(office: Office, name: str, told: Sequence[Told], now: datetime) -> None:
    with office.store.read() as connection:
        before = set(connection.scalars(sa.select(writes.c.id).where(writes.c.id.in_([one.id for one in told]))))
    if new := [one for one in told if one.id not in before]:
        with office.store.write() as connection:
            tell(connection, office.store, [name], new, now)


def _look_from(office: Office, key: str, at: datetime) -> None:
    with office.store.write() as connection:
        remember(connection, office.store, key, at.isoformat())


def _told(connection: sa.Connection, name: str, kept: Collection[str], since: datetime) -> list[Told]:
    rows = connection.execute(_SCORES, {"crm": name, "since": since}).mappings()
    return [told for row in rows if (told := _worded(name, row, kept)) is not None]


def _worded(name: str, row: Any, kept: Collection[str]) -> Told | None:
    """A person's score as it stands, with its time where the CRM keeps that; None where it is no news there."""
    score_field, at_field = f"{row['kind']}_score", f"{row['kind']}_at"
    score, there = row[score_field], (row["fields"] or {}).get("custom", {}).get(score_field)
    if score_field not in kept or score is None or (row["only_theirs"] and score == there):
        return None
    said = {score_field: int(score), at_field: row[at_field].isoformat()}
    words = "|".join((name, str(row["person"]), row["seen_at"].isoformat(), *map(str, said.values()), score_field))
    id = f"score-{hashlib.blake2b(words.encode(), digest_size=16).hexdigest()}"
    fields = {ours: value for ours, value in said.items() if ours in kept}
    return Told(id, row["person"], "property", {"fields": fields})


# --- who answered


def _answers() -> sa.Subquery:
    """Answers on our pages, and those that connectors told: whose, of which kind, and whether the CRM told it."""
    a, s = answers.c, surveys.c
    since, crm = sa.bindparam("since", type_=a.seen_at.type), sa.bindparam("crm", type_=sa.Text())
    kind = sa.func.lower(sa.func.trim(s.kind))
    ours = sa.select(a.contact_id, a.kind, a.seen_at, sa.literal(0).label("theirs"))
    told = sa.select(contact_sources.c.contact_id, kind, s.seen_at, sa.case((s.connector == crm, 1), else_=0))
    # Sources are looked up for few rows, however few sources there are.
    told = told.join_from(surveys, contact_sources, unindexed(s.contact_source) == contact_sources.c.id)
    return sa.union_all(
        ours.where(a.seen_at > since, a.score.is_not(None), a.kind.in_(KINDS)),
        told.where(s.seen_at > since, s.score.is_not(None), s.deleted_at.is_(None), kind.in_(KINDS)),
    ).subquery()


def _people() -> sa.Subquery:
    """Who answered, or whoever they were merged into, and when their last answer of a kind was seen."""
    given, person = _answers(), sa.func.coalesce(contacts.c.merged_into, contacts.c.id).label("person")
    last, only = sa.func.max(given.c.seen_at).label("seen_at"), sa.func.min(given.c.theirs).label("only_theirs")
    people = sa.select(person, given.c.kind, last, only).join_from(given, contacts, contacts.c.id == given.c.contact_id)
    return people.group_by(person, given.c.kind).subquery()


def _scores() -> sa.Select[Any]:
    """Their scores as they stand, and what the CRM said of them, of those whom it knows."""
    people, s, c = _people(), contact_sources.c, contacts.c
    chosen = sa.select(people, c.nps_score, c.nps_at, c.csat_score, c.csat_at, s.fields)
    chosen = chosen.join_from(people, contacts, c.id == people.c.person).join(contact_sources, s.contact_id == c.id)
    there = s.connector == sa.bindparam("crm"), s.row_hash.is_not(None), s.deleted_at.is_(None)
    return chosen.where(*there).order_by(people.c.seen_at, s.id)


_SCORES = _scores()
