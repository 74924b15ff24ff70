"""A mail provider on this machine that knows idempotency keys: what comes twice under one key goes out once."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, ClassVar

from connectors.base import ConnectorSettings, Letter, Mailer, Mailing, Outcome, Verdict
from connectors.mail.message import SEND_HEADER, ascii_address, check, copy_of, file_name, one_line, well_formed


@dataclass
class Keyed:
    """What the provider has sent, by key; and for how many requests it still hangs up after it took the letter."""

    url: str = ""
    sent: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests: int = 0
    hang_up: int = 0


@contextmanager
def provider() -> Iterator[Keyed]:
    there = Keyed()

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            letter = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            there.requests += 1
            there.sent.setdefault(self.headers["Idempotency-Key"], letter)
            if there.hang_up:
                there.hang_up -= 1
                self.close_connection = True
                return
            self.send_response(202)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Door) as server:
        there.url = f"http://127.0.0.1:{server.server_port}"
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield there
        finally:
            server.shutdown()


class KeyedMailer(Mailer):
    """Hands in letter after letter, each under its send id."""

    type: ClassVar[str] = "keyed"
    settings_model = ConnectorSettings
    idempotent = True
    batch_size = 100
    loopback = True

    def __init__(self, url: str) -> None:
        self._request = urllib.request.build_opener(urllib.request.ProxyHandler({})).open
        self._url = url

    def send(self, mailing: Mailing) -> Sequence[Outcome]:
        check(mailing, system="Keyed")
        return [self._hand_in(mailing, letter) for letter in mailing.letters]

    def _hand_in(self, mailing: Mailing, letter: Letter) -> Outcome:
        email = ascii_address(letter.to.email)
        if email is None:
            return Outcome(letter.send_id, Verdict.REFUSED, reason=f"{letter.to.email!r} is no address")
        own = copy_of(mailing, letter)
        body = {
            "to": email,
            "name": one_line(letter.to.name or "") or None,
            "subject": own.subject,
            "html": well_formed(own.html),
            "text": well_formed(own.text),
            "headers": {
                SEND_HEADER: letter.send_id,
                **{name: one_line(value) for name, value in letter.headers.items()},
            },
            "send_id": letter.send_id,
            "files": {file_name(file): b64encode(file.content).decode() for file in mailing.attachments},
        }
        request = urllib.request.Request(
            self._url, json.dumps(body).encode(), {"Idempotency-Key": letter.send_id}, method="POST"
        )
        try:
            with self._request(request, timeout=10):
                return Outcome(letter.send_id, Verdict.ACCEPTED)
        except (OSError, urllib.error.URLError) as error:
            return Outcome(letter.send_id, Verdict.UNSURE, reason=f"no answer ({type(error).__name__})")
