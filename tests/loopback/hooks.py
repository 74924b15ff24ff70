"""A receiver of webhooks on this machine: checks signatures as the specification words it, and misbehaves on demand.

    with LoopbackHooks(secret="whsec_…") as receiver:
        receiver.answers += ["503", "drop after"]            # for the next two; then it takes everything
        hooks.post(Hook(receiver.url, ("whsec_…",), allow_private=True), "m-1", body, at=now)
        assert [message.id for message in receiver.taken] == ["m-1"]

As a process of its own, for tests that kill the sender and count at the receiver:

    python -m tests.loopback.hooks --port 0 --record FILE

prints its port, and appends one JSON line to FILE for each message before it answers.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import hmac
import json
import os
import signal
import ssl
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

#: What may be answered besides a status: what then happens.
FAULTS = {
    "302": "sent elsewhere, where whoever comes is answered 200",
    "drop": "the connection is closed, nothing is taken",
    "drop after": "taken, then the connection is closed without an answer",
    "slow": "taken, and no answer until the server stops",
    "drip": "taken, and an answer of one letter at a time that never ends",
    "huge": "taken, with an answer that does not end",
}


@dataclass(frozen=True)
class Message:
    """One message as it arrived."""

    id: str
    timestamp: int
    signatures: tuple[str, ...]
    headers: dict[str, str]
    path: str
    body: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.body)

    def is_signed_with(self, secret: str) -> bool:
        """`base64(hmac_sha256(key, id.timestamp.body))`, the key being what stands in base64 behind `whsec_`."""
        key = base64.b64decode(secret.split("_", 1)[1])
        content = self.id.encode() + b"." + str(self.timestamp).encode() + b"." + self.body
        expected = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
        return any(hmac.compare_digest(expected, said.partition(",")[2]) for said in self.signatures)


class LoopbackHooks:
    """Takes what is posted to 127.0.0.1; over TLS where it has a `certificate`."""

    def __init__(self, *, port: int = 0, record: Path | None = None, certificate: Path | None = None) -> None:
        #: For the next messages, in turn: a status, with `:` and seconds for Retry-After, or one of FAULTS.
        self.answers: list[str] = []
        #: Every message that was read, and those of them that were taken.
        self.received: list[Message] = []
        self.taken: list[Message] = []
        self._record = record
        self._scheme = "https" if certificate else "http"
        self._server = _Server(("127.0.0.1", port), _Receiving)
        self._server.hooks = self
        self.stopping = threading.Event()
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self.port}/in?from=regulars"

    def __enter__(self) -> LoopbackHooks:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()

    def take(self, message: Message) -> str:
        """What is to be answered."""
        self.received.append(message)
        answer = self.answers.pop(0) if self.answers else "200"
        if answer[0] == "2" or answer in ("drop after", "slow", "drip", "huge"):
            self._take(message)
        return answer

    def _take(self, message: Message) -> None:
        self.taken.append(message)
        if self._record is not None:
            line = json.dumps({"id": message.id, "body": message.document}) + "\n"
            file = os.open(self._record, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.write(file, line.encode())
            os.close(file)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    hooks: LoopbackHooks

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed, or that stopped waiting, is nothing to report."""


class _Receiving(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", "0"))
        raw = self.rfile.read(length)
        self.close_connection = True
        if len(raw) < length:
            return  # The sender died in the middle of its request.
        headers = {name.lower(): value for name, value in self.headers.items()}
        signatures = tuple(headers.get("webhook-signature", "").split())
        stamp = int(headers.get("webhook-timestamp", "0"))
        message = Message(headers.get("webhook-id", ""), stamp, signatures, headers, self.path, raw)
        self._give(self.server.hooks.take(message))

    def do_GET(self) -> None:
        self.server.hooks.received.append(Message("GET", 0, (), {}, self.path, b""))
        self._give("200")

    def _give(self, answer: str) -> None:
        match answer:
            case "drop" | "drop after":
                return
            case "slow":
                self.server.hooks.stopping.wait(60)
            case "drip":
                self._dripping(b"HTTP/1.1 ", b"2", 0.05)
            case "huge":
                self._dripping(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536, 0)
            case _:
                self._say(answer)

    def _say(self, answer: str) -> None:
        status, _, pause = answer.partition(":")
        self.send_response(int(status))
        if pause:
            self.send_header("Retry-After", pause)
        if status == "302":
            self.send_header("Location", f"http://127.0.0.1:{self.server.hooks.port}/elsewhere")
        content = b"" if status == "204" else f"said {status}".encode()
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _dripping(self, head: bytes, drop: bytes, pause: float) -> None:
        deadline = time.monotonic() + 60
        try:
            self.wfile.write(head)
            while time.monotonic() < deadline and not self.server.hooks.stopping.wait(pause):
                self.wfile.write(drop)
        except OSError:
            pass  # The sender has had enough.

    def log_message(self, format: str, *args: Any) -> None:
        """Tests read `received`."""


def main() -> None:
    options = argparse.ArgumentParser(description="A receiver of webhooks on this machine.")
    options.add_argument("--port", type=int, default=0)
    options.add_argument("--record", type=Path, help="append one JSON line a message to this file")
    chosen = options.parse_args()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with LoopbackHooks(port=chosen.port, record=chosen.record) as hooks:
        print(hooks.port, flush=True)
        stop.wait()


if __name__ == "__main__":
    main()
