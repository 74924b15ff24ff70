"""Once a day, and after a machine was off, the mailers' own lists are read: who said no while nobody listened."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

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
        asked_lately = "asked" in last and now - datetime.fromisoformat(last["asked"]) < EVERY
        if not mailer.real or asked_lately or type(mailer).suppressed is Mailer.suppressed:
            continue
        until = last.get("until")
        try:
            since = datetime.fromisoformat(until) - OVERLAP if until else None
            counted = collect.events(app.store, name, mailer.suppressed(since, now), now)
            entries = counted.new + counted.repeated
            told = {"asked": now.isoformat(), "until": now.isoformat(), "new": counted.new, "entries": entries}
        except AuthFailed as error:
            # A key that may only send is a good key.
            told = {**_read_before(last), "asked": now.isoformat(), "refused": str(error)}
            log.warning("a mailer's key may not read its suppression lists", action="reconcile", mailer=name)
        except ConnectorError as error:
            failures.append(f"{name}: its suppression lists could not be read: {error}")
            told = {**_read_before(last), "failed": str(error), "failed_at": now.isoformat()}
        app.remember(f"{LISTS_READ}{name}", told)
    return failures


def _read_before(last: Mapping[str, Any]) -> dict[str, Any]:
    """What of the last reading stays true when the next one comes to nothing."""
    return {name: last[name] for name in ("asked", "until", "new", "entries") if name in last}


def lists_read(app: App) -> Iterator[tuple[str, bool, str]]:
    """When each mailer's lists were read last, and what came of it: the mailer, whether it is a warning, the words."""
    for name in app.settings.mailers:
        last = app.remembered(f"{LISTS_READ}{name}")
        if last is None:
            continue
        read = f"were read at {_minute(last['until'])} UTC" if last.get("until") else "were never read"
        if "refused" in last:
            words = "may not be read with this key, which needs read access to them"
            words += f": who says no there while nobody listens is not known; they {read}; {last['refused']}"
        elif "failed" in last:
            words = f"could not be read at {_minute(last['failed_at'])} UTC, before that they {read}: {last['failed']}"
        else:
            entries = last.get("entries", last["new"])
            words = f"{read}: {entries:,} new on them since the time before, {last['new']:,} not heard of before"
        yield f"mailer {name}", not {"refused", "failed"}.isdisjoint(last), f"its suppression lists {words}"


def _minute(iso: str) -> str:
    return iso[:16].replace("T", " ")
