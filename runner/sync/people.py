"""Who is who: what a source says of a person is kept as it was said, and merged into our one contact."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from connectors.base import SetAside
from connectors.records import Contact, Link
from runner.store import Store
from runner.store.tables import companies, company_sources, contact_companies, contact_sources, contacts
from runner.sync.aside import well_again
from runner.sync.bulk import update_rows
from runner.sync.consent import ANSWERS, Word, keep_words
from runner.sync.counts import Stored
from runner.sync.derive import derive
from runner.sync.echo import differing, told_by_us
from runner.sync.joining import join
from runner.sync.mapped import fills
from runner.sync.matching import doubt, recognise, value_of
from runner.sync.merges import WAITING, keep_merges, separate
from runner.sync.person import Fields, Home, contact_fields, merged
from runner.sync.pointers import mark_stale, pointers
from runner.sync.rows import Pull, Row


@dataclass(frozen=True, slots=True)
class _Known:
    """A row of `contact_sources` as it stands."""

    number: int
    contact_id: int | None
    hash: str | None
    deleted: bool
    #: What it said before; None where nothing was said yet.
    fields: Fields | None = None
    #: Who was merged into it before it arrived.
    waiting: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class _Told:
    """A contact that is new or says something else than before."""

    source_id: str
    hash: str
    record: Contact
    fields: dict[str, Any]
    links: tuple[Link, ...]
    known: _Known | None

    @property
    def is_new(self) -> bool:
        """Nothing was said of it so far; a fact may have named it."""
        return self.known is None or self.known.contact_id is None

    @property
    def is_gone(self) -> bool:
        """Alive so far, and its own record calls it deleted."""
        return (
            self.record.deleted_at is not None and not self.is_new and self.known is not None and not self.known.deleted
        )


def store_contacts(connection: sa.Connection, store: Store, pull: Pull, rows: Sequence[Row]) -> Stored:
    """Keeps a chunk of contacts; those that are `gone` are named and left alive."""
    known = _known(connection, pull, rows)
    unchanged = [k.number for row in rows if (k := known.get(row.source_id)) and _says_the_same(row, k)]
    told, faults = _news(connection, rows, known)
    if not told:
        return Stored(unchanged, 0, 0)
    well_again(connection, pull, "contacts", [each.source_id for each in told if each.known])
    company_ids = {link.id for each in told for link in each.links}
    company = pointers(connection, store, pull, company_sources, company_ids)
    matches = recognise(connection, pull, {each.source_id: each.fields for each in told if each.is_new})
    created = _create(connection, pull, [e for e in told if e.is_new and e.source_id not in matches.people], company)
    person = (
        {e.source_id: e.known.contact_id for e in told if e.known and e.known.contact_id} | matches.people | created
    )
    numbers = _keep_sources(connection, pull, told, person)
    _keep_links(connection, told, numbers, company)
    derive(
        connection,
        store,
        pull,
        {person[e.source_id] for e in told} - set(created.values()),
        joined=set(matches.people.values()),
    )
    keep_words(connection, pull, [_word(each, person[each.source_id]) for each in told])
    rings = _keep_merges(connection, store, pull, told, person)
    waited = [person[each.source_id] for each in told if _needs_summary(each, joined=each.source_id in matches.people)]
    if waited:
        mark_stale(connection, store, sa.select(contacts.c.id).where(contacts.c.id.in_(waited)))
    new = sum(each.is_new for each in told)
    gone = [numbers[each.source_id] for each in told if each.is_gone]
    apart = _join(connection, store, pull, told, person)
    aside = [*faults, *matches.doubtful, *rings, *apart]
    news = frozenset(each.source_id for each in told)
    changed = len(told) - new - _echoed(connection, pull, told, person)
    return Stored([*unchanged, *numbers.values()], new, changed, aside, news, gone)


def _echoed(connection: sa.Connection, pull: Pull, told: Sequence[_Told], person: Mapping[str, int]) -> int:
    """How many say nothing else than what we have told them."""
    said = {e.source_id: differing(e.known.fields, e.fields) for e in told if e.known and e.known.fields is not None}
    ours = told_by_us(connection, pull, {person[source_id] for source_id in said})
    return sum(bool(of) and of.items() <= ours.get(person[id], {}).items() for id, of in said.items())


def _join(
    connection: sa.Connection, store: Store, pull: Pull, told: Sequence[_Told], person: Mapping[str, int]
) -> list[SetAside]:
    """Whose address came or changed may be somebody known; who is new may have been deleted before."""
    values = {each.source_id: value for each in told if (value := _new_value(pull, each)) is not None}
    apart = join(connection, store, pull, {person[source_id]: value for source_id, value in values.items()})
    known = {person[each.source_id]: each.source_id for each in told if not each.is_new}
    return [
        doubt(pull, known[contact_id], values[known[contact_id]], others)
        for contact_id, others in apart.items()
        if contact_id in known
    ]


def _new_value(pull: Pull, told: _Told) -> str | None:
    """What somebody is matched by, where the source did not say it before."""
    if told.record.deleted_at is not None:
        return None
    now, before = value_of(pull, told.fields), told.known.fields if told.known else None
    return now if now != (value_of(pull, before) if before else None) else None


def _needs_summary(told: _Told, *, joined: bool) -> bool:
    """Facts may have waited for it, it fills a summary's column, or no longer says since when it is a customer."""
    if told.is_new:
        return told.known is not None or joined or fills({}, told.fields["custom"])
    unmapped = "customer_since" not in told.fields and told.known and "customer_since" in (told.known.fields or {})
    return bool(unmapped)


def _known(connection: sa.Connection, pull: Pull, rows: Sequence[Row]) -> dict[str, _Known]:
    s = contact_sources.c
    here = s.connector == pull.connector, s.source_id.in_([row.source_id for row in rows])
    found = connection.execute(sa.select(s.source_id, s.id, s.contact_id, s.row_hash, s.deleted_at).where(*here))
    return {row.source_id: _Known(row.id, row.contact_id, row.row_hash, row.deleted_at is not None) for row in found}


def _says_the_same(row: Row, known: _Known) -> bool:
    """Also that it is deleted, where it is; who is deleted here and alive at the source comes back."""
    return row.hash == known.hash and known.deleted == (row.record.deleted_at is not None)


def _news(
    connection: sa.Connection, rows: Sequence[Row], known: Mapping[str, _Known]
) -> tuple[list[_Told], list[SetAside]]:
    news = [row for row in rows if row.source_id not in known or not _says_the_same(row, known[row.source_id])]
    s = contact_sources.c
    numbers = [known[row.source_id].number for row in news if row.source_id in known]
    before = dict(connection.execute(sa.select(s.id, s.fields).where(s.id.in_(numbers))).all()) if numbers else {}
    told: list[_Told] = []
    faults: list[SetAside] = []
    for row in news:
        fields = contact_fields(row.record)
        if fields.get("consent", "yes") not in ANSWERS:
            words = f"must be one of {', '.join(ANSWERS)}; it counts as unknown"
            faults.append(SetAside(f"contacts/{row.source_id}", "consent", fields.pop("consent"), words))
        k = known.get(row.source_id)
        past = before.get(k.number) if k and k.hash is not None else None
        if past and "merged_into" in fields:  # The source keeps a stone for it; what was known of it stays.
            fields = {**past, **fields, "custom": {**past["custom"], **fields["custom"]}}
        waiting = (before.get(k.number) or {}).get(WAITING, ()) if k and k.hash is None else ()
        knew = _Known(k.number, k.contact_id, k.hash, k.deleted, past, waiting) if k else None
        told.append(_Told(row.source_id, row.hash, row.record, fields, _links(row.record), knew))
    return told, faults


def _links(record: Contact) -> tuple[Link, ...]:
    """The companies, one of them primary where the source says so or there is no other."""
    links = record.companies
    primary = record.company_id or next((link.id for link in links if link.is_primary), None)
    if primary is None and len({link.id for link in links}) == 1:
        primary = links[0].id
    if primary is not None and primary not in {link.id for link in links}:
        links = (*links, Link(primary))
    return tuple(Link(link.id, link.label, link.id == primary) for link in links)


def _create(connection: sa.Connection, pull: Pull, told: Sequence[_Told], company: Mapping[str, int]) -> dict[str, int]:
    """New people, by source id."""
    if not told:
        return {}
    primary = {e.source_id: company[link.id] for e in told for link in e.links if link.is_primary}
    home = _homes(connection, set(primary.values()))
    people = [
        merged([each.fields], home.get(primary.get(each.source_id, 0)), pull.settings)
        | {
            "key": f"{pull.connector}:{each.source_id}",
            "deleted_at": each.record.deleted_at,
            "seen_at": pull.now,
            "changed_at": pull.now,
        }
        for each in told
    ]
    made = connection.execute(sa.insert(contacts).returning(contacts.c.key, contacts.c.id), people)
    number = {row.key: row.id for row in made}
    return {each.source_id: number[f"{pull.connector}:{each.source_id}"] for each in told}


def _homes(connection: sa.Connection, numbers: set[int]) -> dict[int, Home]:
    """Companies by their number in `company_sources`."""
    if not numbers:
        return {}
    found = sa.select(company_sources.c.id, companies.c.id.label("company"), companies.c.timezone).join_from(
        company_sources, companies, company_sources.c.company_id == companies.c.id
    )
    rows = connection.execute(found.where(company_sources.c.id.in_(sorted(numbers))))
    return {row.id: Home(row.company, row.timezone) for row in rows}


def _keep_sources(
    connection: sa.Connection, pull: Pull, told: Sequence[_Told], person: Mapping[str, int]
) -> dict[str, int]:
    """Number in `contact_sources` by source id."""
    s = contact_sources
    told_now = {
        each.source_id: {
            "contact_id": person[each.source_id],
            "fields": each.fields,
            "row_hash": each.hash,
            # Somebody alive stays so until it is known how many are gone.
            "deleted_at": None if each.is_gone else each.record.deleted_at,
        }
        for each in told
    }
    old = [{"number": e.known.number, **told_now[e.source_id]} for e in told if e.known]
    update_rows(connection, s, old)
    numbers = {e.source_id: e.known.number for e in told if e.known}
    new = [
        {"connector": pull.connector, "source_id": e.source_id, "seen_at": pull.now, **told_now[e.source_id]}
        for e in told
        if not e.known
    ]
    if new:
        numbers |= {
            row.source_id: row.id for row in connection.execute(sa.insert(s).returning(s.c.source_id, s.c.id), new)
        }
    return numbers


def _keep_links(
    connection: sa.Connection, told: Sequence[_Told], numbers: Mapping[str, int], company: Mapping[str, int]
) -> None:
    c = contact_companies.c
    before = [each.known.number for each in told if each.known and each.known.fields is not None]
    if before:
        connection.execute(sa.delete(contact_companies).where(c.contact_source.in_(before)))
    links = {
        (numbers[each.source_id], company[link.id], link.label or ""): link.is_primary
        for each in told
        for link in each.links
    }
    if links:
        names = ("contact_source", "company_source", "label", "is_primary")
        connection.execute(
            sa.insert(contact_companies), [dict(zip(names, (*k, p), strict=True)) for k, p in links.items()]
        )


def _word(told: _Told, contact_id: int) -> Word:
    before = told.known.fields if told.known and told.known.fields else {}
    return Word(
        contact_id,
        told.record.opted_out,
        told.fields.get("consent"),
        before.get("consent"),
        frozenset(told.fields.get("opted_out_of", ())),
        frozenset(before.get("opted_out_of", ())),
    )


def _keep_merges(
    connection: sa.Connection, store: Store, pull: Pull, told: Sequence[_Told], person: Mapping[str, int]
) -> list[SetAside]:
    apart = [
        person[each.source_id]
        for each in told
        if "merged_into" not in each.fields and each.known and "merged_into" in (each.known.fields or {})
    ]
    if apart:
        separate(connection, store, apart, pull)
    waited = {source_id: each.source_id for each in told if each.known for source_id in each.known.waiting}
    survivors = {each.source_id: each.fields["merged_into"] for each in told if "merged_into" in each.fields}
    return keep_merges(connection, store, pull, waited | survivors)
