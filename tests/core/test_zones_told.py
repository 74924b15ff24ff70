"""A time zone that is none is counted, named and advised on; whoever has it lives by the next one there is."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from connectors.records import Company
from runner import clock
from runner.app.doctor import examine
from runner.settings import zone_advice
from runner.store.tables import contacts
from tests.core.world import World


def told(world: World) -> list[str]:
    return [finding.message for finding in examine(world.app).checks if "time zones" in finding.message]


def test_a_contact_lives_by_their_own_zone_else_their_company_s_else_the_account_s(each_world: World) -> None:
    each_world.hear(Company(company_id="acme", name="Acme", timezone="Asia/Tokyo"))
    each_world.hear(Company(company_id="nowhere", name="Nowhere", timezone="Asia/Tokio"))
    for id, zone, company in [
        ("own", "Europe/Warsaw", "acme"),
        ("bad", "Europe/Warszawa", "acme"),
        ("none", None, "acme"),
        ("lost", "+02:00", "nowhere"),
    ]:
        each_world.person(id, timezone=zone, company_id=company)
    zones = dict(each_world.rows(sa.select(contacts.c.key, contacts.c.zone)))
    assert {key.partition(":")[2]: zone for key, zone in zones.items()} == {
        "own": "Europe/Warsaw", "bad": "Asia/Tokyo", "none": "Asia/Tokyo", "lost": "UTC",
    }  # fmt: skip


def test_doctor_counts_the_invalid_ones_and_names_the_commonest_with_advice(each_world: World) -> None:
    each_world.people("a", "b", "c", timezone="Europe/Warszawa")
    each_world.people("d", "e", timezone="+02:00")
    each_world.people("f", timezone="CEST")
    each_world.people("g", timezone="CET")
    assert examine(each_world.app).invalid["timezones"] == 6
    assert told(each_world) == [
        "invalid time zones: 6; the company's or the account's is used instead: "
        "3 × 'Europe/Warszawa', did you mean 'Europe/Warsaw'? · "
        "2 × '+02:00', an offset knows no clock changes: write a place such as Europe/Warsaw · "
        "1 × 'CEST', an abbreviation is no place: write one such as Europe/Warsaw"
    ]


def test_doctor_names_five_and_counts_the_others(world: World) -> None:
    for number in range(8):
        world.person(f"p{number}", timezone=f"Mars/Crater {number}")
    (words,) = told(world)
    assert words.count(" × ") == 5
    assert words.endswith(" · and 3 others")


def test_doctor_counts_the_invalid_zones_of_companies(each_world: World) -> None:
    each_world.hear(Company(company_id="acme", name="Acme", timezone="Asia/Tokio"))
    assert examine(each_world.app).invalid["company_timezones"] == 1
    assert told(each_world) == [
        "invalid time zones of companies: 1; the account's is used instead: "
        "1 × 'Asia/Tokio', did you mean 'Asia/Tokyo'?"
    ]


def test_doctor_is_silent_where_all_zones_are_places(world: World) -> None:
    world.people("a", timezone="Europe/Warsaw")
    world.people("b", timezone=None)
    assert told(world) == []


@pytest.mark.parametrize(
    ("written", "advice"),
    [
        ("Warszawa", "did you mean 'Europe/Warsaw'?"),
        ("New York", "did you mean 'America/New_York'?"),
        ("europe/warsaw", "did you mean 'Europe/Warsaw'?"),
        ("UTC+2", "an offset knows no clock changes: write a place such as Europe/Warsaw"),
        ("GMT-05:30", "an offset knows no clock changes: write a place such as Europe/Warsaw"),
        ("PST", "an abbreviation is no place: write one such as Europe/Warsaw"),
        ("Central European Standard Time", "use an IANA name such as Europe/Warsaw"),
    ],
)
def test_what_to_write_instead(written: str, advice: str) -> None:
    assert zone_advice(written) == advice


@pytest.mark.parametrize("name", ["CET", "EST5EDT", "Etc/GMT+2", "UTC", "Asia/Calcutta"])
def test_every_name_that_iana_has_is_a_zone(name: str) -> None:
    assert clock.zone(name) is not None


@pytest.mark.parametrize(
    "name",
    ["CEST", "+02:00", "localtime", "right/Europe/Warsaw", "Europe", "../Europe/Warsaw", "/etc/localtime", "", "\0"],
)
def test_what_is_no_place_is_no_zone(name: str) -> None:
    assert clock.zone(name) is None
