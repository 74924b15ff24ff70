"""HubSpot is told fields, notes, tasks and opt-outs through its real client: each once, whatever happens on the way."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.base import Outcome, Verdict
from connectors.crm.hubspot import HubSpotSettings, HubSpotSource
from connectors.writing import CrmWrite, Note, OptOut, SetFields, Task
from tests.loopback.hubspot import LoopbackHubSpot

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
LATER = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.passed = 0.0

    def sleep(self, seconds: float) -> None:
        self.passed += seconds

    def monotonic(self) -> float:
        return self.passed


@pytest.fixture
def hubspot() -> Iterator[LoopbackHubSpot]:
    clock = Clock()
    with LoopbackHubSpot(now=lambda: NOW, monotonic=clock.monotonic) as server:
        server.clock = clock  # type: ignore[attr-defined]
        yield server


@pytest.fixture
def crm(hubspot: LoopbackHubSpot) -> Iterator[Any]:
    made: list[HubSpotSource] = []

    def source(timeout: float = 0.3, **settings: Any) -> HubSpotSource:
        clock: Clock = hubspot.clock  # type: ignore[attr-defined]
        wanted = HubSpotSettings(**{"token": hubspot.token, "base_url": hubspot.url, **settings})
        made.append(HubSpotSource(wanted, timeout=(2.0, timeout), sleep=clock.sleep, monotonic=clock.monotonic))
        return made[-1]

    yield source
    for one in made:
        one.close()


def note(contact: str, n: int = 1, body: str = "Unhappy") -> Note:
    return Note(write_id=f"e1-{n:09x}-aa", contact_id=contact, body=body, at=NOW)


def verdicts(told: Sequence[Outcome]) -> dict[str, Verdict]:
    return {outcome.send_id: outcome.verdict for outcome in told}


def all_in(told: Sequence[Outcome], verdict: Verdict) -> bool:
    return {outcome.verdict for outcome in told} == {verdict}


def test_fields_are_set_a_hundred_contacts_a_call(hubspot: LoopbackHubSpot, crm: Any) -> None:
    hubspot.define("contacts", "last_nps", "number")
    hubspot.define("contacts", "seen", "datetime")
    people = hubspot.contacts(250)
    values: dict[str, Any] = {"last_nps": 9, "lifecycle_stage": "customer", "first_name": None, "seen": NOW.isoformat()}
    writes = [SetFields(write_id=f"w{n}", contact_id=id, fields=values) for n, id in enumerate(people)]
    source = crm()
    assert all_in(source.write(writes), Verdict.ACCEPTED)
    assert len(hubspot.asked("batch/update")) == 3
    told = hubspot.found("contacts", people[-1])
    assert (told["last_nps"], told["lifecyclestage"], told["firstname"]) == ("9", "customer", "")
    assert all_in(source.find(writes), Verdict.ACCEPTED)


def test_a_contact_that_is_told_twice_is_told_in_that_order(hubspot: LoopbackHubSpot, crm: Any) -> None:
    (ann,) = hubspot.contacts(1)
    writes = [SetFields(write_id=f"w{n}", contact_id=ann, fields={"country": f"land {n}"}) for n in range(3)]
    assert all_in(crm().write(writes), Verdict.ACCEPTED)
    assert hubspot.found("contacts", ann)["country"] == "land 2"


def test_notes_and_tasks_stand_on_the_contact_with_owner_and_due_date(hubspot: LoopbackHubSpot, crm: Any) -> None:
    (ann,) = hubspot.contacts(1)
    olga = hubspot.owner("olga@acme.example")
    call = Task(
        write_id="w2",
        contact_id=ann,
        subject="Call",
        body="Soon",
        due_at=LATER,
        priority="high",
        owner="Olga@acme.example",
    )
    assert all_in(crm().write([note(ann), call]), Verdict.ACCEPTED)
    (noted,), (task,) = hubspot.linked("contacts", ann, "notes"), hubspot.linked("contacts", ann, "tasks")
    assert hubspot.found("notes", noted)["hs_note_body"] == "Unhappy\n(Regulars e1-000000001-aa)"
    told = hubspot.found("tasks", task)
    assert (told["hs_task_subject"], told["hubspot_owner_id"], told["hs_task_priority"]) == ("Call", olga, "HIGH")
    assert told["hs_timestamp"] == LATER.isoformat()


def test_opt_outs_are_sent_back_for_all_mail_and_for_a_topic(hubspot: LoopbackHubSpot, crm: Any) -> None:
    ann = hubspot.add("contacts", email="ann+x@acme.example")
    source = crm(topics={"newsletter": 4711})
    writes: list[CrmWrite] = [
        OptOut(write_id="w1", contact_id=ann, address="ann+x@acme.example"),
        OptOut(write_id="w2", contact_id=ann, address="ann+x@acme.example", topic="newsletter"),
        OptOut(write_id="w3", contact_id=ann, address="ann+x@acme.example", topic="lifecycle"),
    ]
    told = source.write(writes)
    assert list(verdicts(told).values()) == [Verdict.ACCEPTED, Verdict.ACCEPTED, Verdict.REFUSED]
    assert hubspot.opted_out == [("ann+x@acme.example", None), ("ann+x@acme.example", 4711)]
    assert verdicts(source.find(writes[:1])) == {"w1": Verdict.ACCEPTED}


# -- unknown outcomes ----------------------------------------------------------------------------------------------

LOST = ["502 after", "504 after", "524 after", "html after", "drop after", "slow after", "502", "500", "503", "drop"]


@pytest.mark.parametrize("fault", LOST)
def test_a_lost_answer_is_looked_for_and_nothing_is_written_twice(
    hubspot: LoopbackHubSpot, crm: Any, fault: str
) -> None:
    people = hubspot.contacts(3)
    writes = [note(id, n) for n, id in enumerate(people)]
    source = crm()
    hubspot.inject(fault, path="batch/create")
    before = source.calls
    assert all_in(source.write(writes), Verdict.UNSURE)
    assert source.calls == before + 1
    found = source.find(writes)
    assert all_in(found, Verdict.ACCEPTED if fault.endswith("after") else Verdict.RETURNED)
    missing = [one for one in writes if verdicts(found)[one.write_id] is Verdict.RETURNED]
    source.write(missing)
    assert [len(hubspot.linked("contacts", id, "notes")) for id in people] == [1, 1, 1]


@pytest.mark.parametrize("fault", ["429 ten_secondly", "429 ms", "423"])
def test_what_was_turned_away_at_the_door_is_tried_again_at_once(
    hubspot: LoopbackHubSpot, crm: Any, fault: str
) -> None:
    (ann,) = hubspot.contacts(1)
    hubspot.inject(fault, path="batch/create")
    assert all_in(crm().write([note(ann)]), Verdict.ACCEPTED)
    assert len(hubspot.linked("contacts", ann, "notes")) == 1


def test_a_used_up_day_stops_it_all_after_one_call(crm: Any, hubspot: LoopbackHubSpot) -> None:
    source = crm()
    hubspot.inject("429 daily", times=9, path="batch/create")
    assert all_in(source.write([note("1"), note("2", 2)]), Verdict.UNTRIED)
    assert len(hubspot.asked("batch/create")) == 1


# -- part by part --------------------------------------------------------------------------------------------------


def test_a_batch_that_half_failed_is_read_part_by_part(hubspot: LoopbackHubSpot, crm: Any) -> None:
    people = hubspot.contacts(4)
    hubspot.inject("half", path="batch/create")
    told = crm().write([note(id, n) for n, id in enumerate(people)])
    assert [outcome.verdict for outcome in told] == [Verdict.ACCEPTED, Verdict.RETURNED] * 2
    assert told[1].reason == "HubSpot: try later"


def test_one_that_is_gone_concerns_that_one_only(hubspot: LoopbackHubSpot, crm: Any) -> None:
    ann, ben, cleo = hubspot.contacts(3)
    hubspot.archive("contacts", ben)
    hubspot.merge(ann, cleo)
    writes = [SetFields(write_id=id, contact_id=id, fields={"country": "Spain"}) for id in (ann, ben)]
    told = {outcome.send_id: outcome for outcome in crm().write(writes)}
    assert (told[ann].verdict, told[ben].verdict) == (Verdict.ACCEPTED, Verdict.REFUSED)
    assert told[ben].reason == f"HubSpot: Could not get object {ben}"
    assert all_in(crm().write([note(cleo)]), Verdict.ACCEPTED)
    assert len(hubspot.linked("contacts", ann, "notes")) == 1


def test_the_accounts_rules_are_told_in_its_own_words(hubspot: LoopbackHubSpot, crm: Any) -> None:
    (ann,) = hubspot.contacts(1)
    hubspot.define("contacts", "score", "number")
    hubspot.rules["country"] = "Country is required for customers."
    writes = [
        SetFields(write_id="w1", contact_id=ann, fields={"country": None}),
        SetFields(write_id="w2", contact_id=ann, fields={"score": "many"}),
        SetFields(write_id="w3", contact_id=ann, fields={"lifecycle_stagee": "x"}),
        SetFields(write_id="w4", contact_id=ann, fields={"opted_out": False}),
    ]
    told = {outcome.send_id: outcome.reason for outcome in crm().write(writes)}
    assert told["w1"] == "HubSpot: Country is required for customers."
    assert told["w2"] == "HubSpot: Property values were not valid many was not a valid long."
    assert "HubSpot has no property 'lifecycle_stagee' of contacts; did you mean 'lifecyclestage'?" in (
        told["w3"] or ""
    )
    assert told["w4"] == "HubSpot keeps 'hs_email_optout' itself: it cannot be set"


def test_a_property_is_made_once_where_that_is_allowed(hubspot: LoopbackHubSpot, crm: Any) -> None:
    people = hubspot.contacts(2)
    source = crm(create={"last_nps": "number", "regulars_playbook": "text"})
    values: dict[str, Any] = {"last_nps": 9, "regulars_playbook": "win-back"}
    told = source.write([SetFields(write_id=id, contact_id=id, fields=values) for id in people])
    assert all_in(told, Verdict.ACCEPTED)
    made = [asked.body["name"] for asked in hubspot.asked("/properties/") if asked.method == "POST"]
    assert made == ["last_nps", "regulars_playbook"]
    assert hubspot.found("contacts", people[1])["regulars_playbook"] == "win-back"


def test_a_key_that_may_not_write_stops_it_all_and_says_what_to_grant(hubspot: LoopbackHubSpot, crm: Any) -> None:
    people = hubspot.contacts(150)
    hubspot.inject("403", path="batch/create", times=9)
    told = crm().write([note(id, n) for n, id in enumerate(people)])
    assert all_in(told, Verdict.UNTRIED)
    assert len(hubspot.asked("batch/create")) == 1
    assert "Grant the token: crm.objects.contacts.read" in (told[0].reason or "")


# -- webhooks ------------------------------------------------------------------------------------------------------

URL = "https://hello.acme.example/webhooks/crm?of=a%2Fb"


def signed(body: bytes, *, secret: str = "s3cret", url: str = "https://hello.acme.example/webhooks/crm?of=a/b") -> Any:
    """As HubSpot signs: the address decoded, the time in milliseconds."""
    at = str(int(NOW.timestamp() * 1000))
    digest = hmac.new(secret.encode(), b"POST" + url.encode() + body + at.encode(), hashlib.sha256).digest()
    return {"x-hubspot-signature-v3": base64.b64encode(digest).decode(), "x-hubspot-request-timestamp": at}


@pytest.mark.parametrize(
    ("headers", "body", "after", "holds"),
    [
        (signed(b"[]"), b"[]", 0, True),
        (signed(b"[]"), b"[] ", 0, False),
        (signed(b"[]"), b"[]", 299, True),
        (signed(b"[]"), b"[]", 301, False),
        (signed(b"[]"), b"[]", -301, False),
        (signed(b"[]", secret="another"), b"[]", 0, False),
        ({}, b"[]", 0, False),
        ({"x-hubspot-signature-v3": "ä", "x-hubspot-request-timestamp": "now"}, b"[]", 0, False),
    ],
)
def test_a_webhook_is_believed_when_it_is_signed_and_fresh(
    crm: Any, headers: dict[str, str], body: bytes, after: float, holds: bool
) -> None:
    source = crm(webhook_secret="s3cret")
    now = NOW + timedelta(seconds=after)
    assert source.is_hint(headers, body, method="POST", url=URL, now=now) is holds
    assert not crm().is_hint(headers, body, method="POST", url=URL, now=now)


# -- an app's access -----------------------------------------------------------------------------------------------

APP = {"client_id": "client-1", "client_secret": "secret-1", "refresh_token": "refresh-1"}


def test_an_access_token_is_renewed_before_it_runs_out(hubspot: LoopbackHubSpot, crm: Any) -> None:
    clock: Clock = hubspot.clock  # type: ignore[attr-defined]
    (ann,) = hubspot.contacts(1)
    source = crm(token=None, oauth=APP)
    for minutes in (0, 10, 29, 40):
        clock.passed = minutes * 60
        assert all_in(source.write([note(ann, minutes)]), Verdict.ACCEPTED)
    assert hubspot.renewals == 2
    assert {asked.status for asked in hubspot.requests} == {200, 201}


def test_access_that_was_taken_back_is_told_and_no_secret_shown(hubspot: LoopbackHubSpot, crm: Any) -> None:
    hubspot.grant_is_dead = True
    (told,) = crm(token=None, oauth=APP).write([note("1")])
    assert told.verdict is Verdict.UNTRIED
    assert "install it anew" in (told.reason or "")
    assert "secret-1" not in (told.reason or "")
