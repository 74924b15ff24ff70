"""Everything that happens is one occasion: two orders are two, whatever else they share."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from connectors.records import Event, FieldType, Mention, Order, Ticket
from runner.store.tables import custom_fields
from tests.core.world import World, utc

ORDERED = "trigger: {event: {kind: order}}"


def happened(world: World, who: str, at: datetime, *, kind: str = "delivered", id: str = "", **custom: Any) -> None:
    value = custom.pop("value", None)
    told = Event(event_id=id or f"{who}-{kind}-{at}", contact_id=who, kind=kind, at=at, value=value, custom=custom)
    world.hear(told)


def test_two_orders_are_two_occasions(each_world: World) -> None:
    each_world.person("ada")
    each_world.playbook("thanks", ORDERED)
    each_world.tick("2026-03-01 00:00")
    each_world.order("ada", utc("2026-03-01 10:00"), "o1")
    each_world.order("ada", utc("2026-03-01 10:00"), "o2")
    each_world.ticks("2026-03-01 12:00", "2026-03-01 12:05", "2026-03-02 12:00")
    assert sorted(each_world.inside()) == ["ada order crm:o1", "ada order crm:o2"]


def test_a_condition_tells_which(each_world: World) -> None:
    each_world.people("ada", "bob")
    each_world.playbook("thanks", "trigger: {event: {kind: order, where: event.value > 100 and order.units < 3}}")
    each_world.tick("2026-03-01 00:00")
    for who, total, units in (("ada", "100.01", 2), ("bob", "100", 2), ("bob", "500", 3)):
        order = Order(
            order_id=f"{who}{total}", contact_id=who, total=Decimal(total), units=Decimal(units),
            ordered_at=utc("2026-03-01 10:00"), currency="EUR",
        )  # fmt: skip
        each_world.hear(order)
    each_world.tick("2026-03-01 12:00")
    assert each_world.why("ada") == ["hello: done, order of 100.01 EUR on 2026-03-01"]
    assert each_world.who_got() == ["ada"]


def test_an_order_that_was_cancelled_is_none(world: World) -> None:
    world.person("ada")
    world.playbook("thanks", ORDERED)
    world.tick("2026-03-01 00:00")
    at = utc("2026-03-01 10:00")
    world.hear(Order(order_id="o", contact_id="ada", total=Decimal(10), ordered_at=at, status="cancelled"))
    assert world.ticks("2026-03-01 12:00") == []


def test_an_event_of_another_kind_is_another_matter(each_world: World) -> None:
    each_world.people("ada", "bob")
    each_world.playbook("review", "trigger: {event: {kind: delivered}}")
    each_world.tick("2026-03-01 00:00")
    happened(each_world, "ada", utc("2026-03-01 10:00"))
    happened(each_world, "bob", utc("2026-03-01 10:00"), kind="returned")
    each_world.tick("2026-03-01 12:00")
    assert each_world.why("ada") == ["hello: done, delivered on 2026-03-01"]
    assert each_world.log("bob") == []


def test_a_key_makes_one_occasion_of_each_of_its_values(each_world: World) -> None:
    each_world.person("ada")
    each_world.do(custom_fields.insert().values(of_table="events", name="sku", type=FieldType.TEXT, connector="crm"))
    each_world.playbook("refill", "trigger: {event: {kind: viewed, key: event.sku}}")
    each_world.tick("2026-03-01 00:00")
    for number, sku in enumerate(("tea", "tea", "cup", None)):
        more = {"sku": sku} if sku else {}
        happened(each_world, "ada", utc("2026-03-01 10:00"), kind="viewed", id=f"e{number}", **more)
    each_world.tick("2026-03-01 12:00")
    happened(each_world, "ada", utc("2026-03-01 13:00"), kind="viewed", id="e9", sku="tea")
    each_world.tick("2026-03-01 14:00")
    assert sorted(each_world.inside()) == ["ada viewed crm:e3", "ada viewed cup", "ada viewed tea"]


def test_a_condition_may_name_an_events_own_fields(each_world: World) -> None:
    each_world.people("ada", "bob")
    each_world.do(custom_fields.insert().values(of_table="events", name="plan", type=FieldType.TEXT, connector="crm"))
    each_world.playbook("hi", 'trigger: {event: {kind: upgraded, where: event.plan == "gold"}}')
    each_world.tick("2026-03-01 00:00")
    happened(each_world, "ada", utc("2026-03-01 10:00"), kind="upgraded", plan="gold")
    happened(each_world, "bob", utc("2026-03-01 10:00"), kind="upgraded", plan="tin")
    each_world.tick("2026-03-01 12:00")
    assert each_world.who_got() == ["ada"]


def test_a_letter_may_name_the_order(each_world: World) -> None:
    each_world.person("ada")
    template = "{{ order.order_id }} {{ order.total + 1 }} {{ order.ordered_at.year }} {{ event.kind }} "
    template += "{{ unsubscribe() }} {{ sender.address }}"
    each_world.write("templates/email/hello.html", template)
    each_world.playbook("thanks", ORDERED)
    each_world.tick("2026-03-01 00:00")
    each_world.order("ada", utc("2026-03-01 10:00"), "o1", total="99.5")
    each_world.tick("2026-03-01 12:00")
    (mailing,) = each_world.mailer.mailings
    assert "o1 100.5 2026 order" in str(mailing)


@pytest.mark.parametrize("kind", ["ticket_solved", "ticket", "mention"])
def test_what_has_a_table_of_its_own_is_an_event_too(each_world: World, kind: str) -> None:
    each_world.person("ada")
    each_world.playbook("ask", f"trigger: {{event: {{kind: {kind}}}}}")
    each_world.tick("2026-03-01 00:00")
    each_world.now = utc("2026-03-01 11:00")
    at = utc("2026-03-01 10:00")
    each_world.hear(Ticket(ticket_id="t", contact_id="ada", created_at=at, solved_at=at))
    each_world.hear(Mention(mention_id="m", contact_id="ada", source="rss", text="nice", at=at))
    each_world.ticks("2026-03-01 12:00", "2026-03-01 12:05")
    assert each_world.who_got() == ["ada"]


def test_a_ticket_that_is_open_is_not_solved(world: World) -> None:
    world.person("ada")
    world.playbook("ask", "trigger: {event: {kind: ticket_solved}}")
    world.tick("2026-03-01 00:00")
    world.hear(Ticket(ticket_id="t", contact_id="ada", created_at=utc("2026-03-01 10:00")))
    assert world.ticks("2026-03-01 12:00") == []


def test_a_ticket_that_is_told_solved_long_after_it_was_opened_counts_from_then(world: World) -> None:
    world.person("ada")
    world.playbook("ask", "trigger: {event: {kind: ticket_solved}}")
    world.hear(Ticket(ticket_id="t", contact_id="ada", created_at=utc("2026-02-01 10:00")))
    world.ticks("2026-03-01 00:00", "2026-03-10 00:00")
    world.now = utc("2026-03-10 11:00")
    solved = utc("2026-03-10 10:00")
    world.hear(Ticket(ticket_id="t", contact_id="ada", created_at=utc("2026-02-01 10:00"), solved_at=solved))
    assert [letter.who for letter in world.ticks("2026-03-10 12:00")] == ["ada"]


def test_an_event_that_is_told_too_late_starts_nothing(world: World) -> None:
    world.person("ada")
    world.playbook("review", "trigger: {event: {kind: delivered, max_lateness: 2 days}}")
    world.ticks("2026-03-01 00:00", "2026-03-10 00:00")
    world.now = utc("2026-03-10 01:00")
    happened(world, "ada", utc("2026-03-07 10:00"))
    world.tick("2026-03-10 02:00")
    assert world.why("ada") == ["enter: skipped, too late: max_lateness is 2 days"]


def test_what_happened_before_the_first_tick_starts_nothing(world: World) -> None:
    world.person("ada")
    world.order("ada", utc("2026-02-28 10:00"))
    world.playbook("thanks", ORDERED)
    assert world.ticks("2026-03-01 00:00", "2026-03-02 00:00") == []


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ("where: event.valu > 100", "event has no 'valu'; did you mean 'value'?"),
        ("where: event.value", "must be a yes-or-no question"),
        ("where: event.at > 100", "cannot compare the time event.at with the number 100"),
        ("key: event.curency", "there is no 'event.curency'; did you mean 'currency'?"),
        ("key: contact.id", "must be a field of the event, is 'contact.id'"),
    ],
)
def test_what_no_event_has_is_a_fault(world: World, keys: str, words: str) -> None:
    world.person("ada")
    world.playbook("thanks", f"trigger: {{event: {{{keys}}}}}")
    (fault,) = world.check().faults
    assert words in str(fault)
    assert fault.line == 2


def test_explain_says_what_it_looks_at(world: World) -> None:
    world.person("ada")
    world.playbook("thanks", "trigger: {event: {where: event.value > 100}}")
    world.tick("2026-03-01 00:00")
    clause = world.explain("ada", "thanks").clauses[0]
    assert (clause.text, clause.value) == (
        "trigger: order where event.value > 100", "nothing of the kind happened",
    )  # fmt: skip


def test_a_branch_may_name_the_order(each_world: World) -> None:
    each_world.people("ada", "bob")
    choose = """
        trigger: {event: {kind: order}}
        actions:
          - choose:
              - when: order.total >= 100 and order.ordered_at > "2026-03-01" and event.value == order.total
                actions: [{send_email: {id: big, template: email/hello, subject: Big}}]
              - otherwise: [{send_email: {id: small, template: email/hello, subject: Small}}]
    """
    each_world.playbook("thanks", choose)
    each_world.tick("2026-03-01 00:00")
    each_world.order("ada", utc("2026-03-01 10:00"), total="100")
    each_world.order("bob", utc("2026-03-01 10:00"), total="99.99")
    each_world.tick("2026-03-01 12:00")
    assert {letter.who: letter.step for letter in each_world.got()} == {"ada": "big", "bob": "small"}
