"""What users of comparable tools complain of where time is concerned, each complaint turned into a promise.

The numbers are the rows of the list of complaints the product was designed by. Those of 29 February (16 to 18) are held
in `test_triggers_anniversary` and, for each year, in `test_clock`; the rest of the clock rules in every zone there too.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest

from connectors.records import Contact
from runner import clock
from runner.app import App
from runner.app.doctor import examine
from runner.app.tick import tick
from tests.core.test_triggers_date import renewing
from tests.core.world import Postbox, World, utc
from tests.core.zones import changes, zones

WISH = "trigger: {anniversary: {of: contact.birthday, at: '09:00', catch_up: 3 days}}"
DAILY = "trigger: {schedule: {every: 1 day, at: '02:30', catch_up: 1 hour}}"
HOURS = timedelta(hours=1)


def test_9_two_machines_that_tick_at_once_write_once(each_world: World) -> None:
    each_world.people("ada", "bob", birthday=date(1990, 5, 4))
    each_world.playbook("wish", WISH)
    with closing(App(each_world.folder, environment={}, now=lambda: each_world.now)) as second:
        second.__dict__["mailer"] = box = Postbox()
        at = each_world.now = utc("2026-05-04 09:00")
        with ThreadPoolExecutor(2) as machines:
            list(machines.map(lambda app: tick(app, at), [each_world.app, second]))
        assert sorted(each_world.mailer.addresses + box.addresses) == ["ada@x.example", "bob@x.example"]


def test_9_an_edited_schedule_does_not_fire_beside_its_old_version(each_world: World) -> None:
    each_world.person("ada")
    each_world.playbook("daily", DAILY)
    each_world.ticks("2026-05-03 12:00", "2026-05-04 02:30")
    each_world.playbook("daily", f"description: edited\n{DAILY}")
    each_world.ticks("2026-05-04 02:35", "2026-05-04 12:00")
    assert [letter.at for letter in each_world.got()] == [utc("2026-05-04 02:30")]


def test_10_a_day_missed_while_the_machine_was_off_is_kept_late_and_not_next_year(each_world: World) -> None:
    each_world.person("ada", birthday=date(1990, 5, 4))
    each_world.playbook("wish", WISH)
    each_world.ticks("2026-05-03 12:00", "2026-05-06 08:00", "2026-05-06 09:00", "2027-05-04 09:00")
    assert [letter.at for letter in each_world.got()] == [utc("2026-05-06 08:00"), utc("2027-05-04 09:00")]


def test_10_a_day_missed_for_too_long_is_logged_and_not_sent(each_world: World) -> None:
    each_world.person("ada", birthday=date(1990, 5, 4))
    each_world.playbook("wish", WISH)
    assert each_world.ticks("2026-05-03 12:00", "2026-05-20 09:00") == []
    assert each_world.why("ada") == ["enter: skipped, too late: catch_up is 3 days"]


def test_11_a_restored_backup_sends_nothing_whose_time_is_past(
    world_with: Callable[[str], World], tmp_path: Path
) -> None:
    world = world_with("quiet_hours: {from: '20:00', to: '10:00'}")
    world.person("ada", birthday=date(1990, 5, 4))
    world.playbook("wish", WISH)
    world.tick("2026-05-04 09:00")
    decisions_so_far = world.why("ada")
    with saved(world, tmp_path):
        assert [letter.who for letter in world.ticks("2026-05-04 10:00")] == ["ada"]
    assert world.why("ada") == decisions_so_far == ["hello: held, quiet hours"]
    assert world.ticks("2026-05-20 12:00") == []
    assert world.why("ada") == ["hello: ended, too late: due since 2026-05-04, max_lateness is 3 days"]


@contextmanager
def saved(world: World, folder: Path) -> Iterator[None]:
    """The store as it was before, once what is within is done: a backup of its file, played back."""
    backup = folder / "backup.db"
    with closing(sqlite3.connect(folder / "regulars.db")) as store, closing(sqlite3.connect(backup)) as copy:
        store.backup(copy)
    yield
    world.app.close()
    for file in folder.glob("regulars.db*"):
        file.unlink()
    shutil.copyfile(backup, folder / "regulars.db")
    world.reopen()


def test_12_a_birthday_is_wished_at_nine_of_the_day_in_every_zone(world: World) -> None:
    nine = {zone: clock.at_local(date(2026, 5, 4), time(9), zone) for zone in zones() if clock.zone(zone)}
    born = {"birthday": date(1990, 5, 4), "created_at": utc("2020-01-01")}
    world.hear(*(Contact(contact_id=z, email=f"{n}@x.example", timezone=z, **born) for n, z in enumerate(nine)))
    world.playbook("wish", f"{WISH}\nbrake: {{people: 1000, share: 100%}}")
    world.tick("2026-05-03 12:00")
    for moment in sorted(set(nine.values())):
        world.tick(moment)
    assert {letter.who: letter.at for letter in world.got()} == nine
    assert len(world.got()) > 590


def test_14_a_date_comes_back_each_year_without_being_asked_again(each_world: World) -> None:
    renewing(each_world, "ada", "2026-06-15")
    each_world.playbook("renew", "trigger: {date: {of: contact.renewal_date, before: 30 days, yearly: true}}")
    each_world.tick("2026-05-01 00:00")
    got = each_world.ticks(*(f"{year}-05-16 09:00" for year in (2026, 2027, 2028)))
    assert [letter.at.year for letter in got] == [2026, 2027, 2028]


def test_15_once_per_person_does_not_mean_never_again(each_world: World) -> None:
    each_world.person("ada", birthday=date(1990, 5, 4))
    each_world.playbook("wish", f"{WISH}\nreenter: every occasion")
    each_world.tick("2026-05-01 09:00")
    got = each_world.ticks(*(f"{year}-05-04 {hour}" for year in (2026, 2027) for hour in ("09:00", "09:05", "18:00")))
    assert [letter.at for letter in got] == [utc("2026-05-04 09:00"), utc("2027-05-04 09:00")]


@pytest.mark.parametrize("night", ["2026-03-29", "2026-10-25"])
def test_19_what_is_held_over_a_clock_change_is_let_go_and_does_not_loop(
    world_with: Callable[[str], World], night: str
) -> None:
    world = world_with("quiet_hours: {from: '22:00', to: '02:30'}")
    day = date.fromisoformat(night)
    world.person("ada", timezone="Europe/Warsaw", birthday=date(1990, day.month, day.day))
    world.playbook("wish", WISH.replace("09:00", "00:15"))
    begin = clock.midnight(day, "Europe/Warsaw") - HOURS
    for quarter in range(30):
        world.tick(begin + quarter * HOURS / 4)
    (letter,) = world.got()
    assert letter.at == clock.at_local(day, time(2, 30), "Europe/Warsaw")
    assert len(world.log("ada")) == 1


@pytest.mark.parametrize("zone", ["Europe/Warsaw", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo"])
def test_20_a_daily_hour_is_neither_skipped_nor_doubled_by_a_clock_change(world: World, zone: str) -> None:
    world.person("ada", timezone=zone)
    for change in (change for change in changes() if change.zone == zone and change.at.year == 2026):
        middle = change.odd[0] + (change.odd[1] - change.odd[0]) / 2
        world.playbook("daily", DAILY.replace("02:30", f"{middle:%H:%M}"))
        before = len(world.got())
        for half in [*range(-53, -45), *range(-4, 5), *range(43, 52)]:
            world.tick(change.at + half * HOURS / 2)
        days = [clock.local(letter.at, zone).date() for letter in world.got()[before:]]
        assert days == [days[0] + timedelta(days=n) for n in range(3)]


@pytest.mark.parametrize(("day", "hour"), [("01-15", "08:00"), ("07-15", "07:00")])
def test_21_nine_o_clock_is_nine_o_clock_in_winter_and_in_summer(each_world: World, day: str, hour: str) -> None:
    each_world.person("ada", timezone="Europe/Warsaw", birthday=date.fromisoformat(f"1990-{day}"))
    each_world.playbook("wish", WISH)
    due = utc(f"2026-{day} {hour}")
    each_world.tick(due - 24 * HOURS)
    for quarter in range(-8, 9):
        each_world.tick(due + quarter * HOURS / 4)
    assert [letter.at for letter in each_world.got()] == [due]


def test_22_whoever_has_no_valid_zone_is_written_to_by_the_account_s_and_counted(world: World) -> None:
    world.people("ada", "bob", timezone="Europe/Warszawa", birthday=date(1990, 5, 4))
    world.playbook("wish", WISH)
    world.tick("2026-05-04 08:59")
    got = world.ticks("2026-05-04 09:00")
    assert [letter.who for letter in got] == ["ada", "bob"]
    assert examine(world.app).invalid["timezones"] == 2


def test_23_doctor_says_since_when_people_wait_and_when_the_last_tick_was(world: World) -> None:
    world.person("ada", birthday=date(1990, 5, 4))
    world.playbook("wish", f"{WISH}\nactions:\n  - wait: 2 days\n  - send_email: {{template: email/hello, subject: x}}")
    world.app.remember("clock", "real")
    world.tick("2026-05-04 09:00")
    world.delete("wish")
    world.tick("2026-05-07 09:00")
    world.now = utc("2026-05-07 12:00")
    told = [finding.message for finding in examine(world.app).checks]
    assert "1 people wait inside since 2026-05-06 09:00 UTC; is it paused, disabled, broken or deleted?" in told
    assert "the last one was at 2026-05-07 09:00 UTC; is `regulars start` running?" in told


def test_44_a_cap_is_a_decision_in_the_log_with_the_time_it_ends(world_with: Callable[[str], World]) -> None:
    world = world_with("caps: {per_day: 1}")
    world.person("ada", birthday=date(1990, 5, 4))
    world.playbook("first", WISH)
    world.playbook("second", WISH)
    world.tick("2026-05-04 09:00")
    (held,) = [row for row in world.log("ada") if row.status == "held"]
    assert (held.reason, held.until) == ("cap: 1 a day", utc("2026-05-05 00:00"))
    assert [letter.playbook for letter in world.ticks("2026-05-05 00:00")] == ["second"]


def test_44_without_caps_nothing_is_blocked(world: World) -> None:
    world.person("ada", birthday=date(1990, 5, 4))
    for number in range(5):
        world.playbook(f"p{number}", WISH)
    assert len(world.ticks("2026-05-04 09:00")) == 5


def test_44_what_is_capped_for_ever_ends_and_does_not_queue_for_ever(world_with: Callable[[str], World]) -> None:
    world = world_with("caps: {per_week: 1}")
    world.person("ada", birthday=date(1990, 5, 4))
    world.playbook("first", WISH)
    world.playbook("second", WISH)
    world.tick("2026-05-04 09:00")
    (ended,) = [row for row in world.log("ada") if row.status == "ended"]
    assert ended.reason.startswith("too late: cap: 1 in seven days, would be held until 2026-05-11")
    assert world.ticks("2026-05-11 09:00", "2026-05-12 09:00") == []


def test_45_the_mail_that_matters_goes_first_and_the_other_is_deferred_not_lost(
    world_with: Callable[[str], World],
) -> None:
    world = world_with("caps: {per_day: 1, when_over: defer}")
    world.person("ada", birthday=date(1990, 5, 4))
    world.playbook("a_newsletter", f"{WISH}\nlimits: {{priority: low}}")
    world.playbook("b_cart", f"{WISH}\nlimits: {{priority: high}}")
    got = world.ticks("2026-05-04 09:00", "2026-05-05 09:00")
    assert [(letter.playbook, letter.at.day) for letter in got] == [("b_cart", 4), ("a_newsletter", 5)]


def test_48_mails_go_out_so_many_days_before_and_after_a_date(each_world: World) -> None:
    renewing(each_world, "ada", "2026-06-15")
    each_world.playbook("soon", "trigger: {date: {of: contact.renewal_date, before: 30 days}}")
    each_world.playbook("today", "trigger: {date: {of: contact.renewal_date}}")
    each_world.playbook("late", "trigger: {date: {of: contact.renewal_date, after: 3 days}}")
    begin = datetime(2026, 5, 14, 9, tzinfo=UTC)
    for day in (0, 1, 2, 3, 30, 31, 32, 33, 34, 35, 36):
        each_world.tick(begin + timedelta(days=day))
    got = {letter.playbook: str(letter.at.date()) for letter in each_world.got()}
    assert got == {"soon": "2026-05-16", "today": "2026-06-15", "late": "2026-06-18"}
    assert len(each_world.got()) == 3
