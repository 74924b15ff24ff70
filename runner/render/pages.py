"""The pages that a mail's links lead to: the workspace's own templates first, the shipped ones for the rest."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import jinja2
from jinja2 import nodes
from jinja2.meta import find_undeclared_variables

from runner.errors import Fault
from runner.render.languages import Languages, mistakes
from runner.render.page_words import LANGUAGE
from runner.settings import Sender
from runner.yaml_file import closest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

#: Where a workspace keeps its own, below `templates/`.
FOLDER = "pages"
#: What every page may name besides its own values and what the sender is called.
_ALWAYS = ("root", "say", "lang")


class PageTemplates:
    """The pages of one workspace; they say everything in the words of `page_words.py`, in the reader's language."""

    def __init__(self, own: Path, shipped: Path, sender: Sender, language: str = LANGUAGE) -> None:
        self.own = own
        self.languages = Languages(own, language, company=sender.name, mail=sender.email)
        self._loader = jinja2.ChoiceLoader([jinja2.FileSystemLoader(own), jinja2.FileSystemLoader(shipped)])
        self._environment = jinja2.Environment(
            loader=self._loader,
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals |= {"company": sender.name, "address": sender.address, "mail": sender.email}

    def render(self, template: str, wishes: Sequence[str | None] = (), /, **values: object) -> str:
        """The page's HTML in the first of the wished languages that there is.

        `root` leads from the page to the top, so that a proxy may put a prefix before it.
        """
        words = self.languages.words(wishes)
        return self._environment.get_template(f"{template}.html").render(**values, say=words, lang=words.tag)

    def stylesheet(self) -> str:
        source, _, _ = self._loader.get_source(self._environment, "pages.css")
        return source

    def say(self, key: str, wishes: Sequence[str | None] = (), /, **values: object) -> str:
        return self.languages.words(wishes)(key, **values)

    # --- before anybody opens one

    def faults(self, samples: Mapping[str, Sequence[Mapping[str, object]]]) -> list[Fault]:
        """What is wrong with the workspace's own pages: in their sources, then for each page's samples."""
        names = {page: {name for values in sample for name in values} for page, sample in samples.items()}
        anywhere = set().union(*names.values())
        found = [
            fault
            for path in sorted(self.own.glob("*.html"))
            for fault in self._of_source(path, names.get(path.stem, anywhere))
        ]
        found += [
            Fault(self._label(path.name), line, 1, "", message, advice)
            for path in sorted(self.own.glob("*.po"))
            for line, message, advice in mistakes(path)
        ]
        told = {(fault.file, fault.line) for fault in found}
        shown = ((page, values) for page, sample in samples.items() for values in sample)
        failed = {fault for page, values in shown for fault in self._of_sample(page, values)}
        return sorted([*found, *(fault for fault in failed if (fault.file, fault.line) not in told)])

    def _of_source(self, path: Path, known: set[str]) -> Iterator[Fault]:
        label = self._label(path.name)
        try:
            source = path.read_text(encoding="utf-8")
            tree = self._environment.parse(source, path.name)
            self._environment.compile(source, path.name)
        except UnicodeDecodeError:
            yield Fault(label, 1, 1, "", "is not UTF-8 text", "save it as UTF-8")
            return
        except jinja2.TemplateSyntaxError as error:
            yield Fault(label, error.lineno, 1, "", str(error.message), "close each {% if %} and {% block %}")
            return
        known = {*known, *_ALWAYS, *self._environment.globals}
        free = find_undeclared_variables(tree) - known
        for name in tree.find_all(nodes.Name):
            if name.ctx == "load" and name.name in free:
                column = _column(source, name.lineno, name.name)
                advice = closest(name.name, known)
                yield Fault(label, name.lineno, column, name.name, f"this page has no {name.name!r}", advice)

    def _of_sample(self, page: str, values: Mapping[str, object]) -> Iterator[Fault]:
        try:
            self.render(page, **{"root": "./", **values})
        except jinja2.TemplateNotFound as error:
            yield Fault(self._label(f"{page}.html"), 1, 1, "", f"there is no page {error.name!r}")
        except Exception as error:  # a template may raise anything, as may its words without their values
            name, line = self._place(error) or (f"{page}.html", 1)
            words = re.sub(r"^'[\w.]+ object'", "it", str(getattr(error, "message", None) or error))
            words = f"say() is not told {words}" if isinstance(error, KeyError) else words
            yield Fault(self._label(name), line, 1, "", words, "with it nobody could open the page")

    def _place(self, error: BaseException) -> tuple[str, int] | None:
        """The own file and line in which a page failed; the last one entered."""
        if isinstance(error, jinja2.TemplateSyntaxError):
            return (error.name, error.lineno) if error.name else None
        places, frame = [], error.__traceback__
        while frame is not None:
            path = Path(frame.tb_frame.f_code.co_filename)
            if path.parent == self.own:
                places.append((path.name, frame.tb_lineno))
            frame = frame.tb_next
        return places[-1] if places else None

    def _label(self, name: str) -> str:
        return f"{self.own.parent.name}/{self.own.name}/{name}"


def _column(source: str, line: int, written: str) -> int:
    lines = source.splitlines()
    return lines[line - 1].find(written) + 1 or 1 if 0 < line <= len(lines) else 1
