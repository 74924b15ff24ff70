"""What a delivery works with: the store, the mailer, the templates and the playbooks in every version."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Any

import sqlalchemy as sa

from connectors.base import Address, Mailer
from connectors.hooks.webhook import Hook, Hooks
from connectors.writing import CrmWriter
from runner import clock
from runner.actions import AutoReply, MailAction, Work
from runner.actions.base import filled
from runner.circumstances import Circumstances, Due, Known, Pace
from runner.circumstances.expected import Expected, expected
from runner.conditions import Fields
from runner.conditions.brought import named
from runner.deliver.lease import Lease
from runner.links import Links
from runner.playbook import Playbook, assemble
from runner.render import Templates
from runner.settings import Settings
from runner.store import Store
from runner.store.tables import playbook_versions
from runner.yaml_file import YamlFile

#: The same for all of a zone in a batch.
_local = lru_cache(1024)(clock.local)


class Versions:
    """The playbooks that run, each in the version that somebody entered with."""

    def __init__(self, store: Store, running: Sequence[Playbook], fields: Fields) -> None:
        self.running: Mapping[str, Playbook] = {playbook.id: playbook for playbook in running}
        self._store = store
        self._fields = fields
        self._older: dict[tuple[str, str], Playbook | None] = {}

    def of(self, id: str, version: str) -> Playbook | None:
        """The playbook as it was; None when it does not run today or its old text cannot be read any more."""
        return self.entered_with(id, version) if id in self.running else None

    def entered_with(self, id: str, version: str) -> Playbook | None:
        """The same, whether it runs today or not: what is settled goes on when it does."""
        current = self.running.get(id)
        if current is not None and current.version == version:
            return current
        if (id, version) not in self._older:
            self._older[id, version] = self._read(id, version)
        return self._older[id, version]

    def _read(self, id: str, version: str) -> Playbook | None:
        with self._store.read() as connection:
            body = connection.scalar(
                sa.select(playbook_versions.c.body).where(
                    playbook_versions.c.playbook == id, playbook_versions.c.version == version
                )
            )
        found = assemble(YamlFile(f"{id}@{version}", body), id, self._fields).playbook if body else None
        current = self.running.get(id)
        return replace(found, salt=current.salt) if found and current else found


@dataclass(frozen=True)
class Office:
    """Everything that delivering needs; opened once a command, used tick after tick."""

    store: Store
    settings: Settings
    #: By the name that the settings give, the account's own first.
    mailers: Mapping[str, Mailer]
    templates: Templates
    links: Links
    fields: Fields
    versions: Versions
    lease: Lease
    #: Makes send ids of this store unlike those of any other.
    epoch: str
    zones: Sequence[str]
    #: Who posts webhooks.
    hooks: Hooks
    #: Connectors whose CRM is told what playbooks write, once that is in; the one whose word goes first at the head.
    crms: Sequence[str] = ()
    #: … and who tells them, opened when there is something to tell.
    writers: Callable[[], Mapping[str, CrmWriter]] = field(default=dict)
    machine_now: Callable[[], datetime] = field(default=clock.machine_now)
    #: Reads what came back meanwhile; asked between two mailings.
    listen: Callable[[], object] = field(default=lambda: None)
    _expected: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)
    _paces: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def mailer_name(self) -> str:
        """The account's own."""
        return next(iter(self.mailers))

    @property
    def mailer(self) -> Mailer:
        return self.mailers[self.mailer_name]

    def mailer_of(self, mail: MailAction) -> str:
        """The name of the mailer by which a step sends; in a rehearsal all goes into the outbox."""
        return mail.mailer if mail.mailer is not None and self.mailer.real else self.mailer_name

    def send_id(self, enrollment: int, step: str, attempt: int) -> str:
        """The same for the same letter, so that a mailer which recognises it sends it once."""
        mark = hashlib.blake2b(f"{step}|{attempt}".encode(), digest_size=4).hexdigest()
        return f"{self.epoch}-{enrollment:09x}-{mark}"

    def write_id(self, enrollment: int, step: str, kind: str, attempt: int) -> str:
        """The same for the same message, so that a receiver which knows it takes it once."""
        return self.send_id(enrollment, f"{kind}|{step}", attempt)

    def hook(self, target: str) -> Hook | None:
        """The webhook that a playbook names, or writes out; None where the settings have none of that name."""
        named = self.settings.webhooks.get(target)
        if named is None:
            return Hook(target) if target.startswith("https://") else None
        return Hook(named.url, named.secrets, named.allow_private, knows_ids=named.style == "standard")

    def worded(self, work: Work, context: Mapping[str, Any]) -> dict[str, Any]:
        """What a step says to one person, its `{{ … }}` filled in. Raises whatever a template may raise."""
        fill = self.templates.value if work.keeps_types else self.templates.plain
        words: dict[str, Any] = filled(work.wording(), lambda text: fill(text, context))
        return words

    def sender(self, playbook_from: str | None) -> Address:
        return Address(playbook_from or self.settings.sender.email, self.settings.sender.name)

    def context(self, due: Due, playbook: Playbook, facts: Circumstances, now: datetime) -> dict[str, Any]:
        """What a template may name: the contact with every known field, the company, and what the trigger brought."""
        local = _local(now, facts.zone)
        context: dict[str, Any] = {
            "contact": Known(self._names["contact"], facts.contact),
            "company": Known(self._names["company"], facts.company or {}),
            "enrollment": {"playbook": playbook.id, "occasion": due.occasion, "entered_at": due.entered_at},
            "now": local,
            "today": local.date(),
            "currency": self.settings.currency,
            **{word: named(word, due.facts, self.fields) for word in playbook.trigger.brings},
        }
        if any(isinstance(step.action, AutoReply) for step in playbook.steps):
            context["expected"] = self.expected(now).values()
        answer = facts.answer(due)
        if answer is not None or playbook.asks:
            names = ("kind", "score", "reason", "comment", "at", *playbook.questions)
            context["answer"] = {name: (answer or {}).get(name) for name in names}
        return context

    def paces(self, now: datetime) -> dict[str, Pace]:
        """The room that mailers have at an instant, and who waits for some: the same for all of its batches."""
        if self._paces.get("at") != now:
            self._paces.update(at=now, found={})
        found: dict[str, Pace] = self._paces["found"]
        return found

    def expected(self, now: datetime) -> Expected:
        """How soon we answer; reckoned once an instant."""
        if self._expected.get("at") != now:
            with self.store.read() as connection:
                self._expected.update(at=now, found=expected(connection, self.settings, now))
        found: Expected = self._expected["found"]
        return found

    @cached_property
    def _names(self) -> Mapping[str, Collection[str]]:
        """The fields that there are of each word, and a contact's own number."""
        split = [name.split(".", 1) for name in self.fields.names if "." in name]
        named = {word: dict.fromkeys(name for of, name in split if of == word) for word in ("contact", "company")}
        return {**named, "contact": {**named["contact"], "id": None}}
