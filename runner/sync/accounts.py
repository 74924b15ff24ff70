"""Accounts as a source tells them; of two connectors they are two, for nothing names one as an address does."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from connectors.records import Company
from runner.store import Store
from runner.store.tables import companies, company_sources, contact_companies, contact_sources, contacts
from runner.sync.bulk import AnyRow, update_rows
from runner.sync.counts import Stored
from runner.sync.derive import derive
from runner.sync.person import fields_of
from runner.sync.rows import Pull, Row

_S = company_sources.c


def store_companies(connection: sa.Connection, store: Store, pull: Pull, rows: Sequence[Row]) -> Stored:
    """Keeps a chunk of companies; what changed in one concerns its contacts, who are marked as changed."""
    here = _S.connector == pull.connector, _S.source_id.in_([row.source_id for row in rows])
    columns = _S.source_id, _S.id, _S.company_id, _S.row_hash, _S.deleted_at
    known = {row.source_id: row for row in connection.execute(sa.select(*columns).where(*here))}
    news = [row for row in rows if not _says_the_same(row, known.get(row.source_id))]
    if not news:
        return Stored([row.id for row in known.values()], 0, 0)
    new = [row for row in news if row.source_id not in known or known[row.source_id].company_id is None]
    changed = [row for row in news if row not in new]
    company = {row.source_id: known[row.source_id].company_id for row in changed} | _create(connection, pull, new)
    alive = {"changed_at": pull.now, "deleted_at": None}
    update_rows(
        connection, companies, [{"number": company[r.source_id], **_company(r.record), **alive} for r in changed]
    )
    numbers = _keep_sources(connection, pull, news, {row.source_id: row.id for row in known.values()}, company)
    _tell_contacts(connection, store, pull, [numbers[row.source_id] for row in news if row.source_id in known])
    told = frozenset(row.source_id for row in news)
    return Stored([*(row.id for row in known.values()), *numbers.values()], len(new), len(changed), news=told)


def _says_the_same(row: Row, known: AnyRow | None) -> bool:
    return known is not None and known.row_hash == row.hash and known.deleted_at is None


def _company(record: Company) -> dict[str, Any]:
    told = fields_of(record, without=("company_id",))
    created_at = datetime.fromisoformat(told["created_at"]) if "created_at" in told else None
    return {name: told.get(name) for name in ("name", "owner", "timezone", "custom")} | {"created_at": created_at}


def _create(connection: sa.Connection, pull: Pull, rows: Sequence[Row]) -> dict[str, int]:
    if not rows:
        return {}
    made = [
        {
            "key": f"{pull.connector}:{row.source_id}",
            **_company(row.record),
            "seen_at": pull.now,
            "changed_at": pull.now,
        }
        for row in rows
    ]
    insert = sa.insert(companies).returning(companies.c.key, companies.c.id)
    number = {row.key: row.id for row in connection.execute(insert, made)}
    return {row.source_id: number[f"{pull.connector}:{row.source_id}"] for row in rows}


def _keep_sources(
    connection: sa.Connection, pull: Pull, rows: Sequence[Row], known: dict[str, int], company: dict[str, int]
) -> dict[str, int]:
    """Number in `company_sources` by source id."""
    told = {
        row.source_id: {
            "company_id": company[row.source_id],
            "fields": fields_of(row.record, without=("company_id",)),
            "row_hash": row.hash,
            "deleted_at": None,
        }
        for row in rows
    }
    old = [{"number": known[source_id], **values} for source_id, values in told.items() if source_id in known]
    update_rows(connection, company_sources, old)
    new = [
        {"connector": pull.connector, "source_id": source_id, "seen_at": pull.now, **values}
        for source_id, values in told.items()
        if source_id not in known
    ]
    numbers = {source_id: known[source_id] for source_id in told if source_id in known}
    if new:
        made = connection.execute(sa.insert(company_sources).returning(_S.source_id, _S.id), new)
        numbers |= {row.source_id: row.id for row in made}
    return numbers


def _tell_contacts(connection: sa.Connection, store: Store, pull: Pull, numbers: Sequence[int]) -> None:
    """Conditions may ask for the company, and its zone is its contacts' where they have none."""
    link = contact_companies.c
    people = (
        sa.select(contact_sources.c.contact_id)
        .join_from(contact_companies, contact_sources, link.contact_source == contact_sources.c.id)
        .where(link.company_source.in_(numbers), link.is_primary, contact_sources.c.contact_id.is_not(None))
    )
    concerned = set(connection.scalars(people)) if numbers else set()
    if concerned:
        derive(connection, store, pull, concerned)
        changed = sa.update(contacts).where(contacts.c.id.in_(sorted(concerned)), contacts.c.changed_at < pull.now)
        connection.execute(changed.values(changed_at=pull.now))
