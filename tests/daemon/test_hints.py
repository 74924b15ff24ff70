"""Hints that something changed bring the next tick forward, one for a crowd of them."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from apscheduler.schedulers.background import BackgroundScheduler

from runner import clock
from runner.daemon import HINTS_GATHER, Daemon
from tests.core.world import World


def test_a_crowd_of_hints_is_one_tick_soon(tmp_path: Path, sqlite_url: str) -> None:
    with closing(World(tmp_path, sqlite_url)) as world:
        world.app.now = clock.machine_now
        daemon, scheduler = Daemon(world.app), BackgroundScheduler(timezone="UTC")
        scheduler.start(paused=True)
        for _ in range(50):
            daemon._look_sooner(scheduler)
        (job,) = scheduler.get_jobs()
        assert job.next_run_time - clock.machine_now() <= HINTS_GATHER
        job.func()
        scheduler.shutdown()
        assert world.app.remembered("last_tick_at") is not None
