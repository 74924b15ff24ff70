"""Who asks for which page: its path, and the languages that the visitor would like to read it in."""

from __future__ import annotations

from dataclasses import dataclass, replace

from starlette.datastructures import Headers
from starlette.types import Scope

#: Wishes of a browser that are looked at.
_MOST = 10


@dataclass(frozen=True, slots=True)
class Visit:
    """One request for a page."""

    path: str
    #: The most wished first: what we know of the contact, then what the browser asks for.
    languages: tuple[str | None, ...] = ()

    @classmethod
    def of(cls, scope: Scope) -> Visit:
        return cls(scope["path"], accepted(Headers(scope=scope).get("accept-language", "")))

    def by(self, language: str | None) -> Visit:
        """The same by somebody whose language is known."""
        return replace(self, languages=(language, *self.languages))


def accepted(header: str) -> tuple[str, ...]:
    """The languages of an Accept-Language header, `de-AT, en;q=0.5`, the most wished first."""
    wishes = []
    for wish in header.split(",")[:_MOST]:
        language, _, quality = wish.partition(";")
        wishes.append((_quality(quality), language.strip()))
    return tuple(language for weight, language in sorted(wishes, key=lambda one: -one[0]) if weight > 0 and language)


def _quality(written: str) -> float:
    try:
        return float(written.strip().removeprefix("q=") or 1)
    except ValueError:
        return 0.0
