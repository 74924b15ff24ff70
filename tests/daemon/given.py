"""Workspaces of people who have their birthday today, and `regulars` as a process of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit
from urllib.request import Request, urlopen

from tests.kill.process import PATIENCE, Nursery, until

REPOSITORY = Path(__file__).resolve().parents[2]
REGULARS = (sys.executable, "-c", "from runner.cli import main; main()")
OUTBOX: Mapping[str, Any] = {"type": "outbox"}
CSV: Mapping[str, Any] = {"type": "csv", "path": "crm"}

_SETTINGS: Mapping[str, Any] = {
    "store": "sqlite:///regulars.db",
    "timezone": "UTC",
    "public_url": "http://127.0.0.1:9",
    "secret": "a secret of some length",
    "sender": {"name": "Acme", "email": "hello@acme.example", "address": "1 Main St, Springfield"},
}
_BIRTHDAY = """\
name: Birthday
trigger: {anniversary: {of: contact.birthday, at: "00:00"}}
actions:
  - send_email: {id: wishes, template: email/note, subject: "Happy birthday, {{ contact.first_name }}"}
  - survey: {id: nps, kind: nps, template: email/ask, subject: One question}
  - wait: 3 days
"""
_NOTE = """\
<mjml><mj-body><mj-section><mj-column>
  <mj-text>Hello {{ contact.first_name }} <a href="{{ unsubscribe() }}">No more of this</a>
    {{ sender.address }}</mj-text>
</mj-column></mj-section></mj-body></mjml>
"""
_ASK = _NOTE.replace("</mj-text>", ' <a href="{{ survey() }}">Tell us</a></mj-text>')


def workspace(
    folder: Path, *, born: date | None = None, crm: Mapping[str, Any] = CSV, mail: Mapping[str, Any] = OUTBOX
) -> Path:
    """Three people have their birthday today, unless they were `born` on another day."""
    for name in ("playbooks", "templates/email", "crm"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    settings = {**_SETTINGS, "connectors": {"crm": crm}, "mail": mail}
    # JSON is YAML.
    (folder / "regulars.yaml").write_text(json.dumps(settings), encoding="utf-8")
    (folder / "playbooks/birthday.yaml").write_text(_BIRTHDAY, encoding="utf-8")
    (folder / "templates/email/note.mjml").write_text(_NOTE, encoding="utf-8")
    (folder / "templates/email/ask.mjml").write_text(_ASK, encoding="utf-8")
    rows = [f"c{n},p{n}@acme.example,P{n},2020-01-01,{born or born_today()}" for n in range(3)]
    (folder / "crm/contacts.csv").write_text(
        "\n".join(["contact_id,email,first_name,created_at,birthday", *rows]) + "\n", encoding="utf-8"
    )
    return folder


def born_today() -> date:
    return datetime.now(UTC).date().replace(year=1992)


#: Where commands are born that end; `conftest.py` brings it.
NURSERY: list[Nursery] = []


def regulars(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    """One command, to its end."""
    return NURSERY[0].ended([args[0], "-C", str(folder), *args[1:]])


def log(folder: Path) -> list[dict[str, Any]]:
    told = regulars(folder, "log", "--json")
    assert told.returncode == 0, told.stderr
    return [json.loads(line) for line in told.stdout.splitlines()]


class Daemon:
    """`regulars start`, and what it writes."""

    def __init__(self, process: subprocess.Popen[bytes], stderr: Path) -> None:
        self.process = process
        self._stderr = stderr
        self.address = ""

    def records(self, action: str) -> list[dict[str, Any]]:
        """Its log's records of that action."""
        lines = self._stderr.read_text(encoding="utf-8").splitlines(keepends=True)
        told = [json.loads(line) for line in lines if line.endswith("\n")]
        return [record for record in told if record.get("action") == action]

    def ticked(self) -> list[dict[str, Any]]:
        return [record for record in self.records("tick") if record["message"] == "ticked"]

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(how)
        return self.process.wait(PATIENCE)

    def get(self, path: str) -> tuple[int, str]:
        return _asked(Request(self.address + path))

    def post(self, path: str, fields: Mapping[str, str]) -> tuple[int, str]:
        return _asked(Request(self.address + path, urlencode(fields).encode()))

    def post_body(self, path: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, str]:
        return _asked(Request(self.address + path, body, dict(headers)))


@contextmanager
def daemon(folder: Path) -> Iterator[Daemon]:
    """A daemon that serves; killed at the end if it still runs."""
    stderr = folder / "stderr"
    command = [*REGULARS, "start", "-C", str(folder), "--port", "0"]
    with (
        stderr.open("wb") as told,
        subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.DEVNULL, stderr=told, env=os.environ) as process,
    ):
        try:
            started = Daemon(process, stderr)
            record = until(lambda: process.poll() is not None or started.records("started"), of="the daemon")
            assert record is not True, stderr.read_text()
            started.address = record[0]["address"]
            yield started
        finally:
            process.kill()


def links(folder: Path, path: str) -> Sequence[str]:
    """The paths of the links of one kind in the outbox's mails: `/s/…`, `/u/…`."""
    mails = [mail.read_text(encoding="utf-8") for mail in sorted((folder / "outbox").glob("*.html"))]
    found = [link for mail in mails for link in re.findall(rf'href="(http://127\.0\.0\.1:9/{path}/[^"]+)"', mail)]
    return [urlsplit(link).path for link in found]


def _asked(request: Request) -> tuple[int, str]:
    try:
        with urlopen(request, timeout=PATIENCE) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as refusal:
        with refusal:
            return refusal.code, refusal.read().decode()
