"""The JSON of HubSpot's objects and associations, decoded straight into what is read of it.

What HubSpot documents is decoded in one go. A page on which anything departs from that, a number where text should
stand or an entry without an id, is read entry by entry instead. Raises ValueError, KeyError, TypeError or
AttributeError where it makes no sense.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Annotated, Any, Generic, TypeVar

import msgspec
from msgspec import structs


class Wire(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """A JSON object, of which all that is not named is passed over."""


class Mark(Wire, frozen=True, gc=False):
    """Where the next page begins."""

    after: str | int | None = None


class Paging(Wire, frozen=True, gc=False):
    """What follows a page."""

    next: Mark | None = None


class Told(Wire, frozen=True, gc=False):
    """What may have more than one page."""

    paging: Paging | None = None

    @property
    def after(self) -> str | None:
        """Asks for the next page; None after the last."""
        mark = self.paging.next if self.paging else None
        return None if mark is None or mark.after is None else str(mark.after)


class Failure(Wire, frozen=True, gc=False):
    """What became of a part of a batch."""

    category: Any = None
    sub_category: Any = None
    message: Any = None

    @property
    def is_absence(self) -> bool:
        """That an object is gone or has no associations is no failure."""
        return self.category == "OBJECT_NOT_FOUND" or "NO_ASSOCIATIONS_FOUND" in str(self.sub_category)


class InlineLink(Wire, frozen=True, gc=False):
    """An association as a listing tells it."""

    id: str | int
    type: str | None = None


class Inline(Told, frozen=True, gc=False):
    """The associations of one object with one kind of others, as a listing tells them."""

    results: Sequence[InlineLink] | None = None


class Entry(Wire, frozen=True, gc=False):
    """One object, but for its properties."""

    id: Annotated[str, msgspec.Meta(min_length=1)]
    created_at: str | None = None
    updated_at: str | None = None
    archived_at: str | None = None
    associations: Mapping[str, Inline | None] | None = None


class Row(Entry, frozen=True, gc=False, kw_only=True):
    """One object: every value is text."""

    properties: Mapping[str, str | None]


R = TypeVar("R", bound=Entry)


class Objects(Told, Generic[R], frozen=True, gc=False, kw_only=True):
    """A page of a listing or a search, or a batch."""

    results: Sequence[R]
    #: Of a search alone.
    total: Any = 0
    errors: Sequence[Failure] | None = None


class Label(Wire, frozen=True, gc=False):
    """How two objects are associated; HubSpot's own types have none, or "Primary"."""

    label: str | None = None


class Target(Wire, frozen=True, gc=False):
    """One of the objects that another is associated with."""

    to_object_id: int | str
    association_types: Sequence[Label] | None = None


class Origin(Wire, frozen=True, gc=False):
    """Whose associations they are."""

    id: str | int


class Associated(Told, frozen=True, gc=False, kw_only=True):
    """Some or all associations of one object."""

    origin: Origin = msgspec.field(name="from")
    to: Sequence[Target]


class Associations(Wire, frozen=True, gc=False):
    """Those of many."""

    results: Sequence[Associated]
    errors: Sequence[Failure] | None = None


class Columns(msgspec.Struct, frozen=True, gc=False):
    """What the entries of a page have, each kind of it in the order of the entries."""

    ids: Sequence[str]
    created_at: Sequence[str | None]
    updated_at: Sequence[str | None]
    archived_at: Sequence[str | None]
    associations: Sequence[Mapping[str, Inline | None] | None]
    #: By the property's name.
    properties: Mapping[str, Sequence[str | None]]


_apart = attrgetter("id", "created_at", "updated_at", "archived_at", "associations")
_OBJECTS = msgspec.json.Decoder(Objects[Row])
_ASSOCIATIONS = msgspec.json.Decoder(Associations)


def objects(raw: bytes) -> Objects[Row]:
    """A batch."""
    try:
        return _OBJECTS.decode(raw)
    except msgspec.ValidationError:
        return _entry_by_entry(raw)[0]


def associations(raw: bytes) -> Associations:
    return _ASSOCIATIONS.decode(raw)


def page(raw: bytes, names: tuple[str, ...]) -> tuple[Objects[Any], Columns, int]:
    """A page, its columns of these properties, and how many entries on it have no id."""
    texts: Iterable[tuple[str | None, ...]]
    try:
        told, unreadable = _decoder(names).decode(raw), 0
        texts = map(structs.astuple, [row.properties for row in told.results])
    except msgspec.ValidationError:
        told, unreadable = _entry_by_entry(raw)
        texts = [tuple(map(row.properties.get, names)) for row in told.results]
    ids, created, updated, archived, linked = zip(*map(_apart, told.results), strict=True) if told.results else [()] * 5
    columns = list(zip(*texts, strict=True)) or [()] * len(names)
    properties = dict(zip(names, columns, strict=True))
    return told, Columns(ids, created, updated, archived, linked, properties), unreadable


@lru_cache(64)
def _decoder(names: tuple[str, ...]) -> msgspec.json.Decoder[Objects[Any]]:
    """Of a page with these properties and nothing else."""
    fields = {f"p{at}": name for at, name in enumerate(names)}
    texts = msgspec.defstruct("Texts", [(field, str | None, None) for field in fields], rename=fields, gc=False)
    entry: Any = msgspec.defstruct("EntryWithTexts", [("properties", texts)], bases=(Entry,), kw_only=True, gc=False)
    return msgspec.json.Decoder(Objects[entry])


def _entry_by_entry(raw: bytes) -> tuple[Objects[Row], int]:
    told = msgspec.json.decode(raw)
    results = told["results"]
    if not isinstance(results, list):
        raise TypeError("results are no list")
    named = [_as_documented(one) for one in results if isinstance(one, dict) and one.get("id")]
    return msgspec.convert({**told, "results": named}, Objects[Row]), len(results) - len(named)


def _as_documented(one: Mapping[str, Any]) -> Mapping[str, Any]:
    properties = {name: _text(value) for name, value in (one.get("properties") or {}).items()}
    return {**one, "id": str(one["id"]), "properties": properties}


def _text(value: Any) -> str | None:
    """JSON's own numbers and truths as HubSpot writes them."""
    return value if value is None or isinstance(value, str) else str(value).lower()
