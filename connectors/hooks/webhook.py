"""Posts a message as JSON, signed as Standard Webhooks says, to an address that is checked and then kept to.

    hooks = Hooks()
    outcome = hooks.post(Hook("https://crm.acme.example/in", secrets=("whsec_…",)), "w-1", body, at=now)

A receiver knows a message by its `webhook-id`, so what may have arrived is simply posted again, with the same id.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from urllib.parse import urlsplit

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from connectors.base import Outcome, Verdict
from connectors.errors import ConnectorError, Permanent, Temporary
from connectors.hooks.addresses import Resolver, allowed, is_loopback, is_public, lookup
from connectors.hooks.signing import signature
from connectors.limits import Caller

SYSTEM = "webhook"
#: Bytes of an answer that are read: enough for the receiver's words.
LONGEST_ANSWER = 2_000
#: Seconds; a receiver that asks for more is tried again by the sender's own clock.
LONGEST_PAUSE = 86_400.0
#: The message itself is to blame, or nobody is there any more: the same is never posted again.
REFUSALS = (400, 410, 413, 422)
#: Nothing wrong with message or address: the receiver is busy.
BUSY = (408, 425, 429, 503)


@dataclass(frozen=True, slots=True)
class Hook:
    """An address that takes messages."""

    url: str
    #: `whsec_…`; each signs, so that one can take another's place. None: the messages are not signed.
    secrets: Sequence[str] = ()
    #: Whether it may be on this machine or in its own network, and then without TLS.
    allow_private: bool = False
    #: Whether the receiver knows a message that comes twice by its id, so that it may be posted again.
    knows_ids: bool = True

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""


class Lost(ConnectorError):
    """The message went out and no certain answer came back, to a receiver that would take it twice."""


class Hooks:
    """The one way to post to an address that somebody has written down."""

    def __init__(
        self,
        *,
        caller: Caller | None = None,
        resolve: Resolver = lookup,
        timeout: float = 10.0,
        loopback_only: bool = False,
    ) -> None:
        self._caller = caller or Caller(tries=3, seconds=20.0, longest_wait=5.0)
        self._resolve = resolve
        #: Seconds for all of one try.
        self._timeout = timeout
        #: For rehearsals: nothing leaves this machine.
        self.loopback_only = loopback_only

    def post(self, hook: Hook, id: str, body: bytes, *, at: datetime) -> Outcome:
        """What became of one message; `at` is the time that is signed, by which receivers refuse what is old."""
        try:
            self._caller.call(partial(self._once, hook, id, body, int(at.timestamp())))
        except Temporary as error:
            return Outcome(id, Verdict.RETURNED, reason=_words(error), retry_after=error.retry_after)
        except Permanent as error:
            final = error.status is None or error.status in REFUSALS
            return Outcome(id, Verdict.REFUSED if final else Verdict.RETURNED, reason=_words(error))
        except Lost as error:
            return Outcome(id, Verdict.UNSURE, reason=_words(error))
        return Outcome(id, Verdict.ACCEPTED)

    def _once(self, hook: Hook, id: str, body: bytes, at: int) -> None:
        """Returns when the receiver said that it took the message."""
        connection = self._connected(hook)
        try:
            with _at_most(self._timeout, connection):
                headers = _headers(hook, id, body, at)
                connection.request("POST", _target(hook.url), body=body, headers=headers, preload_content=False)
                answer = connection.getresponse()
                said = answer.read(LONGEST_ANSWER, decode_content=False)
        except (OSError, HTTPError, http.client.HTTPException) as error:
            raise _lost(hook, f"no answer ({_told(error)})") from error
        finally:
            connection.close()
        _look_at(hook, answer, said)

    def _connected(self, hook: Hook) -> HTTPConnection:
        """A connection that stands, to an address that was checked; the host's name is not looked up again."""
        parts = urlsplit(hook.url)
        secure, host = parts.scheme == "https", parts.hostname or ""
        port = parts.port or (443 if secure else 80)
        failure: Exception | None = None
        for address in allowed(host, port, private=hook.allow_private, resolve=self._resolve):
            if not secure and not (hook.allow_private and not is_public(address)):
                raise Permanent("is not https, which is needed beyond one's own network", system=SYSTEM)
            if self.loopback_only and not is_loopback(address):
                raise Permanent("a rehearsal: no message leaves this machine", system=SYSTEM)
            connection = _connection(address, port, host, secure=secure, timeout=self._timeout)
            try:
                connection.connect()
                return connection
            except (OSError, HTTPError) as error:
                connection.close()
                failure = error
        raise Temporary(f"cannot be reached ({_told(failure)})", system=SYSTEM)


def _headers(hook: Hook, id: str, body: bytes, at: int) -> dict[str, str]:
    parts = urlsplit(hook.url)
    signed = {"webhook-signature": " ".join(signature(secret, id, at, body) for secret in hook.secrets)}
    return {
        "Host": parts.netloc.rpartition("@")[2],
        "Content-Type": "application/json",
        "User-Agent": "regulars",
        "Accept-Encoding": "identity",
        "Connection": "close",
        "webhook-id": id,
        "webhook-timestamp": str(at),
        **(signed if hook.secrets else {}),
    }


def _target(url: str) -> str:
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _connection(address: str, port: int, host: str, *, secure: bool, timeout: float) -> HTTPConnection:
    if not secure:
        return HTTPConnection(address, port, timeout=timeout)
    # The certificate is the host's, whichever address it is at.
    return HTTPSConnection(
        address, port, timeout=timeout, ssl_context=ssl.create_default_context(), server_hostname=host
    )


@contextmanager
def _at_most(seconds: float, connection: HTTPConnection) -> Iterator[None]:
    """Ends the connection after all of the time: a timeout alone begins anew with every byte that comes."""

    def end() -> None:
        try:
            if connection.sock is not None:
                socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)
        except OSError:
            pass  # It had ended by itself.

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _look_at(hook: Hook, answer: urllib3.BaseHTTPResponse, said: bytes) -> None:
    """What a status means for the message."""
    words = " ".join(said.decode("utf-8", "replace").split())[:200] or answer.reason or "no words given"
    match answer.status:
        case status if 200 <= status < 300:
            return
        case status if status in BUSY:
            pause = _pause(answer.headers.get("Retry-After"))
            raise Temporary(words, system=SYSTEM, status=status, retry_after=pause)
        case status if status >= 500:
            raise _lost(hook, words, status)
        case status if 300 <= status < 400:
            raise Permanent("redirects are not followed; write the address it leads to", system=SYSTEM, status=status)
        case status:
            raise Permanent(words, system=SYSTEM, status=status)


def _lost(hook: Hook, words: str, status: int | None = None) -> ConnectorError:
    """To be posted again where the receiver knows what it has; else nobody knows."""
    return (Temporary if hook.knows_ids else Lost)(words, system=SYSTEM, status=status)


def _words(error: ConnectorError) -> str:
    return f"{error.status} {error.words}" if error.status is not None else error.words


def _told(error: Exception | None) -> str:
    return f"{type(error).__name__}: {error}" if error is not None else "no address answered"


def _pause(asked: str | None) -> float | None:
    """Seconds that `Retry-After` asks for, which is a number or a date."""
    if not asked:
        return None
    try:
        seconds = float(asked)
    except ValueError:
        try:
            then = parsedate_to_datetime(asked)
        except ValueError:
            return None
        seconds = (then if then.tzinfo else then.replace(tzinfo=UTC)).timestamp() - time.time()
    return min(max(0.0, seconds), LONGEST_PAUSE)
