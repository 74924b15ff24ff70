"""Our fields as HubSpot's properties: which one is meant, what its text is, and whether it may be made."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from connectors.crm import hubspot_fields as fields
from connectors.crm.hubspot_answers import Property
from connectors.errors import ConnectorError
from connectors.records import CustomValue, FieldType

if TYPE_CHECKING:
    from connectors.crm.hubspot_api import HubSpotApi

#: type and fieldType of a property made by us.
MADE = {
    FieldType.TEXT: ("string", "text"),
    FieldType.NUMBER: ("number", "number"),
    FieldType.BOOL: ("bool", "booleancheckbox"),
    FieldType.DATE: ("date", "date"),
    FieldType.TIME: ("datetime", "date"),
}
#: Every account has it.
GROUP = "contactinformation"


class Unfit(Exception):
    """The field cannot be said to HubSpot, and why."""


class Properties:
    """The contacts' properties of one account."""

    def __init__(self, api: HubSpotApi, mapped: Mapping[str, str], create: Mapping[str, FieldType]) -> None:
        self._api = api
        self._names = {**fields.STANDARD["contacts"], **mapped}
        self._create = create
        self._known: dict[str, Property] | None = None
        self._owners: Mapping[str, str] | None = None

    def told(self, values: Mapping[str, CustomValue]) -> dict[str, str]:
        """Property → text. Raises Unfit with what keeps it from being said."""
        return {self._name(ours): self._text(ours, value) for ours, value in values.items()}

    def same(self, name: str, text: str, there: str | None) -> bool:
        """Whether that is what HubSpot has; it writes times and numbers in its own way."""
        if (there or "") == text:
            return True
        known = self._properties().get(name)
        read = fields.CUSTOM_CONVERSIONS[fields.field_type(known)] if known else None
        try:
            return bool(there and read and read(there) == read(text))
        except ValueError:
            return False

    def _name(self, ours: str) -> str:
        name = self._names.get(ours, ours)
        known = self._properties().get(name)
        if known is None and ours in self._create:
            known = self._make(name, self._create[ours])
        if known is None:
            near = get_close_matches(name, self._properties(), n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            words = f"make it there, or allow it with the connector's `create: {{{ours}: text}}`"
            raise Unfit(f"HubSpot has no property {name!r} of contacts{hint}; {words}")
        if known.read_only:
            raise Unfit(f"HubSpot keeps {name!r} itself: it cannot be set")
        return name

    def _text(self, ours: str, value: CustomValue) -> str:
        if ours == "owner" and value:
            return self._owner(str(value))
        match value:
            case None:
                return ""
            case bool():
                return str(value).lower()
            case _:
                return str(value)

    def _owner(self, address: str) -> str:
        if self._owners is None:
            self._owners = {email.lower(): id for id, email in self._api.owners().items()}
        if address.lower() not in self._owners:
            raise Unfit(f"HubSpot has no owner {address!r}")
        return self._owners[address.lower()]

    def _make(self, name: str, kind: FieldType) -> Property | None:
        type, field_type = MADE[kind]
        body: dict[str, Any] = {
            "name": name,
            "label": name.replace("_", " ").capitalize(),
            "type": type,
            "fieldType": field_type,
            "groupName": GROUP,
        }
        if kind is FieldType.BOOL:
            body["options"] = [{"label": word.capitalize(), "value": word} for word in ("true", "false")]
        try:
            self._api.write("properties", "contacts", body, read=len)
        except ConnectorError as error:
            # It may be there all the same: the answer was lost, or somebody else has made it.
            self._known = None
            if name not in self._properties():
                raise Unfit(f"HubSpot did not make the property {name!r}: {error}") from None
        made = Property(name, type, field_type, is_custom=True)
        self._properties()[name] = made
        return made

    def _properties(self) -> dict[str, Property]:
        if self._known is None:
            self._known = {one.name: one for one in self._api.properties("contacts")}
        return self._known
