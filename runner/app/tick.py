"""One pass: sync, enroll, collect, deliver."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
import structlog

from connectors.base import Mailer
from connectors.errors import ConnectorError
from runner import collect
from runner.app import clockwork
from runner.app.alarms import raise_alarms
from runner.app.app import App
from runner.app.digests import send_digest
from runner.app.entering import all_paused, enroll_all, night_has_come
from runner.app.forgetting import erase_forgotten
from runner.app.hearing import sources_today
from runner.app.quotas import note_quota, noting_quotas
from runner.app.reconciling import reconcile
from runner.app.retention import let_go
from runner.app.rewarding import reward
from runner.app.stuck import stuck
from runner.breakers import stopped, trip
from runner.churn import keeping
from runner.churn.weekly import keep_worth
from runner.deliver import Delivered, deliver
from runner.edge import Edge
from runner.enroll import Entered, register
from runner.errors import ExitCode, Fault, WrongUsage
from runner.settings import Breakers
from runner.store import rollups
from runner.store.tables import OPEN_SENDS, OPEN_WRITES, playbooks, sends, writes
from runner.sync import Synced, TooManyGone, advance, sync

log = structlog.get_logger()


@dataclass(slots=True)
class Ticked:
    """What one pass did, and what is left for a person."""

    at: datetime
    synced: list[Synced] = field(default_factory=list)
    entered: list[Entered] = field(default_factory=list)
    delivered: Delivered = field(default_factory=Delivered)
    #: Faults of playbooks that therefore did not run.
    faults: list[Fault] = field(default_factory=list)
    #: Outside systems that failed, in their words.
    failures: list[str] = field(default_factory=list)
    #: What waits for a person, in words.
    waiting: list[str] = field(default_factory=list)
    #: What is worth knowing, and nobody need mend.
    notes: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> ExitCode:
        if self.failures:
            return ExitCode.OUTSIDE
        return ExitCode.PERSON if self.faults or self.waiting else ExitCode.DONE

    def document(self) -> dict[str, Any]:
        """For `run --json`."""
        did = self.delivered
        return {
            "at": self.at.isoformat(),
            "synced": [one.document() for one in self.synced],
            "entered": [
                {
                    "playbook": e.playbook,
                    "entered": e.entered,
                    "holdout": e.holdout,
                    "refused": e.refused,
                    "braked": e.braked,
                }
                for e in self.entered
            ],
            "delivered": {
                name: getattr(did, name)
                for name in ("accepted", "refused", "returned", "unsure", "done", "held", "skipped", "ended")
            },
            "faults": [fault.document() for fault in self.faults],
            "failures": self.failures,
            "waiting": self.waiting,
            "notes": self.notes,
        }


@dataclass(slots=True)
class News:
    """What a sync of every connector brought."""

    synced: list[Synced] = field(default_factory=list)
    #: Connectors that could not be reached, in their words.
    failures: list[str] = field(default_factory=list)
    #: What waits for a person: deletions too many to believe, files that cannot be read.
    waiting: list[str] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        """For `sync --json`; with several connectors each table is named with its own."""
        tables: dict[str, object] = {}
        for one in self.synced:
            for name, counts in one.tables.items():
                tables[f"{one.connector}.{name}" if len(self.synced) > 1 else name] = asdict(counts)
        told = [words for one in self.synced for words in one.told()]
        calls = sum(one.calls for one in self.synced)
        found = {one.connector: one.document()["reconciled"] for one in self.synced if one.reconciled}
        return {
            "tables": tables,
            "calls": calls,
            "warnings": told,
            "failures": self.failures,
            "waiting": self.waiting,
            **({"reconciled": found} if found else {}),
        }

    def keep(self, synced: Synced) -> None:
        self.synced.append(synced)
        self.waiting += [f"{synced.connector}: {words}" for words in synced.unread]


#: What the last sync of a connector failed with; nothing where it did not.
SYNC_FAILED = "sync_failed:"


#: What the last look at everything found.
RECONCILED = "reconciled:"


def never() -> bool:
    return False


def tick(app: App, now: datetime, *, full: bool = False, stop: Callable[[], bool] = never) -> Ticked:
    """Everything that is due at `now`. What fails outside is told, and the rest goes on."""
    ticked = Ticked(now)
    if not clockwork.moves_on(app, now):
        ticked.waiting.append(clockwork.too_early(app))
        return ticked
    news = sync_all(app, now, full=full)
    ticked.synced, ticked.failures, ticked.waiting = news.synced, news.failures, news.waiting
    edge = Edge()
    with app.recollecting():
        ticked.waiting += all_paused(app)
        if not stop():
            with edge.of("churn scores", "score"):
                _score(app, now, ticked)
            _drain(app, now)
            ticked.failures += reconcile(app, mailers(app), now)
            with edge.of("rewards", "reward"):
                ticked.waiting += reward(app, now).waiting
            with noting_quotas(app, now):
                _run_playbooks(app, now, ticked, stop, edge, all_over=full or night_has_come(app, now))
        if app.measures and not stop():
            with edge.of("the digest", "digest"):
                ticked.failures += send_digest(app, now)
        with edge.of("what the log comes to", "roll_up"):
            rollups.refresh(app.store)
        with edge.of("what is old", "retention"):
            let_go(app, now)
        app.note("last_tick_at", now.isoformat())
    ticked.waiting += edge.told()
    ticked.waiting += _unsettled(app)
    return ticked


def _score(app: App, now: datetime, ticked: Ticked) -> None:
    """Once a local day, before anybody looks at the scores."""
    if not app.measures:
        return
    try:
        scored = keeping.score(app.store, app.settings, now)
    except WrongUsage as error:
        ticked.waiting.append(str(error))
        return
    keep_worth(app.store, app.settings, now)
    if scored is not None:
        log.info("scored", action="scored", tier=scored.tier, customers=scored.customers, changed=scored.changed)


def sync_all(
    app: App,
    now: datetime,
    *,
    full: bool = False,
    yes_delete: bool = False,
    progress: Callable[[str, int], None] | None = None,
) -> News:
    """Every connector's news; one that cannot be reached does not keep the others from being heard."""
    news = News()
    rank = list(app.settings.connectors)
    for name, source in sources_today(app).items():
        match = str(app.settings.connectors.get(name, {}).get("match", "email"))
        try:
            done = sync(
                app.store,
                name,
                source,
                settings=app.settings,
                full=full,
                now=now,
                rank=rank,
                match=match,
                yes_delete=yes_delete,
                progress=progress,
            )
            news.keep(done)
            _note_found(app, name, done, now)
            if app.remembered(f"{SYNC_FAILED}{name}") is not None:
                app.remember(f"{SYNC_FAILED}{name}", None)
        except TooManyGone as held:
            news.keep(held.synced)
            _note_found(app, name, held.synced, now)
            news.waiting.append(str(held))
        except ConnectorError as error:
            log.warning("a sync failed", action="sync_failed", connector=name, status=error.status)
            news.failures.append(f"{name}: {error}")
            app.remember(f"{SYNC_FAILED}{name}", {"at": now.isoformat(), "words": str(error)})
        note_quota(app, name, source, now)
    erase_forgotten(app, now)
    advance(app.store, None, now, app.settings)
    return news


def _note_found(app: App, name: str, done: Synced, now: datetime) -> None:
    """What a look at everything found, for whoever asks later."""
    if done.reconciled:
        found = {table: asdict(one) for table, one in done.reconciled.items()}
        app.remember(f"{RECONCILED}{name}", {"at": now.isoformat(), "tables": found})


def _run_playbooks(
    app: App, now: datetime, ticked: Ticked, stop: Callable[[], bool], edge: Edge, *, all_over: bool
) -> None:
    fields = app.fields()
    readings = app.readings(fields)
    ticked.faults = sorted(fault for reading in readings for fault in reading.faults)
    running = [reading.playbook for reading in readings if reading.playbook and reading.playbook.keys.enabled]
    register(app.store, running, now)
    raise_alarms(app, running, now, edge)
    ticked.entered = enroll_all(app, running, now, edge, fields=fields, all_over=all_over)
    ticked.waiting += _braked(app, {playbook.id for playbook in running})
    _trip(app, now)
    if not stop():
        office = replace(app.office(running, fields), listen=lambda: _hear(app, now))
        ticked.delivered = deliver(office, now, stop=stop, edge=edge)
        ticked.failures += ticked.delivered.failures + ticked.delivered.refusals + ticked.delivered.troubles
        ticked.waiting += ticked.delivered.waiting
        for found in stuck(app.store, readings, office.versions):
            (ticked.waiting if found.needs_person else ticked.notes).append(str(found))
    ticked.waiting += stopped_by_breakers(app)


def _drain(app: App, now: datetime) -> None:
    """Webhook bodies that came since the last look."""
    machines = collect.Machines.of(app.settings)
    for name, mailer in mailers(app).items():
        collect.drain(app.store, name, mailer, now, machines)
    collect.settle_clicks(app.store, now, machines)


def _hear(app: App, now: datetime) -> None:
    _drain(app, now)
    _trip(app, now)


def _trip(app: App, now: datetime) -> None:
    """Stops the playbooks and mailers whose mail bounces or is called spam; rehearsals only where the settings say."""
    real = [name for name, mailer in app.mailers.items() if mailer.real]
    simulated = app.remembered("clock") == clockwork.SIMULATED
    breakers = app.settings.breakers or (None if simulated else Breakers())
    among = list(app.mailers) if app.settings.breakers else real
    if breakers is None or not among:
        return
    for found in trip(app.store, breakers, now, among=among):
        log.warning(str(found), action="breaker")


def stopped_by_breakers(app: App) -> list[str]:
    """What the breakers have stopped and nobody has resumed, in words."""
    with app.store.read() as connection:
        return [str(found) for found in stopped(connection)]


def mailers(app: App) -> Mapping[str, Mailer]:
    return app.mailers


def _braked(app: App, running: set[str]) -> list[str]:
    with app.store.read() as connection:
        rows = connection.execute(_BRAKED).all()
    return [
        f"{id}: {people} people at once is more than the brake allows; "
        f"look at them with `regulars plan --playbook {id}`, then `regulars approve {id} --plan {digest}`, "
        f"or turn them away with --drop"
        for id, people, digest in rows
        if id in running
    ]


_BRAKED = sa.select(playbooks.c.id, playbooks.c.braked_people, playbooks.c.braked_hash).where(
    playbooks.c.braked_at.is_not(None)
)


def _unsettled(app: App) -> list[str]:
    with app.store.read() as connection:
        count = connection.scalar(_UNSETTLED) or 0
    return [f"{count} {'send is' if count == 1 else 'sends are'} unsure; `regulars settle` lists them"] if count else []


def _unsure(table: sa.Table, among: Any) -> sa.ScalarSelect[int]:
    waiting = (among, table.c.state == "unsure", table.c.settled_at.is_(None))
    return sa.select(sa.func.count()).select_from(table).where(*waiting).scalar_subquery()


_UNSETTLED = sa.select(_unsure(sends, OPEN_SENDS) + _unsure(writes, OPEN_WRITES))
