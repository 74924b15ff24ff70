"""Whether a webhook comes from HubSpot: its signature v3, over the method, the address, the raw body and the time."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

#: A webhook signed longer ago, or from the future, is refused.
FRESH = timedelta(minutes=5)
#: What HubSpot decodes in the address before it signs; anything else stays as it is on the way.
DECODED = {
    "%3A": ":", "%2F": "/", "%3F": "?", "%40": "@", "%21": "!", "%24": "$", "%27": "'", "%28": "(", "%29": ")",
    "%2A": "*", "%2C": ",", "%3B": ";",
}  # fmt: skip


def is_signed(secret: str, headers: Mapping[str, str], body: bytes, *, method: str, url: str, now: datetime) -> bool:
    told, at = headers.get("x-hubspot-signature-v3"), headers.get("x-hubspot-request-timestamp", "")
    if not told or not at.isdigit() or len(at) > 15 or not told.isascii():
        return False
    if abs(now - datetime.fromtimestamp(int(at) / 1000, UTC)) > FRESH:
        return False
    return hmac.compare_digest(told, signature(secret, body, method=method, url=url, at=at))


def signature(secret: str, body: bytes, *, method: str, url: str, at: str) -> str:
    decoded = re.sub("%[0-9A-Fa-f]{2}", lambda code: DECODED.get(code[0].upper(), code[0]), url)
    signed = method.encode() + decoded.encode() + body + at.encode()
    return base64.b64encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest()).decode()
