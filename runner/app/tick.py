"""One pass: sync, enroll, collect, deliver."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import sqlalchemy as sa
import structlog

from connectors.base import Mailer
from connectors.errors import ConnectorError
from runner import collect
from runner.app import clockwork
from runner.app.app import App
from runner.app.stuck import stuck
from runner.breakers import stopped, trip
from runner.circumstances import ALL_PAUSED, zones_in_use
from runner.deliver import Delivered, deliver
from runner.edge import Edge
from runner.enroll import Arrivals, Entered, enroll, finish, look, register, seek, strangers
from runner.errors import ExitCode, Fault
from runner.news import refused_since
from runner.playbook import Playbook
from runner.settings import Brake, Breakers
from runner.store.marks import Marks, marks_of
from runner.store.tables import OPEN_SENDS, OPEN_WRITES, playbooks, sends, writes
from runner.sync import ORDERS_SINCE, Synced, TooManyGone, advance, sync
from runner.triggers import Window
from runner.waking import Fresh, wake

log = structlog.get_logger()

#: Playbooks with what their tick looks at.
Windows: TypeAlias = "list[tuple[Playbook, Window]]"


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
        return {
            "tables": tables,
            "calls": calls,
            "warnings": told,
            "failures": self.failures,
            "waiting": self.waiting,
        }

    def keep(self, synced: Synced) -> None:
        self.synced.append(synced)
        self.waiting += [f"{synced.connector}: {words}" for words in synced.unread]


#: What the last sync of a connector failed with; nothing where it did not.
SYNC_FAILED = "sync_failed:"


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
    ticked.waiting += all_paused(app)
    if not stop():
        _drain(app, now)
        _run_playbooks(app, now, ticked, stop, all_over=full or _night_has_come(app, now))
    app.remember("last_tick_at", now.isoformat())
    ticked.waiting += _unsettled(app)
    return ticked


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
    for name, source in app.sources.items():
        match = str(app.settings.connectors[name].get("match", "email"))
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
            if app.remembered(f"{SYNC_FAILED}{name}") is not None:
                app.remember(f"{SYNC_FAILED}{name}", None)
        except TooManyGone as held:
            news.keep(held.synced)
            news.waiting.append(str(held))
        except ConnectorError as error:
            log.warning("a sync failed", action="sync_failed", connector=name, status=error.status)
            news.failures.append(f"{name}: {error}")
            app.remember(f"{SYNC_FAILED}{name}", {"at": now.isoformat(), "words": str(error)})
    advance(app.store, None, now, app.settings)
    return news


def _run_playbooks(app: App, now: datetime, ticked: Ticked, stop: Callable[[], bool], *, all_over: bool) -> None:
    fields = app.fields()
    readings = app.readings(fields)
    ticked.faults = sorted(fault for reading in readings for fault in reading.faults)
    running = [reading.playbook for reading in readings if reading.playbook and reading.playbook.keys.enabled]
    edge = Edge()
    register(app.store, running, now)
    ticked.entered = enroll_all(app, running, now, edge, all_over=all_over)
    ticked.waiting += _braked(app, {playbook.id for playbook in running})
    _trip(app, now)
    if not stop():
        office = replace(app.office(running, fields), listen=lambda: _hear(app, now))
        ticked.delivered = deliver(office, now, stop=stop, edge=edge)
        ticked.failures += ticked.delivered.failures + ticked.delivered.refusals + ticked.delivered.troubles
        ticked.waiting += ticked.delivered.waiting
        for found in stuck(app.store, readings, office.versions):
            (ticked.waiting if found.needs_person else ticked.notes).append(str(found))
    ticked.waiting += edge.told()
    ticked.waiting += stopped_by_breakers(app)


def enroll_all(
    app: App, running: Sequence[Playbook], now: datetime, edge: Edge | None = None, *, all_over: bool = False
) -> list[Entered]:
    """Who is new at each playbook's door. `all_over`: everybody is looked at, to see whether anybody is overlooked."""
    edge, brakes = edge or Edge(), brakes_of(app, running)
    looked_at = windows(app, running, now)
    if not looked_at:
        return []
    with app.store.read() as connection:
        marks = marks_of(connection, refused_since=refused_since(looked_at))
        in_full = marks.many or not app.narrows or (all_over and _long_ago(looked_at, now))
        whole = {one.id for one in running} if in_full else strangers(app.store, connection, looked_at, app.settings)
        sought: dict[str, Sequence[int] | None] = {}
        for playbook, window in looked_at:
            with edge.of(playbook.id, "enroll"), _apart(connection):
                sought[playbook.id] = (
                    None if playbook.id in whole else seek(app.store, connection, playbook, window, app.settings, marks)
                )
    entered, overlooked = [], {}
    for playbook, window in looked_at:
        if playbook.id not in sought:
            continue
        with edge.of(playbook.id, "enroll"):
            new, missed = _look(app, playbook, window, sought[playbook.id], all_over=all_over)
            entered.append(enroll(app.store, playbook, window, app.settings, new, brake=brakes[playbook.id]))
            overlooked[playbook.id] = missed
    # Before the changes are forgotten. What everybody is asked at night mends what a tick may have overlooked.
    wake(app.store, now, None if in_full or all_over else _fresh(marks, looked_at))
    # Who failed is left behind, and looks at everybody the next time.
    if through := [(one, window) for one, window in looked_at if not edge.has_failed(one.id)]:
        finish(app.store, through, app.settings, marks, now)
    if all_over:
        _tell_of_overlooked(app, overlooked, now)
    return entered


def _fresh(marks: Marks, looked_at: Windows) -> Fresh:
    return Fresh(marks, min(window.since for _, window in looked_at))


#: After so long so much is new that a look at what is new would save nothing.
LONG = timedelta(hours=12)


def _long_ago(looked_at: Windows, now: datetime) -> bool:
    return all(now - window.since >= LONG for _, window in looked_at)


def _apart(connection: sa.Connection) -> AbstractContextManager[object]:
    """What fails within does not spoil the transaction for those who come after, as it would on PostgreSQL."""
    return connection.begin_nested() if connection.dialect.name == "postgresql" else nullcontext()


def _look(
    app: App, playbook: Playbook, window: Window, among: Sequence[int] | None, *, all_over: bool
) -> tuple[Arrivals, int]:
    """Who of these people is new at the door, and how many others only a look at everybody found."""
    if among is not None and not among and not all_over:
        return Arrivals(among=among), 0
    with app.store.read() as connection:
        new = look(app.store, connection, playbook, window, app.settings, among)
        if among is None or not all_over:
            return new, 0
        everybody = look(app.store, connection, playbook, window, app.settings)
    return everybody, len(set(everybody.contacts) - set(new.contacts))


#: What the nightly look at everybody found, by playbook.
OVERLOOKED = "overlooked"


def _tell_of_overlooked(app: App, overlooked: Mapping[str, int], now: datetime) -> None:
    """Whom only the look at everybody found: the ticks ought to have. They have entered all the same."""
    found = {id: people for id, people in overlooked.items() if people}
    for id, people in found.items():
        log.warning("overlooked so far", action="overlooked", playbook=id, people=people)
    app.remember(OVERLOOKED, {"at": now.isoformat(), "found": found})


def _night_has_come(app: App, now: datetime) -> bool:
    """Whether nobody has looked at everybody for a day."""
    last = app.remembered(OVERLOOKED)
    return last is None or now - datetime.fromisoformat(last["at"]) >= timedelta(days=1)


def brakes_of(app: App, running: Sequence[Playbook]) -> dict[str, Brake | None]:
    """How many people each playbook's tick may take in; in a simulated store any number, unless somebody said so."""
    usual = app.settings.brake or (None if app.remembered("clock") == clockwork.SIMULATED else Brake())
    return {playbook.id: playbook.keys.brake or usual for playbook in running}


def all_paused(app: App) -> list[str]:
    """The words for it, where everything is paused."""
    at = app.remembered(ALL_PAUSED)
    if at is None:
        return []
    return [f"everything is paused since {at[:10]}: nobody enters, nothing is sent; `regulars resume` lifts it"]


def windows(app: App, running: Sequence[Playbook], now: datetime) -> Windows:
    """What each playbook's tick looks at; paused ones are left out."""
    with app.store.read() as connection:
        rows = connection.execute(sa.select(playbooks)).all()
        zones = zones_in_use(connection)
    if all_paused(app):
        return []
    known = {row.id: row for row in rows}
    orders_since = app.remembered(ORDERS_SINCE)
    fields = app.fields()
    found = []
    for playbook in running:
        row = known.get(playbook.id)
        if row is not None and row.paused_at is not None:
            continue
        first, since = (row.first_tick_at, row.last_tick_at) if row else (now, now)
        if orders_since is not None:
            first = max(first, datetime.fromisoformat(orders_since))
        lateness = playbook.keys.max_lateness or app.settings.max_lateness
        first_look = row is None or row.watched != playbook.trigger.watches
        found.append((playbook, Window(first, since, now, lateness, zones, fields, playbook.id, first_look)))
    return found


def _drain(app: App, now: datetime) -> None:
    """Webhook bodies that came since the last look."""
    for name, mailer in mailers(app).items():
        collect.drain(app.store, name, mailer, now)


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
        rows = connection.execute(
            sa.select(playbooks.c.id, playbooks.c.braked_people, playbooks.c.braked_hash).where(
                playbooks.c.braked_at.is_not(None)
            )
        ).all()
    return [
        f"{id}: {people} people at once is more than the brake allows; "
        f"look at them with `regulars plan --playbook {id}`, then `regulars approve {id} --plan {digest}`, "
        f"or turn them away with --drop"
        for id, people, digest in rows
        if id in running
    ]


def _unsettled(app: App) -> list[str]:
    with app.store.read() as connection:
        count = 0
        for table, open_ in ((sends, OPEN_SENDS), (writes, OPEN_WRITES)):
            waiting = (open_, table.c.state == "unsure", table.c.settled_at.is_(None))
            count += connection.scalar(sa.select(sa.func.count()).select_from(table).where(*waiting)) or 0
    return [f"{count} {'send is' if count == 1 else 'sends are'} unsure; `regulars settle` lists them"] if count else []
