"""Retention and churn: sets of customers at both ends of a period, as they were known at an instant."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import date, timedelta
from random import Random

import pytest

from runner.kpis import Period, Reason, Status
from tests.kpis.shop import JANUARY, Shop, on


def test_the_worked_example_counts_sets_and_not_differences(shop: Shop) -> None:
    """200 at the start; 210 at the end, of whom 30 new and 4 reactivated: 176 retained. (E − N) / S would say 0.900."""
    stayed, left, new, back = shop.people(176), shop.people(24), shop.people(30), shop.people(4)
    shop.orders(stayed + left, "2025-01-20")
    shop.orders(stayed, "2025-06-01")
    shop.orders(back, "2024-03-01")
    shop.orders(new + back, "2026-01-15")
    told = shop.figures()
    assert {key: told[f"crr.{key}"].value for key in ("start", "retained", "new", "reactivated", "end")} == {
        "start": 200,
        "retained": 176,
        "new": 30,
        "reactivated": 4,
        "end": 210,
    }
    assert (told["crr"].value, told["crr"].n, told["crr.with_reactivated"].value) == (0.88, 200, 0.9)
    assert (told["churn_rate"].value, told["churn_rate.lost"].value) == (0.12, 24)


def test_a_rate_carries_its_interval(shop: Shop) -> None:
    stayed, left = shop.people(18), shop.people(2)
    shop.orders(stayed + left, "2025-01-20")
    shop.orders(stayed, "2025-06-01")
    crr = shop.figures()["crr"]
    assert (crr.low, crr.high) == (pytest.approx(0.699, abs=0.001), pytest.approx(0.972, abs=0.001))


def test_nobody_at_the_start_is_no_rate_and_not_zero(shop: Shop) -> None:
    shop.orders(shop.people(3), "2026-01-15")
    crr = shop.figures()["crr"]
    assert (crr.value, crr.low, crr.n, crr.reason) == (None, None, 0, Reason.NO_DENOMINATOR)
    assert crr.why == "no customer was active when the period began"


def test_without_orders_the_figure_says_what_it_needs(shop: Shop) -> None:
    shop.people(3)
    told = shop.figures()
    assert (told["crr"].value, told["crr"].reason, told["crr"].why) == (
        None,
        Reason.NO_DATA,
        "needs orders: none have come in",
    )
    assert told["crr.new"].value is None


def test_who_left_and_came_back_within_the_period_is_retained(shop: Shop) -> None:
    buyer = shop.people(1)
    shop.orders(buyer, "2025-12-30")
    shop.orders(buyer, "2026-01-30")
    assert shop.figures(kpis={"activity_window": "10 days"})["crr"].value == 1


def test_who_was_won_and_lost_within_the_period_is_counted_apart(shop: Shop) -> None:
    old, passing = shop.people(2), shop.people(1)
    shop.orders(old, "2025-12-25")
    shop.orders(old, "2026-01-25")
    shop.orders(passing, "2026-01-02")
    told = shop.figures(kpis={"activity_window": "10 days"})
    assert (told["churn_rate"].value, told["churn_rate.new_and_lost"].value, told["crr.new"].value) == (0, 1, 0)


def test_days_are_those_of_the_accounts_zone(shop: Shop) -> None:
    """23:30 UTC on 31 December is 00:30 on 1 January in Warsaw: inside the period, so not yet at its start."""
    shop.orders(shop.people(1), "2025-12-31T23:30:00+00:00")
    assert shop.figures(timezone="Europe/Warsaw")["crr.start"].value == 0
    assert shop.figures(timezone="UTC")["crr.start"].value == 1


def test_the_activity_window_is_calendar_days_across_a_clock_change(shop: Shop) -> None:
    """In Warsaw 7 days before 1 April 2026, 00:00 is 25 March, 00:00: 167 hours, for the clocks moved on 29 March."""
    april = Period(date(2026, 4, 1), date(2026, 5, 1))
    shop.orders(shop.people(1), "2026-03-24T23:00:00+00:00")
    shop.orders(shop.people(1), "2026-03-24T22:59:59+00:00")
    told = shop.figures(april, timezone="Europe/Warsaw", kpis={"activity_window": "7 days"})
    assert told["crr.start"].value == 1


def test_an_order_on_the_period_s_last_instant_belongs_to_the_next(shop: Shop) -> None:
    shop.orders(shop.people(1), "2026-02-01T00:00:00+00:00")
    assert shop.figures()["crr.new"].value == 0


def test_test_records_and_deleted_people_are_no_customers(shop: Shop) -> None:
    left_out = [shop.person(is_test=True), shop.person(deleted_at=on("2026-01-05"))]
    shop.orders([*left_out, shop.person(is_test=False)], "2025-12-01")
    assert shop.figures()["crr.start"].value == 1
    assert shop.figures(as_of=on("2026-01-03"))["crr.start"].value == 2


def test_merged_records_are_one_customer_with_the_joined_history(shop: Shop) -> None:
    survivor = shop.person()
    second = shop.person(merged_into=survivor)
    third = shop.person(merged_into=second)
    shop.orders([third], "2025-02-01")
    shop.orders([second], "2025-12-01")
    told = shop.figures()
    assert (told["crr.start"].value, told["crr"].value) == (1, 1)


def test_an_order_refunded_in_full_does_not_count(shop: Shop) -> None:
    shop.orders(shop.people(1), "2025-12-01", net="0")
    assert shop.figures()["crr.start"].value == 0


def test_what_came_in_later_or_happened_later_is_not_counted(shop: Shop) -> None:
    shop.orders(shop.people(1), "2025-12-01")
    shop.orders(shop.people(1), "2025-12-01", seen="2026-03-01")
    shop.orders(shop.people(1), "2026-01-20", seen="2026-01-20")
    early, late = shop.figures(as_of=on("2026-01-15")), shop.figures(as_of=on("2026-03-02"))
    assert (early["crr.start"].value, early["crr.new"].value) == (1, 0)
    assert (late["crr.start"].value, late["crr.new"].value) == (2, 1)


def test_a_period_that_has_not_begun_has_no_figures(shop: Shop) -> None:
    shop.orders(shop.people(1), "2025-12-01")
    told = shop.figures(as_of=on("2025-12-20"))
    assert {(kpi.value, kpi.reason) for kpi in told.values()} == {(None, Reason.NOT_REACHED)}


def test_customers_may_be_companies(shop: Shop) -> None:
    company = shop.company()
    colleagues = [shop.person(company_id=company) for _ in range(3)]
    shop.orders([*colleagues, shop.person()], "2025-12-01")
    assert shop.figures(customers="company")["crr.start"].value == 1
    assert shop.figures(customers="contact")["crr.start"].value == 4


def test_the_definition_tells_the_activity_window_and_how_far_back_the_orders_go(shop: Shop) -> None:
    shop.orders(shop.people(1), "2025-12-01")
    definition = shop.figures(kpis={"activity_window": "90 days"})["crr"].definition
    assert "in the 90 days before" in definition
    assert "Orders known since 2025-12-01" in definition


@pytest.mark.parametrize(
    ("target", "minimum", "status"),
    [
        ({"at_least": 0.85}, 30, Status.MET),
        ({"at_least": 0.9}, 30, Status.UNCLEAR),
        ({"at_least": 0.95}, 30, Status.MISSED),
        ({"at_most": 0.8}, 30, Status.MISSED),
        ({"at_least": 0.85}, 201, Status.TOO_FEW),
        ({}, 30, None),
    ],
)
def test_a_target_is_judged_with_the_interval_and_the_number_of_cases(
    shop: Shop, target: dict[str, float], minimum: int, status: Status | None
) -> None:
    stayed, left = shop.people(176), shop.people(24)
    shop.orders(stayed + left, "2025-01-20")
    shop.orders(stayed, "2025-06-01")
    told = shop.figures(JANUARY, kpis={"targets": {"crr": target} if target else {}, "minimum_n": minimum})["crr"]
    assert told.status is status
    assert told.document()["target"] == (target or None)


def test_the_sets_are_those_that_a_plain_count_finds_on_any_history(shop: Shop) -> None:
    """Random orders of 80 people, some of them merged, against a count in Python; the identity holds throughout."""
    luck = Random(5)
    people = shop.people(60)
    merged = {second: survivor for survivor in people[:20] for second in shop.people(1, merged_into=survivor)}
    history: dict[int, list[date]] = defaultdict(list)
    for day in (date(2024, 1, 1) + timedelta(days=luck.randrange(900)) for _ in range(60)):
        buyers = luck.sample([*people, *merged], 4)
        shop.orders(buyers, day.isoformat())
        for buyer in buyers:
            history[merged.get(buyer, buyer)].append(day)
    for start in (date(2024, 6, 1), date(2025, 1, 1), date(2026, 1, 1)):
        told = shop.figures(Period(start, start + timedelta(days=90)), kpis={"activity_window": "120 days"})
        at_start, at_end = _active(history, start), _active(history, start + timedelta(days=90))
        assert told["crr.start"].value == len(at_start) > 0
        assert told["crr.retained"].value == len(at_start & at_end)
        assert told["churn_rate.lost"].value == len(at_start - at_end)
        of_the_end = sum(told[f"crr.{part}"].value or 0 for part in ("retained", "new", "reactivated"))
        assert told["crr.end"].value == len(at_end) == of_the_end


def _active(history: Mapping[int, list[date]], on_day: date) -> set[int]:
    """Who ordered in the 120 days before the day."""
    window = timedelta(days=120)
    return {buyer for buyer, days in history.items() if any(on_day - window <= day < on_day for day in days)}
