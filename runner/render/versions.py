"""The files of a template by language: which there are, which of them serves a reader, and what it speaks.

`email/thanks.mjml` is for everybody whose language has none of its own; `email/de/thanks.mjml`, or
`email/thanks.de.mjml`, is for who reads German.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
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
        for ending in ENDINGS:
            if (self.folder / f"{template}{ending}").is_file():
                return [f"{template}{ending}", *self._in_languages(template, ending).values()]
        return []

    def _in_languages(self, template: str, ending: str) -> Mapping[str, str]:
        """By language the file that speaks it."""
        name, beside = Path(template).name, (self.folder / template).parent
        named = {path.stem.removeprefix(f"{name}."): path for path in beside.glob(f"{name}.*{ending}")}
        inside = {
            path.parent.name: path for path in beside.glob(f"*/{name}{ending}") if _TAG.fullmatch(path.parent.name)
        }
        return {tag: path.relative_to(self.folder).as_posix() for tag, path in sorted({**inside, **named}.items())}

    def serving(self, template: str, language: str | None) -> tuple[str, str]:
        """The file that serves a language, and what it speaks; the template's own name where there is none at all.

        `de-AT` is served in German, else in the account's language, else by the file for everybody.
        """
        everybody, *_ = self.files(template) or [template]
        versions = self._in_languages(template, Path(everybody).suffix)
        for_everybody = _of_everybody(versions, self.usual)
        found = chosen([language, self.usual], [*versions, for_everybody])
        assert found is not None
        return versions.get(found, everybody), found

    def each(self, template: str) -> Iterator[tuple[str, str]]:
        """Every file of a template with what it speaks, the one for everybody first."""
        everybody, *_ = self.files(template) or [template]
        versions = self._in_languages(template, Path(everybody).suffix)
        yield everybody, _of_everybody(versions, self.usual)
        yield from ((file, tag) for tag, file in versions.items())


def _of_everybody(versions: Mapping[str, str], usual: str) -> str:
    """What the file for everybody speaks: the account's language, and where that has a file of its own English."""
    return LANGUAGE if usual in versions else usual
