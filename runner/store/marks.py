"""Who changed: the database itself notes every contact of whom something changed that a trigger or condition may see.

Not the code that writes, which may forget it: whoever is not noted is not looked at before the next nightly full look.
What concerns all people of a company is noted once, of the company.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from runner.store.engine import Store
from runner.store.functions import json_number
from runner.store.tables import (
    changed_contacts,
    company_sources,
    contact_companies,
    contact_sources,
    contacts,
    facts,
)

#: With more changes than this it costs less to look at everybody.
MANY = 20_000
#: Notes deleted in one transaction.
_CHUNK = 10_000

# --- reading them


@dataclass(frozen=True, slots=True)
class Marks:
    """The changes that a tick has seen."""

    contacts: Sequence[int] = ()
    #: The numbers of the notes, from and to: between the two none is missing.
    runs: Sequence[tuple[int, int]] = ()
    #: Whether there are so many that `contacts` does not list them.
    many: bool = False
    #: Companies that people came to or left, who themselves are among `contacts`.
    staff_changed: Sequence[int] = ()


def marks_of(connection: sa.Connection) -> Marks:
    """Every change noted so far. One that is written meanwhile is not among them and stays noted."""
    people: set[int] = set()
    firms: set[int] = set()
    staff_changed: set[int] = set()
    runs: list[tuple[int, int]] = []
    many = False
    chosen = sa.select(changed_contacts).order_by(changed_contacts.c.id)
    for number, contact, company in connection.execute(chosen.execution_options(yield_per=_CHUNK)):
        runs.append((runs.pop()[0], number) if runs and runs[-1][1] == number - 1 else (number, number))
        many = many or len(people) + len(firms) > MANY or (contact is None and company is None)
        if many:
            continue
        if contact is not None:
            people.add(contact)
        if company is not None:
            (firms if contact is None else staff_changed).add(company)
    if not many:
        people |= _people_of(connection, firms)
    if many or len(people) > MANY:
        return Marks((), runs, many=True)
    return Marks(sorted(people), runs, staff_changed=sorted(staff_changed))


def _people_of(connection: sa.Connection, firms: Set[int]) -> set[int]:
    if not firms:
        return set()
    named = {"firms": json.dumps(sorted(firms))}
    return {id for chosen in (_EMPLOYED, _STAFF) for id in connection.scalars(chosen, named)}


def _listed(name: str) -> Any:
    """The numbers in a JSON parameter."""
    row = sa.func.json_rows(sa.bindparam(name, type_=sa.Text())).table_valued(sa.column("value"))
    return sa.select(json_number(row.c.value))


#: Whose main company it is, and whom any source tells of as one of its people.
_EMPLOYED = sa.select(contacts.c.id).where(
    contacts.c.company_id.is_not(None), contacts.c.company_id.in_(_listed("firms"))
)
_STAFF = (
    sa.select(sa.func.coalesce(contacts.c.merged_into, contacts.c.id))
    .join_from(company_sources, contact_companies, contact_companies.c.company_source == company_sources.c.id)
    .join(contact_sources, contact_sources.c.id == contact_companies.c.contact_source)
    .join(contacts, contacts.c.id == contact_sources.c.contact_id)
    .where(company_sources.c.company_id.in_(_listed("firms")))
)


def colleagues(connection: sa.Connection, marks: Marks) -> set[int]:
    """Everybody of the companies of those who changed, and of those that somebody came to or left."""
    named = {"people": json.dumps(list(marks.contacts))}
    theirs = {firm for chosen in _FIRMS for firm in connection.scalars(chosen, named)}
    return _people_of(connection, theirs.union(marks.staff_changed))


_own = contacts.alias("own")
_FIRMS = [
    sa.select(company_sources.c.company_id)
    .join_from(_own, contact_sources, contact_sources.c.contact_id == _own.c.id)
    .join(contact_companies, contact_companies.c.contact_source == contact_sources.c.id)
    .join(company_sources, company_sources.c.id == contact_companies.c.company_source)
    .where(company_sources.c.company_id.is_not(None), me.in_(_listed("people")))
    .distinct()
    for me in (_own.c.id, _own.c.merged_into)
]


def forget(store: Store, marks: Marks) -> None:
    """These changes have been looked at, by every playbook."""
    for portion in _portions(marks.runs):
        with store.write() as connection:
            for first, last in portion:
                seen = changed_contacts.c.id.between(first, last)
                connection.execute(changed_contacts.delete().where(seen))


def _portions(runs: Sequence[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
    """The runs in transactions of a size that lets others write in between."""
    portion: list[tuple[int, int]] = []
    room = _CHUNK
    for first, last in runs:
        while first <= last:
            end = min(last, first + room - 1)
            portion.append((first, end))
            room -= end - first + 1
            first = end + 1
            if not room:
                yield portion
                portion, room = [], _CHUNK
    if portion:
        yield portion


# --- writing them: the database's own triggers

_FROM_PERSON = "FROM contact_sources s JOIN contacts c ON c.id = s.contact_id"
_PERSON = f"SELECT coalesce(c.merged_into, c.id) {_FROM_PERSON}"
_FIRM = "SELECT company_id FROM company_sources"
_DEAL = "FROM deals WHERE id = {0}"
#: What a column holds → the contacts it leads to, or the companies.
_WHOSE: Mapping[str, Mapping[str, str]] = {
    "contact": {"contact_id": "SELECT {0} WHERE {0} IS NOT NULL"},
    "contact_source": {"contact_id": f"{_PERSON} WHERE s.id = {{0}}"},
    "company": {"company_id": "SELECT {0} WHERE {0} IS NOT NULL"},
    "company_source": {"company_id": f"{_FIRM} WHERE id = {{0}} AND company_id IS NOT NULL"},
    "deal": {
        "contact_id": f"{_PERSON} WHERE s.id = (SELECT contact_source {_DEAL})",
        "company_id": f"{_FIRM} WHERE id = (SELECT company_source {_DEAL}) AND company_id IS NOT NULL",
    },
    # Rates of exchange: what anybody's amounts come to.
    "rate": {"contact_id": "SELECT CAST(NULL AS BIGINT) WHERE {0} IS NOT NULL"},
    "colleague": {
        "contact_id, company_id": "SELECT coalesce(c.merged_into, c.id),"
        f" ({_FIRM} WHERE id = {{row}}.company_source) {_FROM_PERSON} WHERE s.id = {{0}}"
    },
}
#: Table → its columns that lead to contacts, with what they hold.
_WATCHED: Mapping[str, Mapping[str, str]] = {
    "contacts": {"id": "contact", "merged_into": "contact"},
    "companies": {"id": "company"},
    "contact_sources": {"contact_id": "contact"},
    "company_sources": {"company_id": "company"},
    "contact_companies": {"contact_source": "colleague"},
    "deal_contacts": {"contact_source": "contact_source"},
    "deal_changes": {"deal_id": "deal"},
    "fx": {"id": "rate"},
    "purchases": {"contact_id": "contact"},
    "answers": {"contact_id": "contact"},
    "consents": {"contact_id": "contact"},
} | {
    name: {column: column for column in ("contact_source", "company_source") if column in table.c}
    for name, table in facts.items()
    if name != "fx"
}
#: Tables of which a row says nothing by itself: it matters when it comes to lead to somebody else.
_IDENTITIES = ("contact_sources", "company_sources")


def install(connection: sa.Connection) -> None:
    """Makes the triggers anew, as they are written here."""
    for table, columns in _WATCHED.items():
        if columns:
            make = _on_sqlite if connection.dialect.name == "sqlite" else _on_postgresql
            for statement in make(table, columns):
                connection.exec_driver_sql(statement)


def _on_sqlite(table: str, columns: Mapping[str, str]) -> Iterator[str]:
    for event in ("INSERT", "UPDATE", "DELETE"):
        name = f"mark_{table}_{event.lower()}"
        body = "; ".join(_notes(table, columns, event, differs="IS NOT"))
        yield f"DROP TRIGGER IF EXISTS {name}"
        yield f"CREATE TRIGGER {name} AFTER {event} ON {table} BEGIN {body}; END"


def _on_postgresql(table: str, columns: Mapping[str, str]) -> Iterator[str]:
    for event in ("INSERT", "UPDATE", "DELETE"):
        name = f"mark_{table}_{event.lower()}"
        body = "; ".join(_notes(table, columns, event, differs="IS DISTINCT FROM"))
        yield f"DROP TRIGGER IF EXISTS {name} ON {table}"
        yield (
            f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql"
            f" AS $$ BEGIN {body}; RETURN NULL; END $$"
        )
        yield f"CREATE TRIGGER {name} AFTER {event} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()"


def _notes(table: str, columns: Mapping[str, str], event: str, *, differs: str) -> Iterator[str]:
    """INSERTs that note whom a row led to before and leads to now, each once."""
    for column, kind in columns.items():
        moved = f"old.{column} {differs} new.{column}"
        if event != "DELETE":
            stays = event == "UPDATE" and (table in _IDENTITIES or column == "merged_into")
            yield from _note(kind, f"new.{column}", moved if stays else "")
        if event != "INSERT":
            yield from _note(kind, f"old.{column}", moved if event == "UPDATE" else "")


def _note(kind: str, value: str, condition: str) -> Iterator[str]:
    for noted, whose in _WHOSE[kind].items():
        only = f" AND {condition}" if condition else ""
        yield f"INSERT INTO changed_contacts ({noted}) {whose.format(value, row=value[:3])}{only}"
