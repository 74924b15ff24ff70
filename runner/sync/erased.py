"""Who was erased does not come back: their records are passed over, and others' lose what points to them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import sqlalchemy as sa

from connectors.records import Contact, Deal, Record, key_of
from runner.store import Store
from runner.store.facts import REFERENCES
from runner.store.tables import tombstones
from runner.store.tombstones import Tombstones, lay, stones
from runner.sync.rows import Pull


class Erased:
    """The stones of a store, as one pull meets them."""

    def __init__(self, store: Store, pull: Pull) -> None:
        self._store, self._pull = store, pull
        with store.read() as connection:
            self._stones = stones(connection)

    def without(self, records: Sequence[Record]) -> tuple[Sequence[Record], list[str]]:
        """The records that may be kept, and the keys of the others."""
        if not self._stones or not records:
            return records, []
        if isinstance(records[0], Contact):
            self._know_by_address(records)
        kept = [one for record in records if (one := self._left(record)) is not None]
        keys = {key_of(record) for record in kept}
        return kept, [key for record in records if (key := key_of(record)) not in keys]

    def _know_by_address(self, records: Iterable[Record]) -> None:
        """Somebody erased whom a source tells of under an id that was not known: their facts are not taken either."""
        new = [
            (self._stones.of_source(self._pull.connector, record.contact_id), self._stones.of_address(record.email))
            for record in records
            if isinstance(record, Contact) and record.email and self._stones.knows_address(record.email)
            if not self._is_erased(record.contact_id)
        ]
        if not new:
            return
        with self._store.write() as connection:
            for source, address in new:
                whose = sa.select(tombstones.c.contact_id, tombstones.c.at).where(tombstones.c.hash == address)
                stone = connection.execute(whose).one()
                lay(connection, self._store, [source], stone.contact_id, stone.at)
        hashes = self._stones.hashes | {source for source, _ in new}
        self._stones = Tombstones(self._stones.pepper, hashes)

    def _left(self, record: Record) -> Record | None:
        if isinstance(record, Deal):
            return self._deal(record)
        ids = (getattr(record, name, None) for name in REFERENCES if name != "company_id")
        return None if any(map(self._is_erased, ids)) else record

    def _deal(self, deal: Deal) -> Deal | None:
        """A company's deal stays without the person."""
        contacts = tuple(link for link in deal.contacts if not self._is_erased(link.id))
        if not self._is_erased(deal.contact_id):
            return deal if len(contacts) == len(deal.contacts) else replace(deal, contacts=contacts)
        return replace(deal, contact_id=None, contacts=contacts) if deal.company_id or contacts else None

    def _is_erased(self, source_id: str | None) -> bool:
        return self._stones.knows_source(self._pull.connector, source_id)
