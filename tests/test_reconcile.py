"""What SendGrid's lists hold binds here too, once, whether or not a webhook told of it; by SendGrid's own client."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from connectors.errors import AuthFailed
from connectors.mail.sendgrid import SendGridMailer, SendGridSettings
from runner import collect
from runner.app import App
from runner.app.doctor import examine
from runner.app.findings import Health
from runner.app.reconciling import lists_read, reconcile
from runner.store.tables import contacts, sends, suppressions
from tests.loopback.sendgrid import LoopbackSendGrid
from tests.web.given import LATER, NOON, MailEventKind, event, letter, only, person, rows, ticket

DAY = timedelta(days=1)
SETTINGS = """
public_url: https://hello.acme.example
secret: a secret of some length
sender: {{name: Acme, email: hello@acme.example, address: "1 Main St"}}
mail: {{type: sendgrid, api_key: {key}, base_url: "{url}", unsubscribe_group: 7}}
"""


@pytest.fixture
def sendgrid() -> Iterator[LoopbackSendGrid]:
    with LoopbackSendGrid() as running:
        running.groups[7] = []
        yield running


@pytest.fixture
def app(tmp_path: Path, sqlite_url: str, sendgrid: LoopbackSendGrid) -> Iterator[App]:
    (tmp_path / "regulars.yaml").write_text(SETTINGS.format(key=sendgrid.api_key, url=sendgrid.url))
    with App(tmp_path, environment={}) as opened:
        yield opened


def entered(address: str, at: datetime = NOON) -> dict[str, object]:
    return {"email": address, "created": int(at.timestamp()), "reason": "550 no such user", "status": "5.1.1"}


def look(app: App, at: datetime) -> list[str]:
    return reconcile(app, {"sendgrid": app.mailer}, at)


def bound(app: App) -> set[tuple[str, str]]:
    return {(row["address"], row["reason"]) for row in rows(app.store, suppressions) if row["lifted_at"] is None}


def test_after_a_week_off_every_list_is_made_up_for(app: App, sendgrid: LoopbackSendGrid) -> None:
    look(app, NOON)
    sendgrid.lists["bounces"] = [entered(f"P{n}@example.org", NOON + 3 * DAY) for n in range(1203)]
    sendgrid.lists["invalid_emails"] = [entered("typo@exmaple.org", NOON + DAY)]
    sendgrid.lists["spam_reports"] = [entered("cross@example.org", NOON + DAY)]
    sendgrid.lists["unsubscribes"] = [entered("gone@example.org", NOON + DAY)]
    sendgrid.lists["blocks"] = [entered("full@example.org", NOON + DAY)]
    sendgrid.groups[7] = ["enough@example.org"]
    assert look(app, NOON + 7 * DAY) == []
    assert {address: reason for address, reason in bound(app) if address[0] != "p"} == {
        "typo@exmaple.org": "bounced",
        "cross@example.org": "complained",
        "gone@example.org": "unsubscribed",
        "enough@example.org": "unsubscribed",
    }
    assert sum(address.startswith("p") for address, _ in bound(app)) == 1203


def test_it_is_asked_once_a_day_and_the_same_entry_binds_once(app: App, sendgrid: LoopbackSendGrid) -> None:
    sendgrid.lists["spam_reports"] = [entered("cross@example.org")]
    for hours in (1, 2, 23, 26, 60):
        look(app, NOON + timedelta(hours=hours))
    assert len([path for path in sendgrid.asked if "spam_reports" in path]) == 3
    assert len(rows(app.store, suppressions)) == 1


def test_what_was_taken_back_since_does_not_bind_anew(app: App, sendgrid: LoopbackSendGrid) -> None:
    ada = person(app.store)
    letter(app.store, ada)
    collect.events(app.store, "sendgrid", [event(MailEventKind.UNSUBSCRIBED, event_id="w")], NOON)
    collect.resubscribe(app.store, ticket(ada), LATER)
    sendgrid.lists["unsubscribes"] = [entered("ada@example.org")]
    look(app, NOON + DAY)
    assert (bound(app), only(app.store, contacts)["opted_out"]) == (set(), False)


def test_a_key_that_may_only_send_is_no_failure_and_one_that_fails_is(app: App, sendgrid: LoopbackSendGrid) -> None:
    sendgrid.only_sends = True
    assert look(app, NOON) == []
    assert "access forbidden" in app.remembered("lists_read:sendgrid")["refused"]
    del sendgrid.groups[7]
    sendgrid.only_sends = False
    assert "could not be read" in look(app, NOON + DAY)[0]


def test_doctor_tells_when_the_lists_were_read_and_what_kept_them_from_being_read(
    app: App, sendgrid: LoopbackSendGrid
) -> None:
    def told() -> tuple[str, bool, str]:
        (one,) = lists_read(app)
        return one

    assert list(lists_read(app)) == []
    sendgrid.lists["spam_reports"] = [entered("cross@example.org"), entered("angry@example.org")]
    look(app, NOON + DAY)
    good = told()
    assert good[:2] == ("mailer sendgrid", False)
    assert good[2].endswith(
        "were read at 2026-05-05 12:00 UTC: 2 new on them since the time before, 2 not heard of before"
    )
    sendgrid.only_sends = True
    look(app, NOON + 3 * DAY)
    assert told()[1]
    assert told()[2].startswith("its suppression lists may not be read with this key, which needs read access to them")
    assert told()[2].endswith(
        "; they were read at 2026-05-05 12:00 UTC; SendGrid: GET /v3/suppression/bounces: 403 access forbidden"
    )
    sendgrid.only_sends = False
    del sendgrid.groups[7]
    look(app, NOON + 5 * DAY)
    assert told()[2].startswith(
        "its suppression lists could not be read at 2026-05-09 12:00 UTC, before that they were read at"
    )
    assert told() in [(one.name, one.status is Health.WARNING, one.message) for one in examine(app).checks]


def test_a_wrong_key_is_told_as_such(sendgrid: LoopbackSendGrid, tmp_path: Path) -> None:
    settings = SendGridSettings.model_validate({"api_key": "SG.wrong", "base_url": sendgrid.url})
    with pytest.raises(AuthFailed, match="authorization grant is invalid"):
        list(SendGridMailer(settings, workspace=tmp_path).suppressed(None, NOON))


@pytest.mark.parametrize(
    ("reason", "binds"),
    [
        ("Bounced Address", "bounced"),
        ("Invalid", "bounced"),
        ("Unsubscribed Address", "unsubscribed"),
        ("Spam Reporting Address", "complained"),
        ("Spam Content", None),
        ("Recipient List over Package Quota", None),
    ],
)
def test_a_dropped_letter_binds_by_why_it_was_dropped(app: App, reason: str, binds: str | None) -> None:
    letter(app.store, person(app.store))
    row = f'[{{"event": "dropped", "timestamp": 1, "sg_event_id": "d", "regulars_send": "s-1", "reason": "{reason}"}}]'
    collect.events(app.store, "sendgrid", app.mailer.events(row.encode()), LATER)
    assert only(app.store, sends)["delivery"] == "dropped"
    assert {why for _, why in bound(app)} == ({binds} if binds else set())


def test_coming_back_on_sendgrids_page_takes_back_what_was_said_there_and_no_more(app: App) -> None:
    ada = person(app.store)
    letter(app.store, ada)
    no, yes = MailEventKind.UNSUBSCRIBED, MailEventKind.RESUBSCRIBED
    collect.events(app.store, "sendgrid", [event(yes, at=LATER), event(no)], LATER)
    assert (bound(app), bool(only(app.store, contacts)["opted_out"])) == (set(), False)
    collect.unsubscribe(app.store, ticket(ada), "page", LATER)
    collect.events(app.store, "sendgrid", [event(yes, at=LATER + DAY)], LATER + DAY)
    assert bound(app) == {("ada@example.org", "unsubscribed")}
    with app.store.read() as connection:
        assert connection.scalar(sa.select(contacts.c.opted_out)) is True
