"""What the pages behind the login work with."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from runner import clock
from runner.app import App
from runner.app.clockwork import last_moment
from runner.app.figures_shown import Quality
from runner.playbook import Reading
from runner.web.console.attempts import Attempts
from runner.web.console.frame import Frame
from runner.web.console.seal import Seal

#: Passwords looked at at the same time: each takes 64 MB and a core for a moment.
AT_THE_DOOR = 2


@dataclass(frozen=True)
class Room:
    """One workspace, opened for those who run it."""

    app: App
    #: Makes the next tick come soon.
    look_sooner: Callable[[], None] = field(default=lambda: None)
    #: Sessions go by the machine's time, not by a simulated store's.
    machine_now: Callable[[], datetime] = clock.machine_now
    attempts: Attempts = field(default_factory=Attempts)
    quality: Quality = field(default_factory=Quality)
    at_the_door: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(AT_THE_DOOR))

    def open(self) -> None:
        """Opens the store once, before many visitors come at the same time."""
        with self.app.store.read():
            pass

    @cached_property
    def seal(self) -> Seal:
        return Seal(self.app.settings.secrets)

    @cached_property
    def frame(self) -> Frame:
        return Frame(self.app.settings, self.app.now)

    @property
    def now(self) -> datetime:
        """The time business rules go by; in a simulated store the time it has come to."""
        return last_moment(self.app)

    @property
    def zone(self) -> str:
        return self.app.settings.timezone

    def readings(self) -> list[Reading]:
        return self.app.readings(self.app.fields())
