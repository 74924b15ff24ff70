"""A workspace's pages on a real store, asked through FastAPI's client or by a browser over the loopback."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient

from connectors.mail.sendgrid import SendGridMailer, SendGridSettings
from runner.links import Links
from runner.settings import Settings
from runner.store import Store
from runner.web import Desk, create_app
from tests.loopback.sendgrid import LoopbackSendGrid
from tests.web.given import LATER

PUBLIC_URL = "https://hello.acme.example"


@pytest.fixture
def store(sqlite_url: str) -> Iterator[Store]:
    with Store(sqlite_url) as opened:
        yield opened


@pytest.fixture(scope="session")
def sendgrid() -> Iterator[LoopbackSendGrid]:
    with LoopbackSendGrid() as running:
        yield running


@pytest.fixture
def desk(store: Store, sendgrid: LoopbackSendGrid, tmp_path: Path) -> Iterator[Desk]:
    document = {
        "public_url": PUBLIC_URL,
        "secret": "a secret of some length",
        "sender": {"name": "Acme & Söhne", "email": "hello@acme.example", "address": "1 Main St, Springfield"},
        "mail": {"type": "outbox"},
        "reviews": {"sites": {"google": "https://example.org/write?a=1&b=2", "Trusted Shops": "https://example.com/"}},
    }
    settings = Settings.model_validate(document)
    keys = {
        "type": "sendgrid",
        "api_key": sendgrid.api_key,
        "base_url": sendgrid.url,
        "webhook_key": sendgrid.webhook_key,
    }
    mailer = SendGridMailer(SendGridSettings.model_validate(keys), workspace=tmp_path)
    links = Links(settings.public_url, settings.secrets)
    yield Desk(store, settings, links, {"sendgrid": mailer}, tmp_path / "templates", lambda: LATER)
    mailer.close()


@pytest.fixture
def client(desk: Desk) -> Iterator[TestClient]:
    """Does as any visitor: keeps cookies, runs no script. A fault of ours is an answer, not an exception."""
    with TestClient(create_app(desk), base_url=PUBLIC_URL, raise_server_exceptions=False) as visitor:
        yield visitor


def path_of(link: str) -> str:
    return urlsplit(link).path


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """The app behind a real server on a free port of the loopback; its address."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", ws="none", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        try:
            # Connections wait in the listening socket's queue until the server accepts them.
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
