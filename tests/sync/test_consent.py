"""A no of a CRM binds, and its yes never overrules a no of ours."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from runner.store import Store
from runner.store.tables import consents, contacts, suppressions
from tests.sync.saying import NOW, contact, hear, person, rows

LATER = NOW + timedelta(days=1)


def test_an_opt_out_at_the_crm_suppresses_the_person_once_and_a_return_lifts_it(store: Store) -> None:
    hear(store, person("1", opted_out=True))
    hear(store, person("1", opted_out=True, owner="Bo"))
    (no,) = rows(store, suppressions)
    assert (no.reason, no.source, no.contact_id, no.lifted_at) == ("crm", "crm", contact(store, "crm:1").id, None)
    hear(store, person("1", opted_out=False), now=LATER)
    assert [(row.lifted_at, row.lifted_by) for row in rows(store, suppressions)] == [(LATER, "crm")]


def test_a_return_at_the_crm_lifts_neither_our_own_no_nor_another_connectors(store: Store) -> None:
    hear(store, person("1", email="a@example.com", opted_out=True))
    hear(store, person("s", email="a@example.com", opted_out=True), of="shop")
    _add(store, suppressions, contact_id=contact(store, "crm:1").id, reason="unsubscribed", source="page", at=NOW)
    hear(store, person("1", email="a@example.com", opted_out=False), now=LATER)
    assert [(row.source, row.lifted_at) for row in rows(store, suppressions)] == [
        ("crm", LATER),
        ("shop", None),
        ("page", None),
    ]
    assert contact(store, "crm:1").opted_out is True


def test_somebody_who_said_no_to_us_stays_opted_out_whatever_the_crm_changes(store: Store) -> None:
    hear(store, person("1"))
    id = contact(store, "crm:1").id
    _add(store, suppressions, contact_id=id, reason="unsubscribed", source="page", at=NOW)
    with store.write() as connection:
        connection.execute(sa.update(contacts).where(contacts.c.id == id).values(opted_out=True))
    hear(store, person("1", owner="Bo", opted_out=False), now=LATER)
    assert contact(store, "crm:1").opted_out is True


def test_a_no_of_one_source_counts_whatever_another_says(store: Store) -> None:
    hear(store, person("1", email="a@example.com", opted_out=False, consent="yes"))
    hear(store, person("s", email="a@example.com", opted_out=True, consent="no"), of="shop")
    assert (contact(store, "crm:1").opted_out, contact(store, "crm:1").consent) == (True, "no")


def test_consent_is_kept_as_it_changes(store: Store) -> None:
    for day, consent in enumerate(["yes", "yes", "no", None, "yes"]):
        hear(store, person("1", consent=consent, owner=str(day)), now=NOW + timedelta(days=day))
    assert [row.answer for row in rows(store, consents)] == ["yes", "no", "unknown", "yes"]
    assert {(row.topic, row.source) for row in rows(store, consents)} == {("marketing", "crm")}


def test_a_yes_of_the_crm_does_not_follow_a_no_that_was_said_to_us(store: Store) -> None:
    hear(store, person("1", consent="unknown"))
    id = contact(store, "crm:1").id
    _add(store, consents, contact_id=id, topic="lifecycle", answer="no", source="page", at=NOW)
    hear(store, person("1", consent="yes"), now=LATER)
    assert [row.answer for row in rows(store, consents)] == ["no"]
    _add(store, consents, contact_id=id, topic="lifecycle", answer="yes", source="page", at=LATER)
    hear(store, person("1", consent="no"), now=LATER)
    assert [row.answer for row in rows(store, consents)] == ["no", "yes", "no"]


def test_a_consent_nobody_knows_counts_as_unknown_and_is_listed(store: Store) -> None:
    assert hear(store, person("1", consent="maybe")).tables["contacts"].set_aside == 1
    assert not rows(store, consents)


def test_the_no_of_somebody_merged_binds_the_survivor(store: Store) -> None:
    hear(store, person("1", opted_out=True), person("2"))
    hear(store, replace(person("1", opted_out=True), merged_into="2"), now=LATER)
    assert {row.contact_id for row in rows(store, suppressions)} == {row.id for row in rows(store, contacts)}


def _add(store: Store, table: sa.Table, **values: Any) -> None:
    with store.write() as connection:
        connection.execute(sa.insert(table).values(**values))
