"""The signature of a message as Standard Webhooks has it: an HMAC over its id, its time and its body."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

#: How a secret begins; what follows is the key in base64.
PREFIX = "whsec_"


def signature(secret: str, id: str, at: int, body: bytes) -> str:
    """`v1,…`: the HMAC of id, time and body under the secret's key."""
    told = b"%s.%d.%s" % (id.encode(), at, body)
    return "v1," + base64.b64encode(hmac.digest(key_of(secret), told, hashlib.sha256)).decode()


def key_of(secret: str) -> bytes:
    """The key that a secret carries. Raises ValueError for what is none."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(PREFIX) or not 24 <= len(key) <= 64:
        raise ValueError(f"must be {PREFIX} and 24 to 64 random bytes in base64")
    return key
