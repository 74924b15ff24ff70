"""Other looks: figures over time, of some people, side by side, by cohort, from typed numbers; and at the rows."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
import sqlalchemy as sa

from runner import kpis
from runner.app.review import review_of_figures
from runner.errors import WrongUsage
from runner.kpis import Alarm, Step, calculate
from runner.store import Store
from runner.store.tables import contact_changes, custom_fields, meta
from tests.kpis.shop import JANUARY, Shop, on, settings

AT = on("2026-03-01")


def test_a_trend_has_a_figure_for_each_period(shop: Shop) -> None:
    shop.orders(shop.people(2), "2025-12-05", net="10")
    shop.orders(shop.people(1), "2026-02-05", net="40")
    (aov,) = kpis.trend(shop.connection, step=Step.MONTHS, many=3, as_of=AT, settings=settings(), keys=["aov"])
    assert [kpi.value for kpi in aov.figures] == [10, None, 40]
    assert [told["period_name"] for told in aov.document()["figures"]] == ["Dec 2025", "Jan 2026", "Feb 2026"]


def test_a_segment_counts_only_its_people(shop: Shop) -> None:
    shop.orders(shop.people(3, country="PL"), "2026-01-05", net="10")
    shop.orders(shop.people(2, country="DE"), "2026-01-05", net="20")
    segment = kpis.segment_of(shop.connection, 'contact.country == "DE"', AT, settings())
    told = kpis.compute(shop.connection, period=JANUARY, as_of=AT, settings=settings(), keys=["aov"], segment=segment)[
        0
    ]
    assert (told.value, told.n, told.document()["segment"]) == (20, 2, 'contact.country == "DE"')


def test_a_segment_of_more_people_costs_no_look_at_every_visit_for_each_of_them(sqlite_url: str) -> None:
    with Store(sqlite_url) as store, store.write() as connection:
        shop, steps = Shop(connection), []
        driver: Any = connection.connection.driver_connection
        for many in (150, 450):
            people = shop.people(many, country="PL")
            visit = {"started_at": "2026-01-05", "purchased": False}
            shop.facts("sessions", *({"of": who, "visitor_id": f"v{who}"} | visit for who in people))
            segment = kpis.segment_of(connection, 'contact.country == "PL"', AT, settings())
            taken: list[int] = []
            driver.set_progress_handler(lambda taken=taken: taken.append(1), 100)
            asked: Any = {"period": JANUARY, "as_of": AT, "settings": settings(), "segment": segment}
            kpis.compute(connection, keys=["site_returning_visitor_rate"], **asked)
            driver.set_progress_handler(None, 100)
            steps.append(len(taken))
    assert steps[1] < 8 * steps[0]


@pytest.mark.parametrize(
    ("condition", "field", "old", "now"),
    [
        ('contact.country == "DE"', "country", "DE", {"country": "PL"}),
        ("contact.churn_risk > 0.5", "churn_risk", 0.7, {"churn_risk": 0.2}),
        ("contact.opted_out", "opted_out", True, {"opted_out": False}),
        ('contact.customer_since < "2021-01-01"', "customer_since", "2020-05-01",
         {"customer_since": date(2024, 5, 1)}),
        ('contact.plan == "gold"', "plan", "gold", {"custom": {"plan": "tin"}}),
        ('contact.country == "DE" and count(orders, within="900 days") == 1', "country", "DE", {"country": "PL"}),
        ("contact.plan == none", "plan", None, {"custom": {"plan": "tin"}}),
    ],
)  # fmt: skip
def test_a_segment_of_the_past_is_who_was_in_it_then(
    shop: Shop, condition: str, field: str, old: object, now: dict[str, object]
) -> None:
    """It changed on 10 February, and once more in March; as of January the first of the old values stood."""
    shop.connection.execute(
        custom_fields.insert().values(of_table="contacts", name="plan", type="text", connector="crm")
    )
    who, other = shop.person(**now), shop.person(**now)
    for day, before, after in (("2026-03-01", "x", "y"), ("2026-02-10", old, "x")):
        row = {"contact_id": who, "field": field, "old": before, "new": after, "at": on(day), "seen_at": on(day)}
        shop.connection.execute(contact_changes.insert(), [row])
    shop.orders([who, other], "2026-01-10", net="10")

    def many(as_of: str) -> int:
        segment = kpis.segment_of(shop.connection, condition, on(as_of), settings())
        return len(shop.connection.execute(segment.people).all())

    assert (many("2026-02-01"), many("2026-04-01")) == (1, 0)


def test_a_field_of_which_only_today_is_known_makes_no_segment_of_the_past(shop: Shop) -> None:
    shop.connection.execute(meta.insert().values(key="last_tick_at", value="2026-03-01T09:00:00+00:00"))
    with pytest.raises(WrongUsage, match=r"of contact\.orders_count only today's value is known"):
        kpis.segment_of(shop.connection, "contact.orders_count > 2", on("2026-02-01"), settings())
    assert kpis.segment_of(shop.connection, "contact.orders_count > 2", on("2026-03-02"), settings()).text


def test_a_segment_that_cannot_be_read_is_refused_with_advice(shop: Shop) -> None:
    shop.people(1)
    with pytest.raises(WrongUsage, match="did you mean 'country'"):
        kpis.segment_of(shop.connection, 'contact.contry == "DE"', AT, settings())


def test_figures_stand_side_by_side_for_each_value_of_a_field(shop: Shop) -> None:
    shop.orders(shop.people(3, country="PL"), "2026-01-05", net="10")
    shop.orders(shop.people(2, country='say "hi"'), "2026-01-05", net="20")
    told = kpis.breakdown(
        shop.connection, "contact.country", period=JANUARY, as_of=AT, settings=settings(), keys=["aov"]
    )
    assert {value: found[0].value for value, found in told.items()} == {"PL": 10, 'say "hi"': 20}
    with pytest.raises(WrongUsage, match=r"there is no field .*did you mean"):
        kpis.breakdown(shop.connection, "contact.cuntry", period=JANUARY, as_of=AT, settings=settings(), keys=["aov"])


def test_figures_side_by_side_read_the_orders_once(shop: Shop) -> None:
    for country in ("PL", "DE", "FR"):
        shop.orders(shop.people(2, country=country), "2026-01-05")
    reads: list[str] = []

    @sa.event.listens_for(shop.connection, "before_cursor_execute")
    def _told(_: Any, __: Any, statement: str, *___: Any) -> None:
        reads.append(statement)

    asked: Any = {"period": JANUARY, "as_of": AT, "settings": settings(), "keys": ["aov", "crr"]}
    assert len(kpis.breakdown(shop.connection, "contact.country", **asked)) == 3
    assert sum("(SELECT purchases.contact_id" in statement for statement in reads) == 1


def test_cohorts_follow_those_whose_first_order_lies_in_a_month(shop: Shop) -> None:
    """Of three of December one orders again after 20 days and one in February; one of February has no time yet."""
    a, b, c, d = shop.people(4)
    shop.orders([a, b, c], "2025-12-10", net="10")
    shop.orders([a], "2025-12-30", net="5")
    shop.orders([b, d], "2026-02-10", net="7")
    december, february = kpis.cohorts(shop.connection, as_of=AT, settings=settings(), many=3)
    assert (december.month, december.size) == (date(2025, 12, 1), 3)
    assert [(month.customers, month.revenue) for month in december.months] == [(3, 35), (0, 0), (1, 7)]
    assert {days: share for days, (share, _, _) in december.repeat_within.items()} == {30: pytest.approx(1 / 3)}
    assert (february.size, len(february.months), february.repeat_within) == (1, 1, {})


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ({"S": 200, "E": 210, "N": 30, "R": 4}, {"crr": 0.88, "churn_rate": 0.12, "churn_rate.lost": 24}),
        ({"S": 200, "E": 210, "N": 30}, {"crr": 0.9}),
        ({"S": 100, "E": 93, "N": 0, "months": 1}, {"churn_rate.yearly": 0.581}),
        ({"order_value": 55, "orders_a_year": 3, "years": 2, "margin": 0.5}, {"clv": 165}),
        ({"monthly": 90, "margin": 0.7, "churn": 0.03}, {"clv.subscription": 2100}),
        ({"churn": 0.04}, {"customer_lifespan.by_churn": 25}),
        ({"mrr_start": 400, "expansion": 60, "contraction": 50, "churned": 50, "new": 300, "reactivation": 40},
         {"nrr": 0.9, "grr": 0.75, "revenue_churn_rate.net": 0.1, "quick_ratio": 4}),
        ({"promoters": 50, "passives": 30, "detractors": 20}, {"nps": 30}),
        ({"satisfied": 4, "answers": 6}, {"csat": 0.667}),
        ({"receivables": 30000, "sales": 200000, "days": 91}, {"dso": 13.65}),
        ({"sent": 500, "bounced": 20, "opened": 120, "clicked": 24},
         {"email_open_rate": 0.25, "email_click_rate": 0.05}),
        ({"revenue": 1500, "buyers": 40}, {"arpu": 37.5}),
        ({"treated": 1000, "treated_ordered": 230, "holdout": 1000, "holdout_ordered": 180},
         {"incremental_effect": 0.05}),
    ],
)  # fmt: skip
def test_typed_numbers_give_the_worked_figures(numbers: dict[str, float], expected: dict[str, float]) -> None:
    told = {one.key: one.figure.value for one in calculate(numbers)}
    assert {key: told[key] for key in expected} == pytest.approx(expected, abs=0.0005)


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ({"S": 200, "e": 1}, "there is no 'e'"),
        ({"S": 200, "E": 210}, r"for the customer retention rate add N \(new customers"),
        ({"S": 200, "E": 250, "N": 30}, "who came back after having left is told as R"),
        ({"S": 200, "E": 10, "N": 30}, "cannot be more than E"),
        ({"answers": 3, "satisfied": 4}, "cannot be more than answers"),
        ({"S": -1, "E": 0, "N": 0}, "cannot be -1"),
    ],
)
def test_numbers_that_cannot_be_are_refused_with_words(numbers: dict[str, float], words: str) -> None:
    with pytest.raises(WrongUsage, match=words):
        calculate(numbers)


def test_nothing_to_divide_by_is_no_figure_in_the_calculator_either() -> None:
    (crr, *_) = calculate({"S": 0, "E": 5, "N": 5})
    assert (crr.key, crr.figure.value, crr.document()["reason"]) == ("crr", None, "no_denominator")


@pytest.mark.parametrize(
    ("target", "minimum", "state"),
    [
        ({"at_most": 0.05, "warn_at": 0.07}, 30, Alarm.CROSSED),
        ({"warn_at": 0.1}, 30, Alarm.PERHAPS),
        ({"warn_at": 0.2}, 30, Alarm.CLEAR),
        ({"warn_at": 0.1}, 500, Alarm.TOO_FEW),
    ],
)
def test_a_warning_needs_enough_cases_and_knows_chance(
    shop: Shop, target: dict[str, float], minimum: int, state: Alarm
) -> None:
    """24 of 200 left: 12 %, 8.2 to 17.2."""
    stayed, left = shop.people(176), shop.people(24)
    shop.orders(stayed + left, "2025-01-20")
    shop.orders(stayed, "2025-06-01")
    asked = {"targets": {"churn_rate": target}, "minimum_n": minimum}
    told = shop.figures(keys=["churn_rate"], kpis=asked)["churn_rate"]
    assert told.warning is not None
    assert (told.warning.state, told.document()["warning"]) == (state, {"at": target["warn_at"], "state": state.value})


def test_the_panel_counts_missing_late_duplicate_and_orphaned_rows(shop: Shop) -> None:
    person = shop.person()
    line: dict[str, Any] = {"order_id": "1", "sku": "x", "units": 1, "unit_price": 1}
    shop.facts("order_lines", line)
    shop.facts("order_lines", line | {"category": "tea"})
    cart = {"created_at": "2026-01-02", "total": 5}
    shop.facts("carts", cart | {"cart_id": "1"}, cart | {"cart_id": "2"}, of=person)
    shop.facts("carts", {"created_at": "2026-01-02", "total": 7, "seen_at": on("2026-01-20")}, of=person)
    told = {one.table: one for one in kpis.quality(shop.connection)}
    lines, carts = told["order_lines"], told["carts"]
    assert (lines.rows, lines.missing_in, lines.orphan) == (2, {"category": 1}, 2)
    assert (carts.rows, carts.duplicate, carts.late, carts.orphan) == (3, 1, 1, 0)


def test_few_figures_are_shown_and_each_is_of_a_goal() -> None:
    shown = kpis.shown_by_default(settings().kpis)
    assert len(shown) <= 8
    assert set(shown) <= {measure.key for measure in kpis.KPIS}
    assert kpis.shown_by_default(settings(kpis={"goals": ["serve"], "targets": {"aov": {"at_least": 1}}}).kpis) == (
        "first_response_time", "resolution_time", "aov", "incremental_effect",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "reminded"),
    [
        ({"targets": {"crr": {"at_least": 0.8}}}, "nobody has said when"),
        ({"reviewed": "2025-11-20"}, "looked at 101 days ago"),
        ({"reviewed": "2026-01-20", "targets": {"crr": {"at_least": 0.8}}}, ""),
        ({}, ""),
    ],
)
def test_a_quarter_after_the_last_look_at_goals_and_targets_doctor_asks_for_another(
    asked: dict[str, Any], reminded: str
) -> None:
    told = [finding.message for finding in review_of_figures(settings(kpis=asked).kpis, date(2026, 3, 1))]
    assert (reminded in told[0]) if reminded else not told
