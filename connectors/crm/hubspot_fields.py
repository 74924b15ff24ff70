"""Which properties are asked for, and how each one's text becomes a field of ours."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from functools import cache
from typing import Any, TypeAlias
from zoneinfo import available_timezones

from connectors.base import SetAside
from connectors.crm.hubspot_answers import Property, Rows
from connectors.records import BY_TABLE, CustomValue, FieldType, columns

#: What stands in a field unless `fields:` names another property.
STANDARD: Mapping[str, Mapping[str, str]] = {
    "contacts": {
        "email": "email",
        "first_name": "firstname",
        "last_name": "lastname",
        "country": "country",
        "language": "hs_language",
        "timezone": "hs_timezone",
        "created_at": "createdate",
        "lifecycle_stage": "lifecyclestage",
        "owner": "hubspot_owner_id",
        "opted_out": "hs_email_optout",
    },
    "companies": {
        "name": "name",
        "created_at": "createdate",
        "owner": "hubspot_owner_id",
        "timezone": "timezone",
    },
    "deals": {
        "name": "dealname",
        "pipeline": "pipeline",
        "stage": "dealstage",
        "amount": "amount",
        "currency": "deal_currency_code",
        "created_at": "createdate",
        "closed_at": "closedate",
        "owner": "hubspot_owner_id",
    },
    "order_lines": {"sku": "hs_sku", "units": "quantity", "unit_price": "price"},
    "tickets": {
        "created_at": "createdate",
        "first_reply_at": "first_agent_reply_date",
        "solved_at": "closed_date",
    },
    "surveys": {
        "contact_id": "hs_contact_id",
        "kind": "hs_survey_type",
        "score": "hs_value",
        "comment": "hs_content",
        "responded_at": "hs_submission_timestamp",
    },
}

#: Asked for besides, because something is derived from them.
ALSO_READ: Mapping[str, Sequence[str]] = {
    "contacts": ("hs_merged_object_ids", "hs_calculated_merged_vids"),
    "companies": ("domain",),
    "deals": ("pipeline", "hs_is_closed", "hs_is_closed_won"),
    "order_lines": ("name", "hs_product_id"),
    "tickets": (),
    "surveys": ("hs_survey_id",),
}

#: Filled by what HubSpot is, never by a property.
NOT_MAPPED = frozenset(
    {"contact_id", "company_id", "deal_id", "merged_into", "deleted_at", "is_won", "contacts", "companies", "custom"}
)

Convert = Callable[[str], Any]
Values = dict[str, Any]
Custom = dict[str, CustomValue]
Texts = dict[str, str]
#: An object's id, what its columns and custom fields hold, and what was read besides; what is not there has no value.
Read: TypeAlias = "tuple[str, Values, Custom, Texts]"

#: A property, our field, and the conversion; None: text as it is.
Reading: TypeAlias = "tuple[str, str, Convert | None]"


@dataclass(frozen=True, slots=True)
class Fields:
    """One table's plan of reading."""

    table: str
    columns: Sequence[Reading]
    custom: Sequence[Reading]
    custom_types: Mapping[str, FieldType]
    warnings: Sequence[str] = ()
    #: Asked for besides.
    also: Sequence[str] = ()
    #: Everything to ask for.
    properties: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        read = [name for name, _, _ in (*self.columns, *self.custom)]
        object.__setattr__(self, "properties", tuple(dict.fromkeys([*read, *ALSO_READ[self.table], *self.also])))

    @property
    def _besides(self) -> Sequence[Reading]:
        return [(name, name, None) for name in (*ALSO_READ[self.table], *self.also)]

    def read(self, rows: Rows) -> tuple[Iterable[Read], list[SetAside]]:
        """The rows, each with those of its fields that have a value, and those whose value makes no sense."""
        aside: list[SetAside] = []
        kept: list[Sequence[dict[str, Any]]] = [[{} for _ in rows.ids]]
        for readings in (self.custom, self._besides):
            # What nobody has is one for all: a thousand empty ones would be gone through in search of garbage.
            some = any(any(rows.properties[name]) for name, _, _ in readings)
            kept.append([{} for _ in rows.ids] if some else [{}] * len(rows.ids))
        for fields, readings in zip(kept, (self.columns, self.custom, self._besides), strict=True):
            for reading in readings:
                self._fill(fields, rows, reading, aside)
        return zip(rows.ids, *kept, strict=True), aside

    def _fill(self, kept: Sequence[dict[str, Any]], rows: Rows, reading: Reading, aside: list[SetAside]) -> None:
        """One field of all rows: a page is read column by column, at half of what row by row would cost."""
        name, ours, convert = reading
        texts = rows.properties[name]
        # A value that was cleared reads "", one that never was reads null.
        if not any(texts):
            return
        if convert is None:
            for fields, text in zip(kept, texts, strict=True):
                if text:
                    fields[ours] = text
            return
        for id, fields, text in zip(rows.ids, kept, texts, strict=True):
            if text:
                try:
                    fields[ours] = convert(text)
                except ValueError as error:
                    words = f"is {error} (property {name})"
                    aside.append(SetAside(f"{self.table}/{id}", ours, text, words))


@dataclass(frozen=True, slots=True)
class UnknownProperty:
    """A property named in `fields:` that the account does not have."""

    key: str
    words: str


def opted_out_of(subscription: int) -> str:
    """The property that says who wants none of one type of mail."""
    return f"hs_email_optout_{subscription}"


def plan(
    table: str, fields: Mapping[str, str], known: Sequence[Property], *, also: Sequence[str] = ()
) -> Fields | Sequence[UnknownProperty]:
    """How `table` is read when `fields` maps some of our fields to properties; or every mistake in that mapping.

    Nothing of `known` is needed where nothing is mapped and the table takes no custom fields.
    """
    definitions = {one.name: one for one in known}
    mistakes = [_unknown(table, ours, name, definitions) for ours, name in fields.items() if name not in definitions]
    if mistakes:
        return mistakes
    types = {column.name: column.type for column in columns(BY_TABLE[table])}
    filled = dict(STANDARD[table])
    renamed: dict[str, str] = {}
    for ours, name in fields.items():
        (filled if ours in types else renamed)[ours] = name
    warnings: list[str] = []
    if BY_TABLE[table].takes_custom:
        mapped = set(fields.values())
        for name in (one.name for one in known if one.is_custom and one.name not in mapped):
            if name in filled or name in renamed or name in NOT_MAPPED:
                warnings.append(_hidden(table, name))
            elif name in types:
                # A property of the account's own that bears our field's name is meant for it.
                filled[name] = name
            else:
                renamed[name] = name
    custom_types = {ours: field_type(definitions[name]) for ours, name in renamed.items()}
    return Fields(
        table,
        [(name, ours, zone_name if ours == "timezone" else CONVERSIONS[types[ours]]) for ours, name in filled.items()],
        [(name, ours, CUSTOM_CONVERSIONS[custom_types[ours]]) for ours, name in renamed.items()],
        custom_types,
        warnings,
        also,
    )


def field_type(definition: Property) -> FieldType:
    """What a custom field holds; a choice, also of several, is text."""
    if definition.field_type == "booleancheckbox":
        return FieldType.BOOL
    return FIELD_TYPES.get(definition.type, FieldType.TEXT)


FIELD_TYPES = {
    "number": FieldType.NUMBER,
    "bool": FieldType.BOOL,
    "date": FieldType.DATE,
    "datetime": FieldType.TIME,
}


def truth(text: str) -> bool:
    match text.lower():
        case "true" | "yes" | "1":
            return True
        case "false" | "no" | "0":
            return False
    raise ValueError("neither true nor false")


def moment(text: str) -> datetime:
    """ISO 8601 or epoch milliseconds, as aware UTC."""
    try:
        if text[4:5] != "-" and _is_epoch(text):
            return EPOCH + timedelta(milliseconds=int(text))
        parsed = datetime.fromisoformat(text)
        if parsed.tzinfo is UTC:
            return parsed
        return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("no date and time such as 2027-03-01T09:30:00Z") from None


def day(text: str) -> date:
    """A date property is YYYY-MM-DD, formerly the epoch milliseconds of midnight UTC; of a time it is the UTC day."""
    try:
        return moment(text).date() if len(text) > 10 or _is_epoch(text) else date.fromisoformat(text)
    except ValueError:
        raise ValueError("no date such as 2027-03-01") from None


def iso_day(text: str) -> str:
    at = day(text)
    # A date as HubSpot writes it is one already; formatting costs more than reading.
    return text if len(text) == 10 and text[7] == "-" else at.isoformat()


def iso_moment(text: str) -> str:
    """As `datetime.isoformat` writes it, at a third of its cost where HubSpot wrote `2027-03-01T09:30:00.123Z`."""
    at = moment(text)
    if len(text) != 24 or text[10] != "T" or text[23] != "Z":
        return at.isoformat()
    return f"{text[:23]}000+00:00" if at.microsecond else f"{text[:19]}+00:00"


def amount(text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise ValueError("no number such as 1234.50") from None
    if not value.is_finite() or abs(value) >= LARGEST:
        raise ValueError("no number such as 1234.50")
    return value


def number(text: str) -> int | float:
    try:
        value = float(text)
    except ValueError:
        raise ValueError("no number such as 1234.50") from None
    if not abs(value) < LARGEST:
        raise ValueError("no number such as 1234.50")
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def zone_name(text: str) -> str:
    """The IANA name behind `america_slash_new_york`, as HubSpot writes zones; an IANA name is taken as it is."""
    found = _zones().get(_slug(text.replace("/", "_slash_")))
    if found is None:
        raise ValueError("no time zone such as Europe/Warsaw")
    return found


@cache
def _zones() -> Mapping[str, str]:
    slugs = [(_slug(zone.replace("/", "_slash_")), zone) for zone in sorted(available_timezones())]
    met: dict[str, str | None] = {}
    for slug, zone in slugs:
        # Etc/GMT+1 and Etc/GMT-1 are one slug: no zone is better than a wrong one.
        met[slug] = None if slug in met else zone
    return {slug: zone for slug, zone in met.items() if zone is not None}


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower())


def _is_epoch(text: str) -> bool:
    return text[4:5] != "-" and len(text) > 8 and text.lstrip("-").isdigit()


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LARGEST = 10**18

CONVERSIONS: Mapping[type, Convert | None] = {
    str: None,
    bool: truth,
    float: number,
    date: day,
    datetime: moment,
    Decimal: amount,
}

CUSTOM_CONVERSIONS: Mapping[FieldType, Convert | None] = {
    FieldType.TEXT: None,
    FieldType.NUMBER: number,
    FieldType.BOOL: truth,
    FieldType.DATE: iso_day,
    FieldType.TIME: iso_moment,
}


def _unknown(table: str, ours: str, name: str, definitions: Mapping[str, Property]) -> UnknownProperty:
    near = get_close_matches(name, definitions, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return UnknownProperty(ours, f"HubSpot has no property {name!r} of {table}{hint}")


def _hidden(table: str, name: str) -> str:
    return (
        f"HubSpot: the property {name!r} of {table} is not read, because a field of ours has its name; "
        f"give it another one in the connector's `fields:`, such as `my_{name}: {name}`"
    )
