"""What advice is given by: the playbooks that would run, the settings, and the store where there is one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import sqlalchemy as sa

from runner.actions import MailAction
from runner.app.advice.words import Text, texts_of
from runner.circumstances import zones_in_use
from runner.conditions import Fields, Today
from runner.playbook import Playbook
from runner.render import Templates
from runner.settings import Settings
from runner.steps import Step
from runner.store.tables import companies, contacts
from runner.yaml_file import YamlFile


@dataclass(frozen=True)
class Ground:
    """Everything that a rule may look at."""

    playbooks: Sequence[Playbook]
    settings: Settings
    file: YamlFile
    templates: Templates
    fields: Fields
    now: datetime
    #: None where there is no store yet.
    connection: sa.Connection | None

    def mails(self, *names: str) -> Iterator[tuple[Playbook, Step, MailAction]]:
        """The steps that write to somebody, of these actions alone where any is named."""
        for playbook in self.playbooks:
            for step, mail in playbook.mails():
                if not names or mail.name in names:
                    yield playbook, step, mail

    def texts(self, playbook: Playbook, step: Step, mail: MailAction) -> Iterator[Text]:
        return texts_of(self.templates, playbook.file, step, mail)

    @cached_property
    def today(self) -> Today:
        assert self.connection is not None
        return Today(self.now, zones_in_use(self.connection))

    def reached(self, playbook: Playbook) -> list[Any]:
        """Which contacts a mail of the playbook may go to, as clauses over `contacts` and `companies`."""
        alive = [contacts.c.merged_into.is_(None), contacts.c.deleted_at.is_(None), contacts.c.address.is_not(None)]
        return alive if playbook.audience is None else [*alive, playbook.audience.sql(self.today)]

    def of_people(self, playbook: Playbook, *columns: Any) -> Any:
        """One row of aggregates over the playbook's audience."""
        assert self.connection is not None
        people = contacts.outerjoin(companies, companies.c.id == contacts.c.company_id)
        return self.connection.execute(sa.select(*columns).select_from(people).where(*self.reached(playbook))).one()
