"""A lapse begins when more than so many local days have passed, once a lapse, named by the last activity."""

from __future__ import annotations

from decimal import Decimal

import pytest

from connectors.records import Ticket
from runner.app.looking import left_out
from tests.core.world import World, utc
from tests.sync.saying import deal, hear, order, person

NINETY = "trigger: {inactivity: {for: 90 days}}"


def bought(world: World, who: str, *times: str, **told: object) -> None:
    world.person(who, **told)
    for time in times:
        world.order(who, utc(time))


def test_more_than_ninety_days_is_the_ninety_first(each_world: World) -> None:
    bought(each_world, "ada", "2026-01-01 15:00")
    each_world.playbook("win_back", NINETY)
    each_world.tick("2026-03-01 00:00")
    got = each_world.ticks("2026-04-01 23:59", "2026-04-02 00:00", "2026-04-03 00:00")
    assert [letter.at for letter in got] == [utc("2026-04-02 00:00")]
    assert each_world.why("ada") == ["hello: done, no order for more than 90 days, the last on 2026-01-01"]


@pytest.mark.parametrize(
    ("zone", "ordered", "lapses"),
    [
        ("Pacific/Kiritimati", "2026-01-01 15:00", "2026-04-02 10:00"),  # the order was on the 2nd there
        ("America/New_York", "2026-01-01 03:00", "2026-04-01 04:00"),  # the order was on the 31st there; summer time
    ],
)
def test_the_days_are_those_of_the_contacts_zone(each_world: World, zone: str, ordered: str, lapses: str) -> None:
    bought(each_world, "ada", ordered, timezone=zone)
    each_world.playbook("win_back", NINETY)
    each_world.tick("2026-03-01 00:00")
    due = utc(lapses)
    each_world.tick(due.fromtimestamp(due.timestamp() - 60, tz=due.tzinfo))
    assert each_world.got() == []
    each_world.tick(due)
    assert [letter.at for letter in each_world.got()] == [due]


def test_each_lapse_is_one_and_an_order_ends_it(each_world: World) -> None:
    bought(each_world, "ada", "2026-01-01 15:00")
    each_world.playbook("win_back", NINETY)
    each_world.ticks("2026-03-01 00:00", "2026-04-02 00:00", "2026-05-01 00:00")
    each_world.order("ada", utc("2026-05-01 00:00"), id="again")
    each_world.ticks("2026-05-02 00:00", "2026-07-30 00:00", "2026-07-31 00:00", "2026-08-30 00:00")
    assert [f"{letter.at:%m-%d}" for letter in each_world.got()] == ["04-02", "07-31"]
    assert sorted(each_world.inside()) == ["ada lapse crm:ada-202601011500", "ada lapse crm:again"]


def test_who_had_lapsed_before_the_first_tick_is_left_alone(world: World) -> None:
    bought(world, "lapsed", "2025-01-01 15:00")
    bought(world, "lapses", "2026-01-02 15:00")
    world.playbook("win_back", NINETY)
    world.ticks("2026-04-02 12:00", "2026-04-03 12:00", "2026-04-04 12:00")
    assert world.who_got() == ["lapses"]


def test_who_had_lapsed_before_enters_where_the_playbook_says_so(each_world: World) -> None:
    bought(each_world, "lapsed", "2025-01-01 15:00")
    bought(each_world, "today", "2026-01-01 15:00")
    bought(each_world, "tomorrow", "2026-01-02 15:00")
    each_world.playbook("win_back", "trigger: {inactivity: {for: 90 days, existing: enter}}")
    each_world.tick("2026-04-02 12:00")
    assert sorted(each_world.who_got()) == ["lapsed", "today"]
    each_world.ticks("2026-04-02 13:00", "2026-04-03 00:00")
    assert sorted(each_world.who_got()) == ["lapsed", "today", "tomorrow"]


def test_a_machine_that_was_off_misses_no_lapse(world: World) -> None:
    bought(world, "ada", "2026-01-01 15:00")
    world.playbook("win_back", NINETY)
    world.ticks("2026-03-01 00:00", "2026-05-01 00:00")
    assert world.who_got() == ["ada"]


def test_an_order_told_late_prevents_the_lapse(world: World) -> None:
    bought(world, "ada", "2026-01-01 15:00")
    world.playbook("win_back", NINETY)
    world.tick("2026-04-01 12:00")
    world.order("ada", utc("2026-03-15 10:00"))
    world.ticks("2026-04-02 12:00", "2026-05-02 12:00")
    assert world.got() == []


def test_who_never_ordered_has_no_lapse(world: World) -> None:
    world.person("ada")
    world.playbook("win_back", "trigger: {inactivity: {for: 90 days, existing: enter}}")
    assert world.ticks("2026-04-02 12:00", "2026-04-03 12:00") == []


def test_any_activity_counts_where_any_is_asked_for(each_world: World) -> None:
    bought(each_world, "ada", "2026-01-01 15:00", "2026-01-20 15:00")
    each_world.playbook("win_back", "trigger: {inactivity: {for: 30 days, event: any}}")
    each_world.ticks("2026-01-21 00:00", "2026-02-01 00:00", "2026-02-20 00:00")
    assert [f"{letter.at:%m-%d}" for letter in each_world.got()] == ["02-20"]


def test_what_is_told_in_a_table_of_its_own_counts_as_activity(each_world: World) -> None:
    each_world.person("ada")
    for number, at in enumerate(("2026-01-01 15:00", "2026-01-20 15:00")):
        each_world.hear(Ticket(ticket_id=f"t{number}", contact_id="ada", created_at=utc(at)))
    each_world.playbook("quiet", "trigger: {inactivity: {for: 30 days, event: ticket}}")
    each_world.ticks("2026-01-21 00:00", "2026-02-01 00:00", "2026-02-20 00:00")
    assert [f"{letter.at:%m-%d}" for letter in each_world.got()] == ["02-20"]


def test_an_order_that_falls_away_leaves_the_lapse_that_was_there_all_along(each_world: World) -> None:
    bought(each_world, "ada", "2026-01-01 15:00")
    each_world.order("ada", utc("2026-05-01 15:00"), id="sent back")
    each_world.playbook("win_back", NINETY)
    each_world.ticks("2026-03-01 00:00", "2026-05-02 00:00", "2026-06-01 00:00")
    each_world.order("ada", utc("2026-05-01 15:00"), id="sent back", total="0")
    got = each_world.ticks("2026-06-02 00:00", "2026-06-03 00:00")
    assert [letter.at for letter in got] == [utc("2026-06-02 00:00")]
    assert each_world.why("ada") == ["hello: done, no order for more than 90 days, the last on 2026-01-01"]


def test_old_orders_that_arrive_only_now_are_existing_lapses(each_world: World) -> None:
    each_world.people("ada", "ben")
    each_world.playbook("win_back", NINETY)
    each_world.tick("2026-05-01 00:00")
    bought(each_world, "ada", "2026-01-01 15:00")
    assert each_world.ticks("2026-05-02 00:00", "2026-05-03 00:00") == []


def test_plan_says_how_many_had_lapsed_before_and_are_left_out(each_world: World) -> None:
    bought(each_world, "ada", "2025-01-01 15:00")
    bought(each_world, "bob", "2025-02-01 15:00")
    bought(each_world, "eve", "2026-02-01 15:00")
    each_world.playbook("win_back", NINETY)
    words = "win_back: of 2 people it is so already: left out; existing: enter lets them in"
    assert left_out(each_world.app, utc("2026-03-01 09:00"), None) == [words]
    each_world.tick("2026-03-01 09:00")
    assert left_out(each_world.app, utc("2026-03-01 09:05"), None) == []


def test_who_had_lapsed_when_they_first_appeared_is_left_alone(each_world: World) -> None:
    each_world.playbook("win_back", NINETY)
    each_world.tick("2026-04-01 12:00")
    each_world.now = utc("2026-04-05 09:00")
    bought(each_world, "lapsed", "2026-01-03 15:00")
    bought(each_world, "lapses", "2026-01-05 15:00")
    each_world.ticks("2026-04-05 09:00", "2026-04-06 09:00", "2026-04-07 09:00")
    assert each_world.who_got() == ["lapses"]


def test_another_source_of_orders_is_existing_history(each_world: World) -> None:
    each_world.playbook("win_back", NINETY)
    for who in ("lapsed", "lapses"):
        each_world.person(who)
        each_world.hear(deal(who, contact_id=who, amount=Decimal(10), closed_at=utc("2026-04-10 15:00")))
    each_world.ticks("2026-04-11 12:00", "2026-04-20 12:00")
    each_world.now = utc("2026-04-20 13:00")
    for who, last in (("lapsed", "2026-01-17 15:00"), ("lapses", "2026-01-22 15:00")):
        told = order(who, who, "10", utc(last)), person(who, email=f"{who}@x.example", timezone="UTC")
        hear(each_world.store, *told, of="shop", now=each_world.now, settings=each_world.app.settings)
    each_world.ticks("2026-04-20 13:00", "2026-04-22 12:00", "2026-04-23 12:00", "2026-04-24 12:00")
    assert each_world.who_got() == ["lapses"]
