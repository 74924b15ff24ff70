"""What the figures cost: the whole set counted from the rows, and a page of those that are kept.

A shop of so many contacts, three orders and ten events each: product use, web sessions, other people's mail, our own
mail, surveys, tickets. Beside it what the plainest question costs on the same rows: one look at every order.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from runner import kpis
from runner.settings import Settings
from runner.store import Store
from runner.store.tables import metadata

NOW = datetime(2026, 11, 23, tzinfo=UTC)
LONG_AGO = "2024-01-01 00:00:00.000000"
#: A number between 0 and 1 that each row has of its own, and a time in the last two years drawn by it.
_DRAW = "(((n * {salt}) % 1000003) / 1000003.0)"
_AT = "strftime('%Y-%m-%d %H:%M:%f000', '2026-11-22', '-' || CAST(63072000 * {draw} AS INTEGER) || ' seconds')"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--contacts", type=int, default=100_000)
    options.add_argument("--each", action="store_true", help="KPI by KPI")
    options.add_argument("--keep", type=Path, help="make the store there, or take the one that is there")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = (chosen.keep or Path(folder) / "shop.db").resolve()
        fresh = not path.exists()
        with Store(f"sqlite:///{path}") as store:
            if fresh:
                took = seconds(lambda: build(store, chosen.contacts))
                print(f"made in {took:.0f} s, {path.stat().st_size / 2**20:,.0f} MB")
            measure(store, chosen.contacts, each=chosen.each)


def measure(store: Store, contacts: int, *, each: bool) -> None:
    settings = _settings()
    period = kpis.default_period(NOW, "UTC")

    def counted(keys: list[str] | None = None) -> list[kpis.Kpi]:
        with store.read() as connection:
            return kpis.compute(connection, period=period, as_of=NOW, settings=settings, keys=keys)

    if each:
        for measure in kpis.KPIS:
            began = time.process_time()
            took = seconds(lambda key=measure.key: counted([key]))  # type: ignore[misc]
            print(f"  {measure.key:34}{took:8.2f} s {time.process_time() - began:8.2f} s of one core")
    store.reader.dispose()
    figures: list[kpis.Kpi] = []
    began, before = time.process_time(), _resident("RssAnon")
    with _Peak() as peak:
        cold = seconds(lambda: figures.extend(counted()))
    busy = time.process_time() - began
    began = time.process_time()
    plain = seconds(lambda: _scan(store))
    plainly_busy = time.process_time() - began
    kpis.keep(store, figures, settings)
    pages = sorted(seconds(lambda: _page(store, settings, period)) for _ in range(20))
    with store.read() as connection:
        same = kpis.kept(connection, period=period, settings=settings) == figures
    told = sum(kpi.value is not None for kpi in figures)
    print(f"{contacts:,} contacts, {3 * contacts:,} orders, {10 * contacts:,} events: {told} of {len(figures)} figures")
    print(
        f"the whole set, from the rows        {cold:8.2f} s   {cold / plain:5.1f} x a look at all orders ({plain:.2f})"
    )
    print(f"  of it busy on one core            {busy:8.2f} s   {busy / plainly_busy:5.1f} x ({plainly_busy:.2f})")
    print(f"a page of kept figures, p50 and p95 {1000 * pages[10]:8.1f} ms {1000 * pages[18]:7.1f} ms")
    print(f"kept equal counted anew             {'yes' if same else 'NO':>8}")
    print(f"memory at the most, before          {peak.own:8.0f} MB {before:7.0f} MB")
    print(f"  beside it of the file, lent       {peak.file:8.0f} MB")


def _page(store: Store, settings: Settings, period: kpis.Period) -> None:
    """What a page shows: every figure of the period, and the goals' figures of twelve months."""
    with store.read() as connection:
        kpis.kept(connection, period=period, settings=settings)


def _scan(store: Store) -> None:
    with store.read() as connection:
        connection.exec_driver_sql(
            "SELECT contact_id, count(*), sum(value) FROM purchases GROUP BY contact_id"
        ).fetchall()


class _Peak:
    """How much memory of its own this process comes to meanwhile, and how much of files that the system lends it."""

    def __enter__(self) -> _Peak:
        self.own = self.file = 0.0
        self._over = threading.Event()
        self._looks = threading.Thread(target=self._look)
        self._looks.start()
        return self

    def _look(self) -> None:
        while not self._over.wait(0.02):
            self.own = max(self.own, _resident("RssAnon"))
            self.file = max(self.file, _resident("RssFile") + _resident("RssShmem"))

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._looks.join()


def _resident(kind: str) -> float:
    """Megabytes."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(kind)) / 1024


def seconds(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def build(store: Store, contacts: int) -> None:
    """The rows, made by the database itself; indexes follow once they are in."""
    indexes = [(table, set(table.indexes)) for table in metadata.sorted_tables]
    for table, own in indexes:
        table.indexes -= own
    metadata.create_all(store.writer)
    store.relax()
    with store.write() as connection:
        connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        for many, table, columns in _rows(contacts):
            values = ", ".join(columns.values())
            numbers = f"WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {many})"
            connection.exec_driver_sql(
                f"{numbers} INSERT INTO {table} ({', '.join(columns)}) SELECT {values} FROM numbers"
            )
    for table, own in indexes:
        table.indexes |= own
        for index in own:
            index.create(store.writer)
    with store.write() as connection:
        connection.exec_driver_sql("ANALYZE")


def _rows(contacts: int) -> list[tuple[int, str, dict[str, str]]]:
    """How many rows of which table, and each column as SQL of the row's number n."""

    def who(salt: int) -> str:
        # Some people do more than others: the square of an even draw.
        draw = _DRAW.format(salt=salt)
        return f"(1 + CAST({contacts - 1} * {draw} * {draw} AS INTEGER))"

    def at(salt: int) -> str:
        return _AT.format(draw=_DRAW.format(salt=salt))

    def draw(salt: int) -> str:
        return _DRAW.format(salt=salt)

    def fact(salt: int, **own: str) -> dict[str, str]:
        common = {"connector": "'shop'", "source_id": "n", "row_hash": "''", "seen_at": f"'{LONG_AGO}'"}
        return common | {"contact_source": who(salt)} | own

    seen = f"'{LONG_AGO}'"
    day = "substr({0}, 1, 10)"
    return [
        (contacts, "contacts", {
            "id": "n", "key": "'shop:' || n", "draw": draw(7919), "zone": "'UTC'", "bad_timezone": "0",
            "custom": "'{}'", "country": "substr('PLDEFRGBUS', 1 + 2 * (n % 5), 2)", "created_at": seen,
            "seen_at": seen, "changed_at": seen, "orders_count": "0", "open_tickets": "0", "churn_risk": draw(31337),
        }),
        (contacts, "contact_sources", {
            "id": "n", "connector": "'shop'", "source_id": "n", "contact_id": "n", "seen_at": seen,
        }),
        (3 * contacts, "purchases", {
            "contact_id": who(104729), "order_key": "'shop:' || n", "at": at(15485863), "currency": "'EUR'",
            "total": f"10000 * CAST(10 + 200 * {draw(611953)} AS INTEGER)",
            "net": f"10000 * CAST(10 + 200 * {draw(611953)} AS INTEGER)",
            "value": f"10000 * CAST(10 + 200 * {draw(611953)} AS INTEGER)", "seen_at": seen,
        }),
        (3 * contacts, "usage", fact(
            1299709, user_id="'u' || (n % 400009)", customer_id="''", feature="'f' || (n % 7)", at=at(32452843))),
        (3 * contacts, "sessions", fact(
            86028121, visitor_id="'v' || (n % 900007)", started_at=at(49979687), purchased="n % 40 = 0")),
        (2 * contacts, "emails", fact(
            67867967, message_id="n", contact_id="''", sent_at=at(982451653), bounced="n % 50 = 0",
            machine_open="n % 4 = 0", human_open="n % 5 = 0", clicked="n % 25 = 0", unsubscribed="n % 500 = 0",
            complained="n % 5000 = 0")),
        (20, "playbook_versions", {
            "playbook": "'p' || (n % 20)", "version": "'v'", "body": """'{"holdout": 0.1}'""", "at": seen,
        }),
        (contacts, "enrollments", {
            "id": "n", "playbook": "'p' || (n % 20)", "version": "'v'", "contact_id": "n", "occasion": "n",
            "facts": "'{}'", "arm": f"CASE WHEN {draw(256203161)} < 0.1 THEN 'holdout' ELSE 'treated' END",
            "state": "'done'", "step": "'a'", "attempt": "0", "occurred_at": at(179424673), "step_since": at(179424673),
            "due_at": at(179424673), "entered_at": at(179424673),
        }),
        (contacts, "sends", {
            "id": "'s-' || n", "enrollment_id": "n", "playbook": "'p' || (n % 20)", "step": "'a'", "part": "0",
            "attempt": "1", "action": "CASE WHEN n % 3 = 0 THEN 'survey' ELSE 'send_email' END", "about": "'nps'",
            "contact_id": "n", "address": "'a' || n || '@b.eu'", "mailer": "'sendgrid'", "topic": "'all'",
            "purpose": "'marketing'", "state": "'accepted'", "claimed_at": at(179424673),
            "local_day": day.format(at(179424673)),
            "opened": "CASE n % 4 WHEN 0 THEN 'human' WHEN 1 THEN 'machine' END", "delivery": "'delivered'",
        }),
        (contacts // 2, "surveys", fact(
            275604541, response_id="n", contact_id="''", kind="substr('npscsat', 1 + 3 * (n % 2), 3 + n % 2)",
            scale="CASE n % 2 WHEN 0 THEN '0-10' ELSE '1-5' END",
            score="CASE n % 2 WHEN 0 THEN n % 11 ELSE 1 + n % 5 END", sent_at=at(9576890767),
            responded_at=at(9576890767))),
        (contacts // 2, "tickets", fact(
            472882027, ticket_id="n", contact_id="''", created_at=at(553105243),
            first_reply_at=f"datetime({at(553105243)}, '+' || (n % 5000) || ' minutes') || '.000000'",
            solved_at=f"datetime({at(553105243)}, '+' || (n % 9000 + 5000) || ' minutes') || '.000000'")),
        (contacts // 10, "subscriptions", fact(
            633910099, subscription_id="n", customer_id="''", product="'pro'", kind="'plan'", interval="'month'",
            quantity="10000", unit_amount=f"10000 * CAST(10 + 90 * {draw(715225739)} AS INTEGER)",
            started_on=day.format(at(817504243)),
            ended_on=f"CASE WHEN n % 3 = 0 THEN date({day.format(at(817504243))}, '+300 days') END")),
    ]  # fmt: skip


def _settings() -> Settings:
    return Settings.model_validate(
        {
            "public_url": "https://acme.example",
            "secret": "long enough",
            "sender": {"name": "Acme", "email": "hello@acme.example", "address": "1 Main St"},
            "mail": {"type": "outbox"},
            "kpis": {"activity_window": "180 days"},
        }
    )


if __name__ == "__main__":
    main()
