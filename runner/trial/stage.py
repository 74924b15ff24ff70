"""The workspace as it is, on a store of its own: nothing comes in, and every letter is taken and given to nobody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from connectors.base import ConnectorSettings, Mailer, Mailing, Outcome, Source, Verdict
from connectors.hooks.webhook import Hook, Hooks
from runner.app import App
from runner.conditions import Fields
from runner.deliver import Lease
from runner.playbook import Playbook, Reading
from runner.settings import SettingsFile
from runner.store import Store
from runner.store.tables import inbox_metadata, metadata

#: The store's file.
FILE = "trial.db"


class Nobody(Mailer):
    """Takes every letter and gives it to nobody."""

    type: ClassVar[str] = "outbox"
    settings_model = ConnectorSettings
    batch_size = 1000
    idempotent = True
    real = False

    def send(self, mailing: Mailing) -> Sequence[Outcome]:
        return [Outcome(letter.send_id, Verdict.ACCEPTED) for letter in mailing.letters]


class Unheard(Hooks):
    """Takes every message and posts it nowhere."""

    def post(self, hook: Hook, id: str, body: bytes, *, at: datetime) -> Outcome:
        return Outcome(id, Verdict.ACCEPTED)


class Stage(App):
    """Settings, templates and links are the workspace's; the store lies in a folder of its own.

    What runs is put on it. `apart` are settings that are otherwise here.
    """

    #: Its time is gone back in, and nothing notes who changed.
    narrows = False
    #: The scores of that time are in its history.
    measures = False

    def __init__(self, real: App, folder: Path, fields: Fields, **apart: Any) -> None:
        super().__init__(real.folder, now=real.now)
        self._real = real
        self._apart = folder
        self._fields = fields
        self._otherwise: Mapping[str, Any] = apart
        self.running: Sequence[Playbook] = ()

    @cached_property
    def told(self) -> SettingsFile:
        told = self._real.told
        store = f"sqlite:///{self._apart / FILE}"
        otherwise = {"store": store, "mail": {"type": "outbox"}, "brake": None, **self._otherwise}
        return replace(told, settings=told.settings.model_copy(update=otherwise))

    @cached_property
    def store(self) -> Store:
        store = Store(self.settings.store)
        if not (self._apart / FILE).exists():
            # Not migrated: that takes ten times as long and comes to the same tables.
            metadata.create_all(store.writer)
        inbox_metadata.create_all(store.inbox)
        store.relax()
        return store

    @cached_property
    def sources(self) -> dict[str, Source]:
        return {}

    @cached_property
    def mailer(self) -> Mailer:
        return Nobody()

    @cached_property
    def hooks(self) -> Hooks:
        return Unheard()

    @cached_property
    def lease(self) -> Lease:
        return Lease(self._apart)

    @cached_property
    def epoch(self) -> str:
        return "trial"

    def fields(self) -> Fields:
        return self._fields

    def readings(self, fields: Fields) -> list[Reading]:
        return [Reading(playbook.id, playbook.file.name, playbook) for playbook in self.running]
