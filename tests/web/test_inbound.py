"""A provider posts mail: known by its signature or password, the head kept, and a request for help after a sync."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from fastapi.testclient import TestClient
from pydantic import ValidationError

from connectors.feeds.inbound import Inbound, InboundSettings
from connectors.signatures import SIGNATURE, TIMESTAMP
from runner.store.tables import contacts, inbox, tickets
from runner.sync import Heard, sync
from runner.web import Desk, create_app
from tests.connectors.test_inbound import ASKED
from tests.web.conftest import PUBLIC_URL
from tests.web.given import LATER, only

PASSWORD = "correct horse battery"


@pytest.fixture
def desk(desk: Desk) -> Desk:
    keys = {"type": "inbound", "password": PASSWORD, "addresses": ["Support@acme.example"]}
    return replace(desk, inbound={"help": Inbound(InboundSettings.model_validate(keys))})


@pytest.mark.parametrize("form", [{"headers": ASKED, "text": "Hi"}, {"email": f"{ASKED}\n\nHi".replace("\n", "\r\n")}])
def test_a_posted_mail_is_a_ticket_after_a_sync_and_of_it_only_the_head_is_kept(
    desk: Desk, form: dict[str, str]
) -> None:
    client = TestClient(create_app(desk), base_url=PUBLIC_URL)
    files = {name: (None, value) for name, value in form.items()} | {"attachment1": ("a.pdf", b"%PDF")}
    assert client.post("/webhooks/help", files=files, auth=("any", PASSWORD)).status_code == 200
    with desk.store.inbox.begin() as connection:
        assert b"Hi" not in connection.scalar(sa.select(inbox.c.body))
    source = Heard(desk.store, "help", desk.inbound["help"], customers="contact")
    sync(desk.store, "help", source, settings=desk.settings, full=False, now=LATER, rank=["help"])
    assert only(desk.store, tickets)["subject"] == "Wo bleibt äs?"
    assert only(desk.store, contacts)["address"] == "ada@example.org"


def test_who_does_not_know_the_password_and_what_is_no_mail_are_refused(client: TestClient, desk: Desk) -> None:
    client = TestClient(create_app(desk), base_url=PUBLIC_URL)
    mail = {"headers": (None, ASKED)}
    refused = [client.post("/webhooks/help", files=mail, auth=auth) for auth in (None, ("any", "guessed"))]
    assert [answer.status_code for answer in refused] == [401, 401]
    assert client.post("/webhooks/help", files={"x": (None, "y")}, auth=("any", PASSWORD)).status_code == 400
    assert client.post("/webhooks/help", content=b"\xff", auth=("any", PASSWORD)).status_code == 400


def test_where_a_key_is_set_the_signature_over_the_raw_bytes_decides(desk: Desk) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    keys = {"webhook_key": base64.b64encode(public).decode(), "addresses": ["support@acme.example"]}
    signed = replace(desk, inbound={"help": Inbound(InboundSettings.model_validate(keys))})
    client = TestClient(create_app(signed), base_url=PUBLIC_URL)
    post = client.build_request("POST", "/webhooks/help", files={"headers": (None, ASKED)})
    body, at = post.read(), int(desk.now().timestamp())

    def answered(stamp: int, told: bytes) -> int:
        signature = base64.b64encode(key.sign(b"%d" % stamp + body, ec.ECDSA(hashes.SHA256()))).decode()
        stamped = {"Content-Type": post.headers["Content-Type"], TIMESTAMP: str(stamp), SIGNATURE: signature}
        return client.post("/webhooks/help", content=told, headers=stamped).status_code

    assert [answered(at, body), answered(at - 48 * 3600, body)] == [200, 200]
    assert [answered(at, body + b"\r\n"), answered(at - 80 * 3600, body)] == [401, 401]
    assert client.post("/webhooks/help", files={"headers": (None, ASKED)}, auth=("any", PASSWORD)).status_code == 401


def test_mail_from_nobody_knows_whom_is_a_fault_of_the_settings() -> None:
    with pytest.raises(ValidationError, match="needs a webhook_key or a password"):
        InboundSettings.model_validate({"addresses": ["support@acme.example"]})
