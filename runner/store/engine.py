"""Opens the store on SQLite or PostgreSQL, each locked so that no update is lost."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from runner import clock
from runner.store.compiled import SHARED
from runner.store.functions import draw_of

#: Seconds a writer waits for another one before it gives up.
BUSY_TIMEOUT = 30
#: Seconds until a server that does not answer is away.
CONNECT_TIMEOUT = 10


def inbox_beside(store: Path) -> Path:
    """Where webhooks wait: `inbox.db` beside `regulars.db`; a copy beside it has an inbox of its own."""
    return store.with_name("inbox.db" if store.stem == "regulars" else f"{store.stem}.inbox.db")


class Store:
    """The workspace's tables. `write` is a transaction that holds the write lock, `read` sees what is committed.

    SQLite: WAL, `BEGIN IMMEDIATE` for every writing transaction (anything else loses updates or locks up), a second
    read-only engine for readers, every commit on disk before it returns. No call to the outside inside `write`.
    """

    def __init__(self, url: str, *, workspace: Path | None = None) -> None:
        self.url = resolved(url, workspace or Path())
        #: What callers built for this store alone; it goes when the store is closed.
        self.kept: dict[Any, Any] = {}
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        if self.is_sqlite:
            path = Path(self.url.database or "")
            self.writer = _sqlite_engine(str(path), "BEGIN IMMEDIATE")
            self.reader = _sqlite_engine(f"file:{path}?mode=ro", "BEGIN")
            self.noter = _sqlite_engine(str(path), "BEGIN IMMEDIATE", synchronous="NORMAL")
            self.inbox = _sqlite_engine(str(inbox_beside(path)), "BEGIN IMMEDIATE")
        else:
            self.writer = self.noter = self.reader = self.inbox = _postgresql_engine(self.url)

    def relax(self) -> None:
        """From now on a commit does not wait for the disk: for stores that can be made again, such as a demo's."""
        if self.is_sqlite:
            self.writer.dispose()
            self.noter.dispose()
            self.writer = self.noter = _sqlite_engine(self.url.database or "", "BEGIN IMMEDIATE", synchronous="OFF")

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """A transaction that commits at the end of the block, or rolls back when it raises."""
        with self.writer.begin() as connection:
            yield connection

    @contextmanager
    def note(self) -> Iterator[sa.Connection]:
        """A transaction that does not wait for the disk: only that something was looked at, and may be again.

        If the power fails the last of them may be lost, though none that a `write` came after.
        """
        with self.noter.begin() as connection:
            if not self.is_sqlite:
                connection.execute(_NEED_NOT_WAIT)
            yield connection

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A consistent look at the store; writes nothing."""
        with self.reader.connect() as connection:
            yield connection

    @contextmanager
    def trial(self) -> Iterator[Store]:
        """A store to try things in: all of it is taken back at the end. Other writers wait meanwhile."""
        with self.writer.connect() as connection:
            whole = connection.begin()
            try:
                yield Trial(self, connection)
            finally:
                whole.rollback()

    def insert(self, table: sa.Table) -> Any:
        """The dialect's INSERT, which knows `on_conflict_do_nothing` and `on_conflict_do_update`."""
        return sqlite.insert(table) if self.is_sqlite else postgresql.insert(table)

    def close(self) -> None:
        self.kept.clear()
        for engine in {id(e): e for e in (self.writer, self.noter, self.reader, self.inbox)}.values():
            engine.dispose()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


_NEED_NOT_WAIT = sa.select(sa.func.set_config("synchronous_commit", "off", True))


def look_by_index(connection: sa.Connection) -> None:
    """For the rest of this transaction PostgreSQL finds rows by index, where few due days meet very many contacts.

    It cannot know how many days a parameter holds, guesses a hundred, and would read everybody. SQLite takes the
    indexes of itself.
    """
    if connection.dialect.name == "postgresql":
        settings = [sa.func.set_config(name, "off", True) for name in _READS_EVERYBODY]
        connection.execute(sa.select(*settings))


@contextmanager
def mapped(connection: sa.Connection) -> Iterator[None]:
    """Meanwhile SQLite reads the file where the system keeps it anyway: rows far apart cost a third of the time.

    It takes no memory that others could use; of a file that is larger it maps the first 2 GB.
    """
    if connection.dialect.name != "sqlite":
        yield
        return
    connection.exec_driver_sql(f"PRAGMA mmap_size = {_MAPPED}")
    try:
        yield
    finally:
        connection.exec_driver_sql("PRAGMA mmap_size = 0")


#: Kilobytes of pages that a connection keeps; whatever else is needed of the file the system has at hand.
_CACHE = 8192
#: Pages that the log takes until they are put in their places: a page that many commits touch goes there once.
_LOG = 4000
#: As much as SQLite is built to map.
_MAPPED = 2**31 - 65536

_READS_EVERYBODY = (
    *("enable_seqscan", "enable_bitmapscan", "enable_hashjoin", "enable_mergejoin", "enable_material"),
    "jit",
)


class Trial(Store):
    """A store whose writes its own reads see, and nobody else ever."""

    def __init__(self, store: Store, connection: sa.Connection) -> None:
        self.__dict__.update(store.__dict__)
        self._connection = connection

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        with self._connection.begin_nested():
            yield self._connection

    @contextmanager
    def note(self) -> Iterator[sa.Connection]:
        with self.write() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        yield self._connection

    def close(self) -> None:
        """The store it stands on is open still."""


def changed(connection: sa.Connection, statement: sa.Executable, values: Mapping[str, Any] | None = None) -> int:
    """Executes a writing statement; the number of rows it wrote. (Python's SQLite driver does not count after WITH.)"""
    # Unless told to, SQLAlchemy keeps no count of an INSERT: PostgreSQL's would be -1.
    rows = int(connection.execute(statement, values, execution_options={"preserve_rowcount": True}).rowcount)
    if rows < 0 and connection.dialect.name == "sqlite":
        return int(connection.exec_driver_sql("SELECT changes()").scalar_one())
    return max(0, rows)


def resolved(url: str, workspace: Path) -> sa.URL:
    """A SQLite path counts from the workspace; PostgreSQL goes through psycopg 3."""
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return parsed.set(drivername="sqlite+pysqlite", database=str((workspace / (parsed.database or "")).resolve()))
    return parsed.set(drivername="postgresql+psycopg")


def _sqlite_engine(path: str, begin: str, *, synchronous: str = "FULL") -> sa.Engine:
    read_only = path.startswith("file:")
    engine = sa.create_engine(
        f"sqlite+pysqlite:///{path}" + ("&uri=true" if read_only else ""),
        connect_args={"timeout": BUSY_TIMEOUT, "check_same_thread": False, "cached_statements": 1024},
        execution_options={"compiled_cache": SHARED},
        json_deserializer=_parsed,
    )

    @sa.event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, _: object) -> None:
        connection.isolation_level = None
        for pragma in (
            "foreign_keys = ON",
            f"busy_timeout = {int(BUSY_TIMEOUT * 1000)}",
            f"cache_size = -{_CACHE}",
            "temp_store = MEMORY",
            *(
                ()
                if read_only
                else ("journal_mode = WAL", f"synchronous = {synchronous}", f"wal_autocheckpoint = {_LOG}")
            ),
        ):
            connection.execute(f"PRAGMA {pragma}")
        connection.create_function("lower", 1, _lower, deterministic=True)
        connection.create_function("draw", 1, draw_of, deterministic=True)
        connection.create_function("local_day", 2, _local_day, deterministic=True)

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        if read_only:
            # Nothing can be in its way, and SQLAlchemy's own costs more than most of what is then asked.
            connection.connection.cursor().execute(begin)
        else:
            connection.exec_driver_sql(begin)

    return engine


def _parsed(text: str) -> Any:
    """JSON as it is read: most contacts have no field but ours."""
    return {} if text == "{}" else json.loads(text)


def _postgresql_engine(url: sa.URL) -> sa.Engine:
    patience = {} if "connect_timeout" in url.query else {"connect_timeout": CONNECT_TIMEOUT}
    options = {"compiled_cache": SHARED}
    engine = sa.create_engine(url, pool_pre_ping=True, connect_args=patience, execution_options=options)

    @sa.event.listens_for(engine, "connect")
    def _prepare(connection: Any, _: object) -> None:
        connection.execute("SET TIME ZONE 'UTC'")
        connection.commit()

    return engine


def _lower(text: str | None) -> str | None:
    """SQLite's own knows ASCII only."""
    return None if text is None else text.lower()


@lru_cache(maxsize=65536)
def _local_day(at: str | None, zone: str) -> str | None:
    """The local date of a time as SQLite keeps it, in UTC."""
    return None if at is None else clock.local(datetime.fromisoformat(at).replace(tzinfo=UTC), zone).date().isoformat()
