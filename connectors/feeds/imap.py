"""A mailbox, read by IMAP and never written to: requests for help, and our own answers to them."""

from __future__ import annotations

import imaplib
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any, Literal, Self

import structlog
from pydantic import Field, SecretStr, field_validator, model_validator

from connectors.base import ConnectorSettings, Cursor, Page, Source
from connectors.errors import AuthFailed, ConnectorError, Permanent, Temporary
from connectors.feeds.letters import Unanswered, records_of
from connectors.limits import Caller
from connectors.records import TABLES, Record

SYSTEM = "IMAP"
#: Mails whose heads are fetched at a time.
PAGE = 200
#: Days that are looked back at first: what an expected response time is reckoned from.
BACK = 90
TIMEOUT = 30.0
#: "01-Mar-2026": IMAP writes months in English, whatever the machine speaks.
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
log = structlog.get_logger(__name__)


class ImapSettings(ConnectorSettings):
    """`{type: imap, host: imap.acme.example, user: …, password: …, addresses: [support@acme.example]}`."""

    type: Literal["imap"] = "imap"
    host: str
    port: int = Field(993, ge=1, le=65535)
    user: str
    password: SecretStr
    #: Our addresses: who writes to one of them asks, who writes from one of them answers.
    addresses: tuple[str, ...] = Field(min_length=1)
    #: Where requests come in.
    folder: str = "INBOX"
    #: Where our answers are: without it nobody knows how long they take.
    sent: str | None = "Sent"
    #: Without TLS only on this machine.
    tls: bool = True

    @field_validator("addresses")
    @classmethod
    def _small(cls, addresses: tuple[str, ...]) -> tuple[str, ...]:
        wrong = next((address for address in addresses if not re.fullmatch(r"[^@\s]+@[^@\s]+", address)), None)
        if wrong is not None:
            raise ValueError(f"must be mail addresses, is {wrong!r}")
        return tuple(address.lower() for address in addresses)

    @model_validator(mode="after")
    def _secret(self) -> Self:
        if not self.tls and not (self.host in ("localhost", "::1") or self.host.startswith("127.")):
            raise ValueError("tls: false sends the password for all to read; it is for this machine only")
        return self


class Imap(Source):
    """A mailbox: requests for help, and your answers to them. Read from where it was left, and never written to."""

    type = "imap"
    settings_model = ImapSettings
    tells_parts = True

    def __init__(self, settings: ImapSettings, *, caller: Caller | None = None) -> None:
        self._settings = settings
        self._caller = caller or Caller(tries=3, seconds=30.0)

    @classmethod
    def open(cls, settings: ImapSettings, **_: object) -> Imap:
        return cls(settings)

    def pull(self, cursor: Cursor | None, *, full: bool, now: datetime) -> Iterator[Page]:
        places = {} if full else {name: dict(place) for name, place in (cursor or {}).get("folders", {}).items()}
        with self._connected() as server:
            for folder in filter(None, (self._settings.folder, self._settings.sent)):
                yield from self._folder(server, folder, places, now)

    def _folder(self, server: Any, folder: str, places: dict[str, Any], now: datetime) -> Iterator[Page]:
        validity = _selected(server, folder)
        place = places.get(folder, {})
        if place.get("validity") != validity:
            place = {"validity": validity, "last": 0}
        for heads in self._new(server, place["last"], now):
            records: list[Record] = []
            for number, head, received in heads:
                told = records_of(head, self._settings.addresses, min(received, now))
                if isinstance(told, Unanswered):
                    log.info("a mail asks nothing of anybody", action="inbound", uid=number, reason=told.reason)
                else:
                    records += told
            before = {"folders": dict(places)}
            place = {**place, "last": max(number for number, _, _ in heads)}
            places[folder] = place
            yield from _pages(records, before, {"folders": dict(places)})

    def _new(self, server: Any, last: int, now: datetime) -> Iterator[list[tuple[int, bytes, datetime]]]:
        """UID, head and time of arrival of each mail that came, a portion at a time."""
        since = now - timedelta(days=BACK)
        day = f"{since.day:02d}-{_MONTHS[since.month - 1]}-{since.year}"
        criteria = ("UID", f"{last + 1}:*") if last else ("SINCE", day)
        found = _ok(self._ask(partial(server.uid, "SEARCH", *criteria)), "SEARCH")
        # "5:*" also finds the last mail where none is newer than it.
        numbers = sorted(number for number in map(int, (found[0] or b"").split()) if number > last)
        for start in range(0, len(numbers), PAGE):
            wanted = ",".join(map(str, numbers[start : start + PAGE]))
            told = self._ask(partial(server.uid, "FETCH", wanted, "(UID INTERNALDATE BODY.PEEK[HEADER])"))
            heads = [_head(part) for part in _ok(told, "FETCH") if isinstance(part, tuple)]
            if heads:
                yield heads

    def _ask(self, request: Callable[[], Any]) -> Any:
        self.calls += 1
        with _translated("a command"):
            return request()

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        server = self._caller.call(self._open)
        try:
            yield server
        finally:
            with suppress(OSError, imaplib.IMAP4.error):
                server.logout()

    def _open(self) -> Any:
        told, kind = self._settings, imaplib.IMAP4_SSL if self._settings.tls else imaplib.IMAP4
        self.calls += 1
        with _translated("connect"):
            server = kind(told.host, told.port, timeout=TIMEOUT)
        try:
            server.login(told.user, told.password.get_secret_value())
        except imaplib.IMAP4.error as error:
            with suppress(OSError, imaplib.IMAP4.error):
                server.logout()
            raise AuthFailed(_words(error), system=SYSTEM, request="LOGIN") from error
        return server


def _pages(records: list[Record], before: Cursor, after: Cursor) -> Iterator[Page]:
    """Who asked, then what; only with the last of them the cursor goes on."""
    tables = [kind.table for kind in TABLES if any(record.table == kind.table for record in records)] or ["messages"]
    for table in tables:
        of_table = [record for record in records if record.table == table]
        yield Page(table, of_table, after if table == tables[-1] else before)


def _selected(server: Any, folder: str) -> str:
    """Opens a folder to read; its UIDVALIDITY, without which UIDs say nothing."""
    quoted = '"' + folder.replace("\\", "\\\\").replace('"', '\\"') + '"'
    with _translated(f"EXAMINE {folder}"):
        answer, _ = server.select(quoted, readonly=True)
        validity = (server.response("UIDVALIDITY")[1] or [b""])[0]
    if answer != "OK":
        words = f"there is no folder {folder!r}; name it by folder: or sent: (sent: null where there is none)"
        raise Permanent(words, system=SYSTEM, request="EXAMINE")
    return (validity or b"").decode()


def _head(part: tuple[bytes, bytes]) -> tuple[int, bytes, datetime]:
    number = re.search(rb"UID (\d+)", part[0])
    arrived = re.search(rb'INTERNALDATE "([^"]+)"', part[0])
    at = parsedate_to_datetime(arrived[1].decode("ascii", "replace")) if arrived else None
    return int(number[1]) if number else 0, part[1], at.astimezone(UTC) if at else datetime.max.replace(tzinfo=UTC)


def _ok(answer: Any, request: str) -> list[Any]:
    status, told = answer
    if status != "OK":
        raise Permanent(f"the server said {status}", system=SYSTEM, request=request)
    return list(told)


@contextmanager
def _translated(request: str) -> Iterator[None]:
    try:
        yield
    except ConnectorError:
        raise
    except imaplib.IMAP4.error as error:
        kind = Temporary if isinstance(error, imaplib.IMAP4.abort) else Permanent
        raise kind(_words(error), system=SYSTEM, request=request) from error
    except OSError as error:
        raise Temporary(f"no answer ({error})", system=SYSTEM, request=request) from error


def _words(error: Exception) -> str:
    told = error.args[0] if error.args else ""
    return told.decode("utf-8", "replace") if isinstance(told, bytes) else str(told) or type(error).__name__
