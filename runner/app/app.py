"""A workspace, opened."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import sqlalchemy as sa

from runner import clock
from runner.app.private import PRIVATE
from runner.settings import Settings, SettingsFile, load_settings
from runner.store import Store, migrate
from runner.store.engine import resolved
from runner.store.memory import recall, remember
from runner.store.tables import meta, playbooks

if TYPE_CHECKING:
    from connectors.base import Mailer, Source
    from connectors.hooks.webhook import Hooks
    from connectors.writing import CrmWriter
    from runner.app.connections import Plugs
    from runner.conditions import Fields
    from runner.deliver import Lease, Office
    from runner.links import Links
    from runner.playbook import Playbook, Reading
    from runner.render import Templates


class App:
    """Everything that a command needs, opened when it is first asked for, and imported no sooner."""

    #: Whether a tick looks only at those for whom something is new.
    narrows: ClassVar[bool] = True
    #: Whether it scores customers at night, and sends digests.
    measures: ClassVar[bool] = True

    def __init__(
        self, folder: Path, *, environment: Mapping[str, str] | None = None, now: Callable[[], datetime] | None = None
    ) -> None:
        self.folder = folder.resolve()
        #: Where the settings' variables come from; the process's own environment where it is None.
        self.environment = environment
        #: The time business rules go by; moved by `--at`.
        self.now = now or clock.machine_now
        self._read: tuple[Any, list[Reading]] | None = None
        self._known_fields: Fields | None = None
        self._recollected: dict[str, Any] | None = None
        #: Makes the daemon's next tick come soon; without a daemon nobody need be told.
        self.look_sooner: Callable[[], None] = lambda: None

    @cached_property
    def told(self) -> SettingsFile:
        return load_settings(self.folder, self.environment)

    @property
    def settings(self) -> Settings:
        return self.told.settings

    @cached_property
    def plugs(self) -> Plugs:
        from runner.app.connections import plug_in

        return plug_in(self.told)

    @cached_property
    def store(self) -> Store:
        store = Store(self.settings.store, workspace=self.folder)
        migrate(store)
        return store

    @property
    def has_store(self) -> bool:
        """Whether a store is there already; asking makes none."""
        url = resolved(self.settings.store, self.folder)
        return url.get_backend_name() != "sqlite" or Path(url.database or "").exists()

    @cached_property
    def sources(self) -> dict[str, Source]:
        from runner.app.connections import open_sources

        return open_sources(self.plugs, self.settings, self.folder)

    @cached_property
    def mailer(self) -> Mailer:
        """The account's own."""
        return self._opened(self.plugs.mailer_name)

    @cached_property
    def _others(self) -> Mapping[str, Mailer]:
        return {name: self._opened(name) for name in self.plugs.mailers if name != self.plugs.mailer_name}

    def _opened(self, mailer: str) -> Mailer:
        from runner.app.connections import open_mailer

        return open_mailer(self.plugs, mailer, self.folder, lambda: self.now())

    @property
    def mailers(self) -> Mapping[str, Mailer]:
        """Every mailer by its name, the account's own first."""
        return {self.plugs.mailer_name: self.mailer, **self._others}

    @property
    def mails_for_real(self) -> bool:
        """Whether real people get mail from here."""
        return any(mailer.real for mailer in self.mailers.values())

    @cached_property
    def hooks(self) -> Hooks:
        """Who posts webhooks."""
        from connectors.hooks.webhook import Hooks

        return Hooks(loopback_only=self.rehearses)

    @property
    def rehearses(self) -> bool:
        """While nobody real gets mail, nothing else leaves this machine either."""
        nobody_real = all(not mailer.real or mailer.loopback for mailer in self.mailers.values())
        return nobody_real or self.remembered("clock") == "simulated"

    @property
    def crms(self) -> list[str]:
        """The connectors that are to be told what playbooks write, the one whose word goes first at the head."""
        told = self.plugs.sources.items()
        return [name for name, (kind, keys) in told if kind.is_crm and getattr(keys, "writes", True)]

    def writers(self) -> dict[str, CrmWriter]:
        """Those of them that may be told now; in a rehearsal what is for a CRM elsewhere waits."""
        from connectors.writing import CrmWriter

        told: dict[str, Any] = {name: self.sources.get(name) for name in self.crms}
        writers = {name: source for name, source in told.items() if isinstance(source, CrmWriter) and source.may_write}
        return {name: writer for name, writer in writers.items() if writer.on_loopback or not self.rehearses}

    @cached_property
    def links(self) -> Links:
        """Real mail's links are signed by the secret alone, so that they open for ever."""
        from runner.links import Links

        simulated = self.has_store and self.remembered("clock") == "simulated"
        return Links(self.settings.public_url, self.settings.secrets, world=self.epoch if simulated else "")

    @cached_property
    def templates(self) -> Templates:
        from runner.render import Templates

        return Templates(self.folder / "templates", self.links, self.settings.sender, self.settings.language)

    @cached_property
    def lease(self) -> Lease:
        from runner.deliver.lease import Lease

        return Lease(self.folder / PRIVATE)

    def fields(self) -> Fields:
        """The fields a playbook may name today; the same object for as long as they are the same."""
        from runner.conditions.fields import known_fields

        with self.store.read() as connection:
            found = known_fields(connection, self.settings.currency)
        if self._known_fields is None or self._known_fields.signature != found.signature:
            self._known_fields = found
        return self._known_fields

    def readings(self, fields: Fields) -> list[Reading]:
        """Every playbook, with all that keeps it from running; read again when a file or the fields have changed."""
        from runner.app.purpose import with_purpose
        from runner.app.soundness import with_templates
        from runner.playbook import read_playbooks

        seen = (_stamps(self.folder / "playbooks", self.folder / "templates"), fields.signature)
        if self._read is None or self._read[0] != seen:
            read = read_playbooks(self.folder, fields)
            made = with_templates(read, self.folder, self.settings, fields, disabled=False)
            self._read = (seen, with_purpose(made, self.folder, self.settings, fields))
        salts = self._salts()
        return [_salted(reading, salts, self._has_begun) for reading in self._read[1]]

    def _salts(self) -> dict[str, str | None]:
        """By what the people of each playbook were drawn first, where that is not its id."""
        with self.store.read() as connection:
            return dict(connection.execute(_SALTS).all())

    def _has_begun(self, playbook: str) -> bool:
        """Whether anybody has entered under this id."""
        from runner.enroll.registering import has_begun

        with self.store.read() as connection:
            return has_begun(connection, playbook)

    def office(self, running: list[Playbook], fields: Fields) -> Office:
        from runner.circumstances import zones_in_use
        from runner.deliver import Office, Versions

        with self.store.read() as connection:
            zones = zones_in_use(connection)
        return Office(
            store=self.store,
            settings=self.settings,
            mailers=self.mailers,
            templates=self.templates,
            links=self.links,
            fields=fields,
            versions=Versions(self.store, running, fields),
            lease=self.lease,
            epoch=self.epoch,
            zones=zones,
            hooks=self.hooks,
            crms=self.crms,
            writers=self.writers,
        )

    @cached_property
    def epoch(self) -> str:
        """Drawn once a store; a restored one gets another."""
        fresh = secrets.token_hex(4)
        with self.store.write() as connection:
            connection.execute(self.store.insert(meta).values(key="epoch", value=fresh).on_conflict_do_nothing())
            return str(recall(connection, "epoch"))

    @contextmanager
    def trial(self) -> Iterator[None]:
        """Whatever is written within is taken back at the end."""
        store = self.store
        with store.trial() as trial:
            self.__dict__["store"] = trial
            try:
                yield
            finally:
                self.__dict__["store"] = store

    def beside(self) -> App:
        """Another one on the same workspace and by the same clock, for whoever must not meet in its trials."""
        return App(self.folder, environment=self.environment, now=lambda: self.now())

    def remembered(self, key: str) -> Any:
        """A word the store keeps about itself; None where it was never told."""
        if self._recollected is not None:
            return self._recollected.get(key)
        with self.store.read() as connection:
            return recall(connection, key)

    @contextmanager
    def recollecting(self) -> Iterator[None]:
        """Within, all that is remembered is as at the beginning, save what this process tells: it is read once."""
        with self.store.read() as connection:
            self._recollected = dict(connection.execute(_ALL_REMEMBERED).all())
        try:
            yield
        finally:
            self._recollected = None

    def remember(self, key: str, value: Any) -> None:
        if self._recollected is not None:
            self._recollected[key] = value
        with self.store.write() as connection:
            remember(connection, self.store, key, value)

    def note(self, key: str, value: Any) -> None:
        """The same of what matters only as long as the power lasts: it does not wait for the disk."""
        if self._recollected is not None:
            self._recollected[key] = value
        with self.store.note() as connection:
            remember(connection, self.store, key, value)

    def forget(self, key: str) -> None:
        if self._recollected is not None:
            self._recollected.pop(key, None)
        with self.store.write() as connection:
            connection.execute(meta.delete().where(meta.c.key == key))

    def close(self) -> None:
        opened = self.__dict__
        for connector in (*opened.get("sources", {}).values(), *opened.get("_others", {}).values()):
            connector.close()
        for name in ("mailer", "lease", "store"):
            if name in opened:
                opened[name].close()

    def __enter__(self) -> App:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


_ALL_REMEMBERED = sa.select(meta.c.key, meta.c.value)
_SALTS = sa.select(playbooks.c.id, playbooks.c.salt)


def _stamps(*folders: str | Path) -> dict[str, tuple[int, int]]:
    """Each file of these folders and of those below them, with when it was written and how long it is."""
    found: dict[str, tuple[int, int]] = {}
    left = list(folders)
    while left:
        with suppress(FileNotFoundError), os.scandir(left.pop()) as entries:
            for entry in entries:
                if entry.is_dir():
                    left.append(entry.path)
                    continue
                # An editor may have put it away by now, or have left a link to nowhere: the others are looked at still.
                with suppress(FileNotFoundError):
                    stat = entry.stat()
                    found[entry.path] = stat.st_mtime_ns, stat.st_size
    return found


def _salted(reading: Reading, salts: Mapping[str, str | None], has_begun: Callable[[str], bool]) -> Reading:
    """The playbook as it draws its people: after a rename, also one that has not run yet, as before."""
    playbook = reading.playbook
    if playbook is None:
        return reading
    was = playbook.keys.was
    if was is None or was not in salts or (playbook.id in salts and has_begun(playbook.id)):
        salt = salts.get(playbook.id)
    else:
        salt = salts[was] or was
    return replace(reading, playbook=replace(playbook, salt=salt)) if salt else reading
