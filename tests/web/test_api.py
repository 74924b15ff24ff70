"""A shop tells of what happened: understood as a whole or refused with every fault, and nothing is lost on the way."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from connectors.feeds.api import Api, ApiSettings
from runner import collect
from runner.store.tables import contact_sources, contacts, custom_fields, facts, inbox, set_aside
from runner.sync import Heard, sync, those_heard
from runner.web import Desk
from tests.web.given import LATER, rows

ADA = {"email": "Ada@example.org"}
AT = "2026-05-04T10:00:00Z"


def order(number: int, **told: Any) -> dict[str, Any]:
    return {"type": "order", "id": f"A-{number}", "at": AT, "contact": ADA, "total": "19.90"} | told


@pytest.fixture
def token(desk: Desk) -> str:
    return collect.issue(desk.store, "shop", collect.Scope.EVENTS, LATER)


def told(client: TestClient, token: str, *events: Any, **headers: str) -> Any:
    return client.post("/api/events", json={"events": events}, headers={"Authorization": f"Bearer {token}"} | headers)


def heard(desk: Desk, at: datetime = LATER) -> None:
    """The sync that reads what was told."""
    assert those_heard(desk.store) == ["shop"]
    source = Heard(desk.store, "shop", Api(ApiSettings()), customers="contact")
    sync(desk.store, "shop", source, settings=desk.settings, full=False, now=at, rank=["crm"])


def waiting(desk: Desk) -> int:
    with desk.store.inbox.begin() as connection:
        left = sa.select(sa.func.count()).where(inbox.c.drained_at.is_(None)).select_from(inbox)
        return int(connection.scalar(left) or 0)


def test_what_is_told_is_on_disk_when_it_is_acknowledged_and_in_the_tables_after_a_sync(
    client: TestClient, desk: Desk, token: str
) -> None:
    answer = told(
        client,
        token,
        order(1, currency="EUR", status="paid"),
        {"type": "refund", "id": "r-1", "order_id": "A-1", "at": AT, "contact": ADA, "amount": 5},
        {"type": "cart", "id": "c-1", "at": AT, "contact": ADA, "total": 30.5, "url": "https://shop.example/c?1"},
        {"type": "login", "at": AT, "contact": ADA},
        {"type": "usage", "at": AT, "contact": ADA, "feature": "export"},
        {"type": "ticket", "id": "t-1", "at": AT, "contact": ADA, "solved_at": "2026-05-04T12:00:00+01:00"},
        {"type": "answer", "id": "s-1", "kind": "nps", "score": 0, "at": AT, "contact": ADA, "comment": "slow"},
        {"type": "event", "kind": "webinar", "at": AT, "contact": ADA, "properties": {"seats": 2, "title": "x"}},
    )
    assert (answer.status_code, answer.json()) == (202, {"kept": 8, "repeated": False})
    assert waiting(desk) == 1
    heard(desk)
    told_of = {name: len(rows(desk.store, table)) for name, table in facts.items() if rows(desk.store, table)}
    assert told_of == {
        "orders": 1,
        "refunds": 1,
        "carts": 1,
        "usage": 1,
        "tickets": 1,
        "surveys": 1,
        "events": 2,
    }
    (ada,) = rows(desk.store, contacts)
    assert (ada["address"], ada["nps_score"], ada["orders_count"], ada["open_tickets"]) == ("ada@example.org", 0, 1, 0)
    assert {row["name"]: row["type"] for row in rows(desk.store, custom_fields)} == {"seats": "number", "title": "text"}
    assert waiting(desk) == 0


def test_a_batch_at_fault_is_refused_as_a_whole_and_every_fault_is_named(
    client: TestClient, desk: Desk, token: str
) -> None:
    wrong = order(2, at="2026-05-04T10:00", contact={}, total=True, currency="eur", coupon="x")
    answer = told(client, token, order(1), wrong, {"type": "odrer"}, {"type": "event", "kind": "order"})
    said = {fault["where"]: f"{fault['message']}; {fault['advice']}" for fault in answer.json()["faults"]}
    assert answer.status_code == 422
    assert said["events[1].at"].startswith("must be a time with its zone, such as")
    assert said["events[1].contact"] == "needs an id or an email; "
    assert said["events[1].currency"] == "must be three capital letters such as EUR, is 'eur'; "
    assert said["events[1].coupon"].startswith("there is no key 'coupon' here")
    assert said["events[2].type"] == "there is no 'odrer'; did you mean 'order'?"
    assert said["events[3].kind"].startswith("'order' is told of as a type of its own")
    assert waiting(desk) == 0


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{", {}, 422),
        (b"null", {}, 422),
        (b'{"events": []}', {}, 422),
        (b"{}", {"Content-Type": "text/csv"}, 415),
        (b"{}", {"Idempotency-Key": "two words"}, 400),
        (b"{}", {"Authorization": "Bearer rgl_guessed"}, 401),
        (b"{}", {"Authorization": ""}, 401),
        (b" " * 1_000_001, {}, 413),
    ],
)
def test_what_cannot_be_taken_is_answered_in_one_shape(
    client: TestClient, token: str, body: bytes, headers: dict[str, str], status: int
) -> None:
    said = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"} | headers
    answer = client.post("/api/events", content=body, headers=said)
    assert (answer.status_code, list(answer.json())) == (status, ["faults"])
    assert answer.json()["faults"][0].keys() == {"where", "message", "advice"}


def test_a_batch_that_comes_again_under_its_key_is_kept_once(client: TestClient, desk: Desk, token: str) -> None:
    again = {"Idempotency-Key": "0e7e"}
    answers = [told(client, token, order(1), **again) for _ in range(2)]
    assert [(answer.status_code, answer.json()["repeated"]) for answer in answers] == [(202, False), (202, True)]
    assert told(client, token, order(2), **again).status_code == 409
    assert waiting(desk) == 1


def test_a_token_that_was_taken_back_opens_nothing_and_only_its_digest_is_kept(
    client: TestClient, desk: Desk, token: str
) -> None:
    assert token not in str(rows(desk.store, collect.tokens.tokens))
    assert collect.revoke(desk.store, "shop", LATER) == 1
    assert told(client, token, order(1)).status_code == 401


def test_who_the_crm_knows_is_known_by_address_and_by_the_shops_own_id_from_then_on(
    client: TestClient, desk: Desk, token: str
) -> None:
    crm = {"connector": "crm", "source_id": "4711", "seen_at": LATER, "row_hash": "x"}
    with desk.store.write() as connection:
        row = {"key": "crm:4711", "email": "ada@example.org", "address": "ada@example.org", "zone": "UTC"}
        ada = connection.execute(
            sa.insert(contacts).values(**row, created_at=LATER, seen_at=LATER, changed_at=LATER)
        ).inserted_primary_key[0]
        said = {"email": "ada@example.org", "first_name": "Ada", "created_at": LATER.isoformat(), "custom": {}}
        connection.execute(sa.insert(contact_sources).values(**crm, contact_id=ada, fields=said))
    told(client, token, order(1))  # by the address alone
    heard(desk)
    told(client, token, order(2, contact={"id": "u-1", "email": "ada@example.org", "language": "de"}))
    heard(desk)
    told(client, token, order(3, contact={"id": "u-1", "properties": {"plan": "pro"}}), order(4))
    heard(desk)
    (one,) = rows(desk.store, contacts)
    assert (one["first_name"], one["language"], one["orders_count"], one["custom"]) == ("Ada", "de", 4, {"plan": "pro"})
    assert [row["source_id"] for row in rows(desk.store, contact_sources)] == ["4711", "u-1"]


def test_an_order_that_is_told_again_takes_the_earlier_ones_place(client: TestClient, desk: Desk, token: str) -> None:
    told(client, token, order(1), order(1, status="cancelled"))
    heard(desk)
    (kept,) = rows(desk.store, facts["orders"])
    assert (kept["status"], rows(desk.store, contacts)[0]["orders_count"]) == ("cancelled", 0)


def test_a_field_keeps_the_type_it_was_first_told_with(client: TestClient, desk: Desk, token: str) -> None:
    for number, seats in enumerate((2, "3", "many")):
        seen = {"type": "event", "id": f"e-{number}", "kind": "webinar", "at": AT, "contact": ADA}
        told(client, token, seen | {"properties": {"seats": seats}})
        heard(desk)
    assert [row["custom"] for row in rows(desk.store, facts["events"])] == [{"seats": 2}, {"seats": 3}, {}]
    assert rows(desk.store, set_aside)[0]["value"] == "many"


def test_bodies_read_twice_after_a_kill_change_nothing(client: TestClient, desk: Desk, token: str) -> None:
    told(client, token, order(1), {"type": "login", "at": AT, "contact": ADA})
    heard(desk)
    before = rows(desk.store, facts["orders"]), rows(desk.store, facts["events"]), rows(desk.store, contacts)
    with desk.store.inbox.begin() as connection:
        connection.execute(sa.update(inbox).values(drained_at=None))
    heard(desk)
    assert before == (rows(desk.store, facts["orders"]), rows(desk.store, facts["events"]), rows(desk.store, contacts))


def test_a_body_that_cannot_be_read_any_more_stays_with_its_fault_and_stops_nobody(
    client: TestClient, desk: Desk, token: str
) -> None:
    collect.tell(desk.store, "shop", b'{"events": "of an older version"}', LATER)
    told(client, token, order(1))
    heard(desk)
    with desk.store.inbox.begin() as connection:
        faults = list(connection.scalars(sa.select(inbox.c.fault).order_by(inbox.c.id)))
    assert faults == ["ValueError: is no batch of events: 1 faults", None]
    assert len(rows(desk.store, facts["orders"])) == 1


def test_an_order_keeps_the_code_of_whoever_recommended_the_shop(client: TestClient, desk: Desk, token: str) -> None:
    told(client, token, order(1, referral_code="ACDEFGHJ"))
    heard(desk)
    (kept,) = rows(desk.store, facts["orders"])
    assert kept["referral_code"] == "ACDEFGHJ"
