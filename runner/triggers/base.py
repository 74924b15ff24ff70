"""What a trigger is: a frozen model whose fields are its YAML keys and which gives one SELECT of who fires."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, ClassVar

import sqlalchemy as sa

from runner.conditions import Fields, Kind
from runner.duration import Duration
from runner.store import Store
from runner.store.tables import contacts
from runner.store.types import Id, Instant, Json
from runner.triggers.anchors import Anchor
from runner.triggers.window import Window
from runner.yaml_types import Part


@dataclass(frozen=True, slots=True)
class Lateness:
    """How late an occasion may still begin, and the key that says so."""

    key: str
    allowed: Duration


@dataclass(frozen=True, slots=True)
class Named:
    """A field that a trigger's key names, and what it must hold."""

    key: str
    name: str
    #: Of whom it may be.
    owners: Sequence[str] = ("contact",)
    #: What it may hold; anything where none is given.
    kinds: Sequence[Kind] = ()


#: What a day can be found in.
DATES = (Kind.DATE, Kind.TIME)


class Trigger(Part):
    """An edge that makes contacts enter, once an occasion."""

    #: How YAML calls it.
    name: ClassVar[str]
    #: As it may be written, and what is its occasion, for the reference.
    example: ClassVar[str]
    its_occasion: ClassVar[str]
    #: What `explain` says where it looks at no field of the contact and did not fire.
    silence: ClassVar[str] = "nothing of the kind happened"

    @abstractmethod
    def matches(self, window: Window) -> sa.Select[Any]:
        """Who fired, with the columns of `match_columns`; at most one row a contact and occasion.

        Of a window that is `newly` only what came due in (since, now] need be there, more does no harm.
        """

    @abstractmethod
    def why(self, facts: Mapping[str, Any], anchor: date | None) -> str:
        """The reason in words, from what the SELECT brought: `2 years since customer_since`."""

    def comes_due(self, window: Window) -> bool:
        """Whether anything can come due in a window that is `newly`, for a reason other than that somebody changed.

        False saves a look at the store. Whoever changed, in a column or by a fact, is looked at in any case.
        """
        return True

    def may_fire(self, window: Window) -> Any | None:
        """What the row of a contact says wherever it fires, of a window that looks at some; None where it says nothing.

        One question for all playbooks, of whom something changed, spares each of them a look that would find nobody.
        """
        return None

    def turns(self, fields: Fields) -> bool:
        """Whether time alone may turn what it asks of something that has come due before."""
        return False

    def due(self, window: Window, newest: Window) -> sa.SelectBase:
        """Whom the passing of time alone brings: their numbers. More do no harm. `newest` is the same window, newly."""
        match = self.matches(window if self.turns(window.fields) else newest).subquery("match")
        return sa.select(match.c.contact_id).distinct()

    def turned(self, window: Window) -> sa.Executable | None:
        """Of a trigger that keeps states: of whom it is otherwise than is kept, or came to be so not long ago.

        Nobody else can fire, so that a look at everybody need look at these alone. None where it keeps none.
        """
        return None

    #: Whether it is about the account itself, for whom no other trigger fires.
    concerns_account: ClassVar[bool] = False

    @property
    def concerns_company(self) -> bool:
        """Whether one of a company's people hears of what is the company's: it changes who when another one changes."""
        return False

    def says(self) -> str:
        """When it fires, for `explain`: `anniversary of contact.birthday`."""
        return self.name.replace("_", " ")

    def reason(self, facts: Mapping[str, Any], anchor: date | None) -> str:
        """Why somebody is inside: what fired, or that a person called them in."""
        return BY_HAND if CALL in facts else self.why(facts, anchor)

    @property
    def brings(self) -> Sequence[str]:
        """What templates and conditions may name because of it: `answer`, `order`."""
        return ()

    def lateness(self, window: Window) -> Lateness | None:
        """How late an occasion may still begin; None where being late does no harm."""
        return None

    def same_occasion(self, earlier: Any, match: Any) -> tuple[Any, str] | None:
        """When an earlier enrollment was for this occasion under another name, and what is said of it."""
        return None

    def reach(self, window: Window) -> timedelta:
        """How far back the occasions lie that a window at most brings, the time since the last tick left aside."""
        lateness = self.lateness(window)
        return max(window.max_lateness.span, lateness.allowed.span if lateness else timedelta())

    def names(self) -> Sequence[Named]:
        """The fields that its keys name, so that `check` can tell whether they are there."""
        return ()

    def asks(self, fields: Fields) -> Mapping[str, tuple[str, Fields]]:
        """Its keys that are conditions: what is asked, and the fields that it may name."""
        return {}

    def looks_at(self, fields: Fields) -> Sequence[str]:
        """The fields of the contact whose values `explain` tells."""
        return [named.name for named in self.names() if named.name in fields]

    def anchors(self, fields: Fields) -> Sequence[Anchor]:
        """The indexes by which the database finds who can be due."""
        return ()

    def left_out(self, window: Window) -> sa.Select[Any] | None:
        """How many people it leaves out at its first look, because it was so before; None where that cannot be."""
        return None

    def state(self, connection: sa.Connection, contact: int, window: Window) -> str | None:
        """What it remembers of a contact, for `explain`."""
        return None

    @property
    def watches(self) -> str | None:
        """What it keeps the states of contacts of, as a text that changes with it; None where it keeps none."""
        return None

    def transitions(self, window: Window, store: Store) -> Sequence[sa.Executable]:
        """What is written of those states, in the enrolling transaction, once those who fired are in."""
        return ()


#: The fact that stands for a call by hand, and what it is called as a reason.
CALL = "call"
BY_HAND = "enrolled by hand"


def match_columns(
    *, contact: Any = contacts.c.id, occasion: Any, occurred_at: Any, anchor: Any = None, facts: Any
) -> list[sa.Label[Any]]:
    """The columns every trigger's SELECT has, in their order."""
    return [
        sa.type_coerce(contact, Id).label("contact_id"),
        sa.type_coerce(occasion, sa.Text).label("occasion"),
        sa.cast(sa.null(), sa.Date).label("anchor")
        if anchor is None
        else sa.type_coerce(anchor, sa.Date).label("anchor"),
        sa.type_coerce(occurred_at, Instant).label("occurred_at"),
        sa.type_coerce(facts, Json).label("facts"),
    ]
