"""Points follow from what people bought and how long they stay; a tier goes up at once and down after a warning."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import sqlalchemy as sa

from connectors.records import Contact, Refund
from runner.reward import count_points
from runner.store.tables import points
from tests.core.world import World, utc
from tests.reward.given import bought, happened, ledger, person, told, with_settings

POINTS = """
loyalty:
  since: 2026-01-01
  points: {per_order: 10, per_amount: 1}
"""
TIERS = """
loyalty:
  since: 2026-01-01
  tiers:
    - {name: silver, orders: 2}
    - {name: gold, orders: 3, revenue: 200}
  within: 60 days
  grace: 30 days
"""


def test_orders_earn_points_once_however_often_they_are_counted(each_world: World) -> None:
    world = with_settings(each_world, POINTS)
    world.person("ada")
    bought(world, "ada", "2025-12-30 12:00")
    bought(world, "ada", "2026-02-01 12:00", "49.90")
    for hour in ("12:00", "12:05", "13:00"):
        world.tick(f"2026-02-02 {hour}")
    assert ledger(world, "ada") == [("orders", 59)]
    assert person(world, "ada").points == 59
    assert count_points(world.store, world.app.settings, world.now, since=None) == 0


def test_a_refund_takes_back_what_its_order_earned(world: World) -> None:
    with_settings(world, POINTS)
    world.person("ada")
    bought(world, "ada", "2026-02-01 12:00", "100", id="o1")
    world.tick("2026-02-02 12:00")
    world.hear(Refund(refund_id="r", order_id="o1", refunded_at=utc("2026-02-03"), amount=Decimal(40)))
    world.tick("2026-02-03 12:00")
    assert ledger(world, "ada") == [("orders", 110), ("orders", -40)]
    assert person(world, "ada").points == 70


def test_a_second_process_that_counts_at_the_same_time_writes_nothing_twice(world: World) -> None:
    with_settings(world, POINTS)
    world.person("ada")
    bought(world, "ada", "2026-02-01 12:00")
    world.tick("2026-02-02 12:00")
    (row,) = world.rows(sa.select(points))
    again = {**row._mapping, "id": None}
    again.pop("id")
    world.do(world.store.insert(points).values(**again).on_conflict_do_nothing())
    assert ledger(world, "ada") == [("orders", 60)]


def test_each_year_earns_more_than_the_one_before(each_world: World) -> None:
    world = with_settings(each_world, "loyalty: {since: 2026-01-01, points: {years: [50, 100, 200]}}\n")
    world.person("ada", customer_since=date(2024, 2, 29))
    world.person("old", customer_since=date(2020, 2, 10))
    world.tick("2026-02-27 12:00")
    assert (ledger(world, "ada"), ledger(world, "old")) == ([], [("years", 200)])
    world.tick("2026-02-28 12:00")
    assert ledger(world, "ada") == [("years", 100)]
    world.tick("2027-03-01 12:00")
    assert ledger(world, "ada") == [("years", 100), ("years", 200)]


def test_months_in_a_row_earn_a_growing_chain_that_a_gap_breaks(each_world: World) -> None:
    world = with_settings(each_world, "loyalty: {since: 2025-01-01, points: {streak: [0, 20, 40]}}\n")
    world.person("ada")
    for month in ("2025-11", "2025-12", "2026-01", "2026-02", "2026-04", "2026-05"):
        bought(world, "ada", f"{month}-15 12:00")
    world.tick("2026-05-16 12:00")
    assert sorted(ledger(world, "ada")) == [("streak", 20), ("streak", 20), ("streak", 40), ("streak", 40)]


def test_what_was_spent_was_the_oldest_and_only_the_rest_expires_after_a_reminder(each_world: World) -> None:
    world = with_settings(
        each_world,
        "loyalty: {since: 2026-01-01, points: {per_order: 100, expire_after: 60 days, remind_before: 20 days}}\n",
    )
    world.person("ada")
    bought(world, "ada", "2026-01-10 12:00")
    bought(world, "ada", "2026-03-20 12:00")
    told(world, "ada", "points_spent", "2026-03-21 12:00", "30")
    world.tick("2026-03-22 09:00")
    assert happened(world) == ["ada points_expiring 70.0 2026-04-01"]
    world.tick("2026-03-31 23:00")
    assert person(world, "ada").points == 170
    world.tick("2026-04-01 09:00")
    assert ledger(world, "ada")[-1] == ("expired", -70)
    assert person(world, "ada").points == 100


def test_a_merge_brings_the_points_together_and_earns_nothing_twice(world: World) -> None:
    with_settings(world, "loyalty: {since: 2026-01-01, points: {per_order: 10, years: [5]}}\n")
    for who in ("ada", "twin"):
        world.person(who, customer_since=date(2025, 1, 20))
        bought(world, who, "2026-02-01 12:00")
    world.tick("2026-02-02 12:00")
    gone = {"contact_id": "twin", "email": "twin@x.example", "created_at": utc("2020-01-01"), "merged_into": "ada"}
    world.hear(Contact(**gone))
    world.tick("2026-02-02 13:00")
    assert person(world, "ada").points == 25


def test_who_reaches_a_tier_later_than_the_programme_began_enters_the_playbook_for_it(world: World) -> None:
    with_settings(world, TIERS)
    world.playbook("welcome", "trigger: {event: {kind: tier_up, where: event.tier == 'silver'}}\n")
    world.people("old", "ada")
    for day in ("05", "06"):
        bought(world, "old", f"2026-01-{day} 12:00")
    world.tick("2026-01-10 09:00")
    assert (person(world, "old").tier, happened(world)) == ("silver", [])
    for day in ("11", "12"):
        bought(world, "ada", f"2026-01-{day} 12:00")
    world.tick("2026-01-13 09:00")
    assert happened(world) == ["ada tier_up silver"]
    assert person(world, "ada").tier == "silver"
    assert world.who_got() == ["ada"]


def test_a_tier_takes_all_that_it_names(world: World) -> None:
    with_settings(world, TIERS).people("poor", "rich")
    for who, total in (("poor", "50"), ("rich", "70")):
        for day in ("05", "06", "07"):
            bought(world, who, f"2026-01-{day} 12:00", total)
    world.tick("2026-01-10 09:00")
    assert (person(world, "poor").tier, person(world, "rich").tier) == ("silver", "gold")


def test_a_tier_is_told_to_be_ending_before_it_ends(each_world: World) -> None:
    world = with_settings(each_world, TIERS)
    world.person("ada")
    for day in ("05", "06"):
        bought(world, "ada", f"2026-01-{day} 12:00")
    world.tick("2026-01-10 09:00")
    world.tick("2026-03-10 09:00")
    assert happened(world) == ["ada tier_falling silver 2026-04-09"]
    assert person(world, "ada").tier == "silver"
    world.tick("2026-04-09 09:00")
    assert happened(world)[1:] == ["ada tier_down silver"]
    assert person(world, "ada").tier is None


def test_who_reaches_it_again_in_time_keeps_the_tier(world: World) -> None:
    with_settings(world, TIERS).person("ada")
    for day in ("2026-01-05", "2026-01-06"):
        bought(world, "ada", f"{day} 12:00")
    world.tick("2026-01-10 09:00")
    world.tick("2026-03-10 09:00")
    for day in ("2026-03-15", "2026-03-16"):
        bought(world, "ada", f"{day} 12:00")
    world.tick("2026-03-17 09:00")
    world.tick("2026-04-20 09:00")
    assert person(world, "ada").tier == "silver"
    assert len(happened(world)) == 1


def test_what_the_crm_was_told_of_points_and_tier_does_not_come_back(world: World) -> None:
    with_settings(world, POINTS).person("ada", custom={"points": 5})
    bought(world, "ada", "2026-02-01 12:00")
    world.tick("2026-02-02 12:00")
    assert person(world, "ada").points == 60


def test_a_letter_tells_the_balance(world: World) -> None:
    with_settings(world, POINTS)
    world.write("templates/email/hello.html", "{{ contact.points|int }} {{ unsubscribe() }} {{ sender.address }}")
    world.playbook("thanks", "trigger: {event: {kind: order}}\n")
    world.person("ada")
    world.tick("2026-02-01 09:00")
    bought(world, "ada", "2026-02-01 12:00")
    world.tick("2026-02-01 13:00")
    ((_, letter),) = [(mailing, letter) for mailing in world.mailer.mailings for letter in mailing.letters]
    assert letter
