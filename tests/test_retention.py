"""What is older than `retention` keeps is let go of, and nobody is written to again or judged otherwise for it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from connectors.base import Actor, MailEvent, MailEventKind
from runner import collect
from runner.app import App
from runner.app.retention import let_go
from runner.store import pruning
from runner.store.marks import marks_of
from runner.store.tables import changed_contacts, inbox, mail_events, runs, sends, skeletons, suppressions, writes
from tests.web.given import NOON, event, letter, only, person, rows

SETTINGS = """\
store: {store}
public_url: https://hello.acme.example
secret: a secret of some length
sender: {{name: Acme, email: hello@acme.example, address: "1 Main St"}}
mail: {{type: outbox}}
retention: {{mail: 90 days, webhooks: 7 days, visits: 30 days}}
"""
DAY = timedelta(days=1)
BROWSER = "Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 Safari/605.1.15"


@pytest.fixture
def app(database: str, tmp_path: Path) -> Iterator[App]:
    (tmp_path / "regulars.yaml").write_text(SETTINGS.format(store=database))
    (tmp_path / "playbooks").mkdir()
    with App(tmp_path, environment={}) as opened:
        yield opened


def texts(app: App) -> list[Any]:
    return [row["texts"] for row in rows(app.store, sends)]


def written(app: App, id: str, **columns: Any) -> None:
    """A letter with a text of its own, in a skeleton."""
    shared = {"hash": f"h-{id}", "subject": "s", "html": "h", "text": "t", "at": columns.get("claimed_at", NOON)}
    with app.store.write() as connection:
        connection.execute(sa.insert(skeletons).values(shared))
    letter(app.store, person(app.store, f"{id}@example.org"), id, texts={"%1%": "Ada"}, skeleton=f"h-{id}", **columns)


def test_what_letters_said_goes_after_its_time_and_they_stay_counted(app: App) -> None:
    written(app, "a-old")
    written(app, "b-unsure", state="unsure")
    written(app, "c-young", claimed_at=NOON + 60 * DAY)
    assert let_go(app, NOON + 91 * DAY)["texts"] == 1
    assert texts(app) == [None, {"%1%": "Ada"}, {"%1%": "Ada"}]
    assert [row["hash"] for row in rows(app.store, skeletons)] == ["h-b-unsure", "h-c-young"]
    assert let_go(app, NOON + 91 * DAY) == {}
    assert let_go(app, NOON + 151 * DAY)["texts"] == 1
    assert [row["state"] for row in rows(app.store, sends)] == ["accepted", "unsure", "accepted"]


def test_what_messages_said_goes_too_unless_they_wait_still(app: App) -> None:
    who = {"contact_id": person(app.store), "kind": "note", "attempt": 0, "claimed_at": NOON, "payload": {"body": "x"}}
    with app.store.write() as connection:
        told = [who | {"id": state, "state": state} for state in ("accepted", "waiting")]
        connection.execute(sa.insert(writes), told)
    assert let_go(app, NOON + 91 * DAY)["texts"] == 1
    assert {row["id"]: row["payload"] for row in rows(app.store, writes)} == {"accepted": {}, "waiting": {"body": "x"}}


def test_bodies_go_once_they_were_read_long_ago_and_never_before(app: App) -> None:
    body = {"connector": "sendgrid", "body": b"[]", "received_at": NOON, "drained_at": None, "fault": None}
    with app.store.inbox.begin() as connection:
        for read, fault in ((NOON, None), (NOON + 5 * DAY, None), (NOON, "no JSON"), (None, None)):
            connection.execute(sa.insert(inbox).values(**body | {"drained_at": read, "fault": fault}))
    assert let_go(app, NOON + 8 * DAY)["bodies"] == 1
    assert let_go(app, NOON + 100 * DAY)["bodies"] == 2
    with app.store.inbox.begin() as connection:
        assert connection.execute(sa.select(inbox.c.drained_at)).all() == [(None,)]


def hits() -> list[MailEvent]:
    """A person reads in a browser; a scanner follows a link at once."""
    came = {"user_agent": BROWSER, "ip": "198.51.100.7"}
    opening = event(MailEventKind.OPENED, event_id="1", at=NOON + DAY, **came)
    return [
        opening,
        event(MailEventKind.CLICKED, event_id="2", at=NOON + timedelta(seconds=1), url="https://x", **came),
    ]


def test_without_its_evidence_a_visit_stays_judged_as_it_was_and_is_known_again(app: App) -> None:
    letter(app.store, person(app.store))
    collect.events(app.store, "sendgrid", hits(), NOON + 2 * DAY)
    before = only(app.store, sends)
    assert (before["opened"], before["clicked"]) == (Actor.HUMAN, Actor.MACHINE)
    assert let_go(app, NOON + 33 * DAY)["evidence"] > 0
    assert {(row["user_agent"], row["ip"]) for row in rows(app.store, mail_events)} == {(None, None)}
    assert collect.reclassify(app.store, NOON + 33 * DAY).changed == 0
    assert collect.events(app.store, "sendgrid", hits(), NOON + 33 * DAY).repeated == 2
    assert only(app.store, sends) == before


def test_a_no_is_never_let_go_of(app: App) -> None:
    letter(app.store, person(app.store))
    collect.events(app.store, "sendgrid", [event(MailEventKind.COMPLAINED)], NOON)
    let_go(app, NOON + 4000 * DAY)
    assert only(app.store, suppressions)["lifted_at"] is None


def test_notes_that_nobody_reads_become_one_that_says_everybody(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "NOTES", 3)
    for name in "abcde":
        person(app.store, f"{name}@example.org")
    assert let_go(app, NOON)["notes"] == 5
    assert only(app.store, changed_contacts)["what"] == "everybody"
    with app.store.read() as connection:
        assert marks_of(connection).many


def test_how_old_runs_went_is_let_go_of(app: App) -> None:
    with app.store.write() as connection:
        told = [{"name": "tick", "due": str(day), "started_at": NOON + day * DAY} for day in (0, 80)]
        connection.execute(sa.insert(runs), told)
    assert let_go(app, NOON + 100 * DAY)["runs"] == 1
