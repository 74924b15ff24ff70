"""HubSpot's answers, read field by field into small values.

One that cannot be read raises KeyError, TypeError, ValueError or AttributeError.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from connectors.crm import hubspot_wire as wire
from connectors.crm.hubspot_wire import Columns, Failure, Inline, Target
from connectors.records import Link

#: A JSON object as it came; it goes no further than the function that reads it.
Answer = Mapping[str, Any]

#: The associations that a listing tells in full: the type's name, and whether it marks the primary one.
#: Anything else (a label of the account's own) is read from the associations themselves.
INLINE_TYPES = {
    "contact_to_company": True,
    "contact_to_company_unlabeled": False,
    "deal_to_company": True,
    "deal_to_company_unlabeled": False,
    "deal_to_contact": False,
    "deal_to_contact_unlabeled": False,
    "ticket_to_contact": False,
    "ticket_to_contact_unlabeled": False,
    "line_item_to_deal": False,
    "line_item_to_deal_unlabeled": False,
}


@dataclass(frozen=True, slots=True)
class Linked:
    """What a page tells of its objects' associations with one kind of others."""

    #: By the object's id; whoever has none is not in it.
    links: Mapping[str, tuple[Link, ...]]
    #: Objects whose associations it does not tell in full.
    untold: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Rows:
    """One page of objects, told in columns; `after` asks for the next one, None after the last."""

    ids: Sequence[str]
    #: By the property's name: each object's text.
    properties: Mapping[str, Sequence[str | None]]
    after: str | None
    created_at: Sequence[str | None]
    #: When each was last modified, or archived, as HubSpot writes it.
    touched_at: Sequence[str] = ()
    #: Entries without an id.
    unreadable: int = 0
    #: By the others' table; of a table that is missing here it tells nothing.
    linked: Mapping[str, Linked] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Property:
    """One property's definition."""

    name: str
    type: str
    field_type: str
    is_custom: bool
    #: HubSpot keeps its value itself.
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class Stage:
    """What a deal's stage means."""

    is_closed: bool
    is_won: bool


@dataclass(frozen=True, slots=True)
class Associations:
    """Some or all associations of one object."""

    id: str
    links: Sequence[Link]
    after: str | None


class InPart(Exception):
    """Some of a batch failed, for a reason of the moment."""


def in_order(links: Iterable[Link]) -> tuple[Link, ...]:
    """The primary one first, then by age, so that the same links always read the same."""
    return tuple(sorted(links, key=lambda link: (not link.is_primary, len(link.id), link.id, link.label or "")))


def rows(raw: bytes, names: tuple[str, ...], links: Sequence[str] = ()) -> Rows:
    """`names`: of the properties; `links`: the tables whose associations were asked for."""
    told, columns, unreadable = wire.page(raw, names)
    _but_absence(told.errors)
    touched = [
        archived or updated or "" for archived, updated in zip(columns.archived_at, columns.updated_at, strict=True)
    ]
    linked = {to: _linked(columns, to) for to in links}
    return Rows(columns.ids, columns.properties, told.after, columns.created_at, touched, unreadable, linked)


def found(raw: bytes, names: tuple[str, ...]) -> Rows:
    """A search's page: whoever has the last id may ask for what is above it, as long as the total promises more.

    Raises ValueError where the ids do not rise: what was passed over would never be asked for again.
    """
    told, columns, unreadable = wire.page(raw, names)
    _but_absence(told.errors)
    ids = list(map(int, columns.ids))
    if ids != sorted(ids):
        raise ValueError("a search that is not in the order of ids")
    more = ids and (told.after is not None or int(told.total) > len(ids))
    after = columns.ids[-1] if more else None
    return Rows(columns.ids, columns.properties, after, columns.created_at, unreadable=unreadable)


def together(pages: Sequence[Rows]) -> Rows:
    """Several searches' pages as one."""
    first, *_ = pages
    return Rows(
        [id for page in pages for id in page.ids],
        {name: [text for page in pages for text in page.properties[name]] for name in first.properties},
        pages[-1].after,
        [at for page in pages for at in page.created_at],
        unreadable=sum(page.unreadable for page in pages),
    )


def batch(raw: bytes) -> Mapping[str, Mapping[str, str | None]]:
    """The properties by the object's id."""
    told = wire.objects(raw)
    _but_absence(told.errors)
    return {row.id: row.properties for row in told.results}


def _linked(columns: Columns, to: str) -> Linked:
    links: dict[str, tuple[Link, ...]] = {}
    untold: list[str] = []
    for id, told in zip(columns.ids, columns.associations, strict=True):
        inline = told and told.get(to)
        if inline:
            all_of_them = _inline(inline)
            if all_of_them is None:
                untold.append(id)
            else:
                links[id] = all_of_them
    return Linked(links, untold)


def _inline(told: Inline) -> tuple[Link, ...] | None:
    """A listing's associations of one object; None where they do not tell all."""
    if told.after:
        return None
    primaries: dict[str, bool] = {}
    for one in told.results or ():
        primary = INLINE_TYPES.get(one.type or "")
        if primary is None:
            return None
        id = str(one.id)
        primaries[id] = primaries.get(id, False) or primary
    return in_order(Link(id, is_primary=primary) for id, primary in primaries.items())


def associations(raw: bytes) -> Sequence[Associations]:
    told = wire.associations(raw)
    _but_absence(told.errors)
    return [
        Associations(str(one.origin.id), [link for target in one.to for link in _labelled(target)], one.after)
        for one in told.results
    ]


def _labelled(target: Target) -> Iterator[Link]:
    """An association once for each of the account's own labels; HubSpot's own types have none or "Primary"."""
    id, names = str(target.to_object_id), {one.label for one in target.association_types or ()}
    own: Sequence[str | None] = sorted(name for name in names if name and name != "Primary")
    for label in own or [None]:
        yield Link(id, label=label, is_primary="Primary" in names)


def _but_absence(failures: Sequence[Failure] | None) -> None:
    """A batch answers 207 when some of it failed. Raises InPart, save where something is only not there."""
    for one in failures or ():
        if not one.is_absence:
            raise InPart(str(one.message or one.category or "no reason given"))


def properties(raw: bytes) -> Sequence[Property]:
    return [
        Property(
            one["name"],
            one.get("type", ""),
            one.get("fieldType", ""),
            not one.get("hubspotDefined", False),
            bool((one.get("modificationMetadata") or {}).get("readOnlyValue")),
        )
        for one in _results(orjson.loads(raw))
    ]


def owners(raw: bytes) -> tuple[Sequence[tuple[str, str]], str | None]:
    answer = orjson.loads(raw)
    after = ((answer.get("paging") or {}).get("next") or {}).get("after")
    told = [(str(one["id"]), one["email"]) for one in _results(answer) if one.get("email")]
    return told, None if after is None else str(after)


def stages(raw: bytes) -> Mapping[tuple[str, str], Stage]:
    return {
        (str(pipeline["id"]), str(stage["id"])): _stage(stage.get("metadata") or {})
        for pipeline in _results(orjson.loads(raw))
        for stage in pipeline.get("stages") or ()
    }


def _stage(metadata: Answer) -> Stage:
    closed = str(metadata.get("isClosed", "")).lower() == "true"
    return Stage(is_closed=closed, is_won=closed and str(metadata.get("probability")) in ("1.0", "1"))


def total(raw: bytes) -> int:
    return int(orjson.loads(raw)["total"])


def is_there(raw: bytes) -> bool:
    return bool(orjson.loads(raw)["id"])


def _results(answer: Answer) -> Sequence[Any]:
    told = answer["results"]
    if not isinstance(told, list):
        raise TypeError("results are no list")
    return told


def several(value: Any) -> Sequence[Any]:
    """What an error's context holds: one value, or a list of them."""
    return value if isinstance(value, list) else () if value is None else (value,)


def words(error: Answer) -> str:
    """What an error says, with what it says of its parts: the rules of the account in its own words."""
    told = [str(error.get("message") or error.get("category") or "no reason given")]
    told += [str(one["message"]) for one in error.get("errors") or () if one.get("message")]
    return " ".join(dict.fromkeys(told))
