"""A town of so many people to measure on, the workspace that has them, and how tables are shown."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY))

from town.people import NOON, ZONES, settle_in  # noqa: E402

__all__ = ["NOON", "ZONES", "settle_in"]

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
    """The starter playbooks, all of them on, and their templates over an empty store."""
    for name in ("playbooks", "templates"):
        shutil.copytree(REPOSITORY / name, folder / name)
    for playbook in (folder / "playbooks").glob("*.yaml"):
        playbook.write_text(playbook.read_text(encoding="utf-8").replace("enabled: false\n", ""), encoding="utf-8")
    settings = _SETTINGS.format(store=json.dumps(store), mail=json.dumps(mail or {"type": "outbox"}))
    (folder / "regulars.yaml").write_text(settings, encoding="utf-8")
    return folder


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
