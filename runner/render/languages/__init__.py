"""The pages' words in the reader's language: gettext catalogs, read from the `.po` files as they are, no build step.

Below this folder each language has its own, in as many files as it likes; a workspace's `templates/pages/de.po` says
some of it otherwise, or brings a language that is not here. What nobody translated is said in English.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from functools import cache, reduce
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path
from string import Formatter
from typing import TYPE_CHECKING

import jinja2

from runner.render.page_words import LANGUAGE, WORDS

if TYPE_CHECKING:
    from babel.core import Locale
    from babel.messages.catalog import Catalog

#: Where the shipped catalogs lie.
SHIPPED = Path(__file__).resolve().parent
#: What a browser must be told where a language has two scripts.
_SCRIPTS = {"zh": "zh-Hans"}
#: By whose habits numbers and days are written where a language has several.
_HABITS = {"en": "en_GB"}


class Words:
    """Says what a page says, in one language."""

    def __init__(self, language: str, catalog: NullTranslations, **always: str) -> None:
        self.language = language
        self._catalog = catalog
        self._always = always
        #: What nothing is filled into but the sender: a mail says it once a reader.
        self._whole: dict[str, str] = {}

    @property
    def tag(self) -> str:
        """For `<html lang>`."""
        return _SCRIPTS.get(self.language, self.language)

    def __call__(self, key: str, /, **values: object) -> str:
        """The words of a key; numbers and days as the language writes them. `count` chooses the plural."""
        if values:
            shown = {name: self._shown(of) for name, of in values.items()}
            return self._said(key, values).format(**self._always, **shown)
        if key not in self._whole:
            self._whole[key] = self._said(key, values).format(**self._always)
        return self._whole[key]

    def own(self, wording: str | Mapping[str, str]) -> str:
        """Of a text in several languages this one, else the first that is written."""
        return in_language(wording, [self.language])

    def _said(self, key: str, values: Mapping[str, object]) -> str:
        match WORDS.get(key):
            case str(english):
                return self._catalog.pgettext(key, english)
            case (one, many):
                count = values["count"]
                return self._catalog.npgettext(key, one, many, count if isinstance(count, int) else 2)
        raise jinja2.UndefinedError(f"there are no words for '{key}'")

    def _shown(self, value: object) -> object:
        from babel.dates import format_date
        from babel.numbers import format_decimal

        locale = locale_of(self.language)
        match value:
            case bool():
                return value
            case int() | float():
                return format_decimal(value, locale=locale)
            case date():
                return format_date(value, "long", locale=locale)
        return value


class Languages:
    """Every language that the pages of a workspace speak."""

    def __init__(self, own: Path, usual: str = LANGUAGE, **always: str) -> None:
        self._own = own
        self._usual = usual
        self._always = always
        self._words: dict[str, Words] = {}
        #: Their names, sorted.
        self.names = sorted({LANGUAGE, *shipped(), *(path.stem for path in own.glob("*.po"))})

    def words(self, wishes: Iterable[str | None] = ()) -> Words:
        """In the first wished language that there is, else the workspace's usual one; `de-AT` is served in German."""
        return self.speaking(chosen((*wishes, self._usual), self.names) or LANGUAGE)

    def speaking(self, language: str) -> Words:
        """For a mail in this language; where none of our own words are in it, these are in the usual one."""
        if language not in self._words:
            there = chosen((language, self._usual), self.names) or LANGUAGE
            self._words[language] = Words(language, self._catalog(there), **self._always)
        return self._words[language]

    def _catalog(self, language: str) -> NullTranslations:
        catalog = _shipped(language)
        path = self._own / f"{language}.po"
        return _over(catalog, path) if path.is_file() else catalog


def chosen(wishes: Iterable[str | None], there: Iterable[str]) -> str | None:
    """The first wish that can be served, in the language itself or the one it is a kind of."""
    known = {language.lower(): language for language in there}
    for wish in wishes:
        parts = re.split(r"[-_]", (wish or "").strip().lower())
        for length in range(len(parts), 0, -1):
            if (found := known.get("-".join(parts[:length]))) is not None:
                return found
    return None


def locale_of(language: str) -> Locale:
    """By whose habits numbers and days are written in a language; in English where nobody knows it."""
    from babel.core import Locale, UnknownLocaleError

    try:
        return Locale.parse(_HABITS.get(language, language), sep="_" if language in _HABITS else "-")
    except (UnknownLocaleError, ValueError):
        return Locale.parse(_HABITS[LANGUAGE])


def in_language(wording: str | Mapping[str, str], wishes: Iterable[str | None]) -> str:
    """Of a text in several languages the first wished one, else the first that is written."""
    if isinstance(wording, str):
        return wording
    return wording[chosen(wishes, wording) or next(iter(wording))]


def shipped() -> list[str]:
    """The languages that come along, English apart."""
    return sorted({path.parent.name for path in SHIPPED.glob("*/*.po")})


@cache
def _shipped(language: str) -> NullTranslations:
    return reduce(_over, sorted((SHIPPED / language).glob("*.po")), NullTranslations())


def _over(others: NullTranslations, path: Path) -> NullTranslations:
    """What the file says; of what it leaves out or has not translated, what the others say."""
    from babel.messages.mofile import write_mo

    compiled = BytesIO()
    write_mo(compiled, read(path))
    compiled.seek(0)
    catalog = GNUTranslations(compiled)
    catalog.add_fallback(others)
    return catalog


def read(path: Path) -> Catalog:
    """A `.po` file. Raises PoFileError with the line for one that is none."""
    from babel.messages.pofile import read_po

    language = path.parent.name if path.parent.parent == SHIPPED else path.stem
    with path.open("rb") as file:
        return read_po(file, locale=language, abort_invalid=True)


def mistakes(path: Path) -> Iterator[tuple[int, str, str]]:
    """What is wrong with a workspace's own `.po` file: line, what, advice."""
    from babel.core import UnknownLocaleError
    from babel.messages.pofile import PoFileError

    try:
        catalog = read(path)
    except (UnknownLocaleError, ValueError) as error:
        return (yield 1, f"is named for no language: {error}", "name it for one, such as de.po")
    except PoFileError as error:
        return (yield error.lineno, f"cannot be read: {error}", "gettext's msgfmt --check tells more")
    for message in catalog:
        if not message.id:
            continue
        if (english := WORDS.get(message.context or "")) is None:
            yield message.lineno or 1, f"there are no words for {message.context!r}", "its msgctxt names what is said"
        elif list([english] if isinstance(english, str) else english) != _forms(message.id):
            yield message.lineno or 1, f"{message.context!r} says in English {english!r}", "write that as its msgid"
        else:
            for text in _forms(message.string):
                for name in sorted(_named(text) - _named("".join(_forms(message.id)))):
                    yield (
                        message.lineno or 1,
                        f"there is no {{{name}}} in {message.context!r}",
                        "it cannot be filled in",
                    )


def _forms(said: str | Iterable[str] | None) -> list[str]:
    return [said] if isinstance(said, str) else list(said or ())


def _named(text: str) -> set[str]:
    """The `{names}` in a text."""
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}
