"""While its holder lives a claim stays its own, however long a call takes: the lease is renewed every minute."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
import structlog

from runner.deliver.lease import LASTS
from runner.deliver.office import Office
from runner.store.tables import sends, writes

log = structlog.get_logger()


@contextmanager
def beating(office: Office) -> Iterator[None]:
    """Around whatever claims: most ticks have nothing to claim, and need no heart."""
    over = threading.Event()
    heart = threading.Thread(target=_beat, args=(office, over), name="heartbeat", daemon=True)
    heart.start()
    try:
        yield
    finally:
        over.set()
        heart.join()


def _beat(office: Office, over: threading.Event) -> None:
    while not over.wait(office.lease.beat):
        try:
            _renew(office)
        except sa.exc.SQLAlchemyError as error:
            # Several beats fit into a lease: the next one may come through.
            log.warning("a lease could not be renewed", action="heartbeat", error=str(getattr(error, "orig", error)))


def _renew(office: Office) -> None:
    until = office.machine_now() + LASTS
    with office.store.write() as connection:
        for keep in _KEEP:
            connection.execute(keep, {"owner": office.lease.owner, "until": until})


_KEEP = [
    table.update()
    .where(table.c.state == "claimed", table.c.lease_owner == sa.bindparam("owner"))
    .values(lease_until=sa.bindparam("until"))
    for table in (sends, writes)
]
