"""An invoice that is not paid in time is one occasion for each number of days."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from connectors.records import Invoice
from tests.core.world import World, utc

DUE = date(2026, 3, 10)
LATE = "trigger: {overdue_invoice: {days: 3}}"


def bill(world: World, whose: str, id: str = "i1", **told: Any) -> None:
    told = {"due_on": DUE, "amount": Decimal("100"), **told}
    world.hear(Invoice(invoice_id=id, customer_id=whose, issued_on=date(2026, 2, 10), **told))


def test_so_many_local_days_after_it_was_due(each_world: World) -> None:
    each_world.person("ada", timezone="America/New_York")
    each_world.playbook("remind", LATE)
    each_world.tick("2026-03-01 09:00")
    bill(each_world, "ada")
    each_world.ticks("2026-03-13 12:59", "2026-03-13 13:00", "2026-03-13 13:05", "2026-03-14 13:00")
    assert [letter.at for letter in each_world.got()] == [utc("2026-03-13 13:00")]
    assert each_world.why("ada") == ["hello: done, invoice i1 of 100, due on 2026-03-10, is 3 days overdue"]


@pytest.mark.parametrize(
    ("paid", "reminded"),
    [
        ({"paid_on": date(2026, 3, 12)}, False),
        ({"paid_on": date(2026, 3, 12), "paid_amount": Decimal("100")}, False),
        ({"paid_amount": Decimal("100")}, False),
        ({"paid_on": date(2026, 3, 12), "paid_amount": Decimal("99.99")}, True),
        ({"paid_amount": Decimal("40")}, True),
        ({"paid_on": date(2026, 3, 20)}, True),
    ],
)
def test_who_paid_in_full_by_then_is_not_reminded(each_world: World, paid: dict[str, Any], reminded: bool) -> None:
    each_world.person("ada")
    each_world.playbook("remind", LATE)
    each_world.tick("2026-03-01 09:00")
    bill(each_world, "ada", **paid)
    assert bool(each_world.ticks("2026-03-13 09:00")) == reminded


def test_each_invoice_and_each_step_is_an_occasion(each_world: World) -> None:
    each_world.person("ada")
    each_world.playbook("remind", LATE)
    each_world.playbook("again", LATE.replace("3", "10"))
    each_world.tick("2026-03-01 09:00")
    bill(each_world, "ada", "i1")
    bill(each_world, "ada", "i2")
    each_world.ticks("2026-03-13 09:00", "2026-03-20 09:00")
    assert sorted(each_world.inside()) == [
        "ada invoice crm:i1 10 days overdue",
        "ada invoice crm:i1 3 days overdue",
        "ada invoice crm:i2 10 days overdue",
        "ada invoice crm:i2 3 days overdue",
    ]


def test_a_companys_invoice_goes_to_its_primary_contact(world_with: Callable[[str], World]) -> None:
    world = world_with("customers: company")
    world.company("acme")
    world.person("new", company_id="acme", created_at=utc("2024-01-01"))
    world.person("old", company_id="acme", created_at=utc("2021-01-01"))
    world.playbook("remind", LATE)
    world.tick("2026-03-01 09:00")
    bill(world, "acme")
    world.ticks("2026-03-13 09:00")
    world.person("older", company_id="acme", created_at=utc("2019-01-01"))
    world.ticks("2026-03-13 10:00")
    assert world.who_got() == ["old"]


def test_a_reminder_is_caught_up_and_not_when_it_is_too_late(world: World) -> None:
    world.people("ada", "bob")
    world.playbook("remind", LATE)
    world.tick("2026-03-01 09:00")
    bill(world, "ada", "a", due_on=date(2026, 3, 10))
    bill(world, "bob", "b", due_on=date(2026, 3, 5))
    world.tick("2026-03-15 09:00")
    assert world.who_got() == ["ada"]
    assert world.why("bob") == ["enter: skipped, too late: catch_up is 3 days"]


def test_a_letter_may_name_the_invoice(each_world: World) -> None:
    each_world.person("ada")
    words = "{{ invoice.invoice_id }} {{ invoice.amount }} {{ invoice.due_on.year }} "
    words += "{{ unsubscribe() }} {{ sender.address }}"
    each_world.write("templates/email/hello.html", words)
    each_world.playbook("remind", LATE)
    each_world.tick("2026-03-01 09:00")
    bill(each_world, "ada")
    each_world.tick("2026-03-13 09:00")
    (mailing,) = each_world.mailer.mailings
    assert "i1 100 2026" in str(mailing)
