"""What taking in events costs: SendGrid's webhook at a real `regulars start`, and then turning bodies into rows.

Another process posts signed bodies of a hundred events over kept connections; each post is answered once its body is on
disk. Beside it the floor: the same events written into the same table by sqlite3's bare executemany, as much a commit.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import random
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa
from town import NOON, conditions, seconds, settle_in, table, workspace

from runner import collect
from runner.app import App
from runner.collect.mail import BATCH
from runner.store.tables import contacts, enrollments, inbox, mail_events, sends
from tests.loopback.sendgrid import LoopbackSendGrid

PER_BODY = 100
KINDS = ("processed", "delivered", "open", "machine_open", "click")
AGENT = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--events", type=int, default=200_000)
    options.add_argument("--connections", type=int, default=32)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as name, LoopbackSendGrid() as sendgrid:
        keys = {"type": "sendgrid", "api_key": sendgrid.api_key, "base_url": sendgrid.url}
        folder = workspace(Path(name), mail={**keys, "webhook_key": sendgrid.webhook_key})
        for playbook in (folder / "playbooks").glob("*.yaml"):
            playbook.unlink()
        letters = _letters(folder, chosen.events // len(KINDS))
        bodies = list(_bodies(letters))
        events = PER_BODY * len(bodies)
        signed = [(body, sendgrid.sign(body)) for body in bodies]
        with _daemon(folder) as address:
            times = _posted(address, signed, chosen.connections)
        took = times.pop()
        kept = _kept(folder)
        assert kept == len(bodies), f"{len(bodies)} bodies were acknowledged, {kept} are kept"
        drained = seconds(lambda: _drain(folder, events))
        floor = _floor(folder, Path(name) / "floor.db")
    print(f"{events:,} events in {len(bodies):,} bodies, {chosen.connections} connections, SQLite, synchronous=FULL")
    p99 = statistics.quantiles(times, n=100)[98]
    rows = [
        ("acknowledged, on disk", took, f"p50 {1000 * statistics.median(times):.0f}, p99 {1000 * p99:.0f} ms a body"),
        ("taken in from the inbox", drained, "parsed, known again, judged, sends and people told"),
        (f"bare executemany, {BATCH} a commit", floor, "the same rows, and nothing else"),
    ]
    shown = [(what, f"{took:.2f}", f"{events / took:,.0f}", f"{floor / took:.2f}", more) for what, took, more in rows]
    table(("", "seconds", "events/s", "x executemany", ""), shown)
    conditions()


def _letters(folder: Path, number: int) -> list[str]:
    """Sends that have gone out, a few a person."""
    with App(folder) as app:
        settle_in(app.store, max(100, number // 4))
        with app.store.write() as connection:
            people = connection.execute(sa.select(contacts.c.id, contacts.c.address)).all()
            entered = {"playbook": "thanks", "version": "v", "facts": {}, "arm": "treated", "state": "done", "step": ""}
            entered |= dict.fromkeys(("occurred_at", "step_since", "due_at", "entered_at"), NOON)
            rows = [
                entered | {"id": n + 1, "contact_id": people[n % len(people)].id, "occasion": str(n)}
                for n in range(number)
            ]
            connection.execute(enrollments.insert(), rows)
            sent = {"playbook": "thanks", "step": "mail", "part": 0, "attempt": 0, "action": "send_email"}
            sent |= {"mailer": "sendgrid", "topic": "lifecycle", "purpose": "marketing", "state": "accepted"}
            sent |= {"claimed_at": NOON, "local_day": NOON.date()}
            rows = [
                sent
                | {"id": f"e0-{n:09x}", "enrollment_id": n + 1, "contact_id": people[n % len(people)].id}
                | {"address": people[n % len(people)].address}
                for n in range(number)
            ]
            connection.execute(sends.insert(), rows)
        return [row["id"] for row in rows]


def _bodies(letters: Sequence[str]) -> Iterator[bytes]:
    """Each letter's events in the order of their kinds, letters mixed a little, as SendGrid posts them."""
    draw = random.Random(7)
    start = int((NOON + timedelta(minutes=1)).timestamp())
    told: list[dict[str, Any]] = []
    for at in range(0, len(letters), 500):
        few = letters[at : at + 500]
        for number, kind in enumerate(KINDS):
            told += [_event(letter, kind, start + at + 600 * number, draw) for letter in draw.sample(few, len(few))]
    for at in range(0, len(told) - PER_BODY + 1, PER_BODY):
        yield json.dumps(told[at : at + PER_BODY]).encode() + b"\r\n"


def _event(letter: str, kind: str, at: int, draw: random.Random) -> dict[str, Any]:
    row = {
        "email": f"{letter}@example.org",
        "timestamp": at,
        "event": kind.removeprefix("machine_"),
        "sg_event_id": f"{draw.getrandbits(128):032x}",
        "sg_message_id": f"{draw.getrandbits(80):020x}.recvd-7c9f-1-6721.0",
        "smtp-id": f"<{draw.getrandbits(80):020x}@geopod-ismtpd-1>",
        "category": ["thanks"],
        "regulars_send": letter,
    }
    if kind in ("open", "machine_open", "click"):
        row |= {"useragent": AGENT, "ip": f"198.51.100.{draw.randrange(256)}", "sg_machine_open": kind[0] == "m"}
    if kind == "click":
        row |= {"url": "https://acme.example/shop?from=mail", "url_offset": {"index": 0, "type": "html"}}
    return row


@contextmanager
def _daemon(folder: Path) -> Iterator[str]:
    """The product as it is run; its address."""
    command = [str(Path(sys.executable).with_name("regulars")), "-C", str(folder), "start", "--port", "0"]
    with (folder / "daemon.log").open("w") as log, subprocess.Popen(command, stderr=log, stdout=log) as process:
        try:
            announced = folder / ".regulars" / "address"
            while not announced.exists() or not announced.read_text():
                assert process.poll() is None, (folder / "daemon.log").read_text()
                time.sleep(0.05)
            time.sleep(2)  # its first tick
            yield announced.read_text().strip()
        finally:
            process.terminate()


def _posted(address: str, signed: Sequence[tuple[bytes, dict[str, str]]], connections: int) -> list[float]:
    """Seconds that each body took to be acknowledged, and last how long all of them took. From another process."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_client, (address, signed, connections))


def _client(address: str, signed: Sequence[tuple[bytes, dict[str, str]]], connections: int) -> list[float]:
    return asyncio.run(_post_all(address, signed, connections))


async def _post_all(address: str, signed: Sequence[tuple[bytes, dict[str, str]]], connections: int) -> list[float]:
    host = urlsplit(address)
    requests = iter([_request(host.netloc, body, headers) for body, headers in signed])
    times: list[float] = []

    async def one_connection() -> None:
        reader, writer = await asyncio.open_connection(host.hostname, host.port)
        for request in requests:
            start = time.perf_counter()
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200"), head
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
            await reader.readexactly(int(length.split(b":")[1]))
            times.append(time.perf_counter() - start)
        writer.close()

    start = time.perf_counter()
    await asyncio.gather(*(one_connection() for _ in range(connections)))
    return [*times, time.perf_counter() - start]


def _request(host: str, body: bytes, headers: dict[str, str]) -> bytes:
    lines = [f"POST /webhooks/sendgrid HTTP/1.1\r\nhost: {host}\r\ncontent-length: {len(body)}\r\n"]
    lines += [f"{name}: {value}\r\n" for name, value in headers.items()]
    return "".join(lines).encode() + b"\r\n" + body


def _kept(folder: Path) -> int:
    with App(folder) as app, app.store.inbox.begin() as connection:
        return int(connection.scalar(sa.select(sa.func.count()).select_from(inbox)) or 0)


def _drain(folder: Path, events: int) -> None:
    with App(folder) as app:
        counted = collect.drain(app.store, "sendgrid", app.mailer, NOON + timedelta(days=2)).counted
        assert (counted.new, counted.unknown) == (events, 0), counted


def _floor(folder: Path, file: Path) -> float:
    """The rows that came of it, written anew into an empty table of the same shape by Python's own driver."""
    with App(folder) as app:
        source = sqlite3.connect(app.store.url.database or "")
    schema = source.execute(
        "SELECT sql FROM sqlite_master WHERE tbl_name = 'mail_events' AND sql IS NOT NULL"
    ).fetchall()
    names = [column.name for column in mail_events.c]
    rows = source.execute(f"SELECT {', '.join(names)} FROM mail_events ORDER BY id").fetchall()
    target = sqlite3.connect(file, isolation_level=None)
    for pragma in ("journal_mode = WAL", "synchronous = FULL"):
        target.execute(f"PRAGMA {pragma}")
    for (statement,) in schema:
        target.execute(statement)
    insert = f"INSERT INTO mail_events ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"

    def write() -> None:
        for start in range(0, len(rows), BATCH):
            target.execute("BEGIN IMMEDIATE")
            target.executemany(insert, rows[start : start + BATCH])
            target.execute("COMMIT")

    return seconds(write)


if __name__ == "__main__":
    main()
