"""What is wrong with a template, before anybody gets it: every mistake with its file, line and advice."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from jinja2 import FunctionLoader, TemplateNotFound, TemplateSyntaxError

from connectors.base import Address
from runner.errors import Fault
from runner.render.editions import Edition
from runner.render.failures import words
from runner.render.languages import chosen
from runner.render.named import unknown_field
from runner.render.readers import Person
from runner.render.sources import Used, in_words, read, unknown_words, used_in, without_outputs
from runner.yaml_file import closest
from runner.yaml_types import Wording

if TYPE_CHECKING:
    from typing import Any

    from runner.render.letters import Templates

#: The fields of each name that a template may use, None for any field.
Known = Mapping[str, Collection[str] | None]

MJML_TAGS = frozenset(
    "mjml mj-head mj-body mj-attributes mj-all mj-class mj-breakpoint mj-font mj-html-attributes mj-selector "
    "mj-html-attribute mj-preview mj-style mj-title mj-accordion mj-accordion-element mj-accordion-title "
    "mj-accordion-text mj-button mj-carousel mj-carousel-image mj-column mj-divider mj-group mj-hero mj-image "
    "mj-navbar mj-navbar-link mj-raw mj-section mj-social mj-social-element mj-spacer mj-table mj-text "
    "mj-wrapper mj-include".split()
)
_MJML_TAG = re.compile(r"<(?P<closes>/?)(?P<name>mjml|mj-[\w-]*)(?P<rest>(?:\"[^\"]*\"|'[^']*'|[^'\">])*)>", re.DOTALL)
_SILENT = re.compile(r"<!--.*?-->|\{#.*?#\}|<mj-raw\b.*?</mj-raw\s*>", re.DOTALL)


def faults_of(
    templates: Templates,
    template: str,
    subject: Wording,
    preheader: Wording | None,
    known: Known,
    sample: Mapping[str, Any],
) -> list[Fault]:
    """Mistakes in the sources, then what goes wrong with a sample person."""
    from runner.render.letters import ALWAYS_KNOWN

    known = {**dict.fromkeys(ALWAYS_KNOWN), **known}
    lines = {**_said("subject", subject), **_said("preheader", preheader or "")}
    faults = [fault for where, text in lines.items() for fault in _of_wording(templates, where, text, known)]
    files = templates.files(template)
    if not files:
        near = closest(template, templates.names())
        advice = near or f"write {templates.label(template)}.mjml"
        faults.append(
            Fault(templates.label(f"{template}.mjml"), 0, 0, "", f"there is no template {template!r}", advice)
        )
    texts = [text for file in files if (templates.folder / (text := f"{file.rpartition('.')[0]}.txt")).is_file()]
    chain = templates.chain([*files, *texts])
    known = {**known, **dict.fromkeys(_names_set_in(templates, chain))}
    for file in chain:
        faults += _of_file(templates, file, known)
    wrong = {fault.where for fault in faults if not fault.file}
    said = {where: "x" if where in wrong else text for where, text in lines.items()}
    without = _Without(templates, faults)
    for edition, where in _editions(templates, template, said) if files else ():
        faults += without.faults(edition, where, sample)
    return sorted(set(faults))


def _editions(templates: Templates, template: str, said: Mapping[str, str]) -> Iterator[tuple[Edition, str]]:
    """Every file in what it speaks, and once more for each language that a subject or preheader alone speaks; and
    where the subject is written.
    """
    versions = templates.versions
    spoken = list(versions.each(template))
    alone = {where.partition(".")[2] for where in said} - {"", *(language for _, language in spoken)}
    spoken += [(versions.serving(template, language)[0], language) for language in sorted(alone)]
    for file, language in spoken:
        subject, preheader = (_in(language, versions.usual, key, said) for key in ("subject", "preheader"))
        yield Edition(file, language, said[subject], said[preheader]), subject


def _said(key: str, wording: Wording) -> dict[str, str]:
    """A subject's or preheader's texts by where they are written: `subject`, or `subject.de`."""
    return {key: wording} if isinstance(wording, str) else {f"{key}.{tag}": text for tag, text in wording.items()}


def _in(language: str, usual: str, key: str, said: Mapping[str, str]) -> str:
    """Where what readers of a language get is written."""
    written = {where.partition(".")[2]: where for where in said if where.partition(".")[0] == key}
    return written[chosen([language, usual], written) or next(iter(written))]


class _Without:
    """Templates without the outputs that were told of, so that what is wrong below them is told as well."""

    def __init__(self, templates: Templates, told: Sequence[Fault]) -> None:
        self._told = {(fault.file, fault.line) for fault in told if fault.file}
        self._whole = not self._told
        self._plain = templates
        self._templates = self._reduced() if self._told else templates

    def _reduced(self) -> Templates:
        return self._plain.read_by(FunctionLoader(self._source))

    def _source(self, name: str) -> tuple[str, str, Callable[[], bool]] | None:
        path = self._plain.folder / name
        if not path.is_file():
            return None
        lines = {line for file, line in self._told if file == self._plain.label(name)}
        return without_outputs(path.read_text(encoding="utf-8"), lines), str(path), lambda: False

    def faults(self, edition: Edition, where: str, sample: Mapping[str, Any]) -> Iterator[Fault]:
        """What goes wrong with a sample person, one after the other, until a line keeps what is below from view."""
        for _ in range(_MOST):
            found = list(_of_sample(self._templates, edition, where, sample))
            new = [fault for fault in found if (fault.file, fault.line) not in self._told]
            # Where something was left out, an empty letter or broken MJML may come of that.
            yield from (fault for fault in new if self._whole or fault.line > 1)
            if not new or any(not fault.file for fault in new):
                return
            self._whole = False
            self._told |= {(fault.file, fault.line) for fault in new}
            self._templates = self._reduced()


#: Faults of one letter that are told of.
_MOST = 20


def _names_set_in(templates: Templates, files: Sequence[str]) -> Iterator[str]:
    """What `{% set %}` names in any of the files: a layout's colours, an include's parameters."""
    for file in files:
        with suppress(UnicodeDecodeError):
            source = (templates.folder / file).read_text(encoding="utf-8")
            yield from read(templates.environment, file, source).used.sets


def _of_wording(templates: Templates, where: str, text: str | None, known: Known) -> Iterator[Fault]:
    try:
        tree = templates.wordings.environment.parse(text or "")
        words = unknown_words(templates.environment, tree)
        if not words:
            templates.wordings.environment.compile(text or "")
    except TemplateSyntaxError as error:
        yield Fault("", 0, 0, where, *in_words(error))
        return
    for kind, word, _, advice in words:
        yield Fault("", 0, 0, where, f"there is no {kind} {word!r}", advice)
    for name, field, _ in _unknown(used_in(tree), known):
        yield Fault("", 0, 0, where, *_no_such(name, field, known))


def _of_file(templates: Templates, file: str, known: Known) -> Iterator[Fault]:
    label = templates.label(file)
    try:
        source = (templates.folder / file).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        yield Fault(label, 1, 1, "", "is not UTF-8 text", "save it as UTF-8")
        return
    found = read(templates.environment, file, source)
    for line, message, advice in found.broken:
        yield Fault(label, line, 1, "", message, advice)
    for name, field, line in _unknown(found.used, known):
        written = f"{name}.{field}" if field else name
        yield Fault(label, line, _column(source, line, written), written, *_no_such(name, field, known))
    for kind, name, line, advice in found.words:
        yield Fault(label, line, _column(source, line, name), "", f"there is no {kind} {name!r}", advice)
    for other, line in found.used.references:
        if other == file:
            yield Fault(label, line, _column(source, line, other), "", "extends or includes itself", "name another one")
        if not (templates.folder / other).is_file():
            near = closest(
                other, (path.relative_to(templates.folder).as_posix() for path in templates.folder.rglob("*.*"))
            )
            yield Fault(label, line, _column(source, line, other), "", f"there is no template {other!r}", near)
    if file.endswith(".mjml"):
        yield from _of_tags(label, source)


def _of_sample(templates: Templates, edition: Edition, where: str, sample: Mapping[str, Any]) -> Iterator[Fault]:
    file = edition.file
    person = Person("sample", Address("sample@example.com"), edition.language, sample)
    try:
        said, html, _ = templates.page_of(edition, person)
    except TemplateNotFound as error:
        yield Fault(templates.label(file), 1, 1, "", f"there is no template {error.name!r}")
    except (OSError, ValueError) as error:
        if templates.place(error) is None:
            yield Fault(
                templates.label(file), 1, 1, "", _words(error), "look for a tag that is not closed or out of place"
            )
            return
        yield _at_place(templates, where, error)
    except Exception as error:  # a template may raise anything
        yield _at_place(templates, where, error)
    else:
        if not said:
            yield Fault("", 0, 0, where, "is empty for a contact of whom nothing is known", "give it words of its own")
        if "<body" not in html:
            yield Fault(templates.label(file), 1, 1, "", "renders to nothing")


def _at_place(templates: Templates, where: str, error: Exception) -> Fault:
    place = templates.place(error)
    if place is None:
        return Fault("", 0, 0, where, _words(error))
    message, _, advice = _words(error).partition("; ")
    return Fault(place[0], place[1], 1, "", message, advice)


def _words(error: Exception) -> str:
    """What went wrong, for somebody who knows no Python."""
    match error:
        case ZeroDivisionError():
            return "divides by zero; ask first: {% if contact.orders_count %}"
        case RecursionError():
            return "extends or includes itself without end; name another template"
        case OverflowError():
            return "reckons with too large a number"
        case TypeError() if (found := _MISFIT.search(str(error))) is not None:
            sign, left, right = found.groups()
            return f"cannot be worked out: {_KINDS.get(left, left)} {sign} {_KINDS.get(right, right)}"
        case TypeError() | AttributeError() | LookupError():
            return f"cannot be worked out: {error}"
    return words(error)


_MISFIT = re.compile(r"for (\S+): '([\w.]+)' and '([\w.]+)'")
#: What Python's names for kinds of values mean to people.
_KINDS = {
    "NoneType": "nothing",
    "Markup": "a text",
    "date": "a date",
    "datetime.date": "a date",
    "datetime.datetime": "a time",
    "decimal.Decimal": "a number",
    "float": "a number",
    "int": "a number",
    "str": "a text",
}


def _unknown(used: Used, known: Known) -> Iterator[tuple[str, str | None, int]]:
    """Names and fields that nothing has, with their lines."""
    for name, line in used.names:
        if name not in known and name not in _FUNCTIONS:
            yield name, None, line
    for name, field, line in used.fields:
        fields = known.get(name)
        if fields is not None and field not in fields:
            yield name, field, line


#: Called by name in any template; their names are Jinja's globals here.
_FUNCTIONS = ("range", "days_since", "days_until")


def _no_such(name: str, field: str | None, known: Known) -> tuple[str, str]:
    if field is None:
        return f"nothing here is called {name!r}", closest(name, [*known, *_FUNCTIONS])
    message, _, advice = unknown_field(name, field, known.get(name) or ()).partition("; ")
    return message, advice


def _of_tags(label: str, source: str) -> Iterator[Fault]:
    """Unknown MJML tags, which the compiler would leave out in silence."""
    visible = _SILENT.sub(lambda found: re.sub(r"[^\n]", " ", found.group()), source)
    for tag in _MJML_TAG.finditer(visible):
        if tag["name"] in MJML_TAGS or tag["closes"]:
            continue
        before = visible[: tag.start()]
        line, column = before.count("\n") + 1, tag.start() - (before.rfind("\n") + 1) + 1
        yield Fault(label, line, column, "", f"MJML has no <{tag['name']}>", closest(tag["name"], MJML_TAGS))


def _column(source: str, line: int, written: str) -> int:
    lines = source.splitlines()
    return lines[line - 1].find(written) + 1 or 1 if 0 < line <= len(lines) else 1
