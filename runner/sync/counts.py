"""How much a sync read, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from connectors.base import SetAside


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of a chunk of rows of one table."""

    #: The numbers of all its rows in the store, the unchanged ones too.
    numbers: Sequence[int]
    new: int
    #: Without those that say nothing else than what we have told the source.
    changed: int
    aside: Sequence[SetAside] = ()
    #: Ids at the source of those that are new or say something else than before.
    news: frozenset[str] = frozenset()
    #: Rows, alive so far, which their own record now calls deleted.
    gone: Sequence[int] = ()


@dataclass(slots=True)
class Counts:
    """One table's rows in one sync."""

    read: int = 0
    new: int = 0
    changed: int = 0
    deleted: int = 0
    set_aside: int = 0


@dataclass(slots=True)
class Reconciled:
    """What a look at everything found of one table that the syncs before had not brought."""

    #: Rows that say something new though nobody had touched them for long: a search or an association kept it back.
    missed: int = 0
    merged: int = 0
    deleted: int = 0
    #: People whom the source has erased for good, and who are erased here too.
    erased: int = 0
    #: Rows that are gone and were not deleted, because they are too many.
    held_back: int = 0

    def __str__(self) -> str:
        told = (
            (self.deleted, "deleted"),
            (self.erased, "erased for good"),
            (self.merged, "merged"),
            (self.missed, "missed by the syncs before"),
            (self.held_back, "gone and not deleted yet"),
        )
        return ", ".join(f"{count:,} {what}" for count, what in told if count)


@dataclass(slots=True)
class Synced:
    """What one sync of one connector did."""

    connector: str
    tables: dict[str, Counts] = field(default_factory=dict)
    #: Requests made to the outside system.
    calls: int = 0
    warnings: list[str] = field(default_factory=list)
    #: Files of which nothing could be read, and why.
    unread: list[str] = field(default_factory=list)
    #: Purchases whose currency has no exchange rate: they count as orders, and not in anybody's revenue.
    without_rate: int = 0
    #: Rows that are gone at the source and were not deleted, because they are too many; by table.
    held_back: dict[str, int] = field(default_factory=dict)
    #: By table, where everything was looked at again.
    reconciled: dict[str, Reconciled] = field(default_factory=dict)

    def of(self, table: str) -> Counts:
        return self.tables.setdefault(table, Counts())

    def told(self) -> list[str]:
        """What concerns more than a single row, under the connector's name."""
        return [f"{self.connector}: {words}" for words in (*self.unread, *self.warnings)]

    def document(self) -> Mapping[str, object]:
        """As `run --json` tells it."""
        tables = {table: asdict(counts) for table, counts in self.tables.items()}
        told = {"connector": self.connector, "tables": tables, "calls": self.calls, "warnings": self.told()}
        found = {table: asdict(one) for table, one in self.reconciled.items()}
        return {**told, **({"reconciled": found} if found else {})}
