"""An IMAP server on this machine, as far as a reader needs one: EXAMINE, UID SEARCH, UID FETCH of heads.

with LoopbackImap() as imap:
    imap.deliver("INBOX", "From: ada@example.org\\r\\n…", at="01-Mar-2026 10:00:00 +0000")
"""

from __future__ import annotations

import re
import socketserver
import threading
from datetime import datetime

USER, PASSWORD = "support", "correct horse"


class LoopbackImap:
    """Speaks IMAP4rev1 on 127.0.0.1, without TLS."""

    def __init__(self) -> None:
        #: Folder → UID → head and time of arrival.
        self.folders: dict[str, dict[int, tuple[bytes, datetime]]] = {"INBOX": {}, "Sent": {}}
        self.validity = 7
        #: What clients said.
        self.said: list[str] = []
        self._server = _Server(("127.0.0.1", 0), _Session)
        self._server.imap = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def __enter__(self) -> LoopbackImap:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def deliver(self, folder: str, head: str, at: datetime) -> int:
        there = self.folders[folder]
        there[uid := max(there, default=0) + 1] = (head.replace("\n", "\r\n").encode() + b"\r\n\r\n", at)
        return uid


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    imap: LoopbackImap


class _Session(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        self._open: dict[int, tuple[bytes, datetime]] = {}
        self._say(b"* OK IMAP4rev1 ready")
        while line := self.rfile.readline().decode().strip():
            self.server.imap.said.append(re.sub(r"LOGIN .*", "LOGIN", line))
            tag, _, rest = line.partition(" ")
            word, _, told = rest.partition(" ")
            self._say(f"{tag} {self._do(word.upper(), told)}".encode())
            if word.upper() == "LOGOUT":
                return

    def _do(self, word: str, told: str) -> str:
        match word:
            case "CAPABILITY":
                self._say(b"* CAPABILITY IMAP4rev1")
            case "LOGIN" if told.replace('"', "") != f"{USER} {PASSWORD}":
                return "NO [AUTHENTICATIONFAILED] Invalid credentials"
            case "EXAMINE" if told.strip('"') not in self.server.imap.folders:
                return "NO Mailbox doesn't exist"
            case "EXAMINE":
                self._open = self.server.imap.folders[told.strip('"')]
                self._say(f"* {len(self._open)} EXISTS".encode())
                self._say(f"* OK [UIDVALIDITY {self.server.imap.validity}] UIDs valid".encode())
            case "UID":
                return self._uid(told)
            case "LOGOUT":
                self._say(b"* BYE")
        return f"OK {word} completed"

    def _uid(self, told: str) -> str:
        word, _, rest = told.partition(" ")
        if word.upper() == "SEARCH":
            self._say(b"* SEARCH " + " ".join(map(str, self._search(rest))).encode())
            return "OK SEARCH completed"
        numbers, _, what = rest.partition(" ")
        if "PEEK" not in what:
            return "BAD this would mark mails as read"
        for number, uid in enumerate(map(int, numbers.split(",")), 1):
            head, at = self._open[uid]
            arrived = f"{at:%d}-{at:%b}-{at:%Y} {at:%H:%M:%S} +0000"
            self.wfile.write(
                f'* {number} FETCH (UID {uid} INTERNALDATE "{arrived}" BODY[HEADER] {{{len(head)}}}\r\n'.encode() + head
            )
            self._say(b")")
        return "OK FETCH completed"

    def _search(self, criteria: str) -> list[int]:
        if first := re.fullmatch(r"UID (\d+):\*", criteria):
            return [uid for uid in self._open if uid >= int(first[1]) or uid == max(self._open)]
        since = datetime.strptime(criteria.partition("SINCE ")[2], "%d-%b-%Y").date()  # noqa: DTZ007
        return [uid for uid, (_, at) in self._open.items() if at.date() >= since]

    def _say(self, line: bytes) -> None:
        self.wfile.write(line + b"\r\n")
