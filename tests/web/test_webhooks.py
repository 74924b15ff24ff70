"""A provider's events are believed when they are signed, acknowledged when they are on disk, and counted once."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa
from fastapi.testclient import TestClient

from connectors.base import Cursor, Page, Source
from runner import collect
from runner.store.tables import inbox, sends, suppressions
from runner.web import Desk, create_app
from tests.loopback.sendgrid import LoopbackSendGrid
from tests.web.conftest import PUBLIC_URL
from tests.web.given import LATER, letter, only, person, rows

AT = int(LATER.timestamp())


def told(*kinds: str) -> bytes:
    """What SendGrid posts, down to the line ends that the signature covers."""
    events = [
        {"event": kind, "sg_event_id": f"e-{kind}", "timestamp": AT, "regulars_send": "s-1", "email": "ada@example.org"}
        for kind in kinds
    ]
    return json.dumps(events, indent=1).encode() + b"\r\n"


def waiting(desk: Desk) -> list[bytes]:
    with desk.store.inbox.begin() as connection:
        return [bytes(body) for body in connection.scalars(sa.select(inbox.c.body))]


def test_a_signed_body_is_kept_as_it_came_and_drained_later(
    client: TestClient, desk: Desk, sendgrid: LoopbackSendGrid
) -> None:
    letter(desk.store, person(desk.store), state="unsure")
    body = told("delivered", "spamreport")
    assert client.post("/webhooks/sendgrid", content=body, headers=sendgrid.sign(body, AT)).status_code == 200
    assert waiting(desk) == [body]
    collect.drain(desk.store, "sendgrid", desk.mailers["sendgrid"], LATER)
    send = only(desk.store, sends)
    assert (send["state"], send["delivery"], send["complained_at"]) == ("accepted", "delivered", LATER)
    assert only(desk.store, suppressions)["reason"] == "complained"


def test_repeated_and_reordered_posts_lead_to_the_same_state(
    client: TestClient, desk: Desk, sendgrid: LoopbackSendGrid
) -> None:
    letter(desk.store, person(desk.store))
    for body in (
        told("click", "unsubscribe"),
        told("delivered", "click"),
        told("processed"),
        told("click", "unsubscribe"),
    ):
        client.post("/webhooks/sendgrid", content=body, headers=sendgrid.sign(body, AT))
    drained = collect.drain(desk.store, "sendgrid", desk.mailers["sendgrid"], LATER)
    assert (drained.bodies, drained.counted.new, drained.counted.repeated) == (4, 4, 3)
    assert only(desk.store, sends)["delivery"] == "delivered"
    assert len(rows(desk.store, suppressions)) == 1


def test_a_signed_body_that_is_no_list_of_events_stays_in_the_inbox_with_its_fault(
    client: TestClient, desk: Desk, sendgrid: LoopbackSendGrid
) -> None:
    body = b"<html>not today</html>"
    assert client.post("/webhooks/sendgrid", content=body, headers=sendgrid.sign(body, AT)).status_code == 200
    assert collect.drain(desk.store, "sendgrid", desk.mailers["sendgrid"], LATER).faults == 1
    with desk.store.inbox.begin() as connection:
        kept = connection.execute(sa.select(inbox)).one()
    assert (bytes(kept.body), kept.fault) == (body, "JSONDecodeError: Expecting value: line 1 column 1 (char 0)")


def test_an_unsigned_or_altered_body_is_refused_and_not_kept(
    client: TestClient, desk: Desk, sendgrid: LoopbackSendGrid
) -> None:
    body = told("unsubscribe")
    headers = sendgrid.sign(body, AT)
    refused = [
        client.post("/webhooks/sendgrid", content=body),
        client.post("/webhooks/sendgrid", content=body.strip(), headers=headers),
        client.post("/webhooks/sendgrid", content=body, headers=dict.fromkeys(headers, "?")),
    ]
    assert [answer.status_code for answer in refused] == [401, 401, 401]
    assert waiting(desk) == []


def test_a_webhook_that_nobody_has_is_not_there(client: TestClient) -> None:
    assert client.post("/webhooks/crm", content=b"[]").status_code == 404
    assert client.get("/webhooks/sendgrid").status_code == 405


def test_what_could_not_be_kept_is_not_acknowledged(client: TestClient, desk: Desk, sendgrid: LoopbackSendGrid) -> None:
    with desk.store.inbox.begin() as connection:
        connection.exec_driver_sql("DROP TABLE inbox")
    body = told("open")
    answer = client.post("/webhooks/sendgrid", content=body, headers=sendgrid.sign(body, AT))
    assert (answer.status_code, answer.headers["content-type"]) == (500, "text/plain; charset=utf-8")


def test_webhooks_know_no_rate_limit(client: TestClient, sendgrid: LoopbackSendGrid) -> None:
    body = told("open")
    headers = sendgrid.sign(body, AT)
    assert {client.post("/webhooks/sendgrid", content=body, headers=headers).status_code for _ in range(80)} == {200}


class Hinting(Source):
    """Believes whoever says the word."""

    type = "hinting"

    def pull(self, cursor: Cursor | None, *, full: bool, now: datetime) -> Iterator[Page]:
        return iter(())

    def is_hint(self, headers: Mapping[str, str], body: bytes, *, method: str, url: str, now: datetime) -> bool:
        return (body, method, url) == (b"the word", "POST", f"{PUBLIC_URL}/webhooks/crm?a=1")


def test_a_sources_hint_brings_the_next_tick_forward_and_nothing_else(desk: Desk) -> None:
    hints: list[int] = []
    hinted = replace(desk, sources={"crm": Hinting()}, look_sooner=lambda: hints.append(1))
    with TestClient(create_app(hinted), base_url=PUBLIC_URL) as client:
        assert client.post("/webhooks/crm?a=1", content=b"the word").status_code == 200
        assert client.post("/webhooks/crm?a=1", content=b"another").status_code == 401
        assert client.post("/webhooks/nobody", content=b"the word").status_code == 404
    assert (hints, waiting(desk)) == ([1], [])
