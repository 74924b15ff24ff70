"""A date draws near, comes or has passed: once, or every year; and a date may move."""

from __future__ import annotations

from datetime import timedelta
from textwrap import dedent

import pytest

from connectors.records import Contact, FieldType
from tests.core.world import World, utc

FIELDS = {"renewal_date": FieldType.DATE, "trial_end": FieldType.TIME}


def renewing(world: World, who: str, on: str | None, *, field: str = "renewal_date", **told: object) -> None:
    told = {"timezone": "UTC", **told}
    custom = {field: on}
    contact = Contact(contact_id=who, email=f"{who}@x.example", created_at=utc("2020-01-01"), custom=custom, **told)
    world.hear(contact, fields=FIELDS)


def on_days(world: World) -> list[tuple[str, str]]:
    return [(letter.who, f"{letter.at:%Y-%m-%d}") for letter in world.got()]


def notice(world: World, keys: str) -> None:
    world.playbook("notice", dedent(f"trigger: {{date: {{of: contact.renewal_date{keys}}}}}"))


@pytest.mark.parametrize(
    ("keys", "day"),
    [
        (", before: 30 days", "2026-02-28"),
        (", before: 2 weeks", "2026-03-16"),
        (", after: 3 days", "2026-04-02"),
        ("", "2026-03-30"),
    ],
)
def test_so_many_calendar_days_before_or_after(each_world: World, keys: str, day: str) -> None:
    renewing(each_world, "ada", "2026-03-30", timezone="Europe/Warsaw")
    renewing(each_world, "nobody", None)
    notice(each_world, keys)
    each_world.tick("2026-02-01 00:00")
    for number in range(59):
        each_world.tick(utc("2026-02-10 10:00") + timedelta(days=number))
    assert on_days(each_world) == [("ada", day)]


def test_the_reason_names_the_date(world: World) -> None:
    renewing(world, "ada", "2026-03-31")
    notice(world, ", before: 30 days")
    world.tick("2026-03-01 09:00")
    assert world.why("ada") == ["hello: done, 30 days before renewal_date 2026-03-31"]


def test_a_date_that_moves_a_little_is_the_same_one(each_world: World) -> None:
    renewing(each_world, "ada", "2026-03-31")
    notice(each_world, ", before: 30 days")
    each_world.tick("2026-03-01 09:00")
    renewing(each_world, "ada", "2026-04-05")
    each_world.tick("2026-03-06 09:00")
    assert on_days(each_world) == [("ada", "2026-03-01")]
    assert each_world.why("ada")[-1] == "enter: skipped, the date moved by less than 14 days: the same occasion"


def test_a_date_that_moves_far_is_another_one(each_world: World) -> None:
    renewing(each_world, "ada", "2026-03-31")
    notice(each_world, ", before: 30 days")
    each_world.tick("2026-03-01 09:00")
    renewing(each_world, "ada", "2027-03-31")
    each_world.tick("2027-03-01 09:00")
    assert on_days(each_world) == [("ada", "2026-03-01"), ("ada", "2027-03-01")]


def test_a_date_that_moves_away_before_it_is_due_starts_nothing(world: World) -> None:
    renewing(world, "ada", "2026-03-31")
    notice(world, ", before: 30 days")
    world.tick("2026-02-28 09:00")
    renewing(world, "ada", "2026-09-30")
    world.ticks("2026-03-01 09:00", "2026-03-02 09:00")
    assert world.got() == []


def test_the_first_tick_looks_back_by_catch_up_only(world: World) -> None:
    for day in (1, 2, 3, 4):
        renewing(world, f"p{day}", f"2026-03-{day:02}")
    notice(world, ", catch_up: 2 days")
    world.tick("2026-03-04 12:00")
    assert on_days(world) == [("p3", "2026-03-04"), ("p4", "2026-03-04")]


def test_a_yearly_date_comes_round_but_not_before_it_began(each_world: World) -> None:
    renewing(each_world, "old", "2019-03-10")
    renewing(each_world, "future", "2027-03-10")
    notice(each_world, ", yearly: true, before: 5 days")
    each_world.tick("2026-01-01 00:00")
    each_world.ticks("2026-03-05 09:00", "2027-03-05 09:00")
    assert on_days(each_world) == [("old", "2026-03-05"), ("future", "2027-03-05"), ("old", "2027-03-05")]


def test_a_yearly_date_over_the_end_of_the_year(world: World) -> None:
    renewing(world, "ada", "2019-01-02")
    notice(world, ", yearly: true, before: 5 days")
    world.tick("2025-12-01 00:00")
    world.tick("2025-12-28 09:00")
    assert list(world.inside()) == ["ada renewal_date 2026"]


def test_a_custom_time_is_the_local_day(each_world: World) -> None:
    renewing(each_world, "ada", "2026-03-10T23:30:00+00:00", field="trial_end", timezone="Pacific/Auckland")
    each_world.playbook("over", "trigger: {date: {of: contact.trial_end, after: 1 day}}")
    each_world.tick("2026-03-01 00:00")
    each_world.ticks("2026-03-10 20:00", "2026-03-11 20:00")  # 9 in the morning of the 11th, then of the 12th
    assert on_days(each_world) == [("ada", "2026-03-11")]


def test_the_days_after_each_order_are_counted_from_the_last_one(world: World) -> None:
    world.person("ada")
    world.playbook("csat", "trigger: {date: {of: contact.last_order_at, after: 5 days, rearm: 1 day}}")
    world.tick("2026-03-01 00:00")
    world.now = utc("2026-03-02 00:00")
    world.order("ada", utc("2026-03-01 10:00"))
    world.tick("2026-03-04 10:00")
    world.order("ada", utc("2026-03-04 09:00"))
    world.ticks("2026-03-06 09:00", "2026-03-09 09:00")
    assert on_days(world) == [("ada", "2026-03-09")]
