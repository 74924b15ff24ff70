"""Who was erased is known again by hashes alone: of the address, and of how a source called them."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa

from runner.store.engine import Store
from runner.store.tables import meta, tombstones

#: The key in `meta` of what the hashes are keyed with: without it a list of addresses tells nothing of them.
PEPPER = "pepper"
#: Before a hash that stands where an address or an id stood.
MARK = "erased:"


@dataclass(frozen=True, slots=True)
class Tombstones:
    """The stones of a store, and what they are made with."""

    pepper: bytes
    hashes: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.hashes)

    def of_address(self, address: str) -> str:
        return self._hash(f"address:{address.strip().lower()}")

    def of_source(self, connector: str, source_id: str) -> str:
        return self._hash(f"source:{connector}:{source_id}")

    def knows_address(self, address: str | None) -> bool:
        return address is not None and bool(self.hashes) and self.of_address(address) in self.hashes

    def knows_source(self, connector: str, source_id: str | None) -> bool:
        return source_id is not None and bool(self.hashes) and self.of_source(connector, source_id) in self.hashes

    def _hash(self, what: str) -> str:
        return hmac.digest(self.pepper, what.encode(), hashlib.sha256).hex()


def stones(connection: sa.Connection) -> Tombstones:
    """Those of this store; where nobody was erased there are none, and asking costs nothing."""
    pepper = connection.scalar(sa.select(meta.c.value).where(meta.c.key == PEPPER))
    if pepper is None:
        return Tombstones(b"")
    return Tombstones(bytes.fromhex(pepper), frozenset(connection.scalars(sa.select(tombstones.c.hash))))


def season(connection: sa.Connection, store: Store) -> Tombstones:
    """The same, in a store that is to have its first stone."""
    fresh = store.insert(meta).values(key=PEPPER, value=secrets.token_hex(32))
    connection.execute(fresh.on_conflict_do_nothing())
    return stones(connection)


def lay(connection: sa.Connection, store: Store, hashes: Iterable[str], contact_id: int, at: object) -> None:
    rows = [{"hash": one, "contact_id": contact_id, "at": at} for one in sorted(set(hashes))]
    if rows:
        connection.execute(store.insert(tombstones).on_conflict_do_nothing(), rows)
