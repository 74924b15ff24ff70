"""The database itself notes every contact of whom something changed that a trigger or condition may see, and what.

Not the code that writes, which may forget it. What concerns all people of a company is noted once, of the company.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import sqlalchemy as sa

from runner.store.tables import contacts, facts

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
#: What comes back on a mail, for those who wait for it. Only these are noted: a mail that goes out is no news.
_CAME_BACK = ("answered_at", "clicked", "clicked_at")
#: Tables of which a row says nothing by itself: it matters when it comes to lead to somebody else.
_IDENTITIES = ("contact_sources", "company_sources")


#: What is written of very many contacts in a night, and by itself: it is noted without a look at their other columns.
_ALONE = "churn_risk"
_BUT_ALONE = f"UPDATE OF {', '.join(column.name for column in contacts.c if column.name != _ALONE)}"


def install(connection: sa.Connection) -> None:
    """Makes the triggers anew, as they are written here."""
    on_sqlite = connection.dialect.name == "sqlite"
    make, differs = (_on_sqlite, "IS NOT") if on_sqlite else (_on_postgresql, "IS DISTINCT FROM")
    for name, table, event, noted in _triggers(differs):
        for statement in make(f"mark_{name}", table, event, "; ".join(noted)):
            connection.exec_driver_sql(statement)


def _triggers(differs: str) -> Iterator[tuple[str, str, str, Iterator[str]]]:
    """Names, tables, what happens to their rows, and the INSERTs that note it."""
    for table, columns in _WATCHED.items():
        if columns:
            for event in ("INSERT", "UPDATE", "DELETE"):
                after = _BUT_ALONE if (table, event) == ("contacts", "UPDATE") else event
                yield f"{table}_{event.lower()}", table, after, _notes(table, columns, event, differs)
    yield f"contacts_{_ALONE}", "contacts", f"UPDATE OF {_ALONE}", _scored(differs)
    yield "sends_update", "sends", f"UPDATE OF {', '.join(_CAME_BACK)}", _what_came_back(differs)


def _scored(differs: str) -> Iterator[str]:
    note = "INSERT INTO changed_contacts (what, contact_id)"
    yield f"{note} SELECT 'contacts.{_ALONE} ', new.id WHERE old.{_ALONE} {differs} new.{_ALONE}"


def _on_sqlite(name: str, table: str, event: str, body: str) -> Iterator[str]:
    yield f"DROP TRIGGER IF EXISTS {name}"
    yield f"CREATE TRIGGER {name} AFTER {event} ON {table} BEGIN {body}; END"


def _on_postgresql(name: str, table: str, event: str, body: str) -> Iterator[str]:
    yield f"DROP TRIGGER IF EXISTS {name} ON {table}"
    yield (
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body}; RETURN NULL; END $$"
    )
    yield f"CREATE TRIGGER {name} AFTER {event} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()"


def _notes(table: str, columns: Mapping[str, str], event: str, differs: str) -> Iterator[str]:
    """INSERTs that note whom a row led to before and leads to now, each once."""
    for column, kind in columns.items():
        moved = f"old.{column} {differs} new.{column}"
        what, only = f"'{table}'", ""
        if event == "UPDATE" and table == "contacts" and column == "id":
            yield _what_changed(differs)
            continue
        if event == "UPDATE" and (table in _IDENTITIES or column == "merged_into"):
            what, only = f"'{table}.{column}'" if table == "contacts" else what, moved
        if event != "DELETE":
            yield from _note(kind, f"new.{column}", what, only)
        if event != "INSERT":
            yield from _note(kind, f"old.{column}", what, moved if event == "UPDATE" else "")


def _what_changed(differs: str) -> str:
    """Notes a contact with the words for the columns whose values are others now, if there are any."""
    names = [column.name for column in contacts.c if column.name not in ("id", _ALONE)]
    words = [f"CASE WHEN old.{name} {differs} new.{name} THEN 'contacts.{name} ' ELSE '' END" for name in names]
    # LIMIT: or else it would compare them all twice.
    changed = f"(SELECT {' || '.join(words)} AS what, new.id AS id LIMIT 1) AS changed"
    return (
        "INSERT INTO changed_contacts (what, contact_id)"
        f" SELECT changed.what, changed.id FROM {changed} WHERE changed.what <> ''"
    )


def _what_came_back(differs: str) -> Iterator[str]:
    moved = " OR ".join(f"old.{name} {differs} new.{name}" for name in _CAME_BACK)
    yield (
        "INSERT INTO changed_contacts (what, contact_id) SELECT 'sends', coalesce(merged_into, id)"
        f" FROM contacts WHERE id = new.contact_id AND ({moved})"
    )


def _note(kind: str, value: str, what: str, condition: str) -> Iterator[str]:
    for noted, whose in _WHOSE[kind].items():
        only = f" AND {condition}" if condition else ""
        told = whose.format(value, row=value[:3]).removeprefix("SELECT ")
        yield f"INSERT INTO changed_contacts (what, {noted}) SELECT {what}, {told}{only}"
