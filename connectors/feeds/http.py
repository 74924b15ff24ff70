"""One GET to an outside system without an SDK: what came, or an error named for what the caller does about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from connectors.errors import AuthFailed, Permanent, Temporary

if TYPE_CHECKING:
    import httpx

#: Bytes of an answer at the most; a longer one is none that was asked for.
LONGEST = 20_000_000
#: Seconds to connect and to wait for more of an answer.
TIMEOUT = 30.0


def client(headers: Mapping[str, str]) -> httpx.Client:
    """A client that keeps its connections. Redirects are followed: feeds move."""
    import httpx

    return httpx.Client(headers={"User-Agent": "regulars", **headers}, timeout=TIMEOUT, follow_redirects=True)


def get(
    http: httpx.Client,
    url: str,
    *,
    system: str,
    params: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    pause: Callable[[Mapping[str, str]], float | None] = lambda _: None,
) -> tuple[int, Mapping[str, str], bytes]:
    """Status (200 or 304), headers in small letters, and body. A GET that failed on the way may be tried again.

    `pause` tells from a refusal's headers how many seconds to wait.
    """
    import httpx

    request = httpx.URL(url).path
    try:
        with http.stream("GET", url, params=params, headers=headers) as answer:
            body = bytearray()
            for part in answer.iter_bytes():
                body += part
                if len(body) > LONGEST:
                    raise Permanent(f"is longer than {LONGEST:,} bytes", system=system, request=request)
    except httpx.TransportError as error:
        raise Temporary(f"no answer ({type(error).__name__}: {error})", system=system, request=request) from error
    except (httpx.InvalidURL, httpx.TooManyRedirects) as error:
        raise Permanent(str(error), system=system, request=request) from error
    told = {name.lower(): value for name, value in answer.headers.items()}
    match answer.status_code:
        case 200 | 304 as status:
            return status, told, bytes(body)
        case 401 | 403 as status:
            raise AuthFailed(_words(body), system=system, request=request, status=status)
        case (408 | 425 | 429) as status:
            wait = pause(told) or _seconds(told.get("retry-after"))
            raise Temporary(_words(body), system=system, request=request, status=status, retry_after=wait)
        case status if status >= 500:
            wait = _seconds(told.get("retry-after"))
            raise Temporary(_words(body), system=system, request=request, status=status, retry_after=wait)
        case status:
            raise Permanent(_words(body), system=system, request=request, status=status)


def _words(body: bytearray) -> str:
    return " ".join(bytes(body).decode("utf-8", "replace").split())[:200] or "no words given"


def _seconds(asked: str | None) -> float | None:
    return float(asked) if asked and asked.isdigit() else None
