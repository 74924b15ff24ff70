"""Which of HubSpot's objects fill which of our tables, in the order in which they are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of objects."""

    #: What HubSpot calls it.
    object: str
    #: Says when one was last modified. Contacts have hs_lastmodifieddate too, always empty: a search by it finds
    #: nothing and says nothing.
    modified: str
    #: What is associated with it and read with it.
    linked: tuple[str, ...] = ()
    #: Whether an account may well have none, because it did not buy them or the token may not see them.
    optional: bool = False
    #: Whether it is read with everything only: its rows have no key of their own by which a change could be told.
    whole: bool = False
    #: Whether what was deleted is listed apart; of the others it is what the listing lacks.
    archives: bool = True


KINDS: Mapping[str, Kind] = {
    "companies": Kind("companies", "hs_lastmodifieddate"),
    "contacts": Kind("contacts", "lastmodifieddate", ("companies",)),
    "deals": Kind("deals", "hs_lastmodifieddate", ("contacts", "companies")),
    "order_lines": Kind("line_items", "hs_lastmodifieddate", ("deals",), optional=True, whole=True, archives=False),
    "tickets": Kind("tickets", "hs_lastmodifieddate", ("contacts",), optional=True),
    "surveys": Kind("feedback_submissions", "hs_lastmodifieddate", optional=True, archives=False),
}
