"""From HubSpot to SendGrid and back, through the real commands; and what happens when one of them is away."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.daemon.given import born_today, daemon, log, regulars, workspace
from tests.kill.process import until
from tests.loopback.hubspot import LoopbackHubSpot
from tests.loopback.sendgrid import LoopbackSendGrid


@pytest.fixture
def hubspot() -> Iterator[LoopbackHubSpot]:
    """Three people with a birthday today."""
    with LoopbackHubSpot() as running:
        running.define("contacts", "birthday", "date")
        for name in ("ann", "bob", "eve"):
            running.add("contacts", email=f"{name}@acme.example", firstname=name.title(), birthday=str(born_today()))
        yield running


@pytest.fixture
def sendgrid() -> Iterator[LoopbackSendGrid]:
    with LoopbackSendGrid() as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path, hubspot: LoopbackHubSpot, sendgrid: LoopbackSendGrid) -> Path:
    crm = {"type": "hubspot", "token": hubspot.token, "base_url": hubspot.url, "fields": {"birthday": "birthday"}}
    mail = {
        "type": "sendgrid",
        "api_key": sendgrid.api_key,
        "base_url": sendgrid.url,
        "webhook_key": sendgrid.webhook_key,
    }
    return workspace(tmp_path, crm=crm, mail=mail)


def test_contacts_come_from_hubspot_mails_reach_sendgrid_and_the_log_tells_what_became_of_them(
    folder: Path, sendgrid: LoopbackSendGrid
) -> None:
    assert regulars(folder, "run").returncode == 0
    assert sorted(mail.subject for mail in sendgrid.mails if mail.to == "ann@acme.example") == [
        "Happy birthday, Ann",
        "One question",
    ]
    wishes = next(mail for mail in sendgrid.to("ann@acme.example") if mail.subject.startswith("Happy"))
    ten_minutes_ago = int(time.time()) - 600
    happened = sendgrid.events_for(wishes, "delivered", at=ten_minutes_ago)
    happened += sendgrid.events_for(wishes, "open", "click", at=ten_minutes_ago + 300)
    body = json.dumps(happened).encode()
    with daemon(folder) as running:
        assert running.post_body("/webhooks/sendgrid", body, {**sendgrid.sign(body), "x-forged": "no"})[0] == 200
        assert running.post_body("/webhooks/sendgrid", body + b" ", sendgrid.sign(body))[0] == 401
        until(running.ticked, of="a tick")
        assert running.stop() == 0
    assert regulars(folder, "run").returncode == 0
    (row,) = [row for row in log(folder) if row["contact"]["email"] == "ann@acme.example" and row["step"] == "wishes"]
    assert (row["status"], row["send"]["state"], row["send"]["delivery"]) == ("done", "accepted", "delivered")
    assert (row["send"]["opened"], row["send"]["clicked"]) == ("human", "human")


@pytest.mark.parametrize(
    ("fault", "times", "doubtful"),
    [
        ("406", 1, False),  # a page of HTML: the address is wrong
        ("503", 4, False),  # away for longer than we try
        ("drop after", 1, True),  # nobody can know
    ],
)
def test_while_the_mail_provider_fails_nobody_is_lost_and_nobody_gets_two(
    folder: Path, sendgrid: LoopbackSendGrid, fault: str, times: int, doubtful: bool
) -> None:
    sendgrid.inject(fault, times=times)
    failed = _run(folder, minutes=0)
    assert failed.returncode == 3, failed.stderr
    assert "sendgrid" in failed.stderr.lower()
    later = _run(folder, minutes=10)
    unsure = {row["contact"]["email"] for row in log(folder) if row["status"] == "unsure"}
    assert later.returncode == (4 if unsure else 0), later.stderr
    assert bool(unsure) == doubtful
    for address in ("ann@acme.example", "bob@acme.example", "eve@acme.example"):
        subjects = [mail.subject for mail in sendgrid.to(address)]
        assert len(subjects) == len(set(subjects))
        assert len(subjects) == 2 or address in unsure


def test_while_the_crm_is_away_the_rest_goes_on_and_the_next_run_catches_up(
    folder: Path, hubspot: LoopbackHubSpot, sendgrid: LoopbackSendGrid
) -> None:
    assert _run(folder, minutes=0).returncode == 0
    hubspot.add("contacts", email="new@acme.example", firstname="New", birthday=str(born_today()))
    hubspot.inject("401")
    failed = _run(folder, minutes=5)
    assert failed.returncode == 3
    assert "HubSpot" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert _run(folder, minutes=10).returncode == 0
    assert len(sendgrid.to("new@acme.example")) == 2
    assert len(sendgrid.mails) == 8


def _run(folder: Path, *, minutes: int) -> CompletedProcess[str]:
    moment = datetime.now(UTC) + timedelta(minutes=minutes)
    return regulars(folder, "run", "--at", moment.isoformat(), "--yes")
