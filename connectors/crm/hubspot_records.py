"""HubSpot's objects as records: contacts with those merged into them, companies, deals won or not, answers, tickets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from connectors.crm.hubspot_answers import Row, Stage
from connectors.crm.hubspot_fields import opted_out_of
from connectors.errors import AuthFailed
from connectors.records import Company, Contact, CustomValue, Deal, Link, OrderLine, Record, Survey, Ticket

if TYPE_CHECKING:
    from connectors.crm.hubspot_api import HubSpotApi

K = TypeVar("K")
V = TypeVar("V")


class Account:
    """What belongs to no single object: asked for when a record needs it, again when one names what is not in it."""

    def __init__(self, api: HubSpotApi, *, csat_scale: str = "0-2", topics: Mapping[str, int] | None = None) -> None:
        self.api = api
        self.topics = {topic: opted_out_of(number) for topic, number in (topics or {}).items()}
        self.scales = {"nps": "0-10", "csat": csat_scale, "ces": "1-7"}
        self.warnings: list[str] = []
        self._is_of_before = False

    def of_before(self) -> Account:
        """As an earlier run left it: owners and stages may have come since."""
        self._is_of_before = True
        return self

    def opted_out_of(self, contact: Row) -> tuple[str, ...]:
        """The topics of ours that the contact wants no mail about."""
        return tuple(topic for topic, name in self.topics.items() if contact.properties.get(name) == "true")

    def owner(self, id: str) -> str:
        """The owner's address; the id where HubSpot does not tell."""
        if id not in self._owners:
            self._forget_what_was_before()
        return self._owners.get(id, id)

    def deal_stage(self, deal: Row, stage: str) -> tuple[bool, bool]:
        """Whether the deal is closed, and won; a stage that was removed leaves it to the deal's own properties."""
        place = deal.properties.get("pipeline") or "", stage
        if place not in self._stages:
            self._forget_what_was_before()
        known = self._stages.get(place)
        if known is not None:
            return known.is_closed, known.is_won
        return deal.properties.get("hs_is_closed") == "true", deal.properties.get("hs_is_closed_won") == "true"

    def _forget_what_was_before(self) -> None:
        if self._is_of_before:
            self._is_of_before = False
            self.__dict__.pop("_owners", None)
            self.__dict__.pop("_stages", None)

    @cached_property
    def _owners(self) -> Mapping[str, str]:
        return self._if_allowed(self.api.owners, "owners stay numbers")

    @cached_property
    def _stages(self) -> Mapping[tuple[str, str], Stage]:
        return self._if_allowed(self.api.stages, "whether a deal is won is told by the deal alone")

    def _if_allowed(self, ask: Callable[[], Mapping[K, V]], otherwise: str) -> Mapping[K, V]:
        try:
            return ask()
        except AuthFailed as error:
            if error.status != 403:
                raise
            self.warnings.append(f"{otherwise}: {error}")
            return {}


Values = dict[str, Any]
Linked = Mapping[str, Mapping[str, tuple[Link, ...]]]


def _contacts(
    row: Row, values: Values, custom: Mapping[str, CustomValue], links: Linked, account: Account
) -> list[Record]:
    """The contact, and a stone for every one that was merged into it: those answer to no question any more."""
    companies = links["companies"].get(row.id, ())
    if "owner" in values:
        values["owner"] = account.owner(values["owner"])
    if companies:
        values["company_id"], values["companies"] = companies[0].id, companies
    if account.topics:
        values["opted_out_of"] = account.opted_out_of(row)
    values["contact_id"], values["custom"] = row.id, custom
    contact = Contact(**values)
    if not (merged := _merged_ids(row)):
        return [contact]
    return [contact, *(Contact(contact_id=id, merged_into=row.id, created_at=contact.created_at) for id in merged)]


def _companies(
    row: Row, values: Values, custom: Mapping[str, CustomValue], links: Linked, account: Account
) -> list[Record]:
    if "owner" in values:
        values["owner"] = account.owner(values["owner"])
    # HubSpot makes companies out of e-mail domains; those have no name yet.
    values.setdefault("name", row.properties.get("domain") or row.id)
    return [Company(company_id=row.id, custom=custom, **values)]


def _deals(
    row: Row, values: Values, custom: Mapping[str, CustomValue], links: Linked, account: Account
) -> list[Record]:
    contacts, companies = links["contacts"].get(row.id, ()), links["companies"].get(row.id, ())
    closed, won = account.deal_stage(row, values["stage"])
    if "owner" in values:
        values["owner"] = account.owner(values["owner"])
    if not closed:
        # The close date of an open deal is a guess, the end of the month by default.
        values.pop("closed_at", None)
    return [
        Deal(
            deal_id=row.id,
            contact_id=contacts[0].id if contacts else None,
            company_id=companies[0].id if companies else None,
            contacts=contacts,
            is_won=won,
            **values,
        )
    ]


def _order_lines(
    row: Row, values: Values, custom: Mapping[str, CustomValue], links: Linked, account: Account
) -> list[Record]:
    """What was sold, by the deal it was sold in; a line of no deal is a draft."""
    deals = links["deals"].get(row.id, ())
    named = values.pop("sku", None) or row.properties.get("name") or row.properties.get("hs_product_id")
    if not deals or named is None or "unit_price" not in values:
        return []
    return [OrderLine(order_id=deals[0].id, sku=named, units=values.pop("units", Decimal(1)), **values)]


def _tickets(
    row: Row, values: Values, custom: Mapping[str, CustomValue], links: Linked, account: Account
) -> list[Record]:
    """A ticket of nobody's concerns nobody."""
    contacts = links["contacts"].get(row.id, ())
    return [Ticket(ticket_id=row.id, contact_id=contacts[0].id, **values)] if contacts else []


def _surveys(
    row: Row, values: Values, custom: Mapping[str, CustomValue], links: Linked, account: Account
) -> list[Record]:
    """An answer to a survey whose score means something; surveys of the account's own invention have none."""
    kind = values.pop("kind", "").lower()
    if kind not in account.scales or "contact_id" not in values:
        return []
    return [Survey(response_id=row.id, kind=kind, scale=account.scales[kind], **values)]


RECORDS: Mapping[str, Callable[[Row, Values, Mapping[str, CustomValue], Linked, Account], list[Record]]] = {
    "contacts": _contacts,
    "companies": _companies,
    "deals": _deals,
    "order_lines": _order_lines,
    "tickets": _tickets,
    "surveys": _surveys,
}


def _merged_ids(row: Row) -> list[str]:
    """`1;2`, and with the moment of the merge `1:1700000000000;2:1700000000000`."""
    told = row.properties.get
    ids_alone, ids_and_moments = told("hs_merged_object_ids"), told("hs_calculated_merged_vids")
    if not (ids_alone or ids_and_moments):
        return []
    ids = (part.split(":")[0].strip() for part in f"{ids_alone or ''};{ids_and_moments or ''}".split(";"))
    return [id for id in dict.fromkeys(ids) if id.isdigit() and id != row.id]
