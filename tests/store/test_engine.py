"""What the store promises: no lost update, exact sums, times with a zone, the same draw on both databases."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError, StatementError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from runner.store import Store
from runner.store.functions import draw, draw_of
from runner.store.tables import companies, meta, purchases, runs, sends, stale_contacts
from runner.store.types import Exact

AT = datetime(2026, 11, 22, 9, tzinfo=UTC)


def test_two_writers_lose_no_update(database: str) -> None:
    with Store(database) as store:
        with store.write() as connection:
            connection.execute(meta.insert().values(key="count", value=0))
        threads = [threading.Thread(target=_count_up, args=(database, 50)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with store.read() as connection:
            assert connection.scalar(sa.select(meta.c.value).where(meta.c.key == "count")) == 100


def _count_up(url: str, times: int) -> None:
    with Store(url) as store:
        for _ in range(times):
            with store.write() as connection:
                row = sa.select(meta.c.value).where(meta.c.key == "count").with_for_update()
                value = connection.scalar(row)
                connection.execute(meta.update().where(meta.c.key == "count").values(value=value + 1))


def test_readers_of_sqlite_cannot_write(sqlite_url: str) -> None:
    with Store(sqlite_url) as store, store.read() as connection, pytest.raises(OperationalError, match="readonly"):
        connection.execute(stale_contacts.insert().values(contact_id=1))


def test_only_a_note_does_not_wait_for_the_disk(database: str) -> None:
    # The tests' own server waits for no disk.
    url = database if database.startswith("sqlite") else f"{database}&options=-csynchronous_commit%3Don"
    with Store(url) as store:
        asked = sa.text("PRAGMA synchronous" if store.is_sqlite else "SHOW synchronous_commit")
        waits = []
        for transaction in (store.note, store.write):
            with transaction() as connection:
                waits.append(connection.scalar(asked))
    # SQLite's words: 1 is NORMAL, 2 is FULL.
    assert waits == ([1, 2] if store.is_sqlite else ["off", "on"])


def test_a_time_without_zone_is_refused(database: str) -> None:
    with Store(database) as store, pytest.raises(StatementError, match="without zone"), store.write() as connection:
        connection.execute(runs.insert().values(name="tick", due="1", started_at=AT.replace(tzinfo=None)))


def test_times_come_back_in_utc(database: str) -> None:
    warsaw = AT.astimezone(timezone(timedelta(hours=1)))
    with Store(database) as store, store.write() as connection:
        connection.execute(runs.insert().values(name="tick", due="1", started_at=warsaw))
        found = connection.scalar(sa.select(runs.c.started_at))
    assert found == AT
    assert found.tzinfo is UTC


def test_sums_of_money_are_exact(database: str) -> None:
    with Store(database) as store, store.write() as connection:
        rows = [{"amount": Decimal("0.1")}] * 3
        connection.execute(sa.text("CREATE TABLE prices (amount BIGINT)"))
        prices = sa.table("prices", sa.column("amount", Exact(4)))
        connection.execute(prices.insert(), rows)
        assert connection.scalar(sa.select(sa.func.sum(prices.c.amount))) == Decimal("0.3")


def test_somebody_draws_the_same_number_on_both_databases_and_in_python(database: str) -> None:
    with Store(database) as store, store.read() as connection:
        drawn = connection.scalar(sa.select(draw(sa.literal("holdout:win_back:crm:4711"))))
    assert drawn == pytest.approx(draw_of("holdout:win_back:crm:4711"), abs=1e-12)


def test_a_state_that_is_none_is_refused(database: str) -> None:
    with Store(database) as store, pytest.raises(sa.exc.IntegrityError), store.write() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO suppressions (address, reason, source, at) VALUES ('a@b.c', 'whim', 'test', '2026-11-22')"
            )
        )


def test_one_letter_has_one_row_a_step_and_attempt(database: str) -> None:
    names = {
        tuple(c.name for c in constraint.columns)
        for constraint in sends.constraints
        if isinstance(constraint, sa.UniqueConstraint)
    }
    assert ("enrollment_id", "step", "part", "attempt") in names
    with Store(database) as store, store.read() as connection:
        unique = {tuple(u["column_names"]) for u in sa.inspect(connection).get_unique_constraints("sends")}
    assert ("enrollment_id", "step", "part", "attempt") in unique


def test_the_database_lowers_letters_beyond_ascii(database: str) -> None:
    with Store(database) as store, store.read() as connection:
        assert connection.scalar(sa.select(sa.func.lower(sa.literal("KÖLN ŁÓDŹ")))) == "köln łódź"


def test_derived_tables_name_their_keys_once() -> None:
    assert purchases.c.order_key.unique
    assert companies.c.key.unique


def test_what_one_store_compiled_no_other_compiles_again(database: str) -> None:
    compiled: list[str] = []

    class one(FunctionElement[int]):
        name = "one"
        inherit_cache = True
        type = sa.Integer()

    @compiles(one)
    def _tell(element: one, compiler: sa.Compiled, **_: object) -> str:
        compiled.append(compiler.dialect.name)
        return "1"

    for _ in range(2):
        with Store(database) as store, store.read() as reading, store.write() as writing:
            assert reading.scalar(sa.select(one())) == writing.scalar(sa.select(one())) == 1
    assert len(compiled) == 1
