"""So many days after somebody became a customer, once in a lifetime."""

from __future__ import annotations

from datetime import date

from tests.core.world import World, utc


def test_it_comes_so_many_local_days_after_becoming_a_customer(each_world: World) -> None:
    each_world.person("ada", customer_since=date(2026, 3, 25), timezone="Pacific/Kiritimati")
    each_world.playbook("first_week", "trigger: {onboarding: {day: 7, at: '09:00'}}")
    each_world.tick("2026-03-26 00:00")
    got = each_world.ticks("2026-03-31 18:59", "2026-03-31 19:00", "2026-04-01 19:00")
    assert [letter.at for letter in got] == [utc("2026-03-31 19:00")]


def test_day_zero_is_the_day_itself(world: World) -> None:
    world.person("ada", customer_since=date(2026, 3, 25))
    world.playbook("welcome", "trigger: {onboarding: {day: 0}}")
    assert [letter.who for letter in world.ticks("2026-03-25 08:00", "2026-03-25 09:00")] == ["ada"]


def test_it_happens_once_though_the_first_order_is_corrected(world: World) -> None:
    world.person("ada")
    world.now = utc("2026-03-02 00:00")
    world.order("ada", utc("2026-03-01 10:00"))
    world.playbook("first_week", "trigger: {onboarding: {day: 7}}")
    world.ticks("2026-03-02 00:00", "2026-03-08 09:00")
    world.person("ada", customer_since=date(2026, 3, 3))
    world.ticks("2026-03-10 09:00")
    assert world.who_got() == ["ada"]


def test_who_became_a_customer_long_ago_is_not_welcomed(world: World) -> None:
    world.person("old", customer_since=date(2020, 1, 1))
    world.person("recent", customer_since=date(2026, 3, 1))
    world.playbook("first_week", "trigger: {onboarding: {day: 7, catch_up: 3 days}}")
    world.tick("2026-03-10 10:00")
    assert world.who_got() == ["recent"]
