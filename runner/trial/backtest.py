"""What a playbook would have done in a past span, over everybody, by the history that is stored; nothing is sent.

The playbook runs over a copy of the store as it was, tick by tick, with the same triggers, audiences, caps and quiet
hours as any run. Nobody answers and nobody clicks, for nobody got anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import sqlalchemy as sa

from runner import clock
from runner.app import App
from runner.app.clockwork import SIMULATED
from runner.app.entering import enroll_all
from runner.app.tick import tick
from runner.enroll import register
from runner.errors import WrongUsage
from runner.playbook import Playbook
from runner.store import Store
from runner.store.tables import contacts, decisions, enrollments, meta, playbooks, sends
from runner.trial.copying import copy_store
from runner.trial.outcome import Backtest, general, outcome_of
from runner.trial.past import live_on, take_back
from runner.trial.stage import FILE, Stage

#: When a day's tick is, on the account's clock; what is due at another hour has ticks of its own.
NOON = time(12)
#: Ticks of one day at the most.
MOST_A_DAY = 48


def backtest(app: App, id: str, first: date, last: date, progress: Callable[[str, int, int], None]) -> Backtest:
    """Lives through [first, last). Raises WrongUsage for a span that is empty or not over, or where there is none."""
    fields = app.fields()
    playbook = next((r.playbook for r in app.readings(fields) if r.id == id and r.playbook), None)
    if playbook is None:
        raise WrongUsage(f"there is no healthy playbook {id!r}; `regulars check` names what is wrong")
    zone = app.settings.timezone
    if not first < last or clock.midnight(last, zone) > app.now():
        raise WrongUsage(f"the span must begin before it ends, and be over: it is {first} to {last}")
    with TemporaryDirectory(prefix="regulars-backtest-") as folder:
        copy_store(app.store, Path(folder) / FILE)
        stage = Stage(app, Path(folder), fields)
        with stage:
            return Span(stage, playbook, first, last).lived(progress)


class Span:
    """A span of days that one playbook lives through on a copy of the store."""

    def __init__(self, stage: Stage, playbook: Playbook, first: date, last: date) -> None:
        self.stage = stage
        self.playbook = playbook
        self.first, self.last = first, last
        self.start = clock.midnight(first, stage.settings.timezone)
        #: What was held, and for which reason, each once: enrollment, step, reason.
        self.held: set[tuple[int, str, str]] = set()
        self.known_since: datetime | None = None
        stage.running = [playbook]

    def lived(self, progress: Callable[[str, int, int], None]) -> Backtest:
        self.known_since = self._known_since()
        self._begin()
        total = (self.last - self.first).days
        for number in range(total):
            day = self.first + timedelta(days=number)
            for at in self._moments(day):
                live_on(self.stage.store, at, self.stage.settings)
                tick(self.stage, at)
                self._look(at)
            progress(f"{day:%d %B %Y}", number + 1, total)
        with self.stage.store.read() as connection:
            return outcome_of(connection, self)

    # --- living

    def _begin(self) -> None:
        """The playbook's first tick learns what is already so, and lets nobody in."""
        store = self.stage.store
        _clear(store, self.playbook.id, self.start)
        take_back(store, self.start, self.stage.settings)
        register(store, [self.playbook], self.start)
        enroll_all(self.stage, [self.playbook], self.start)
        with store.write() as connection:
            connection.execute(decisions.delete().where(decisions.c.playbook == self.playbook.id))
            mine = enrollments.c.playbook == self.playbook.id
            connection.execute(enrollments.update().where(mine).values(state="ended", reason="before the span"))

    def _moments(self, day: date) -> Iterator[datetime]:
        """Noon, and whenever a step is due until midnight, by the hour."""
        zone = self.stage.settings.timezone
        noon = clock.at_local(day, NOON, zone)
        end = clock.midnight(day + timedelta(days=1), zone)
        at, count, past_noon = clock.midnight(day, zone), 0, False
        while count < MOST_A_DAY:
            due = self._next_due(at)
            coming = min(time for time in (due, None if past_noon else noon, end) if time is not None)
            if coming >= end:
                return
            past_noon = past_noon or coming >= noon
            yield coming
            at, count = coming, count + 1

    def _next_due(self, after: datetime) -> datetime | None:
        mine = (enrollments.c.playbook == self.playbook.id, enrollments.c.state == "active")
        with self.stage.store.read() as connection:
            due = connection.scalar(
                sa.select(sa.func.min(enrollments.c.due_at)).where(*mine, enrollments.c.due_at > after)
            )
        return _next_hour(due) if due is not None else None

    def _look(self, at: datetime) -> None:
        """What is held now for another reason than that a playbook waits."""
        chosen = sa.select(decisions.c.enrollment_id, decisions.c.step, decisions.c.reason).where(
            decisions.c.playbook == self.playbook.id,
            decisions.c.at == at,
            decisions.c.status == "held",
            decisions.c.action.not_in(["wait", "choose", "enter"]),
        )
        with self.stage.store.read() as connection:
            self.held |= {(id, step, general(reason)) for id, step, reason in connection.execute(chosen)}

    def _known_since(self) -> datetime | None:
        """When somebody was first seen: since then changes are kept."""
        with self.stage.store.read() as connection:
            since: datetime | None = connection.scalar(sa.select(sa.func.min(contacts.c.seen_at)))
        return since


def _clear(store: Store, playbook: str, start: datetime) -> None:
    """What the playbook really did is set apart, and its mail of the span counts for no cap."""
    past = f"{playbook} (past)"
    with store.write() as connection:
        gone = sends.update().where(sends.c.playbook == playbook, sends.c.claimed_at >= start)
        connection.execute(gone.values(state="refused", reason="a backtest stands in its place"))
        for table in (enrollments, decisions, sends):
            connection.execute(table.update().where(table.c.playbook == playbook).values(playbook=past))
        connection.execute(playbooks.delete().where(playbooks.c.id == playbook))
        connection.execute(meta.delete().where(meta.c.key.in_(["last_tick_at", "clock"])))
        connection.execute(meta.insert().values(key="clock", value=SIMULATED))


def _next_hour(at: datetime) -> datetime:
    whole = at.replace(minute=0, second=0, microsecond=0)
    return whole if whole == at else whole + timedelta(hours=1)
