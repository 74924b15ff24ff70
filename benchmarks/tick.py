"""What a tick costs: nothing changed, some changed, everybody looked at; and what a plan costs, in time and memory.

Beside it the same SELECTs written by hand, with the same indexes, and a plain loop over the contacts in Python. Ours
also writes down who may not enter and why, draws holdouts and looks at the brake; the others do not, nor do they keep
people from entering again too soon, so they let in more. The first two figures are those of whole ticks, everything
but the sync.
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
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from town import NOON, ZONES, conditions, fastest, postgresql, seconds, settle_in, table, workspace

from connectors.base import ConnectorSettings, Mailer, Mailing, Outcome, Verdict
from runner import clock
from runner.app import App, tick
from runner.app.looking import planned
from runner.app.tick import enroll_all, windows
from runner.enroll import candidates, register
from runner.playbook import Playbook
from runner.store import Store, look_by_index
from runner.store.tables import enrollments, playbooks

#: Entered; and the seconds of a first tick, of one that looks at everybody, of one after changes, of an idle one.
Measured = tuple[int, float, float, float, float]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--contacts", type=int, default=100_000)
    options.add_argument("--changed", type=int, default=1_000)
    options.add_argument("--postgresql", action="store_true", help="on PostgreSQL; ours alone")
    options.add_argument("--explain", action="store_true", help="show how the database looks for a playbook's people")
    options.add_argument("--plan", metavar="FOLDER", type=Path, help="only plan there; the benchmark calls itself so")
    chosen = options.parse_args()
    if chosen.plan:
        _plan(chosen.plan)
    else:
        _measure(chosen)


def _measure(chosen: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as folder, _store_url(chosen.postgresql) as url:
        ours_at = workspace(Path(folder) / "ours", store=url)
        with App(ours_at) as app:
            settle_in(app.store, chosen.contacts)
            ours = Ours(app, {id for id, *_ in _HERS} | _HERS_TOO)
            print(
                f"{chosen.contacts:,} contacts, {len(ours.all)} playbooks, {app.store.url.get_backend_name()}",
                flush=True,
            )
            others = {} if chosen.postgresql else {name: _copy(app.store, Path(folder) / name) for name in BY_HAND}
            rows = [(f"Regulars, the {len(ours.known)} written by hand", ours.measured(ours.known, chosen.changed))]
            rows.append((f"Regulars, all {len(ours.all)}", ours.measured(ours.all, chosen.changed)))
            if chosen.explain:
                ours.explain()
        for name, file in others.items():
            with closing(BY_HAND[name](file)) as other:
                rows.append((name, other.measured(chosen.changed)))
        _show(rows, chosen.changed)
        subprocess.run([sys.executable, __file__, "--plan", str(ours_at)], check=True)
    conditions()


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
        yield _CHANGE.format(_text(NOON + timedelta(seconds=turn)), every, turn)


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
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"plan for a day later: {count:,} decisions, {took:.1f} s, {peak:.0f} MB at most")


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

    def __init__(self, app: App, by_hand: set[str]) -> None:
        self.app = app
        app.__dict__["mailer"] = Nowhere()
        self.all = [reading.playbook for reading in app.readings(app.fields()) if reading.playbook]
        self.known = [playbook for playbook in self.all if playbook.id in by_hand]
        self._now = NOON

    def measured(self, some: list[Playbook], changed: int) -> Measured:
        """First and everybody: up to the door, of these playbooks. The rest: whole ticks of those that are enabled."""
        with self.app.store.read() as connection:
            people = connection.scalar(sa.text("SELECT count(*) FROM contacts")) or 0
        # The indexes are made once in a store's life.
        register(self.app.store, some, self._now)
        first = seconds(lambda: enroll_all(self.app, some, self._minute()))
        everybody = fastest(lambda: self._look_at_everybody(some), 5)
        self._tick()
        idle = fastest(self._tick, 15)
        changing = _changes(people, changed)
        after_changes = []
        for _ in range(7):
            self._change(next(changing))
            after_changes.append(seconds(self._tick))
        return self._entered(), first, everybody, min(after_changes), idle

    def _minute(self) -> datetime:
        self._now += timedelta(minutes=1)
        return self._now

    def _tick(self) -> None:
        tick(self.app, self._minute())

    def _look_at_everybody(self, some: list[Playbook]) -> None:
        with self.app.store.write() as connection:
            connection.execute(playbooks.update().values(looked_by=None))
        enroll_all(self.app, some, self._minute())

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
            for playbook, window in windows(self.app, self.all, NOON + timedelta(hours=1)):
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


# By hand

#: Playbook, days from the date to the day it is due, hour, column, and what else must hold.
_HERS = (
    ("anniversary", 0, 9, "customer_since", "yearly"),
    ("birthday", 0, 8.5, "birthday", "yearly"),
    ("csat_after_order", 5, 17, "last_order_at", "instant"),
    ("onboarding", 1, 9.5, "customer_since", "day"),
    ("referral_invitation", 2, 10.5, "nps_at", "instant"),
    ("renewal_notice", -30, 9, "custom ->> '$.renewal_date'", "day"),
    ("review_request", 45, 11, "customer_since", "day"),
    ("win_back", 121, 0, "last_order_at", "instant"),
)
_HERS_TOO = {"quarterly_nps", "low_score_followup"}
_MONTH_DAY = "(CAST(substr({0}, 6, 2) AS INTEGER) * 100 + CAST(substr({0}, 9, 2) AS INTEGER))"
_FALLS_ON = {
    "yearly": f"{_MONTH_DAY} = d.month_day AND {{0}} < d.day",
    "day": "{0} = d.day",
    "instant": "{0} >= d.start_at AND {0} < d.end_at",
}
_EXTRA = {"referral_invitation": "AND c.nps_score >= 9", "win_back": "AND c.orders_count > 0"}
_ENTER = """
INSERT INTO enrollments (playbook, version, contact_id, occasion, anchor, facts, arm, state, step, attempt,
                         occurred_at, step_since, due_at, entered_at)
SELECT '{id}', 'v', {contact}, {occasion}, NULL, '{{}}', 'treated', 'active', 'first', 0, :now, :now, :now, :now
FROM {source} WHERE {where} ON CONFLICT DO NOTHING
"""
_CUSTOMER = "c.lifecycle_stage = 'customer' AND NOT c.is_test"


def _statements() -> list[str]:
    """What somebody would write who knows SQL and these ten playbooks."""
    dated = [
        _ENTER.format(
            id=id,
            contact="c.id",
            occasion="d.day" if kind != "instant" else "c.last_order_id",
            source="days d CROSS JOIN contacts c",
            where=f"d.playbook = '{id}' AND c.zone = d.zone AND {_FALLS_ON[kind].format('c.' + column)}"
            f" AND {_CUSTOMER} {_EXTRA.get(id, '')}",
        )
        for id, _, _, column, kind in _HERS
    ]
    quarterly = _ENTER.format(
        id="quarterly_nps",
        contact="c.id",
        occasion="d.day",
        source="days d CROSS JOIN contacts c",
        where="d.playbook = 'quarterly_nps' AND c.zone = d.zone AND c.draw >= d.month_day / 90.0"
        f" AND c.draw < (d.month_day + 1) / 90.0 AND {_CUSTOMER} AND c.customer_since < date(:now, '-30 days')",
    )
    low = _ENTER.format(
        id="low_score_followup",
        contact="s.contact_id",
        occasion="a.source_id",
        source="surveys a JOIN contact_sources s ON s.id = a.contact_source JOIN contacts c ON c.id = s.contact_id",
        where="a.kind = 'nps' AND a.score <= 6 AND a.responded_at > :since AND a.responded_at <= :now"
        " AND NOT c.is_test",
    )
    return [*dated, quarterly, low]


class ByHand:
    """SQL alone."""

    def __init__(self, file: Path) -> None:
        self.db = sqlite3.connect(file, isolation_level=None)
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "cache_size = -65536", "temp_store = MEMORY"):
            self.db.execute(f"PRAGMA {pragma}")
        for column in ("customer_since", "birthday"):
            self.db.execute(f"CREATE INDEX hers_{column} ON contacts ({_MONTH_DAY.format(column)}, zone)")
        for name, column in (("nps_at", "nps_at"), ("renewal", "custom ->> '$.renewal_date'")):
            self.db.execute(f"CREATE INDEX hers_{name} ON contacts ({column})")
        self.db.execute("CREATE INDEX hers_answers ON surveys (responded_at)")
        self.db.execute("CREATE TEMP TABLE days (playbook, zone, day, month_day, start_at, end_at)")
        self._statements = _statements()

    def tick(self, now: datetime) -> None:
        self.db.execute("BEGIN IMMEDIATE")
        self.db.execute("DELETE FROM days")
        self.db.executemany("INSERT INTO days VALUES (?, ?, ?, ?, ?, ?)", _days(now))
        for sql in self._statements:
            self.db.execute(sql, {"now": _text(now), "since": _text(now - timedelta(days=3))})
        self.db.execute("COMMIT")

    def measured(self, changed: int) -> Measured:
        """It looks at everybody every time."""
        minutes = iter(NOON + timedelta(minutes=minute) for minute in range(1, 100))
        first = seconds(lambda: self.tick(next(minutes)))
        entered = self._count("enrollments")
        everybody = fastest(lambda: self.tick(next(minutes)), 3)
        self.db.execute(next(_changes(self._count("contacts"), changed)))
        return entered, first, everybody, seconds(lambda: self.tick(next(minutes))), everybody

    def _count(self, name: str) -> int:
        return int(self.db.execute(f"SELECT count(*) FROM {name}").fetchone()[0])

    def close(self) -> None:
        self.db.close()


def _days(now: datetime) -> Iterator[tuple[object, ...]]:
    """The days that each playbook is about now, three days back."""
    for id, offset, hour, _, _ in (*_HERS, ("quarterly_nps", 0, 10, "", "")):
        for zone in ZONES:
            today = clock.local(now, zone).date()
            for back in range(4):
                due = datetime.combine(today, datetime.min.time(), ZoneInfo(zone)) + timedelta(days=-back, hours=hour)
                if now - timedelta(days=3) < due <= now:
                    day = today - timedelta(days=back + offset)
                    start, end = clock.midnight(day, zone), clock.midnight(day + timedelta(days=1), zone)
                    number = day.toordinal() % 90 if id == "quarterly_nps" else day.month * 100 + day.day
                    yield id, zone, day.isoformat(), number, _text(start), _text(end)


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


class ByLoop(ByHand):
    """Every contact is read and looked at, as a script would."""

    def tick(self, now: datetime) -> None:
        due: dict[tuple[str, str], list[tuple[object, ...]]] = {}
        for id, zone, *day in _days(now):
            due.setdefault((str(id), str(zone)), []).append(tuple(day))
        self.db.execute("BEGIN IMMEDIATE")
        rows = self.db.execute(
            "SELECT id, zone, draw, lifecycle_stage, is_test, customer_since, birthday, last_order_at, last_order_id,"
            " nps_at, nps_score, orders_count, custom ->> '$.renewal_date' FROM contacts"
        )
        found = [entry for row in rows for entry in _entries(row, due, now)]
        self.db.executemany(
            "INSERT OR IGNORE INTO enrollments (playbook, version, contact_id, occasion, facts, arm, state, step,"
            " attempt, occurred_at, step_since, due_at, entered_at)"
            " VALUES (?, 'v', ?, ?, '{}', 'treated', 'active', 'first', 0, ?, ?, ?, ?)",
            [(*entry, *[_text(now)] * 4) for entry in found],
        )
        self.db.execute(_statements()[-1], {"now": _text(now), "since": _text(now - timedelta(days=3))})
        self.db.execute("COMMIT")


def _entries(row: tuple, due: dict[tuple[str, str], list[tuple[object, ...]]], now: datetime) -> Iterator[tuple]:
    """The playbooks that a contact enters now."""
    id, zone, draw, stage, is_test, since, born, ordered, order, answered, score, orders, renews = row
    if stage != "customer" or is_test:
        return
    values = {
        "customer_since": since,
        "birthday": born,
        "last_order_at": ordered,
        "nps_at": answered,
        "custom ->> '$.renewal_date'": renews,
    }
    for playbook, _, _, column, kind in _HERS:
        value = values[column]
        if (
            value is None
            or (playbook == "referral_invitation" and score < 9)
            or (playbook == "win_back" and not orders)
        ):
            continue
        for day, month_day, start, end in due.get((playbook, zone), ()):
            if kind == "instant":
                falls = start <= value < end
            elif kind == "day":
                falls = value == day
            else:
                falls = int(value[5:7]) * 100 + int(value[8:10]) == month_day and value < day
            if falls:
                yield playbook, id, order if kind == "instant" else day
    for day, slot, _, _ in due.get(("quarterly_nps", zone), ()):
        if int(draw * 90) == slot and since and since < (now - timedelta(days=30)).date().isoformat():
            yield "quarterly_nps", id, day


BY_HAND = {"the same SELECTs by hand": ByHand, "a loop over the contacts": ByLoop}

if __name__ == "__main__":
    main()
