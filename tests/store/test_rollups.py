"""What is counted by day is what the rows come to, whatever is written, however much of it has been counted already."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from runner import log
from runner.store import Store
from runner.store.rollups import Span, _decided, _mailed, decided, mailed, refresh
from runner.store.tables import decisions, log_days, sends, stale_days
from tests.web.given import NOON, letter, person

DAY = timedelta(days=1)


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    with Store(database) as opened:
        yield opened


def test_through_any_changes_the_counts_are_what_the_rows_come_to(store: Store) -> None:
    draw, ada = random.Random(11), person(store)
    for number in range(60):
        letter(store, ada, f"s-{number}", claimed_at=NOON + number % 7 * DAY, playbook="nps")
    for _ in range(12):
        with store.write() as connection:
            for _ in range(draw.randrange(6)):
                _anything(connection, draw, ada)
        if draw.random() < 0.5:
            refresh(store)
        for since in (None, NOON + timedelta(hours=draw.randrange(200))):
            with store.read() as connection:
                assert _sorted(decided(connection, since)) == _sorted(_rows(connection, _decided(Span(None, since))))
                assert _sorted(mailed(connection, since)) == _sorted(_rows(connection, _mailed(Span(None, since))))
    refresh(store)
    with store.read() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(stale_days)) == 0
        assert connection.scalar(sa.select(sa.func.count()).select_from(log_days)) > 0


def _anything(connection: sa.Connection, draw: random.Random, ada: int) -> None:
    """A letter is opened, refused or forgotten, a decision made, put off or taken back."""
    at, one = NOON + timedelta(hours=draw.randrange(200)), f"s-{draw.randrange(60)}"
    match draw.randrange(5):
        case 0:
            values = {
                "opened": draw.choice(["human", "machine", "unknown", None]),
                "delivery": draw.choice(["bounced", None]),
            }
            connection.execute(sends.update().where(sends.c.id == one).values(values))
        case 1:
            connection.execute(sends.update().where(sends.c.id == one).values(state="unsure", settled_at=None))
        case 2 | 3:
            row = {
                "at": at,
                "playbook": draw.choice(["nps", "thanks"]),
                "version": "v",
                "contact_id": ada,
                "step": "ask",
            }
            row |= {"occasion": str(draw.random()), "action": "survey", "arm": "treated", "reason": draw.choice("ab")}
            connection.execute(decisions.insert().values(**row, status=draw.choice(["done", "held"])))
        case 4:
            some = decisions.c.at > at
            connection.execute(decisions.update().where(some).values(at=at + DAY, status="ended"))


def _rows(connection: sa.Connection, counted: sa.Select[Any]) -> list[dict[str, Any]]:
    return [dict(row) for row in connection.execute(counted).mappings()]


def _sorted(rows: list[dict[str, Any]]) -> list[str]:
    told = [{name: value if isinstance(value, str) else int(value) for name, value in row.items()} for row in rows]
    return sorted(str(sorted(row.items())) for row in told)


def test_the_summary_is_read_without_a_look_at_the_rows(store: Store) -> None:
    letter(store, person(store), opened="human")
    refresh(store)
    with store.write() as connection:  # behind the triggers' back
        for table in ("sends", "decisions"):
            on_sqlite = f"DROP TRIGGER day_{table}_update"
            connection.exec_driver_sql(on_sqlite if store.is_sqlite else f"{on_sqlite} ON {table}")
        connection.execute(sends.update().values(opened=None))
    with store.read() as connection:
        (told,) = log.summary(connection, count_people=False)
    assert (told.mail.sent, told.mail.human_open, told.people) == (1, 1, None)
