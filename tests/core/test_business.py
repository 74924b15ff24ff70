"""Business hours and days: counted to the second on the clocks of all zones, and without the days nobody works."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from runner import clock
from runner.app import App
from runner.app.check import check
from runner.business import Calendar, Holidays, days_of, hours_of, office_hours
from runner.settings import Settings, load_settings
from runner.store.tables import tasks
from tests.core.test_settings_faults import GOOD, faults
from tests.core.world import World, utc
from tests.core.zones import changes, moments

HOUR = 3600


def week(**hours: str) -> Callable[[str], Calendar]:
    """`week(mon_fri="09:00-17:00")`, on the clock of a zone that is given later."""
    open_on = {day: hours_of(text) for key, text in hours.items() for day in days_of(key.replace("_", "-"))}
    return lambda zone: Calendar(zone, tuple(open_on.get(day, ()) for day in range(7)))


OFFICE = week(mon_fri="09:00-17:00")
SHOP = week(mon_thu="09:00-12:00, 13:00-17:30", sat="10:00-14:00")
#: Opens and closes at the very hours at which clocks are changed.
BAR = week(fri_sun="00:00-01:30, 02:30-03:15, 23:15-24:00", wed="22:45-24:00")
AROUND_THE_CLOCK = week(mon_sun="00:00-24:00")
calendars = st.tuples(st.sampled_from([OFFICE, SHOP, BAR, AROUND_THE_CLOCK]), moments).map(
    lambda drawn: (drawn[0](drawn[1][0]), drawn[1][1])
)
Drawn = tuple[Calendar, datetime]


def warsaw(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return clock.at_local(at.date(), at.time(), "Europe/Warsaw")


@given(calendars)
def test_nobody_works_before_the_next_opening_and_somebody_from_then_on(drawn: Drawn) -> None:
    calendar, at = drawn
    opens = calendar.next_open(at)
    assert opens >= at
    assert calendar.between(at, opens) == 0
    assert calendar.between(opens, opens + timedelta(seconds=1)) == 1


@given(calendars, st.integers(1, 60))
def test_so_many_business_hours_on_exactly_so_many_were_worked(drawn: Drawn, hours: int) -> None:
    calendar, at = drawn
    until = calendar.add_hours(at, hours)
    assert calendar.between(at, until) == hours * HOUR
    assert calendar.between(at, until - timedelta(seconds=1)) == hours * HOUR - 1


@given(calendars, st.integers(0, 20), st.integers(0, 20))
def test_business_hours_may_be_counted_in_parts(drawn: Drawn, some: int, more: int) -> None:
    calendar, at = drawn
    between = calendar.add_hours(at, some)
    assert calendar.next_open(calendar.add_hours(between, more)) == calendar.next_open(
        calendar.add_hours(at, some + more)
    )
    end = between + timedelta(hours=more)
    assert calendar.between(at, between) + calendar.between(between, end) == calendar.between(at, end)


@given(calendars)
def test_office_hours_are_those_that_the_wall_clock_shows(drawn: Drawn) -> None:
    _, begin = drawn
    calendar = OFFICE(drawn[0].zone)
    for quarter in (begin + timedelta(minutes=15 * n) for n in range(4 * 24 * 4)):
        wall = clock.local(quarter, calendar.zone)
        working = wall.weekday() < 5 and 9 <= wall.hour < 17
        assert calendar.between(quarter, quarter + timedelta(seconds=1)) == working


def test_a_day_open_around_the_clock_has_as_many_hours_as_it_lasts() -> None:
    """On the day of each of the 8,544 changes, and on the day before."""
    for change in changes():
        calendar = AROUND_THE_CLOCK(change.zone)
        today = clock.local(change.at, change.zone).date()
        begin, end = (clock.midnight(today + timedelta(days=n), change.zone) for n in (-1, 1))
        assert calendar.between(begin, end) == (end - begin).total_seconds()


def test_no_second_is_lost_or_worked_twice_where_hours_begin_or_end_within_a_change() -> None:
    """At each change that differs from the others, with spans that end in the middle of it and begin a little later."""
    different = {(change.at, change.before, change.after): change for change in changes()}.values()
    for change in different:
        middle = change.odd[0] + (change.odd[1] - change.odd[0]) / 2
        ends, begins = f"{middle:%H:%M}", f"{middle + timedelta(minutes=10):%H:%M}"
        early = f"06:00-{ends}" if ends > "06:00" else f"00:00-{ends}"
        calendar = week(mon_sun=f"{early}, {begins}-24:00" if begins > ends else early)(change.zone)
        parts = [change.at + timedelta(minutes=20 * n) for n in range(-6, 8)]
        worked = [calendar.between(*part) for part in pairwise(parts)]
        assert max(worked) <= 20 * 60
        assert sum(worked) == calendar.between(parts[0], parts[-1])


@given(calendars, st.integers(1, 30))
def test_so_many_business_days_on_so_many_have_begun_since(drawn: Drawn, days: int) -> None:
    calendar, at = drawn
    start, until = calendar.next_open(at), calendar.add_days(at, days)
    first, last = (clock.local(moment, calendar.zone).date() for moment in (start, until))
    worked = [first + timedelta(days=n) for n in range(1, (last - first).days + 1)]
    begun = sum(calendar.is_business_day(day) for day in worked)
    hour = clock.local(start, calendar.zone).time()
    if clock.local(until, calendar.zone).time() == hour:
        assert begun == days
    else:  # nobody works at that hour, or the clock leaves it out: the next opening
        assert days <= begun <= days + 1


@pytest.mark.parametrize(
    ("begin", "days", "end"),
    [
        ("2026-03-02 15:00", 2, "2026-03-04 15:00"),
        ("2026-03-06 15:00", 1, "2026-03-09 15:00"),  # over a weekend
        ("2026-03-07 11:00", 1, "2026-03-10 09:00"),  # a Saturday's comes on Monday
        ("2026-03-02 18:00", 1, "2026-03-04 09:00"),  # an evening's comes in the morning
        ("2026-03-27 15:00", 1, "2026-03-30 15:00"),  # over the night the clocks go forward
    ],
)
def test_business_days_end_at_the_hour_they_began(begin: str, days: int, end: str) -> None:
    assert OFFICE("Europe/Warsaw").add_days(warsaw(begin), days) == warsaw(end)


@pytest.mark.parametrize(
    ("begin", "hours", "end"),
    [
        ("2026-03-02 15:00", 1, "2026-03-02 16:00"),
        ("2026-03-02 16:00", 1, "2026-03-02 17:00"),  # the end of the day is in time
        ("2026-03-02 16:30", 1, "2026-03-03 09:30"),
        ("2026-03-06 16:30", 9, "2026-03-10 09:30"),
        ("2026-03-07 11:00", 1, "2026-03-09 10:00"),
    ],
)
def test_business_hours_go_on_with_the_next_opening(begin: str, hours: int, end: str) -> None:
    assert OFFICE("Europe/Warsaw").add_hours(warsaw(begin), hours) == warsaw(end)


def test_holidays_of_a_country_of_its_parts_and_single_days_are_left_out() -> None:
    polish = Holidays(frozenset({date(2026, 11, 13)}), ("PL",))
    calendar = Calendar("Europe/Warsaw", OFFICE("Europe/Warsaw").week, polish)
    # 11 November is Independence Day, a Wednesday; the 13th the company's own.
    assert calendar.add_days(warsaw("2026-11-10 12:00"), 1) == warsaw("2026-11-12 12:00")
    assert calendar.add_days(warsaw("2026-11-10 12:00"), 2) == warsaw("2026-11-16 12:00")
    epiphany = date(2026, 1, 6)
    assert (epiphany in Holidays(countries=("DE-BY",)), epiphany in Holidays(countries=("DE-BE",))) == (True, False)


def hours(folder: Path, written: str) -> Settings:
    (folder / "regulars.yaml").write_text(GOOD + f"business_hours: {written}\n", encoding="utf-8")
    return load_settings(folder, {}).settings


def test_settings_name_days_ranges_of_days_and_several_spans(tmp_path: Path) -> None:
    calendar = hours(tmp_path, '{sun-tue: "09:00-12:00, 13:00-24:00", "wed, fri": "9:30-17:00"}').calendar
    open_on = [" ".join(f"{h.begin:%H:%M}-{h.end:%H:%M}" for h in spans) for spans in calendar.week]
    long = "09:00-12:00 13:00-00:00"
    assert open_on == [long, long, "09:30-17:00", "", "09:30-17:00", "", long]


def test_settings_name_a_country_a_part_of_one_and_days(tmp_path: Path) -> None:
    calendar = hours(tmp_path, '{mon-fri: "09:00-17:00", holidays: [NO, DE-BY, 2026-12-24, "2026-12-31"]}').calendar
    off = [date(2026, 5, 17), date(2026, 1, 6), date(2026, 12, 24), date(2026, 12, 31)]
    assert [day in calendar.holidays for day in off] == [True] * 4
    assert date(2026, 12, 30) not in calendar.holidays


def test_what_is_no_calendar_is_a_fault_with_its_place(tmp_path: Path) -> None:
    text = GOOD + (
        "business_hours:\n  mon-fry: '09:00-17:00'\n  sat: 9-17\n  sun: '17:00-09:00'\n"
        "  fri: '09:00-12:00, 11:00-17:00'\n  holidays: [Poland, DE-XX, 12]\n"
    )
    told = [fault.removeprefix("regulars.yaml:").partition("; there are BB")[0] for fault in faults(tmp_path, text)]
    example = 'must be hours such as "09:00-17:00" or "09:00-12:00, 13:00-17:00"'
    assert told == [
        "6:12: business_hours.mon-fry: 'fry' is no day; there are mon, tue, wed, thu, fri, sat, sun, "
        "and ranges such as mon-fri",
        f"7:8: business_hours.sat: {example}, is '9-17'",
        "8:8: business_hours.sun: must be hours of one day in their order, is '17:00-09:00'; a day ends at 24:00",
        "9:8: business_hours.fri: must be hours of one day in their order, is '09:00-12:00, 11:00-17:00'; "
        "a day ends at 24:00",
        "10:14: business_hours.holidays[0]: there are no holidays of 'Poland'; "
        "write a country such as PL, or a part of one as DE-BY",
        "10:22: business_hours.holidays[1]: DE has no part 'XX' with holidays of its own",
        "10:29: business_hours.holidays[2]: must be a country such as PL, a part of one such as DE-BY, "
        "or a date, is 12",
    ]


@pytest.mark.parametrize("written", ["{}", "{holidays: PL}"])
def test_a_company_that_never_opens_is_a_fault(tmp_path: Path, written: str) -> None:
    (told,) = faults(tmp_path, GOOD + f"business_hours: {written}\n")
    assert 'have no open hour within a year; write mon-fri: "09:00-17:00"' in told


def test_holidays_that_leave_no_day_are_a_fault(tmp_path: Path) -> None:
    today = clock.machine_now().date()
    off = [str(today + timedelta(days=n)) for n in range(-1, 370) if (today + timedelta(days=n)).weekday() == 5]
    (told,) = faults(tmp_path, GOOD + f"business_hours: {{sat: '09:00-17:00', holidays: [{', '.join(off)}]}}\n")
    assert "have no open hour within a year" in told


def test_a_day_with_two_sets_of_hours_is_a_fault(tmp_path: Path) -> None:
    (told,) = faults(tmp_path, GOOD + "business_hours: {mon-fri: '09:00-17:00', fri: '09:00-15:00'}\n")
    assert told.endswith("have fri twice; give each day its hours once, as mon-thu and fri")


CALL = """\
trigger: {anniversary: {of: contact.birthday}}
actions:
  - wait: 2 business days
  - create_task: {id: call, subject: Call, due: in 1 business hour}
"""


def test_business_time_without_business_hours_is_warned_of(tmp_path: Path) -> None:
    (tmp_path / "playbooks").mkdir()
    (tmp_path / "regulars.yaml").write_text(GOOD, encoding="utf-8")
    (tmp_path / "playbooks" / "call.yaml").write_text("name: Call\n" + CALL, encoding="utf-8")
    with App(tmp_path, environment={}) as app:
        told = [str(warning) for warning in check(app).warnings]
    words = "is counted from Monday to Friday, 9 to 17, without holidays"
    assert [text.partition(words)[0] for text in told] == [
        "playbooks/call.yaml:4:11: actions[0].wait: ",
        "playbooks/call.yaml:5:49: actions[1].create_task.due: ",
    ]
    hours(tmp_path, '{mon-fri: "09:00-17:00"}')
    with App(tmp_path, environment={}) as app:
        assert check(app).warnings == ()


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("wait: 3 business weeks", "write 2 business days, or business hours"),
        ("wait: 1 month", "write 30 days"),
        ("wait: 3 months", "write 90 days"),
        ("wait: 2 years", "write 730 days"),
        ("wait: 2000 business hours", "must be at most 1000 business hours"),
    ],
)
def test_a_time_that_is_not_understood_says_what_to_write(world: World, key: str, told: str) -> None:
    world.playbook("call", CALL.replace("wait: 2 business days", key))
    (fault,) = world.check().faults
    assert told in str(fault)


def test_only_waits_and_tasks_are_counted_in_business_time(tmp_path: Path) -> None:
    (told,) = faults(tmp_path, GOOD + "max_lateness: 2 business days\n")
    assert told.endswith("is not counted in business time, is '2 business days'; only 'wait' and 'due' are")


def test_a_task_is_due_and_a_wait_over_by_the_company_s_hours(world_with: Callable[[str], World]) -> None:
    world = world_with("business_hours: {mon-fri: '10:00-18:00', holidays: [PL, 2026-05-05]}")
    world.people("ada", timezone="America/New_York", birthday=date(1990, 4, 30))
    world.playbook("call", CALL)
    world.tick("2026-04-30 13:00")  # 9:00 of a Thursday in New York; Friday is Labour Day, Tuesday is off
    assert world.why("ada") == ["wait-1: held, wait 2 business days"]
    world.tick("2026-05-06 12:59")
    assert world.why("ada") == ["wait-1: held, wait 2 business days"]
    world.tick("2026-05-06 17:30")
    assert [row.due_at for row in world.rows(sa.select(tasks.c.due_at))] == [utc("2026-05-07 10:30")]


def test_what_is_waited_for_may_take_business_days_at_most(world: World) -> None:
    world.people("ada", birthday=date(1990, 5, 1))
    world.playbook(
        "call", CALL.replace("wait: 2 business days", "wait: {for: {event: order}, at_most: 1 business day}")
    )
    world.ticks("2026-05-01 12:00", "2026-05-04 11:59")
    assert world.why("ada") == ["wait-1: held, wait for an order, at most 1 business day"]
    world.tick("2026-05-04 12:00")
    assert world.why("ada")[0] == "wait-1: done, an order did not come within 1 business day"


def test_office_hours_stand_in_where_none_are_told(world: World) -> None:
    assert world.app.settings.calendar == office_hours("UTC")
    world.people("ada", birthday=date(1990, 5, 1))
    world.playbook("call", "trigger: {anniversary: {of: contact.birthday}}\nactions:\n  - " + CALL.splitlines()[3][4:])
    world.tick("2026-05-01 16:30")
    assert [row.due_at for row in world.rows(sa.select(tasks.c.due_at))] == [utc("2026-05-04 09:30")]
