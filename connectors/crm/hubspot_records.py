"""HubSpot's objects as records: contacts with those merged into them, companies, deals won or not, answers, tickets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from connectors.crm.hubspot_answers import Stage
from connectors.crm.hubspot_fields import Read, Texts, opted_out_of
from connectors.errors import AuthFailed
from connectors.records import Company, Contact, Deal, Link, OrderLine, Record, Survey, Ticket

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

    def opted_out_of(self, contact: Texts) -> tuple[str, ...]:
        """The topics of ours that the contact wants no mail about."""
        return tuple(topic for topic, name in self.topics.items() if contact.get(name) == "true")

    def owner(self, id: str) -> str:
        """The owner's address; the id where HubSpot does not tell."""
        if id not in self._owners:
            self._forget_what_was_before()
        return self._owners.get(id, id)

    def deal_stage(self, deal: Texts, stage: str) -> tuple[bool, bool]:
        """Whether the deal is closed, and won; a stage that was removed leaves it to the deal's own properties."""
        place = deal.get("pipeline", ""), stage
        if place not in self._stages:
            self._forget_what_was_before()
        known = self._stages.get(place)
        if known is not None:
            return known.is_closed, known.is_won
        return deal.get("hs_is_closed") == "true", deal.get("hs_is_closed_won") == "true"

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


Linked = Mapping[str, Mapping[str, tuple[Link, ...]]]


def _contacts(told: Iterable[Read], links: Linked, account: Account) -> Iterator[Record]:
    """The contacts, and a stone for every one that was merged into it: those answer to no question any more."""
    companies = links["companies"]
    for id, values, custom, besides in told:
        if "owner" in values:
            values["owner"] = account.owner(values["owner"])
        if of := companies.get(id):
            values["company_id"], values["companies"] = of[0].id, of
        if account.topics:
            values["opted_out_of"] = account.opted_out_of(besides)
        values["contact_id"], values["custom"] = id, custom
        contact = Contact(**values)
        yield contact
        for merged in _merged_ids(id, besides) if besides else ():
            yield Contact(contact_id=merged, merged_into=id, created_at=contact.created_at)


def _companies(told: Iterable[Read], links: Linked, account: Account) -> Iterator[Record]:
    for id, values, custom, besides in told:
        if "owner" in values:
            values["owner"] = account.owner(values["owner"])
        # HubSpot makes companies out of e-mail domains; those have no name yet.
        values.setdefault("name", besides.get("domain") or id)
        yield Company(company_id=id, custom=custom, **values)


def _deals(told: Iterable[Read], links: Linked, account: Account) -> Iterator[Record]:
    for id, values, _, besides in told:
        contacts, companies = links["contacts"].get(id, ()), links["companies"].get(id, ())
        closed, won = account.deal_stage(besides, values["stage"])
        if "owner" in values:
            values["owner"] = account.owner(values["owner"])
        if not closed:
            # The close date of an open deal is a guess, the end of the month by default.
            values.pop("closed_at", None)
        yield Deal(
            deal_id=id,
            contact_id=contacts[0].id if contacts else None,
            company_id=companies[0].id if companies else None,
            contacts=contacts,
            is_won=won,
            **values,
        )


def _order_lines(told: Iterable[Read], links: Linked, account: Account) -> Iterator[Record]:
    """What was sold, by the deal it was sold in; a line of no deal is a draft."""
    for id, values, _, besides in told:
        deals = links["deals"].get(id, ())
        named = values.pop("sku", None) or besides.get("name") or besides.get("hs_product_id")
        if deals and named is not None and "unit_price" in values:
            yield OrderLine(order_id=deals[0].id, sku=named, units=values.pop("units", Decimal(1)), **values)


def _tickets(told: Iterable[Read], links: Linked, account: Account) -> Iterator[Record]:
    """A ticket of nobody's concerns nobody."""
    for id, values, _, _ in told:
        if contacts := links["contacts"].get(id, ()):
            yield Ticket(ticket_id=id, contact_id=contacts[0].id, **values)


def _surveys(told: Iterable[Read], links: Linked, account: Account) -> Iterator[Record]:
    """Answers to surveys whose score means something; surveys of the account's own invention have none."""
    for id, values, _, _ in told:
        kind = values.pop("kind", "").lower()
        if kind in account.scales and "contact_id" in values:
            yield Survey(response_id=id, kind=kind, scale=account.scales[kind], **values)


RECORDS: Mapping[str, Callable[[Iterable[Read], Linked, Account], Iterator[Record]]] = {
    "contacts": _contacts,
    "companies": _companies,
    "deals": _deals,
    "order_lines": _order_lines,
    "tickets": _tickets,
    "surveys": _surveys,
}


def _merged_ids(id: str, contact: Texts) -> list[str]:
    """`1;2`, and with the moment of the merge `1:1700000000000;2:1700000000000`."""
    told = f"{contact.get('hs_merged_object_ids', '')};{contact.get('hs_calculated_merged_vids', '')}"
    ids = (part.split(":")[0].strip() for part in told.split(";"))
    return [merged for merged in dict.fromkeys(ids) if merged.isdigit() and merged != id]
