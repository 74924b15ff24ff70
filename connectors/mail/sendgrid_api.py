"""SendGrid's door: one call goes out, and the answer comes back as what it means for the letters in it."""

from __future__ import annotations

import http.client
import json
import logging
import ssl
import threading
import time
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import python_http_client
from python_http_client.exceptions import HTTPError
from sendgrid import SendGridAPIClient

from connectors.errors import AuthFailed, ConnectorError, Permanent, Temporary

SYSTEM = "SendGrid"
#: Seconds; nothing that SendGrid limits takes longer to come back.
LONGEST_PAUSE = 86_400.0
REQUEST = "POST /v3/mail/send"

# At DEBUG the SDK logs the key and every mail.
logging.getLogger("python_http_client").setLevel(logging.WARNING)


class Lost(ConnectorError):
    """The request went out and no certain answer came back: its mails may be on their way."""


@dataclass(frozen=True, slots=True)
class Complaint:
    """One of the reasons for a refusal; `field` is SendGrid's path into the request."""

    words: str
    field: str | None


class Refused(ConnectorError):
    """SendGrid took nothing of the call, and would not take the same call again."""

    def __init__(self, complaints: tuple[Complaint, ...], *, status: int) -> None:
        self.complaints = complaints
        words = "; ".join(complaint.words for complaint in complaints)
        super().__init__(words, system=SYSTEM, request=REQUEST, status=status)


class SendGridApi:
    """Sends calls through the official client, one client a thread: the SDK's are not safe to share."""

    def __init__(self, key: str, *, base_url: str, timeout: float, taken: int, direct: bool) -> None:
        self._key = key
        self._base_url = base_url
        self._timeout = timeout
        #: The one status that means success: 202, in the sandbox 200.
        self._taken = taken
        self._opener = _opener(direct=direct)
        self._own = threading.local()

    def post(self, body: Mapping[str, Any]) -> str | None:
        """Sends one call and returns its message id.

        Raises Temporary and Permanent (AuthFailed) when SendGrid certainly took nothing, Refused when it would never
        take this call, Lost when nobody can know.
        """
        try:
            answer = self._client().mail.send.post(request_body=body, timeout=self._timeout)
        except HTTPError as error:
            raise _meaning(error.status_code, error.body, error.headers) from error
        except (OSError, http.client.HTTPException) as error:
            raise _lost(f"no answer ({type(error).__name__}: {error})") from error
        if answer.status_code != self._taken:
            raise _lost(f"only {self._taken} means that mail was taken", answer.status_code)
        # One project saw the header with a suffix that the events' ids do not share.
        return str(answer.headers.get("X-Message-Id") or "").partition(".")[0] or None

    def get(self, path: Sequence[str], query: Mapping[str, int]) -> Any:
        """What stands at a path below /v3/. Raises Temporary and Permanent (AuthFailed)."""
        request = f"GET /v3/{'/'.join(path)}"
        client = self._client()
        for part in path:
            client = client._(part)
        try:
            answer = client.get(query_params=dict(query) or None, timeout=self._timeout)
            return json.loads(answer.body)
        except HTTPError as error:
            raise _refusal(request, error) from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Temporary(f"no answer ({type(error).__name__}: {error})", system=SYSTEM, request=request) from error

    def _client(self) -> Any:
        if not hasattr(self._own, "client"):
            sdk = SendGridAPIClient(self._key, host=self._base_url)
            self._own.client = _Client(sdk.client, self._opener)
        return self._own.client


class _Client(python_http_client.Client):  # type: ignore[misc]  # it ships no types
    """The SDK's client with an opener of ours, since its own follows a redirect with the key and calls that success."""

    def __init__(self, sdk: Any, opener: urllib.request.OpenerDirector, url_path: list[str] | None = None) -> None:
        super().__init__(sdk.host, sdk.request_headers, version=sdk._version, url_path=url_path)
        self._opener = opener

    def _build_client(self, name: str | None = None) -> _Client:
        return _Client(self, self._opener, [*self._url_path, name] if name else self._url_path)

    def _make_request(self, opener: object, request: urllib.request.Request, timeout: float | None = None) -> Any:
        return super()._make_request(self._opener, request, timeout=timeout)


def _opener(*, direct: bool) -> urllib.request.OpenerDirector:
    """Follows no redirect; past any proxy where `direct`, since a proxy's loopback is not ours."""
    handlers: list[urllib.request.BaseHandler] = [_Http(), _Https(context=ssl.create_default_context()), _NoRedirect()]
    if direct:
        handlers.append(urllib.request.ProxyHandler({}))
    return urllib.request.build_opener(*handlers)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


class _Reaching(http.client.HTTPConnection):
    """Tells a connection that never stood from one that was lost: only after the first is nothing in doubt."""

    def connect(self) -> None:
        try:
            super().connect()
        except OSError as error:
            raise Temporary(f"cannot be reached ({error})", system=SYSTEM, request=REQUEST) from error


class _ReachingTls(_Reaching, http.client.HTTPSConnection):
    """The same over TLS, its handshake included."""


class _Http(urllib.request.HTTPHandler):
    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_Reaching, req)


class _Https(urllib.request.HTTPSHandler):
    def __init__(self, *, context: ssl.SSLContext) -> None:
        super().__init__(context=context)
        self._tls = context

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_ReachingTls, req, context=self._tls)


def _refusal(request: str, error: HTTPError) -> ConnectorError:
    """Of a question, which may be asked again whatever became of it."""
    words = "; ".join(complaint.words for complaint in _complaints(error.body)) or "no words given"
    if error.status_code in (401, 403):
        return AuthFailed(words, system=SYSTEM, request=request, status=error.status_code)
    if error.status_code == 429 or error.status_code >= 500:
        pause = _pause(error.headers, time.time())
        return Temporary(words, system=SYSTEM, request=request, status=error.status_code, retry_after=pause)
    return Permanent(words, system=SYSTEM, request=request, status=error.status_code)


def _meaning(status: int, body: bytes, headers: Mapping[str, str]) -> ConnectorError:
    """What an answer that is no success says about the letters."""
    complaints = _complaints(body)
    words = "; ".join(complaint.words for complaint in complaints) or "no words given"
    match status:
        case 400 | 413 | 422:
            return Refused(complaints or (Complaint(words, None),), status=status)
        case 401 | 403:
            return AuthFailed(words, system=SYSTEM, request=REQUEST, status=status)
        case 429 | 503:
            return Temporary(
                words, system=SYSTEM, request=REQUEST, status=status, retry_after=_pause(headers, time.time())
            )
        case 404 | 405 | 406 | 415:
            return Permanent(f"{words}; is base_url right?", system=SYSTEM, request=REQUEST, status=status)
    return _lost(words, status)


def _lost(words: str, status: int | None = None) -> Lost:
    return Lost(words, system=SYSTEM, request=REQUEST, status=status)


def _complaints(body: bytes) -> tuple[Complaint, ...]:
    """SendGrid's errors; nothing where the answer is a page of HTML or the like, as the edge serves them."""
    try:
        errors = json.loads(body)["errors"]
        return tuple(Complaint(str(error["message"]), error.get("field")) for error in errors)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return ()


def _pause(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds until calls are taken again, None where SendGrid does not say."""
    for name, since in (("Retry-After", 0.0), ("X-RateLimit-Reset", now)):
        try:
            return min(max(0.0, float(headers[name]) - since), LONGEST_PAUSE)
        except (KeyError, TypeError, ValueError):
            continue
    return None
