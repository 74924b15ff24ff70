"""The set of KPIs: one list, one document each, one default period."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa

from runner.errors import WrongUsage
from runner.kpis import KEYS, KPIS, Measure, Period, default_period, mistakes
from tests.kpis.shop import JANUARY, Shop, on, settings


def test_a_figure_s_document_is_the_documented_one(shop: Shop) -> None:
    shop.orders(shop.people(2), "2025-12-01")
    told = shop.figures(as_of=on("2026-03-01"), kpis={"targets": {"crr": {"at_least": 0.8}}})
    document = json.loads(json.dumps(told["crr"].document()))
    definition = document.pop("definition")
    assert definition.startswith(
        "Of the customers active when the period began, the share that was active when it ended."
    )
    assert document == {
        "key": "crr",
        "name": "Customer retention rate",
        "value": 1,
        "unit": "ratio",
        "currency": None,
        "direction": "higher",
        "n": 2,
        "low": pytest.approx(0.342, abs=0.001),
        "high": 1,
        "reason": None,
        "needs": ["orders"],
        "period": {"from": "2026-01-01", "to": "2026-02-01"},
        "as_of": "2026-03-01T12:00:00+00:00",
        "segment": None,
        "definition_version": 1,
        "benchmark": None,
        "vanity": None,
        "target": {"at_least": 0.8},
        "warning": None,
        "status": "too_few",
    }


def test_parts_stand_behind_their_kpi_and_every_key_is_there_even_without_rows(shop: Shop) -> None:
    told = shop.figures()
    assert tuple(told) == KEYS
    assert all(json.dumps(kpi.document()) for kpi in told.values())


def test_a_chosen_kpi_comes_with_its_parts_and_without_the_others(shop: Shop) -> None:
    assert list(shop.figures(keys=["csat.mean"])) == ["csat", "csat.mean", "csat.non_standard", "csat.invalid"]


def test_the_same_question_gets_the_same_answer(shop: Shop) -> None:
    shop.orders(shop.people(3), "2025-12-01")
    assert shop.figures(as_of=on("2026-03-01")) == shop.figures(as_of=on("2026-03-01"))


def test_kpis_that_read_the_same_rows_read_them_once(shop: Shop) -> None:
    shop.orders(shop.people(1), "2025-12-01")
    asked: list[str] = []
    sa.event.listen(shop.connection, "before_cursor_execute", lambda *told: asked.append(told[2]))
    shop.figures(keys=["crr", "churn_rate"])
    assert sum("purchases.value" in statement for statement in asked) == 1


def test_a_period_runs_by_default_over_the_last_90_full_local_days() -> None:
    shortly_after_midnight_in_warsaw = datetime(2026, 3, 31, 22, 30, tzinfo=UTC)
    period = default_period(shortly_after_midnight_in_warsaw, "Europe/Warsaw")
    assert (period.start, period.end, period.days) == (date(2026, 1, 1), date(2026, 4, 1), 90)


@pytest.mark.parametrize("days", [0, -1])
def test_a_period_that_ends_before_it_begins_is_refused_with_words(days: int) -> None:
    with pytest.raises(WrongUsage, match="ends before it begins"):
        Period(JANUARY.start, JANUARY.start + timedelta(days=days))


def test_what_the_settings_name_and_there_is_not_is_told_with_its_place() -> None:
    asked = settings(kpis={"show": ["crr", "churn_rat"], "targets": {"npss": {"at_leats": 3}, "csat": {"at_most": 1}}})
    assert list(mistakes(asked.kpis)) == [
        (("show", 1), "no KPI 'churn_rat'", "did you mean 'churn_rate'?"),
        (("targets", "npss"), "no KPI 'npss'", "did you mean 'nps'?"),
        (
            ("targets", "npss", "at_leats"),
            "must be at_least, at_most or warn_at, is 'at_leats'",
            "did you mean 'at_least'?",
        ),
    ]


@pytest.mark.parametrize("measure", KPIS, ids=lambda measure: measure.key)
def test_a_definition_is_complete(measure: Measure) -> None:
    assert measure.formula.endswith(".")
    assert measure.needs
    assert measure.nothing
    assert len({measure.key, *measure.keys}) == 1 + len(measure.parts)
