"""What the next sync will read and how many calls it will make, before it makes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from connectors.base import Forecast
from connectors.errors import ConnectorError
from runner.app.app import App
from runner.store.tables import cursors


@dataclass(frozen=True, slots=True)
class Foreseen:
    """One connector's next sync."""

    connector: str
    tables: tuple[Forecast, ...]
    #: Calls that it took to find out.
    asked: int
    #: Why nothing is known.
    failure: str | None = None

    @property
    def calls(self) -> int:
        return sum(table.calls for table in self.tables)

    @property
    def rows(self) -> int:
        return sum(table.rows for table in self.tables)

    def document(self) -> Mapping[str, Any]:
        tables = [asdict(table) for table in self.tables]
        told = {"connector": self.connector, "tables": tables, "calls": self.calls, "asked": self.asked}
        return told | ({"failure": self.failure} if self.failure else {})


def foresee(app: App, now: datetime, *, full: bool) -> Iterator[Foreseen]:
    """Connector by connector; one that makes no calls says nothing."""
    with app.store.read() as connection:
        known = dict(connection.execute(sa.select(cursors.c.connector, cursors.c.cursor)).all())
    for name, source in app.sources.items():
        before = source.calls
        try:
            tables = tuple(source.forecast(known.get(name), full=full, now=now))
        except ConnectorError as error:
            yield Foreseen(name, (), source.calls - before, str(error))
            continue
        if tables:
            yield Foreseen(name, tables, source.calls - before)
