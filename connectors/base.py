"""What a connector is: a Source brings records, a Mailer takes letters away.

The base says what the product relies on; a connector translates. Both are told the time and never read the clock,
save for waiting between tries.
"""

from __future__ import annotations

import builtins
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from connectors.records import FieldType, Record

#: How far a sync came: JSON, understood by the source that wrote it alone.
Cursor = Mapping[str, Any]


class ConnectorSettings(BaseModel):
    """A connector's own keys in `regulars.yaml`; unknown keys are faults."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: str


@dataclass(frozen=True, slots=True)
class SetAside:
    """A row that could not be read: where it stands, what was wrong with it, and what to do."""

    #: `orders.csv:17` or `contacts/4711`.
    where: str
    field: str
    value: str
    words: str


@dataclass(frozen=True, slots=True)
class Page:
    """Some records of one table, and the cursor that is true once they are stored."""

    table: str
    records: Sequence[Record]
    cursor: Cursor
    set_aside: Sequence[SetAside] = ()
    #: Keys (see `records.key_of`) that the source says are gone.
    deleted: Sequence[str] = ()
    #: Those of them that the source keeps for some ten days at least: who is not among what is gone a night later has
    #: not run out of time there, and was erased or brought back.
    kept: Sequence[str] = ()
    #: The table's last page of a complete listing: what was not in it is gone.
    complete: bool = False
    #: Of a listing that can be taken up again at any page: whether this is its first one. None: it is none of these.
    begins: bool | None = None
    #: Orders of which these are all lines: what else is here of them is gone.
    all_lines_of: Sequence[str] = ()
    #: Things worth a warning that concern no single row: an unknown file or column.
    warnings: Sequence[str] = ()
    #: Keys of records that earlier syncs should have brought as they are: nobody has touched them for long.
    overdue: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Forecast:
    """What reading one table will cost."""

    #: `account`: what belongs to no table.
    table: str
    rows: int
    #: Calls at the least; what else is linked to a row beyond a page costs more.
    calls: int
    #: `everything`, or `what changed since …`.
    what: str


class Source(ABC):
    """An outside system that brings records."""

    #: What `type:` in `regulars.yaml` says.
    type: ClassVar[str]
    settings_model: ClassVar[builtins.type[ConnectorSettings]]
    #: Whether it is a CRM that people work in, which is to be told what playbooks write about a contact.
    is_crm: ClassVar[bool] = False
    #: Whether its word on a person is a part only: what it leaves out stays as it was.
    tells_parts: ClassVar[bool] = False
    #: Calls made to the outside system so far.
    calls: int = 0

    @classmethod
    def open(cls, settings: Any, *, workspace: Path, timezone: str) -> Source:
        """The source as its settings say; `timezone` is the account's."""
        return cls(settings)  # type: ignore[call-arg]  # each kind has its own __init__

    @abstractmethod
    def pull(self, cursor: Cursor | None, *, full: bool, now: datetime) -> Iterator[Page]:
        """Pages of records changed since `cursor` (everything when it is None or `full`), oldest first.

        A page is yielded before the next one is fetched; whoever stores it stores `page.cursor` in the same
        transaction, so that a killed sync goes on where it was. Raises the errors of `connectors.errors`.
        """

    def forecast(self, cursor: Cursor | None, *, full: bool, now: datetime) -> Sequence[Forecast]:
        """What `pull` would read and cost, table by table; nothing where it makes no calls."""
        return ()

    def quota(self) -> Mapping[str, Any]:
        """What is used and left of the system's limits, as far as it told."""
        return {}

    def is_hint(self, headers: Mapping[str, str], body: bytes, *, method: str, url: str, now: datetime) -> bool:
        """Whether a webhook comes from the system and says that something changed; header names are lower case."""
        return False

    def forgotten(self, table: str, ids: Sequence[str]) -> Sequence[str]:
        """Those of the ids that the system has erased for good, as after a wish under the GDPR.

        Asked of what a complete listing lacked: something that can be had back, or was merged, is not among them.
        """
        return ()

    def custom_fields(self) -> Mapping[str, Mapping[str, FieldType]]:
        """The custom fields' types by table, as far as they are known; complete once `pull` is exhausted."""
        return {}

    def close(self) -> None:
        """Gives back what was opened."""


class Listener(Source):
    """A source that is told instead of asked: what is told is kept as it came, and read at the next sync."""

    tells_parts = True

    def pull(self, cursor: Cursor | None, *, full: bool, now: datetime) -> Iterator[Page]:
        return iter(())

    @abstractmethod
    def records(self, body: bytes, *, customers: str) -> Iterator[Record]:
        """What a body tells, in its order; `customers` is the setting of that name.

        Raises ValueError where the body is none of this source's: it is kept, with the reason.
        """


@dataclass(frozen=True, slots=True)
class Address:
    """A mail address with the name to show."""

    email: str
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Letter:
    """One person's copy of a mailing."""

    #: Our own id, carried as the custom argument `regulars_send` and as the header `X-Regulars-Send`.
    send_id: str
    to: Address
    #: What stands where the mailing's keys stand: key to this person's text.
    substitutions: Mapping[str, str] = field(default_factory=dict)
    #: Headers of this copy alone (List-Unsubscribe and its Post header).
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes along with every letter of a mailing."""

    #: As its reader sees it, in any script: `Acme 2026-03.pdf`.
    name: str
    #: `application/pdf`.
    type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Mailing:
    """Letters that share one skeleton: subject, HTML and text with substitution keys in them."""

    sender: Address
    subject: str
    html: str
    text: str
    letters: Sequence[Letter]
    reply_to: Address | None = None
    #: Opaque labels for the provider's statistics (the playbook's id); never personal.
    categories: Sequence[str] = ()
    attachments: Sequence[Attachment] = ()


class Verdict(StrEnum):
    """What became of one letter at the provider's door."""

    #: The provider took it.
    ACCEPTED = "accepted"
    #: Certainly not taken, and never will be like this.
    REFUSED = "refused"
    #: Certainly not taken now, for a reason of this letter's own (a full mailbox); the same may succeed later.
    RETURNED = "returned"
    #: Certainly not taken since the mailer itself is in trouble; nothing more is handed in for now.
    UNTRIED = "untried"
    #: The request went out and no certain answer came back.
    UNSURE = "unsure"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The verdict on one letter."""

    send_id: str
    verdict: Verdict
    message_id: str | None = None
    reason: str | None = None
    #: Seconds to wait before a returned letter is tried again, where the provider said.
    retry_after: float | None = None
    #: Whether it may have been taken all the same: it is handed in again under the key that the provider knows it by.
    doubted: bool = False


class MailEventKind(StrEnum):
    """What a provider tells of a letter afterwards, in the product's words."""

    PROCESSED = "processed"
    DELIVERED = "delivered"
    DEFERRED = "deferred"
    BOUNCED = "bounced"
    BLOCKED = "blocked"
    DROPPED = "dropped"
    OPENED = "opened"
    CLICKED = "clicked"
    UNSUBSCRIBED = "unsubscribed"
    COMPLAINED = "complained"
    #: Came back by their own word, on the provider's page.
    RESUBSCRIBED = "resubscribed"


class Actor(StrEnum):
    """Who opened or clicked, as far as the evidence goes."""

    HUMAN = "human"
    MACHINE = "machine"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class MailEvent:
    """One event of one letter."""

    #: The provider's id of the event, by which a repetition is recognised.
    event_id: str
    #: Our id, None where the provider did not hand it back.
    send_id: str | None
    kind: MailEventKind
    at: datetime
    address: str | None = None
    #: Who it was, where whoever tells of it knows; else it is judged by the evidence.
    actor: Actor | None = None
    reason: str | None = None
    url: str | None = None
    message_id: str | None = None
    #: Of a dropped letter what the provider knows of its address: that it bounced, complained or unsubscribed before.
    because: MailEventKind | None = None
    #: The evidence of an open or click: by what it came, and from where.
    user_agent: str | None = None
    ip: str | None = None


class Mailer(ABC):
    """An outside system that takes letters."""

    type: ClassVar[str]
    settings_model: ClassVar[builtins.type[ConnectorSettings]]
    #: Letters of one mailing at the most.
    batch_size: ClassVar[int] = 1
    #: Calls that may be under way side by side; more than one only where `send` may be called from several threads.
    calls_at_once: ClassVar[int] = 1
    #: Substitution keys a mailing may have, and UTF-8 bytes of keys and texts a letter may bring; None: any.
    max_keys: ClassVar[int | None] = None
    max_substitution_bytes: ClassVar[int | None] = None
    #: Whether the provider takes once what it gets twice under one send id: by an idempotency key that the mailer makes
    #: of it. Then an outcome that nobody knows is no doubt: the letter is handed in again under the same id.
    idempotent: ClassVar[bool] = False
    #: How long the provider knows such a key at the least; None: for good. After that a doubt is one as without keys.
    keys_last: ClassVar[timedelta | None] = None
    #: Whether real people get the letters (the outbox: no).
    real: ClassVar[bool] = True
    #: Who counts opens and clicks: the provider, our own pages by links in the letters, or nobody.
    counts: Literal["provider", "pages"] | None = None
    #: Whether letters go to a receiver on this machine (a loopback address), as in tests and rehearsals.
    loopback: bool = False

    @abstractmethod
    def send(self, mailing: Mailing) -> Sequence[Outcome]:
        """One outcome a letter, in any order.

        When certainly none was taken it may raise instead: AuthFailed or Temporary for trouble of the mailer's own, by
        which nothing more is handed in for now, and SharedFault for what is wrong with this mailing alone.
        """

    def verify(self, headers: Mapping[str, str], body: bytes, *, now: datetime) -> bool:
        """Whether a webhook's body comes from the provider; header names are lower case."""
        return False

    def events(self, body: bytes) -> Iterator[MailEvent]:
        """The events of a verified webhook body; what is not understood is passed over.

        Raises ValueError where the body as a whole is none of the provider's: it is kept, with the reason.
        """
        return iter(())

    def suppressed(self, since: datetime | None, until: datetime) -> Iterator[MailEvent]:
        """Who may not be written to by the provider's own lists, entered after `since`; the same entry, the same id.

        What webhooks told while nobody was there to hear it stands there still. Raises the errors of
        `connectors.errors`.
        """
        return iter(())

    def close(self) -> None:
        """Gives back what was opened."""
