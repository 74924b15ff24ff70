"""HubSpot through its real client and a loopback server: all of it, at its pace, and told plainly when not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any

import orjson
import pytest
from pydantic import ValidationError
from structlog.testing import capture_logs

from connectors.base import Cursor, Page
from connectors.crm import hubspot_answers as answers
from connectors.crm.hubspot import HubSpotSettings, HubSpotSource
from connectors.errors import AuthFailed, Permanent, Temporary
from connectors.records import Company, Contact, Deal, FieldType, Link, OrderLine, Ticket
from tests.loopback.hubspot import LoopbackHubSpot

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
#: Where contacts are listed.
LIST = "/objects/2026-09/contacts"
#: Tables that are asked for changes.
SEARCHED = ("companies", "contacts", "deals", "tickets", "surveys")


class Clock:
    """The source sleeps on it, the server counts by it."""

    def __init__(self) -> None:
        self.passed = 0.0

    def sleep(self, seconds: float) -> None:
        self.passed += seconds

    def monotonic(self) -> float:
        return self.passed


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def hubspot(clock: Clock) -> Iterator[LoopbackHubSpot]:
    with LoopbackHubSpot(now=lambda: NOW, monotonic=clock.monotonic, search_cap=1_000) as server:
        yield server


@pytest.fixture
def sources(hubspot: LoopbackHubSpot, clock: Clock) -> Iterator[Any]:
    """Makes sources that are closed in the end."""
    made: list[HubSpotSource] = []

    def source(timeout: float = 5.0, **settings: Any) -> HubSpotSource:
        wanted = HubSpotSettings(token=hubspot.token, base_url=hubspot.url, **settings)
        made.append(HubSpotSource(wanted, timeout=(timeout, timeout), sleep=clock.sleep, monotonic=clock.monotonic))
        return made[-1]

    yield source
    for one in made:
        one.close()


@pytest.fixture
def source(sources: Any) -> HubSpotSource:
    made: HubSpotSource = sources()
    return made


def everything(source: HubSpotSource, now: datetime = NOW) -> list[Page]:
    return list(source.pull(None, full=True, now=now))


def changed(source: HubSpotSource, cursor: Cursor, now: datetime) -> list[Page]:
    # A cursor is kept as JSON.
    return list(source.pull(orjson.loads(orjson.dumps(cursor)), full=False, now=now))


def records(pages: Sequence[Page], table: str) -> list[Any]:
    return [record for page in pages if page.table == table for record in page.records]


def ids(pages: Sequence[Page]) -> list[str]:
    return [contact.contact_id for contact in records(pages, "contacts")]


def only_contact(source: HubSpotSource) -> Contact:
    (contact,) = records(everything(source), "contacts")
    assert isinstance(contact, Contact)
    return contact


# -- all of it -----------------------------------------------------------------------------------------------------


def test_a_full_sync_brings_everyone_with_every_company(hubspot: LoopbackHubSpot, source: HubSpotSource) -> None:
    people = hubspot.contacts(1_050)
    firms = [hubspot.add("companies", name=f"Firm {i}") for i in range(20)]
    for i, person in enumerate(people):
        hubspot.associate("contacts", person, "companies", firms[i % 20], primary=True)
        hubspot.associate("contacts", person, "companies", firms[(i + 1) % 20])
    pages = everything(source)
    assert ids(pages) == people
    for i, contact in enumerate(records(pages, "contacts")):
        assert contact.company_id == firms[i % 20]
        assert {link.id for link in contact.companies} == {firms[i % 20], firms[(i + 1) % 20]}


def test_a_contact_is_read_field_by_field(hubspot: LoopbackHubSpot, source: HubSpotSource) -> None:
    owner = hubspot.owner("olga@acme.example")
    hubspot.add(
        "contacts",
        at=datetime(2024, 2, 29, 12, 30, tzinfo=UTC),
        email="ann@acme.example",
        firstname="Ann",
        lastname="O'Hara",
        country="Poland",
        hs_language="pl",
        hs_timezone="america_slash_new_york",
        lifecyclestage="customer",
        hubspot_owner_id=owner,
        hs_email_optout="true",
    )
    ann = only_contact(source)
    assert ann == Contact(
        contact_id="1001",
        email="ann@acme.example",
        first_name="Ann",
        last_name="O'Hara",
        country="Poland",
        language="pl",
        timezone="America/New_York",
        created_at=datetime(2024, 2, 29, 12, 30, tzinfo=UTC),
        lifecycle_stage="customer",
        owner="olga@acme.example",
        opted_out=True,
    )


def test_mapped_and_custom_properties_arrive_with_their_types(hubspot: LoopbackHubSpot, sources: Any) -> None:
    kinds = {"dob": "date", "last_nps": "number", "vip": "bool", "seen": "datetime", "likes": "enumeration"}
    for name, kind in kinds.items():
        hubspot.define("contacts", name, kind)
    hubspot.add("contacts", dob="1990-02-28", last_nps="9", vip="true", seen="2026-01-02T03:04:05.678Z", likes="a;b")
    source = sources(fields={"birthday": "dob", "nps_score": "last_nps"})
    contact = only_contact(source)
    assert contact.birthday == date(1990, 2, 28)
    seen = "2026-01-02T03:04:05.678000+00:00"
    assert contact.custom == {"nps_score": 9, "vip": True, "seen": seen, "likes": "a;b"}
    types = source.custom_fields()["contacts"]
    assert types == {
        "nps_score": FieldType.NUMBER,
        "vip": FieldType.BOOL,
        "seen": FieldType.TIME,
        "likes": FieldType.TEXT,
    }


def test_deals_are_won_by_their_stage_and_an_open_one_has_no_close(
    hubspot: LoopbackHubSpot, source: HubSpotSource
) -> None:
    hubspot.stage("default", "4711", closed=True, won=True)
    ann, acme = hubspot.add("contacts", email="ann@acme.example"), hubspot.add("companies", name="Acme")
    sold = {"amount": "1500.50", "deal_currency_code": "EUR", "closedate": "2026-10-31T00:00:00Z"}
    won = hubspot.add("deals", dealname="Big", dealstage="4711", pipeline="default", **sold)
    hubspot.add("deals", dealstage="appointmentscheduled", pipeline="default", closedate="2026-11-30T00:00:00Z")
    hubspot.associate("deals", won, "contacts", ann)
    hubspot.associate("deals", won, "companies", acme, primary=True)
    big, still_open = records(everything(source), "deals")
    assert big == Deal(
        deal_id=won,
        contact_id=ann,
        company_id=acme,
        name="Big",
        pipeline="default",
        stage="4711",
        amount=Decimal("1500.50"),
        currency="EUR",
        created_at=NOW,
        closed_at=datetime(2026, 10, 31, tzinfo=UTC),
        is_won=True,
        contacts=(Link(ann),),
    )
    assert (still_open.is_won, still_open.closed_at) == (False, None)


def test_a_removed_stage_leaves_the_deals_own_word(hubspot: LoopbackHubSpot, source: HubSpotSource) -> None:
    for name in ("hs_is_closed", "hs_is_closed_won"):
        hubspot.define("deals", name, "bool")
    hubspot.add("deals", dealstage="gone", pipeline="gone", hs_is_closed="true", hs_is_closed_won="true")
    assert records(everything(source), "deals")[0].is_won


def test_a_company_without_a_name_goes_by_its_domain(hubspot: LoopbackHubSpot, source: HubSpotSource) -> None:
    hubspot.add("companies", domain="acme.example", at=NOW)
    assert records(everything(source), "companies") == [Company(company_id="1001", name="acme.example", created_at=NOW)]


def test_the_own_labels_of_associations_read_the_same_in_full_and_changed(
    hubspot: LoopbackHubSpot, source: HubSpotSource
) -> None:
    ann, acme = hubspot.contacts(1, at=NOW)[0], hubspot.add("companies", name="Acme")
    hubspot.associate("contacts", ann, "companies", acme, primary=True, label="Decision maker")
    pages = everything(source)
    (listed,) = records(pages, "contacts")
    (searched,) = records(changed(source, pages[-1].cursor, NOW + timedelta(minutes=5)), "contacts")
    assert listed.companies == searched.companies == (Link(acme, label="Decision maker", is_primary=True),)


def test_associations_beyond_a_page_are_followed_to_the_end(clock: Clock) -> None:
    with LoopbackHubSpot(now=lambda: NOW, inline_cap=10, association_page=7) as hubspot:
        deal = hubspot.add("deals", dealstage="closedwon", pipeline="default")
        people = hubspot.contacts(50)
        for person in people:
            hubspot.associate("deals", deal, "contacts", person)
        settings = HubSpotSettings(token=hubspot.token, base_url=hubspot.url)
        with closing(HubSpotSource(settings, sleep=clock.sleep)) as source:
            (found,) = records(everything(source), "deals")
    assert [link.id for link in found.contacts] == people


def test_the_archived_are_reported_as_deleted(hubspot: LoopbackHubSpot, source: HubSpotSource) -> None:
    gone, stays = hubspot.contacts(2)
    hubspot.archive("contacts", gone)
    pages = everything(source)
    assert ids(pages) == [stays]
    assert [id for page in pages if page.table == "contacts" for id in page.deleted] == [gone]


def test_a_complete_listing_says_so_once_a_table(hubspot: LoopbackHubSpot, source: HubSpotSource) -> None:
    hubspot.contacts(250)
    complete = [page.table for page in everything(source) if page.complete]
    assert complete == ["companies", "contacts", "deals", "order_lines", "tickets", "surveys"]


def test_those_merged_away_point_to_the_survivor(hubspot: LoopbackHubSpot, source: HubSpotSource) -> None:
    old, older, survivor = hubspot.contacts(3)
    hubspot.merge(survivor, old)
    hubspot.merge(survivor, older)
    contacts = records(everything(source), "contacts")
    assert {contact.contact_id: contact.merged_into for contact in contacts} == {
        survivor: None,
        old: survivor,
        older: survivor,
    }


@pytest.mark.parametrize("version", ["v3", "v4", "2026-09"])
def test_both_kinds_of_paths_bring_the_same(hubspot: LoopbackHubSpot, sources: Any, version: str) -> None:
    people = hubspot.contacts(3)
    source = sources(version=version)
    pages = everything(source)
    again = changed(source, pages[-1].cursor, NOW + timedelta(minutes=5))
    assert ids(pages) == people
    assert again
    assert all(("/v3/" in asked.path or "/v4/" in asked.path) == version.startswith("v") for asked in hubspot.requests)


def test_more_properties_than_a_url_or_a_search_holds_are_all_read(
    hubspot: LoopbackHubSpot, source: HubSpotSource
) -> None:
    names = [f"a_property_with_quite_a_long_name_{i}" for i in range(300)]
    for name in names:
        hubspot.define("contacts", name)
    hubspot.add("contacts", at=NOW, **{name: name for name in names})
    pages = everything(source)
    assert records(pages, "contacts")[0].custom == {name: name for name in names}
    again = changed(source, pages[-1].cursor, NOW + timedelta(minutes=5))
    assert records(again, "contacts")[0].custom == {name: name for name in names}


# -- what changed --------------------------------------------------------------------------------------------------


def test_a_delta_brings_exactly_what_changed(hubspot: LoopbackHubSpot, source: HubSpotSource) -> None:
    people = hubspot.contacts(500)
    cursor = everything(source)[-1].cursor
    later = NOW + timedelta(minutes=5)
    for person in people[100:103]:
        hubspot.change("contacts", person, at=later, country="Spain")
    assert ids(changed(source, cursor, later)) == people[100:103]


def test_a_delta_begins_where_the_last_one_ended_and_a_little_before(
    hubspot: LoopbackHubSpot, source: HubSpotSource
) -> None:
    (ann,) = hubspot.contacts(1)
    cursor = everything(source)[-1].cursor
    for hour in range(1, 6):
        at = NOW + timedelta(hours=2 * hour)
        hubspot.change("contacts", ann, at=at - timedelta(minutes=1))
        pages = changed(source, cursor, at)
        assert ids(pages) == [ann]
        cursor = pages[-1].cursor
    cursor = changed(source, cursor, at + timedelta(hours=2))[-1].cursor
    assert ids(changed(source, cursor, at + timedelta(hours=4))) == []


def test_what_the_search_shows_late_is_still_found(hubspot: LoopbackHubSpot, source: HubSpotSource) -> None:
    (ann,) = hubspot.contacts(1)
    cursor = everything(source)[-1].cursor
    hubspot.now = lambda: NOW + timedelta(minutes=10)
    hubspot.change("contacts", ann, at=NOW + timedelta(minutes=8))
    hubspot.search_lag = timedelta(minutes=40)
    first = changed(source, cursor, NOW + timedelta(minutes=10))
    hubspot.now = lambda: NOW + timedelta(minutes=95)
    second = changed(source, first[-1].cursor, NOW + timedelta(minutes=95))
    assert (ids(first), ids(second)) == ([], [ann])


def test_a_block_of_one_timestamp_beyond_the_cap_is_found_whole(
    hubspot: LoopbackHubSpot, source: HubSpotSource
) -> None:
    cursor = everything(source)[-1].cursor
    people = hubspot.contacts(1_200, at=NOW + timedelta(minutes=1))
    pages = changed(source, cursor, NOW + timedelta(minutes=5))
    assert hubspot.search_cap < len(people)
    assert ids(pages) == people


def test_changed_objects_come_with_their_associations(hubspot: LoopbackHubSpot, source: HubSpotSource) -> None:
    acme = hubspot.add("companies", name="Acme")
    cursor = everything(source)[-1].cursor
    people = hubspot.contacts(3, at=NOW)
    for person in people[:2]:
        hubspot.associate("contacts", person, "companies", acme, primary=True)
    contacts = records(changed(source, cursor, NOW + timedelta(minutes=5)), "contacts")
    assert [contact.company_id for contact in contacts] == [acme, acme, None]


def test_an_idle_delta_moves_the_cursor_and_asks_once_a_table(hubspot: LoopbackHubSpot, source: HubSpotSource) -> None:
    cursor = everything(source)[-1].cursor
    hubspot.requests.clear()
    pages = changed(source, cursor, NOW + timedelta(minutes=5))
    assert {(page.table, len(page.records)) for page in pages} == {(name, 0) for name in SEARCHED}
    assert pages[-1].cursor != cursor
    assert [asked.path.rsplit("/", 1)[1] for asked in hubspot.requests] == ["search"] * len(SEARCHED)


def test_a_newly_mapped_field_reads_everyone_again(hubspot: LoopbackHubSpot, sources: Any) -> None:
    people = hubspot.contacts(3, date_of_birth="1990-02-28")
    cursor = everything(sources())[-1].cursor
    pages = changed(sources(fields={"birthday": "date_of_birth"}), cursor, NOW + timedelta(minutes=5))
    assert ids(pages) == people
    assert records(pages, "contacts")[0].birthday == date(1990, 2, 28)


# -- killed and taken up again -------------------------------------------------------------------------------------


@pytest.mark.parametrize("stored", range(1, 8, 2))
def test_a_killed_full_sync_goes_on_at_its_page(hubspot: LoopbackHubSpot, sources: Any, stored: int) -> None:
    people = hubspot.contacts(350)
    before = list(islice(sources().pull(None, full=True, now=NOW), stored))
    pages = changed(sources(), before[-1].cursor, NOW)
    assert sorted(ids(before) + ids(pages)) == people
    assert [page.table for page in before + pages if page.complete].count("contacts") == 1


@pytest.mark.parametrize("stored", [1, 2, 3])
def test_a_killed_delta_goes_on_at_its_id(hubspot: LoopbackHubSpot, sources: Any, stored: int) -> None:
    cursor = everything(sources())[-1].cursor
    people = hubspot.contacts(2_300, at=NOW)
    later = NOW + timedelta(minutes=5)
    before = list(islice(sources().pull(cursor, full=False, now=later), stored + 1))
    pages = changed(sources(), before[-1].cursor, later)
    assert ids(before) + ids(pages) == people


def test_what_changes_behind_a_listing_comes_after_it(hubspot: LoopbackHubSpot, sources: Any) -> None:
    people = hubspot.contacts(250, at=NOW - timedelta(days=9))
    before = list(islice(sources().pull(None, full=True, now=NOW), 3))
    later = NOW + timedelta(hours=3)
    hubspot.change("contacts", people[0], at=later, country="Spain")
    pages = changed(sources(), before[-1].cursor, later)
    assert (people[0] in ids(before), ids(pages)[-1]) == (True, people[0])
    assert records(pages, "contacts")[-1].country == "Spain"


def test_an_unfinished_listing_of_last_week_starts_anew(hubspot: LoopbackHubSpot, sources: Any) -> None:
    people = hubspot.contacts(250)
    before = list(islice(sources().pull(None, full=True, now=NOW), 4))
    assert ids(changed(sources(), before[-1].cursor, NOW + timedelta(days=7))) == people


def test_a_page_is_there_before_the_next_one_is_asked_for(hubspot: LoopbackHubSpot, source: HubSpotSource) -> None:
    hubspot.contacts(300)
    pages = source.pull(None, full=True, now=NOW)
    for page in pages:
        if page.records:
            break
    assert len(hubspot.asked(LIST)) == 1


# -- faults --------------------------------------------------------------------------------------------------------

PASSING = ["423", "429 ten_secondly", "429 ms", "500", "502", "503", "504", "html", "junk", "drop", "cut"]


@pytest.mark.parametrize("fault", PASSING)
def test_a_fault_that_passes_costs_one_more_request(
    hubspot: LoopbackHubSpot, source: HubSpotSource, fault: str
) -> None:
    people = hubspot.contacts(150)
    hubspot.inject(fault, times=1, path=LIST)
    assert ids(everything(source)) == people
    assert len(hubspot.asked(LIST)) == 3 + 1
    assert source.calls == len(hubspot.requests)


@pytest.mark.parametrize("fault", ["429 secondly", "207"])
def test_a_fault_of_a_delta_that_passes_loses_nothing(
    hubspot: LoopbackHubSpot, source: HubSpotSource, fault: str
) -> None:
    cursor = everything(source)[-1].cursor
    people = hubspot.contacts(50, at=NOW)
    hubspot.inject(fault, path="search" if fault.startswith("429") else "associations")
    assert ids(changed(source, cursor, NOW + timedelta(minutes=5))) == people


@pytest.mark.parametrize(
    ("fault", "waited"), [("423", 2.0), ("429 ten_secondly", 10.0), ("429 ms", 10.0), ("503", 0.5)]
)
def test_the_pause_is_the_one_that_hubspot_means(
    hubspot: LoopbackHubSpot, source: HubSpotSource, clock: Clock, fault: str, waited: float
) -> None:
    hubspot.inject(fault)
    everything(source)
    assert waited <= clock.passed < waited + 1


def test_a_fault_that_stays_is_told_after_five_requests_and_no_hidden_ones(
    hubspot: LoopbackHubSpot, source: HubSpotSource
) -> None:
    hubspot.inject("503", times=100)
    with pytest.raises(Temporary, match="HubSpot: GET /crm/properties/2026-09/companies: 503 Service unavailable"):
        everything(source)
    assert source.calls == len(hubspot.requests) == 5


def test_a_server_that_does_not_answer_is_given_up(hubspot: LoopbackHubSpot, sources: Any) -> None:
    hubspot.inject("slow", times=100)
    source = sources(timeout=0.05)
    with pytest.raises(Temporary, match="did not answer in time"):
        everything(source)
    assert source.calls == 5


def test_a_used_up_day_is_told_at_once(hubspot: LoopbackHubSpot, source: HubSpotSource, clock: Clock) -> None:
    hubspot.inject("429 daily", times=100)
    with pytest.raises(Temporary, match=r"reached your daily limit.*midnight in the account's time zone") as told:
        everything(source)
    assert (len(hubspot.requests), clock.passed) == (1, 0.0)
    assert told.value.retry_after is not None


def test_an_account_that_is_being_moved_is_told_at_once(hubspot: LoopbackHubSpot, source: HubSpotSource) -> None:
    hubspot.inject("477", times=100)
    with pytest.raises(Temporary, match="477 This account is being migrated") as told:
        everything(source)
    assert (len(hubspot.requests), told.value.retry_after) == (1, 3600.0)


def test_a_refused_token_is_told_and_never_shown(hubspot: LoopbackHubSpot, source: HubSpotSource) -> None:
    hubspot.token = "pat-another"
    with pytest.raises(AuthFailed, match="401 Authentication credentials not found") as told:
        everything(source)
    assert len(hubspot.requests) == 1
    assert "pat-test" not in str(told.value)


def test_a_missing_scope_is_named(hubspot: LoopbackHubSpot, source: HubSpotSource) -> None:
    hubspot.inject("403", path=LIST)
    with pytest.raises(AuthFailed, match=r"all required scopes.*Grant the token: crm\.objects\.contacts\.read"):
        everything(source)


def test_owners_that_may_not_be_read_stay_numbers_with_a_warning(
    hubspot: LoopbackHubSpot, source: HubSpotSource
) -> None:
    hubspot.add("contacts", hubspot_owner_id="5000")
    hubspot.inject("403", path="/owners")
    pages = everything(source)
    assert records(pages, "contacts")[0].owner == "5000"
    assert any("owners stay numbers" in warning for page in pages for warning in page.warnings)


def test_pipelines_that_may_not_be_read_leave_the_deals_own_word(
    hubspot: LoopbackHubSpot, source: HubSpotSource
) -> None:
    for name in ("hs_is_closed", "hs_is_closed_won"):
        hubspot.define("deals", name, "bool")
    hubspot.add("deals", dealstage="closedwon", pipeline="default", hs_is_closed="true", hs_is_closed_won="true")
    hubspot.inject("403", path="/pipelines")
    pages = everything(source)
    assert records(pages, "deals")[0].is_won
    assert any("told by the deal alone" in warning for page in pages for warning in page.warnings)


def test_a_token_revoked_in_the_middle_ends_the_sync(hubspot: LoopbackHubSpot, source: HubSpotSource) -> None:
    hubspot.add("contacts", hubspot_owner_id="5000")
    hubspot.inject("401", path="/owners")
    with pytest.raises(AuthFailed, match="401"):
        everything(source)


def test_a_search_out_of_order_is_refused_lest_it_skips_someone(
    hubspot: LoopbackHubSpot, source: HubSpotSource
) -> None:
    cursor = everything(source)[-1].cursor
    hubspot.contacts(300, at=NOW)
    hubspot.inject("unsorted", times=100, path="/search")
    with pytest.raises(Temporary, match="not what was asked for"):
        changed(source, cursor, NOW + timedelta(minutes=5))


def test_no_log_holds_the_token_or_an_address(
    hubspot: LoopbackHubSpot, source: HubSpotSource, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    hubspot.add("contacts", email="ann@acme.example")
    hubspot.inject("503")
    with capture_logs() as told, caplog.at_level("DEBUG"):
        everything(source)
    assert [(one["action"], one["request"], one["status"]) for one in told] == [
        ("retry", "GET /crm/properties/2026-09/companies", 503)
    ]
    printed = f"{told} {caplog.text} {capfd.readouterr()}"
    assert "pat-test" not in printed
    assert "ann@acme.example" not in printed


def test_a_proxy_of_the_environment_is_not_used(
    hubspot: LoopbackHubSpot, sources: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    hubspot.contacts(1)
    assert len(ids(everything(sources()))) == 1


@pytest.mark.parametrize(
    ("fault", "said"), [("html", "text/html .*: .<!DOCTYPE html>"), ("nested", r"application/json .*\[\[")]
)
def test_an_answer_that_makes_no_sense_is_quoted(
    hubspot: LoopbackHubSpot, source: HubSpotSource, fault: str, said: str
) -> None:
    hubspot.inject(fault, times=100, path=LIST)
    with pytest.raises(Temporary, match=f"answered with {said}"):
        everything(source)


def test_a_redirect_is_not_followed_with_the_token(hubspot: LoopbackHubSpot, source: HubSpotSource) -> None:
    hubspot.inject("302", times=100)
    with pytest.raises(Permanent, match=r"302 .* Is `base_url` right"):
        everything(source)
    assert hubspot.asked("/elsewhere") == []


def test_a_listing_that_leads_back_to_itself_ends(hubspot: LoopbackHubSpot, source: HubSpotSource) -> None:
    hubspot.contacts(300)
    hubspot.inject("same page", times=100, path=LIST)
    with pytest.raises(Temporary, match="the listing of contacts leads back to a page already read"):
        everything(source)


def test_nobody_there_is_told_as_such(clock: Clock) -> None:
    with LoopbackHubSpot() as hubspot:
        settings = HubSpotSettings(token=hubspot.token, base_url=hubspot.url)
    with closing(HubSpotSource(settings, sleep=clock.sleep)) as source, pytest.raises(Temporary, match="refused"):
        everything(source)


def test_a_server_without_tls_is_told_as_such(clock: Clock, hubspot: LoopbackHubSpot) -> None:
    settings = HubSpotSettings(token="pat", base_url=hubspot.url.replace("http:", "https:"))
    with closing(HubSpotSource(settings, sleep=clock.sleep)) as source, pytest.raises(Temporary, match=r"SSL|TLS"):
        everything(source)


# -- bad values ----------------------------------------------------------------------------------------------------


def test_a_bad_value_is_set_aside_and_the_person_is_kept(hubspot: LoopbackHubSpot, sources: Any) -> None:
    hubspot.add("contacts", email="ann@acme.example", date_of_birth="the 3rd of May", hs_timezone="mars_slash_north")
    pages = everything(sources(fields={"birthday": "date_of_birth"}))
    (ann,) = records(pages, "contacts")
    assert (ann.email, ann.birthday, ann.timezone) == ("ann@acme.example", None, None)
    told = {(one.where, one.field, one.value) for page in pages for one in page.set_aside}
    assert told == {("contacts/1001", "birthday", "the 3rd of May"), ("contacts/1001", "timezone", "mars_slash_north")}


def test_a_deal_without_a_stage_is_set_aside_and_the_others_come(
    hubspot: LoopbackHubSpot, source: HubSpotSource
) -> None:
    hubspot.add("deals", dealname="no stage")
    hubspot.add("deals", dealname="fine", dealstage="closedwon", pipeline="default")
    pages = everything(source)
    assert [deal.name for deal in records(pages, "deals")] == ["fine"]
    assert [(one.where, one.field) for page in pages for one in page.set_aside] == [("deals/1001", "stage")]


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("date", "641433600000", "1990-04-30"),
        ("date", "2027-02-28", "2027-02-28"),
        ("date", "31.12.2027", None),
        ("datetime", "1700000000000", "2023-11-14T22:13:20+00:00"),
        ("datetime", "2027-02-28T09:00:00+02:00", "2027-02-28T07:00:00+00:00"),
        ("datetime", "99999999999999999999", None),
        ("datetime", "0001-01-01T00:00:00+05:00", None),
        ("number", "1500.00", 1500),
        ("number", "0.5", 0.5),
        ("number", "1,5", None),
        ("number", "NaN", None),
        ("number", "1e400", None),
        ("bool", "false", False),
        ("bool", "perhaps", None),
        ("string", "", None),
    ],
)
def test_values_are_read_by_their_type(
    hubspot: LoopbackHubSpot, source: HubSpotSource, kind: str, text: str, value: Any
) -> None:
    hubspot.define("contacts", "it", kind)
    hubspot.add("contacts", it=text)
    assert only_contact(source).custom.get("it") == value


def test_entries_are_read_that_depart_from_what_hubspot_documents() -> None:
    """An id that is empty, a list of others that is null, a total as text."""
    of = (
        b'{"total": "3", "results": [{"id": ""}, {"id": "7", "properties": null, "associations": {"companies": null}}]}'
    )
    read = answers.rows(of, ("email",), ("companies",))
    assert (read.ids, read.unreadable, read.linked["companies"].links) == (("7",), 1, {})
    assert answers.found(of, ("email",)).after == "7"


def test_a_number_that_is_no_text_is_read_all_the_same(hubspot: LoopbackHubSpot, source: HubSpotSource) -> None:
    hubspot.define("contacts", "score", "number")
    numbers: dict[str, Any] = {"score": 7, "hs_email_optout": True}
    hubspot.add("contacts", **numbers)
    contact = only_contact(source)
    assert (contact.custom["score"], contact.opted_out) == (7, True)


def test_every_property_that_is_mapped_and_not_there_is_named_with_advice(
    hubspot: LoopbackHubSpot, sources: Any
) -> None:
    source = sources(fields={"birthday": "date_of_brith", "deal.amount": "amount_in_home_curency"})
    with pytest.raises(Permanent) as told:
        everything(source)
    assert "fields.birthday: HubSpot has no property 'date_of_brith' of contacts; did you mean" in str(told.value)
    assert "amount_in_home_currency" in str(told.value)


def test_a_property_that_bears_our_fields_name_fills_it(hubspot: LoopbackHubSpot, source: HubSpotSource) -> None:
    hubspot.define("contacts", "customer_since", "date")
    hubspot.define("contacts", "timezone")
    hubspot.add("contacts", customer_since="2024-02-29", timezone="Europe/Warsaw")
    pages = everything(source)
    (contact,) = records(pages, "contacts")
    assert (contact.customer_since, contact.timezone, contact.custom) == (date(2024, 2, 29), None, {})
    assert any("'timezone' of contacts is not read" in warning for page in pages for warning in page.warnings)


@pytest.mark.parametrize(
    "settings",
    [
        {"token": ""},
        {"token": "Bearer pat"},
        {"token": "pat\nX-Evil: 1"},
        {"base_url": "http://api.hubapi.com"},
        {"base_url": "http://127.0.0.1.evil.example"},
        {"base_url": "api.hubapi.com"},
        {"version": "v9"},
        {"fields": {"contact_id": "x"}},
        {"fields": {"order.total": "x"}},
        {"fields": {"deal.birthday": "x"}},
        {"page_size": 3},
    ],
)
def test_a_wrong_setting_is_a_fault(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        HubSpotSettings(**{"token": "pat", **settings})


def test_the_token_is_not_in_what_is_printed() -> None:
    assert "pat-secret" not in repr(HubSpotSettings(token="pat-secret"))


# -- at its pace ---------------------------------------------------------------------------------------------------


def test_the_rates_are_never_exceeded(hubspot: LoopbackHubSpot, source: HubSpotSource, clock: Clock) -> None:
    cursor = everything(source)[-1].cursor
    hubspot.contacts(3_000, at=NOW)
    changed(source, cursor, NOW + timedelta(minutes=5))
    assert len(hubspot.asked("/search")) == 15 + len(SEARCHED) - 1
    assert clock.passed > 2.0
    assert all(asked.status in (200, 207) for asked in hubspot.requests)


def test_room_is_made_for_other_apps_on_the_same_budget(
    hubspot: LoopbackHubSpot, source: HubSpotSource, clock: Clock
) -> None:
    hubspot.contacts(3_000)
    pages = source.pull(None, full=True, now=NOW)
    next(pages)
    hubspot.others(80)
    assert len(ids(list(pages))) == 3_000
    assert {asked.status for asked in hubspot.requests} == {200}
    assert clock.passed > 10.0


def test_a_burst_of_another_app_slows_us_down_for_a_minute_so_that_the_next_one_finds_room(
    hubspot: LoopbackHubSpot, sources: Any, clock: Clock
) -> None:
    hubspot.contacts(9_000)
    pages = sources(tables=["contacts"]).pull(None, full=True, now=NOW)
    list(islice(pages, 20))
    assert clock.passed == 0.0
    hubspot.others(40)
    next(pages)
    for _ in range(3):
        began = clock.passed = clock.passed + 11.0
        hubspot.others(40)
        list(islice(pages, 11))
        assert clock.passed - began == pytest.approx(10 * 10.0 / 50)
    minute_after = clock.passed = clock.passed + 65.0
    list(islice(pages, 20))
    assert clock.passed == minute_after
    assert {asked.status for asked in hubspot.requests} == {200}


@pytest.mark.parametrize(("allowed", "calls", "within"), [(40, None, 40), (40, 10, 10), (20, None, 20), (20, 30, 20)])
def test_the_pace_is_the_accounts_or_the_settings_where_that_is_less(
    clock: Clock, allowed: int, calls: int | None, within: int
) -> None:
    with LoopbackHubSpot(now=lambda: NOW, monotonic=clock.monotonic, general=allowed) as hubspot:
        hubspot.contacts(4_000)
        settings = HubSpotSettings(token=hubspot.token, base_url=hubspot.url, tables=["contacts"], calls=calls)
        with closing(HubSpotSource(settings, sleep=clock.sleep, monotonic=clock.monotonic)) as source:
            everything(source)
        assert {asked.status for asked in hubspot.requests} == {200}
        assert (source.calls - 1) // within == round(clock.passed / 10.25)


def test_a_share_of_the_day_is_left_to_others_and_told(clock: Clock) -> None:
    with LoopbackHubSpot(now=lambda: NOW, monotonic=clock.monotonic, daily=100) as hubspot:
        hubspot.contacts(9_000)
        hubspot.others(30)
        settings = HubSpotSettings(token=hubspot.token, base_url=hubspot.url, day_share=0.8)
        with closing(HubSpotSource(settings, sleep=clock.sleep, monotonic=clock.monotonic)) as source:
            with pytest.raises(Temporary, match="80 of the account's 100 calls of a day are used"):
                everything(source)
            assert (source.calls, source.quota()["day"]["left"]) == (50, 20)
        assert {asked.status for asked in hubspot.requests} == {200}


# -- what else there is --------------------------------------------------------------------------------------------


def test_answers_come_on_their_own_scale_and_others_not_at_all(hubspot: LoopbackHubSpot, source: HubSpotSource) -> None:
    (ann,) = hubspot.contacts(1)
    said = {"hs_contact_id": ann, "hs_submission_timestamp": "2026-10-31T12:00:00Z", "hs_content": "Fine"}
    for kind, value in (("NPS", "9"), ("CSAT", "2"), ("CES", "6"), ("KNOWLEDGE", "1")):
        hubspot.add("feedback_submissions", hs_survey_type=kind, hs_value=value, **said)
    found = [(one.kind, one.scale, one.score, one.contact_id) for one in records(everything(source), "surveys")]
    assert found == [("nps", "0-10", 9, ann), ("csat", "0-2", 2, ann), ("ces", "1-7", 6, ann)]


def test_tickets_and_what_was_sold_come_with_whom_they_concern(hubspot: LoopbackHubSpot, source: HubSpotSource) -> None:
    (ann,) = hubspot.contacts(1)
    deal = hubspot.add("deals", dealstage="closedwon", pipeline="default")
    ticket = hubspot.add("tickets", first_agent_reply_date="2026-11-22T11:00:00Z", at=NOW)
    hubspot.add("tickets", subject="nobody's")
    line = hubspot.add("line_items", hs_sku="tea", quantity="3", price="4.50")
    hubspot.associate("tickets", ticket, "contacts", ann)
    hubspot.associate("line_items", line, "deals", deal)
    pages = everything(source)
    replied = datetime(2026, 11, 22, 11, 0, tzinfo=UTC)
    assert records(pages, "tickets") == [
        Ticket(ticket_id=ticket, contact_id=ann, created_at=NOW, first_reply_at=replied)
    ]
    sold = OrderLine(order_id=deal, sku="tea", units=Decimal(3), unit_price=Decimal("4.50"))
    assert records(pages, "order_lines") == [sold]


def sold(hubspot: LoopbackHubSpot, deal: str, sku: str, price: str) -> str:
    line = hubspot.add("line_items", hs_sku=sku, quantity="1", price=price)
    hubspot.associate("line_items", line, "deals", deal)
    return line


def test_the_lines_of_deals_that_changed_come_with_them_in_two_calls(
    hubspot: LoopbackHubSpot, source: HubSpotSource
) -> None:
    old, new = (hubspot.add("deals", dealstage="closedwon", pipeline="default") for _ in range(2))
    sold(hubspot, old, "tea", "4"), sold(hubspot, new, "tea", "4")
    cursor = everything(source)[-1].cursor
    hubspot.requests.clear()
    later = NOW + timedelta(minutes=5)
    sold(hubspot, new, "cup", "9")
    hubspot.change("deals", old, at=NOW - timedelta(hours=1))
    hubspot.change("deals", new, at=later)
    pages = changed(source, cursor, later)
    assert [(one.order_id, one.sku) for one in records(pages, "order_lines")] == [(new, "tea"), (new, "cup")]
    assert [page.all_lines_of for page in pages if page.table == "order_lines"] == [[new]]
    # Beside the searches: the deal's people, its companies; its lines, and what these say. The stages are known.
    assert len(hubspot.requests) == len(SEARCHED) + 2 + 2


def test_lines_that_may_not_be_read_keep_no_deal_back(hubspot: LoopbackHubSpot, source: HubSpotSource) -> None:
    deal = hubspot.add("deals", dealstage="closedwon", pipeline="default")
    cursor = everything(source)[-1].cursor
    hubspot.absent = {"line_items"}
    hubspot.change("deals", deal, at=NOW + timedelta(minutes=1))
    pages = changed(source, cursor, NOW + timedelta(minutes=5))
    assert [one.deal_id for one in records(pages, "deals")] == [deal]
    assert [words.split()[0] for page in pages for words in page.warnings] == ["order_lines"]


def test_what_an_account_does_not_have_is_said_once_and_not_asked_for(
    hubspot: LoopbackHubSpot, source: HubSpotSource
) -> None:
    hubspot.absent = {"feedback_submissions", "line_items"}
    pages = everything(source)
    told = [warning for page in pages for warning in page.warnings]
    assert [warning.split()[0] for warning in told] == ["order_lines", "surveys"]
    hubspot.requests.clear()
    later = changed(source, pages[-1].cursor, NOW + timedelta(minutes=5))
    assert hubspot.asked("feedback_submissions") == []
    assert not any(page.warnings for page in later)
    hubspot.absent = set()
    again = list(source.pull(later[-1].cursor, full=True, now=NOW + timedelta(hours=12)))
    assert [page.table for page in again if page.complete][-1] == "surveys"


def test_every_label_of_an_association_is_kept(hubspot: LoopbackHubSpot, source: HubSpotSource) -> None:
    (ann,), acme = hubspot.contacts(1, at=NOW), hubspot.add("companies", name="Acme")
    for label in ("Decision maker", "Billing"):
        hubspot.associate("contacts", ann, "companies", acme, primary=True, label=label)
    found = only_contact(source).companies
    assert found == (Link(acme, "Billing", is_primary=True), Link(acme, "Decision maker", is_primary=True))


def test_a_listing_names_those_whom_the_searches_before_should_have_brought(
    hubspot: LoopbackHubSpot, source: HubSpotSource
) -> None:
    old, touched = hubspot.contacts(2, at=NOW - timedelta(days=9))
    cursor = everything(source)[-1].cursor
    later = NOW + timedelta(hours=12)
    hubspot.change("contacts", touched, at=later, country="Spain")
    pages = list(source.pull(cursor, full=True, now=later))
    assert frozenset().union(*(page.overdue for page in pages)) == {old}


def test_owners_and_stages_are_asked_for_again_when_a_new_one_is_named(
    hubspot: LoopbackHubSpot, source: HubSpotSource
) -> None:
    known = {"dealstage": "closedwon", "pipeline": "default", "hubspot_owner_id": hubspot.owner("olga@acme.example")}
    deal = hubspot.add("deals", **known)
    cursor = everything(source)[-1].cursor
    told = []
    for minutes, news in ((5, {}), (10, {"hubspot_owner_id": hubspot.owner("new@acme.example"), "dealstage": "4711"})):
        hubspot.requests.clear()
        hubspot.stage("default", "4711", closed=True, won=True)
        hubspot.change("deals", deal, at=NOW + timedelta(minutes=minutes), **news)
        pages = changed(source, cursor, NOW + timedelta(minutes=minutes))
        (found,) = records(pages, "deals")
        told.append((found.owner, found.is_won, len(hubspot.asked("/owners")), len(hubspot.asked("/pipelines"))))
        cursor = pages[-1].cursor
    assert told == [("olga@acme.example", True, 0, 0), ("new@acme.example", True, 2, 1)]


# -- no more than it must ------------------------------------------------------------------------------------------


def test_a_full_sync_makes_no_more_calls_than_it_must(hubspot: LoopbackHubSpot, source: HubSpotSource) -> None:
    hubspot.contacts(1_000)
    everything(source)
    # 2 property lists, 10 pages of contacts, an empty page of each other kind, 4 pages of archived ones.
    assert source.calls == len(hubspot.requests) == 2 + 10 + 5 + 4


def test_a_delta_makes_no_more_calls_than_it_must(hubspot: LoopbackHubSpot, source: HubSpotSource) -> None:
    cursor = everything(source)[-1].cursor
    hubspot.contacts(1_000, at=NOW)
    hubspot.requests.clear()
    changed(source, cursor, NOW + timedelta(minutes=5))
    # 5 searches for the contacts, 1 for each other kind, 1 batch of associations; the properties are known.
    assert len(hubspot.requests) == 5 + len(SEARCHED) - 1 + 1
