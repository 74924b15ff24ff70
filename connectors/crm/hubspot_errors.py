"""What HubSpot refused, in terms of what we do about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
import urllib3

from connectors.errors import AuthFailed, ConnectorError, Permanent, Temporary

SYSTEM = "HubSpot"


class Lost(ConnectorError):
    """The request went out and no certain answer came back: nobody knows whether it was done."""


#: Statuses of requests that were turned away at the door.
TURNED_AWAY = (408, 423, 429, 477)

#: Seconds to wait by the policy that a 429 names. Its Retry-After is not documented, and elsewhere HubSpot gives
#: milliseconds in that header: it is not read.
POLICY_WAITS = {"TEN_SECONDLY_ROLLING": 10.0, "SECONDLY": 1.0}

#: Longer than any call waits, so that it is told at once: the account's day ends when it ends.
UNTIL_TOMORROW = 3600.0


def refusal(error: Any, request: str) -> ConnectorError:
    """The error behind the SDK's exception."""
    status = error.status or None
    body = _body(error.body)
    words = _words(body, error.reason)
    where: dict[str, Any] = {
        "system": SYSTEM,
        "request": request,
        "status": status,
        "correlation": str(body.get("correlationId", "")),
    }
    match status:
        case 401:
            return AuthFailed(f"{words} Check the connector's token.", **where)
        case 403:
            return AuthFailed(_with_scopes(words, body), **where)
        case 429:
            return _limited(words, body, where)
        case 423:
            return Temporary(words, retry_after=2.0, **where)
        case 477:
            return Temporary(words, retry_after=_seconds(error.headers), **where)
        case status if status and 300 <= status < 400:
            return Permanent(
                f"{words}: it sends us elsewhere, where the token does not go. Is `base_url` right?", **where
            )
        case None | 408:
            return Temporary(words, **where)
        case _ if status >= 500:
            return Temporary(words, **where)
        case _:
            return Permanent(words, **where)


def certain(error: Temporary) -> bool:
    """Whether the request was certainly not done: it was turned away, or never got there."""
    never_there = (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError)
    return error.status in TURNED_AWAY or isinstance(error.__cause__, never_there)


def _limited(words: str, body: Mapping[str, Any], where: Mapping[str, Any]) -> Temporary:
    policy = str(body.get("policyName", "")).upper()
    if policy == "DAILY" or "daily" in words.lower():
        words = (
            f"{words} The account's calls for today are used up. HubSpot counts anew at midnight in the account's "
            "time zone; the sync goes on from here then."
        )
        return Temporary(words, retry_after=UNTIL_TOMORROW, **where)
    return Temporary(words, retry_after=POLICY_WAITS.get(policy, 10.0), **where)


def _with_scopes(words: str, body: Mapping[str, Any]) -> str:
    contexts = [error.get("context") or {} for error in body.get("errors") or () if isinstance(error, Mapping)]
    scopes = sorted({scope for context in contexts for names in context.values() for scope in _names(names)})
    return f"{words} Grant the token: {', '.join(scopes)}." if scopes else words


def _names(value: Any) -> list[str]:
    return [str(name) for name in value] if isinstance(value, list) else [str(value)]


def _body(raw: Any) -> Mapping[str, Any]:
    try:
        body = orjson.loads(raw or b"{}")
    except orjson.JSONDecodeError:
        return {}
    return body if isinstance(body, dict) else {}


def _words(body: Mapping[str, Any], reason: str | None) -> str:
    told = [str(body.get("message") or " ".join((reason or "").split()) or "no reason given")]
    parts = (error.get("message") for error in body.get("errors") or () if isinstance(error, Mapping))
    return " ".join(dict.fromkeys([*told, *(str(words) for words in parts if words)]))


def _seconds(headers: Mapping[str, str] | None) -> float:
    value = (headers or {}).get("Retry-After", "")
    return float(value) if value.isdigit() else UNTIL_TOMORROW
