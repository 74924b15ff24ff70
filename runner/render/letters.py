"""The workspace's templates: rendered for a batch of people, shown for one, checked for all.

A template is rendered once a person, with keys printed in place of what it puts out; `batch` makes groups of that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from pathlib import Path
from typing import Any

from jinja2 import BaseLoader, TemplateError

from runner.errors import Fault
from runner.render import pipeline
from runner.render.batch import Group, grouped
from runner.render.drafting import Drafting
from runner.render.editions import Edition, Editions
from runner.render.environment import Environment, environment_of
from runner.render.failures import Failures, words
from runner.render.languages import Languages
from runner.render.linking import LINK_FUNCTIONS, Links
from runner.render.named import Fields, fields
from runner.render.page_words import LANGUAGE
from runner.render.readers import Person, Rendered, RenderFault
from runner.render.versions import Versions
from runner.render.wordings import Wordings
from runner.settings import Sender
from runner.yaml_types import Wording

#: What every template may name besides the person's context.
ALWAYS_KNOWN = (*LINK_FUNCTIONS, "sender", "subject", "preheader", "say", "lang")


class Templates:
    """The templates of a workspace, read anew when they change; `language` is the account's."""

    def __init__(self, folder: Path, links: Links, sender: Sender, language: str = LANGUAGE) -> None:
        self.folder = folder
        self.versions = Versions(folder, language)
        self._languages = Languages(folder / "pages", language, company=sender.name, mail=sender.email)
        self._sender = Fields("sender", {"name": sender.name, "email": sender.email, "address": sender.address})
        self._failures = Failures(folder, self.names)
        self._outlines = environment_of(folder, outlines=True)
        self._outlines.sender = self._sender
        self._drafting = Drafting(self._outlines, self._sender, links, self._failures)
        self._read_by(environment_of(folder))

    def _read_by(self, environment: Environment) -> None:
        self.environment = environment
        self.wordings = Wordings(environment)
        self._editions = Editions(self.versions, environment, self.wordings, self._languages)

    def read_by(self, loader: BaseLoader) -> Templates:
        """The same with the files as another loader reads them."""
        other = copy(self)
        other._read_by(self.environment.overlay(loader=loader))
        return other

    def names(self) -> list[str]:
        """What a playbook may write after `template:`, sorted."""
        return self.versions.names()

    def mailings(
        self,
        template: str,
        subject: Wording,
        preheader: Wording | None,
        people: Sequence[Person],
        *,
        max_keys: int | None,
        max_bytes: int | None,
    ) -> Rendered:
        """The letters in as few groups as their texts allow; who cannot be rendered is told of and stops nobody.

        `max_bytes` bounds the UTF-8 bytes of one letter's keys and texts.
        """
        groups: list[Group] = []
        faults: list[RenderFault] = []
        for edition, readers in self._editions.by_reader(template, subject, preheader, people).items():
            try:
                ready = self._editions.ready(edition)
            except (TemplateError, UnicodeDecodeError, OSError) as error:
                told = self._unread(edition, error)
                faults += [RenderFault(person.send_id, told, of_template=True) for person in readers]
                continue
            with self.environment.files.batch(), self._outlines.files.batch():
                drafts, batch, failed = self._drafting.drafts(ready, readers, max_keys=max_keys, max_bytes=max_bytes)
            made, unmade = grouped(drafts, batch)
            groups += made
            faults += failed
            faults += [RenderFault(id, f"{self.label(edition.file)}: {words(error)}") for id, error in unmade]
        return Rendered(groups, faults)

    def _unread(self, edition: Edition, error: Exception) -> str:
        if isinstance(error, TemplateError):
            return self._failures.told(error)
        return f"{self.label(edition.file)} or what it includes cannot be read: {error}"

    def preview(
        self, template: str, subject: Wording, person: Person, *, preheader: Wording | None = None
    ) -> tuple[str, str, str]:
        """Subject, HTML and text of one person's letter. Raises what the template raises."""
        (edition,) = self._editions.by_reader(template, subject, preheader, [person])
        subject_line, html, text = self.page_of(edition, person)
        return subject_line, html, pipeline.as_text(html) if text is None else text

    def page_of(self, edition: Edition, person: Person) -> tuple[str, str, str | None]:
        """Subject and HTML in what the edition speaks, whatever the person reads; the text where a file has one."""
        ready = self._editions.ready(edition)
        subject, body, text = self._drafting.whole(ready, person)
        return subject, pipeline.as_html(body, mjml=ready.mjml), text

    def check(
        self,
        template: str,
        subject: Wording,
        known_fields: Mapping[str, Any],
        sample_context: Mapping[str, Any],
        *,
        preheader: Wording | None = None,
    ) -> list[Fault]:
        """Every mistake in the template's files, then in what a sample person would get.

        `known_fields` names what a template may use, and of each the fields it has (None: any). A fault of the
        subject or preheader has no file, since they stand in the playbook; its `where` is `subject` or `preheader`.
        """
        from runner.render.checking import faults_of

        return faults_of(self, template, subject, preheader, known_fields, sample_context)

    def files(self, template: str) -> list[str]:
        """The files of a template, one a language, the general one first; relative to the folder."""
        return self.versions.files(template)

    def chain(self, files: Sequence[str]) -> list[str]:
        """These files and everything they extend, include or import by name, each once."""
        return self._editions.chain(files)

    def label(self, file: str) -> str:
        """A template's file as faults call it."""
        return self._failures.label(file)

    def place(self, error: BaseException) -> tuple[str, int] | None:
        """The template's file and line where a render failed."""
        return self._failures.place(error)

    def plain(self, text: str, context: Mapping[str, Any]) -> str:
        """Text that is no mail, such as a task's subject, with its `{{ … }}` filled in; nothing is escaped."""
        return self.wordings.of(text).render(self._named(context)).strip()

    def value(self, text: str, context: Mapping[str, Any]) -> Any:
        """The same, but a text that is nothing but one `{{ … }}` gives what it stands for: a number, a date."""
        return self.wordings.value(text, self._named(context))

    def _named(self, context: Mapping[str, Any]) -> dict[str, Any]:
        return {"sender": self._sender, **fields(context)}
