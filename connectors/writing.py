"""What a CRM is told: fields, notes, tasks and opt-outs of its contacts, each under an id of ours.

A `CrmWriter` takes a batch and says of each write what became of it. Where it cannot know (the answer was lost), it
says so, and is asked later to look: nothing is written twice.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from connectors.base import Outcome
from connectors.records import CustomValue


@dataclass(frozen=True, slots=True, kw_only=True)
class CrmWrite:
    """One thing to tell of one contact."""

    #: Ours; by it the CRM's copy is recognised.
    write_id: str
    #: The CRM's own id of the contact.
    contact_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetFields(CrmWrite):
    """Sets fields, by our names for them; None empties one."""

    fields: Mapping[str, CustomValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Note(CrmWrite):
    """Writes something down about the contact."""

    body: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Task(CrmWrite):
    """Gives the contact's owner something to do."""

    subject: str
    body: str | None = None
    due_at: datetime
    #: low, normal or high.
    priority: str = "normal"
    #: The owner's address; None: nobody's in particular.
    owner: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OptOut(CrmWrite):
    """The person said no to our mail: to all of it, or to one topic."""

    address: str
    topic: str | None = None


class CrmWriter(ABC):
    """A source that can be written to as well."""

    #: Writes of one call at the most.
    write_batch: ClassVar[int] = 100
    #: Whether the settings allow it.
    may_write: bool = True
    #: Topics of which it can be told that somebody wants no mail.
    topics: Collection[str] = ()
    #: Whether it is on this machine: rehearsals are told to no other.
    on_loopback: bool = False

    @abstractmethod
    def write(self, writes: Sequence[CrmWrite]) -> Sequence[Outcome]:
        """One outcome a write, in any order; never raises a `ConnectorError`.

        ACCEPTED: it is there. REFUSED: it never will be like this; `reason` says why in the CRM's words. RETURNED and
        UNTRIED: certainly not there, and may be later. UNSURE: nobody knows; `find` tells.
        """

    @abstractmethod
    def find(self, writes: Sequence[CrmWrite]) -> Sequence[Outcome]:
        """Looks for writes that were UNSURE: ACCEPTED where it is there, RETURNED where it is not, else UNSURE."""
