"""The daemon: a clock that ticks, a door for customers' pages and webhooks, one of it a workspace."""

from __future__ import annotations

import errno
import fcntl
import gc
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any, TextIO

import sqlalchemy as sa
import structlog
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from runner import clock, kpis
from runner.app import App, logins
from runner.app.clockwork import allow
from runner.app.private import PRIVATE
from runner.app.tick import tick
from runner.errors import NeedsPerson, RegularsError, WrongUsage
from runner.store.tables import cursors, runs, schedules

log = structlog.get_logger()


def serve(app: App, pages: Callable[[], Any], *, host: str, port: int) -> None:
    """Ticks and serves until SIGTERM or SIGINT, then finishes the batch in hand. Raises NeedsPerson when one runs."""
    allow(app, at=None)
    with _only_one(app.folder):
        daemon = Daemon(app)
        with daemon.doors(pages(), host, port) as address:
            daemon.announce(address)
            daemon.run()
        log.info("stopped", action="stopped", pid=os.getpid())


class Daemon:
    """Sync, enroll, deliver and collect, by the schedule in the settings."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.stopping = threading.Event()

    def run(self) -> None:
        """Blocks until somebody asks to stop."""
        for sign in (signal.SIGTERM, signal.SIGINT):
            signal.signal(sign, self._stop)
        scheduler = self._scheduler()
        due_now(self.app, "tick")
        scheduler.start()
        self.app.look_sooner = lambda: self._look_sooner(scheduler)
        self.stopping.wait()
        log.info("finishing the batch in hand", action="stopping")
        scheduler.shutdown(wait=True)

    def _stop(self, *_: int | FrameType | None) -> None:
        self.stopping.set()

    def _scheduler(self) -> Any:
        """APScheduler is the clock alone: what is due is a row, so that any number of processes may tick."""
        from apscheduler.executors.pool import ThreadPoolExecutor
        from apscheduler.schedulers.background import BackgroundScheduler
        from apscheduler.triggers.cron import CronTrigger
        from apscheduler.triggers.interval import IntervalTrigger

        settings = self.app.settings
        # One worker: a tick and a full sync never overlap within this process.
        scheduler = BackgroundScheduler(
            timezone=settings.timezone,
            executors={"default": ThreadPoolExecutor(1)},
            job_defaults={"coalesce": True, "misfire_grace_time": None, "max_instances": 1},
        )
        every = settings.schedule.tick.span
        now = clock.machine_now()
        scheduler.add_job(self.tick, IntervalTrigger(seconds=every.total_seconds()), next_run_time=now, id="tick")
        nightly = settings.schedule.full_sync
        cron = CronTrigger(hour=nightly.hour, minute=nightly.minute, timezone=settings.timezone)
        scheduler.add_job(self.full_sync, cron, id="full_sync")
        scheduler.add_job(self.figures, cron, id="figures")
        return scheduler

    def tick(self) -> None:
        every = self.app.settings.schedule.tick.span
        done = self._claimed("tick", lambda now: (now + every, now.isoformat()), full=False)
        if done:
            _leave_alone_what_stays()
        if done and not self.stopping.is_set() and _is_missing(self.app, self._full_sync_due()):
            self.full_sync()

    def _look_sooner(self, scheduler: Any) -> None:
        """Somebody says that something changed. Hints come in crowds: one tick, soon after the first, is for all."""
        from apscheduler.jobstores.base import ConflictingIdError

        soon = clock.machine_now() + HINTS_GATHER
        with suppress(ConflictingIdError):
            scheduler.add_job(self._hinted, "date", run_date=soon, id="hint")

    def _hinted(self) -> None:
        due_now(self.app, "tick")
        self.tick()

    def full_sync(self) -> None:
        """Once a local day: on the day the clocks go back its hour comes twice. One that was missed is made up for."""
        due = self._full_sync_due()
        following = self._full_sync_on(self._local_day(due) + timedelta(days=1))
        self._claimed(FULL_SYNC, lambda _: (following, self._local_day(due).isoformat()), full=True)

    def figures(self) -> None:
        """Once a local day, after the full sync: what pages show is counted anew and kept."""
        now = self.app.now()
        try:
            run = claim_run(self.app, "figures", self._local_day(now).isoformat(), now, now + timedelta(days=1))
            if run is not None:
                written = kpis.refresh(self.app.store, self.app.settings, now)
                finish_run(self.app, run, {"written": written}, self.app.now())
                log.info("figures kept", action="figures", written=written)
        except SQLAlchemyError as error:
            log.error("the store failed", action="figures", error=str(getattr(error, "orig", error)))

    def _full_sync_due(self) -> datetime:
        """When the last one was to begin."""
        now = self.app.now()
        today = self._local_day(now)
        due = self._full_sync_on(today)
        return due if due <= now else self._full_sync_on(today - timedelta(days=1))

    def _full_sync_on(self, day: date) -> datetime:
        settings = self.app.settings
        return clock.at_local(day, settings.schedule.full_sync, settings.timezone)

    def _local_day(self, at: datetime) -> date:
        return clock.local(at, self.app.settings.timezone).date()

    def _claimed(self, name: str, due: Callable[[datetime], tuple[datetime, str]], *, full: bool) -> bool:
        """Does the work unless another process has it. Whatever goes wrong is logged, and the next tick comes."""
        now = self.app.now()
        following, mark = due(now)
        try:
            run = claim_run(self.app, name, mark, now, following)
            if run is None:
                return False
            ticked = tick(self.app, now, full=full, stop=self.stopping.is_set)
            finish_run(self.app, run, ticked.document(), self.app.now())
            for words in (*map(str, ticked.faults), *ticked.failures, *ticked.waiting):
                log.warning(words, action=name)
            for words in ticked.notes:
                log.info(words, action=name)
            # Last: whoever waits for this record finds all that the tick had to say before it.
            log.info("ticked", action=name, exit_code=int(ticked.exit_code), **_counts(ticked.document()["delivered"]))
            return True
        except RegularsError as error:
            log.error(str(error), action=name)
        except SQLAlchemyError as error:
            log.error("the store failed", action=name, error=str(getattr(error, "orig", error)))
        except Exception:
            log.exception("a tick failed", action=name)
        return False

    @contextmanager
    def doors(self, pages: Any, host: str, port: int) -> Iterator[str]:
        """Serves the pages and webhooks in a thread of their own; yields where."""
        import uvicorn

        server = uvicorn.Server(uvicorn.Config(pages, log_config=None, access_log=False))
        # Whoever reads the address may call at once, and waits until the server is up.
        listening = _listening(host, port)
        bound_host, bound_port = listening.getsockname()[:2]
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, name="pages", daemon=True)
        thread.start()
        try:
            yield f"http://{bound_host}:{bound_port}"
        finally:
            server.should_exit = True
            thread.join(timeout=10)
            listening.close()

    def announce(self, address: str) -> None:
        (self.app.folder / PRIVATE / "address").write_text(address + "\n", encoding="utf-8")
        log.info("started", action="started", pid=os.getpid(), address=address, workspace=self.app.folder.name)
        if logins.anybody(self.app.store):
            log.info("the pages are there for whoever has a login", action="pages", address=address)
        else:
            log.info("nobody may open the pages yet: regulars user add EMAIL", action="pages", address=address)


@cache
def _leave_alone_what_stays() -> None:
    """What the first tick has made stays to the end; the search for garbage would go through it amid a transaction."""
    gc.collect()
    gc.freeze()


def _listening(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise NeedsPerson(f"port {port} on {host} is taken; choose another with --port") from None
        raise WrongUsage(f"cannot listen on {host}, port {port}: {error.strerror}") from None


FULL_SYNC = "full_sync"
#: So long hints gather before a tick comes of them: a write takes moments until a search finds it.
HINTS_GATHER = timedelta(seconds=10)


def _is_missing(app: App, due: datetime) -> bool:
    """Whether some connector has not been pulled anew since then, and nobody has tried."""
    day = clock.local(due, app.settings.timezone).date().isoformat()
    since = sa.select(cursors.c.connector).where(cursors.c.full_at >= due)
    with app.store.read() as connection:
        if connection.scalar(sa.select(runs.c.id).where(runs.c.name == FULL_SYNC, runs.c.due == day)) is not None:
            return False
        return not app.settings.connectors.keys() <= set(connection.scalars(since))


def due_now(app: App, name: str) -> None:
    """Whoever starts, after a crash say, does not wait out the turn of the one before."""
    now = app.now()
    with app.store.write() as connection:
        waits = (schedules.c.name == name, schedules.c.next_run_at > now)
        connection.execute(schedules.update().where(*waits).values(next_run_at=now))


def claim_run(app: App, name: str, mark: str, now: datetime, following: datetime) -> int | None:
    """This run's number, or None when another process has it: by compare-and-set on when it is due next."""
    store = app.store
    try:
        with store.write() as connection:
            connection.execute(store.insert(schedules).values(name=name, next_run_at=now).on_conflict_do_nothing())
            seen = connection.scalar(sa.select(schedules.c.next_run_at).where(schedules.c.name == name))
            # A little early is on time: two processes' timers never agree to the second.
            if seen is None or seen - timedelta(seconds=1) > now:
                return None
            mine = schedules.update().where(schedules.c.name == name, schedules.c.next_run_at == seen)
            if connection.execute(mine.values(next_run_at=following)).rowcount != 1:
                return None
            row = runs.insert().values(name=name, due=mark, started_at=now).returning(runs.c.id)
            return int(connection.execute(row).scalar_one())
    except IntegrityError:
        return None


def finish_run(app: App, run: int, outcome: dict[str, Any], now: datetime) -> None:
    with app.store.write() as connection:
        connection.execute(runs.update().where(runs.c.id == run).values(finished_at=now, outcome=outcome))


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """Holds the workspace's daemon lock; it goes with the process, however it ends."""
    path = folder / PRIVATE / "daemon.pid"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as file:
        if not _locked(file):
            file.seek(0)
            raise NeedsPerson(f"a daemon runs on this workspace already, with pid {file.read().strip()}")
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
        file.truncate(0)


def _locked(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _counts(delivered: dict[str, int]) -> dict[str, int]:
    return {name: count for name, count in delivered.items() if count}
