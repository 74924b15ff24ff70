"""Every so many days each contact has a day, staggered evenly."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from itertools import pairwise

import pytest

from runner.triggers.cron import times
from tests.core.world import Got, World, utc


def _daily(world: World, days: int) -> list[Got]:
    """The letters of these days, without those of the first tick, which looks back by `catch_up`."""
    world.tick("2026-03-01 09:00")
    before = len(world.got())
    for day in range(1, days + 1):
        world.tick(utc("2026-03-01 09:00") + timedelta(days=day))
    return world.got()[before:]


def test_everybody_is_asked_once_a_period_and_every_day_some_are(each_world: World) -> None:
    each_world.people(*(f"p{number:03}" for number in range(120)))
    each_world.playbook("nps", "trigger: {schedule: {every: 10 days}}")
    got = _daily(each_world, 20)
    assert set(Counter(letter.who for letter in got).values()) == {2}
    assert len({letter.at for letter in got}) == 20


def test_the_period_of_each_is_exactly_the_same(world: World) -> None:
    world.person("ada")
    world.playbook("nps", "trigger: {schedule: {every: 7 days}}")
    first, second, third = (letter.at for letter in _daily(world, 21))
    assert second - first == third - second == timedelta(days=7)


def test_a_crontab_is_read_on_the_contacts_own_wall(each_world: World) -> None:
    each_world.person("here", timezone="Europe/Warsaw")
    each_world.person("there", timezone="America/New_York")
    each_world.playbook("weekly", 'trigger: {schedule: {cron: "0 9 * * mon"}}')
    each_world.tick("2026-03-01 12:00")
    # Every hour of two days, then only around the next Monday.
    for hour in (*range(1, 48), *range(24 * 7 + 18, 24 * 8)):
        each_world.tick(utc("2026-03-01 12:00") + timedelta(hours=hour))
    assert [(letter.who, letter.at) for letter in each_world.got()] == [
        ("here", utc("2026-03-02 08:00")),
        ("there", utc("2026-03-02 14:00")),
        ("here", utc("2026-03-09 08:00")),
    ]


@pytest.mark.parametrize(
    ("weekday", "days"),
    [
        ("0", "Sun"),
        ("7", "Sun"),
        ("1", "Mon"),
        ("mon", "Mon"),
        ("1-5", "Mon Tue Wed Thu Fri"),
        ("mon-fri", "Mon Tue Wed Thu Fri"),
        ("5-7", "Fri Sat Sun"),
        ("fri-mon", "Mon Fri Sat Sun"),
        ("0,6", "Sat Sun"),
        ("*/2", "Tue Thu Sat Sun"),
        ("*", "Mon Tue Wed Thu Fri Sat Sun"),
    ],
)
def test_weekdays_are_counted_as_in_a_crontab(weekday: str, days: str) -> None:
    """Not as APScheduler counts them: its 0 is Monday."""
    monday = utc("2026-03-02 00:00").replace(tzinfo=None)
    found = times(f"30 7 * * {weekday}", monday, monday + timedelta(days=7))
    assert " ".join(f"{at:%a}" for at in found) == days


def test_a_machine_that_was_off_makes_up_for_a_missed_schedule_once_and_does_not_wait_for_the_next(
    each_world: World,
) -> None:
    each_world.person("ada")
    each_world.playbook("daily", 'trigger: {schedule: {cron: "0 9 * * *"}}')
    each_world.tick("2026-03-01 10:00")
    each_world.ticks("2026-03-04 08:00", "2026-03-04 08:05", "2026-03-04 09:00")
    assert [letter.at for letter in each_world.got()] == [utc("2026-03-04 08:00"), utc("2026-03-04 09:00")]


def test_a_schedule_that_was_missed_for_longer_than_catch_up_waits_for_its_next_time(world: World) -> None:
    world.person("ada")
    world.playbook("yearly", 'trigger: {schedule: {cron: "0 9 1 1 *", catch_up: 3 days}}')
    world.tick("2025-12-31 10:00")
    world.ticks("2026-01-05 09:00")
    assert world.got() == []
    assert world.why("ada") == ["enter: skipped, too late: catch_up is 3 days"]
    assert [letter.who for letter in world.ticks("2027-01-01 09:00")] == ["ada"]


def test_a_new_schedule_looks_forward(each_world: World) -> None:
    each_world.person("ada")
    each_world.playbook("weekly", 'trigger: {schedule: {cron: "0 9 * * mon"}}')
    assert each_world.ticks("2026-03-02 10:00", "2026-03-02 11:00") == []


@pytest.mark.parametrize(
    ("night", "hours"),
    [("2026-03-29", ["01:30 UTC"]), ("2026-10-25", ["00:30 UTC"])],
)
def test_an_hour_that_the_clocks_leave_out_or_show_twice_comes_once(world: World, night: str, hours: list[str]) -> None:
    world.person("ada", timezone="Europe/Warsaw")
    world.playbook("night", 'trigger: {schedule: {cron: "30 2 * * *"}}')
    start = utc(f"{night} 00:00") - timedelta(hours=3)
    for quarter in range(4 * 7):
        world.tick(start + timedelta(minutes=15 * quarter))
    assert [f"{letter.at:%H:%M} UTC" for letter in world.got()] == hours


def test_an_hourly_schedule_comes_at_every_instant_once_when_the_clocks_change(world: World) -> None:
    world.person("ada", timezone="Europe/Warsaw")
    world.playbook("hourly", 'trigger: {schedule: {cron: "0 * * * *"}}')
    start = utc("2026-03-28 21:00")
    for quarter in range(4 * 8):
        world.tick(start + timedelta(minutes=15 * quarter))
    assert [letter.at.hour for letter in world.got()] == [21, 22, 23, 0, 1, 2, 3, 4]


def test_without_stagger_everybody_has_the_same_day(each_world: World) -> None:
    each_world.people(*(f"p{number:02}" for number in range(20)))
    each_world.playbook("nps", "trigger: {schedule: {every: 10 days, stagger: false}}")
    got = _daily(each_world, 25)
    days = sorted({letter.at for letter in got})
    assert [two - one for one, two in pairwise(days)] == [timedelta(days=10)] * (len(days) - 1)
    assert set(Counter(letter.who for letter in got).values()) == {len(days)}


def test_the_audience_may_be_spread_over_a_part_of_the_period(each_world: World) -> None:
    each_world.people(*(f"p{number:02}" for number in range(60)))
    each_world.playbook("nps", "trigger: {schedule: {every: 10 days, stagger: 4 days}}")
    got = _daily(each_world, 20)
    days = {letter.at for letter in got}
    assert set(Counter(letter.who for letter in got).values()) == {2}
    assert len({day.toordinal() % 10 for day in days}) == 4


def test_a_crontab_may_be_spread_over_hours(each_world: World) -> None:
    each_world.people(*(f"p{number:02}" for number in range(60)))
    each_world.playbook("weekly", 'trigger: {schedule: {cron: "0 9 * * mon", stagger: 4 hours}}')
    each_world.tick("2026-03-02 08:00")
    for quarter in range(4 * 6):
        each_world.tick(utc("2026-03-02 09:00") + timedelta(minutes=15 * quarter))
    got = each_world.got()
    assert len({letter.who for letter in got}) == len(got) == 60
    assert {letter.at.hour for letter in got} <= {9, 10, 11, 12, 13}
    assert len({letter.at for letter in got}) > 10


def test_a_crontab_may_be_spread_over_days_at_its_own_hour(world: World) -> None:
    world.people(*(f"p{number:02}" for number in range(40)))
    world.playbook("weekly", 'trigger: {schedule: {cron: "0 9 * * mon", stagger: 3 days}}')
    world.tick("2026-03-02 08:00")
    for hour in range(24 * 5):
        world.tick(utc("2026-03-02 08:00") + timedelta(hours=hour))
    assert {f"{letter.at:%a %H}" for letter in world.got()} == {"Mon 09", "Tue 09", "Wed 09"}
    assert len(world.got()) == 40


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ("", "must have one of every: and cron:"),
        ('every: 7 days, cron: "0 9 * * mon"', "must have one of every: and cron:"),
        ('cron: "0 9 * *"', "must have five fields"),
        ('cron: "0 9 * * moon"', "must be a weekday such as mon, mon-fri or 1-5"),
        ('cron: "0 25 * * mon"', "is no time as crontab writes it"),
        ('cron: "*/5 * * * *"', "at most once an hour"),
        ('cron: "0 9 1 * mon"', "a day of the month and a weekday, which crontab takes as either"),
        ('cron: "0 9 * * mon", stagger: true', "stagger needs a time with cron:"),
        ('cron: "0 9 * * mon", at: "10:00"', "at goes with every:"),
        ("every: 7 days, stagger: 8 days", "stagger must not be longer than the period"),
    ],
)
def test_a_calendar_that_cannot_be_meant_is_a_fault(world: World, keys: str, words: str) -> None:
    world.playbook("nps", f"trigger: {{schedule: {{{keys}}}}}")
    assert words in str(world.check().faults[0])
