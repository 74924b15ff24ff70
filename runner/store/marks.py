"""Who changed: the database itself notes every contact of whom something changed that a trigger or condition may see.

Not the code that writes, which may forget it: whoever is not noted is not looked at before the next nightly full look.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from runner.store.engine import Store
from runner.store.tables import changed_contacts, facts

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


def marks_of(connection: sa.Connection) -> Marks:
    """Every change noted so far. One that is written meanwhile is not among them and stays noted."""
    chosen = sa.select(changed_contacts.c.id, changed_contacts.c.contact_id).order_by(changed_contacts.c.id)
    people: set[int] = set()
    runs: list[tuple[int, int]] = []
    many = False
    for number, contact in connection.execute(chosen.execution_options(yield_per=_CHUNK)):
        runs.append((runs.pop()[0], number) if runs and runs[-1][1] == number - 1 else (number, number))
        many = many or len(people) > MANY
        if not many:
            people.add(contact)
    return Marks((), runs, many=True) if many else Marks(sorted(people), runs)


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

_PERSON = "SELECT coalesce(c.merged_into, c.id) FROM contact_sources s JOIN contacts c ON c.id = s.contact_id WHERE"
_STAFF = "SELECT contact_source FROM contact_companies WHERE company_source"
#: What a column holds → the contacts it leads to.
_WHOSE: Mapping[str, str] = {
    "contact": "SELECT {0} WHERE {0} IS NOT NULL",
    "contact_source": f"{_PERSON} s.id = {{0}}",
    "company_source": f"{_PERSON} s.id IN ({_STAFF} = {{0}})",
    "company": "SELECT id FROM contacts WHERE company_id = {0}",
}
#: Table → its columns that lead to contacts, with what they hold.
_WATCHED: Mapping[str, Mapping[str, str]] = {
    "contacts": {"id": "contact", "merged_into": "contact"},
    "companies": {"id": "company"},
    "contact_sources": {"contact_id": "contact"},
    "contact_companies": {"contact_source": "contact_source"},
    "deal_contacts": {"contact_source": "contact_source"},
    "purchases": {"contact_id": "contact"},
    "answers": {"contact_id": "contact"},
    "consents": {"contact_id": "contact"},
} | {
    name: {column: column for column in ("contact_source", "company_source") if column in table.c}
    for name, table in facts.items()
}
#: Tables of which a row says nothing by itself: it matters when it comes to lead to somebody else.
_IDENTITIES = ("contact_sources",)


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
            yield _note(kind, f"new.{column}", moved if stays else "")
        if event != "INSERT":
            yield _note(kind, f"old.{column}", moved if event == "UPDATE" else "")


def _note(kind: str, value: str, condition: str) -> str:
    whose = _WHOSE[kind].format(value) + (f" AND {condition}" if condition else "")
    return f"INSERT INTO changed_contacts (contact_id) {whose}"
