"""What a tick costs: nothing changed, some changed, everybody looked at; and what a plan costs, in time and memory.

25 starter playbooks are on: those of which there is a SELECT by hand, with the same indexes, to compare with. For those
that go by a contact's own day there is a plain loop over the contacts in Python, too. Ours also writes down who may not
enter and why, draws holdouts and looks at the brake. The first two figures are those of the door alone; "changed" and
"nothing changed" are whole ticks, everything but the sync.
"""

from __future__ import annotations

import argparse
import resource
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from town import NOON, conditions, fastest, postgresql, seconds, settle_in, table, workspace
from town.by_hand import DATED, STATEMENTS, ByLoop, BySelects, text

from connectors.base import ConnectorSettings, Mailer, Mailing, Outcome, Verdict
from runner.app import App
from runner.app.entering import enroll_all, windows
from runner.app.looking import planned
from runner.app.tick import tick
from runner.enroll import candidates, look, register
from runner.store import Store, look_by_index
from runner.store.tables import enrollments, playbooks


class Measured(NamedTuple):
    """How many entered; the seconds of a first tick, a look at everybody, a tick after changes, and an idle one."""

    entered: int
    first: float
    everybody: float
    changed: float
    idle: float


_OTHERS = {"the same SELECTs by hand": BySelects, f"a loop over the contacts ({len(DATED)} playbooks)": ByLoop}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--contacts", type=int, default=100_000)
    options.add_argument("--changed", type=int, default=1_000)
    options.add_argument("--postgresql", action="store_true", help="on PostgreSQL; ours alone")
    options.add_argument("--each", action="store_true", help="a look at everybody, playbook by playbook")
    options.add_argument("--explain", action="store_true", help="show how the database looks for a playbook's people")
    options.add_argument("--plan", metavar="FOLDER", type=Path, help="only plan there; the benchmark calls itself so")
    chosen = options.parse_args()
    if chosen.plan:
        _plan(chosen.plan)
    else:
        _measure(chosen)


def _measure(chosen: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as folder, _store_url(chosen.postgresql) as url:
        ours_at = _only_those_by_hand(workspace(Path(folder) / "ours", store=url))
        with App(ours_at) as app:
            settle_in(app.store, chosen.contacts)
            ours = Ours(app)
            assert {one.id for one in ours.running} == STATEMENTS.keys()
            count = len(ours.running)
            print(f"{chosen.contacts:,} contacts, {count} playbooks, {app.store.url.get_backend_name()}", flush=True)
            copies = () if chosen.postgresql else [_copy(app.store, Path(folder) / name) for name in ("sql", "loop")]
            rows = [(f"Regulars, {count} playbooks", ours.measured(chosen.changed))]
            looks = ours.looks() if chosen.each else {}
            if chosen.explain:
                ours.explain()
        for (name, kind), file in zip(_OTHERS.items(), copies, strict=False):
            with closing(kind(file)) as other:
                rows.append((name, _measured(other, chosen.changed)))
                if chosen.each and kind is BySelects:
                    _show_each(looks, other.looks(NOON + timedelta(hours=1)))
        _show(rows, chosen.changed)
        subprocess.run([sys.executable, __file__, "--plan", str(ours_at)], check=True)
    conditions()


def _only_those_by_hand(workspace: Path) -> Path:
    """Without the starters of which there is no SELECT by hand: those of a loyalty programme and of mail received."""
    for playbook in (workspace / "playbooks").glob("*.yaml"):
        if playbook.stem not in STATEMENTS:
            playbook.unlink()
    return workspace


def _measured(other: BySelects, changed: int) -> Measured:
    """It looks at everybody every time, so that a look after changes is one at everybody."""
    minutes = iter(NOON + timedelta(minutes=minute) for minute in range(100))
    first = seconds(lambda: other.tick(next(minutes)))
    entered = other.count("enrollments")
    everybody = fastest(lambda: other.tick(next(minutes)), 3)
    other.db.execute(next(_changes(other.count("contacts"), changed)))
    return Measured(entered, first, everybody, seconds(lambda: other.tick(next(minutes))), everybody)


def _show_each(ours: dict[str, float], hers: dict[str, float]) -> None:
    cells = [(id, f"{1000 * took:,.1f}", f"{1000 * hers[id]:,.1f}") for id, took in ours.items()]
    table(("a look at everybody, ms", "Regulars", "by hand"), cells)
    print()


@contextmanager
def _store_url(on_postgresql: bool) -> Iterator[str]:
    if not on_postgresql:
        yield "sqlite:///regulars.db"
        return
    with postgresql() as url:
        yield url


def _copy(store: Store, file: Path) -> Path:
    with closing(sqlite3.connect(store.url.database or "")) as one, closing(sqlite3.connect(file)) as other:
        one.backup(other)
    return file


#: A contact in so many changes, all over the table.
_CHANGE = "UPDATE contacts SET last_order_at = '{0}', last_order_id = 'new {0}' WHERE id % {1} = {2}"


def _changes(people: int, changed: int) -> Iterator[str]:
    every = max(1, people // changed)
    for turn in range(every):
        yield _CHANGE.format(text(NOON + timedelta(seconds=turn)), every, turn)


def _show(rows: list[tuple[str, Measured]], changed: int) -> None:
    _, (_, *ours) = rows[0]
    head = (
        "milliseconds",
        "entered",
        "first",
        "x",
        "everybody",
        "x",
        f"{changed:,} changed",
        "x",
        "nothing changed",
        "x",
    )
    shown = []
    for name, (came_in, *times) in rows:
        cells = [f"{1000 * took:,.1f} {took / mine:.2f}".split() for took, mine in zip(times, ours, strict=True)]
        shown.append((name, f"{came_in:,}", *(cell for pair in cells for cell in pair)))
    table(head, shown)


def _plan(folder: Path) -> None:
    """In a process of its own, whose memory nobody else has used."""
    later = NOON + timedelta(days=1)
    with App(folder) as app:
        app.now = lambda: later
        with planned(app, later, None) as (rows, _):
            count = 0

            def walk() -> None:
                nonlocal count
                count = sum(1 for _ in rows)

            took = seconds(walk)
    print(f"plan for a day later: {count:,} decisions, {took:.1f} s, {_peak():.0f} MB at most")


def _peak() -> float:
    """The most memory this process has had, in MB. (What Linux tells of a child by getrusage is its parent's too.)"""
    status = Path("/proc/self/status")
    if status.exists():
        told = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(told["VmHWM"].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2


class Nowhere(Mailer):
    """Takes every letter."""

    type: ClassVar[str] = "outbox"
    settings_model = ConnectorSettings
    batch_size = 1000
    real = False

    def send(self, mailing: Mailing) -> Sequence[Outcome]:
        return [Outcome(letter.send_id, Verdict.ACCEPTED) for letter in mailing.letters]


class Ours:
    """Regulars itself, statements made and compiled included."""

    def __init__(self, app: App) -> None:
        self.app = app
        app.__dict__["mailer"] = Nowhere()
        self.running = [reading.playbook for reading in app.readings(app.fields()) if reading.playbook]
        self._now = NOON

    def measured(self, changed: int) -> Measured:
        with self.app.store.read() as connection:
            people = connection.scalar(sa.text("SELECT count(*) FROM contacts")) or 0
        # The indexes are made once in a store's life. The playbooks have been running for three days.
        register(self.app.store, self.running, NOON - timedelta(days=3))
        first = seconds(lambda: enroll_all(self.app, self.running, self._now))
        entered = self._entered()
        everybody = fastest(self._look_at_everybody, 5)
        self._tick()
        idle = fastest(self._tick, 15)
        changing = _changes(people, changed)
        after_changes = []
        for _ in range(7):
            self._change(next(changing))
            after_changes.append(seconds(self._tick))
        return Measured(entered, first, everybody, min(after_changes), idle)

    def looks(self) -> dict[str, float]:
        """Seconds of a look at everybody, by playbook."""
        took = {}
        with self.app.store.read() as connection:
            for playbook, window in windows(self.app, self.running, self._minute()):
                search = partial(look, self.app.store, connection, playbook, window, self.app.settings)
                took[playbook.id] = fastest(search, 3)
        return took

    def _minute(self) -> datetime:
        self._now += timedelta(minutes=1)
        return self._now

    def _tick(self) -> None:
        tick(self.app, self._minute())

    def _look_at_everybody(self) -> None:
        with self.app.store.write() as connection:
            connection.execute(playbooks.update().values(looked_by=None))
        enroll_all(self.app, self.running, self._minute())

    def _change(self, sql: str) -> None:
        with self.app.store.write() as connection:
            connection.exec_driver_sql(sql.replace("%", "%%") if not self.app.store.is_sqlite else sql)

    def _entered(self) -> int:
        with self.app.store.read() as connection:
            return connection.scalar(sa.select(sa.func.count()).select_from(enrollments)) or 0

    def explain(self) -> None:
        prefix = "EXPLAIN QUERY PLAN " if self.app.store.is_sqlite else "EXPLAIN "
        with self.app.store.read() as connection:
            look_by_index(connection)
            for playbook, window in windows(self.app, self.running, NOON + timedelta(hours=1)):
                print(f"\n{playbook.id}")
                query = candidates(playbook, window, self.app.settings)
                for row in connection.execute(_explained(query, prefix)):
                    print("   ", row[-1])


def _explained(query: sa.Select, prefix: str) -> sa.Executable:
    """The query behind EXPLAIN, its parameters bound as ever."""

    class Explained(sa.Executable, sa.ClauseElement):
        inherit_cache = False

    @compiles(Explained)
    def _explain(_: Explained, compiler: SQLCompiler, **kw: Any) -> str:
        return prefix + compiler.process(query, **kw)

    return Explained()


if __name__ == "__main__":
    main()
