"""A date of a deal, contract, subscription or company is as good as one of the contact, and each has its own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal

import pytest

from connectors.records import Company, Contract, Deal, FieldType, Subscription
from runner.store.tables import custom_fields
from tests.core.world import World, utc

RENEWAL = "trigger: {date: {of: contract.ends_on, before: 30 days}}"


def contract(world: World, whose: str, ends_on: str, id: str = "c1", renewed_on: date | None = None) -> None:
    ends = date.fromisoformat(ends_on)
    world.hear(Contract(contract_id=id, customer_id=whose, ends_on=ends, renewed_on=renewed_on))


def test_so_many_days_before_a_contract_ends(each_world: World) -> None:
    each_world.person("ada")
    contract(each_world, "ada", "2026-04-15")
    each_world.playbook("renew", RENEWAL)
    each_world.ticks("2026-03-01 09:00", "2026-03-16 08:59", "2026-03-16 09:00", "2026-03-17 09:00")
    assert [letter.at for letter in each_world.got()] == [utc("2026-03-16 09:00")]
    assert each_world.why("ada") == ["hello: done, 30 days before contract ends_on 2026-04-15"]


def test_two_contracts_are_two_occasions_however_near(each_world: World) -> None:
    each_world.person("ada")
    contract(each_world, "ada", "2026-04-15", "c1")
    contract(each_world, "ada", "2026-04-16", "c2")
    each_world.playbook("renew", RENEWAL)
    each_world.ticks("2026-03-01 09:00", "2026-03-16 09:00", "2026-03-17 09:00")
    assert len(each_world.got()) == 2


def test_a_contract_whose_end_moves_a_little_is_the_same_occasion(each_world: World) -> None:
    each_world.person("ada")
    contract(each_world, "ada", "2026-04-15")
    each_world.playbook("renew", RENEWAL)
    each_world.ticks("2026-03-01 09:00", "2026-03-16 09:00")
    contract(each_world, "ada", "2026-04-18")
    each_world.tick("2026-03-19 09:00")
    assert len(each_world.got()) == 1
    assert each_world.why("ada")[-1] == "enter: skipped, the date moved by less than 14 days: the same occasion"


def test_a_contract_that_is_renewed_needs_no_notice(world: World) -> None:
    world.person("ada")
    contract(world, "ada", "2026-04-15", renewed_on=date(2026, 3, 10))
    world.playbook("renew", RENEWAL)
    assert world.ticks("2026-03-01 09:00", "2026-03-16 09:00") == []


def test_a_trial_that_ends_counts_once_whatever_versions_the_subscription_has(each_world: World) -> None:
    each_world.person("ada")
    for started, amount in ((date(2026, 3, 1), "10"), (date(2026, 3, 5), "20")):
        told = Subscription(
            subscription_id="s1", customer_id="ada", product="pro", kind="plan", interval="month", started_on=started,
            quantity=Decimal(1), unit_amount=Decimal(amount), trial_end=date(2026, 3, 15),
        )  # fmt: skip
        each_world.hear(told)
    template = "{{ subscription.product }} {{ subscription.unit_amount }} {{ unsubscribe() }} {{ sender.address }}"
    each_world.write("templates/email/hello.html", template)
    each_world.playbook("trial", "trigger: {date: {of: subscription.trial_end, before: 3 days}}")
    each_world.ticks("2026-03-06 09:00", "2026-03-12 09:00", "2026-03-13 09:00")
    (mailing,) = each_world.mailer.mailings
    assert "pro 20" in str(mailing)


def test_a_time_of_a_deal_is_taken_on_the_contacts_own_day(each_world: World) -> None:
    each_world.person("ada", timezone="America/New_York")
    closed = utc("2026-03-02 03:00")
    each_world.hear(
        Deal(deal_id="d", contact_id="ada", stage="won", is_won=True, created_at=utc("2026-01-01"), closed_at=closed)
    )
    each_world.playbook("after", "trigger: {date: {of: deal.closed_at, after: 7 days}}")
    each_world.ticks("2026-03-02 12:00", "2026-03-08 12:59", "2026-03-08 13:00")
    assert [letter.at for letter in each_world.got()] == [utc("2026-03-08 13:00")]


def test_a_companys_own_date_goes_to_its_primary_contact(world_with: Callable[[str], World]) -> None:
    world = world_with("customers: company")
    world.do(custom_fields.insert().values(of_table="companies", name="founded", type=FieldType.DATE, connector="crm"))
    world.hear(Company(company_id="acme", name="Acme", custom={"founded": "1999-03-15"}))
    world.people("b", "a", company_id="acme")
    world.playbook("birthday", "trigger: {date: {of: company.founded, yearly: true}}")
    world.ticks("2026-03-01 09:00", "2026-03-15 09:00", "2026-03-16 09:00", "2027-03-15 09:00")
    assert [letter.who for letter in world.got()] == ["b", "b"]


@pytest.mark.parametrize(
    ("of", "words"),
    [
        ("contract.ends", "there is no 'contract.ends'; did you mean 'ends_on'?"),
        ("contract.contract_id", "'contract.contract_id' is a text, a date is needed"),
        ("contrct.ends_on", "did you mean 'contract'?"),
        ("deal.closed", "there is no 'deal.closed'; did you mean 'closed_at'?"),
    ],
)
def test_a_date_that_is_not_there_is_a_fault(world: World, of: str, words: str) -> None:
    world.person("ada")
    world.playbook("renew", f"trigger: {{date: {{of: {of}}}}}")
    (fault,) = world.check().faults
    assert words in str(fault)
