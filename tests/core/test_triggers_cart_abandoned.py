"""A cart that was left is one occasion; who ordered meanwhile is not reminded."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from connectors.records import Cart
from tests.core.world import World, utc

LEFT = "trigger: {cart_abandoned: {after: 4 hours}}"


def cart(world: World, who: str | None, at: datetime, *, id: str = "", out: datetime | None = None) -> None:
    told = Cart(
        cart_id=id or f"{who}-{at:%d%H}", contact_id=who, created_at=at, checked_out_at=out,
        total=Decimal("49.5"), currency="EUR", url="https://shop.example/c",
    )  # fmt: skip
    world.hear(told)


def test_a_cart_that_was_left_fires_once_when_its_time_has_come(each_world: World) -> None:
    each_world.person("ada")
    each_world.playbook("cart", LEFT)
    each_world.tick("2026-03-01 09:00")
    cart(each_world, "ada", utc("2026-03-01 10:00"))
    each_world.ticks("2026-03-01 13:59", "2026-03-01 14:00", "2026-03-01 14:05", "2026-03-02 14:00")
    assert [letter.at for letter in each_world.got()] == [utc("2026-03-01 14:00")]
    assert each_world.why("ada") == ["hello: done, a cart of 2026-03-01 left for 4 hours"]


def test_who_checked_out_or_ordered_since_is_not_reminded(each_world: World) -> None:
    each_world.people("ada", "bob", "eve")
    each_world.playbook("cart", LEFT)
    each_world.tick("2026-03-01 09:00")
    cart(each_world, "ada", utc("2026-03-01 10:00"), out=utc("2026-03-01 11:00"))
    cart(each_world, "bob", utc("2026-03-01 10:00"))
    each_world.order("bob", utc("2026-03-01 12:00"))
    each_world.order("eve", utc("2026-03-01 09:59"))
    cart(each_world, "eve", utc("2026-03-01 10:00"))
    each_world.tick("2026-03-01 14:00")
    assert each_world.who_got() == ["eve"]


def test_two_carts_are_two_occasions(each_world: World) -> None:
    each_world.person("ada")
    each_world.playbook("cart", LEFT)
    each_world.tick("2026-03-01 09:00")
    cart(each_world, "ada", utc("2026-03-01 10:00"), id="c1")
    cart(each_world, "ada", utc("2026-03-01 10:00"), id="c2")
    each_world.tick("2026-03-01 14:00")
    assert list(each_world.inside()) == ["ada cart crm:c1", "ada cart crm:c2"]


def test_a_cart_of_nobody_and_one_from_before_fire_for_nobody(world: World) -> None:
    world.person("ada")
    world.playbook("cart", LEFT)
    cart(world, "ada", utc("2026-03-01 04:59"))
    world.tick("2026-03-01 09:00")
    cart(world, None, utc("2026-03-01 10:00"))
    assert world.ticks("2026-03-01 14:00") == []


def test_a_cart_that_was_begun_before_the_first_tick_and_left_after_it_fires(world: World) -> None:
    world.person("ada")
    world.playbook("cart", LEFT)
    cart(world, "ada", utc("2026-03-01 06:00"))
    assert [letter.who for letter in world.ticks("2026-03-01 09:00", "2026-03-01 10:00")] == ["ada"]


def test_a_cart_that_is_told_late_counts_within_max_lateness(each_world: World) -> None:
    each_world.people("ada", "bob")
    each_world.playbook("cart", LEFT.replace("}}", ", max_lateness: 1 day}}"))
    each_world.ticks("2026-03-01 09:00", "2026-03-10 09:00")
    each_world.now = utc("2026-03-10 09:30")
    cart(each_world, "ada", utc("2026-03-09 08:00"))
    cart(each_world, "bob", utc("2026-03-08 08:00"))
    each_world.tick("2026-03-10 09:30")
    assert each_world.who_got() == ["ada"]
    assert each_world.why("bob") == ["enter: skipped, too late: max_lateness is 1 day"]


def test_a_letter_leads_back_to_the_cart(each_world: World) -> None:
    each_world.person("ada")
    words = "{{ cart.url }} {{ cart.total }} {{ cart.currency }} {{ unsubscribe() }} {{ sender.address }}"
    each_world.write("templates/email/hello.html", words)
    each_world.playbook("cart", LEFT)
    each_world.tick("2026-03-01 09:00")
    cart(each_world, "ada", utc("2026-03-01 10:00"))
    each_world.tick("2026-03-01 14:00")
    (mailing,) = each_world.mailer.mailings
    assert "https://shop.example/c 49.5 EUR" in str(mailing)
