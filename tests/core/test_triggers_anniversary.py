"""A yearly day comes once a year, on the contact's own day, whatever the calendar does."""

from __future__ import annotations

from datetime import date

import pytest

from connectors.records import Contact, FieldType
from tests.core.world import World, utc

BIRTHDAY = "trigger: {anniversary: {of: contact.birthday, at: '09:00', catch_up: 3 days}}"


def birthday(**keys: str) -> str:
    more = "".join(f", {key}: {value}" for key, value in keys.items())
    return BIRTHDAY.replace("}}", f"{more}}}}}")


@pytest.mark.parametrize(
    ("zone", "nine_there"),
    [
        ("Pacific/Kiritimati", "2026-05-03 19:00"),
        ("Asia/Kathmandu", "2026-05-04 03:15"),
        ("Europe/Warsaw", "2026-05-04 07:00"),
        ("America/St_Johns", "2026-05-04 11:30"),
        ("Pacific/Pago_Pago", "2026-05-04 20:00"),
    ],
)
def test_it_is_nine_where_the_contact_lives(each_world: World, zone: str, nine_there: str) -> None:
    each_world.person("ada", timezone=zone, birthday=date(1990, 5, 4))
    each_world.playbook("wish", BIRTHDAY)
    each_world.tick("2026-05-01 00:00")
    due = utc(nine_there)
    each_world.tick(due.replace(minute=due.minute - 1) if due.minute else due.replace(hour=due.hour - 1, minute=59))
    assert each_world.who_got() == []
    each_world.tick(due)
    assert each_world.who_got() == ["ada"]


def test_nobody_is_a_day_early_or_late(each_world: World) -> None:
    for day in range(1, 32):
        each_world.person(f"p{day:02}", birthday=date(1990, 12, day))
    each_world.playbook("wish", BIRTHDAY)
    each_world.tick("2026-11-30 09:00")
    for day in range(1, 32):
        got = each_world.ticks(f"2026-12-{day:02} 08:59", f"2026-12-{day:02} 09:00")
        assert [letter.who for letter in got] == [f"p{day:02}"]


def test_it_comes_again_next_year_and_not_twice_in_one(world: World) -> None:
    world.person("ada", birthday=date(1990, 1, 1))
    world.playbook("wish", BIRTHDAY)
    world.tick("2025-12-31 00:00")
    world.ticks("2025-12-31 23:59", "2026-01-01 09:00", "2026-01-01 09:05", "2026-01-02 09:00", "2027-01-01 09:00")
    assert [letter.at.year for letter in world.got()] == [2026, 2027]
    assert sorted(world.inside()) == ["ada birthday 2026", "ada birthday 2027"]


@pytest.mark.parametrize(("leap_day", "expected"), [("feb28", ["2027-02-28"]), ("mar1", ["2027-03-01"]), ("skip", [])])
def test_a_leap_day_in_a_common_year_is_kept_as_the_playbook_says(
    each_world: World, leap_day: str, expected: list[str]
) -> None:
    each_world.person("leap", birthday=date(2000, 2, 29))
    each_world.playbook("wish", birthday(leap_day=leap_day))
    each_world.tick("2027-02-26 12:00")
    got = each_world.ticks(*(f"2027-{day} 09:00" for day in ("02-27", "02-28", "03-01", "03-02")))
    assert [str(letter.at.date()) for letter in got] == expected


@pytest.mark.parametrize("leap_day", ["feb28", "mar1", "skip"])
def test_a_leap_day_in_a_leap_year_is_its_own(world: World, leap_day: str) -> None:
    world.person("leap", birthday=date(2000, 2, 29))
    world.playbook("wish", birthday(leap_day=leap_day))
    world.tick("2028-02-26 12:00")
    got = world.ticks(*(f"2028-{day} 09:00" for day in ("02-28", "02-29", "03-01")))
    assert [str(letter.at.date()) for letter in got] == ["2028-02-29"]


@pytest.mark.parametrize("leap_day", ["feb28", "mar1"])
def test_those_born_on_the_days_beside_keep_theirs(world: World, leap_day: str) -> None:
    world.person("feb28", birthday=date(1999, 2, 28))
    world.person("mar1", birthday=date(1999, 3, 1))
    world.playbook("wish", birthday(leap_day=leap_day))
    world.tick("2027-02-26 12:00")
    got = world.ticks("2027-02-28 09:00", "2027-03-01 09:00")
    assert [(letter.who, str(letter.at.date())) for letter in got] == [("feb28", "2027-02-28"), ("mar1", "2027-03-01")]


@pytest.mark.parametrize(
    ("zone", "at", "local", "instant"),
    [
        ("Europe/Warsaw", "02:30", date(1990, 3, 29), "2026-03-29 01:30"),  # 02:30 is not there: 03:30
        ("Europe/Warsaw", "02:30", date(1990, 10, 25), "2026-10-25 00:30"),  # 02:30 is there twice: the first
        ("America/Havana", "00:30", date(1990, 3, 8), "2026-03-08 05:30"),  # midnight itself is not there
        ("Australia/Lord_Howe", "02:15", date(1990, 10, 4), "2026-10-03 15:45"),  # half an hour is left out
    ],
)
def test_clock_changes_neither_skip_nor_double_a_day(
    world: World, zone: str, at: str, local: date, instant: str
) -> None:
    world.person("ada", timezone=zone, birthday=local)
    world.playbook("wish", birthday().replace("09:00", at))
    due = utc(instant)
    world.tick(due.replace(day=1))
    for hour in range(-3, 4):
        world.tick(due.fromtimestamp(due.timestamp() + hour * 3600, tz=due.tzinfo))
    assert [letter.at for letter in world.got()] == [due]


def test_a_machine_that_was_off_catches_up_so_far_and_says_what_is_too_late(world: World) -> None:
    for day in (1, 2, 3, 4, 5, 6):
        world.person(f"p{day}", birthday=date(1990, 5, day))
    world.playbook("wish", BIRTHDAY)
    world.tick("2026-04-30 12:00")
    world.tick("2026-05-06 10:00")
    assert world.who_got() == ["p4", "p5", "p6"]
    assert world.why("p2") == ["enter: skipped, too late: catch_up is 3 days"]


def test_the_first_tick_looks_back_no_further_than_catch_up(world: World) -> None:
    for day in (1, 3, 4, 5):
        world.person(f"p{day}", birthday=date(1990, 5, day))
    world.playbook("wish", BIRTHDAY)
    world.tick("2026-05-06 10:00")
    assert world.who_got() == ["p4", "p5"]
    assert world.log("p1") == []


def test_a_contact_that_syncs_late_is_wished_within_catch_up(world: World) -> None:
    world.playbook("wish", BIRTHDAY)
    world.tick("2026-05-01 00:00")
    world.tick("2026-05-05 12:00")
    world.person("late", birthday=date(1990, 5, 4))
    world.tick("2026-05-05 12:05")
    assert world.who_got() == ["late"]


def test_only_the_years_that_are_named(world: World) -> None:
    for year in range(2020, 2027):
        world.person(f"since{year}", customer_since=date(year, 5, 4))
    world.playbook("wish", "trigger: {anniversary: {years: [1, 5]}}")
    world.tick("2026-05-04 10:00")
    assert world.who_got() == ["since2021", "since2025"]


def test_the_day_itself_is_no_anniversary(world: World) -> None:
    world.person("new", customer_since=date(2026, 5, 4))
    world.person("next", customer_since=date(2027, 5, 4))
    world.playbook("wish", "trigger: anniversary")
    world.tick("2026-05-04 10:00")
    assert world.who_got() == []


def test_the_reason_counts_the_years(world: World) -> None:
    world.person("ada", customer_since=date(2024, 5, 4))
    world.playbook("wish", "trigger: anniversary")
    world.tick("2026-05-04 10:00")
    assert world.why("ada") == ["hello: done, 2 years since customer_since 2024-05-04"]


def test_a_custom_date_has_anniversaries_too(each_world: World) -> None:
    fields = {"wedding": FieldType.DATE}
    for id, day in (("ada", "2010-05-04"), ("leap", "2012-02-29"), ("none", None)):
        told = Contact(contact_id=id, email=f"{id}@x.example", created_at=utc("2020-01-01"), custom={"wedding": day})
        each_world.hear(told, fields=fields)
    each_world.playbook("wish", "trigger: {anniversary: {of: contact.wedding}}")
    each_world.tick("2026-02-26 10:00")
    got = each_world.ticks("2026-02-28 09:00", "2026-05-04 09:00")
    assert [(letter.who, str(letter.at.date())) for letter in got] == [("leap", "2026-02-28"), ("ada", "2026-05-04")]


def test_the_yearly_day_of_an_instant_is_the_local_one(each_world: World) -> None:
    each_world.person("east", timezone="Asia/Tokyo")
    each_world.order("east", utc("2024-05-04 20:00"))  # 5 May in Tokyo
    each_world.playbook("wish", "trigger: {anniversary: {of: contact.first_order_at, at: '12:00'}}")
    each_world.tick("2026-05-01 00:00")
    got = each_world.ticks("2026-05-04 03:00", "2026-05-05 03:00", "2026-05-06 03:00")
    assert [str(letter.at.date()) for letter in got] == ["2026-05-05"]


def test_an_instant_at_new_year_counts_its_years_by_the_local_day(world: World) -> None:
    world.person("east", timezone="Asia/Tokyo")
    world.order("east", utc("2024-12-31 20:00"))  # New Year's Day in Tokyo
    world.playbook("wish", "trigger: {anniversary: {of: contact.first_order_at}}")
    world.tick("2024-12-31 12:00")
    world.ticks("2025-01-01 00:00", "2026-01-01 00:00")
    assert world.why("east") == ["hello: done, 1 year since first_order_at 2025-01-01"]
