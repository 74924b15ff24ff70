"""The starter playbooks lived through tick by tick: what customers get, and when."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from connectors.records import Contact, FieldType
from runner import collect
from runner.app.looking import open_tasks
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
    """A company with the ten starter playbooks and their templates."""
    with closing(World(tmp_path, sqlite_url, SETTINGS)) as world:
        for folder in ("playbooks", "templates"):
            shutil.copytree(REPOSITORY / folder, world.folder / folder, dirs_exist_ok=True)
        notice = world.folder / "playbooks/renewal_notice.yaml"
        notice.write_text(
            notice.read_text(encoding="utf-8").replace("enabled: false", "enabled: true"), encoding="utf-8"
        )
        world.store.relax()
        world.now = utc("2026-01-01 00:00")
        customer(world, "old", created_at=utc("2019-01-01"), customer_since=date(2019, 2, 2))
        yield world


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
