"""Custom fields with the name of a column of the summary are used or told, never dropped in silence."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from connectors.records import FieldType
from runner.store import Store
from runner.store.tables import contact_changes, set_aside
from tests.sync.saying import NOW, contact, hear, person, rows, survey


def test_a_sources_values_stand_where_we_have_none(store: Store) -> None:
    told = {"nps_score": 9, "nps_at": "2026-02-01", "mrr": 12.5, "points": 40, "tier": "gold", "churn_risk": 0.25}
    hear(store, person("1", custom=told))
    ann = contact(store, "crm:1")
    assert (ann.nps_score, ann.nps_at, ann.csat_score) == (9, datetime(2026, 2, 1, tzinfo=UTC), None)
    assert (ann.mrr, ann.points, ann.tier, ann.churn_risk) == (Decimal("12.5"), 40, "gold", 0.25)


def test_an_answer_goes_before_what_a_column_says(store: Store) -> None:
    hear(store, person("1", custom={"nps_score": 9, "nps_at": "2026-02-01"}), survey("s", "1", 3, NOW))
    ann = contact(store, "crm:1")
    assert (ann.nps_score, ann.nps_at) == (3, NOW)


def test_a_sources_score_that_changes_changes_ours_and_is_one_change(store: Store) -> None:
    hear(store, person("1", custom={"nps_score": 9}), fields={"nps_score": FieldType.NUMBER})
    hear(store, person("1", custom={"nps_score": 4}), fields={"nps_score": FieldType.NUMBER})
    assert contact(store, "crm:1").nps_score == 4
    assert [(row.field, row.old, row.new) for row in rows(store, contact_changes)] == [("nps_score", 9, 4)]


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("nps_score", 33, "is no point of the scale 0-10"),
        ("csat_score", "good", "is not a number that can be kept"),
        ("mrr", 10**400, "is not a number that can be kept"),
        ("csat_at", "0001-01-01", "must be a time in the years 2 to 9998"),
        ("nps_at", "soon", "is no time; write one such as 2026-03-01T12:00:00Z"),
    ],
)
def test_a_value_that_cannot_be_used_is_told(store: Store, name: str, value: str | int, words: str) -> None:
    hear(store, person("1", custom={name: value}))
    (row,) = rows(store, set_aside)
    assert (row.place, row.field, row.words) == ("contacts/1", name, f"{words}; the contact is kept without it")
    assert getattr(contact(store, "crm:1"), name) is None


def test_a_column_that_is_ours_alone_is_warned_of_in_every_sync(store: Store) -> None:
    warning = "contacts: revenue is kept by Regulars itself and the column is not used; map it under another name"
    for number in range(2):
        synced = hear(store, person("1", custom={"revenue": number}), fields={"revenue": FieldType.NUMBER})
        assert (synced.warnings, [row.words for row in rows(store, set_aside)]) == ([warning], [warning])
    assert contact(store, "crm:1").revenue is None
