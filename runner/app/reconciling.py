"""Once a day, and after a machine was off, the mailers' own lists are read: who said no while nobody listened."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import structlog

from connectors.base import Mailer
from connectors.errors import AuthFailed, ConnectorError
from runner import collect
from runner.app.app import App

log = structlog.get_logger()

#: The key in `meta` of how far each mailer's lists were read, and of what came of it.
LISTS_READ = "lists_read:"
EVERY = timedelta(days=1)
#: Entries may come on a list some time after what they stand for.
OVERLAP = timedelta(days=2)


def reconcile(app: App, mailers: Mapping[str, Mailer], now: datetime) -> list[str]:
    """Reads what is due to be read. The mailers that could not be asked, in words."""
    failures = []
    for name, mailer in mailers.items():
        last = app.remembered(f"{LISTS_READ}{name}") or {}
        if not mailer.real or ("asked" in last and now - datetime.fromisoformat(last["asked"]) < EVERY):
            continue
        until = last.get("until")
        try:
            since = datetime.fromisoformat(until) - OVERLAP if until else None
            counted = collect.events(app.store, name, mailer.suppressed(since, now), now)
            told = {"asked": now.isoformat(), "until": now.isoformat(), "new": counted.new}
        except AuthFailed as error:
            # A key that may only send is a good key.
            told = {"asked": now.isoformat(), "until": until, "refused": str(error)}
            log.warning("a mailer's key may not read its suppression lists", action="reconcile", mailer=name)
        except ConnectorError as error:
            failures.append(f"{name}: its suppression lists could not be read: {error}")
            continue
        app.remember(f"{LISTS_READ}{name}", told)
    return failures
