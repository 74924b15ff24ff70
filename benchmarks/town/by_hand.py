"""What somebody would write who knows SQL and the 25 starter playbooks: one INSERT … SELECT each, with its indexes.

They write down who enters and, for what is watched, since when it has been so. They do not write down who may not
enter and why, draw no holdouts, know no brake, follow no mergers, and keep nobody from entering again too soon.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

from runner import clock
from town import NOON, ZONES, fastest

_ENTER = """
INSERT INTO enrollments (playbook, version, contact_id, occasion, anchor, facts, arm, state, step, attempt,
                         occurred_at, step_since, due_at, entered_at)
SELECT '{id}', 'v', c.id, {occasion}, NULL, '{{}}', 'treated', 'active', 'first', 0, :now, :now, :now, :now
FROM {source} WHERE {where} ON CONFLICT DO NOTHING
"""
_MONTH_DAY = "(CAST(substr({0}, 6, 2) AS INTEGER) * 100 + CAST(substr({0}, 9, 2) AS INTEGER))"
_CUSTOMER = "c.lifecycle_stage = 'customer' AND NOT c.is_test"
_ANYBODY = "NOT c.is_test"
#: By the index of the day and not by that of the zone, which half the town has in common.
_LIVES = "+c.zone = d.zone"
_RENEWAL = "c.custom ->> '$.renewal_date'"


@dataclass(frozen=True, slots=True)
class Dated:
    """A playbook that looks for a day of a contact's: so many days from that day to the due one, and at what hour."""

    id: str
    offset: int
    hour: float
    column: str
    kind: str
    audience: str = _CUSTOMER
    #: How many days late it may begin.
    catch_up: int = 3

    @property
    def sql(self) -> str:
        falls_on = {
            "yearly": f"{_MONTH_DAY.format(self.column)} = d.month_day AND {self.column} < d.day",
            "day": f"{self.column} = d.day",
            "instant": f"{self.column} >= d.start_at AND {self.column} < d.end_at",
        }[self.kind]
        lives = "c.zone = d.zone" if self.kind == "yearly" else _LIVES
        return _ENTER.format(
            id=self.id,
            occasion="c.last_order_id" if self.column == "c.last_order_at" else "d.day",
            source="days d CROSS JOIN contacts c",
            where=f"d.playbook = '{self.id}' AND {lives} AND {falls_on} AND {self.audience}",
        )


DATED = (
    Dated("after_first_order", 21, 10, "c.first_order_at", "instant", f"{_CUSTOMER} AND c.orders_count = 1"),
    Dated("anniversary", 0, 9, "c.customer_since", "yearly"),
    Dated("birthday", 0, 8.5, "c.birthday", "yearly", catch_up=1),
    Dated("community_invite", 60, 11, "c.customer_since", "day", f"{_CUSTOMER} AND c.orders_count >= 2"),
    Dated("csat_after_order", 5, 17, "c.last_order_at", "instant"),
    Dated(
        "lapsed_audience",
        181,
        0,
        "c.last_order_at",
        "instant",
        f"{_ANYBODY} AND c.consent = 'yes' AND NOT c.opted_out AND c.orders_count > 0",
    ),
    Dated("onboarding", 1, 9.5, "c.customer_since", "day"),
    Dated("referral_invitation", 2, 10.5, "c.nps_at", "instant", f"{_CUSTOMER} AND c.nps_score >= 9"),
    Dated("renewal_notice", -30, 9, _RENEWAL, "day"),
    Dated("renewal_run", -90, 9, _RENEWAL, "day"),
    Dated(
        "restock",
        45,
        10,
        "c.last_order_at",
        "instant",
        f"{_CUSTOMER} AND c.open_tickets = 0 AND NOT coalesce(c.nps_score <= 6, 0)"
        " AND (SELECT count(*) FROM purchases p WHERE p.contact_id = c.id AND p.at > :year_ago AND p.at <= :now) >= 2",
    ),
    Dated("review_request", 45, 11, "c.customer_since", "day"),
    Dated("win_back", 121, 0, "c.last_order_at", "instant", f"{_CUSTOMER} AND c.orders_count > 0"),
)
#: Those whose day is not one of the contact's own columns: their days are drawn up, the SELECTs stand below.
_OTHER_DAYS = (("quarterly_nps", 0, 10, 3), ("exit_question", 14, 10, 3), ("payment_reminder", 3, 10, 3))


def _through(table: str) -> str:
    return (
        f"{table} f CROSS JOIN contact_sources s ON s.id = f.contact_source"
        " CROSS JOIN contacts c ON c.id = s.contact_id"
    )


def _arrived(at: str) -> str:
    return f"f.{at} > :since AND f.{at} <= :now AND {_ANYBODY}"


_OTHERS = (
    _ENTER.format(
        id="quarterly_nps",
        occasion="d.day",
        source="days d CROSS JOIN contacts c",
        where="d.playbook = 'quarterly_nps' AND c.zone = d.zone AND c.draw >= d.month_day / 90.0"
        f" AND c.draw < (d.month_day + 1) / 90.0 AND {_CUSTOMER} AND c.customer_since < date(:now, '-30 days')",
    ),
    _ENTER.format(
        id="exit_question",
        occasion="f.source_id",
        source=f"days d CROSS JOIN {_through('contracts')}",
        where=f"d.playbook = 'exit_question' AND f.ends_on = d.day AND {_LIVES} AND f.renewed_on IS NULL"
        f" AND {_ANYBODY}",
    ),
    _ENTER.format(
        id="payment_reminder",
        occasion="f.source_id",
        source=f"days d CROSS JOIN {_through('invoices')}",
        where=f"d.playbook = 'payment_reminder' AND f.due_on = d.day AND {_LIVES} AND f.paid_on IS NULL AND {_ANYBODY}",
    ),
    _ENTER.format(
        id="cart_abandoned",
        occasion="f.source_id",
        source=_through("carts"),
        where="f.created_at > :since_carts AND f.created_at <= :until_carts AND f.checked_out_at IS NULL"
        f" AND {_ANYBODY} AND NOT EXISTS (SELECT 1 FROM purchases p WHERE p.contact_id = c.id"
        " AND p.at >= f.created_at AND p.at <= :now)",
    ),
    _ENTER.format(
        id="low_score_followup",
        occasion="f.source_id",
        source=_through("surveys"),
        where=f"f.kind = 'nps' AND f.score <= 6 AND {_arrived('responded_at')}",
    ),
    _ENTER.format(
        id="high_score_thanks",
        occasion="f.source_id",
        source=_through("surveys"),
        where=f"f.kind = 'csat' AND f.score >= 5 AND {_arrived('responded_at')} AND {_CUSTOMER}"
        " AND NOT coalesce(c.nps_score >= 9, 0)",
    ),
    _ENTER.format(id="mention_task", occasion="f.source_id", source=_through("mentions"), where=_arrived("at")),
    _ENTER.format(
        id="report_unopened",
        occasion="f.source_id",
        source=_through("events"),
        where=f"f.kind = 'report_sent' AND {_arrived('at')}",
    ),
    _ENTER.format(
        id="ticket_followup",
        occasion="f.source_id",
        source=_through("tickets"),
        where=f"f.solved_at IS NULL AND {_arrived('created_at')}",
    ),
)


def _logins(days: int) -> str:
    return (
        "(SELECT count(*) FROM contact_sources s JOIN events e ON e.contact_source = s.id WHERE s.contact_id = c.id"
        f" AND e.kind = 'login' AND e.at > :before_{days} AND e.at <= :now)"
    )


#: Playbook, whether it is so of a contact, whether it is so no longer, and who may enter.
_WATCHED = (
    ("churn_watch", "c.churn_risk > 0.7", "c.churn_risk < 0.6", f"{_CUSTOMER} AND c.orders_count >= 3"),
    ("ten_orders", "c.orders_count >= 10", "NOT c.orders_count >= 10", _CUSTOMER),
    (
        "usage_drop",
        f"({_logins(90)} >= 8 AND {_logins(14)} = 0)",
        f"NOT ({_logins(90)} >= 8 AND {_logins(14)} = 0)",
        _CUSTOMER,
    ),
)


def _watch(id: str, so: str, no_longer: str, audience: str) -> Iterator[str]:
    """Who enters, of whom it is so no longer, and of whom it begins to be so; at the first look it was so before."""
    known = f"contacts c LEFT JOIN trigger_states t ON t.playbook = '{id}' AND t.contact_id = c.id"
    begins = f"{so} AND (t.contact_id IS NULL OR NOT t.holds)"
    yield _ENTER.format(
        id=id,
        occasion="'episode ' || coalesce(t.episode + 1, 1)",
        source=known,
        where=f"NOT :first AND {begins} AND {audience}",
    )
    yield (
        f"UPDATE trigger_states SET holds = 0, since = :now WHERE playbook = '{id}' AND holds"
        f" AND EXISTS (SELECT 1 FROM contacts c WHERE c.id = contact_id AND {no_longer})"
    )
    yield (
        "INSERT INTO trigger_states (playbook, contact_id, episode, holds, existing, since)"
        f" SELECT '{id}', c.id, coalesce(t.episode + 1, 1), 1, :first, :now FROM {known} WHERE {begins}"
        " ON CONFLICT (playbook, contact_id) DO UPDATE SET"
        " holds = 1, episode = excluded.episode, existing = excluded.existing, since = excluded.since"
    )


#: The starters, each by one statement or, where something is watched, by three.
STATEMENTS: dict[str, tuple[str, ...]] = {
    **{dated.id: (dated.sql,) for dated in DATED},
    **{sql.split("SELECT '", 1)[1].split("'", 1)[0]: (sql,) for sql in _OTHERS},
    **{watched[0]: tuple(_watch(*watched)) for watched in _WATCHED},
}


class BySelects:
    """SQL alone."""

    def __init__(self, file: Path) -> None:
        self.db = sqlite3.connect(file, isolation_level=None)
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "cache_size = -65536", "temp_store = MEMORY"):
            self.db.execute(f"PRAGMA {pragma}")
        for column in ("customer_since", "birthday"):
            self.db.execute(f"CREATE INDEX hers_{column} ON contacts ({_MONTH_DAY.format(column)}, zone)")
        for column in ("nps_at", "first_order_at"):
            self.db.execute(f"CREATE INDEX hers_{column} ON contacts ({column})")
        self.db.execute("CREATE INDEX hers_renewal ON contacts (custom ->> '$.renewal_date')")
        self.db.execute("CREATE TEMP TABLE days (playbook, zone, day, month_day, start_at, end_at)")
        self.db.execute("CREATE INDEX temp.days_of ON days (playbook)")
        self._draw_up(NOON)
        # Without it SQLite takes the few days for very many, and scans everybody for a filter before it looks.
        self.db.execute("ANALYZE")

    def tick(self, now: datetime) -> None:
        """It looks at everybody every time."""
        self.db.execute("BEGIN IMMEDIATE")
        self._draw_up(now)
        values = _values(now)
        for statements in STATEMENTS.values():
            self._execute(statements, values)
        self.db.execute("COMMIT")

    def _draw_up(self, now: datetime) -> None:
        self.db.execute("DELETE FROM days")
        self.db.executemany("INSERT INTO days VALUES (?, ?, ?, ?, ?, ?)", _days(now))

    def _execute(self, statements: Sequence[str], values: dict[str, object]) -> None:
        for sql in statements:
            self.db.execute(sql, values)

    def looks(self, now: datetime) -> dict[str, float]:
        """Seconds of a look at everybody, by playbook; the days are those of the last tick."""
        values, took = _values(now), {}
        self.db.execute("BEGIN IMMEDIATE")
        for id, statements in STATEMENTS.items():
            took[id] = fastest(partial(self._execute, statements, values), 3)
        self.db.execute("ROLLBACK")
        return took

    def count(self, table: str) -> int:
        return int(self.db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])

    def close(self) -> None:
        self.db.close()


def _values(now: datetime) -> dict[str, object]:
    """The windows, of three days and for carts of two, as the playbooks have it."""
    since, cart = now - timedelta(days=3), timedelta(hours=4)
    told: dict[str, object] = {name: text(at) for name, at in {
        "now": now,
        "since": since,
        "since_carts": now - timedelta(days=2) - cart,
        "until_carts": now - cart,
        "year_ago": now - timedelta(days=365),
        "before_90": now - timedelta(days=90),
        "before_14": now - timedelta(days=14),
    }.items()}  # fmt: skip
    return told | {"first": now <= NOON}


def _days(now: datetime) -> Iterator[tuple[object, ...]]:
    """The days that each playbook is about now."""
    dated = ((one.id, one.offset, one.hour, one.catch_up) for one in DATED)
    for id, offset, hour, catch_up in (*dated, *_OTHER_DAYS):
        for zone in ZONES:
            today = clock.local(now, zone).date()
            for back in range(4):
                due = datetime.combine(today, datetime.min.time(), ZoneInfo(zone)) + timedelta(days=-back, hours=hour)
                if now - timedelta(days=catch_up) < due <= now:
                    day = today - timedelta(days=back + offset)
                    start, end = clock.midnight(day, zone), clock.midnight(day + timedelta(days=1), zone)
                    number = day.toordinal() % 90 if id == "quarterly_nps" else day.month * 100 + day.day
                    yield id, zone, day.isoformat(), number, text(start), text(end)


def text(moment: datetime) -> str:
    """As SQLite keeps it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


class ByLoop(BySelects):
    """Every contact is read and looked at, as a script would; only for playbooks that go by a contact's own day."""

    def tick(self, now: datetime) -> None:
        due: dict[tuple[str, str], list[tuple[object, ...]]] = {}
        for id, zone, *day in _days(now):
            due.setdefault((str(id), str(zone)), []).append(tuple(day))
        self.db.execute("BEGIN IMMEDIATE")
        self.db.row_factory = sqlite3.Row
        rows = self.db.execute(f"SELECT c.*, {_RENEWAL} AS renews FROM contacts c")
        found = [entry for row in rows for entry in _entries(row, due)]
        self.db.executemany(
            "INSERT OR IGNORE INTO enrollments (playbook, version, contact_id, occasion, facts, arm, state, step,"
            " attempt, occurred_at, step_since, due_at, entered_at)"
            " VALUES (?, 'v', ?, ?, '{}', 'treated', 'active', 'first', 0, ?, ?, ?, ?)",
            [(*entry, *[text(now)] * 4) for entry in found],
        )
        self.db.execute("COMMIT")
        self.db.row_factory = None


def _entries(row: sqlite3.Row, due: dict[tuple[str, str], list[tuple[object, ...]]]) -> Iterator[tuple[object, ...]]:
    """The playbooks that a contact enters now."""
    if row["lifecycle_stage"] != "customer" or row["is_test"]:
        return
    for one in DATED:
        value = row["renews" if one.column == _RENEWAL else one.column.removeprefix("c.")]
        if value is None or not (days := due.get((one.id, row["zone"]))):
            continue
        for day, month_day, start, end in days:
            if one.kind == "instant":
                falls = start <= value < end
            elif one.kind == "day":
                falls = value == day
            else:
                falls = int(value[5:7]) * 100 + int(value[8:10]) == month_day and value < day
            if falls:
                yield one.id, row["id"], row["last_order_id"] if one.column == "c.last_order_at" else day
