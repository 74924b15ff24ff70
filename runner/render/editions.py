"""Readers come to the edition of a letter that serves their language; an edition becomes templates, ready to render."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from jinja2 import Template, TemplateSyntaxError

from runner.render.environment import Environment
from runner.render.languages import Languages, Words, in_language
from runner.render.readers import Person
from runner.render.sources import read
from runner.render.versions import Versions
from runner.render.wordings import Wordings
from runner.yaml_types import Wording


class Edition(NamedTuple):
    """A letter as readers of one language get it: which file, what that speaks, and what stands before it."""

    file: str
    language: str
    subject: str
    preheader: str


class Files(NamedTuple):
    """A mail's template, and its text part's own where it has one."""

    body: Template
    text: Template | None


@dataclass(frozen=True, slots=True)
class Ready:
    """An edition, ready to render."""

    files: Files
    subject: Template
    #: None where there is nothing to say in it.
    preheader: Template | None
    words: Words
    mjml: bool
    #: Names the wording: the template with everything it extends and includes, the subject, the language.
    template_hash: str


class Editions:
    """The editions of a workspace's letters, their templates read by one environment."""

    def __init__(self, versions: Versions, environment: Environment, wordings: Wordings, languages: Languages) -> None:
        self._versions = versions
        self._folder = versions.folder
        self._environment = environment
        self._wordings = wordings
        self._languages = languages
        #: Of each file when it changed and which others it names.
        self._references: dict[str, tuple[int, Sequence[str]]] = {}

    def by_reader(
        self, template: str, subject: Wording, preheader: Wording | None, people: Sequence[Person]
    ) -> dict[Edition, list[Person]]:
        """People by the file that serves them, with the subject and preheader in their language."""
        readers: dict[Edition, list[Person]] = {}
        by_language: dict[str | None, Edition] = {}
        for person in people:
            if person.language not in by_language:
                by_language[person.language] = self._serving(template, subject, preheader, person.language)
            readers.setdefault(by_language[person.language], []).append(person)
        return readers

    def _serving(self, template: str, subject: Wording, preheader: Wording | None, language: str | None) -> Edition:
        file, speaks = self._versions.serving(template, language)
        wishes = (language, speaks, self._versions.usual)
        return Edition(file, speaks, in_language(subject, wishes), in_language(preheader or "", wishes))

    def ready(self, edition: Edition) -> Ready:
        """Raises TemplateError where Jinja cannot read it, OSError and UnicodeDecodeError where nobody can."""
        file = edition.file
        beside = Path(file).with_suffix(".txt").as_posix()
        body = self._environment.get_template(file)
        text = self._environment.get_template(beside) if (self._folder / beside).is_file() else None
        return Ready(
            files=Files(body, text),
            subject=self._wordings.of(edition.subject),
            preheader=self._wordings.of(edition.preheader) if edition.preheader else None,
            words=self._languages.speaking(edition.language),
            mjml=file.endswith(".mjml"),
            template_hash=self._hash(edition, [file, *([beside] if text else [])]),
        )

    def _hash(self, edition: Edition, files: Sequence[str]) -> str:
        wording = hashlib.sha256("\0".join((edition.subject, edition.preheader, edition.language)).encode())
        for name in self.chain(files):
            wording.update((self._folder / name).read_bytes())
        return wording.hexdigest()[:32]

    def chain(self, files: Sequence[str]) -> list[str]:
        """These files and everything they extend, include or import by name, each once."""
        found, waiting = [], list(files)
        while waiting:
            name = waiting.pop(0)
            if name not in found and (self._folder / name).is_file():
                found.append(name)
                waiting += self._named_in(name)
        return found

    def _named_in(self, file: str) -> Sequence[str]:
        """The templates that a file names; parsed once until the file changes."""
        path = self._folder / file
        changed = path.stat().st_mtime_ns
        if self._references.get(file, (None, ()))[0] != changed:
            names: Sequence[str] = ()
            with suppress(TemplateSyntaxError, UnicodeDecodeError):
                names = read(self._environment, file, path.read_text(encoding="utf-8")).named
            self._references[file] = changed, names
        return self._references[file][1]
