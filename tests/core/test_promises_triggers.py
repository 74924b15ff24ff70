"""What users of other tools complain of, where it concerns who enters; numbered as in the list of complaints."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from textwrap import dedent

from connectors.records import Cart
from tests.core.world import World, utc

CART = """
    trigger: {cart_abandoned: {after: 4 hours}}
    goal: {event: order, within: 7 days}
    actions:
      - send_email: {id: first, template: email/hello, subject: Still there}
      - wait: 1 day
      - send_email: {id: second, template: email/hello, subject: Last call}
"""


def cart(world: World, who: str, at: str, id: str = "") -> None:
    world.now = utc(at)
    world.hear(Cart(cart_id=id or who, contact_id=who, created_at=utc(at), total=Decimal(20)))


def hourly(world: World, first: str, hours: int) -> None:
    for hour in range(hours):
        world.tick(utc(first) + timedelta(hours=hour))


def test_7_nobody_gets_the_same_mail_again_however_often_a_state_is_looked_at(each_world: World) -> None:
    each_world.person("ada", country="US")
    each_world.playbook("vip", 'trigger: {became: {when: contact.country == "PL"}}')
    each_world.tick("2026-03-01 09:00")
    each_world.now = utc("2026-03-02 08:30")
    each_world.person("ada", country="PL")
    hourly(each_world, "2026-03-02 09:00", 48)
    assert each_world.who_got() == ["ada"]


def test_8_nobody_enters_twice_when_a_source_tells_of_an_order_again(each_world: World) -> None:
    each_world.person("ada")
    each_world.playbook("thanks", "trigger: event")
    each_world.tick("2026-03-01 09:00")
    for hour in range(10, 14):
        each_world.now = utc(f"2026-03-01 {hour}:00")
        each_world.order("ada", utc("2026-03-01 09:30"), "o1", total=str(hour))
        each_world.tick()
    assert each_world.who_got() == ["ada"]


def test_10_a_yearly_schedule_that_was_missed_by_a_day_does_not_wait_a_year(each_world: World) -> None:
    each_world.person("ada")
    each_world.playbook("new_year", 'trigger: {schedule: {cron: "0 9 1 1 *"}}')
    each_world.ticks("2026-12-31 09:00", "2027-01-02 15:00", "2027-01-02 16:00")
    assert [letter.at for letter in each_world.got()] == [utc("2027-01-02 15:00")]


def test_26_who_leaves_the_audience_goes_on_inside(each_world: World) -> None:
    each_world.person("ada", country="PL")
    each_world.playbook("cart", f'audience: contact.country == "PL"\n{dedent(CART)}')
    each_world.tick("2026-03-01 09:00")
    cart(each_world, "ada", "2026-03-01 10:00")
    each_world.tick("2026-03-01 14:00")
    each_world.person("ada", country="US")
    each_world.tick("2026-03-02 14:00")
    assert [letter.step for letter in each_world.got()] == ["first", "second"]


def test_50_a_cart_is_followed_up_and_the_reminders_end_with_an_order(each_world: World) -> None:
    each_world.people("ada", "bob")
    each_world.playbook("cart", CART)
    each_world.tick("2026-03-01 09:00")
    cart(each_world, "ada", "2026-03-01 10:00")
    cart(each_world, "bob", "2026-03-01 10:00")
    each_world.tick("2026-03-01 14:00")
    each_world.now = utc("2026-03-01 15:30")
    each_world.order("ada", utc("2026-03-01 15:00"))
    hourly(each_world, "2026-03-01 16:00", 30)
    steps = [(letter.who, letter.step) for letter in each_world.got()]
    assert steps == [("ada", "first"), ("bob", "first"), ("bob", "second")]
    assert each_world.why("ada")[-1] == "wait-1: ended, goal reached: an order on 2026-03-01"


def test_50_the_next_cart_begins_anew(world: World) -> None:
    world.person("ada")
    world.playbook("cart", CART)
    world.tick("2026-03-01 09:00")
    for day in ("01", "05"):
        cart(world, "ada", f"2026-03-{day} 10:00", id=day)
        hourly(world, f"2026-03-{day} 11:00", 30)
    assert [f"{letter.at:%d} {letter.step}" for letter in world.got()] == [
        "01 first", "02 second", "05 first", "06 second",
    ]  # fmt: skip
