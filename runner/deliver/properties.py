"""A contact's fields set by a playbook: at once, with history, and as our own word beside what the sources say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import sqlalchemy as sa

from runner.actions.update_contact import COLUMNS, fitting
from runner.deliver.ledger import Book
from runner.deliver.office import Office
from runner.store.tables import contact_changes, contacts, own_words


@dataclass(slots=True)
class Fields:
    """What became of the fields of a batch, by contact."""

    #: Those that hold something else than before, with what they hold now.
    new: dict[int, dict[str, Any]] = field(default_factory=dict)
    #: Why none of a contact's fields was set.
    faults: dict[int, str] = field(default_factory=dict)


def set_fields(
    connection: sa.Connection, office: Office, book: Book, wanted: Mapping[int, Mapping[str, Any]]
) -> Fields:
    """Sets these fields of these contacts, by contact; a value that is there already is no change."""
    done = Fields()
    people = _locked(connection, list(wanted))
    for id, values in wanted.items():
        try:
            fit = {name: _fitting(office, name, value) for name, value in values.items()}
        except ValueError as error:
            done.faults[id] = str(error)
            continue
        if new := {name: value for name, value in fit.items() if value != _now(people[id], name)}:
            done.new[id] = new
    changed = {id: people[id] for id in done.new}
    if changed:
        _keep_words(connection, office, book, changed, done)
        connection.execute(sa.insert(contact_changes), _history(book, changed, done))
        for names, rows in _by_columns(book, changed, done).items():
            to = {name: sa.bindparam(f"to_{name}", type_=contacts.c[name].type) for name in names}
            connection.execute(contacts.update().where(contacts.c.id == sa.bindparam("person")).values(to), rows)
    return done


def _locked(connection: sa.Connection, ids: list[int]) -> dict[int, Mapping[str, Any]]:
    """As they are now: a sync that commits meanwhile must not be overwritten with what was read before it."""
    chosen = sa.select(contacts).where(contacts.c.id.in_(sorted(ids))).order_by(contacts.c.id)
    rows = connection.execute(chosen.with_for_update(key_share=True)).mappings()
    return {row["id"]: dict(row) for row in rows}


def _fitting(office: Office, name: str, value: Any) -> Any:
    full = f"contact.{name}"
    if full not in office.fields:
        raise ValueError(f"contact has no {name!r} any more")
    try:
        return fitting(office.fields[full].kind, value)
    except ValueError as error:
        raise ValueError(f"{name} {error}") from None


def _now(person: Mapping[str, Any], name: str) -> Any:
    """The field's value in JSON."""
    value = person[name] if name in COLUMNS else person["custom"].get(name)
    return value.isoformat() if isinstance(value, date) else value


def _keep_words(
    connection: sa.Connection, office: Office, book: Book, people: Mapping[int, Mapping[str, Any]], done: Fields
) -> None:
    """Of a word that stands already only the value changes: what the sources said is what it was."""
    rows = [
        {"contact_id": id, "field": name, "value": value, "over": _now(person, name)}
        | {"playbook": book.playbook.id, "at": book.now}
        for id, person in people.items()
        for name, value in done.new[id].items()
    ]
    insert = office.store.insert(own_words)
    kept = {name: insert.excluded[name] for name in ("value", "playbook", "at")}
    connection.execute(insert.on_conflict_do_update(index_elements=["contact_id", "field"], set_=kept), rows)


def _history(book: Book, people: Mapping[int, Mapping[str, Any]], done: Fields) -> list[dict[str, Any]]:
    return [
        {"contact_id": id, "field": name, "old": _now(person, name), "new": value, "at": book.now, "seen_at": book.now}
        for id, person in people.items()
        for name, value in done.new[id].items()
    ]


def _by_columns(
    book: Book, people: Mapping[int, Mapping[str, Any]], done: Fields
) -> dict[tuple[str, ...], list[dict[str, Any]]]:
    """The contacts' rows to write, those that write the same columns together."""
    found: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for id, person in people.items():
        row = {name: _kept(name, value) for name, value in done.new[id].items() if name in COLUMNS}
        if own := {name: value for name, value in done.new[id].items() if name not in COLUMNS}:
            row["custom"] = {**person["custom"], **own}
        row["changed_at"] = book.now
        rows = found.setdefault(tuple(sorted(row)), [])
        rows.append({"person": id} | {f"to_{name}": value for name, value in row.items()})
    return found


def _kept(name: str, value: Any) -> Any:
    return date.fromisoformat(value) if name == "birthday" and value is not None else value
