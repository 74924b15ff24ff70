"""The workspace's templates: rendered for a batch of people, shown for one, checked for all.

A template is rendered once a person, with keys printed in place of what it puts out; `batch` makes groups of that.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from jinja2 import Template, TemplateError, TemplateNotFound, TemplateSyntaxError, Undefined, UndefinedError
from jinja2.environment import TemplateExpression
from markupsafe import Markup

from connectors.base import Address
from runner.errors import Fault
from runner.render import pipeline
from runner.render.batch import Batch, Draft, Group, grouped
from runner.render.environment import environment_of
from runner.render.languages import Languages, Words, in_language
from runner.render.named import Fields, fields
from runner.render.page_words import LANGUAGE
from runner.render.recording import RECORDER, Keys, KeyTaken, Recorder, shown
from runner.render.versions import Versions
from runner.settings import Sender
from runner.yaml_file import closest
from runner.yaml_types import Wording

#: Subjects and preheaders kept compiled.
WORDINGS = 500
#: A text that is one output and nothing else.
_ALONE = re.compile(r"\{\{-?((?:(?!\{\{|\}\}).)*?)-?\}\}", re.DOTALL)


class Links(Protocol):
    """Who makes the signed addresses in a mail."""

    public_url: str

    def survey(self, send_id: str, contact_id: int) -> str: ...
    def answer(self, send_id: str, contact_id: int, score: int | str) -> str: ...
    def unsubscribe(self, send_id: str, contact_id: int) -> str: ...
    def preferences(self, send_id: str, contact_id: int) -> str: ...
    def review(self, send_id: str, contact_id: int) -> str: ...
    def referral(self, send_id: str, contact_id: int) -> str: ...
    def friend(self, contact_id: int) -> str: ...


#: The functions that a template may call for a link.
LINK_FUNCTIONS = ("survey", "answer_link", "review", "referral", "friend_link", "unsubscribe", "preferences")
#: What every template may name besides the person's context.
ALWAYS_KNOWN = (*LINK_FUNCTIONS, "sender", "subject", "preheader", "say", "lang")


@dataclass(frozen=True, slots=True)
class Person:
    """Who gets a letter, and what the template may say of them."""

    send_id: str
    to: Address
    #: `de` or `de-AT`, by which the file and the subject are chosen; None for whom it is not known of.
    language: str | None
    #: `contact` (with its `id` and every known field, None where missing), `company`, `enrollment`, `now`, `today` …
    context: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RenderFault:
    """Why one person's letter could not be rendered."""

    send_id: str
    message: str
    #: Whether it is the template that must be mended, whoever is written to: a file that is gone, a name nobody knows.
    of_template: bool = False


@dataclass(frozen=True, slots=True)
class Rendered:
    """Every person is in one group or has a fault."""

    groups: Sequence[Group]
    faults: Sequence[RenderFault]


class _Files(NamedTuple):
    """A mail's template, and its text part's own where it has one."""

    body: Template
    text: Template | None


#: What the two print.
_Printed = tuple[str, str | None]


class Edition(NamedTuple):
    """A letter as readers of one language get it: which file, what that speaks, and what stands before it."""

    file: str
    language: str
    subject: str
    preheader: str


@dataclass(frozen=True, slots=True)
class _Version:
    """An edition, ready to render."""

    files: _Files
    template_hash: str
    mjml: bool
    words: Words


def unsubscribe_headers(links: Links, send_id: str, contact_id: int, public_url: str) -> dict[str, str]:
    """The headers by which mail programs offer to unsubscribe. One-click (RFC 8058) is for https alone."""
    headers = {"List-Unsubscribe": f"<{links.unsubscribe(send_id, contact_id)}>"}
    if public_url.lower().startswith("https://"):
        headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    return headers


class Templates:
    """The templates of a workspace, read anew when they change; `language` is the account's."""

    def __init__(self, folder: Path, links: Links, sender: Sender, language: str = LANGUAGE) -> None:
        self.folder = folder
        self.versions = Versions(folder, language)
        self._languages = Languages(folder / "pages", language, company=sender.name, mail=sender.email)
        self.environment = environment_of(folder)
        self.plain_text = self.environment.overlay(autoescape=False)
        self._outlines = environment_of(folder, outlines=True)
        self._links = links
        #: Of each file when it changed and which others it names.
        self._references: dict[str, tuple[int, Sequence[str]]] = {}
        self._wordings: dict[str, Template] = {}
        self._expressions: dict[str, TemplateExpression] = {}
        self._sender = Fields("sender", {"name": sender.name, "email": sender.email, "address": sender.address})
        self._outlines.sender = self._sender

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
        for edition, readers in self._by_edition(template, subject, preheader, people).items():
            file = edition.file
            try:
                version = self._version(edition)
                wording = self._wording(edition.subject), self._wording(edition.preheader)
            except TemplateError as error:
                faults += [RenderFault(person.send_id, self._told(error), of_template=True) for person in readers]
                continue
            except (UnicodeDecodeError, OSError) as error:
                told = f"{self.label(file)} or what it includes cannot be read: {error}"
                faults += [RenderFault(person.send_id, told, of_template=True) for person in readers]
                continue
            with self.environment.files.batch(), self._outlines.files.batch():
                drafts, batch = self._drafts(version, wording, readers, faults, max_keys, max_bytes)
            made, unmade = grouped(drafts, batch)
            groups += made
            faults += [RenderFault(send_id, f"{self.label(file)}: {words(error)}") for send_id, error in unmade]
        return Rendered(groups, faults)

    def preview(
        self, template: str, subject: Wording, person: Person, *, preheader: Wording | None = None
    ) -> tuple[str, str, str]:
        """Subject, HTML and text of one person's letter. Raises what the template raises."""
        (edition,) = self._by_edition(template, subject, preheader, [person])
        return self.preview_of(edition, person)

    def preview_of(self, edition: Edition, person: Person) -> tuple[str, str, str]:
        """The same in what the edition speaks, whatever the person reads."""
        version = self._version(edition)
        context = self._context(person, version.words, self._wording(edition.subject), self._wording(edition.preheader))
        body, text = _rendered(version.files, context)
        html = pipeline.as_html(body, mjml=version.mjml)
        return context["subject"], html, pipeline.as_text(html) if text is None else text

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

    def label(self, file: str) -> str:
        """A template's file as faults call it."""
        return f"{self.folder.name}/{file}"

    def place(self, error: BaseException) -> tuple[str, int] | None:
        """The template's file and line where a render failed."""
        if isinstance(error, TemplateSyntaxError):
            return (self.label(error.name), error.lineno) if error.name else None
        places, frame = [], error.__traceback__
        while frame is not None:
            path = Path(frame.tb_frame.f_code.co_filename)
            if path.is_relative_to(self.folder):
                places.append((self.label(path.relative_to(self.folder).as_posix()), frame.tb_lineno))
            frame = frame.tb_next
        return places[-1] if places else None

    def _told(self, error: BaseException) -> str:
        place = self.place(error)
        where = f"{place[0]}:{place[1]}" if place else "subject or preheader"
        if isinstance(error, TemplateNotFound):
            near = closest(str(error.name), self.names())
            told = f"there is no template {error.name!r}" + (f"; {near}" if near else "")
            return f"{where}: {told}" if place else told
        return f"{where}: {words(error)}"

    def plain(self, text: str, context: Mapping[str, Any]) -> str:
        """Text that is no mail, such as a task's subject, with its `{{ … }}` filled in; nothing is escaped."""
        return self._wording(text).render(dict(fields({"sender": self._sender, **context}))).strip()

    def value(self, text: str, context: Mapping[str, Any]) -> Any:
        """The same, but a text that is nothing but one `{{ … }}` gives what it stands for: a number, a date."""
        alone = _ALONE.fullmatch(text.strip())
        if alone is None:
            return self.plain(text, context)
        if alone[1] not in self._expressions:
            if len(self._expressions) >= WORDINGS:
                self._expressions.clear()
            self._expressions[alone[1]] = self.plain_text.compile_expression(alone[1], undefined_to_none=False)
        found = self._expressions[alone[1]](dict(fields({"sender": self._sender, **context})))
        return str(found) if isinstance(found, Undefined | Fields | Markup) else found

    def _wording(self, text: str) -> Template:
        """A subject or preheader: text of one line, in which nothing is escaped."""
        if text not in self._wordings:
            if len(self._wordings) >= WORDINGS:
                self._wordings.clear()
            self._wordings[text] = self.plain_text.from_string(text)
        return self._wordings[text]

    def _by_edition(
        self, template: str, subject: Wording, preheader: Wording | None, people: Sequence[Person]
    ) -> dict[Edition, list[Person]]:
        """People by the file that serves them, with the subject and preheader in their language."""
        readers: dict[Edition, list[Person]] = {}
        by_language: dict[str | None, Edition] = {}
        for person in people:
            if person.language not in by_language:
                file, speaks = self.versions.serving(template, person.language)
                wishes = (person.language, speaks, self.versions.usual)
                said, shown_after = in_language(subject, wishes), in_language(preheader or "", wishes)
                by_language[person.language] = Edition(file, speaks, said, shown_after)
            readers.setdefault(by_language[person.language], []).append(person)
        return readers

    def _version(self, edition: Edition) -> _Version:
        file = edition.file
        beside = Path(file).with_suffix(".txt").as_posix()
        body = self.environment.get_template(file)
        text = self.environment.get_template(beside) if (self.folder / beside).is_file() else None
        wording = hashlib.sha256("\0".join((edition.subject, edition.preheader, edition.language)).encode())
        for name in self.chain([file, *([beside] if text else [])]):
            wording.update((self.folder / name).read_bytes())
        words = self._languages.speaking(edition.language)
        return _Version(_Files(body, text), wording.hexdigest()[:32], file.endswith(".mjml"), words)

    def chain(self, files: Sequence[str]) -> list[str]:
        """These files and everything they extend, include or import by name, each once."""
        found, waiting = [], list(files)
        while waiting:
            name = waiting.pop(0)
            if name not in found and (self.folder / name).is_file():
                found.append(name)
                waiting += self._named_in(name)
        return found

    def _named_in(self, file: str) -> Sequence[str]:
        """The templates that a file names; parsed once until the file changes."""
        from jinja2.meta import find_referenced_templates

        path = self.folder / file
        changed = path.stat().st_mtime_ns
        if self._references.get(file, (None, ()))[0] != changed:
            names: list[str] = []
            with suppress(TemplateSyntaxError, UnicodeDecodeError):
                tree = self.environment.parse(path.read_text(encoding="utf-8"), file)
                names = [name for name in find_referenced_templates(tree) if name]
            self._references[file] = changed, names
        return self._references[file][1]

    def _drafts(
        self,
        version: _Version,
        wording: tuple[Template, Template],
        people: Sequence[Person],
        faults: list[RenderFault],
        max_keys: int | None,
        max_bytes: int | None,
    ) -> tuple[list[Draft], Batch]:
        # An outline pays where its text can be used again.
        outlines = self._outlines_of(version) if len(people) > 1 else None
        for nonce in _nonces(version.template_hash):
            drafts, failed = [], []
            try:
                keys, known = Keys(nonce), dict[_Printed, _Printed]()
                for person in people:
                    try:
                        drafts.append(self._draft(person, version, wording, keys, outlines, known))
                    except KeyTaken:
                        raise
                    except Exception as error:  # a template may raise anything
                        of_template = isinstance(error, TemplateError)
                        failed.append(RenderFault(person.send_id, self._told(error), of_template=of_template))
            except KeyTaken:
                continue
            faults += failed
            return drafts, Batch(version.mjml, version.template_hash, nonce, max_keys, max_bytes)
        raise AssertionError("there is always another nonce")

    def _draft(
        self,
        person: Person,
        version: _Version,
        wording: tuple[Template, Template],
        keys: Keys,
        outlines: _Files | None,
        known: dict[_Printed, _Printed],
    ) -> Draft:
        """One person's letter with keys in it. `known` are the texts around the keys by their outlines."""
        context = self._context(person, version.words, *wording)
        subject = context["subject"]
        outline, values, exact = _recorded(outlines or version.files, context, keys, subject)
        printed = known.get(outline) if outlines else outline
        if printed is None:
            printed, again, exact_again = _recorded(version.files, context, keys, subject)
            exact = exact and exact_again and again == values
            if exact:
                known[outline] = printed
        if exact:
            return Draft(person.send_id, subject, *printed, values)
        del context[RECORDER]
        return Draft(person.send_id, subject, *_rendered(version.files, context), [])

    def _outlines_of(self, version: _Version) -> _Files:
        return _Files(*(one and self._outlines.get_template(one.name or "") for one in version.files))  # type: ignore[arg-type]

    def _context(self, person: Person, words: Words, subject: Template, preheader: Template) -> dict[str, Any]:
        ids = person.send_id, person.context["contact"]["id"]
        context: dict[str, Any] = dict(fields({"sender": self._sender, **person.context}))
        context |= {
            "say": words,
            "lang": words.tag,
            "survey": partial(self._links.survey, *ids),
            "answer_link": partial(self._links.answer, *ids),
            "review": partial(self._links.review, *ids),
            "referral": partial(self._links.referral, *ids),
            "friend_link": partial(self._links.friend, ids[1]),
            "unsubscribe": partial(self._links.unsubscribe, *ids),
            "preferences": partial(self._links.preferences, *ids),
        }
        context["preheader"] = _one_line(preheader.render(context)) if preheader is not self._wording("") else ""
        context["subject"] = _one_line(subject.render(context))
        return context


def _rendered(files: _Files, context: dict[str, Any], recorder: Recorder | None = None) -> _Printed:
    body = files.body.render(context)
    if recorder is not None:
        recorder.plain_text = True
    return body, files.text.render(context) if files.text else None


def _recorded(files: _Files, context: dict[str, Any], keys: Keys, subject: str) -> tuple[_Printed, list[str], bool]:
    """What is printed, the values that its keys stand for, and whether keys can stand for all of them."""
    recorder = context[RECORDER] = Recorder(keys)
    body, text = _rendered(files, context, recorder)
    keys_there = body.count(keys.nonce) + (text or "").count(keys.nonce) + subject.count(keys.nonce)
    if recorder.exact and keys_there > len(recorder.values):
        raise KeyTaken
    return (body, text), recorder.values, recorder.exact


def words(error: BaseException) -> str:
    """What went wrong, in words for the template's author."""
    match error:
        case UndefinedError() | TemplateSyntaxError():
            return str(error.message)
        case OSError() | ValueError():
            return f"the MJML cannot be read: {error}"
    return f"{type(error).__name__}: {error}"


def _nonces(seed: str) -> Iterator[str]:
    """Names for the keys, the same for the same wording so that its skeleton is stored once."""
    number = 0
    while True:
        yield hashlib.sha256(f"{seed}.{number}".encode()).hexdigest()[:8]
        number += 1


def _one_line(text: str) -> str:
    return " ".join(str(shown(text)).split())
