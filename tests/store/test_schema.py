"""The schema is one on both databases, and what the tables say is what the migrations make."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from runner.errors import NeedsPerson
from runner.store import Store, migrate, notes
from runner.store.migrate import HEAD, LOCK, alembic_config
from runner.store.tables import KEPT, REHEARSED, inbox, inbox_metadata, metadata
from tests.kill.process import PATIENCE, until


def test_migrations_make_the_tables_that_the_code_reads(empty_database: str) -> None:
    with Store(empty_database) as store:
        migrate(store)
        with store.writer.connect() as connection:
            context = MigrationContext.configure(connection, opts={"include_object": _not_the_inbox})
            assert compare_metadata(context, metadata) == []


def _not_the_inbox(_: object, name: str | None, *__: object) -> bool:
    return not str(name).startswith(("inbox", "ix_inbox"))


def test_the_newest_revision_is_the_one_the_code_asks_for(empty_sqlite_url: str) -> None:
    with Store(empty_sqlite_url) as store, store.writer.connect() as connection:
        assert ScriptDirectory.from_config(alembic_config(connection)).get_current_head() == HEAD


def test_a_store_is_made_once_and_left_alone_afterwards(empty_database: str) -> None:
    with Store(empty_database) as store:
        migrate(store)
        with store.write() as connection:
            connection.execute(sa.text("INSERT INTO recipients (address) VALUES ('a@example.com')"))
        migrate(store)
        with store.read() as connection:
            assert connection.scalar(sa.text("SELECT address FROM recipients")) == "a@example.com"


def test_who_waited_for_another_one_to_migrate_touches_no_table_in_use(empty_postgresql_url: str) -> None:
    with (
        Store(empty_postgresql_url) as first,
        Store(empty_postgresql_url) as second,
        ThreadPoolExecutor() as pool,
        first.writer.connect() as connection,
    ):
        inbox_metadata.create_all(connection)
        connection.execute(sa.select(sa.func.pg_advisory_lock(LOCK)))
        connection.commit()
        waits = pool.submit(migrate, second)
        until(lambda: connection.scalar(WAITING), of="the second one at the door")
        command.upgrade(alembic_config(connection), "head")
        notes.install(connection)
        connection.commit()
        connection.execute(sa.text("SELECT * FROM contacts"))
        connection.execute(sa.select(sa.func.pg_advisory_unlock(LOCK)))
        waits.result(timeout=PATIENCE)


WAITING = sa.text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")


def test_the_inbox_is_there_beside_the_store(empty_database: str) -> None:
    with Store(empty_database) as store:
        migrate(store)
        with store.inbox.connect() as connection:
            assert connection.scalar(sa.select(sa.func.count()).select_from(inbox)) == 0


def test_a_store_of_a_newer_version_is_not_touched(database: str) -> None:
    with Store(database) as store:
        with store.write() as connection:
            connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
        with pytest.raises(NeedsPerson, match="newer Regulars"):
            migrate(store)


def test_every_table_is_forgotten_when_it_goes_live_or_kept() -> None:
    assert sorted(table.name for table in (*REHEARSED, *KEPT)) == sorted(metadata.tables)
