"""Whose turn it is: what is due is a row, and whoever claims it does it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from runner.app import App
from runner.app.tick import tick
from runner.daemon import Daemon, claim_run
from runner.store.tables import runs, sends
from tests.daemon.given import workspace

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
BORN = date(1992, 5, 4)


@pytest.fixture
def folder(tmp_path: Path, database: str) -> Path:
    return _with(workspace(tmp_path, born=BORN), store=database)


def _with(folder: Path, **settings: Any) -> Path:
    file = folder / "regulars.yaml"
    file.write_text(json.dumps({**json.loads(file.read_text()), **settings}))
    return folder


@contextmanager
def daemon_at(folder: Path, moments: list[datetime]) -> Iterator[Daemon]:
    """A daemon whose clock shows the last of these moments."""
    with App(folder, now=lambda: moments[-1]) as app:
        yield Daemon(app)


def runs_of(daemon: Daemon, name: str) -> int:
    with daemon.app.store.read() as connection:
        return len(connection.execute(sa.select(runs.c.id).where(runs.c.name == name)).all())


def mails_of(daemon: Daemon) -> int:
    with daemon.app.store.read() as connection:
        return len(connection.execute(sa.select(sends.c.id)).all())


def test_of_many_that_claim_a_run_one_has_it(folder: Path) -> None:
    together = Barrier(4)

    def claim(turn: int) -> int | None:
        with App(folder) as app:
            app.store.read().__enter__().close()
            together.wait()
            return claim_run(app, "tick", NOON.isoformat(), NOON, NOON + timedelta(minutes=5))

    with ThreadPoolExecutor(4) as threads:
        assert sum(run is not None for run in threads.map(claim, range(4))) == 1


def test_a_run_is_due_again_when_its_time_has_come(folder: Path) -> None:
    moments = [NOON]
    with daemon_at(folder, moments) as daemon:
        for minutes in (0, 4, 5, 6, 10):
            moments.append(NOON + timedelta(minutes=minutes))
            daemon.tick()
        assert runs_of(daemon, "tick") == 3


def test_on_the_night_the_clocks_go_back_everything_is_synced_once(folder: Path) -> None:
    _with(folder, timezone="Europe/Warsaw", schedule={"full_sync": "02:30"})
    # 02:30 comes at 00:30 and at 01:30 UTC.
    nights = [datetime(2026, 10, day, hour, 30, tzinfo=UTC) for day, hour in ((24, 0), (25, 0), (25, 1), (26, 1))]
    moments: list[datetime] = []
    with daemon_at(folder, moments) as daemon:
        for night in nights:
            moments.append(night)
            daemon.full_sync()
        assert runs_of(daemon, "full_sync") == 3


def test_a_tick_that_crashes_is_told_and_the_next_one_makes_up_for_it(folder: Path) -> None:
    moments = [NOON]
    with daemon_at(folder, moments) as daemon, capture_logs() as told:
        rename(daemon, "enrollments", "elsewhere")
        daemon.tick()
        rename(daemon, "elsewhere", "enrollments")
        assert {record["log_level"] for record in told} == {"error"}
        assert told[-1]["event"] == "the store failed"
        moments.append(NOON + timedelta(minutes=5))
        daemon.tick()
        assert mails_of(daemon) == 6


def rename(daemon: Daemon, table: str, to: str) -> None:
    with daemon.app.store.write() as connection:
        connection.execute(sa.text(f"ALTER TABLE {table} RENAME TO {to}"))


def test_more_people_than_the_brake_allows_wait_for_approval(folder: Path) -> None:
    _with(folder, brake={"people": 2, "share": "1%", "at_least": 1})
    with daemon_at(folder, [NOON]) as daemon:
        daemon.tick()
        assert mails_of(daemon) == 0


def test_a_full_sync_that_was_missed_is_made_up_for_once(folder: Path) -> None:
    moments = [NOON]
    with daemon_at(folder, moments) as daemon:
        daemon.tick()
        assert runs_of(daemon, "full_sync") == 0  # the first sync was one
        for hours in (24, 25, 38):
            moments.append(NOON + timedelta(hours=hours))
            daemon.tick()
        assert runs_of(daemon, "full_sync") == 1
        moments.append(NOON + timedelta(hours=39))  # 03:00, in time
        daemon.full_sync()
        moments.append(NOON + timedelta(days=4))
        daemon.tick()
        assert runs_of(daemon, "full_sync") == 3


def test_a_full_sync_by_hand_after_its_hour_is_not_made_up_for(folder: Path) -> None:
    moments = [NOON]
    with daemon_at(folder, moments) as daemon:
        daemon.tick()
        moments.append(NOON + timedelta(days=1))
        tick(daemon.app, moments[-1], full=True)
        moments.append(NOON + timedelta(days=1, minutes=5))
        daemon.tick()
        assert runs_of(daemon, "full_sync") == 0
