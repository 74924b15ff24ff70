"""Whom, and which playbook, somebody means who types an id or an address; what is not there is told in words."""

from __future__ import annotations

import sqlalchemy as sa

from runner.app.app import App
from runner.errors import WrongUsage
from runner.store.distinct import distinct_values
from runner.store.tables import contact_sources, contacts, playbooks
from runner.yaml_file import closest


def contact_called(connection: sa.Connection, called: str | int) -> int:
    """Our id of whom a source id, our id or an address means; a number is our id already."""
    if isinstance(called, int):
        return called
    found = find_contact(connection, called)
    if found is None:
        raise WrongUsage(f"there is no contact {called!r}: give a source id, our id or an address")
    return found


def must_be_known(app: App, connection: sa.Connection, playbook: str) -> None:
    """Raises WrongUsage where no file and no past of a playbook has that id."""
    known = {path.stem for path in (app.folder / "playbooks").glob("*.yaml")}
    known |= set(connection.scalars(sa.select(playbooks.c.id)))
    if playbook not in known:
        raise WrongUsage(f"there is no playbook {playbook!r}; {closest(playbook, known)}".rstrip("; "))


def find_contact(connection: sa.Connection, called: str) -> int | None:
    """The contact that a source id, our id or an address means, tried in that order; mergers followed."""
    s = contact_sources.c
    # The index begins with the connector.
    of_all = s.connector.in_(distinct_values(s.connector))
    by_source = sa.select(s.contact_id).where(of_all, s.source_id == called, s.contact_id.is_not(None))
    queries = [by_source]
    if called.isdigit() and len(called) < 19:
        queries.append(sa.select(contacts.c.id).where(contacts.c.id == int(called)))
    queries.append(sa.select(contacts.c.id).where(contacts.c.address == called.lower()).order_by(contacts.c.id))
    for query in queries:
        found = connection.scalar(query.limit(1))
        if found is not None:
            survivor = connection.scalar(sa.select(contacts.c.merged_into).where(contacts.c.id == found))
            return int(survivor or found)
    return None
