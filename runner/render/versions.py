"""The files of a template by language: which there are, which of them serves a reader, and what it speaks.

`email/thanks.mjml` is for everybody whose language has none of its own; `email/de/thanks.mjml`, or
`email/thanks.de.mjml`, is for who reads German.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from runner.render.languages import chosen
from runner.render.page_words import LANGUAGE

#: Endings of a template's file, the first that is there counts.
ENDINGS = (".mjml", ".html")
#: A language as a folder is called by it, `de` or `pt-br`: of two letters, so that `old` is none.
_TAG = re.compile(r"[a-z]{2}(-[a-z]{2,4})?", re.IGNORECASE)


class Versions:
    """The mails' files below a workspace's `templates/`."""

    def __init__(self, folder: Path, usual: str = LANGUAGE) -> None:
        self.folder = folder
        #: The account's language.
        self.usual = usual

    def names(self) -> list[str]:
        """What a playbook may write after `template:`, sorted."""
        found = (path for ending in ENDINGS for path in (self.folder / "email").rglob(f"*{ending}"))
        whole = (path for path in found if "." not in path.stem and not path.name.startswith("_"))
        names = {path.relative_to(self.folder).with_suffix("").as_posix() for path in whole}
        return sorted(name for name in names if not self._is_version(name))

    def _is_version(self, name: str) -> bool:
        path = Path(name)
        return bool(_TAG.fullmatch(path.parent.name)) and bool(self.files((path.parent.parent / path.name).as_posix()))

    def files(self, template: str) -> list[str]:
        """The files of a template, the one for everybody first; relative to the folder."""
        everybody = self._for_everybody(template)
        return [] if everybody is None else [everybody, *self._in_languages(template, everybody).values()]

    def _for_everybody(self, template: str) -> str | None:
        found = (f"{template}{ending}" for ending in ENDINGS)
        return next((file for file in found if (self.folder / file).is_file()), None)

    def _in_languages(self, template: str, everybody: str) -> Mapping[str, str]:
        """By language the file that speaks it; what stands beside the file for everybody counts before a folder's.

        Asked for each batch of letters, so the folder is listed once, by names alone.
        """
        (folder, slash, name), ending = template.rpartition("/"), Path(everybody).suffix
        inside, beside = {}, {}
        for entry in _names_in(self.folder / folder):
            if _TAG.fullmatch(entry) and (self.folder / folder / entry / f"{name}{ending}").is_file():
                inside[entry] = f"{folder}{slash}{entry}/{name}{ending}"
            elif named := re.fullmatch(rf"{re.escape(name)}\.(.*){re.escape(ending)}", entry):
                beside[named[1]] = f"{folder}{slash}{entry}"
        return dict(sorted({**inside, **beside}.items()))

    def serving(self, template: str, language: str | None) -> tuple[str, str]:
        """The file that serves a language, and what it speaks; the template's own name where there is none at all.

        `de-AT` is served in German, else in the account's language, else by the file for everybody.
        """
        everybody = self._for_everybody(template) or template
        versions = self._in_languages(template, everybody)
        for_everybody = _of_everybody(versions, self.usual)
        found = chosen([language, self.usual], [*versions, for_everybody])
        assert found is not None
        return versions.get(found, everybody), found

    def each(self, template: str) -> Iterator[tuple[str, str]]:
        """Every file of a template with what it speaks, the one for everybody first."""
        everybody = self._for_everybody(template) or template
        versions = self._in_languages(template, everybody)
        yield everybody, _of_everybody(versions, self.usual)
        yield from ((file, tag) for tag, file in versions.items())


def _names_in(folder: Path) -> list[str]:
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as entries:
        return [entry.name for entry in entries]
    return []


def _of_everybody(versions: Mapping[str, str], usual: str) -> str:
    """What the file for everybody speaks: the account's language, and where that has a file of its own English."""
    return LANGUAGE if usual in versions else usual
