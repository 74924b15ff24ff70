"""The starter playbooks lived through tick by tick: what customers get, and when."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from connectors.records import Cart, Contact, Event, FieldType, Invoice
from connectors.records import Ticket as Request
from runner import collect
from runner.app.tasks import open_tasks
from runner.links import Kind, Ticket
from runner.store.tables import sends
from tests.conftest import REPOSITORY
from tests.core.world import World, utc

SETTINGS = """\
caps: {per_day: 1, per_week: 3, survey_every: 30 days, when_over: defer}
quiet_hours: {from: "20:00", to: "08:00", weekends: quiet}
reviews: {sites: {google: "https://example.org/write"}}
"""
#: A daemon that looks twice a day.
LOOKS = timedelta(hours=12)


@pytest.fixture
def shop(sqlite_url: str, tmp_path: Path) -> Iterator[World]:
    """A company with the starter playbooks and their templates."""
    with closing(World(tmp_path, sqlite_url, SETTINGS)) as world:
        for folder in ("playbooks", "templates"):
            shutil.copytree(REPOSITORY / folder, world.folder / folder, dirs_exist_ok=True)
        turn_on(world, "renewal_notice")
        world.store.relax()
        world.now = utc("2026-01-01 00:00")
        customer(world, "old", created_at=utc("2019-01-01"), customer_since=date(2019, 2, 2))
        yield world


def turn_on(world: World, id: str) -> None:
    """As the line in a starter that is off says."""
    path = world.folder / f"playbooks/{id}.yaml"
    text = path.read_text(encoding="utf-8")
    assert "enabled: false\n" in text
    path.write_text(text.replace("enabled: false\n", ""), encoding="utf-8")


def customer(world: World, who: str, *, renews: str | None = None, **told: Any) -> None:
    told = {"timezone": "UTC", "created_at": utc("2026-01-01"), "first_name": who.title(), **told}
    contact = Contact(
        contact_id=who, email=f"{who}@x.example", lifecycle_stage="customer", custom={"renewal_date": renews}, **told
    )
    world.hear(contact, fields={"renewal_date": FieldType.DATE})


def live(world: World, who: str, start: str, until: str) -> list[str]:
    """Ticks from one day to another; the letters this person got, as a diary."""
    at = utc(f"{start} 00:30")
    seen = len(world.got())
    while at < utc(f"{until} 00:00"):
        world.tick(at)
        at += LOOKS
    return [f"{got.at:%a %d %b %H:%M} {got.playbook} {got.step}" for got in world.got()[seen:] if got.who == who]


def answer(world: World, who: str, score: int) -> None:
    """A click on the page that the last survey leads to."""
    query = sa.select(sends.c.id, sends.c.contact_id).where(sends.c.address == f"{who}@x.example")
    row = world.rows(query.where(sends.c.action == "survey").order_by(sends.c.claimed_at.desc()))[0]
    collect.answer(world.store, Ticket(Kind.SURVEY, row.id, row.contact_id), score, None, world.now)


def test_a_customers_first_two_months(shop: World) -> None:
    shop.tick("2026-03-01 00:00")
    shop.now = utc("2026-03-02 12:00")
    shop.person("ada", lifecycle_stage="customer", first_name="Ada")
    shop.order("ada", utc("2026-03-02 11:00"))
    assert live(shop, "ada", "2026-03-02", "2026-05-01") == [
        "Tue 03 Mar 12:30 onboarding welcome",
        "Mon 09 Mar 12:30 csat_after_order csat",
        "Tue 10 Mar 12:30 onboarding first_week",
        "Thu 02 Apr 12:30 onboarding first_month",
        "Thu 16 Apr 12:30 review_request review",
    ]


def test_a_birthday_on_29_february_is_kept_on_the_28th(shop: World) -> None:
    customer(shop, "leap", birthday=date(1996, 2, 29), customer_since=date(2019, 8, 1))
    told = live(shop, "leap", "2025-02-26", "2025-03-05")
    assert [line for line in told if "birthday" in line] == ["Fri 28 Feb 12:30 birthday wishes"]
    told = live(shop, "leap", "2028-02-25", "2028-03-03")
    assert [line for line in told if "birthday" in line] == ["Tue 29 Feb 12:30 birthday wishes"]


def test_a_birthday_on_a_quiet_saturday_is_wished_for_on_monday(shop: World) -> None:
    customer(shop, "sat", birthday=date(1990, 3, 7), customer_since=date(2019, 8, 1))
    told = live(shop, "sat", "2026-03-06", "2026-03-12")
    assert [line for line in told if "birthday" in line] == ["Mon 09 Mar 12:30 birthday wishes"]


def test_an_unhappy_answer_brings_an_apology_and_a_call(shop: World) -> None:
    customer(shop, "ada", customer_since=date(2025, 8, 1))
    assert live(shop, "ada", "2026-03-01", "2026-03-03") == ["Mon 02 Mar 12:30 quarterly_nps nps"]
    answer(shop, "ada", 2)
    assert live(shop, "ada", "2026-03-03", "2026-03-12") == ["Tue 03 Mar 12:30 low_score_followup sorry"]
    (task,) = open_tasks(shop.app)
    assert (task["subject"], task["priority"]) == ("Call Ada: 2 out of 10", "high")


def test_a_glad_answer_brings_an_invitation_two_days_later(shop: World) -> None:
    customer(shop, "ada", customer_since=date(2025, 8, 1))
    live(shop, "ada", "2026-03-01", "2026-03-03")
    answer(shop, "ada", 10)
    assert live(shop, "ada", "2026-03-03", "2026-03-12") == ["Wed 04 Mar 12:30 referral_invitation invite"]
    assert open_tasks(shop.app) == []


def test_who_stays_away_is_written_to_twice_and_an_order_ends_it(shop: World) -> None:
    for who in ("away", "back"):
        customer(shop, who, customer_since=date(2024, 1, 1))
        shop.order(who, utc("2025-12-15 10:00"))
    live(shop, "away", "2026-04-01", "2026-04-20")
    shop.order("back", utc("2026-04-19 10:00"))
    live(shop, "away", "2026-04-20", "2026-05-20")
    steps = {
        who: [got.step for got in shop.got() if got.who == who and got.playbook == "win_back"]
        for who in ("away", "back")
    }
    assert steps == {"away": ["first", "last"], "back": ["first"]}


def test_a_renewal_is_announced_thirty_days_ahead_whatever_else_was_sent(shop: World) -> None:
    customer(shop, "ada", customer_since=date(2024, 5, 1), renews="2026-05-31", birthday=date(1990, 5, 1))
    told = live(shop, "ada", "2026-04-20", "2026-05-05")
    assert "Fri 01 May 12:30 renewal_notice notice" in told
    assert sum("01 May" in line for line in told) == 2, "one marketing mail a day, and the notice"


def test_who_unsubscribes_hears_nothing_more_but_what_they_are_entitled_to(shop: World) -> None:
    customer(shop, "ada", customer_since=date(2026, 4, 1), renews="2026-06-10")
    live(shop, "ada", "2026-04-01", "2026-04-04")
    row = shop.rows(sa.select(sends.c.id, sends.c.contact_id).where(sends.c.address == "ada@x.example"))[0]
    collect.unsubscribe(shop.store, Ticket(Kind.UNSUBSCRIBE, row.id, row.contact_id), "page", shop.now)
    told = live(shop, "ada", "2026-04-04", "2026-05-20")
    assert [line.split()[-1] for line in told] == ["notice"]
    assert "wait-1: ended, exit_when: contact.opted_out" in shop.why("ada")


def test_nobody_gets_more_than_the_caps_allow(shop: World) -> None:
    for number in range(6):
        customer(shop, f"p{number}", customer_since=date(2024, 3, 1 + number), birthday=date(1990, 3, 1 + number))
        shop.order(f"p{number}", utc(f"2026-03-0{number + 1} 10:00"))
    live(shop, "p0", "2026-03-01", "2026-03-20")
    for number in range(6):
        days = [got.at for got in shop.got() if got.who == f"p{number}"]
        assert len({at.date() for at in days}) == len(days) > 1
        assert all(sum(timedelta() <= other - at < timedelta(days=7) for other in days) <= 3 for at in days)
        assert not [at for at in days if at.hour < 8 or at.hour >= 20 or at.weekday() >= 5]


# --- those that are off until their data is there


def tasks(shop: World) -> list[str]:
    return [task["subject"] for task in open_tasks(shop.app)]


def test_a_cart_left_in_the_evening_is_reminded_of_in_the_morning_and_an_order_ends_it(shop: World) -> None:
    turn_on(shop, "cart_abandoned")
    shop.people("ada", "eve", first_name="Ada")
    shop.tick("2026-03-02 00:30")
    for who in ("ada", "eve"):
        shop.hear(Cart(cart_id=who, contact_id=who, created_at=utc("2026-03-02 18:00"), total=Decimal(80)))
    assert live(shop, "ada", "2026-03-02", "2026-03-04") == ["Tue 03 Mar 12:30 cart_abandoned first"]
    shop.order("ada", utc("2026-03-03 15:00"))
    assert [line for line in live(shop, "ada", "2026-03-04", "2026-03-08") if "cart" in line] == []
    assert [got.step for got in shop.got() if got.who == "eve"] == ["first", "last"]


def test_one_in_ten_carts_is_not_reminded_of(shop: World) -> None:
    turn_on(shop, "cart_abandoned")
    people = [f"p{number}" for number in range(49)]
    shop.people(*people)
    shop.tick("2026-03-02 09:00")
    shop.hear(*(Cart(cart_id=who, contact_id=who, created_at=utc("2026-03-02 09:10")) for who in people))
    shop.tick("2026-03-02 13:30")
    assert 38 <= len(set(shop.who_got())) < 49


def test_the_tenth_order_brings_a_card_and_a_mail_and_the_eleventh_nothing(shop: World) -> None:
    customer(shop, "ada", customer_since=date(2024, 1, 1))
    for day in range(1, 10):
        shop.order("ada", utc(f"2026-02-{day:02} 10:00"))
    live(shop, "ada", "2026-02-20", "2026-02-22")
    shop.order("ada", utc("2026-02-23 10:00"))
    shop.order("ada", utc("2026-02-25 10:00"))
    told = live(shop, "ada", "2026-02-23", "2026-03-20")
    assert [line for line in told if "ten_orders" in line] == ["Mon 23 Feb 12:30 ten_orders thanks"]
    assert tasks(shop) == ["Write a card to Ada: 10 orders"]


def test_a_request_that_stays_open_is_somebodys_task_and_one_that_is_solved_is_asked_about(shop: World) -> None:
    turn_on(shop, "ticket_followup")
    shop.people("slow", "quick")
    shop.tick("2026-03-02 09:00")
    asked = {
        who: Request(ticket_id=who, contact_id=who, created_at=utc("2026-03-02 09:30")) for who in ("slow", "quick")
    }
    shop.hear(*asked.values())
    shop.tick("2026-03-02 10:00")
    shop.hear(replace(asked["quick"], solved_at=utc("2026-03-02 11:00")))
    live(shop, "quick", "2026-03-02", "2026-03-08")
    assert tasks(shop) == ["Has slow@x.example got an answer?", "Three days and not solved: slow@x.example"]
    assert [(got.who, got.step) for got in shop.got()] == [("quick", "csat")]


def test_a_bill_that_is_paid_is_not_asked_for_again(shop: World) -> None:
    turn_on(shop, "payment_reminder")
    shop.people("ada", "eve")
    for who in ("ada", "eve"):
        due = {"issued_on": date(2026, 2, 13), "due_on": date(2026, 2, 27), "amount": Decimal(120)}
        shop.hear(Invoice(invoice_id=who, customer_id=who, **due))
    live(shop, "ada", "2026-03-01", "2026-03-04")
    assert [got.step for got in shop.got()] == ["reminder", "reminder"]
    shop.hear(Event(event_id="e-1", contact_id="ada", kind="invoice_paid", at=utc("2026-03-04 09:00")))
    live(shop, "ada", "2026-03-05", "2026-03-26")
    assert [subject.partition(" of")[0] for subject in tasks(shop)] == [
        "Ten days overdue: invoice eve",
        "Call about invoice eve: twenty days overdue",
    ]
