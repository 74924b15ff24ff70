"""A town of so many people to measure on: their rows, the workspace that has them, and how tables are shown."""

from __future__ import annotations

import json
import os
import random
import shutil
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY))

from runner.store import Store, migrate  # noqa: E402
from runner.store.tables import contact_sources, contacts, custom_fields, surveys  # noqa: E402

#: A Wednesday; every local day's hours have come by then.
NOON = datetime(2026, 5, 6, 12, tzinfo=UTC)
ZONES = ("Europe/Warsaw", "Europe/London", "Europe/Paris", "UTC")
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
_CHUNK = 10_000

_SETTINGS = """\
store: {store}
timezone: UTC
public_url: https://hello.acme.example
secret: a secret of some length
sender: {{name: Acme, email: hello@acme.example, address: "1 Main St, Springfield"}}
mail: {mail}
brake: {{people: 100000000, share: 100%}}
reviews: {{sites: {{google: "https://example.org/write"}}}}
"""


def workspace(folder: Path, *, store: str = "sqlite:///regulars.db", mail: dict[str, Any] | None = None) -> Path:
    """The starter playbooks and templates over an empty store."""
    for name in ("playbooks", "templates"):
        shutil.copytree(REPOSITORY / name, folder / name)
    settings = _SETTINGS.format(store=json.dumps(store), mail=json.dumps(mail or {"type": "outbox"}))
    (folder / "regulars.yaml").write_text(settings, encoding="utf-8")
    return folder


def settle_in(store: Store, people: int, *, seed: int = 1) -> None:
    """Fills the store: six in ten are customers, their last orders spread over two years; every tenth has answered."""
    migrate(store)
    draw = random.Random(seed)
    with store.write() as connection:
        connection.execute(
            custom_fields.insert().values(of_table="contacts", name="renewal_date", type="date", connector="crm")
        )
        for first in range(1, people + 1, _CHUNK):
            ids = range(first, min(first + _CHUNK, people + 1))
            connection.execute(contacts.insert(), [_person(id, draw) for id in ids])
            connection.execute(contact_sources.insert(), [_source(id) for id in ids])
            connection.execute(surveys.insert(), [_answer(id, draw) for id in ids if id % 10 == 0])
    with store.writer.connect() as connection:
        connection.exec_driver_sql("ANALYZE")
        connection.commit()


def _person(id: int, draw: random.Random) -> dict[str, Any]:
    is_customer = draw.random() < 0.6
    since = date(2020, 1, 1) + timedelta(days=draw.randrange(2317))
    ordered = NOON - timedelta(minutes=draw.randrange(730 * 24 * 60)) if is_customer else None
    answered = NOON - timedelta(minutes=draw.randrange(365 * 24 * 60)) if id % 10 == 0 else None
    return {
        "id": id,
        "key": f"crm:{id}",
        "draw": draw.random(),
        "email": f"p{id}@acme.example",
        "address": f"p{id}@acme.example",
        "first_name": f"P{id}",
        "zone": ZONES[id % len(ZONES)],
        "bad_timezone": False,
        "created_at": LONG_AGO,
        "birthday": date(1950, 1, 1) + timedelta(days=draw.randrange(20_000)),
        "lifecycle_stage": "customer" if is_customer else "lead",
        "opted_out": False,
        "is_test": False,
        "custom": {"renewal_date": (date(2026, 1, 1) + timedelta(days=draw.randrange(730))).isoformat()},
        "customer_since": since if is_customer else None,
        "last_order_at": ordered,
        "last_order_id": f"shop:{id}" if ordered else None,
        "orders_count": 3 if is_customer else 0,
        "nps_score": float(draw.randrange(11)) if answered else None,
        "nps_at": answered,
        "open_tickets": 0,
        "seen_at": LONG_AGO,
        "changed_at": LONG_AGO,
    }


def _source(id: int) -> dict[str, Any]:
    return {"id": id, "connector": "crm", "source_id": str(id), "contact_id": id, "seen_at": LONG_AGO}


def _answer(id: int, draw: random.Random) -> dict[str, Any]:
    at = NOON - timedelta(minutes=draw.randrange(365 * 24 * 60))
    return {
        "connector": "crm",
        "source_id": f"r{id}",
        "response_id": f"r{id}",
        "contact_id": str(id),
        "row_hash": "",
        "contact_source": id,
        "kind": "nps",
        "scale": "0-10",
        "score": float(draw.randrange(11)),
        "sent_at": at,
        "responded_at": at,
        "seen_at": LONG_AGO,
    }


@contextmanager
def postgresql() -> Iterator[str]:
    """The URL of a new database on a server of its own."""
    from tests.postgres import running_server

    with running_server() as server, server.fresh_database() as url:
        yield url


def seconds(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def fastest(work: Callable[[], Any], times: int) -> float:
    """What it costs when nobody else is in the way."""
    return min(seconds(work) for _ in range(times))


def median(work: Callable[[], Any], times: int) -> float:
    return statistics.median(seconds(work) for _ in range(times))


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Prints rows below their heads, numbers to the right."""
    widths = [max(len(row[place]) for row in (head, *rows)) for place in range(len(head))]
    for row in (head, ["-" * width for width in widths], *rows):
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        print("  ".join(cells).rstrip())


def conditions() -> None:
    """Under what load the figures came about."""
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; compare the ratios, not the times.")
