"""Months of the calendar, and whose answer the mere passing of time may change: what incremental ticks rely on."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from runner.conditions import Condition, Flip, Today
from runner.conditions.fields import known_fields
from runner.conditions.months import latest_start, months_between
from runner.duration import Duration
from runner.store import Store, look_by_index
from runner.store.tables import companies, contacts
from runner.triggers.window import Standing, Window
from tests.core.crowd import NOW, TODAY, ZONES, fill, found
from tests.core.test_conditions_agree import LIMITS, ORDERS, conditions, days, joined, measures, spans, times

calendar_days = st.dates(date(1900, 1, 1), date(2100, 12, 31))


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    with Store(database) as opened:
        fill(opened)
        yield opened


# --- months


def later(day: date, months: int) -> date:
    """So many months later, on the last day where the month is too short."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


@given(calendar_days, calendar_days)
@example(date(2026, 1, 31), date(2026, 2, 28))
@example(date(2024, 2, 29), date(2025, 2, 28))
def test_as_many_months_are_over_as_the_calendar_has_turned(start: date, end: date) -> None:
    months = months_between(start, end)
    assert later(start, months) <= end < later(start, months + 1)


@given(calendar_days, st.integers(-600, 600), st.integers(-40, 40))
def test_the_latest_start_is_the_last_day_from_which_so_many_months_are_over(end: date, months: int, off: int) -> None:
    latest = latest_start(end, months)
    start = latest + timedelta(days=off)
    assert (months_between(start, end) >= months) == (start <= latest)


@pytest.mark.parametrize(
    ("start", "end", "months"),
    [("2026-01-31", "2026-02-27", 0), ("2026-01-31", "2026-02-28", 1), ("2026-01-31", "2026-03-30", 1),
     ("2024-02-29", "2026-02-28", 24), ("2026-03-29", "2026-03-28", -1)],
)  # fmt: skip
def test_a_month_begun_on_the_31st_is_over_on_a_shorter_month_s_last_day(start: str, end: str, months: int) -> None:
    assert months_between(date.fromisoformat(start), date.fromisoformat(end)) == months


# --- what time can change


def atoms(source: str) -> list[str]:
    return [
        " ".join(filter(None, (atom.flip, atom.of, str(atom.after) if atom.after else "", _months(atom.months))))
        for atom in Condition(source, known_fields(None)).atoms
    ]


def _months(months: int | None) -> str:
    return "" if months is None else f"{months} months"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("contact.nps_score <= 6 and contact.country == 'PL'", []),
        ("days_since(contact.last_order_at) > 30", ["instant contact.last_order_at 30 days, 0:00:00"]),
        ("30 < days_since(contact.last_order_at) <= 60", ["instant contact.last_order_at 30 days, 0:00:00",
                                                          "instant contact.last_order_at 60 days, 0:00:00"]),
        ("days_until(contact.birthday) == 3", ["day contact.birthday -3 days, 0:00:00"]),
        ("contact.birthday <= today", ["day contact.birthday"]),
        ("contact.nps_at < now", ["instant contact.nps_at"]),
        ("months_since(contact.customer_since) >= 12", ["day contact.customer_since 12 months",
                                                        "day contact.customer_since 13 months"]),
        ("contact.orders_count / months_since(contact.customer_since) > 1",
         ["midnight months_since(contact.customer_since)"]),
        ('count(events.login, within="30 days") < 3',
         ['window count(events.login, within="30 days") 30 days, 0:00:00']),
        ("days_since(last(orders)) > 90", ["instant last(orders) 90 days, 0:00:00", "window last(orders)"]),
        ("days_since(contact.nps_at) > contact.orders_count", ["always days_since(contact.nps_at)"]),
        ('now > "2026-12-24"', ["moment now"]),
    ],
)  # fmt: skip
def test_the_atoms_name_what_time_can_change(source: str, expected: list[str]) -> None:
    assert atoms(source) == expected


@dataclass(frozen=True)
class Between:
    """The time between two ticks."""

    since: datetime
    now: datetime
    zones: tuple[str, ...] = ZONES

    def value(self, of: Callable[[Any], Any], kind: sa.types.TypeEngine[Any]) -> Any:
        return sa.literal(of(self), kind)


#: Mostly those that time changes.
timed = st.recursive(
    joined(spans | measures, ORDERS, LIMITS) | joined(days, ORDERS, days) | joined(times, ORDERS, times),
    lambda inner: (
        inner.map("not ({})".format) | joined(inner, st.sampled_from(("and", "or")), inner).map("({})".format)
    ),
    max_leaves=2,
)
#: Ticks around the instants at which something turns in the crowd, and far from them.
instants = st.builds(
    lambda days, seconds: NOW + timedelta(days=days, seconds=seconds),
    st.sampled_from((-40, -7, -2, -1, 0, 1, 2, 3, 7, 30, 45)),
    st.sampled_from((-86399, -3600, -1, 0, 1, 1783, 3600, 43200)),
)
spans_of_time = st.tuples(instants, instants).map(sorted)


def test_nobody_s_answer_changes_between_two_instants_save_those_the_atoms_find(store: Store) -> None:
    with store.read() as connection:
        fields = known_fields(connection)
        survivors = set(connection.scalars(sa.select(contacts.c.id).where(contacts.c.merged_into.is_(None))))

        @settings(max_examples=120, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
        @given(timed | conditions, spans_of_time)
        @example("days_since(contact.last_order_at) > 30", [NOW - timedelta(seconds=1), NOW + timedelta(seconds=1)])
        @example("days_since(last(orders)) >= 45", [NOW, NOW + timedelta(hours=1)])
        @example('count(events, within="30 days") > 1', [NOW, NOW + timedelta(seconds=1)])
        @example(
            "months_since(contact.birthday) >= 2 or days_until(contact.renews) < 3", [NOW, NOW + timedelta(days=3)]
        )
        @example("contact.renews <= today", [NOW, NOW + timedelta(hours=1)])
        @example("days_since(contact.renews) > 2.5", [NOW, NOW + timedelta(days=1)])
        @example("months_since(contact.nps_at) >= 1", [NOW - timedelta(hours=14), NOW + timedelta(hours=1)])
        @example('now > "2026-03-29"', [NOW, NOW + timedelta(hours=1)])
        def covered(source: str, span: list[datetime]) -> None:
            condition, (since, now) = Condition(source, fields), span
            before, after = (found(connection, condition, Today(at, ZONES)) for at in (since, now))
            flips = condition.flips(Between(since, now))
            assert flips is None or ((before ^ after) & survivors) <= _chosen(connection, flips), source

        covered()


def _chosen(connection: sa.Connection, clause: Any) -> set[int]:
    joined = sa.select(contacts.c.id).outerjoin_from(contacts, companies, companies.c.id == contacts.c.company_id)
    return set(connection.scalars(joined.where(clause)))


def test_what_turns_for_nobody_in_a_minute_finds_nobody(store: Store) -> None:
    minute = Between(datetime(2026, 3, 20, 12, 0, tzinfo=UTC), datetime(2026, 3, 20, 12, 1, tzinfo=UTC))
    source = """days_since(contact.last_order_at) > 30 and contact.birthday <= today
        and months_since(contact.nps_at) > 2 and count(orders, within="30 days") > 1"""
    with store.read() as connection:
        assert _chosen(connection, Condition(source, known_fields(connection)).flips(minute)) == set()


def test_whoever_ordered_thirty_days_ago_is_found_when_it_is_thirty_days(store: Store) -> None:
    with store.write() as connection:
        connection.execute(contacts.update().where(contacts.c.id == 7).values(last_order_at=NOW - timedelta(days=30)))
    with store.read() as connection:
        condition = Condition("days_since(contact.last_order_at) > 30", known_fields(connection))
        flips = _chosen(connection, condition.flips(Between(NOW, NOW + timedelta(seconds=5))))
        same = sa.select(contacts.c.id).where(contacts.c.last_order_at == NOW - timedelta(days=30))
        assert 7 in flips
        assert flips == set(connection.scalars(same))


def test_a_condition_on_what_a_trigger_brings_cannot_say_whom_time_changes() -> None:
    condition = Condition("days_since(event.at) > 3", known_fields(None).bringing("event"))
    assert condition.flips(Between(NOW, NOW + timedelta(days=1))) is None
    assert [atom.flip for atom in condition.atoms] == [Flip.INSTANT]


@pytest.mark.parametrize(
    ("source", "index"),
    [
        ("days_since(contact.last_order_at) > 30", "ix_contacts_last_order_at"),
        ("days_since(contact.customer_since) > 30", "ix_contacts_customer_since"),
        ("contact.customer_since == today", "ix_contacts_customer_since"),
        ("months_since(contact.customer_since) >= 12", "ix_contacts_customer_since"),
        ("months_since(contact.last_order_at) >= 12", "ix_contacts_last_order_at"),
        ('count(events.login, within="30 days") > 5', "ix_events_contact_source"),
        ('sum(orders.total, within="30 days") > 5', "ix_purchases_contact_id"),
        ("days_since(last(answers.nps)) > 5", "ix_answers_contact_id"),
        ("count(tickets) > 5", "ix_tickets_contact_source"),
    ],
)
def test_what_is_asked_of_ages_and_facts_an_index_answers(store: Store, source: str, index: str) -> None:
    if not store.is_sqlite:
        with store.write() as connection:
            connection.execute(sa.text("ANALYZE"))
    with store.read() as connection:
        look_by_index(connection)
        chosen = sa.select(contacts.c.id).where(Condition(source, known_fields(connection)).sql(TODAY))
        assert index in _plan(connection, chosen)


def _plan(connection: sa.Connection, chosen: sa.Select[Any]) -> str:
    asked: list[tuple[str, Any]] = []
    sa.event.listen(connection, "before_cursor_execute", lambda *told: asked.append(told[2:4]))
    connection.execute(chosen)
    statement, parameters = asked[0]
    explain = "EXPLAIN QUERY PLAN" if connection.dialect.name == "sqlite" else "EXPLAIN"
    return "\n".join(str(row[-1]) for row in connection.exec_driver_sql(f"{explain} {statement}", parameters))


@pytest.mark.parametrize(
    "source",
    [
        "days_since(contact.last_order_at) > 30 or contact.birthday <= today",
        "months_since(contact.nps_at) >= 1 and days_until(contact.renews) < 9",
        'count(events, within="30 days") > 2 or days_since(last(orders)) > 45',
    ],
)
def test_a_statement_built_once_answers_for_every_later_tick(store: Store, source: str) -> None:
    with store.read() as connection:
        fields = known_fields(connection)
        windows = [
            Window(NOW, since, since + timedelta(days=20), Duration(3, "day"), ZONES, fields)
            for since in (NOW - timedelta(days=40), NOW, NOW + timedelta(days=1))
        ]
        condition, standing = Condition(source, fields), Standing(windows[0])
        holds, flips = condition.sql(standing.today), condition.flips(standing)
        for window in windows:
            standing.move(window)
            assert _chosen(connection, holds) == _chosen(connection, condition.sql(window.today))
            assert _chosen(connection, flips) == _chosen(connection, condition.flips(window))
