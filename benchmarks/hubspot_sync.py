"""What reading HubSpot costs: calls against the least that could do, CPU, memory, and calls over its limits (none).

The HubSpot is one on this machine in its own process, which counts by the rolling window and refuses what is over.
Each way is a process of its own, and its CPU, user's and system's, is what is told: HTTP, JSON, records, waiting at its
pace; neither the HubSpot nor the store is in it, pages are read and let go. Beside ours the official SDK's own
models, contacts alone and without their companies, and with `--airbyte` the source of that name from PyPI:

    python3 -m venv ab && ab/bin/pip install airbyte-source-hubspot
    python benchmarks/hubspot_sync.py --airbyte ab/bin/python
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from math import ceil
from pathlib import Path
from typing import Any

from town import REPOSITORY, conditions, table

TOKEN = "pat-test"
#: Pages of what nobody has: a listing each of five other tables, and what is archived of four.
BESIDES = 5 + 4
#: Contacts that change at one instant: more than a search leads to.
CHANGED = 12_000
#: Seconds between two calls of who keeps 100 in ten seconds by being slow.
PACE = 0.1
AIRBYTE = "airbyte-source-hubspot"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--contacts", type=int, nargs="*", default=[10_000])
    options.add_argument("--general", type=int, default=190, help="calls in ten seconds that the account allows")
    options.add_argument("--beside", type=int, default=10_000, help="contacts up to which others read as well")
    options.add_argument("--airbyte", help="the Python of an environment with airbyte-source-hubspot")
    options.add_argument("--way", help=argparse.SUPPRESS)
    options.add_argument("--url", help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.way:
        sys.stdin.readline()
        for measure in WAYS[chosen.way](chosen.url, chosen.airbyte or ""):
            print(json.dumps(measure.told()), flush=True)
            sys.stdin.readline()
        return
    rows = []
    for row in (row for contacts in chosen.contacts for row in _measured(contacts, chosen)):
        print(*row, sep=", ", file=sys.stderr, flush=True)
        rows.append(row)
    head = ("", "contacts", "calls", "least", "ratio", "over quota", "ms CPU per 100", "MB", "seconds")
    table(head, rows)
    conditions()


def _measured(contacts: int, chosen: argparse.Namespace) -> Iterator[tuple[str, ...]]:
    pages = ceil(contacts / 100)
    with hubspot(contacts, chosen.general) as server, way("regulars", server.url) as ours:
        full = ours.told()
        changed = server.change(min(CHANGED, contacts))
        delta = ours.told()
        yield _row("Regulars, everything", contacts, full, pages + BESIDES, server)
        least = ceil(changed / 200) + 4 + ceil(changed / 1000)
        yield _row("Regulars, what changed at one instant", changed, delta, least, server)
    if contacts <= chosen.beside:
        for name, others in (("SDK's models, contacts alone", "sdk"), (f"{AIRBYTE}, contacts alone", "airbyte")):
            if others == "sdk" or chosen.airbyte:
                with hubspot(contacts, chosen.general) as server, way(others, server.url, chosen.airbyte) as theirs:
                    yield _row(name, contacts, theirs.told(), pages, server)


def _row(name: str, contacts: int, told: dict[str, Any], least: int, server: Server) -> tuple[str, ...]:
    assert told["read"] == contacts, told
    counted = server.counted()
    calls = told.get("calls") or counted["all"]
    return (
        name,
        f"{contacts:,}",
        f"{calls:,}",
        f"{least:,}",
        f"{calls / least:.3f}",
        f"{counted['429']:,}",
        f"{told['cpu'] * 100_000 / contacts:.2f}",
        f"{told['mb']:,.0f}",
        f"{told['seconds']:,.1f}",
    )


class Server:
    """The HubSpot's process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.url = self._line()
        self._counted: dict[str, int] | None = None

    def counted(self) -> dict[str, int]:
        """Requests by status, all, and those over its limits; it serves none after that."""
        if self._counted is None:
            assert self.process.stdin
            self.process.stdin.close()
            statuses = json.loads(self._line())
            self._counted = {"all": sum(statuses.values()), "429": statuses.get("429", 0)}
        return self._counted

    def change(self, contacts: int) -> int:
        """So many get one and the same new time, as by a bulk job."""
        assert self.process.stdin
        self.process.stdin.write(f"change {contacts}\n")
        self.process.stdin.flush()
        assert self._line() == "changed"
        return contacts

    def _line(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().strip()


@contextmanager
def hubspot(contacts: int, general: int) -> Iterator[Server]:
    command = [sys.executable, "-m", "tests.loopback.hubspot"]
    command += ["--contacts", str(contacts), "--general", str(general)]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=REPOSITORY, **pipes) as process:
        try:
            yield Server(process)
        finally:
            process.kill()


class Way:
    """One way of reading, in its own process; it measures, tells, and waits until it is to go on."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def told(self) -> dict[str, Any]:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            if line.startswith('{"read"'):
                told: dict[str, Any] = json.loads(line)
                return told
        raise SystemExit("a way ended without a word")


@contextmanager
def way(name: str, url: str, python: str | None = None) -> Iterator[Way]:
    command = [sys.executable, __file__, "--way", name, "--url", url, *(["--airbyte", python] if python else [])]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as process:
        try:
            yield Way(process)
        finally:
            process.kill()


# --- each in a process of its own


def regulars(url: str, _: str) -> Iterator[Measure]:
    from connectors.crm.hubspot import HubSpotSettings, HubSpotSource

    source = HubSpotSource(HubSpotSettings(token=TOKEN, base_url=url))
    gc.freeze()  # as `regulars sync` does
    cursor: Any = None
    for full in (True, False):
        with Measure() as measure:
            before = source.calls
            for page in source.pull(cursor, full=full, now=datetime.now(UTC)):
                measure.read += len(page.records)
                cursor = page.cursor
            measure.calls = source.calls - before
        yield measure


def sdk(url: str, _: str) -> Iterator[Measure]:
    from hubspot import HubSpot

    api = HubSpot(access_token=TOKEN, host=url, base_url=url).crm.contacts.basic_api
    after = None
    with Measure() as measure:
        while True:
            # By hand and without a thought of limits, at the pace that keeps them.
            page = api.get_page(limit=100, after=after, properties=PROPERTIES)
            measure.read += len(page.results)
            measure.calls += 1
            if page.paging is None:
                break
            after = page.paging.next.after
            time.sleep(max(0.0, measure.calls * PACE - measure.so_far()))
    yield measure


def airbyte(url: str, python: str) -> Iterator[Measure]:
    """Its address stands in the package: in a copy of it that is put first on the path it leads here."""
    with tempfile.TemporaryDirectory() as name, Measure(resource.RUSAGE_CHILDREN) as measure:
        folder = Path(name)
        _copied(python, folder, url)
        told = {"config.json": _CONFIG, "catalog.json": _CATALOG}
        for file, content in told.items():
            (folder / file).write_text(json.dumps(content), encoding="utf-8")
        command = [python, "-c", "from source_hubspot.run import run; run()", "read"]
        command += ["--config", str(folder / "config.json"), "--catalog", str(folder / "catalog.json")]
        environment = {**os.environ, "PYTHONPATH": name}
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
            assert process.stdout
            measure.read = sum('"type":"RECORD"' in line.replace(" ", "") for line in process.stdout)
    yield measure


def _copied(python: str, folder: Path, url: str) -> None:
    find = "import source_hubspot, pathlib; print(pathlib.Path(source_hubspot.__file__).parent)"
    package = Path(subprocess.run([python, "-c", find], stdout=subprocess.PIPE, text=True, check=True).stdout.strip())
    shutil.copytree(package, folder / package.name)
    for file in (*folder.rglob("*.py"), *folder.rglob("*.yaml")):
        file.write_text(file.read_text(encoding="utf-8").replace("https://api.hubapi.com", url), encoding="utf-8")


PROPERTIES = ["email", "firstname", "lastname", "country", "hs_language", "lifecyclestage", "hubspot_owner_id"]
_CONFIG = {
    "start_date": "2006-06-01T00:00:00Z",
    "credentials": {"credentials_title": "Private App Credentials", "access_token": TOKEN},
}
_CATALOG = {
    "streams": [
        {
            "stream": {
                "name": "contacts",
                "json_schema": {},
                "supported_sync_modes": ["full_refresh", "incremental"],
                "source_defined_cursor": True,
                "default_cursor_field": ["updatedAt"],
            },
            "sync_mode": "full_refresh",
            "destination_sync_mode": "overwrite",
        }
    ]
}


class Measure:
    """What a stretch of work cost this process, or those it has started."""

    def __init__(self, of: int = resource.RUSAGE_SELF) -> None:
        self.read = self.calls = 0
        self._of = of

    def __enter__(self) -> Measure:
        self._began, self._used = time.perf_counter(), self._cpu()
        return self

    def __exit__(self, *_: object) -> None:
        self._took, self._used = self.so_far(), self._cpu() - self._used

    def so_far(self) -> float:
        return time.perf_counter() - self._began

    def _cpu(self) -> float:
        used = resource.getrusage(self._of)
        return used.ru_utime + used.ru_stime

    def told(self) -> dict[str, Any]:
        mb = resource.getrusage(self._of).ru_maxrss / 1024
        return {"read": self.read, "calls": self.calls, "cpu": self._used, "mb": mb, "seconds": self._took}


WAYS: dict[str, Callable[[str, str], Iterator[Measure]]] = {"regulars": regulars, "sdk": sdk, "airbyte": airbyte}


if __name__ == "__main__":
    main()
