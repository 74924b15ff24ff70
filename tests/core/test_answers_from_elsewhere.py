"""An unhappy answer starts its playbook, wherever it was given and whoever tells of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from runner import collect
from runner.app.importing import Export, import_answers
from runner.collect import Said
from runner.links import Kind, Ticket
from runner.store.tables import sends
from tests.core.world import World, utc
from tests.loopback.hubspot import LoopbackHubSpot
from tests.loopback.surveymonkey import SCORE, SURVEY, LoopbackSurveyMonkey

LOW = "trigger: {low_score: {kind: csat}}\nlimits: {cap: false}"
ASKS = """\
trigger: {anniversary: {of: contact.birthday, at: "09:00"}}
actions: [{survey: {id: ask, kind: csat, template: email/ask, subject: How was it?}}]
"""
SAID_AT = "2026-03-01T10:00:00+00:00"
CONTACTS = "contact_id,email,created_at\nfolder@x.example,folder@x.example,2026-01-01\n"
TOLD = f"response_id,contact_id,kind,scale,score,responded_at\nf-1,folder@x.example,CSAT,1 – 5,2,{SAID_AT}\n"


@pytest.fixture
def hubspot() -> Iterator[LoopbackHubSpot]:
    with LoopbackHubSpot() as running:
        yield running


@pytest.fixture
def monkey() -> Iterator[LoopbackSurveyMonkey]:
    with LoopbackSurveyMonkey() as running:
        yield running


@pytest.fixture
def heard(tmp_path: Path, database: str, hubspot: LoopbackHubSpot, monkey: LoopbackSurveyMonkey) -> Iterator[World]:
    """HubSpot knows everybody; a page of ours, two files, a shop and two tools tell what each of them answered."""
    asked = f'{{"{SURVEY}": {{kind: csat, score: "{SCORE}"}}}}'
    others = f"""\
connectors:
  crm: {{type: hubspot, token: {hubspot.token}, base_url: '{hubspot.url}', tables: [contacts, surveys]}}
  monkey: {{type: surveymonkey, token: {monkey.token}, base_url: '{monkey.url}', surveys: {asked}}}
  folder: {{type: csv, path: folder}}
  shop: {{type: api}}
"""
    with closing(World(tmp_path, database, others)) as world:
        hubspot.now = lambda: world.now
        hubspot.define("contacts", "birthday", "date")
        for name in ("export", "folder", "monkey", "shop"):
            hubspot.add("contacts", at=world.now, email=f"{name}@x.example")
        hubspot.add("contacts", at=world.now, email="page@x.example", birthday="1990-03-01")
        world.write("folder/contacts.csv", CONTACTS)
        world.playbook("asks", ASKS)
        world.playbook("low", LOW)
        world.ticks("2026-03-01 00:00", "2026-03-01 09:00")
        yield world


def test_an_unhappy_answer_acts_whoever_tells_of_it(
    heard: World, hubspot: LoopbackHubSpot, monkey: LoopbackSurveyMonkey
) -> None:
    (send, contact), *_ = heard.rows(sa.select(sends.c.id, sends.c.contact_id))
    collect.record(heard.store, Ticket(Kind.SURVEY, send, contact), Said(score=2), utc("2026-03-01 10:00"))
    heard.write("folder/surveys.csv", TOLD)
    heard.write("export.csv", f"id,email,score,date\n1,export@x.example,1,{SAID_AT}\n")
    import_answers(heard.app, heard.folder / "export.csv", Export("csat"), name="answers")
    who = {"email": "shop@x.example"}
    said = {"type": "answer", "id": "1", "kind": "csat", "score": 2, "at": SAID_AT, "contact": who}
    collect.tell(heard.store, "shop", json.dumps({"events": [said]}).encode(), heard.now)
    monkey.answer("r1", "2", email="monkey@x.example", at=SAID_AT)
    face = {"hs_survey_type": "CSAT", "hs_value": "0", "hs_submission_timestamp": SAID_AT}
    somebody = hubspot.add("contacts", at=utc("2026-03-01 10:00"), email="hubspot@x.example")
    hubspot.add("feedback_submissions", at=utc("2026-03-01 10:00"), hs_contact_id=somebody, **face)
    heard.ticks("2026-03-01 10:05", "2026-03-01 10:10")
    low = {(row.contact.email or "").partition("@")[0]: row.reason for row in heard.log() if row.playbook == "low"}
    of_five = "to CSAT, at most 2 counts as low"
    assert low == {
        "export": f"answered 1 {of_five}",
        "folder": f"answered 2 {of_five}",
        "hubspot": f"answered 1 {of_five}",
        "monkey": f"answered 2 {of_five}",
        "page": f"answered 2 {of_five}",
        "shop": f"answered 2 {of_five}",
    }
