"""HubSpot's answers, read field by field into small values.

One that cannot be read raises KeyError, TypeError, ValueError or AttributeError.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from connectors.crm.hubspot_errors import SYSTEM
from connectors.errors import Temporary
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


class Row(NamedTuple):
    """One object as HubSpot tells it: every value is text."""

    id: str
    properties: Mapping[str, str | None]
    created_at: str | None
    #: When it was last modified, or archived, as HubSpot writes it.
    updated_at: str
    #: By the other object's table; a table that is missing here was not told in full.
    links: Mapping[str, tuple[Link, ...]]


@dataclass(frozen=True, slots=True)
class Rows:
    """One page of objects; `after` asks for the next one, None after the last."""

    rows: Sequence[Row]
    after: str | None
    #: Entries without an id.
    unreadable: int = 0


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


def in_order(links: Iterable[Link]) -> tuple[Link, ...]:
    """The primary one first, then by age, so that the same links always read the same."""
    return tuple(sorted(links, key=lambda link: (not link.is_primary, len(link.id), link.id, link.label or "")))


def rows(answer: Answer, links: Sequence[str] = ()) -> Rows:
    told, nothing = answer["results"], dict.fromkeys(links, ())
    read = [_row(one, links, nothing) for one in told if isinstance(one, dict) and one.get("id")]
    return Rows(read, _after(answer), len(told) - len(read))


def found(answer: Answer) -> Rows:
    """A search's page: whoever has the last id may ask for what is above it, as long as the total promises more.

    Raises ValueError where the ids do not rise: what was passed over would never be asked for again.
    """
    page = rows(answer)
    ids = [int(row.id) for row in page.rows]
    if ids != sorted(ids):
        raise ValueError("a search that is not in the order of ids")
    more = ids and (page.after is not None or int(answer.get("total", 0)) > len(ids))
    return Rows(page.rows, str(ids[-1]) if more else None, page.unreadable)


def _row(one: Answer, links: Sequence[str], nothing: Mapping[str, tuple[Link, ...]]) -> Row:
    told = one.get("associations")
    return Row(
        str(one["id"]),
        _texts(one.get("properties") or {}),
        one.get("createdAt"),
        one.get("archivedAt") or one.get("updatedAt") or "",
        _all_inline(told, links) if told else nothing,
    )


def _all_inline(told: Mapping[str, Answer], links: Sequence[str]) -> Mapping[str, tuple[Link, ...]]:
    return {to: all_of_them for to in links if (all_of_them := _inline(told.get(to))) is not None}


def _texts(properties: Mapping[str, Any]) -> Mapping[str, str | None]:
    """The values as documented: text or nothing; JSON's own numbers and truths are written as HubSpot writes them."""
    if TEXT_OR_NOTHING.issuperset(map(type, properties.values())):
        return properties
    return {name: value if type(value) in TEXT_OR_NOTHING else str(value).lower() for name, value in properties.items()}


TEXT_OR_NOTHING = frozenset({str, type(None)})


def _inline(told: Answer | None) -> tuple[Link, ...] | None:
    """A listing's associations of one object; None where they do not tell all."""
    if told is None:
        return ()
    if _after(told):
        return None
    primaries: dict[str, bool] = {}
    for one in told.get("results") or ():
        primary = INLINE_TYPES.get(one.get("type"))
        if primary is None:
            return None
        id = str(one["id"])
        primaries[id] = primaries.get(id, False) or primary
    return in_order(Link(id, is_primary=primary) for id, primary in primaries.items())


def _labelled(target: Answer) -> Iterator[Link]:
    """An association once for each of the account's own labels; HubSpot's own types have none or "Primary"."""
    id, names = str(target["toObjectId"]), {one.get("label") for one in target.get("associationTypes") or ()}
    for label in sorted(names - {None, "", "Primary"}) or [None]:
        yield Link(id, label=label, is_primary="Primary" in names)


def associations(answer: Answer) -> Sequence[Associations]:
    return [
        Associations(str(one["from"]["id"]), [link for target in one["to"] for link in _labelled(target)], _after(one))
        for one in answer["results"]
    ]


def properties(answer: Answer) -> Sequence[Property]:
    return [
        Property(
            one["name"],
            one.get("type", ""),
            one.get("fieldType", ""),
            not one.get("hubspotDefined", False),
            bool((one.get("modificationMetadata") or {}).get("readOnlyValue")),
        )
        for one in answer["results"]
    ]


def owners(answer: Answer) -> tuple[Sequence[tuple[str, str]], str | None]:
    return [(str(one["id"]), one["email"]) for one in answer["results"] if one.get("email")], _after(answer)


def stages(answer: Answer) -> Mapping[tuple[str, str], Stage]:
    return {
        (str(pipeline["id"]), str(stage["id"])): _stage(stage.get("metadata") or {})
        for pipeline in answer["results"]
        for stage in pipeline.get("stages") or ()
    }


def _stage(metadata: Answer) -> Stage:
    closed = str(metadata.get("isClosed", "")).lower() == "true"
    return Stage(is_closed=closed, is_won=closed and str(metadata.get("probability")) in ("1.0", "1"))


def _after(answer: Answer) -> str | None:
    after = ((answer.get("paging") or {}).get("next") or {}).get("after")
    return None if after is None else str(after)


def several(value: Any) -> Sequence[Any]:
    """What an error's context holds: one value, or a list of them."""
    return value if isinstance(value, list) else () if value is None else (value,)


def words(error: Answer) -> str:
    """What an error says, with what it says of its parts: the rules of the account in its own words."""
    told = [str(error.get("message") or error.get("category") or "no reason given")]
    told += [str(one["message"]) for one in error.get("errors") or () if one.get("message")]
    return " ".join(dict.fromkeys(told))


def no_error_but_absence(answer: Answer, what: str) -> None:
    """A batch answers 207 when some of it failed: that an object is gone or has no associations is no failure."""
    for error in answer.get("errors") or ():
        if error.get("category") != "OBJECT_NOT_FOUND" and "NO_ASSOCIATIONS_FOUND" not in str(error.get("subCategory")):
            words = error.get("message") or error.get("category") or "no reason given"
            raise Temporary(f"{what}: {words}", system=SYSTEM, status=207)
