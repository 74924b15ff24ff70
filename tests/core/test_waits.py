"""Waits: a time, an hour or a weekday in the contact's zone, or something that comes or does not."""

from __future__ import annotations

from datetime import date, time, timedelta

import pytest
import sqlalchemy as sa

from connectors.records import Event, Mention, Ticket
from runner import clock
from runner.store.tables import changed_contacts, purchases, sends
from tests.core.world import World, utc

DAY = "trigger: {onboarding: {day: 1}}"
LAST = "  - send_email: {id: last, template: email/hello, subject: Hi}\n"


def waiting(world: World, wait: str, zone: str = "UTC", after: str = LAST) -> None:
    """Ada's first tick that does something is on Monday 2 March, at 09:00 in her zone."""
    world.person("ada", timezone=zone, customer_since=utc("2026-03-01").date())
    world.playbook("p", f"{DAY}\nactions:\n  - wait: {wait}\n{after}")
    world.tick("2026-03-01 00:00")


@pytest.mark.parametrize(
    ("wait", "zone", "due"),
    [
        ('{until: "18:30"}', "UTC", "2026-03-02 18:30"),
        ('{until: "08:00"}', "UTC", "2026-03-03 08:00"),
        ('{until: "09:00"}', "Europe/Warsaw", "2026-03-02 08:00"),
        ("{until: thu}", "America/New_York", "2026-03-05 05:00"),
        ("{until: mon}", "UTC", "2026-03-02 09:00"),
        ('{until: "mon 08:00"}', "UTC", "2026-03-09 08:00"),
    ],
)
def test_it_waits_until_the_hour_or_weekday_of_the_contacts_own_zone(
    world: World, wait: str, zone: str, due: str
) -> None:
    waiting(world, wait, zone)
    world.tick(clock.at_local(date(2026, 3, 2), time(9), zone))
    if (before := utc(due) - timedelta(minutes=1)) > world.now:
        assert world.ticks(f"{before:%Y-%m-%d %H:%M}") == []
    world.ticks(due, "2026-03-16 12:00")
    assert [letter.at for letter in world.got()] == [utc(due)]


FOR_ORDER = "{for: {event: order}, at_most: 7 days}"


def test_what_was_waited_for_ends_the_wait_at_once(each_world: World) -> None:
    waiting(each_world, FOR_ORDER)
    each_world.ticks("2026-03-02 09:00", "2026-03-03 09:00")
    assert each_world.why("ada") == ["wait-1: held, wait for an order, at most 7 days"]
    each_world.order("ada", utc("2026-03-03 10:00"))
    each_world.tick("2026-03-03 10:05")
    assert each_world.why("ada")[0] == "wait-1: done, an order came on 2026-03-03 10:00"
    assert [letter.step for letter in each_world.got()] == ["last"]


def test_what_does_not_come_is_waited_for_no_longer_than_said(each_world: World) -> None:
    waiting(each_world, FOR_ORDER)
    each_world.ticks("2026-03-02 09:00", "2026-03-09 08:59")
    assert each_world.got() == []
    each_world.tick("2026-03-09 09:00")
    assert each_world.why("ada")[0] == "wait-1: done, an order did not come within 7 days"


def test_what_came_before_the_wait_does_not_count(world: World) -> None:
    waiting(world, FOR_ORDER)
    world.order("ada", utc("2026-03-02 08:00"))
    world.ticks("2026-03-02 09:00", "2026-03-02 12:00")
    assert world.got() == []


def test_an_event_of_any_kind_may_be_waited_for(each_world: World) -> None:
    waiting(each_world, "{for: {event: login}, at_most: 7 days}")
    each_world.tick("2026-03-02 09:00")
    each_world.hear(Event(event_id="e1", contact_id="ada", kind="login", at=utc("2026-03-02 11:00")))
    each_world.tick("2026-03-02 12:00")
    assert each_world.why("ada")[0] == "wait-1: done, a login came on 2026-03-02 11:00"


def test_what_is_told_late_or_has_not_come_to_its_time_yet_ends_the_wait_in_time(each_world: World) -> None:
    waiting(each_world, "{for: {event: login}, at_most: 7 days}")
    # The first tick of a day asks everybody who waits, these do not.
    each_world.ticks("2026-03-02 09:00", "2026-03-02 09:05", "2026-03-02 09:10")
    each_world.now = utc("2026-03-02 09:12")
    each_world.hear(Event(event_id="e1", contact_id="ada", kind="login", at=utc("2026-03-02 09:20")))
    each_world.ticks("2026-03-02 09:15", "2026-03-02 09:19")
    assert each_world.got() == []
    each_world.tick("2026-03-02 09:25")
    assert each_world.why("ada")[0] == "wait-1: done, a login came on 2026-03-02 09:20"


def test_what_happened_ticks_ago_and_is_told_only_now_ends_the_wait(each_world: World) -> None:
    waiting(each_world, "{for: {event: login}, at_most: 7 days}")
    each_world.ticks("2026-03-02 09:00", "2026-03-02 09:05", "2026-03-02 09:10", "2026-03-02 09:15")
    each_world.hear(Event(event_id="e1", contact_id="ada", kind="login", at=utc("2026-03-02 09:01")))
    each_world.tick("2026-03-02 09:20")
    assert each_world.why("ada")[0] == "wait-1: done, a login came on 2026-03-02 09:01"


def test_what_comes_to_the_person_whom_who_waits_was_merged_into_ends_the_wait(each_world: World) -> None:
    waiting(each_world, FOR_ORDER)
    each_world.person("eve")
    each_world.ticks("2026-03-02 09:00", "2026-03-02 09:05")
    each_world.person("ada", customer_since=utc("2026-03-01").date(), merged_into="eve")
    each_world.ticks("2026-03-02 09:10", "2026-03-02 09:15")
    each_world.order("eve", utc("2026-03-02 09:16"))
    each_world.tick("2026-03-02 09:20")
    assert [letter.step for letter in each_world.got()] == ["last"]


def test_an_order_that_came_to_one_before_the_two_were_merged_ends_the_others_wait(each_world: World) -> None:
    waiting(each_world, FOR_ORDER)
    each_world.person("eve")
    each_world.ticks("2026-03-02 09:00", "2026-03-02 09:05")
    each_world.order("eve", utc("2026-03-02 09:06"))
    each_world.ticks("2026-03-02 09:10")
    assert each_world.got() == []
    each_world.person("ada", customer_since=utc("2026-03-01").date(), merged_into="eve")
    each_world.tick("2026-03-02 09:15")
    assert [letter.step for letter in each_world.got()] == ["last"]


def test_of_many_who_wait_only_those_are_asked_of_whom_there_is_news(world: World) -> None:
    waiting(world, FOR_ORDER)
    world.ticks("2026-03-02 09:00", "2026-03-02 09:05")
    world.do(sa.insert(purchases).values(**_UNNOTED))
    world.do(changed_contacts.delete())
    world.tick("2026-03-02 09:10")
    assert world.got() == []
    # At night everybody is asked.
    world.tick("2026-03-03 09:00")
    assert [letter.step for letter in world.got()] == ["last"]


_UNNOTED = {"contact_id": 1, "order_key": "crm:o", "at": utc("2026-03-02 09:01"), "total": 1, "net": 1}
_UNNOTED |= {"seen_at": utc("2026-03-02 09:06")}


@pytest.mark.parametrize("kind", ["ticket_solved", "mention"])
def test_what_is_told_in_a_table_of_its_own_may_be_waited_for(each_world: World, kind: str) -> None:
    opened, came = utc("2026-03-01 11:00"), utc("2026-03-02 11:00")
    waiting(each_world, f"{{for: {{event: {kind}}}, at_most: 7 days}}")
    each_world.hear(Ticket(ticket_id="t", contact_id="ada", created_at=opened))
    each_world.tick("2026-03-02 09:00")
    assert each_world.got() == []
    each_world.now = came
    each_world.hear(Ticket(ticket_id="t", contact_id="ada", created_at=opened, solved_at=came))
    each_world.hear(Mention(mention_id="m", contact_id="ada", source="rss", text="nice", at=came))
    each_world.tick("2026-03-02 12:00")
    assert [letter.step for letter in each_world.got()] == ["last"]


def test_a_ticket_that_is_solved_is_a_goal(each_world: World) -> None:
    goal = "goal: {event: ticket_solved, within: 30 days}\n" + DAY
    each_world.person("ada", customer_since=utc("2026-03-01").date())
    each_world.playbook("p", f"{goal}\nactions:\n  - wait: 5 days\n{LAST}")
    each_world.ticks("2026-03-01 00:00", "2026-03-02 09:00")
    solved = utc("2026-03-03 11:00")
    each_world.now = solved
    each_world.hear(Ticket(ticket_id="t", contact_id="ada", created_at=utc("2026-03-01"), solved_at=solved))
    each_world.ticks("2026-03-03 12:00", "2026-03-07 09:00")
    assert each_world.got() == []


MAIL_FIRST = """
trigger: {onboarding: {day: 1}}
actions:
  - send_email: {id: first, template: email/hello, subject: Hi}
  - wait: {for: click, at_most: 5 days}
  - choose:
      - when: enrollment.happened
        actions: [{send_email: {id: clicked, template: email/hello, subject: Hi}}]
      - otherwise: [{send_email: {id: silent, template: email/hello, subject: Hi}}]
"""


@pytest.mark.parametrize(("actor", "step"), [("human", "clicked"), ("machine", "silent"), (None, "silent")])
def test_a_person_who_clicked_goes_another_way_and_a_machine_does_not(
    world: World, actor: str | None, step: str
) -> None:
    world.person("ada", customer_since=utc("2026-03-01").date())
    world.playbook("p", MAIL_FIRST)
    world.ticks("2026-03-01 00:00", "2026-03-02 09:00")
    if actor:
        world.do(sa.update(sends).values(clicked=actor, clicked_at=utc("2026-03-02 10:00")))
    world.ticks("2026-03-02 10:05", "2026-03-07 09:00")
    assert [letter.step for letter in world.got()] == ["first", step]


def test_a_click_that_is_told_ahead_of_time_counts_when_its_time_has_come(world: World) -> None:
    """A tick's time is that of its beginning: whoever clicks while it lasts is ahead of it."""
    world.person("ada", customer_since=utc("2026-03-01").date())
    world.playbook("p", MAIL_FIRST)
    world.ticks("2026-03-01 00:00", "2026-03-02 09:00")
    world.do(sa.update(sends).values(clicked="human", clicked_at=utc("2026-03-02 12:00")))
    assert world.ticks("2026-03-02 11:59") == []
    assert [letter.step for letter in world.ticks("2026-03-02 12:00")] == ["clicked"]


def test_a_click_of_somebody_who_has_been_merged_since_counts(world: World) -> None:
    ada = world.person("ada", customer_since=utc("2026-03-01").date())
    world.playbook("p", MAIL_FIRST)
    world.ticks("2026-03-01 00:00", "2026-03-02 09:00")
    world.person("lovelace")
    world.person(ada, merged_into="lovelace", customer_since=utc("2026-03-01").date())
    world.tick("2026-03-02 09:30")
    world.do(sa.update(sends).values(clicked="human", clicked_at=utc("2026-03-02 10:00")))
    assert [letter.step for letter in world.ticks("2026-03-02 10:05")] == ["clicked"]


def test_a_plan_says_what_it_waits_for_and_until_when(world: World) -> None:
    waiting(world, FOR_ORDER)
    (row,) = world.plan("2026-03-02 09:00")
    assert (row.status, row.reason, row.until) == ("hold", "wait for an order, at most 7 days", utc("2026-03-09 09:00"))


def test_a_wait_in_a_calendar_that_skips_an_hour_ends_at_the_same_hour_on_the_wall(world: World) -> None:
    world.person("ada", timezone="Europe/Warsaw", customer_since=utc("2026-03-27").date())
    world.playbook("p", f"{DAY}\nactions:\n  - wait: 1 day\n{LAST}")
    world.ticks("2026-03-27 00:00", "2026-03-28 08:00", "2026-03-29 06:59", "2026-03-29 07:00")
    assert [letter.at for letter in world.got()] == [utc("2026-03-29 07:00")]
