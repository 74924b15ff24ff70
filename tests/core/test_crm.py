"""What playbooks write reaches the CRM: the real client, the real outbox, each thing once whatever happens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from runner import collect
from runner.app.importing import Export, import_answers
from runner.app.quotas import quotas
from runner.links import Kind, Ticket
from runner.store.tables import changed_contacts, consents, contact_changes, sends, suppressions, writes
from tests.core.world import World, utc
from tests.loopback.hubspot import LoopbackHubSpot

DAY = "2026-05-04 09:00"
PLAYBOOK = """
trigger: {{anniversary: {{of: contact.birthday, at: "09:00"}}}}
actions:
  - {action}
"""


class Company:
    """A HubSpot and the workspace that reads and writes it, on one clock."""

    def __init__(
        self, folder: Path, url: str, hubspot: LoopbackHubSpot, settings: str = "", *, tables: str = "contacts"
    ) -> None:
        self.hubspot = hubspot
        self.world = World(folder, url, hubspot.settings(tables, more=settings))
        hubspot.now = lambda: self.world.now
        hubspot.define("contacts", "birthday", "date")
        self.ann = hubspot.add("contacts", at=utc("2026-01-01 00:00"), email="ann@acme.example", birthday="1990-05-04")

    def does(self, action: str) -> None:
        self.world.tick("2026-05-03 08:00")
        self.world.playbook("wish", PLAYBOOK.format(action=action))
        self.world.tick("2026-05-03 09:00")
        self.ticked = self.world.tick(DAY)

    def keeps(self, *scores: str) -> None:
        """HubSpot has a property for each of these, and the settings say so."""
        for name in scores:
            self.hubspot.define("contacts", f"last_{name}", "datetime" if name.endswith("_at") else "number")
        settings = (self.world.folder / "regulars.yaml").read_text(encoding="utf-8")
        fields = ", ".join(f"{name}: last_{name}" for name in scores)
        self.world.write("regulars.yaml", settings.replace("tables:", f"fields: {{{fields}}}, tables:"))
        self.world.reopen()

    def answers(self, id: str, email: str, score: int) -> None:
        """An answer to NPS in the export of another tool, given now."""
        row = f"id,email,score,date\n{id},{email},{score},{self.world.now:%Y-%m-%dT%H:%M:%SZ}\n"
        self.world.write("export.csv", row)
        assert import_answers(self.world.app, self.world.folder / "export.csv", Export("nps"), name="tool").answers == 1

    def later(self, **by: float) -> Any:
        self.ticked = self.world.tick(self.world.now + timedelta(**by))
        return self.ticked

    def rows(self) -> list[Any]:
        return self.world.rows(sa.select(writes).order_by(writes.c.claimed_at, writes.c.id))

    def there(self, what: str) -> list[str]:
        return self.hubspot.linked("contacts", self.ann, what)


@pytest.fixture
def company(tmp_path: Path, sqlite_url: str, hubspot: LoopbackHubSpot) -> Iterator[Company]:
    one = Company(tmp_path, sqlite_url, hubspot)
    with closing(one.world):
        yield one


@pytest.fixture
def on_both(tmp_path: Path, database: str, hubspot: LoopbackHubSpot) -> Iterator[Company]:
    one = Company(tmp_path, database, hubspot)
    with closing(one.world):
        yield one


def test_a_score_reaches_the_crm_where_that_has_a_field_for_it_and_so_does_a_change_of_mind(company: Company) -> None:
    company.keeps("nps_score")
    company.does("survey: {id: ask, kind: nps, template: email/ask}")
    send, contact = company.world.rows(sa.select(sends.c.id, sends.c.contact_id))[0]
    for score in (9, 3):
        ticket = Ticket(Kind.SURVEY, send, contact)
        at = company.world.now + timedelta(minutes=score)
        collect.record(company.world.store, ticket, collect.Said(score), at)
        company.later(minutes=20)
    assert company.hubspot.found("contacts", company.ann)["last_nps_score"] == "3"
    assert [(row.kind, row.state, row.payload) for row in company.rows()] == [
        ("property", "accepted", {"fields": {"nps_score": 9}}),
        ("property", "accepted", {"fields": {"nps_score": 3}}),
    ]


def test_a_score_told_by_another_tool_reaches_the_crm_once_and_one_of_before_does_not(on_both: Company) -> None:
    on_both.keeps("nps_score", "nps_at")
    on_both.answers("old", "ann@acme.example", 10)
    on_both.later(minutes=5)
    assert on_both.rows() == []
    on_both.answers("new", "ann@acme.example", 4)
    on_both.answers("of somebody whom the CRM does not know", "eve@acme.example", 2)
    for _ in range(9):
        on_both.later(minutes=15)
    there = on_both.hubspot.found("contacts", on_both.ann)
    assert (there["last_nps_score"], there["last_nps_at"]) == ("4", "2026-01-01T00:05:00+00:00")
    assert [(row.state, row.payload["fields"]["nps_score"]) for row in on_both.rows()] == [("accepted", 4)]
    on_both.answers("another", "ann@acme.example", 5)
    on_both.later(minutes=5)
    assert on_both.hubspot.found("contacts", on_both.ann)["last_nps_score"] == "5"


def test_what_the_crm_told_itself_goes_back_only_where_its_field_says_something_else(
    tmp_path: Path, database: str, hubspot: LoopbackHubSpot
) -> None:
    company = Company(tmp_path, database, hubspot, tables="contacts, surveys")

    def told(score: str, at: str) -> list[Any]:
        said = {"hs_contact_id": company.ann, "hs_value": score, "hs_submission_timestamp": at}
        hubspot.add("feedback_submissions", at=company.world.now, hs_survey_type="NPS", **said)
        company.later(minutes=5)
        return company.rows()

    with closing(company.world):
        company.keeps("nps_score", "nps_at")
        company.later(minutes=5)
        hubspot.change("contacts", company.ann, at=company.world.now, last_nps_score="9")
        assert told("9", "2026-01-01T00:01:00Z") == []
        (row,) = told("7", "2026-01-01T00:06:00Z")
        assert row.payload == {"fields": {"nps_score": 7, "nps_at": "2026-01-01T00:06:00+00:00"}}


def test_a_note_a_task_and_a_field_reach_the_crm(on_both: Company) -> None:
    on_both.hubspot.define("contacts", "plan")
    on_both.does("update_contact: {set: {plan: gold}}\n  - add_note: {body: Hello}\n  - create_task: {subject: Call}")
    assert {(row.kind, row.state) for row in on_both.rows()} == {(k, "accepted") for k in ("property", "note", "task")}
    assert on_both.hubspot.found("contacts", on_both.ann)["plan"] == "gold"
    (task,) = on_both.there("tasks")
    assert on_both.hubspot.found("tasks", task)["hs_timestamp"] == "2026-05-05T09:00:00+00:00"
    assert next(quota.used for quota in quotas(on_both.world.app)) == len(on_both.hubspot.requests)


def test_our_own_writes_do_not_come_back_as_changes(company: Company) -> None:
    company.hubspot.define("contacts", "plan")
    company.does("update_contact: {set: {plan: gold}}")
    before = company.world.rows(sa.select(contact_changes))
    for _ in range(3):
        company.later(minutes=5)
    assert company.hubspot.found("contacts", company.ann)["plan"] == "gold"
    assert company.world.rows(sa.select(contact_changes)) == before
    assert company.world.rows(sa.select(changed_contacts)) == []


def test_the_sync_counts_no_change_where_it_reads_what_we_wrote(
    tmp_path: Path, database: str, hubspot: LoopbackHubSpot
) -> None:
    company = Company(tmp_path, database, hubspot)
    with closing(company.world):
        hubspot.define("contacts", "plan")
        company.does("update_contact: {set: {plan: gold, country: PL}}")
        no = {"reason": "unsubscribed", "source": "link", "at": company.world.now, "contact_id": 1}
        with company.world.store.write() as connection:
            connection.execute(sa.insert(suppressions).values(**no))
        read = [company.later(minutes=5).synced[0].tables["contacts"] for _ in range(3)]
        assert (hubspot.opted_out, hubspot.found("contacts", company.ann)["plan"]) == (
            [("ann@acme.example", None)],
            "gold",
        )
        assert [(counts.read, counts.changed) for counts in read] == [(1, 0), (1, 0), (0, 0)]
        for plan in ("silver", "gold"):  # Somebody says otherwise there, and takes it back.
            hubspot.change("contacts", company.ann, at=company.world.now, plan=plan)
            assert company.later(minutes=5).synced[0].tables["contacts"].changed == 1


def test_a_lost_answer_is_settled_by_looking(on_both: Company) -> None:
    on_both.hubspot.inject("502 after", path="batch/create")
    on_both.does("add_note: {body: Hello}")
    (row,) = on_both.rows()
    assert (row.state, row.reason.startswith("nobody knows yet: ")) == ("waiting", True)
    on_both.later(minutes=1)
    assert on_both.rows()[0].state == "waiting"
    on_both.later(minutes=2)
    assert (on_both.rows()[0].state, len(on_both.there("notes"))) == ("accepted", 1)
    assert len(on_both.hubspot.asked("batch/create")) == 1


def test_what_was_not_there_is_written_then(company: Company) -> None:
    company.hubspot.inject("502", path="batch/create")
    company.does("add_note: {body: Hello}")
    assert company.there("notes") == []
    company.later(minutes=3)
    assert (company.rows()[0].state, len(company.there("notes"))) == ("accepted", 1)


def test_a_refusal_is_told_in_the_crms_words_and_keeps_nobody_waiting(company: Company) -> None:
    company.hubspot.rules["country"] = "Country is required for customers."
    company.hubspot.change("contacts", company.ann, at=utc("2026-01-01 00:00"), country="Spain")
    company.does("update_contact: {set: {country: ''}}\n  - add_note: {body: Hello}")
    told = {row.kind: (row.state, row.reason) for row in company.rows()}
    assert told["note"] == ("accepted", None)
    assert told["property"] == ("refused", "HubSpot: Country is required for customers.")


def test_who_opts_out_here_is_opted_out_there_once(on_both: Company) -> None:
    on_both.later(minutes=1)
    no = {"reason": "unsubscribed", "source": "link", "at": on_both.world.now, "contact_id": 1}
    with on_both.world.store.write() as connection:
        connection.execute(sa.insert(suppressions).values(**no))
    for _ in range(3):
        on_both.later(minutes=5)
    assert on_both.hubspot.opted_out == [("ann@acme.example", None)]
    assert [(row.kind, row.state) for row in on_both.rows()] == [("opt_out", "accepted")]


def test_who_is_in_two_crms_is_opted_out_in_both_and_in_none_that_does_not_know_them(
    tmp_path: Path, sqlite_url: str, hubspot: LoopbackHubSpot
) -> None:
    with LoopbackHubSpot() as second:
        both = hubspot.settings("contacts").removesuffix("}")
        both += f", shop: {second.settings('contacts').partition('crm: ')[2]}"
        with closing(World(tmp_path, sqlite_url, both)) as world:
            for server, email in (
                (hubspot, "ann@acme.example"),
                (second, "ann@acme.example"),
                (second, "ben@b.example"),
            ):
                server.now = lambda: world.now
                server.add("contacts", at=utc("2026-01-01 00:00"), email=email)
            world.tick("2026-05-04 09:00")
            no = {"reason": "unsubscribed", "source": "link", "at": world.now}
            with world.store.write() as connection:
                connection.execute(sa.insert(suppressions), [no | {"contact_id": person} for person in (1, 2)])
            world.tick("2026-05-04 09:05")
            world.tick("2026-05-04 09:10")
            assert hubspot.opted_out == [("ann@acme.example", None)]
            assert sorted(second.opted_out) == [("ann@acme.example", None), ("ben@b.example", None)]


def test_noes_to_a_topic_go_both_ways_and_in_no_ring(tmp_path: Path, sqlite_url: str, hubspot: LoopbackHubSpot) -> None:
    hubspot.define("contacts", "hs_email_optout_7", "bool")
    company = Company(tmp_path, sqlite_url, hubspot, ", topics: {newsletter: 7, tips: 8}")
    ben = hubspot.add("contacts", at=utc("2026-01-01 00:00"), email="ben@acme.example", hs_email_optout_7="true")
    with closing(company.world):
        company.later(minutes=1)
        chosen = sa.select(consents.c.contact_id, consents.c.topic, consents.c.answer).order_by(consents.c.id)
        assert company.world.rows(chosen) == [(2, "newsletter", "no")]
        said = {"contact_id": 1, "answer": "no", "source": "link", "at": company.world.now}
        with company.world.store.write() as connection:
            connection.execute(sa.insert(consents), [said | {"topic": topic} for topic in ("newsletter", "hobbies")])
        for _ in range(2):
            company.later(minutes=5)
        assert hubspot.opted_out == [("ann@acme.example", 7)]
        hubspot.change("contacts", ben, hs_email_optout_7="false")
        company.later(minutes=5)
        assert company.world.rows(chosen)[3:] == [(1, "newsletter", "no"), (2, "newsletter", "unknown")]


def test_a_crm_that_is_not_to_be_written_to_is_not(tmp_path: Path, sqlite_url: str, hubspot: LoopbackHubSpot) -> None:
    company = Company(tmp_path, sqlite_url, hubspot, ", writes: false")
    with closing(company.world):
        company.does("add_note: {body: Hello}")
        assert [(row.state, row.target) for row in company.rows()] == [("accepted", None)]
        assert company.there("notes") == []


def test_a_key_that_may_not_write_is_told_and_it_waits(company: Company) -> None:
    company.hubspot.inject("403", path="batch/create", times=9)
    company.does("add_note: {body: Hello}")
    assert len(company.ticked.failures) == 1
    assert "Grant the token: crm.objects.contacts.read" in company.ticked.failures[0]
    assert company.rows()[0].state == "waiting"
