"""Whom a source has erased for good, as after a wish under the GDPR, is erased here too, as by `regulars erase`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import structlog

from runner.app.app import App
from runner.app.findings import Finding, Health
from runner.app.people import erase_contact
from runner.sync.forgotten import erased, to_erase

log = structlog.get_logger()

#: The key in `meta` of how many people a connector has had erased, and when it was the last time.
ERASED_THERE = "erased_there:"


def erase_forgotten(app: App, now: datetime) -> None:
    """What a kill leaves undone is done at the next sync."""
    with app.store.read() as connection:
        waiting = to_erase(connection)
    for contact, connector in waiting:
        erase_contact(app, contact, now)
        with app.store.write() as connection:
            erased(connection, app.store, contact)
        before = (app.remembered(f"{ERASED_THERE}{connector}") or {}).get("people", 0)
        app.remember(f"{ERASED_THERE}{connector}", {"at": now.isoformat(), "people": before + 1})
        log.info("erased at the source, so here too", action="erased", connector=connector, contact=contact)


def told(app: App, connector: str) -> Iterator[Finding]:
    """For `doctor`."""
    if last := app.remembered(f"{ERASED_THERE}{connector}"):
        words = f"people erased for good there, and so here too: {last['people']:,}, the last on {last['at'][:10]}"
        yield Finding(f"connector {connector}", Health.OK, words)
