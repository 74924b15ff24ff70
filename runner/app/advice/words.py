"""The words that a mail says, without markup, and where they stand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from runner.actions import MailAction
from runner.actions.base import texts
from runner.errors import Fault
from runner.render import Templates
from runner.steps import KeyPath, Step
from runner.yaml_file import YamlFile

_MARKUP = re.compile(
    r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}|<!--.*?-->|<(style|mj-style|mj-attributes|script)\b.*?</\1\s*>|<[^<>]*>",
    re.DOTALL | re.IGNORECASE,
)


@lru_cache(maxsize=256)
def _words(source: str) -> str:
    return _MARKUP.sub(lambda found: re.sub(r"[^\n]", " ", found.group()), source)


@dataclass(frozen=True, slots=True)
class Text:
    """A subject, a preheader, or one of the files that a template is made of."""

    source: str
    #: Of a subject or preheader the playbook and the key; of a template's file its name alone.
    file: YamlFile | str
    path: KeyPath = ()

    @property
    def words(self) -> str:
        """The source with blanks for its markup: each word stands where it stood."""
        return _words(self.source)

    def fault(self, place: int, message: str, advice: str) -> Fault:
        """A warning about what stands at this place of the source."""
        if isinstance(self.file, YamlFile):
            return self.file.fault(self.path, message, advice)
        before = self.source[:place]
        return Fault(self.file, before.count("\n") + 1, place - (before.rfind("\n") + 1) + 1, "", message, advice)


def texts_of(templates: Templates, file: YamlFile, step: Step, mail: MailAction) -> Iterator[Text]:
    path = (*step.path, mail.name)
    for key, wording in (("subject", mail.subject), ("preheader", mail.preheader)):
        for below, text in texts(wording):
            yield Text(text, file, (*path, key, *below))
    for name in templates.chain(templates.files(mail.template)):
        yield Text((templates.folder / name).read_text(encoding="utf-8"), templates.label(name))
