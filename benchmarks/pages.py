"""What looking costs once very much has happened: the log by its filters, its summary, and one person explained.

Fills a SQLite store with actions and events over a year, 25 playbooks, as many as asked for, and asks each question
again and again. Beside the summary the same figures counted from the rows.
"""

from __future__ import annotations

import argparse
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa
from town import NOON, conditions, seconds, settle_in, table, workspace

from runner import log
from runner.app import App
from runner.app.looking import explained
from runner.store import rollups
from runner.store.rollups import Span, _decided, _mailed
from runner.store.tables import contacts, decisions, mail_events, playbooks

PLAYBOOKS = 25
DAYS = 365
FILLED = ("enrollments", "sends", "decisions", "mail_events")
#: Times each question is asked, each time of somebody or something else.
TIMES = 21


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--actions", type=int, default=700_000)
    options.add_argument("--events", type=int, default=1_000_000)
    options.add_argument("--contacts", type=int, default=100_000)
    options.add_argument("--folder", type=Path, help="kept there, and asked again where it is filled already")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = chosen.folder or Path(name)
        is_filled = (folder / "regulars.db").exists()
        with App(folder if is_filled else workspace(folder)) as app:
            if not is_filled:
                filled = seconds(lambda: _fill(app, chosen.contacts, chosen.actions, chosen.events))
                counted = seconds(lambda: rollups.refresh(app.store))
                print(f"filled in {filled:.0f} s, all days counted in {counted:.0f} s", flush=True)
            size = (folder / "regulars.db").stat().st_size / 1e9
            with app.store.read() as connection:
                rows = (sa.select(sa.func.count()).select_from(one) for one in (decisions, mail_events, contacts))
                counts = [connection.scalar(count) for count in rows]
            print(f"{{:,}} actions, {{:,}} events, {{:,}} contacts: {size:.1f} GB".format(*counts), flush=True)
            asked = [_asked(name, question) for name, question in _questions(app)]
            asked.append(_asked("the summary counted from the rows", lambda _: _by_rows(app), times=1))
    table(("milliseconds", "first", "median", "p95", "of CPU"), asked)
    conditions()


def _asked(name: str, question: Callable[[int], Any], *, times: int = TIMES) -> tuple[str, ...]:
    took, cpu = [], []
    for number in range(times):
        before = time.process_time()
        took.append(1000 * seconds(lambda number=number: question(number)))
        cpu.append(1000 * (time.process_time() - before))
    first, *others = took
    if not others:
        return name, f"{first:.0f}", "", "", f"{cpu[0]:.0f}"
    p95 = sorted(others)[int(0.95 * len(others)) - 1]
    return name, f"{first:.0f}", f"{statistics.median(others):.0f}", f"{p95:.0f}", f"{statistics.median(cpu[1:]):.0f}"


def _questions(app: App) -> Iterator[tuple[str, Callable[[int], Any]]]:
    def newest(*, any_of: Mapping[str, Sequence[Any]] = MappingProxyType({}), **filters: Any) -> Callable[[int], Any]:
        def ask(number: int) -> None:
            drawn = {name: values[number % len(values)] for name, values in any_of.items()}
            with app.store.read() as connection:
                assert list(log.rows(connection, limit=100, **filters, **drawn))

        return ask

    with app.store.read() as connection:
        people = list(connection.scalars(sa.select(contacts.c.id).where(contacts.c.id % 3571 == 0)))
        names = list(connection.scalars(sa.select(playbooks.c.id)))
    yield "log, the newest 100", newest()
    yield "log of one playbook", newest(any_of={"playbook": names})
    yield "log of one contact", newest(any_of={"contact": people})
    yield "log, held", newest(status="held")
    yield "log, failed (one in 10,000)", newest(status="failed")
    yield "log of one playbook, held", newest(any_of={"playbook": names}, status="held")
    yield "log since 300 days", newest(since=NOON - timedelta(days=300))
    yield "summary of everything", lambda _: _summary(app, None)
    yield "summary of the last 30 days", lambda _: _summary(app, 30)
    yield "mail figures of a month", lambda number: _mail_figures(app, number)
    yield (
        f"explain one person, {PLAYBOOKS} playbooks",
        lambda n: explained(app, str(people[n % len(people)]), None, NOON),
    )


def _mail_figures(app: App, number: int) -> None:
    with app.store.read() as connection:
        assert rollups.mailed(connection, NOON - timedelta(days=30 + number))


def _summary(app: App, days: int | None) -> None:
    with app.store.read() as connection:
        since = None if days is None else NOON - timedelta(days=days)
        assert log.summary(connection, since, count_people=False)


def _by_rows(app: App) -> None:
    with app.store.read() as connection:
        for count in (_decided, _mailed):
            connection.execute(count(Span(None, None))).all()


def _fill(app: App, people: int, actions: int, events: int) -> None:
    """In SQL, since rows made in Python would take an hour: a passage for every three actions, one of them a letter."""
    settle_in(app.store, people)
    passages, names = actions // 3, [path.stem for path in sorted((app.folder / "playbooks").glob("*.yaml"))]
    assert len(names) >= PLAYBOOKS
    with app.store.write() as connection:
        ids = connection.execute(sa.select(sa.func.min(contacts.c.id), sa.func.count())).one()
        row = {"version": "v", "first_tick_at": NOON, "last_tick_at": NOON}
        connection.execute(playbooks.insert(), [row | {"id": name} for name in names[:PLAYBOOKS]])
    values = {"passages": passages, "first": ids[0], "people": ids[1]}
    values |= {"start": f"{NOON - timedelta(days=DAYS):%Y-%m-%d %H:%M:%S}"}
    with _alone_and_careless(app) as store, _bare(store, *FILLED):
        store.execute("CREATE TEMP TABLE names (n INTEGER PRIMARY KEY, name TEXT)")
        store.executemany("INSERT INTO names VALUES (?, ?)", list(enumerate(names[:PLAYBOOKS])))
        store.execute(_PASSAGES.format(days=DAYS, playbooks=PLAYBOOKS), values)
        for statement in (_ENROLLMENTS, _SENDS, _DECISIONS):
            store.execute(statement)
        store.execute(_EVENTS, {"per": events // passages + 1, "events": events})
    with app.store.write() as connection:
        # Its triggers were away: every day is noted as one to count.
        rollups.install(connection)


@contextmanager
def _alone_and_careless(app: App) -> Iterator[sqlite3.Connection]:
    """The store's file with nobody else at it, and nothing kept that would mend it after a crash."""
    app.store.close()
    with closing(sqlite3.connect(app.store.url.database or "", isolation_level=None)) as store:
        for pragma in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -2000000", "temp_store = MEMORY"):
            store.execute(f"PRAGMA {pragma}")
        yield store
        store.execute("PRAGMA journal_mode = WAL")


@contextmanager
def _bare(store: sqlite3.Connection, *tables: str) -> Iterator[None]:
    """These tables without their indexes and triggers, which are made once all the rows are there."""
    asked = f"tbl_name IN ({', '.join('?' * len(tables))}) AND type IN ('index', 'trigger') AND sql IS NOT NULL"
    made = store.execute(f"SELECT type, name, sql FROM sqlite_master WHERE {asked}", tables).fetchall()
    for kind, name, _ in made:
        store.execute(f"DROP {kind} {name}")
    yield
    for _, _, statement in made:
        store.execute(statement)


#: Passage n is of playbook n mod 25 and a contact of a stride that is prime to their number, at an even pace.
_PASSAGES = """
CREATE TEMP TABLE passages AS
WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < :passages)
SELECT n, (SELECT name FROM names WHERE names.n = n.n % {playbooks}) AS playbook,
  :first + (n * 7919) % :people AS contact,
  strftime('%Y-%m-%d %H:%M:%f000', :start, (n * {days}.0 / :passages) || ' days') AS at
FROM n
"""
_ENROLLMENTS = """
INSERT INTO enrollments (id, playbook, version, contact_id, occasion, facts, arm, state, step, attempt, occurred_at,
  step_since, due_at, entered_at)
SELECT n, playbook, 'v', contact, 'o ' || n, '{"call": "by hand"}', 'treated', 'done', '', 0, at, at, at, at
FROM passages
"""
_SENDS = """
INSERT INTO sends (id, enrollment_id, playbook, step, part, attempt, action, contact_id, address, mailer, topic,
  purpose, state, claimed_at, local_day, delivery, delivered_at, opened, opened_at, clicked, clicked_at)
SELECT printf('e0-%09x', n), n, playbook, 'mail', 0, 0, 'send_email', contact, 'p' || contact || '@example.org',
  'sendgrid', 'lifecycle', 'marketing', 'accepted', at, date(at), CASE WHEN n % 50 THEN 'delivered' ELSE 'bounced' END,
  at, CASE n % 4 WHEN 0 THEN 'human' WHEN 1 THEN 'machine' WHEN 2 THEN 'unknown' END, at,
  CASE WHEN n % 20 = 0 THEN 'human' END, at
FROM passages
"""
_DECISIONS = """
INSERT INTO decisions (at, playbook, version, contact_id, occasion, enrollment_id, step, action, arm, status, reason,
  send_id)
SELECT at, playbook, 'v', contact, 'o ' || n, n, steps.step, steps.action, 'treated',
  CASE WHEN steps.step = 'mail' THEN 'done' WHEN n % 10000 = 0 THEN 'failed' WHEN n % 3 = 0 THEN 'held' ELSE 'done' END,
  CASE n % 3 WHEN 0 THEN 'quiet hours' WHEN 1 THEN 'customer since 2020-05-06' ELSE 'cap: 1 a day' END,
  CASE WHEN steps.step = 'mail' THEN printf('e0-%09x', n) END
FROM passages, (SELECT 'mail' AS step, 'send_email' AS action UNION ALL SELECT 'pause', 'wait'
  UNION ALL SELECT 'task', 'create_task') AS steps
"""
_EVENTS = """
WITH RECURSIVE k (k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM k WHERE k < :per)
INSERT INTO mail_events (mailer, event_id, send_id, kind, at, actor, user_agent, ip, seen_at)
SELECT 'sendgrid', printf('%016x', (n * 31 + k) * 2654435761 % 9223372036854775807) || k, printf('e0-%09x', n),
  CASE k % 5 WHEN 0 THEN 'processed' WHEN 1 THEN 'delivered' WHEN 4 THEN 'clicked' ELSE 'opened' END, at, 'human',
  'Mozilla/5.0 (Macintosh)', '198.51.100.7', at
FROM passages, k LIMIT :events
"""


if __name__ == "__main__":
    main()
