"""Scores that are none stay with the row, and are told; nobody's summary has them."""

from __future__ import annotations

import pytest

from runner.store import Store
from runner.store.tables import set_aside, surveys
from tests.sync.saying import NOW, contact, hear, person, rows, survey


def aside(store: Store) -> list[tuple[str, str, str]]:
    return [(row.place, row.field, row.value) for row in rows(store, set_aside)]


@pytest.mark.parametrize(
    ("kind", "scale", "score"),
    [("nps", "0-10", 33.0), ("nps", "0-10", -1.0), ("nps", "0–10", 9.5), ("csat", "1-5", 0.0), ("ces", "1-7", 8.0)],
)
def test_a_score_off_its_scale_is_told_and_kept_and_nobodys(store: Store, kind: str, scale: str, score: float) -> None:
    synced = hear(store, person("1"), survey("s", "1", score, NOW, kind=kind, scale=scale))
    ann = contact(store, "crm:1")
    assert (ann.nps_score, ann.csat_score, ann.last_answer_at) == (None, None, None)
    assert aside(store) == [("surveys/s", "score", f"{score:g}")]
    assert (rows(store, surveys)[0].score, synced.tables["surveys"].set_aside) == (score, 1)


def test_a_kind_that_nobody_knows_is_told(store: Store) -> None:
    hear(store, person("1"), survey("s", "1", 9, NOW, kind="npss"))
    assert contact(store, "crm:1").nps_score is None
    (row,) = rows(store, set_aside)
    assert row.words == "is none of the kinds nps, csat, ces; the row is kept, and counts in nobody's score"


def test_a_score_that_was_corrected_is_told_no_more(store: Store) -> None:
    hear(store, person("1"), survey("s", "1", 33, NOW))
    hear(store, survey("s", "1", 3, NOW))
    assert (aside(store), contact(store, "crm:1").nps_score) == ([], 3)


def test_another_scale_is_not_converted_and_no_fault(store: Store) -> None:
    hear(store, person("1"), survey("s", "1", 80, NOW, scale="0-100"))
    assert (aside(store), contact(store, "crm:1").nps_score) == ([], None)


@pytest.mark.parametrize(("kind", "scale"), [("NPS ", "0-10"), ("nps", "0 – 10"), ("nps", "0..10")])
def test_a_standard_scale_may_be_written_as_people_write_it(store: Store, kind: str, scale: str) -> None:
    hear(store, person("1"), survey("s", "1", 9, NOW, kind=kind, scale=scale))
    assert (aside(store), contact(store, "crm:1").nps_score) == ([], 9)
