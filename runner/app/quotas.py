"""How much of its limits each connector has used, as its system told last: for `doctor` and for pages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connectors.base import Source
from runner.app.app import App
from runner.app.findings import Finding, Health

#: The key in `meta` of what a connector had used.
QUOTA = "quota:"
#: With less than this share of a day's calls left, somebody should know.
LITTLE = 0.2
#: What `quota` calls a window, and how it is said.
WINDOWS = {"day": "a day", "ten_seconds": "ten seconds"}


@dataclass(frozen=True, slots=True)
class Quota:
    """One window of one connector."""

    connector: str
    #: `a day` or `ten seconds`.
    window: str
    limit: int
    used: int
    left: int
    at: datetime

    @property
    def is_scarce(self) -> bool:
        return self.left < LITTLE * self.limit

    def __str__(self) -> str:
        words = f"{self.used:,} of {self.limit:,} calls of {self.window} used"
        return f"{words}, {self.left:,} left at {self.at:%H:%M} UTC"


def note_quota(app: App, name: str, source: Source, now: datetime) -> None:
    """Keeps what the source was told; one that was told nothing leaves what stood."""
    if quota := source.quota():
        app.remember(f"{QUOTA}{name}", {"at": now.isoformat(), **quota})


@contextmanager
def noting_quotas(app: App, now: datetime) -> Iterator[None]:
    """Keeps what those sources are told that are called within."""
    before = {name: source.calls for name, source in app.sources.items()}
    yield
    for name, source in app.sources.items():
        if source.calls > before[name]:
            note_quota(app, name, source, now)


def quota_of(app: App) -> dict[str, Any]:
    """By connector, as far as it is known: for `doctor --json`."""
    told = {name: app.remembered(f"{QUOTA}{name}") for name in app.settings.connectors}
    return {name: quota for name, quota in told.items() if quota}


def quotas(app: App) -> list[Quota]:
    """Each window of which the limit and what is left are known, connector by connector, the day first."""
    return [
        Quota(name, words, part["limit"], part["used"], part["left"], datetime.fromisoformat(told["at"]))
        for name, told in quota_of(app).items()
        for window, words in WINDOWS.items()
        if "left" in (part := told.get(window, {}))
    ]


def days_used(app: App, connector: str) -> Iterator[Finding]:
    """How much of the account's calls of a day was used."""
    for quota in quotas(app):
        if quota.connector == connector and quota.window == WINDOWS["day"]:
            yield Finding(f"connector {connector}", Health.WARNING if quota.is_scarce else Health.OK, str(quota))
