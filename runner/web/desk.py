"""What the pages work with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path

from connectors.base import Mailer, Source
from connectors.feeds.inbound import Inbound
from runner.app import App
from runner.app.tick import mailers
from runner.collect import Machines
from runner.links import Links
from runner.settings import Settings
from runner.store import Store


@dataclass(frozen=True)
class Desk:
    """One workspace, opened for visitors."""

    store: Store
    settings: Settings
    links: Links
    #: By the name that stands in the webhook's path.
    mailers: Mapping[str, Mailer]
    #: The workspace's `templates/`; a page it does not bring is the shipped one.
    templates_folder: Path
    now: Callable[[], datetime]
    #: Connectors to which a provider posts mail, by the same.
    inbound: Mapping[str, Inbound] = field(default_factory=dict)
    #: Connectors that may be told that something changed, by the name that stands in the webhook's path.
    sources: Mapping[str, Source] = field(default_factory=dict)
    #: Makes the next tick come soon.
    look_sooner: Callable[[], None] = field(default=lambda: None)
    #: The workspace itself, for the pages behind a login; without it there are only the public ones.
    app: App | None = None

    @cached_property
    def machines(self) -> Machines:
        """Whose visits are nobody's."""
        return Machines.of(self.settings)

    @classmethod
    def of(cls, app: App) -> Desk:
        """The desk of an opened workspace."""
        return cls(
            store=app.store,
            settings=app.settings,
            links=app.links,
            mailers=mailers(app),
            templates_folder=app.folder / "templates",
            now=lambda: app.now(),
            inbound={name: one for name, one in app.sources.items() if isinstance(one, Inbound)},
            sources=app.sources,
            look_sooner=lambda: app.look_sooner(),
            app=app.beside(),
        )
