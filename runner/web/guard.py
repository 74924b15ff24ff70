"""The edge of the pages: strict headers on every answer, limits on what is sent and how often, no fault shown raw."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from runner.web.pages import Pages
from runner.web.visit import Visit

log = structlog.get_logger()

#: Bytes of a body: SendGrid posts up to 768 KB; a form is a score and a comment.
WEBHOOK_BYTES = 5_000_000
FORM_BYTES = 64_000
API_BYTES = 1_000_000

#: Pages a client may open at once, and how many a second after that.
BURST = 60
PER_SECOND = 2.0
#: Clients remembered at the most.
CLIENTS = 10_000

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


class Edge:
    """Outermost: sets the headers, and turns a fault of ours into a page that says so."""

    def __init__(self, app: ASGIApp, pages: Pages) -> None:
        self._app = app
        self._pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def send_guarded(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        try:
            await self._app(scope, receive, send_guarded)
        except Exception:
            log.exception("a page failed", action="page", path=_without_token(scope["path"]))
            if started:
                raise
            await self._pages.failed(Visit.of(scope))(scope, receive, send_guarded)


class RateLimit:
    """A token bucket for each client, in memory: enough against somebody who tries tokens or reloads for fun."""

    def __init__(self, app: ASGIApp, pages: Pages, clock: Callable[[], float] = time.monotonic) -> None:
        self._app = app
        self._pages = pages
        self._clock = clock
        #: Client → tokens left, and when they were counted; the longest unseen first.
        self._buckets: dict[str, tuple[float, float]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or _free(scope) or self._takes(client_of(scope)):
            await self._app(scope, receive, send)
        else:
            response = self._pages.problem(Visit.of(scope), "often", 429, {"Retry-After": "30"})
            await response(scope, receive, send)

    def _takes(self, client: str) -> bool:
        now = self._clock()
        tokens, counted = self._buckets.pop(client, (float(BURST), now))
        tokens = min(float(BURST), tokens + (now - counted) * PER_SECOND)
        allowed = tokens >= 1
        self._buckets[client] = (tokens - allowed, now)
        if len(self._buckets) > CLIENTS:
            del self._buckets[next(iter(self._buckets))]
        return allowed


class BodyLimit:
    """Reads a body to its end, or refuses it as soon as it is too long."""

    def __init__(self, app: ASGIApp, pages: Pages) -> None:
        self._app = app
        self._pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = _limit(scope["path"])
        body = await _read(receive, limit, Headers(scope=scope).get("content-length", ""))
        if body is None:
            too_long = self._pages.problem(Visit.of(scope), "long", 413, {"Connection": "close"})
            await too_long(scope, receive, send)
            return
        pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return pending.pop() if pending else await receive()

        await self._app(scope, replay, send)


def _limit(path: str) -> int:
    if path.startswith("/webhooks/"):
        return WEBHOOK_BYTES
    return API_BYTES if path.startswith("/api/") else FORM_BYTES


async def _read(receive: Receive, limit: int, announced: str) -> bytes | None:
    """The whole body, None when it is longer than the limit. A client that left has sent what it has sent."""
    if announced.isdigit() and int(announced) > limit:
        return None
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > limit:
            return None
        if message["type"] != "http.request" or not message.get("more_body", False):
            return bytes(body)


def _free(scope: Scope) -> bool:
    """Events and one-click unsubscribes come by the thousand from few addresses, and none may be lost."""
    path: str = scope["path"]
    return (
        path.startswith(("/webhooks/", "/api/", "/static/"))
        or path == "/healthz"
        or (scope["method"] == "POST" and path[:3] == "/u/")
    )


def client_of(scope: Scope) -> str:
    """The address; of IPv6 the /64, which is one customer's."""
    host = scope["client"][0] if scope.get("client") else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return str(host)
    return str(ipaddress.ip_network((address, 64), strict=False)) if address.version == 6 else host


def _without_token(path: str) -> str:
    """A link's token lets whoever reads the log act for the person."""
    return path if path.startswith(("/webhooks/", "/api/", "/static/")) else path[:3]
